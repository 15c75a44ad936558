//! What a restore writes and reads beside the copy.

use super::super::{AuthorityRow, StoreError};
use super::engine::Sql;
use super::row::{ms, params};
use super::schools;
use jiff::Timestamp;

/// Remembers the instant of the backup that this store was restored from. After several restores the earliest counts:
/// certificates signed after it may still be unknown.
pub fn mark(sql: &Sql, taken: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO collector (id, alive, restored_from) VALUES (1, ?1, ?1) \
        ON CONFLICT (id) DO UPDATE SET restored_from = excluded.restored_from \
        WHERE collector.restored_from IS NULL OR collector.restored_from > excluded.restored_from";
    sql.execute(SQL, params![ms(taken)])?;
    Ok(())
}

/// The authority, if one was made.
pub fn authority(sql: &Sql) -> Result<Option<AuthorityRow>, StoreError> {
    schools::authority(sql)
}
