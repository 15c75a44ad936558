//! Stage: a part of a school fell silent while the rest speaks: a switch, the current of a room.
//!
//! From outside, a dead switch and a room whose master switch was used look alike. So the silence of a part counts only
//! when whole rooms went at one moment in the middle of an opening, and only after a hold; what the machines say when they
//! come back (link lost, new boot) names the cause.

use super::incident::{self, Found};
use super::outage::{Arena, Cluster, cluster_at, refine};
use super::{Bracket, Cause, Confidence, Effect, IncidentKey, Input, Kind, MachineRow, Note, Presence, Scope, View};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckState, INTERNET, LOCAL_NETWORK};
use vigie_shared::id::MachineId;

/// Machines that must go together when their rooms are known, and when not.
const TOGETHER: usize = 4;
const TOGETHER_ANYWHERE: usize = 5;
/// How long they must stay silent.
const HOLD: SignedDuration = SignedDuration::from_mins(10);
/// How much of the opening must be left: towards its end people go.
const LEFT: SignedDuration = SignedDuration::from_mins(30);
/// Silence older than this is not looked at any more.
const RECENT: SignedDuration = SignedDuration::from_hours(2);

/// Opens and ends the incidents of parts of a school.
pub fn judge(view: &mut View, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let ticked = inputs.iter().any(|input| matches!(input, Input::Tick { .. }));
    let open: Vec<IncidentKey> = keys(view).filter(|key| incident::find_open(view, key).is_some()).collect();
    if ticked
        && open.is_empty()
        && !is_cut(view)
        && let Some((key, found)) = found(view, now)
    {
        incident::open(view, &key, found, now, effects);
    }
    for key in keys(view).collect::<Vec<_>>() {
        let Some(row) = view.incidents.get(&key) else { continue };
        let arena = Arena::group(key.clone(), row.witnesses.clone());
        refine(view, &arena, inputs, now, effects);
        end(view, &key, now, effects);
    }
}

fn keys(view: &View) -> impl Iterator<Item = IncidentKey> + use<'_> {
    view.incidents.keys().filter(|key| key.check == LOCAL_NETWORK).cloned()
}

/// Whether the way out of the whole school, or of a network, is judged broken: then parts of it are not looked for.
fn is_cut(view: &View) -> bool {
    view.incidents.iter().any(|(key, row)| {
        row.ended.is_none() && matches!(key.scope, Scope::School(_) | Scope::Network(..)) && key.check != LOCAL_NETWORK
    })
}

/// Whether a machine stays where it is: laptops are closed and carried away by the cartful.
fn stays(row: &MachineRow) -> bool {
    row.is_eye() && row.kind != Kind::Laptop
}

/// Whether its silence counts here: whoever pulls the master switch of a room every day must not look like a dead switch.
fn counts(row: &MachineRow) -> bool {
    row.kind == Kind::Server || row.habit.is_polite()
}

/// The largest part that went at one moment, and that is whole.
fn found(view: &View, now: Timestamp) -> Option<(IncidentKey, Found)> {
    let eyes: Vec<(MachineId, &MachineRow)> =
        view.machines.iter().filter(|(_, row)| stays(row)).map(|(id, row)| (*id, row)).collect();
    // What went with an outage comes back in its own time: it counts again once it was heard after the end.
    let ends = view.incidents.iter().filter(|(key, _)| key.check == INTERNET).filter_map(|(_, row)| row.ended);
    let outage = ends.map(|ended| ended.by).max().unwrap_or(Timestamp::MIN);
    let recent = |row: &MachineRow| row.last_seen.is_some_and(|seen| seen + RECENT > now && seen > outage);
    let silent: Vec<_> = eyes
        .iter()
        .filter(|(_, row)| row.presence == Presence::Silent && recent(row) && counts(row))
        .copied()
        .collect();
    if silent.len() < TOGETHER {
        return None;
    }
    let ends = silent.iter().filter_map(|(_, row)| row.last_seen).collect::<BTreeSet<_>>();
    let largest = ends
        .into_iter()
        .filter_map(|good| whole(view, &eyes, cluster_at(view, &silent, good)))
        .max_by_key(|(cluster, _)| cluster.turns.len());
    let (cluster, rooms) = largest?;
    let started = cluster.started();
    let beat = |row: &MachineRow| SignedDuration::from_secs(i64::from(row.interval_s));
    let others = eyes.iter().filter(|(_, row)| row.presence == Presence::Online);
    let alive = others.filter(|(_, row)| row.last_seen.is_some_and(|seen| seen > started.by + beat(row))).count();
    if alive == 0 || now < started.by + HOLD || !is_in_the_middle(view, &eyes, &cluster, now) {
        return None;
    }
    let note = Note::new("opened_by_part_silence")
        .with("witnesses", cluster.turns.len())
        .with("others", alive)
        .with("rooms", &rooms)
        .with("last_seen", cluster.good);
    let key = IncidentKey::new(Scope::School(view.school), LOCAL_NETWORK, rooms);
    let witnesses = cluster.witnesses();
    let (cause, confidence) = (Cause::Undetermined, Confidence::Probable);
    Some((key, Found { cause, confidence, started, witnesses, votes: BTreeMap::new(), note }))
}

/// What of a cluster is whole rooms: nobody of them was heard since. Machines whose room is not known count together.
fn whole(view: &View, eyes: &[(MachineId, &MachineRow)], mut cluster: Cluster) -> Option<(Cluster, String)> {
    let started = cluster.started();
    let spoke: BTreeSet<&str> = eyes
        .iter()
        .filter(|(id, row)| !cluster.turns.contains_key(id) && row.last_seen.is_some_and(|seen| seen > started.after))
        .map(|(_, row)| row.room.as_str())
        .filter(|room| !room.is_empty())
        .collect();
    let room_of = |id: &MachineId| view.machines.get(id).map(|row| row.room.as_str()).unwrap_or_default();
    cluster.turns.retain(|id, _| !spoke.contains(room_of(id)));
    let rooms: BTreeSet<&str> = cluster.turns.keys().map(room_of).collect();
    let needed = if rooms.contains("") { TOGETHER_ANYWHERE } else { TOGETHER };
    let label = rooms.iter().filter(|room| !room.is_empty()).copied().collect::<Vec<_>>().join(", ");
    (cluster.turns.len() >= needed).then_some((cluster, label))
}

/// Whether the opening in which they went still has a good while to go.
fn is_in_the_middle(view: &View, eyes: &[(MachineId, &MachineRow)], cluster: &Cluster, now: Timestamp) -> bool {
    let of_cluster = eyes.iter().filter(|(id, _)| cluster.turns.contains_key(id));
    let mut ends = of_cluster.map(|(_, row)| view.calendar(row.net()).opening_of(now));
    ends.all(|opening| opening.is_some_and(|(start, end)| start <= cluster.good && now + LEFT < end))
}

/// Ends the incident of a part when half of it is heard again, or says itself that all is well: whoever was away for less
/// than our patience never fell silent.
fn end(view: &mut View, key: &IncidentKey, now: Timestamp, effects: &mut Vec<Effect>) {
    let Some(row) = incident::find_open(view, key) else { return };
    let back_since = |id: &MachineId| {
        let machine = view.machines.get(id).filter(|machine| machine.presence == Presence::Online)?;
        let check = view.checks.get(&(*id, INTERNET.to_owned(), String::new()));
        let well = check.filter(|check| check.state == CheckState::Ok).map(|check| check.since);
        let heard = machine.since.or(machine.last_seen);
        heard.into_iter().chain(well).filter(|since| *since > row.started.by).min()
    };
    let back: Vec<Timestamp> = row.witnesses.iter().filter_map(back_since).collect();
    if back.len() * 2 < row.witnesses.len() {
        return incident::unwell(view, key, effects);
    }
    let by = back.iter().min().copied().unwrap_or(now);
    let ended = Bracket { after: row.detected.min(by), by };
    let note = Note::new("resolved_by_return").with("machines", back.len());
    incident::well(view, key, ended, now, note, effects);
}

/// When silent machines have been silent long enough to be looked at as a part.
pub fn next_wake(view: &View, now: Timestamp) -> Option<Timestamp> {
    let silent = view.machines.values().filter(|row| stays(row) && row.presence == Presence::Silent);
    let due = silent.filter_map(|row| {
        let beat = SignedDuration::from_secs(i64::from(row.interval_s) * 5 / 4 + 3);
        row.last_seen.map(|seen| seen + beat + HOLD)
    });
    due.filter(|at| *at > now).min()
}
