//! The ticket policy: every version is kept, the newest is in force.

use super::super::{PolicyVersion, StoreError};
use super::engine::Sql;
use super::last::Last;
use super::replicas;
use super::row::{Row, int, json, ms, params};
use super::writer::Tx;
use crate::helpdesk::ticket_policy::TicketPolicy;
use jiff::Timestamp;
use std::sync::Arc;

static LAST: Last<TicketPolicy> = Last::new();

/// The policy in force.
pub fn in_force(sql: &Sql) -> Result<Arc<TicketPolicy>, StoreError> {
    const SQL: &str = "SELECT body FROM ticket_policy ORDER BY version DESC LIMIT 1";
    LAST.read(sql.find(SQL, &[], |row| row.get(0))?, "ticket policy")
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
