//! Machines that still reach us say that the outside does not answer.

use super::super::incident::Found;
use super::super::{Bracket, CheckRow, MachineRow, Note, Presence, View};
use super::sights::{cause_of, verdict};
use super::{Arena, NETWORK_HOLD, QUORUM, complaint};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// After the end of an outage a machine that still says "cut" counts again only with a fresh result, or after this.
const RECOVERY: SignedDuration = SignedDuration::from_mins(10);
/// What a machine said before it was silent counts again once it had the time to look anew, twice.
const LOOKED_ANEW: SignedDuration = SignedDuration::from_secs(150);

/// At least `quorum` machines of the arena, and at least half of those heard.
pub fn found(view: &View, arena: &Arena, quorum: usize, now: Timestamp) -> Option<Found> {
    let ended = view.incidents.get(&arena.key).and_then(|incident| incident.ended).map(|ended| ended.by);
    let fresh = |since: Timestamp| ended.is_none_or(|ended| since > ended || now > ended + RECOVERY);
    let mut votes = BTreeMap::new();
    let mut by: Option<Timestamp> = None;
    let (mut interval, mut online) = (0, 0usize);
    for (id, machine) in arena.eyes(view).filter(|(_, row)| row.presence == Presence::Online) {
        online += 1;
        let anew = |row: &CheckRow| anew_at(machine, row).is_none_or(|at| at <= now);
        if let Some(row) = complaint(view, id).filter(|row| fresh(row.since) && anew(row)) {
            votes.insert(id, cause_of(machine, &row.reason));
            by = Some(by.map_or(row.since, |by| by.min(row.since)));
            interval = interval.max(machine.interval_s);
        }
    }
    if votes.len() < quorum || votes.len() * 2 < online {
        return None;
    }
    let by = by?;
    let (cause, confidence) = verdict(&votes);
    let note = Note::new("opened_by_reports")
        .with("witnesses", votes.len())
        .with("online", online)
        .with("reason", cause.as_str());
    let started = Bracket { after: by - SignedDuration::from_secs(interval.into()), by };
    Some(Found { cause, confidence, started, witnesses: votes.keys().copied().collect(), votes, note })
}

/// When a complaint of before the machine was silent counts again; `None` for one of since it came back.
fn anew_at(machine: &MachineRow, row: &CheckRow) -> Option<Timestamp> {
    machine.since.filter(|since| row.since < *since).map(|since| since + LOOKED_ANEW)
}

/// When old complaints count again.
pub fn looks_anew(view: &View) -> impl Iterator<Item = Timestamp> + '_ {
    let online = view.machines.iter().filter(|(_, row)| row.presence == Presence::Online);
    online.filter_map(|(id, row)| anew_at(row, complaint(view, *id)?))
}

/// The school, when every network that can be heard complains.
pub fn of_all(view: &View, school: &Arena, networks: &[Arena], now: Timestamp) -> Option<Found> {
    let heard = |arena: &&Arena| arena.eyes(view).any(|(_, row)| row.presence == Presence::Online);
    let all_bad = networks.iter().filter(heard).all(|arena| found(view, arena, 1, now).is_some());
    if all_bad { found(view, school, QUORUM, now) } else { None }
}

/// One network, when the other had the time to complain too and did not.
pub fn of_one(view: &View, arena: &Arena, now: Timestamp) -> Option<Found> {
    found(view, arena, QUORUM, now).filter(|found| found.started.by + NETWORK_HOLD <= now)
}

/// When the first complaint of an arena began.
pub fn first(view: &View, arena: &Arena) -> Option<Timestamp> {
    let online = arena.eyes(view).filter(|(_, row)| row.presence == Presence::Online);
    online.filter_map(|(id, _)| complaint(view, id)).map(|row| row.since).min()
}
