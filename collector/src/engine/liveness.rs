//! Stage: who is there. Judged by receipt time, up to the low-watermark only. Also learns when machines are usually
//! there and how they leave.

use super::{Effect, Habit, Input, Kind, MachineRow, Presence, View};
use jiff::{SignedDuration, Timestamp};
use vigie_shared::event::Fact;
use vigie_shared::id::MachineId;

/// A goodbye this old when it is received was outlived: the machine called after it.
const GOODBYE_FRESH: SignedDuration = SignedDuration::from_secs(30);
/// A machine that leaves the school need not be heard more than once a day.
const NOMADE_PATIENCE: SignedDuration = SignedDuration::from_hours(26);

/// How long a machine may be unheard before it counts as silent: two heartbeats and up to 15 s for the road.
pub fn patience(row: &MachineRow) -> SignedDuration {
    if row.kind == Kind::Nomade {
        return NOMADE_PATIENCE;
    }
    SignedDuration::from_secs(2 * i64::from(row.interval_s) + i64::from(row.interval_s.min(15)))
}

/// Learns how machines went that are heard again; before [`apply`], which changes their presence.
pub fn returns(view: &mut View, inputs: &[Input], effects: &mut Vec<Effect>) {
    for input in inputs {
        let Input::Heard { machine, booted, .. } = input else { continue };
        let Some(row) = view.machines.get(machine).filter(|row| row.presence == Presence::Silent) else { continue };
        let said = |wanted: fn(&Fact) -> bool| {
            inputs
                .iter()
                .any(|input| matches!(input, Input::Event { machine: who, fact, .. } if who == machine && wanted(fact)))
        };
        let slept = booted.is_some() || said(|fact| matches!(fact, Fact::Resumed { .. }));
        let bore_witness = view.incidents.values().any(|incident| incident.witnesses.contains(machine));
        if slept && !bore_witness && !said(|fact| matches!(fact, Fact::Goodbye { .. })) {
            let mut habit = row.habit;
            habit.went(true);
            learn(view, *machine, habit, effects);
        }
    }
}

/// Applies one input to the presence of machines.
pub fn apply(view: &mut View, input: &Input, effects: &mut Vec<Effect>) {
    match input {
        Input::Heard { machine, at, .. } => set(view, *machine, Presence::Online, *at, effects),
        Input::Event { machine, at, received, fact: Fact::Goodbye { .. }, .. }
            if at.duration_until(*received) <= GOODBYE_FRESH =>
        {
            set(view, *machine, Presence::Left, *at, effects);
        }
        Input::Tick { upto } if *upto >= grace_end(view) => {
            let late: Vec<_> = view
                .machines
                .iter()
                .filter(|(_, row)| row.presence == Presence::Online)
                .filter_map(|(id, row)| {
                    row.last_seen.filter(|seen| *seen + patience(row) <= *upto).map(|seen| (*id, seen))
                })
                .collect();
            for (machine, seen) in late {
                set(view, machine, Presence::Silent, seen, effects);
            }
        }
        _ => {}
    }
}

fn set(view: &mut View, machine: MachineId, presence: Presence, since: Timestamp, effects: &mut Vec<Effect>) {
    let Some(row) = view.machines.get_mut(&machine).filter(|row| row.presence != presence) else { return };
    let (was, began, network) = (row.presence, row.since, row.net());
    (row.presence, row.since) = (presence, Some(since));
    effects.push(Effect::SetPresence { machine, presence, since });
    if was != Presence::Online {
        return;
    }
    let (mut habit, until) = (row.habit, row.last_seen.unwrap_or(since));
    habit.attended(view.calendar(network), began.unwrap_or(until).min(until), until);
    if presence == Presence::Left {
        habit.went(false);
    }
    learn(view, machine, habit, effects);
}

fn learn(view: &mut View, machine: MachineId, habit: Habit, effects: &mut Vec<Effect>) {
    if let Some(row) = view.machines.get_mut(&machine).filter(|row| row.habit != habit) {
        row.habit = habit;
        effects.push(Effect::SetHabit { machine, habit });
    }
}

/// Until when nobody is missed: after an absence of the collector every agent gets its back-off cap and one heartbeat.
pub fn grace_end(view: &View) -> Timestamp {
    let Some(absence) = view.absence else { return Timestamp::MIN };
    let longest =
        view.machines.values().map(|m| i64::from(m.backoff_cap_s) + i64::from(m.interval_s)).max().unwrap_or(0);
    absence.until + SignedDuration::from_secs(longest)
}

/// When the next machine that is online becomes late, if nobody is heard until then.
pub fn next_wake(view: &View) -> Option<Timestamp> {
    view.machines
        .values()
        .filter(|row| row.presence == Presence::Online)
        .filter_map(|row| row.last_seen.map(|seen| seen + patience(row)))
        .min()
        .map(|at| at.max(grace_end(view)))
}
