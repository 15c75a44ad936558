//! Reads incidents with their histories.

use super::super::{HistoryLine, IncidentSummary, StoreError};
use super::engine::Sql;
use super::row::{Bind, Row, bracket, maybe_bracket, note, params};
use super::{pages, view};
use crate::engine::Scope;
use std::collections::BTreeMap;
use vigie_shared::id::{IncidentId, MachineId, SchoolId, TicketId};

const COLUMNS: &str = "SELECT i.id, i.name, i.instance, i.scope, m.host_name, i.cause, i.confidence, i.started_after, \
        i.started_by, i.detected, i.ended_after, i.ended_by, i.witnesses, i.school \
    FROM incident i LEFT JOIN machine m ON m.id = i.machine";

/// Open incidents by school, the earliest first; of all schools or one.
pub fn open_by_school(
    sql: &Sql,
    school: Option<SchoolId>,
) -> Result<BTreeMap<SchoolId, Vec<IncidentSummary>>, StoreError> {
    let which = format!("WHERE {} AND i.resolved IS NULL", pages::of(school, "i.school"));
    let mut all: BTreeMap<SchoolId, Vec<IncidentSummary>> = BTreeMap::new();
    for (school, incident) in read(sql, &which, &pages::only(&school))? {
        all.entry(school).or_default().push(incident);
    }
    Ok(all)
}

/// Open incidents of one machine.
pub fn open_of_machine(sql: &Sql, machine: MachineId) -> Result<Vec<IncidentSummary>, StoreError> {
    let scope = Scope::Machine(machine).to_string();
    let found = read(sql, "WHERE i.scope = ?1 AND i.resolved IS NULL", params![scope])?;
    Ok(found.into_iter().map(|(_, incident)| incident).collect())
}

/// Incidents on one ticket.
pub fn of_ticket(sql: &Sql, ticket: TicketId) -> Result<Vec<IncidentSummary>, StoreError> {
    let found = read(sql, "WHERE i.ticket = ?1", params![ticket.as_bytes()])?;
    Ok(found.into_iter().map(|(_, incident)| incident).collect())
}

fn read(sql: &Sql, which: &str, parameters: &[&dyn Bind]) -> Result<Vec<(SchoolId, IncidentSummary)>, StoreError> {
    let text = format!("{COLUMNS} {which} ORDER BY i.started_by, i.id");
    let mut found: Vec<(SchoolId, IncidentSummary)> =
        sql.all(&text, parameters, |row| Ok((row.get(13)?, summary(row)?)))?;
    for (_, incident) in &mut found {
        incident.history = history(sql, incident.id)?;
    }
    Ok(found)
}

fn summary(row: &Row<'_>) -> Result<IncidentSummary, StoreError> {
    let machine = match view::scope(row, 3)? {
        Scope::Machine(machine) => Some((machine, row.get::<Option<String>>(4)?.unwrap_or_default())),
        Scope::Network(..) | Scope::School(_) | Scope::Basin | Scope::Collector => None,
    };
    Ok(IncidentSummary {
        id: row.get(0)?,
        check: row.get(1)?,
        instance: row.get(2)?,
        machine,
        cause: row.get(5)?,
        confidence: row.get(6)?,
        started: bracket(row, 7)?,
        detected: row.get(9)?,
        ended: maybe_bracket(row, 10)?,
        witnesses: view::witnesses(row, 12)?.len(),
        history: vec![],
    })
}

fn history(sql: &Sql, incident: IncidentId) -> Result<Vec<HistoryLine>, StoreError> {
    const SQL: &str = "SELECT at, by, code, figures FROM incident_history WHERE incident = ?1 ORDER BY n";
    lines(sql, SQL, params![incident.as_bytes()])
}

/// Lines of a history: columns at, by, code, figures.
pub fn lines(sql: &Sql, text: &str, parameters: &[&dyn Bind]) -> Result<Vec<HistoryLine>, StoreError> {
    let read = |row: &Row<'_>| Ok(HistoryLine { at: row.get(0)?, by: row.get(1)?, note: note(row, 2)? });
    sql.all(text, parameters, read)
}
