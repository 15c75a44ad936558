//! Reads tickets.

use super::super::{StoreError, TicketPage, TicketSummary};
use super::engine::Sql;
use super::incidents;
use super::row::{Bind, Row, params};
use vigie_shared::id::{SchoolId, TicketId};

const COLUMNS: &str = "SELECT t.id, t.number, s.uai, s.name, t.name, m.host_name, t.instance, t.resolved IS NULL, \
        t.opened, t.due, t.allowed_minutes, t.restored, t.resolved, t.machine IS NOT NULL \
    FROM ticket t JOIN school s ON s.id = t.school LEFT JOIN machine m ON m.id = t.machine";

/// Open ones by due time, then those resolved lately.
const BY_URGENCY: &str =
    "ORDER BY t.resolved IS NOT NULL, CASE WHEN t.resolved IS NULL THEN t.due ELSE 0 END, t.resolved DESC, t.number";

/// Open tickets by due time.
pub fn open(sql: &Sql) -> Result<Vec<TicketSummary>, StoreError> {
    read(sql, "WHERE t.resolved IS NULL ORDER BY t.due, t.number", &[])
}

/// Tickets, at most `limit`.
pub fn latest(sql: &Sql, limit: usize) -> Result<Vec<TicketSummary>, StoreError> {
    let which = format!(
        "WHERE t.resolved IS NULL OR t.id IN (SELECT id FROM ticket WHERE resolved IS NOT NULL \
             ORDER BY resolved DESC LIMIT ?1) {BY_URGENCY} LIMIT ?1"
    );
    read(sql, &which, params![bound(limit)])
}

/// All open tickets of a school and the latest resolved, at most `limit` of these.
pub fn of_school(sql: &Sql, school: SchoolId, limit: usize) -> Result<Vec<TicketSummary>, StoreError> {
    let which = format!(
        "WHERE t.school = ?1 AND (t.resolved IS NULL OR t.id IN (SELECT id FROM ticket \
             WHERE school = ?1 AND resolved IS NOT NULL ORDER BY resolved DESC LIMIT ?2)) {BY_URGENCY}"
    );
    read(sql, &which, params![school.as_bytes(), bound(limit)])
}

/// One ticket with its incidents and its history.
pub fn page(sql: &Sql, ticket: TicketId) -> Result<Option<TicketPage>, StoreError> {
    let Some(summary) = read(sql, "WHERE t.id = ?1", params![ticket])?.pop() else { return Ok(None) };
    const HISTORY: &str = "SELECT at, by, code, figures FROM ticket_entry WHERE ticket = ?1 ORDER BY n";
    let history = incidents::lines(sql, HISTORY, params![ticket])?;
    Ok(Some(TicketPage { ticket: summary, incidents: incidents::of_ticket(sql, ticket)?, history }))
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn read(sql: &Sql, which: &str, parameters: &[&dyn Bind]) -> Result<Vec<TicketSummary>, StoreError> {
    sql.all(&format!("{COLUMNS} {which}"), parameters, summary)
}

fn summary(row: &Row<'_>) -> Result<TicketSummary, StoreError> {
    let host: Option<String> = row.get(5)?;
    let about_machine: bool = row.get(13)?;
    let instance: String = row.get(6)?;
    Ok(TicketSummary {
        id: row.get(0)?,
        number: row.get(1)?,
        school: (row.get(2)?, row.get(3)?),
        check: row.get(4)?,
        about: about_machine.then(|| (host.unwrap_or_default(), instance)),
        open: row.get(7)?,
        opened: row.get(8)?,
        due: row.get(9)?,
        allowed_minutes: row.get(10)?,
        restored: row.get(11)?,
        resolved: row.get(12)?,
    })
}
