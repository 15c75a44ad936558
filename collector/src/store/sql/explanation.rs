//! What a verdict says of itself goes into the ticket of its incident too, in the same transaction: a ticket answers
//! « why » by itself, for as long as it is kept. Codes and figures, as in the history of the incident; beside them what
//! the ticket would not know without it: `about` (the machine) or `network`, who the witnesses are by name (`who`, and
//! how many `more`), and what a machine measured (`evidence.…`).

use super::super::StoreError;
use super::effects::MACHINE;
use super::row::{Row, ms, note, params, parsed};
use super::writer::Tx;
use super::{ticket_effects, view};
use crate::engine::{Note, Scope};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::{IncidentId, MachineId, SchoolId, TicketId};

/// Most witnesses that are named in one line.
const NAMED: usize = 8;
/// Most figures of a check that are kept in one line.
const MEASURED: usize = 12;

/// An incident as its ticket tells it.
struct Subject {
    scope: Scope,
    school: SchoolId,
    check: String,
    instance: String,
    witnesses: BTreeSet<MachineId>,
    ticket: Option<TicketId>,
}

/// A line was added to the history of an incident: its ticket, if it has one, gets it too.
pub fn add(tx: &Tx<'_>, incident: IncidentId, at: Timestamp, note: &Note) -> Result<(), StoreError> {
    let subject = subject(tx, incident)?;
    match subject.ticket {
        Some(ticket) => put(tx, &subject, ticket, at, note),
        None => Ok(()),
    }
}

/// An incident came to a ticket: the ticket gets what was said of it so far.
pub fn bring(tx: &Tx<'_>, incident: IncidentId, ticket: TicketId) -> Result<(), StoreError> {
    let subject = subject(tx, incident)?;
    const SQL: &str = "SELECT at, code, figures FROM incident_history WHERE incident = ?1 ORDER BY n";
    let read = |row: &Row<'_>| Ok((row.get::<Timestamp>(0)?, note(row, 1)?));
    let lines: Vec<(Timestamp, Note)> = tx.sql.all(SQL, params![incident], read)?;
    for (at, said) in lines {
        put(tx, &subject, ticket, at, &said)?;
    }
    Ok(())
}

fn subject(tx: &Tx<'_>, incident: IncidentId) -> Result<Subject, StoreError> {
    const SQL: &str = "SELECT scope, school, name, instance, witnesses, ticket FROM incident WHERE id = ?1";
    let read = |row: &Row<'_>| {
        Ok(Subject {
            scope: view::scope(row, 0)?,
            school: row.get(1)?,
            check: row.get(2)?,
            instance: row.get(3)?,
            witnesses: view::witnesses(row, 4)?,
            ticket: row.get(5)?,
        })
    };
    let found = tx.sql.find(SQL, params![incident], read)?;
    found.ok_or_else(|| StoreError::Conflict(format!("no incident {incident} is known")))
}

fn put(tx: &Tx<'_>, of: &Subject, ticket: TicketId, at: Timestamp, note: &Note) -> Result<(), StoreError> {
    let mut told = note.clone();
    match of.scope {
        Scope::Machine(machine) => {
            const SQL: &str = "SELECT host_name FROM machine WHERE id = ?1";
            let name: String = tx.sql.find(SQL, params![machine], |row| row.get(0))?.unwrap_or_default();
            let about = if of.instance.is_empty() { name } else { format!("{name}, {}", of.instance) };
            told = told.with("about", about);
            for (name, value) in evidence(tx, of, machine, at)? {
                told = told.with(&format!("evidence.{name}"), value);
            }
        }
        Scope::Network(_, kind) => told = told.with("network", kind.as_str()),
        Scope::School(_) | Scope::Basin | Scope::Collector => {}
    }
    // Those that a machine's own incident would name is that machine.
    if note.with.contains_key("witnesses") && !matches!(of.scope, Scope::Machine(_)) {
        let names = names(tx, of)?;
        let more = names.len().saturating_sub(NAMED);
        if !names.is_empty() {
            told = told.with("who", names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ")).with("more", more);
        }
    }
    ticket_effects::line(tx, ticket, at, MACHINE, &told)
}

/// What the machine measured at that instant: its check as stored, unless it changed since.
fn evidence(
    tx: &Tx<'_>,
    of: &Subject,
    machine: MachineId,
    at: Timestamp,
) -> Result<BTreeMap<String, String>, StoreError> {
    const SQL: &str = "SELECT evidence FROM check_state \
        WHERE school = ?1 AND machine = ?2 AND name = ?3 AND instance = ?4 AND since <= ?5";
    let row = params![of.school, machine, of.check, of.instance, ms(at)];
    let found: Option<BTreeMap<String, String>> = tx.sql.find(SQL, row, |row| parsed(row, 0))?;
    Ok(found.unwrap_or_default().into_iter().take(MEASURED).collect())
}

/// Names of the witnesses, in order.
fn names(tx: &Tx<'_>, of: &Subject) -> Result<Vec<String>, StoreError> {
    if of.witnesses.is_empty() {
        return Ok(vec![]);
    }
    const SQL: &str = "SELECT id, host_name FROM machine WHERE school = ?1 ORDER BY host_name, id";
    let read = |row: &Row<'_>| Ok((row.get::<MachineId>(0)?, row.get::<String>(1)?));
    let all: Vec<(MachineId, String)> = tx.sql.all(SQL, params![of.school], read)?;
    Ok(all.into_iter().filter(|(id, _)| of.witnesses.contains(id)).map(|(_, name)| name).collect())
}
