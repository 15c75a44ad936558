//! Stage: what is wrong with a single machine: its own confirmed checks, a server that is silent, a machine that nobody
//! has seen for weeks. The check `internet` is judged for the school in `outage`.

use super::incident::{self, Found};
use super::outage::{self, Arena};
use super::{Bracket, Cause, Confidence, Effect, IncidentKey, Input, Kind, MachineRow, Note, Presence, Scope, View};
use crate::calendar::SchoolCalendar;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckState, INTERNET, MACHINE_INTERNET, SERVER_SILENT, UNSEEN};
use vigie_shared::id::MachineId;

/// A server may be silent for this long within business hours: it starts again in less.
const SERVER_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// While nobody of any school is heard, the silence of a server is looked at again after this.
const ASKED_AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// School days after which a machine that nobody heard is something to look at on the next visit.
const UNSEEN_SCHOOL_DAYS: u32 = 10;

/// So many school days do not pass in less.
const UNSEEN_AT_LEAST: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Opens and resolves the incidents of machines.
pub fn judge(view: &mut View, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    by_checks(view, now, effects);
    let upto = inputs.iter().find_map(|input| match input {
        Input::Tick { upto } => Some(*upto),
        _ => None,
    });
    if let Some(upto) = upto {
        silent_servers(view, upto, now, effects);
        unseen(view, upto, now, effects);
    }
    refine_servers(view, inputs, now, effects);
    heard_again(view, now, effects);
}

fn by_checks(view: &mut View, now: Timestamp, effects: &mut Vec<Effect>) {
    let trusted = |view: &View, machine: &MachineId| view.machines.get(machine).is_some_and(|m| m.trusted);
    let broken: Vec<_> = view
        .checks
        .iter()
        .filter(|((machine, check, _), row)| {
            row.state == CheckState::Critical && check != INTERNET && trusted(view, machine)
        })
        .map(|((machine, check, instance), row)| {
            (*machine, IncidentKey::new(Scope::Machine(*machine), check.clone(), instance.clone()), row.clone())
        })
        .collect();
    for (machine, key, row) in broken {
        if incident::find_open(view, &key).is_none() {
            let note = Note::new("opened_by_check").with("state", row.state.as_str()).with("reason", &row.reason);
            let started = Bracket { after: row.since, by: row.since };
            incident::open(view, &key, measured(machine, started, Confidence::Confirmed, note), now, effects);
        }
    }
    for key in open_of_machines(view, |check| !matches!(check, SERVER_SILENT | UNSEEN | MACHINE_INTERNET)) {
        let Scope::Machine(machine) = key.scope else { continue };
        let trusted = trusted(view, &machine);
        let row = view.checks.get(&(machine, key.check.clone(), key.instance.clone()));
        let (since, note) = match row {
            Some(row) if trusted && matches!(row.state, CheckState::Critical | CheckState::Unknown) => {
                incident::unwell(view, &key, effects);
                continue;
            }
            Some(row) if trusted => (row.since, Note::new("resolved_by_check")),
            _ => (now, Note::new("resolved_check_gone")),
        };
        incident::well(view, &key, Bracket { after: since, by: since }, now, note, effects);
    }
}

fn measured(machine: MachineId, started: Bracket, confidence: Confidence, note: Note) -> Found {
    let witnesses = BTreeSet::from([machine]);
    Found { cause: Cause::Machine, confidence, started, witnesses, votes: BTreeMap::new(), note }
}

fn open_of_machines(view: &View, wanted: impl Fn(&str) -> bool) -> Vec<IncidentKey> {
    let open = view.incidents.iter().filter(|(_, row)| row.ended.is_none()).map(|(key, _)| key);
    open.filter(|key| matches!(key.scope, Scope::Machine(_)) && wanted(&key.check)).cloned().collect()
}

/// A server is silent in the hours of its network, and nothing larger explains it.
fn silent_servers(view: &mut View, upto: Timestamp, now: Timestamp, effects: &mut Vec<Effect>) {
    let due: Vec<_> = view
        .machines
        .iter()
        .filter(|(id, row)| server_due(view, **id, row, upto).is_some_and(|due| due <= upto))
        .filter_map(|(id, row)| row.last_seen.map(|seen| (*id, seen, row.interval_s)))
        .collect();
    for (machine, seen, interval_s) in due {
        let key = IncidentKey::new(Scope::Machine(machine), SERVER_SILENT, "");
        let turn = seen + SignedDuration::from_secs(i64::from(interval_s) * 5 / 4 + 3);
        // At night its silence was nobody's business: what it is silent for now may have begun when the doors opened.
        let opening = view.machines.get(&machine).and_then(|row| view.calendar(row.net()).opening_of(upto));
        let by = opening.map_or(turn, |(start, _)| turn.max(start)).min(upto);
        let note = Note::new("opened_by_server_silence").with("last_seen", seen);
        let found = measured(machine, Bracket { after: seen, by }, Confidence::Probable, note);
        // Where nobody else is heard, it may as well be the line, the power, or anything on the way.
        let cause = if is_alone(view, machine, by, now) { Cause::Undetermined } else { Cause::Machine };
        incident::open(view, &key, Found { cause, ..found }, now, effects);
    }
}

/// Whether no other machine of its network was heard since it fell silent. One that has only just come back proves nothing
/// yet: what ends for one ends for the server a moment later.
fn is_alone(view: &View, machine: MachineId, since: Timestamp, now: Timestamp) -> bool {
    let Some(network) = view.machines.get(&machine).map(MachineRow::net) else { return false };
    let beat = |row: &MachineRow| SignedDuration::from_secs(i64::from(row.interval_s));
    let stays = |row: &MachineRow| match row.presence {
        Presence::Online => row.since.is_none_or(|from| from <= since || from + SERVER_PATIENCE <= now),
        _ => row.since.is_none_or(|gone| gone > since + SERVER_PATIENCE),
    };
    let others = view.machines.iter().filter(|(id, row)| **id != machine && row.is_eye() && row.net() == network);
    !others.into_iter().any(|(_, row)| row.last_seen.is_some_and(|seen| seen > since + beat(row)) && stays(row))
}

/// What becomes known of the silence of a server: others are heard while it is not, or it tells itself what it saw.
fn refine_servers(view: &mut View, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let of_servers: Vec<_> = view.incidents.keys().filter(|key| key.check == SERVER_SILENT).cloned().collect();
    for key in of_servers {
        let Scope::Machine(machine) = key.scope else { continue };
        outage::refine(view, &Arena::group(key.clone(), BTreeSet::from([machine])), inputs, now, effects);
        let Some(row) = incident::find_open(view, &key) else { continue };
        if row.cause == Cause::Undetermined
            && !is_alone(view, machine, row.started.by, now)
            && !explained(view, machine)
        {
            incident::blame(view, &key, Cause::Machine, now, effects);
        }
    }
}

/// When the silence of a server becomes an incident, if nothing changes; `None` for what is no silent server, for one whose
/// incident is open, and while an outage explains it.
fn server_due(view: &View, machine: MachineId, row: &MachineRow, at: Timestamp) -> Option<Timestamp> {
    if row.kind != Kind::Server || !row.trusted || row.presence != Presence::Silent {
        return None;
    }
    let key = IncidentKey::new(Scope::Machine(machine), SERVER_SILENT, "");
    if incident::find_open(view, &key).is_some() || explained(view, machine) {
        return None;
    }
    let calendar = view.calendar(row.net());
    let (start, end) = calendar.opening_of(at).or_else(|| {
        let start = calendar.next_opening(at)?;
        calendar.opening_of(start)
    })?;
    // While an outage ends, a server is given time to come back on its own.
    let outage = view.incidents.iter().filter(|(key, _)| key.check == INTERNET).filter_map(|(_, row)| row.ended);
    let ended = outage.map(|ended| ended.by).max().unwrap_or(Timestamp::MIN);
    let due = row.last_seen?.max(start).max(ended) + SERVER_PATIENCE;
    // Where nobody at all is heard it is the collector that nobody reaches.
    let due = if view.elsewhere { due } else { due.max(at + ASKED_AGAIN) };
    (due < end).then_some(due)
}

/// Whether something larger than a machine explains its silence.
fn explained(view: &View, machine: MachineId) -> bool {
    !view.parents.is_empty()
        || view.incidents.iter().any(|(key, row)| {
            row.ended.is_none()
                && match key.scope {
                    Scope::School(_) => key.check == INTERNET || row.witnesses.contains(&machine),
                    Scope::Network(_, network) => view.machines.get(&machine).is_some_and(|m| m.net() == network),
                    _ => false,
                }
        })
}

/// A machine that nobody heard for many school days: something for the next visit.
fn unseen(view: &mut View, upto: Timestamp, now: Timestamp, effects: &mut Vec<Effect>) {
    let gone: Vec<_> = view
        .machines
        .iter()
        .filter(|(_, row)| row.trusted && row.presence != Presence::Online)
        .filter_map(|(id, row)| row.last_seen.map(|seen| (*id, seen, view.calendar(row.net()))))
        .filter(|(_, seen, calendar)| calendar.school_days_between(*seen, upto) >= UNSEEN_SCHOOL_DAYS)
        .map(|(id, seen, _)| (id, seen))
        .collect();
    for (machine, seen) in gone {
        let key = IncidentKey::new(Scope::Machine(machine), UNSEEN, "");
        if incident::find_open(view, &key).is_none() {
            let note = Note::new("opened_by_unseen").with("school_days", UNSEEN_SCHOOL_DAYS).with("last_seen", seen);
            let started = Bracket { after: seen, by: upto };
            incident::open(view, &key, measured(machine, started, Confidence::Confirmed, note), now, effects);
        }
    }
}

/// What was about silence ends with the next word of the machine, or when it no longer counts.
fn heard_again(view: &mut View, now: Timestamp, effects: &mut Vec<Effect>) {
    for key in open_of_machines(view, |check| matches!(check, SERVER_SILENT | UNSEEN)) {
        let Scope::Machine(machine) = key.scope else { continue };
        let (ended, note) = match view.machines.get(&machine).filter(|row| row.trusted) {
            Some(row) if row.presence == Presence::Online => {
                let by = row.since.or(row.last_seen).unwrap_or(now).min(now);
                let silent = incident::find_open(view, &key).map_or(by, |incident| incident.detected);
                (Bracket { after: silent.min(by), by }, Note::new("resolved_heard_again"))
            }
            // It said goodbye: somebody switched it off on purpose. Whom nobody has seen for weeks is looked for all the same.
            Some(row) if row.presence == Presence::Left && key.check == SERVER_SILENT => {
                (Bracket { after: now, by: now }, Note::new("resolved_by_goodbye"))
            }
            Some(_) => {
                incident::unwell(view, &key, effects);
                continue;
            }
            None => (Bracket { after: now, by: now }, Note::new("resolved_check_gone")),
        };
        incident::well(view, &key, ended, now, note, effects);
    }
}

/// When the next silent server is missed, or the day ends on which somebody was not seen for too long.
pub fn next_wake(view: &View, now: Timestamp) -> Option<Timestamp> {
    let servers = view.machines.iter().filter_map(|(id, row)| server_due(view, *id, row, now)).map(|due| due.max(now));
    let unseen = view.machines.iter().filter(|(id, row)| {
        let key = IncidentKey::new(Scope::Machine(**id), UNSEEN, "");
        row.trusted
            && row.presence != Presence::Online
            && row.last_seen.is_some_and(|seen| seen + UNSEEN_AT_LEAST <= now)
            && incident::find_open(view, &key).is_none()
    });
    servers.chain(unseen.filter_map(|(_, row)| midnight(view.calendar(row.net()), now))).min()
}

/// The end of the day: school days are counted whole.
fn midnight(calendar: &SchoolCalendar, now: Timestamp) -> Option<Timestamp> {
    let tomorrow = calendar.date(now).tomorrow().ok()?;
    calendar.time_zone().to_timestamp(tomorrow.at(0, 0, 0, 0)).ok()
}
