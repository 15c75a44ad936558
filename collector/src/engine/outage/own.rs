//! What single machines see of their way to the internet while nothing larger is known: an incident of the machine, for
//! the next visit. Two that name one cause for one time are more than that: a resolver, a filter, a DHCP server, a switch
//! that only some can feel. They may tell it hours later, when they are heard again; then the larger incident is opened
//! after the fact, with the start and the end that they saw.

use super::super::incident::{self, Found};
use super::super::{
    Bracket, Cause, CheckRow, Confidence, Effect, IncidentKey, IncidentRow, Input, MachineRow, Note, Presence, Scope,
    View, quality, wide,
};
use super::sights::{self, Seen, Sight};
use super::{Arena, NETWORK_HOLD, QUORUM, networks};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckState, INTERNET, LOCAL_NETWORK, MACHINE_INTERNET, SERVER_SILENT};
use vigie_shared::id::MachineId;

/// What was seen this long before or after an incident is still part of it.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);
/// What is told later than this is history: the incidents of then are not at hand any more, and it may be part of one. A
/// machine of one lesson a week is switched on after seven days.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_hours(8 * 24);
/// Who complained of the same this long before or after was not spared: a line that flaps is not felt by all each time.
const FLAPS_WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// A machine that still speaks this long after others began to complain was not hit.
const SPEAKS_ON: SignedDuration = SignedDuration::from_mins(3);

/// Keeps what machines saw alone, and opens what several saw together.
pub fn judge(view: &mut View, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let sights = sights::seen(view, &Arena::school(view), inputs);
    keep(view, &sights, now, effects);
    end(view, &sights, now, effects);
    let larger = together(view, now)
        .filter(|(key, found, _)| incident::find_open(view, key).is_none() && !quality::explains(view, found.cause));
    if let Some((key, found, ended)) = larger {
        let note = Note::new("resolved_by_own_reports").with("machines", found.witnesses.len());
        incident::open(view, &key, found, now, effects);
        if let Some(ended) = ended {
            incident::well(view, &key, ended, now, note, effects);
        }
    }
}

fn key_of(machine: MachineId) -> IncidentKey {
    IncidentKey::new(Scope::Machine(machine), MACHINE_INTERNET, "")
}

fn keep(view: &mut View, sights: &[Seen], now: Timestamp, effects: &mut Vec<Effect>) {
    for seen in sights {
        let (Sight::Broken(cause) | Sight::OnlyUs(cause)) = seen.sight else { continue };
        let key = key_of(seen.machine);
        if seen.at + TOLD_WITHIN < now
            || incident::find_open(view, &key).is_some()
            || is_known(view, seen.machine, seen.at)
        {
            continue;
        }
        let after = seen.before.unwrap_or(seen.at - SignedDuration::from_secs(60));
        let found = Found {
            cause,
            confidence: Confidence::Probable,
            started: Bracket { after, by: seen.at },
            witnesses: BTreeSet::from([seen.machine]),
            votes: BTreeMap::from([(seen.machine, cause)]),
            note: Note::new("opened_by_own_report").with("reason", cause.as_str()),
        };
        incident::open(view, &key, found, now, effects);
    }
}

/// Whether something larger explains what a machine saw then.
fn is_known(view: &View, machine: MachineId, at: Timestamp) -> bool {
    let net = view.machines.get(&machine).map(MachineRow::net);
    let larger = |key: &IncidentKey, row: &IncidentRow| match (key.scope, key.check.as_str()) {
        (Scope::School(_), INTERNET) => true,
        (Scope::Network(_, network), INTERNET) => Some(network) == net,
        (_, LOCAL_NETWORK) => row.witnesses.contains(&machine),
        // A server that was the only one to feel it, and told so.
        (Scope::Machine(server), SERVER_SILENT) => {
            !matches!(row.cause, Cause::Machine | Cause::Undetermined)
                && view.machines.get(&server).map(MachineRow::net) == net
        }
        _ => false,
    };
    let lasted =
        |row: &IncidentRow| row.started.after - MARGIN <= at && row.ended.is_none_or(|ended| at <= ended.by + MARGIN);
    view.all_incidents().any(|(key, row)| larger(key, row) && lasted(row))
        || view.parents.iter().any(|parent| wide::explains(parent.started, Bracket { after: at, by: at }))
        || view
            .past_parents
            .iter()
            .any(|(parent, ended)| parent.started.after - MARGIN <= at && at <= ended.by + MARGIN)
}

/// The check of the machine itself ends it. When it was off meanwhile, the end lies between its goodbye and its return.
fn end(view: &mut View, sights: &[Seen], now: Timestamp, effects: &mut Vec<Effect>) {
    let open = view.incidents.iter().filter(|(key, row)| key.check == MACHINE_INTERNET && row.ended.is_none());
    let over: Vec<_> = open
        .filter_map(|(key, row)| {
            let Scope::Machine(machine) = key.scope else { return None };
            if view.machines.get(&machine).is_none_or(|row| !row.trusted) {
                return Some((key.clone(), Bracket { after: now, by: now }, "resolved_check_gone"));
            }
            let well = |check: &&CheckRow| {
                check.state == CheckState::Ok
                    || check.state == CheckState::Warning && !sights::is_about_us(&check.reason)
            };
            let check = view.checks.get(&(machine, INTERNET.to_owned(), String::new())).filter(well)?;
            let own: Vec<_> = sights.iter().filter(|seen| seen.machine == machine).copied().collect();
            let contact = Bracket { after: row.started.by.min(check.since), by: check.since };
            Some((key.clone(), sights::end(&own, contact, row.started.after), "resolved_by_check"))
        })
        .collect();
    for (key, ended, code) in over {
        incident::well(view, &key, ended, now, Note::new(code), effects);
    }
}

/// A larger incident, and its end if it is over.
type Larger = (IncidentKey, Found, Option<Bracket>);

/// The most machines that saw one cause at one time, of which nothing larger is known yet.
fn together(view: &View, now: Timestamp) -> Option<Larger> {
    let own: Vec<(MachineId, Cause, &IncidentRow)> = view
        .all_incidents()
        .filter(|(key, row)| key.check == MACHINE_INTERNET && row.cause != Cause::Undetermined)
        .filter(|(_, row)| row.started.by + TOLD_WITHIN > now)
        .filter_map(|(key, row)| match key.scope {
            Scope::Machine(machine) if !is_known(view, machine, row.started.by) => Some((machine, row.cause, row)),
            _ => None,
        })
        .collect();
    let meet = |one: &IncidentRow, other: &IncidentRow| {
        let until = |row: &IncidentRow| row.ended.map_or(Timestamp::MAX, |ended| ended.by);
        one.started.after <= until(other) && other.started.after <= until(one)
    };
    let sets = own.iter().map(|(_, cause, pivot)| {
        let same = own.iter().filter(|(_, other, row)| other == cause && meet(pivot, row));
        (*cause, same.map(|(machine, _, row)| (*machine, *row)).collect::<BTreeMap<_, _>>())
    });
    let (cause, set) = sets.max_by_key(|(_, set)| set.len()).filter(|(_, set)| set.len() >= QUORUM)?;
    let felt = own.iter().filter(|(_, of, row)| {
        let about = |other: &IncidentRow| {
            (other.started.by - FLAPS_WITHIN..=other.started.by + FLAPS_WITHIN).contains(&row.started.by)
        };
        *of == cause && set.values().any(|other| about(other))
    });
    let felt = felt.map(|(machine, ..)| *machine).collect();
    larger(view, cause, &set, &felt, now)
}

/// What is larger than a set of machines; `felt`: all that felt the same about then.
fn larger(
    view: &View,
    cause: Cause,
    set: &BTreeMap<MachineId, &IncidentRow>,
    felt: &BTreeSet<MachineId>,
    now: Timestamp,
) -> Option<Larger> {
    let rows = || set.keys().filter_map(|id| view.machines.get(id));
    let nets: BTreeSet<_> = rows().map(MachineRow::net).collect();
    let mut of_net =
        networks(view).into_iter().filter(|arena| nets.len() == 1 && arena.network == nets.first().copied());
    let arena = of_net.next().unwrap_or_else(|| Arena::school(view));
    let by = set.values().map(|row| row.started.by).min()?;
    let after = set.values().map(|row| row.started.after).max()?.min(by);
    let ends: Option<Vec<Bracket>> = set.values().map(|row| row.ended).collect();
    let ended = ends.and_then(|ends| {
        let by = ends.iter().map(|ended| ended.by).min()?;
        Some(Bracket { after: ends.iter().map(|ended| ended.after).max()?.min(by), by })
    });
    // Only some feel a switch or a DHCP server; anything else hits whoever speaks on that network.
    let hits_some = matches!(cause, Cause::Switch | Cause::Dhcp);
    let spared = arena.eyes(view).filter(|(id, row)| {
        let check = view.checks.get(&(*id, INTERNET.to_owned(), String::new()));
        let well = check.is_some_and(|check| check.state == CheckState::Ok && check.since < by);
        let speaks = row.presence == Presence::Online && row.last_seen.is_some_and(|seen| seen > by + SPEAKS_ON);
        let since = row.since.is_none_or(|since| since < by);
        well && speaks && since && !felt.contains(id)
    });
    let spared = spared.count();
    if !hits_some && spared >= set.len() {
        return None;
    }
    if ended.is_none() && arena.network.is_some() && now < by + NETWORK_HOLD {
        return None;
    }
    let key = if cause == Cause::Switch {
        let rooms: BTreeSet<&str> = rows().map(|row| row.room.as_str()).filter(|room| !room.is_empty()).collect();
        let label = rooms.into_iter().collect::<Vec<_>>().join(", ");
        IncidentKey::new(Scope::School(view.school), LOCAL_NETWORK, label)
    } else {
        arena.key
    };
    // What was at hand when the last one was judged is not judged again.
    let newest = set.values().map(|row| row.detected).max()?;
    let judged = |row: &IncidentRow| row.returns.last().copied().unwrap_or(row.detected).max(row.detected) >= newest;
    if [&key, &Arena::school(view).key].into_iter().any(|key| view.incidents.get(key).is_some_and(judged)) {
        return None;
    }
    let note = Note::new("opened_by_own_reports").with("witnesses", set.len()).with("reason", cause.as_str());
    let found = Found {
        cause,
        confidence: Confidence::Confirmed,
        started: Bracket { after, by },
        witnesses: set.keys().copied().collect(),
        votes: set.keys().map(|id| (*id, cause)).collect(),
        note,
    };
    Some((key, found, ended))
}
