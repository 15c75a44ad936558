//! Which incidents have one origin though their checks differ: they share a ticket, whichever of them opened it.

use super::super::{Cause, IncidentKey, IncidentRow, View};
use jiff::{SignedDuration, Timestamp};
use vigie_shared::check::{BACKUP_LINE, INTERNET, LINE_QUALITY, LOCAL_NETWORK, SERVER_SILENT};

/// What began this close together began at one moment.
const MOMENT: SignedDuration = SignedDuration::from_mins(5);
/// What begins this soon after the end of another goes on from it: a back-up line that takes over, a line that dies at last.
const GOES_ON: SignedDuration = SignedDuration::from_mins(15);

/// The open ticket of an incident that has the same origin.
pub fn ticket_of(view: &View, key: &IncidentKey) -> Option<String> {
    let incident = view.incidents.get(key)?;
    let mut others = view.incidents.iter().filter(|(other, row)| *other != key && are_kin(key, incident, other, row));
    others.find_map(|(_, row)| row.ticket.clone().filter(|group| view.tickets.contains_key(group)))
}

/// Whether two incidents have one origin: what began at one moment, and all that is about the way out while it lasts.
fn are_kin(key: &IncidentKey, row: &IncidentRow, other_key: &IncidentKey, other: &IncidentRow) -> bool {
    let is_silence = |key: &IncidentKey| matches!(key.check.as_str(), LOCAL_NETWORK | SERVER_SILENT);
    // A server that is silent alone, and not by its own fault, may be the only one that feels the line.
    let way_out = |key: &IncidentKey, row: &IncidentRow| match key.check.as_str() {
        INTERNET | BACKUP_LINE | LINE_QUALITY => true,
        SERVER_SILENT => row.cause != Cause::Machine,
        _ => false,
    };
    let (one_out, two_out) = (way_out(key, row), way_out(other_key, other));
    if !(one_out || is_silence(key)) || !(two_out || is_silence(other_key)) {
        return false;
    }
    let (one, two) = (row.started, other.started);
    let at_one_moment = one.after <= two.by + MOMENT && two.after <= one.by + MOMENT;
    let lasts = |row: &IncidentRow, at: Timestamp| row.ended.is_none_or(|ended| at <= ended.by + GOES_ON);
    let meet = lasts(other, one.after) && lasts(row, two.after);
    at_one_moment || (one_out && two_out && meet)
}
