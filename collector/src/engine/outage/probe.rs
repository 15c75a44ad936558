//! The school's router no longer answers the collector.

use super::super::incident::Found;
use super::super::{Bracket, Cause, Confidence, LineRow, Note, Presence, View};
use super::Arena;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Calls that were on their way when the router fell silent.
const ON_THE_WAY: SignedDuration = SignedDuration::from_secs(5);

/// The lines whose state tells something: not back-ups, and known to answer.
fn probed(view: &View) -> impl Iterator<Item = &LineRow> {
    view.lines.values().filter(|line| !line.backup && line.ever_answered)
}

/// Whether the router of one of its lines answers.
pub fn answers(view: &View) -> bool {
    probed(view).any(|line| line.answers == Some(true))
}

/// All probed lines are silent, and nobody was heard since.
pub fn found(view: &View, school: &Arena, _now: Timestamp) -> Option<Found> {
    let mut by: Option<Timestamp> = None;
    let mut after: Option<Timestamp> = None;
    let mut lines = 0usize;
    for line in probed(view) {
        if line.answers != Some(false) {
            return None;
        }
        lines += 1;
        by = by.max(line.since);
        after = after.max(line.last_answer);
    }
    let by = by?;
    let heard = school.eyes(view).filter_map(|(_, row)| row.last_seen).max();
    let online = school.eyes(view).filter(|(_, row)| row.presence == Presence::Online);
    // Whoever is heard after its router fell silent proves that the line carries: only pings are refused.
    let proves = online.filter_map(|(_, row)| row.last_seen).any(|seen| seen > by + ON_THE_WAY);
    let late = school.eyes(view).filter(|(_, row)| row.presence == Presence::Online).count();
    if proves || late > 0 {
        return None;
    }
    let after = after.max(heard.filter(|seen| *seen <= by)).unwrap_or(by).min(by);
    let note = Note::new("opened_by_probe").with("lines", lines).with("last_seen", after);
    Some(Found {
        cause: Cause::Undetermined,
        confidence: Confidence::Probable,
        started: Bracket { after, by },
        witnesses: BTreeSet::new(),
        votes: BTreeMap::new(),
        note,
    })
}

/// Whether the routers of all probed lines answer again, and in which bracket the last of them came back.
pub fn returned(view: &View, silent_since: Timestamp) -> Option<Bracket> {
    let mut back: Option<Bracket> = None;
    for line in probed(view) {
        let since = line.since.filter(|since| line.answers == Some(true) && *since > silent_since)?;
        let bracket = Bracket { after: silent_since.max(since - SignedDuration::from_secs(120)), by: since };
        back = Some(
            back.map_or(bracket, |other| Bracket { after: other.after.max(bracket.after), by: other.by.max(since) }),
        );
    }
    back
}
