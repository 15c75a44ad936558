//! The rules for software, every version of which is kept, and tables that people bring in: when products go out of
//! support, which versions are vulnerable.

use super::super::{PolicyVersion, Reference, ReferenceKind, StoreError};
use super::engine::Sql;
use super::row::{Row, int, json, ms, params};
use super::writer::Tx;
use crate::fleet::rules::SoftwarePolicy;
use jiff::Timestamp;

/// Entries kept of one kind.
const KEPT: i64 = 50_000;

/// The policy in force; none where nobody has set any.
pub fn policy(sql: &Sql) -> Result<SoftwarePolicy, StoreError> {
    const SQL: &str = "SELECT body FROM software_policy ORDER BY version DESC LIMIT 1";
    let body: Option<String> = sql.find(SQL, &[], |row| row.get(0))?;
    let Some(body) = body else { return Ok(SoftwarePolicy::default()) };
    serde_json::from_str(&body).map_err(|e| StoreError::Failed(format!("the software policy as stored: {e}")))
}

/// Puts a policy in force under the next version.
pub fn set_policy(tx: &Tx<'_>, policy: &SoftwarePolicy, by: &str, now: Timestamp) -> Result<u64, StoreError> {
    let problems: Vec<String> = policy.problems().iter().map(ToString::to_string).collect();
    if !problems.is_empty() {
        return Err(StoreError::Conflict(format!("the software policy is not put in force: {}", problems.join("; "))));
    }
    let version = self::policy(tx.sql)?.version + 1;
    let policy = SoftwarePolicy { version, ..policy.clone() };
    const SQL: &str = "INSERT INTO software_policy (version, body, since, by) VALUES (?1, ?2, ?3, ?4)";
    tx.sql.execute(SQL, params![int(version), json(&policy)?, ms(now), by])?;
    Ok(version)
}

/// Versions that were in force, the newest first.
pub fn versions(sql: &Sql, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
    const SQL: &str = "SELECT version, since, by FROM software_policy ORDER BY version DESC LIMIT ?1";
    let read = |row: &Row<'_>| Ok(PolicyVersion { version: row.get(0)?, since: row.get(1)?, by: row.get(2)? });
    sql.all(SQL, params![i64::try_from(limit).unwrap_or(i64::MAX)], read)
}

/// Puts entries in the place of those of the same name.
pub fn put(tx: &Tx<'_>, entries: &[Reference], by: &str, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO software_reference (kind, name, body, since, by) VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, since = excluded.since, by = excluded.by";
    for entry in entries {
        tx.sql.execute(SQL, params![entry.kind.as_str(), entry.name, entry.body, ms(now), by])?;
    }
    for kind in ReferenceKind::ALL {
        const COUNT: &str = "SELECT count(*) FROM software_reference WHERE kind = ?1";
        if tx.sql.value::<i64>(COUNT, params![kind.as_str()])? > KEPT {
            let why =
                format!("more than {KEPT} entries of one kind: bring in only what the fleet has; nothing was kept");
            return Err(StoreError::Conflict(why));
        }
    }
    Ok(())
}

/// All entries of a kind, by name.
pub fn all(sql: &Sql, kind: ReferenceKind) -> Result<Vec<Reference>, StoreError> {
    const SQL: &str = "SELECT name, body, since, by FROM software_reference WHERE kind = ?1 ORDER BY name";
    let read = |row: &Row<'_>| {
        Ok(Reference { kind, name: row.get(0)?, body: row.get(1)?, since: row.get(2)?, by: row.get(3)? })
    };
    sql.all(SQL, params![kind.as_str()], read)
}
