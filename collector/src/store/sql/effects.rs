//! Writes what the engine decided. Incidents and tickets ([`ticket_effects`]) are found by their key among the open ones:
//! the database itself keeps each unique.

use super::super::StoreError;
use super::row::{json, ms, params};
use super::writer::Tx;
use super::{explanation, ticket_effects};
use crate::engine::{Bracket, Effect, IncidentKey, Note, Scope};
use jiff::Timestamp;
use std::collections::BTreeSet;
use vigie_shared::id::{IncidentId, MachineId, SchoolId, TicketId};

/// Who writes histories when nobody did.
pub const MACHINE: &str = "vigie";

/// Writes one effect. An effect that contradicts the rows (an incident that is not open) is refused with the item that
/// led to it.
pub fn write(tx: &mut Tx<'_>, school: SchoolId, effect: &Effect) -> Result<(), StoreError> {
    let counted = matches!(
        effect,
        Effect::SetPresence { .. }
            | Effect::OpenIncident { .. }
            | Effect::ReturnIncident { .. }
            | Effect::ResolveIncident { .. }
            | Effect::Ticket { .. }
            | Effect::ReopenTicket { .. }
            | Effect::ResolveTicket { .. }
    );
    if counted {
        tx.recount.insert(school);
    }
    match effect {
        Effect::SetPresence { .. } | Effect::SetHabit { .. } | Effect::SetCheck { .. } | Effect::RemoveCheck { .. } => {
            on_machine(tx, school, effect)
        }
        Effect::OpenIncident { .. } | Effect::AmendIncident { .. } => on_incident(tx, school, effect),
        Effect::WidenIncident { .. }
        | Effect::ReturnIncident { .. }
        | Effect::SetCalm { .. }
        | Effect::ResolveIncident { .. } => on_course(tx, school, effect),
        Effect::Ticket { .. }
        | Effect::TightenTicket { .. }
        | Effect::ReopenTicket { .. }
        | Effect::RestoreTicket { .. }
        | Effect::UnrestoreTicket { .. }
        | Effect::ResolveTicket { .. } => ticket_effects::write(tx, school, effect),
    }
}

fn on_machine(tx: &Tx<'_>, school: SchoolId, effect: &Effect) -> Result<(), StoreError> {
    match effect {
        Effect::SetPresence { machine, presence, since } => {
            const SQL: &str = "UPDATE liveness SET presence = ?2, since = ?3 WHERE machine = ?1";
            let row = params![machine.as_bytes(), presence.as_str(), ms(*since)];
            tx.sql.execute(SQL, row)?;
            Ok(())
        }
        Effect::SetHabit { machine, habit } => {
            const SQL: &str = "UPDATE liveness SET habit = ?2 WHERE machine = ?1";
            tx.sql.execute(SQL, params![machine.as_bytes(), json(habit)?])?;
            Ok(())
        }
        Effect::SetCheck { machine, check, instance, state, reason, since, evidence } => {
            const SQL: &str = "INSERT INTO check_state \
                (school, machine, name, instance, state, reason, since, evidence) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (school, machine, name, instance) DO UPDATE \
                SET state = excluded.state, reason = excluded.reason, since = excluded.since, \
                    evidence = excluded.evidence";
            tx.sql.execute(
                SQL,
                params![
                    school.as_bytes(),
                    machine.as_bytes(),
                    check,
                    instance,
                    state.as_str(),
                    reason.as_str(),
                    ms(*since),
                    json(evidence)?,
                ],
            )?;
            Ok(())
        }
        Effect::RemoveCheck { machine, check, instance } => {
            const SQL: &str =
                "DELETE FROM check_state WHERE school = ?1 AND machine = ?2 AND name = ?3 AND instance = ?4";
            tx.sql.execute(SQL, params![school.as_bytes(), machine.as_bytes(), check, instance])?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn on_incident(tx: &Tx<'_>, school: SchoolId, effect: &Effect) -> Result<(), StoreError> {
    match effect {
        Effect::OpenIncident { key, cause, confidence, started, detected, witnesses, note, votes } => {
            let id = IncidentId::new();
            let witnesses: BTreeSet<MachineId> = witnesses.iter().copied().collect();
            const SQL: &str = "INSERT INTO incident (id, school, scope, name, instance, cause, confidence, \
                started_after, started_by, detected, witnesses, votes, machine) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
            tx.sql.execute(
                SQL,
                params![
                    id.as_bytes(),
                    school.as_bytes(),
                    key.scope.to_string(),
                    key.check,
                    key.instance,
                    cause.as_str(),
                    confidence.as_str(),
                    ms(started.after),
                    ms(started.by),
                    ms(*detected),
                    json(&witnesses)?,
                    json(votes)?,
                    machine_of(key).as_ref().map(MachineId::as_bytes),
                ],
            )?;
            incident_line(tx, id, *detected, note)
        }
        Effect::AmendIncident { key, cause, confidence, started, ended, at, note, votes } => {
            let id = latest_incident(tx, school, key)?;
            const SQL: &str = "UPDATE incident SET cause = ?2, confidence = ?3, started_after = ?4, started_by = ?5, \
                ended_after = CASE WHEN resolved IS NULL THEN NULL ELSE coalesce(?6, ended_after) END, \
                ended_by = CASE WHEN resolved IS NULL THEN NULL ELSE coalesce(?7, ended_by) END, votes = ?8 WHERE id = ?1";
            tx.sql.execute(
                SQL,
                params![
                    id.as_bytes(),
                    cause.as_str(),
                    confidence.as_str(),
                    ms(started.after),
                    ms(started.by),
                    ended.map(|e: Bracket| ms(e.after)),
                    ended.map(|e: Bracket| ms(e.by)),
                    json(votes)?,
                ],
            )?;
            incident_line(tx, id, *at, note)
        }
        _ => Ok(()),
    }
}

/// What becomes of an incident that is known.
fn on_course(tx: &Tx<'_>, school: SchoolId, effect: &Effect) -> Result<(), StoreError> {
    match effect {
        Effect::WidenIncident { from, to, at, note } => {
            let (id, _) = open_incident(tx, from)?;
            const SQL: &str = "UPDATE incident SET scope = ?2, name = ?3, instance = ?4, machine = ?5 WHERE id = ?1";
            let machine = machine_of(to);
            let machine = machine.as_ref().map(MachineId::as_bytes);
            tx.sql.execute(SQL, params![id.as_bytes(), to.scope.to_string(), to.check, to.instance, machine])?;
            incident_line(tx, id, *at, note)
        }
        Effect::ReturnIncident { key, returns, at, note } => {
            let id = latest_incident(tx, school, key)?;
            const SQL: &str = "UPDATE incident SET ended_after = NULL, ended_by = NULL, resolved = NULL, calm = NULL, \
                               returns = ?2 WHERE id = ?1";
            tx.sql.execute(SQL, params![id.as_bytes(), json(returns)?])?;
            incident_line(tx, id, *at, note)
        }
        Effect::SetCalm { key, calm } => {
            let (id, _) = open_incident(tx, key)?;
            let calm = calm.as_ref().map(json).transpose()?;
            tx.sql.execute("UPDATE incident SET calm = ?2 WHERE id = ?1", params![id.as_bytes(), calm])?;
            Ok(())
        }
        Effect::ResolveIncident { key, ended, at, note } => {
            let (id, _) = open_incident(tx, key)?;
            const SQL: &str =
                "UPDATE incident SET ended_after = ?2, ended_by = ?3, resolved = ?4, calm = NULL WHERE id = ?1";
            let row = params![id.as_bytes(), ms(ended.after), ms(ended.by), ms(*at)];
            tx.sql.execute(SQL, row)?;
            incident_line(tx, id, *at, note)
        }
        _ => Ok(()),
    }
}

/// The open incident of a key, and its ticket.
pub fn open_incident(tx: &Tx<'_>, key: &IncidentKey) -> Result<(IncidentId, Option<TicketId>), StoreError> {
    find_open(tx, key)?.ok_or_else(|| not_there(key, "open"))
}

fn find_open(tx: &Tx<'_>, key: &IncidentKey) -> Result<Option<(IncidentId, Option<TicketId>)>, StoreError> {
    const SQL: &str = "SELECT id, ticket FROM incident \
                       WHERE scope = ?1 AND name = ?2 AND instance = ?3 AND resolved IS NULL";
    let parameters = params![key.scope.to_string(), key.check, key.instance];
    tx.sql.find(SQL, parameters, |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The open incident of a key, else the one resolved last.
fn latest_incident(tx: &Tx<'_>, school: SchoolId, key: &IncidentKey) -> Result<IncidentId, StoreError> {
    if let Some((id, _)) = find_open(tx, key)? {
        return Ok(id);
    }
    const SQL: &str = "SELECT id FROM incident WHERE school = ?4 AND scope = ?1 AND name = ?2 AND instance = ?3 \
                       ORDER BY resolved DESC, detected DESC LIMIT 1";
    let parameters = params![key.scope.to_string(), key.check, key.instance, school.as_bytes()];
    let found = tx.sql.find(SQL, parameters, |row| row.get(0))?;
    found.ok_or_else(|| not_there(key, "known"))
}

/// The machine that an incident is about, if it is about one.
pub fn machine_of(key: &IncidentKey) -> Option<MachineId> {
    match key.scope {
        Scope::Machine(machine) => Some(machine),
        Scope::Network(..) | Scope::School(_) | Scope::Basin | Scope::Collector => None,
    }
}

fn not_there(key: &IncidentKey, what: &str) -> StoreError {
    StoreError::Conflict(format!("no incident {} {} « {} » is {what}", key.scope, key.check, key.instance))
}

fn incident_line(tx: &Tx<'_>, incident: IncidentId, at: Timestamp, note: &Note) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO incident_history (incident, n, at, by, code, figures) VALUES (?1, \
        (SELECT coalesce(max(n), 0) + 1 FROM incident_history WHERE incident = ?1), ?2, ?3, ?4, ?5)";
    let row = params![incident.as_bytes(), ms(at), MACHINE, note.code, json(&note.with)?];
    tx.sql.execute(SQL, row)?;
    explanation::add(tx, incident, at, note)
}
