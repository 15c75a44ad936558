//! Everybody who could be heard fell silent at one time.
//!
//! "At one time" is not a guessed window: a machine bears witness only if its next turn to speak came after the last sign
//! of life of all. Those who went one after another before weigh against it, and so do a network that is closed and a
//! machine that is often switched off without a word.

use super::super::incident::Found;
use super::super::{Bracket, Cause, Confidence, Kind, MachineRow, Note, Presence, View, expectation, liveness};
use super::{Arena, QUORUM};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::MachineId;

/// After an absence of the collector longer than this, machines last heard before it tell nothing: they may have left
/// and said goodbye to nobody.
const SHORT_ABSENCE: SignedDuration = SignedDuration::from_mins(10);
/// Machines that left within this time weigh against silence: people are going home.
const LEAVING: SignedDuration = SignedDuration::from_mins(10);
/// Two machines alone must outnumber all that went within this time.
const GOING: SignedDuration = SignedDuration::from_hours(1);

/// Machines that fell silent at one time.
pub struct Cluster {
    /// Who, and when each would have spoken next.
    pub turns: BTreeMap<MachineId, Timestamp>,
    /// The last sign of life of those that were looked at.
    pub good: Timestamp,
}

impl Cluster {
    /// When it happened: between the last sign of life and the first missed turn.
    pub fn started(&self) -> Bracket {
        let by = self.turns.values().min().copied().unwrap_or(self.good).max(self.good);
        Bracket { after: self.good, by }
    }

    /// Who bears witness.
    pub fn witnesses(&self) -> BTreeSet<MachineId> {
        self.turns.keys().copied().collect()
    }
}

/// The machines among `eyes` that fell silent together, last of all.
pub fn cluster(view: &View, eyes: &[(MachineId, &MachineRow)]) -> Option<Cluster> {
    let good = eyes.iter().filter_map(|(_, row)| row.last_seen).max()?;
    Some(cluster_at(view, eyes, good))
}

/// The machines among `eyes` that were last heard by `good` and would have spoken next after it.
pub fn cluster_at(view: &View, eyes: &[(MachineId, &MachineRow)], good: Timestamp) -> Cluster {
    let silent = eyes.iter().filter(|(_, row)| row.presence == Presence::Silent && counts_after_absence(view, row));
    let turns = silent
        .filter(|(_, row)| !row.habit.is_abrupt() || row.kind == Kind::Server)
        .filter(|(_, row)| row.last_seen.is_some_and(|seen| seen <= good))
        .filter_map(|(id, row)| turn(view, row).filter(|turn| *turn >= good).map(|turn| (*id, row, turn)))
        .filter(|(_, row, turn)| expectation::silence_counts(view, row, *turn))
        .map(|(id, _, turn)| (id, turn))
        .collect();
    Cluster { turns, good }
}

/// The whole school.
pub fn found(view: &View, arena: &Arena) -> Option<Found> {
    let eyes: Vec<_> = arena.eyes(view).collect();
    if eyes.iter().any(|(_, row)| row.presence == Presence::Online) {
        return None;
    }
    let cluster = cluster(view, &eyes)?;
    let going = |within: SignedDuration| {
        let gone = |row: &MachineRow| row.last_seen.is_some_and(|seen| seen + within >= cluster.good);
        eyes.iter().filter(|(id, row)| !cluster.turns.contains_key(id) && gone(row)).count()
    };
    let n = cluster.turns.len();
    let outnumbered = n <= going(LEAVING) || (n == QUORUM && n <= going(GOING));
    if n < QUORUM || outnumbered {
        return None;
    }
    let note = Note::new("opened_by_silence").with("witnesses", n).with("last_seen", cluster.good);
    Some(undetermined(&cluster, Cause::Undetermined, note))
}

/// One network, when the other is heard after all of this one should have been.
pub fn of_network(view: &View, arena: &Arena) -> Option<Found> {
    let found = found(view, arena)?;
    let network = arena.network?;
    let beat = |row: &MachineRow| SignedDuration::from_secs(i64::from(row.interval_s));
    let others = view.machines.values().filter(|row| row.is_eye() && row.net() != network);
    let alive = others.filter(|row| row.presence == Presence::Online);
    let heard = alive.filter(|row| row.last_seen.is_some_and(|seen| seen > found.started.by + beat(row))).count();
    (heard > 0).then(|| {
        let note = found.note.clone().with("others", heard);
        Found {
            cause: Cause::of_network(network),
            note: Note { code: "opened_by_network_silence".into(), ..note },
            ..found
        }
    })
}

fn undetermined(cluster: &Cluster, cause: Cause, note: Note) -> Found {
    let (started, witnesses) = (cluster.started(), cluster.witnesses());
    Found { cause, confidence: Confidence::Probable, started, witnesses, votes: BTreeMap::new(), note }
}

/// When a machine would have spoken next: one whose turn came before the last sign of life of the school fell silent for a
/// reason of its own. One that was to speak while the collector was away, or soon after, may be in its back-off: its turn
/// lasts until everybody had time to call again.
fn turn(view: &View, row: &MachineRow) -> Option<Timestamp> {
    let slack = i64::from(row.interval_s) / 4 + 3;
    let turn = row.last_seen? + SignedDuration::from_secs(i64::from(row.interval_s) + slack);
    let grace_end = liveness::grace_end(view);
    let turned_away = view.absence.is_some_and(|absence| turn >= absence.from) && row.last_seen? < grace_end;
    Some(if turned_away { turn.max(grace_end) } else { turn })
}

fn counts_after_absence(view: &View, row: &MachineRow) -> bool {
    let (Some(absence), Some(seen)) = (view.absence, row.last_seen) else { return true };
    seen >= absence.until || absence.from.duration_until(absence.until) <= SHORT_ABSENCE
}
