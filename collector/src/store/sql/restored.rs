//! What a restore writes and reads beside the copy.

use super::super::{AuthorityRow, StoreError};
use super::engine::Sql;
use super::row::{ms, params};
use super::schools;
use jiff::{SignedDuration, Timestamp};

/// Collectors write their sign of life every few seconds.
const ALIVE_WITHIN: SignedDuration = SignedDuration::from_secs(15);

/// Remembers the instant of the backup that this store was restored from. After several restores the earliest counts:
/// certificates signed after it may still be unknown.
pub fn mark(sql: &Sql, taken: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO collector (id, alive, restored_from) VALUES (1, ?1, ?1) \
        ON CONFLICT (id) DO UPDATE SET restored_from = excluded.restored_from \
        WHERE collector.restored_from IS NULL OR collector.restored_from > excluded.restored_from";
    sql.execute(SQL, params![ms(taken)])?;
    Ok(())
}

/// Names of the collectors that serve this store: heard within the last 15 s.
pub fn serving(sql: &Sql, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let since = now.saturating_sub(ALIVE_WITHIN).unwrap_or(Timestamp::MIN);
    sql.all("SELECT name FROM replica WHERE alive > ?1 ORDER BY name", params![ms(since)], |row| row.get(0))
}

/// The authority, if one was made.
pub fn authority(sql: &Sql) -> Result<Option<AuthorityRow>, StoreError> {
    schools::authority(sql)
}
