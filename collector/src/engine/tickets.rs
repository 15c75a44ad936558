//! Stage, the last: what becomes of incidents. Which of them open a ticket, join one, open one again; which tickets are
//! resolved because all is well.
//!
//! Everything follows from rows (when incidents were detected and ended, when tickets were opened and resolved), nothing
//! is counted in memory: settling twice at one instant does nothing the second time.

use super::suppression::{Spot, covers, ended_since};
use super::{Due, Effect, EndedTicket, IncidentKey, IncidentRow, NewTicket, Note, Scope, TicketRow, View, Well, wide};
use crate::helpdesk::ticket_policy::{FOLLOWS_WITHIN, Facts, Terms, with_pause};
use jiff::{SignedDuration, Timestamp};
use vigie_shared::check::{INTERNET, LOCAL_NETWORK};
use vigie_shared::id::MachineId;

/// How long the ticket of a cut school waits for a verdict on its basin, where it has siblings.
const PARENT_HOLD_S: u32 = 30;

/// Opens, joins, reopens and resolves tickets. Answers when that must be looked at again even if nothing is heard.
pub fn settle(view: &mut View, now: Timestamp, due: &Due, effects: &mut Vec<Effect>) -> Option<Timestamp> {
    learn(view, effects);
    let mut wakes = Vec::new();
    let mut ready = Vec::new();
    for (key, incident) in view.incidents.iter().filter(|(_, i)| i.ended.is_none() && i.ticket.is_none()) {
        match look(view, key, incident, now) {
            Look::Never => {}
            Look::At(at) => wakes.push(at),
            Look::Place(place) => ready.push((key.clone(), place)),
        }
    }
    // The earliest starts the clock of the ticket that it opens, whatever the others are called; what still waits comes
    // last, and joins what the others opened.
    ready.sort_by(|(a, one), (b, other)| (one.opens > now, one.starts, a).cmp(&(other.opens > now, other.starts, b)));
    for (key, place) in ready {
        if let Some(group) = open_group(view, &key, &place) {
            join(view, &key, group, &place, now, due, effects);
        } else if place.opens > now {
            wakes.push(place.opens);
        } else {
            open(view, &key, &place, now, due, effects);
        }
    }
    wakes.extend(resolve(view, now, effects));
    wakes.into_iter().min()
}

/// Since when a call about a group has its clock running: its own instant, or the detection of what waits for a ticket of
/// that group, if that came first.
pub fn clock_of_call(view: &View, subject: &str, now: Timestamp) -> Timestamp {
    let waiting =
        view.incidents.iter().filter(|(key, i)| key.check == subject && i.ended.is_none() && i.ticket.is_none());
    let starts = waiting.filter_map(|(key, incident)| match look(view, key, incident, now) {
        Look::Place(place) => Some(place.starts),
        Look::Never | Look::At(_) => None,
    });
    starts.min().map_or(now, |first| first.min(now))
}

/// What an incident without ticket waits for.
enum Look {
    /// No rule gives it a ticket.
    Never,
    /// A maintenance covers it until then.
    At(Timestamp),
    /// It has a place.
    Place(Box<Place>),
}

/// Where an incident belongs.
struct Place {
    group: String,
    terms: Terms,
    /// When the clock of its ticket starts.
    starts: Timestamp,
    /// When it opens a ticket.
    opens: Timestamp,
}

/// The machine that a scope is about.
fn machine_of(scope: &Scope) -> Option<MachineId> {
    if let Scope::Machine(machine) = scope { Some(*machine) } else { None }
}

/// The room that an incident is about: that of its machine, or the part of the network that a verdict names.
fn room_of<'a>(view: &'a View, key: &'a IncidentKey) -> &'a str {
    match &key.scope {
        Scope::Machine(machine) => view.machines.get(machine).map_or("", |row| &row.room),
        _ if key.check == LOCAL_NETWORK => &key.instance,
        _ => "",
    }
}

fn look(view: &View, key: &IncidentKey, incident: &IncidentRow, now: Timestamp) -> Look {
    let machine = machine_of(&key.scope);
    let check = machine.and_then(|m| view.checks.get(&(m, key.check.clone(), key.instance.clone())));
    let room = room_of(view, key);
    let facts = Facts {
        scope: &key.scope,
        room,
        check: &key.check,
        cause: incident.cause.as_str(),
        reason: check.map(|row| row.reason.as_str()),
        kind: machine.and_then(|m| view.machines.get(&m)).map(|row| row.kind.as_str()),
    };
    let Some(terms) = view.ticket_policy.rule(&facts).and_then(|rule| rule.terms()) else { return Look::Never };
    if is_part(view, key, incident) {
        return Look::Never;
    }
    let spot = Spot { scope: &key.scope, machine, room };
    if let Some(maintenance) = covers(&view.maintenance, spot, now) {
        return Look::At(maintenance.to);
    }
    let maintained = ended_since(&view.maintenance, spot, incident.detected, now);
    let hold = if view.siblings && matches!(key.scope, Scope::School(_)) { PARENT_HOLD_S } else { 0 };
    let waited = later(incident.started.by, terms.wait_s).max(later(incident.detected, hold));
    Look::Place(Box::new(Place {
        group: terms.group_key(&facts),
        terms: terms.clone(),
        starts: maintained.map_or(incident.detected, |end| end.max(incident.detected)),
        opens: maintained.map_or(waited, |end| end.max(waited)),
    }))
}

/// Whether a verdict on more than this school explains it: its ticket is that of all.
fn is_part(view: &View, key: &IncidentKey, incident: &IncidentRow) -> bool {
    let own = matches!(key.scope, Scope::School(_) | Scope::Network(..)) && key.check == INTERNET;
    own && view.parents.iter().any(|parent| wide::explains(parent.started, incident.started))
}

fn later(at: Timestamp, seconds: u32) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

/// Takes the ends of this decision's incidents to their tickets.
fn learn(view: &mut View, effects: &[Effect]) {
    for effect in effects {
        let Effect::ResolveIncident { key, ended, at, .. } = effect else { continue };
        let group = view.incidents.get(key).and_then(|incident| incident.ticket.clone());
        let Some(ticket) = group.and_then(|group| view.tickets.get_mut(&group)) else { continue };
        let now = Well { restored: ended.estimate(), learnt: *at };
        let latest =
            |before: Well| Well { restored: before.restored.max(now.restored), learnt: before.learnt.max(now.learnt) };
        ticket.well = Some(ticket.well.map_or(now, latest));
    }
}

/// The open ticket that an incident belongs on: that of its group, or one that somebody called for.
fn open_group(view: &View, key: &IncidentKey, place: &Place) -> Option<String> {
    if view.tickets.contains_key(&place.group) {
        return Some(place.group.clone());
    }
    let called = view.tickets.get(&key.check).filter(|ticket| ticket.called).map(|_| key.check.clone());
    called.or_else(|| kin::ticket_of(view, key))
}

fn new_ticket(key: &IncidentKey, group: String, place: &Place, now: Timestamp, due: Timestamp) -> NewTicket {
    let terms = &place.terms;
    NewTicket {
        group_key: group,
        check: key.check.clone(),
        category: terms.category.clone(),
        urgency: terms.urgency,
        impact: terms.impact,
        allowed_minutes: terms.allowed_minutes,
        quiet_s: terms.quiet_s,
        reopen_within_s: terms.reopen_within_s,
        follows: false,
        opened: place.starts,
        due,
        at: now,
    }
}

fn attach(view: &mut View, key: &IncidentKey, group: &str) {
    if let Some(incident) = view.incidents.get_mut(key) {
        incident.ticket = Some(group.to_owned());
    }
}

fn about(code: &str, key: &IncidentKey) -> Note {
    Note::new(code).with("check", &key.check).with("instance", &key.instance)
}

fn join(
    view: &mut View,
    key: &IncidentKey,
    group: String,
    place: &Place,
    now: Timestamp,
    due: &Due,
    effects: &mut Vec<Effect>,
) {
    attach(view, key, &group);
    let until = due(place.starts, place.terms.allowed_minutes, &[]);
    let ticket = new_ticket(key, group.clone(), place, now, until);
    effects.push(Effect::Ticket { key: key.clone(), ticket: ticket.clone() });
    let Some(row) = view.tickets.get_mut(&group) else { return };
    if until < due(row.opened, row.allowed_minutes, &row.pauses) && place.terms.allowed_minutes < row.allowed_minutes {
        *row = TicketRow {
            touched_by_human: row.touched_by_human,
            called: row.called,
            reopened: row.reopened,
            ..self::row(place)
        };
        effects.push(Effect::TightenTicket { ticket, note: about("tightened", key).with("due", until) });
        return;
    }
    if let Some(restored) = row.restored.take() {
        row.pauses = with_pause(&row.pauses, restored, place.starts);
        effects.push(Effect::UnrestoreTicket {
            group_key: group,
            pauses: row.pauses.clone(),
            due: due(row.opened, row.allowed_minutes, &row.pauses),
            at: now,
            note: about("trouble_again", key),
        });
    }
}

/// Opens a ticket, or the one again that was resolved a short while ago.
fn open(view: &mut View, key: &IncidentKey, place: &Place, now: Timestamp, due: &Due, effects: &mut Vec<Effect>) {
    let group = place.group.clone();
    attach(view, key, &group);
    let former = view.ended_tickets.get(&group);
    let lately = |former: &&EndedTicket| place.starts <= later(former.resolved, former.ticket.reopen_within_s);
    if let Some(EndedTicket { ticket, resolved }) = former.filter(lately).cloned() {
        view.ended_tickets.remove(&group);
        let pauses = with_pause(&ticket.pauses, ticket.restored.unwrap_or(resolved), place.starts);
        let until = due(ticket.opened, ticket.allowed_minutes, &pauses);
        let row = TicketRow { pauses: pauses.clone(), restored: None, reopened: Some(now), ..ticket };
        view.tickets.insert(group.clone(), row);
        let note = Note::new("reopened");
        effects.push(Effect::ReopenTicket { key: key.clone(), group_key: group, pauses, due: until, at: now, note });
        return;
    }
    let follows = former.is_some_and(|former| former.resolved.duration_until(place.starts) <= FOLLOWS_WITHIN);
    view.tickets.insert(group.clone(), row(place));
    let until = due(place.starts, place.terms.allowed_minutes, &[]);
    let ticket = NewTicket { follows, ..new_ticket(key, group, place, now, until) };
    effects.push(Effect::Ticket { key: key.clone(), ticket });
}

fn row(place: &Place) -> TicketRow {
    TicketRow {
        opened: place.starts,
        touched_by_human: false,
        called: false,
        allowed_minutes: place.terms.allowed_minutes,
        quiet_s: place.terms.quiet_s,
        reopen_within_s: place.terms.reopen_within_s,
        pauses: vec![],
        restored: None,
        reopened: None,
        well: None,
    }
}

/// Resolves tickets on which all has been well for long enough; one that a person works on gets the note that it is.
/// Answers when the next may be.
fn resolve(view: &mut View, now: Timestamp, effects: &mut Vec<Effect>) -> Option<Timestamp> {
    let mut wakes = Vec::new();
    let mut over = Vec::new();
    for (group, ticket) in &view.tickets {
        let troubled = view.incidents.values().any(|i| i.ended.is_none() && i.ticket.as_ref() == Some(group));
        let proven = ticket.well.filter(|well| ticket.reopened.is_none_or(|reopened| well.learnt >= reopened));
        let (Some(well), false, None) = (proven, troubled, ticket.restored) else { continue };
        match later(well.learnt, ticket.quiet_s) {
            at if at > now => wakes.push(at),
            _ => over.push((group.clone(), well.restored)),
        }
    }
    for (group_key, restored) in over {
        let Some(ticket) = view.tickets.get_mut(&group_key) else { continue };
        if ticket.touched_by_human {
            ticket.restored = Some(restored);
            let note = Note::new("all_well").with("restored", restored);
            effects.push(Effect::RestoreTicket { group_key, restored, at: now, note });
            continue;
        }
        let note = Note::new("resolved_quiet").with("quiet_s", ticket.quiet_s);
        if let Some(ticket) = view.tickets.remove(&group_key) {
            let ticket = TicketRow { restored: Some(restored), ..ticket };
            view.ended_tickets.insert(group_key.clone(), EndedTicket { ticket, resolved: now });
        }
        effects.push(Effect::ResolveTicket { group_key, restored, at: now, note });
    }
    wakes.into_iter().min()
}

mod kin;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
