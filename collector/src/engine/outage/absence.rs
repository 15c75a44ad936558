//! Nobody came who always comes: a line that was cut in the night is not felt by machines that are off, and what is
//! switched on behind it in the morning cannot call.

use super::super::incident::Found;
use super::super::{Bracket, Cause, Confidence, Kind, NetworkKind, Note, Presence, View, expectation};
use super::{Arena, probe};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::MachineId;

/// How long after the opening of a half-day those who always come are waited for.
const LATE: SignedDuration = SignedDuration::from_mins(45);
/// Machines that must be missed: fewer stay away together on a day of snow that nobody told us of,
const MISSED: usize = 10;
/// unless a server, which no snow keeps away, is one of them.
const MISSED_WITH_SERVER: usize = 3;

/// The school is open for a while, none of its machines was heard since, many always are, and no router of it answers us.
pub fn found(view: &View, school: &Arena, now: Timestamp) -> Option<Found> {
    let opened = opening(view, now)?;
    if now < opened + LATE || school.eyes(view).any(|(_, row)| row.presence == Presence::Online) {
        return None;
    }
    if probe::answers(view) {
        return None;
    }
    let good = school.eyes(view).filter_map(|(_, row)| row.last_seen).max()?;
    let after_absence = view.absence.is_none_or(|absence| absence.until < opened);
    if good >= opened || !after_absence {
        return None;
    }
    let missed: BTreeSet<MachineId> =
        school.eyes(view).filter(|(_, row)| expectation::is_usual(view, row, now)).map(|(id, _)| id).collect();
    let server = missed.iter().any(|id| view.machines.get(id).is_some_and(|row| row.kind == Kind::Server));
    if missed.len() < if server { MISSED_WITH_SERVER } else { MISSED } {
        return None;
    }
    let note =
        Note::new("opened_by_absence").with("witnesses", missed.len()).with("last_seen", good).with("opened", opened);
    Some(Found {
        cause: Cause::Undetermined,
        confidence: Confidence::Probable,
        started: Bracket { after: good, by: now.min(opened + LATE) },
        witnesses: missed,
        votes: BTreeMap::new(),
        note,
    })
}

/// The opening in which `now` lies, of the network of classes: in the holidays a few people of an office may well all be
/// away.
fn opening(view: &View, now: Timestamp) -> Option<Timestamp> {
    view.calendar(NetworkKind::Pedagogical).opening_of(now).map(|(start, _)| start)
}

/// When those who always come are missed next.
pub fn next_wake(view: &View, now: Timestamp) -> Option<Timestamp> {
    if view.machines.values().all(|row| !row.is_eye() || row.presence == Presence::Online) {
        return None;
    }
    let current = opening(view, now).map(|opened| opened + LATE).filter(|at| *at > now);
    current.or_else(|| view.calendar(NetworkKind::Pedagogical).next_opening(now).map(|opened| opened + LATE))
}
