//! Writes what the engine decided on tickets: each is found by its group among the open ones of its school.

use super::super::StoreError;
use super::effects::{MACHINE, machine_of, open_incident};
use super::row::{int, json, ms, params, stored_pauses};
use super::writer::Tx;
use super::{explanation, outbox};
use crate::calendar::Pause;
use crate::engine::{Effect, IncidentKey, NewTicket, Note};
use jiff::Timestamp;
use vigie_shared::id::{IncidentId, MachineId, SchoolId, TicketId};

/// Writes one effect that is about a ticket.
pub fn write(tx: &Tx<'_>, school: SchoolId, effect: &Effect) -> Result<(), StoreError> {
    match effect {
        Effect::Ticket { key, ticket } => put_on_ticket(tx, school, key, ticket),
        Effect::TightenTicket { ticket, note } => tighten(tx, school, ticket, note),
        Effect::ReopenTicket { key, group_key, pauses, due, at, note } => {
            let (incident, before) = open_incident(tx, key)?;
            let id = last_resolved(tx, school, group_key)?.ok_or_else(|| missing(group_key, "resolved"))?;
            reopen(tx, id, pauses, *due, *at)?;
            line(tx, id, *at, MACHINE, note)?;
            attach(tx, (incident, before), id)?;
            outbox::put(tx, school, id, *at, &Note::new("ticket_reopened").with("due", due))
        }
        Effect::RestoreTicket { group_key, restored, at, note } => {
            let id = the_open(tx, school, group_key)?;
            const SQL: &str = "UPDATE ticket SET restored = ?2 WHERE id = ?1";
            tx.sql.execute(SQL, params![id, ms(*restored)])?;
            line(tx, id, *at, MACHINE, note)
        }
        Effect::UnrestoreTicket { group_key, pauses, due, at, note } => {
            let id = the_open(tx, school, group_key)?;
            const SQL: &str = "UPDATE ticket SET restored = NULL, pauses = ?2, due = ?3 WHERE id = ?1";
            tx.sql.execute(SQL, params![id, stored_pauses(pauses)?, ms(*due)])?;
            line(tx, id, *at, MACHINE, note)
        }
        Effect::ResolveTicket { group_key, restored, at, note } => {
            let id = the_open(tx, school, group_key)?;
            const SQL: &str = "UPDATE ticket SET restored = ?2, resolved = ?3 WHERE id = ?1";
            tx.sql.execute(SQL, params![id, ms(*restored), ms(*at)])?;
            line(tx, id, *at, MACHINE, note)?;
            told_resolved(tx, school, id, *at, *restored, &note.code)
        }
        _ => Ok(()),
    }
}

/// Has people told that a ticket is resolved.
pub fn told_resolved(
    tx: &Tx<'_>,
    school: SchoolId,
    id: TicketId,
    at: Timestamp,
    restored: Timestamp,
    because: &str,
) -> Result<(), StoreError> {
    let told = Note::new("ticket_resolved").with("restored", restored).with("because", because);
    outbox::put(tx, school, id, at, &told)
}

/// Opens a resolved ticket again.
pub fn reopen(tx: &Tx<'_>, id: TicketId, pauses: &[Pause], due: Timestamp, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE ticket SET resolved = NULL, restored = NULL, reopened = ?2, pauses = ?3, due = ?4 \
                       WHERE id = ?1";
    tx.sql.execute(SQL, params![id, ms(at), stored_pauses(pauses)?, ms(due)])?;
    Ok(())
}

fn missing(group_key: &str, what: &str) -> StoreError {
    StoreError::Conflict(format!("no ticket of group « {group_key} » is {what} in this school"))
}

fn the_open(tx: &Tx<'_>, school: SchoolId, group_key: &str) -> Result<TicketId, StoreError> {
    open_of_group(tx, school, group_key)?.ok_or_else(|| missing(group_key, "open"))
}

/// The open ticket of a group.
pub fn open_of_group(tx: &Tx<'_>, school: SchoolId, group_key: &str) -> Result<Option<TicketId>, StoreError> {
    const SQL: &str = "SELECT id FROM ticket WHERE school = ?1 AND group_key = ?2 AND resolved IS NULL";
    tx.sql.find(SQL, params![school, group_key], |row| row.get(0))
}

fn last_resolved(tx: &Tx<'_>, school: SchoolId, group_key: &str) -> Result<Option<TicketId>, StoreError> {
    const SQL: &str = "SELECT id FROM ticket WHERE school = ?1 AND group_key = ?2 AND resolved IS NOT NULL \
                       ORDER BY resolved DESC, number DESC LIMIT 1";
    tx.sql.find(SQL, params![school, group_key], |row| row.get(0))
}

/// Puts an incident on a ticket, which gets its explanation; `before` is the ticket that it was on.
fn attach(tx: &Tx<'_>, (incident, before): (IncidentId, Option<TicketId>), ticket: TicketId) -> Result<(), StoreError> {
    tx.sql.execute("UPDATE incident SET ticket = ?2 WHERE id = ?1", params![incident, ticket])?;
    if before == Some(ticket) { Ok(()) } else { explanation::bring(tx, incident, ticket) }
}

/// Puts an incident on the open ticket of its group, opening it when there is none. Only opening is told to people: what
/// joins is on the list that they look at.
fn put_on_ticket(tx: &Tx<'_>, school: SchoolId, key: &IncidentKey, ticket: &NewTicket) -> Result<(), StoreError> {
    let (incident, before) = open_incident(tx, key)?;
    let about = |code: &str| Note::new(code).with("check", &key.check).with("instance", &key.instance);
    if let Some(id) = open_of_group(tx, school, &ticket.group_key)? {
        if before == Some(id) {
            return Ok(());
        }
        line(tx, id, ticket.at, MACHINE, &about("incident_joined"))?;
        return attach(tx, (incident, before), id);
    }
    let follows = if ticket.follows { last_resolved(tx, school, &ticket.group_key)? } else { None };
    let (id, number) = insert(tx, school, ticket, machine_of(key), &key.instance, None, follows)?;
    let opened = about("ticket_opened").with("number", number);
    line(tx, id, ticket.at, MACHINE, &opened)?;
    attach(tx, (incident, before), id)?;
    if let Some(former) = follows {
        line(tx, id, ticket.at, MACHINE, &Note::new("follows").with("number", number_of(tx, former)?))?;
    }
    outbox::put(tx, school, id, ticket.at, &opened.with("due", ticket.due))
}

/// Gives an open ticket the terms of something more pressing that joined it, and has people told.
fn tighten(tx: &Tx<'_>, school: SchoolId, ticket: &NewTicket, note: &Note) -> Result<(), StoreError> {
    let id = the_open(tx, school, &ticket.group_key)?;
    const SQL: &str = "UPDATE ticket SET pauses = '[]', restored = NULL WHERE id = ?1";
    tx.sql.execute(SQL, params![id])?;
    set_terms(tx, id, ticket)?;
    line(tx, id, ticket.at, MACHINE, note)?;
    outbox::put(tx, school, id, ticket.at, &Note::new("ticket_tightened").with("due", ticket.due))
}

/// What a ticket is about and its terms: those of a new one, or of something more pressing.
fn set_terms(tx: &Tx<'_>, id: TicketId, ticket: &NewTicket) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE ticket SET name = ?2, category = ?3, urgency = ?4, impact = ?5, allowed_minutes = ?6, \
            quiet_s = ?7, reopen_within_s = ?8, opened = ?9, due = ?10 WHERE id = ?1";
    let row = params![
        id,
        ticket.check,
        ticket.category,
        ticket.urgency.as_str(),
        ticket.impact.as_str(),
        ticket.allowed_minutes,
        ticket.quiet_s,
        ticket.reopen_within_s,
        ms(ticket.opened),
        ms(ticket.due),
    ];
    tx.sql.execute(SQL, row)?;
    Ok(())
}

fn number_of(tx: &Tx<'_>, ticket: TicketId) -> Result<u64, StoreError> {
    tx.sql.value("SELECT number FROM ticket WHERE id = ?1", params![ticket])
}

/// Writes a new ticket under the next number.
pub fn insert(
    tx: &Tx<'_>,
    school: SchoolId,
    ticket: &NewTicket,
    machine: Option<MachineId>,
    instance: &str,
    called: Option<Timestamp>,
    follows: Option<TicketId>,
) -> Result<(TicketId, u64), StoreError> {
    const NUMBER: &str = "UPDATE counter SET value = value + 1 WHERE name = 'ticket' AND shard = 0 RETURNING value";
    let number: u64 = tx.sql.value(NUMBER, &[])?;
    let id = TicketId::new();
    // What is zero here is set below.
    const SQL: &str = "INSERT INTO ticket (id, number, school, group_key, name, machine, instance, category, urgency, \
            impact, allowed_minutes, quiet_s, reopen_within_s, opened, due, called, follows) \
        VALUES (?1, ?2, ?3, ?4, '', ?5, ?6, '', '', '', 0, 0, 0, 0, 0, ?7, ?8)";
    let called = called.map(ms);
    tx.sql.execute(SQL, params![id, int(number), school, ticket.group_key, machine, instance, called, follows])?;
    set_terms(tx, id, ticket)?;
    Ok((id, number))
}

/// Adds a line to the history of a ticket.
pub fn line(tx: &Tx<'_>, ticket: TicketId, at: Timestamp, by: &str, note: &Note) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO ticket_entry (ticket, n, at, by, code, figures) VALUES (?1, \
        (SELECT coalesce(max(n), 0) + 1 FROM ticket_entry WHERE ticket = ?1), ?2, ?3, ?4, ?5)";
    tx.sql.execute(SQL, params![ticket, ms(at), by, note.code, json(&note.with)?])?;
    Ok(())
}
