//! Reads tickets: for pages, and for the engine.

use super::super::{StoreError, TicketPage, TicketSummary};
use super::engine::Sql;
use super::incidents;
use super::row::{Bind, Row, ms, params, pauses};
use crate::engine::{EndedTicket, TicketRow, Well};
use crate::helpdesk::ticket_policy::{FOLLOWS_WITHIN, priority};
use jiff::Timestamp;
use std::collections::BTreeMap;
use vigie_shared::id::{SchoolId, TicketId};

const COLUMNS: &str = "SELECT t.id, t.number, s.uai, s.name, t.name, m.host_name, t.instance, t.resolved IS NULL, \
        t.opened, t.due, t.allowed_minutes, t.restored, t.resolved, t.machine IS NOT NULL, t.category, t.urgency, \
        t.impact, t.pauses, t.taken_by, t.called \
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
    const HISTORY: &str = "SELECT at, by, code, figures FROM ticket_entry WHERE ticket = ?1 ORDER BY at, n";
    let history = incidents::lines(sql, HISTORY, params![ticket])?;
    const FORMER: &str = "SELECT f.id, f.number FROM ticket t JOIN ticket f ON f.id = t.follows WHERE t.id = ?1";
    let follows = sql.find(FORMER, params![ticket], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some(TicketPage { ticket: summary, follows, incidents: incidents::of_ticket(sql, ticket)?, history }))
}

/// Open tickets by group key, and the latest resolved of each group as long as it matters.
type OfView = (BTreeMap<String, TicketRow>, BTreeMap<String, EndedTicket>);

/// The tickets of a school that the engine may look at.
pub fn of_view(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<OfView, StoreError> {
    // Two ranges of one index, as for incidents; of a group the one resolved last comes last.
    const SQL: &str = "WITH t AS (SELECT * FROM ticket WHERE school = ?1 AND resolved IS NULL \
            UNION ALL SELECT * FROM ticket WHERE school = ?1 AND resolved >= ?2) \
        SELECT t.group_key, t.resolved, t.opened, t.touched_by_human, t.called IS NOT NULL, t.allowed_minutes, t.quiet_s, \
            t.reopen_within_s, t.pauses, t.restored, t.reopened, \
            (SELECT max((coalesce(i.ended_after, i.ended_by) + i.ended_by) / 2) FROM incident i WHERE i.ticket = t.id), \
            (SELECT max(i.resolved) FROM incident i WHERE i.ticket = t.id) \
        FROM t ORDER BY t.resolved, t.number";
    let read = |row: &Row<'_>| {
        let well: (Option<Timestamp>, Option<Timestamp>) = (row.get(11)?, row.get(12)?);
        let ticket = TicketRow {
            opened: row.get(2)?,
            touched_by_human: row.get(3)?,
            called: row.get(4)?,
            allowed_minutes: row.get(5)?,
            quiet_s: row.get(6)?,
            reopen_within_s: row.get(7)?,
            pauses: pauses(row, 8)?,
            restored: row.get(9)?,
            reopened: row.get(10)?,
            well: well.0.zip(well.1).map(|(restored, learnt)| Well { restored, learnt }),
        };
        Ok((row.get::<String>(0)?, row.get::<Option<Timestamp>>(1)?, ticket))
    };
    let since = now.saturating_sub(FOLLOWS_WITHIN).unwrap_or(Timestamp::MIN);
    let rows: Vec<(String, Option<Timestamp>, TicketRow)> = sql.all(SQL, params![school, ms(since)], read)?;
    let (mut open, mut ended) = OfView::default();
    for (group, resolved, ticket) in rows {
        match resolved {
            None => drop(open.insert(group, ticket)),
            Some(resolved) => drop(ended.insert(group, EndedTicket { ticket, resolved })),
        }
    }
    // Whoever is open again is not ended.
    ended.retain(|group, _| !open.contains_key(group));
    Ok((open, ended))
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
        category: row.get(14)?,
        priority: priority(row.get(15)?, row.get(16)?),
        pauses: pauses(row, 17)?,
        taken_by: row.get(18)?,
        called: row.get(19)?,
    })
}
