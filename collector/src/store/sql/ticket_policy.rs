//! The ticket policy: every version is kept, the newest is in force.

use super::super::{PolicyVersion, StoreError};
use super::engine::Sql;
use super::replicas;
use super::row::{Row, int, json, ms, params};
use super::writer::Tx;
use crate::helpdesk::ticket_policy::TicketPolicy;
use jiff::Timestamp;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The last text that was read and what it says: between two changes, which are seldom, nothing is parsed again. The whole
/// text is compared, so that it does not matter whose it was.
static LAST: LazyLock<Mutex<(String, Arc<TicketPolicy>)>> = LazyLock::new(Mutex::default);

/// The policy in force.
pub fn in_force(sql: &Sql) -> Result<Arc<TicketPolicy>, StoreError> {
    const SQL: &str = "SELECT body FROM ticket_policy ORDER BY version DESC LIMIT 1";
    static SHIPPED: LazyLock<Arc<TicketPolicy>> = LazyLock::new(Arc::default);
    let Some(body) = sql.find(SQL, &[], |row| row.get::<String>(0))? else { return Ok(SHIPPED.clone()) };
    // What a panic may have left is a whole value all the same.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.0 != body {
        let policy =
            serde_json::from_str(&body).map_err(|e| StoreError::Failed(format!("ticket policy as stored: {e}")))?;
        *last = (body, Arc::new(policy));
    }
    Ok(last.1.clone())
}

/// Puts a policy in force under the next version.
pub fn set(tx: &mut Tx<'_>, policy: &TicketPolicy, by: &str, now: Timestamp) -> Result<u64, StoreError> {
    let problems: Vec<String> = policy.problems().iter().map(ToString::to_string).collect();
    if !problems.is_empty() {
        return Err(StoreError::Conflict(format!("the ticket policy is not put in force: {}", problems.join("; "))));
    }
    let version = in_force(tx.sql)?.version + 1;
    let policy = TicketPolicy { version, ..policy.clone() };
    const SQL: &str = "INSERT INTO ticket_policy (version, body, since, by) VALUES (?1, ?2, ?3, ?4)";
    tx.sql.execute(SQL, params![int(version), json(&policy)?, ms(now), by])?;
    // What waits for a ticket may wait another time now.
    replicas::wake_all(tx.sql, now)?;
    Ok(version)
}

/// Versions that were in force, the newest first.
pub fn versions(sql: &Sql, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
    const SQL: &str = "SELECT version, since, by FROM ticket_policy ORDER BY version DESC LIMIT ?1";
    let read = |row: &Row<'_>| Ok(PolicyVersion { version: row.get(0)?, since: row.get(1)?, by: row.get(2)? });
    sql.all(SQL, params![i64::try_from(limit).unwrap_or(i64::MAX)], read)
}
