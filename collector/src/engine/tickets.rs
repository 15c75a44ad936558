//! Stage: which incidents become tickets, in which group, with how much time.

use super::{Effect, IncidentKey, NewTicket, Note, TicketRow, View};
use crate::helpdesk::sla::Sla;
use jiff::Timestamp;

/// What a check's incidents become.
struct Rule {
    check: &'static str,
    /// Minutes of business hours allowed.
    allowed_minutes: u32,
}

/// The coded agreement of four hours covers internet outages; a volume that fills up has two days of ten hours.
const RULES: &[Rule] = &[
    Rule { check: vigie_shared::check::INTERNET, allowed_minutes: Sla::INTERNET_MINUTES },
    Rule { check: vigie_shared::check::VOLUME_SPACE, allowed_minutes: 20 * 60 },
];

/// Puts an incident that was just opened on the ticket of its check, opening that ticket if none is open: the same
/// check on several machines of a school is one ticket with a list.
pub fn open(
    view: &mut View,
    key: &IncidentKey,
    detected: Timestamp,
    due: &dyn Fn(Timestamp, u32) -> Timestamp,
    effects: &mut Vec<Effect>,
) {
    let Some(rule) = RULES.iter().find(|rule| rule.check == key.check) else { return };
    let group_key = rule.check.to_owned();
    if let Some(incident) = view.incidents.get_mut(key) {
        incident.ticket = Some(group_key.clone());
    }
    view.tickets.entry(group_key.clone()).or_insert(TicketRow { opened: detected, touched_by_human: false });
    effects.push(Effect::Ticket {
        key: key.clone(),
        ticket: NewTicket {
            group_key,
            check: rule.check.to_owned(),
            allowed_minutes: rule.allowed_minutes,
            opened: detected,
            due: due(detected, rule.allowed_minutes),
        },
    });
}

/// Resolves the ticket of an incident that was just resolved, unless other incidents of it are still open, or a person
/// works on it: then it gets the note that all is well again.
pub fn close(
    view: &mut View,
    key: &IncidentKey,
    restored: Timestamp,
    at: Timestamp,
    note: Note,
    effects: &mut Vec<Effect>,
) {
    let Some(group_key) = view.incidents.get(key).and_then(|incident| incident.ticket.clone()) else { return };
    let others =
        view.incidents.iter().any(|(k, i)| k != key && i.ended.is_none() && i.ticket.as_ref() == Some(&group_key));
    let Some(ticket) = view.tickets.get(&group_key) else { return };
    if others || ticket.touched_by_human {
        effects.push(Effect::NoteTicket { group_key, at, note });
    } else {
        view.tickets.remove(&group_key);
        effects.push(Effect::ResolveTicket { group_key, restored, at, note });
    }
}
