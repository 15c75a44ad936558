//! Reads incidents with their histories.

use super::super::{HistoryLine, IncidentSummary, StoreError};
use super::row::{bracket, col, maybe_bracket, note};
use super::{pages, view};
use crate::engine::Scope;
use rusqlite::{Connection, Params, Row};
use std::collections::BTreeMap;
use vigie_shared::id::{IncidentId, MachineId, SchoolId, TicketId};

const COLUMNS: &str = "SELECT i.id, i.name, i.instance, i.scope, m.host_name, i.cause, i.confidence, i.started_after, \
        i.started_by, i.detected, i.ended_after, i.ended_by, i.witnesses, i.school \
    FROM incident i LEFT JOIN machine m \
    ON i.scope LIKE 'machine:%' AND m.id = unhex(substr(i.scope, 9))";

/// Open incidents by school, the earliest first; of all schools or one.
pub fn open_by_school(
    sql: &Connection,
    school: Option<SchoolId>,
) -> Result<BTreeMap<SchoolId, Vec<IncidentSummary>>, StoreError> {
    let which = format!("WHERE {} AND i.resolved IS NULL", pages::of(school, "i.school"));
    let mut all: BTreeMap<SchoolId, Vec<IncidentSummary>> = BTreeMap::new();
    for (school, incident) in read(sql, &which, [school.as_ref().map(SchoolId::as_bytes)])? {
        all.entry(school).or_default().push(incident);
    }
    Ok(all)
}

/// Open incidents of one machine.
pub fn open_of_machine(sql: &Connection, machine: MachineId) -> Result<Vec<IncidentSummary>, StoreError> {
    let scope = Scope::Machine(machine).to_string();
    let found = read(sql, "WHERE i.scope = ?1 AND i.resolved IS NULL", [scope])?;
    Ok(found.into_iter().map(|(_, incident)| incident).collect())
}

/// Incidents on one ticket.
pub fn of_ticket(sql: &Connection, ticket: TicketId) -> Result<Vec<IncidentSummary>, StoreError> {
    let found = read(sql, "WHERE i.ticket = ?1", [ticket.as_bytes()])?;
    Ok(found.into_iter().map(|(_, incident)| incident).collect())
}

fn read(
    sql: &Connection,
    which: &str,
    parameters: impl Params,
) -> Result<Vec<(SchoolId, IncidentSummary)>, StoreError> {
    let mut statement = sql.prepare_cached(&format!("{COLUMNS} {which} ORDER BY i.started_by, i.id"))?;
    let rows = statement.query_map(parameters, |row| Ok((col(row, 13)?, summary(row)?)))?;
    let mut found: Vec<(SchoolId, IncidentSummary)> = rows.collect::<Result<_, _>>()?;
    for (_, incident) in &mut found {
        incident.history = history(sql, incident.id)?;
    }
    Ok(found)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<IncidentSummary> {
    let machine = match view::scope(row, 3)? {
        Scope::Machine(machine) => Some((machine, row.get::<_, Option<String>>(4)?.unwrap_or_default())),
        Scope::School(_) | Scope::Collector => None,
    };
    Ok(IncidentSummary {
        id: col(row, 0)?,
        check: row.get(1)?,
        instance: row.get(2)?,
        machine,
        cause: col(row, 5)?,
        confidence: col(row, 6)?,
        started: bracket(row, 7)?,
        detected: col(row, 9)?,
        ended: maybe_bracket(row, 10)?,
        witnesses: view::witnesses(row, 12)?.len(),
        history: vec![],
    })
}

fn history(sql: &Connection, incident: IncidentId) -> Result<Vec<HistoryLine>, StoreError> {
    const SQL: &str = "SELECT at, by, code, figures FROM incident_history WHERE incident = ?1 ORDER BY n";
    lines(sql, SQL, [incident.as_bytes()])
}

/// Lines of a history: columns at, by, code, figures.
pub fn lines(sql: &Connection, text: &str, parameters: impl Params) -> Result<Vec<HistoryLine>, StoreError> {
    let read = |row: &Row<'_>| Ok(HistoryLine { at: col(row, 0)?, by: row.get(1)?, note: note(row, 2)? });
    let mut statement = sql.prepare_cached(text)?;
    let rows = statement.query_map(parameters, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
