//! Writes what people do: calls, and work on tickets. The school is locked first, as for the engine's decisions.

use super::super::{Called, NewCall, StoreError, TICKET_TEXT_MAX, TicketAct};
use super::engine::Sql;
use super::row::{Row, cut, ms, params, pauses};
use super::writer::Tx;
use super::{decide, outbox, schools, ticket_effects, view};
use crate::calendar::Pause;
use crate::engine::{Decide, NewTicket, Note, Scope, covers};
use crate::engine::{View, clock_of_call};
use crate::helpdesk::ticket_policy::{OTHER, with_pause};
use jiff::Timestamp;
use vigie_shared::id::{SchoolId, TicketId};

/// What somebody wrote, bounded.
fn text(text: &str, wanted: bool) -> Result<String, StoreError> {
    let text = text.trim();
    let length = text.chars().count();
    if (wanted && length == 0) || length > TICKET_TEXT_MAX || text.contains('\0') {
        let least = usize::from(wanted);
        return Err(StoreError::Conflict(format!("« text » takes {least} to {TICKET_TEXT_MAX} characters")));
    }
    Ok(text.to_owned())
}

/// A call: it joins the open ticket of its subject, or opens one. What waits for such a ticket comes to it at once.
pub fn call(tx: &mut Tx<'_>, call: &NewCall, now: Timestamp, decider: &dyn Decide) -> Result<Called, StoreError> {
    let now = cut(now);
    let said = text(&call.text, true)?;
    let school = schools::find(tx.sql, call.school)?;
    tx.sql.engine().lock_schools(&[school].into())?;
    let view = view::load(tx.sql, school, now)?;
    let maintenance = covers(&view.maintenance, (&Scope::School(school)).into(), now);
    let maintenance = maintenance.map(|m| (m.reason.clone(), m.to));
    if let Some((ticket, number)) = open_about(tx.sql, school, &call.subject)? {
        const CALLED: &str = "UPDATE ticket SET called = coalesce(called, ?2) WHERE id = ?1";
        tx.sql.execute(CALLED, params![ticket, ms(now)])?;
        ticket_effects::line(tx, ticket, now, &call.by, &Note::new("call_joined").with("text", said))?;
        tx.changed(school)?;
        return Ok(Called { ticket, number, joined: true, maintenance });
    }
    let (ticket, number) = open(tx, school, &view, call, said, now, decider)?;
    decide::run(tx, school, &[], now, decider)?;
    Ok(Called { ticket, number, joined: false, maintenance })
}

/// The open ticket of a school about a subject; of several (grouped by cause or machine) that of the group, else the
/// oldest. Calls about nothing that is measured have nothing in common.
fn open_about(sql: &Sql, school: SchoolId, subject: &str) -> Result<Option<(TicketId, u64)>, StoreError> {
    if subject == OTHER {
        return Ok(None);
    }
    const SQL: &str = "SELECT id, number FROM ticket WHERE school = ?1 AND name = ?2 AND resolved IS NULL \
                       ORDER BY group_key <> ?2, number LIMIT 1";
    sql.find(SQL, params![school, subject], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn open(
    tx: &mut Tx<'_>,
    school: SchoolId,
    view: &View,
    call: &NewCall,
    said: String,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(TicketId, u64), StoreError> {
    let Some(terms) = view.ticket_policy.terms_of_call(&call.subject) else {
        let subjects = view.ticket_policy.subjects().join(", ");
        return Err(StoreError::Conflict(format!("« subject » is one of {subjects}")));
    };
    let group_key = match call.subject.as_str() {
        OTHER => format!("{OTHER}:{}", TicketId::new()),
        subject => subject.to_owned(),
    };
    let opened = clock_of_call(view, &call.subject, now);
    let ticket = NewTicket {
        group_key,
        check: call.subject.clone(),
        category: terms.category.clone(),
        urgency: terms.urgency,
        impact: terms.impact,
        allowed_minutes: terms.allowed_minutes,
        quiet_s: terms.quiet_s,
        reopen_within_s: terms.reopen_within_s,
        follows: false,
        opened,
        due: decider.due(opened, terms.allowed_minutes, &[]),
        at: now,
    };
    let (id, number) = ticket_effects::insert(tx, school, &ticket, None, "", Some(now), None)?;
    let note = Note::new("opened_by_call").with("number", number).with("check", &call.subject).with("text", said);
    ticket_effects::line(tx, id, now, &call.by, &note)?;
    let told = Note::new("ticket_opened").with("number", number).with("check", &call.subject).with("instance", "");
    outbox::put(tx, school, id, now, &told.with("due", ticket.due))?;
    tx.recount.insert(school);
    tx.changed(school)?;
    Ok((id, number))
}

/// A ticket as an act finds it.
struct Found {
    group_key: String,
    opened: Timestamp,
    allowed_minutes: u32,
    pauses: Vec<Pause>,
    restored: Option<Timestamp>,
    resolved: Option<Timestamp>,
}

/// What somebody does on a ticket. Whatever it is, the machine no longer closes that ticket.
pub fn act(
    tx: &mut Tx<'_>,
    ticket: TicketId,
    act: &TicketAct,
    by: &str,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(), StoreError> {
    let now = cut(now);
    const SCHOOL: &str = "SELECT school FROM ticket WHERE id = ?1";
    let school = tx.sql.find(SCHOOL, params![ticket], |row| row.get(0))?;
    let school: SchoolId = school.ok_or_else(|| StoreError::NotFound(format!("no ticket {ticket} is known")))?;
    tx.sql.engine().lock_schools(&[school].into())?;
    const LOOK: &str =
        "SELECT group_key, opened, allowed_minutes, pauses, restored, resolved FROM ticket WHERE id = ?1";
    let read = |row: &Row<'_>| {
        Ok(Found {
            group_key: row.get(0)?,
            opened: row.get(1)?,
            allowed_minutes: row.get(2)?,
            pauses: pauses(row, 3)?,
            restored: row.get(4)?,
            resolved: row.get(5)?,
        })
    };
    let Some(found) = tx.sql.find(LOOK, params![ticket], read)? else {
        return Err(StoreError::NotFound(format!("no ticket {ticket} is known")));
    };
    match (act, found.resolved) {
        (TicketAct::Take | TicketAct::Resolve(_), Some(_)) => {
            return Err(StoreError::Conflict("this ticket is resolved: open it again first".to_owned()));
        }
        (TicketAct::Reopen(_), None) => return Err(StoreError::Conflict("this ticket is open".to_owned())),
        (TicketAct::Take, None) => {
            tx.sql.execute("UPDATE ticket SET taken_by = ?2 WHERE id = ?1", params![ticket, by])?;
            ticket_effects::line(tx, ticket, now, by, &Note::new("taken"))?;
        }
        (TicketAct::Note(said), _) => {
            let note = Note::new("note").with("text", text(said, true)?);
            ticket_effects::line(tx, ticket, now, by, &note)?;
        }
        (TicketAct::Resolve(said), None) => resolve(tx, school, ticket, &found, &text(said, false)?, by, now)?,
        (TicketAct::Reopen(said), Some(resolved)) => {
            reopen(tx, school, ticket, &found, resolved, &text(said, false)?, by, now, decider)?;
        }
    }
    tx.sql.execute("UPDATE ticket SET touched_by_human = 1 WHERE id = ?1", params![ticket])?;
    tx.changed(school)
}

fn with_text(note: Note, said: &str) -> Note {
    if said.is_empty() { note } else { Note::new(&format!("{}_saying", note.code)).with("text", said) }
}

fn resolve(
    tx: &mut Tx<'_>,
    school: SchoolId,
    ticket: TicketId,
    found: &Found,
    said: &str,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let restored = found.restored.unwrap_or(now);
    const SQL: &str = "UPDATE ticket SET resolved = ?2, restored = ?3 WHERE id = ?1";
    tx.sql.execute(SQL, params![ticket, ms(now), ms(restored)])?;
    ticket_effects::line(tx, ticket, now, by, &with_text(Note::new("resolved_by_person"), said))?;
    tx.recount.insert(school);
    ticket_effects::told_resolved(tx, school, ticket, now, restored, "resolved_by_person")
}

#[expect(clippy::too_many_arguments, reason = "each is another thing; one caller")]
fn reopen(
    tx: &mut Tx<'_>,
    school: SchoolId,
    ticket: TicketId,
    found: &Found,
    resolved: Timestamp,
    said: &str,
    by: &str,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(), StoreError> {
    if ticket_effects::open_of_group(tx, school, &found.group_key)?.is_some() {
        let why = "another ticket about the same is open in this school: go on there".to_owned();
        return Err(StoreError::Conflict(why));
    }
    let pauses = with_pause(&found.pauses, found.restored.unwrap_or(resolved), now);
    let due = decider.due(found.opened, found.allowed_minutes, &pauses);
    ticket_effects::reopen(tx, ticket, &pauses, due, now)?;
    ticket_effects::line(tx, ticket, now, by, &with_text(Note::new("reopened_by_person"), said))?;
    tx.recount.insert(school);
    outbox::put(tx, school, ticket, now, &Note::new("ticket_reopened").with("due", due))
}
