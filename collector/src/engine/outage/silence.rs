//! Everybody who could be heard fell silent at one time.
//!
//! "At one time" is not a guessed window: a machine bears witness only if its next turn to speak came after the last sign
//! of life of all. Those who went one after another before weigh against it, and so do a network that is closed and a
//! machine that is often switched off without a word.

use super::super::incident::Found;
use super::super::{
    Bracket, Cause, Confidence, IncidentRow, Kind, MachineRow, Note, Presence, View, expectation, liveness,
};
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
/// Without a server, and with machines that often go without a word, so many of several rooms must have gone together,
const BROAD: usize = 4;
/// and this long before their network closes: towards the end people go.
const LEFT: SignedDuration = SignedDuration::from_mins(30);

/// Machines that fell silent at one time.
pub struct Cluster {
    /// Who, and when each would have spoken next.
    pub turns: BTreeMap<MachineId, Timestamp>,
    /// The same of those that are often switched off without a word: alone they tell nothing.
    pub abrupt: BTreeMap<MachineId, Timestamp>,
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
    let together = silent
        .filter(|(_, row)| row.last_seen.is_some_and(|seen| seen <= good))
        .filter_map(|(id, row)| turn(view, row).filter(|turn| *turn >= good).map(|turn| (*id, row, turn)))
        .filter(|(_, row, turn)| expectation::silence_counts(view, row, *turn));
    let (mut turns, mut abrupt) = (BTreeMap::new(), BTreeMap::new());
    for (id, row, turn) in together {
        let often = row.habit.is_abrupt() && row.kind != Kind::Server;
        if often { &mut abrupt } else { &mut turns }.insert(id, turn);
    }
    Cluster { turns, abrupt, good }
}

/// The whole school.
pub fn found(view: &View, arena: &Arena) -> Option<Found> {
    let eyes: Vec<_> = arena.eyes(view).collect();
    if eyes.iter().any(|(_, row)| row.presence == Presence::Online) {
        return None;
    }
    let cluster = cluster(view, &eyes)?;
    let cluster =
        if arena.network.is_none() && is_sure(&eyes, &cluster) { cluster } else { broad(view, &eyes, cluster)? };
    let note = Note::new("opened_by_silence").with("witnesses", cluster.turns.len()).with("last_seen", cluster.good);
    Some(undetermined(&cluster, Cause::Undetermined, note))
}

/// How many others went within a time before the last sign of life.
fn going(eyes: &[(MachineId, &MachineRow)], cluster: &Cluster, within: SignedDuration) -> usize {
    let gone = |row: &MachineRow| row.last_seen.is_some_and(|seen| seen + within >= cluster.good);
    eyes.iter().filter(|(id, row)| !cluster.turns.contains_key(id) && gone(row)).count()
}

/// Machines that usually say goodbye outnumber those that went shortly before. Two alone must never have gone otherwise:
/// over a year two people do leave in the same minute.
fn is_sure(eyes: &[(MachineId, &MachineRow)], cluster: &Cluster) -> bool {
    let n = cluster.turns.len();
    let two_are = || {
        let mut two = eyes.iter().filter(|(id, _)| cluster.turns.contains_key(id));
        n > going(eyes, cluster, GOING) && two.all(|(_, row)| row.kind == Kind::Server || row.habit.never_abrupt())
    };
    n >= QUORUM && n > going(eyes, cluster, LEAVING) && (n > QUORUM || two_are())
}

/// How many are not in the room that most are in. Whose room nobody noted is in one of its own.
fn beside_largest_room<'v>(rows: impl Iterator<Item = &'v MachineRow>) -> usize {
    let mut rooms: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut all, mut largest) = (0, 1);
    for row in rows {
        all += 1;
        if !row.room.is_empty() {
            let in_room = rooms.entry(row.room.as_str()).or_default();
            *in_room += 1;
            largest = largest.max(*in_room);
        }
    }
    all - largest.min(all)
}

/// A server, which nobody switches off when the bell rings, went together with another; or, without one, many of several
/// rooms in the middle of an opening. Then those that often go without a word count as well.
fn broad(view: &View, eyes: &[(MachineId, &MachineRow)], mut cluster: Cluster) -> Option<Cluster> {
    cluster.turns.append(&mut cluster.abrupt);
    let rows = || cluster.turns.keys().filter_map(|id| view.machines.get(id));
    let n = cluster.turns.len();
    if rows().any(|row| row.kind == Kind::Server) {
        return (n >= QUORUM).then_some(cluster);
    }
    let in_the_middle = |row: &MachineRow| {
        let opening = view.calendar(row.net()).opening_of(cluster.good);
        opening.is_some_and(|(start, end)| start + LEAVING < cluster.good && cluster.good + LEFT < end)
    };
    let many = n >= BROAD && n > going(eyes, &cluster, LEAVING) && beside_largest_room(rows()) >= 1;
    (many && rows().all(in_the_middle)).then_some(cluster)
}

/// One network, when the other is heard after all of this one should have been. Machines of a single room, and one that left
/// in the same minute, tell of the room; rooms whose master switches are used tell of the bell.
pub fn of_network(view: &View, arena: &Arena) -> Option<Found> {
    let found = found(view, arena)?;
    // What went with an outage of the whole school comes back in its own time, perhaps not before Monday.
    let school = Arena::school(view).key;
    let with_school = |row: &IncidentRow| {
        row.started.after <= found.started.by && row.ended.is_none_or(|ended| found.started.after <= ended.by)
    };
    if view.all_incidents().any(|(key, row)| *key == school && with_school(row)) {
        return None;
    }
    let network = arena.network?;
    let witnesses = || found.witnesses.iter().filter_map(|id| view.machines.get(id));
    let sure = beside_largest_room(witnesses()) >= QUORUM && witnesses().all(|row| row.habit.is_polite());
    if !sure && witnesses().all(|row| row.kind != Kind::Server) {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_beside_the_largest_room_are_counted_and_unknown_rooms_are_rooms_of_their_own() {
        let beside = |rooms: &[&str]| {
            let rows: Vec<_> =
                rooms.iter().map(|room| MachineRow { room: (*room).to_owned(), ..MachineRow::default() }).collect();
            beside_largest_room(rows.iter())
        };
        assert_eq!(beside(&["A", "A", "A"]), 0);
        assert_eq!(beside(&["A", "A", "B"]), 1);
        assert_eq!(beside(&["", "", ""]), 2);
        assert_eq!(beside(&["A", "A", "", ""]), 2);
        assert_eq!(beside(&[]), 0);
    }
}
