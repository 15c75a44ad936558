//! Stage: who is there. Judged by receipt time up to the low-watermark, never by the machines' own clocks.

use super::{Effect, Input, Presence, View};
use jiff::{SignedDuration, Timestamp};
use vigie_shared::event::Fact;

/// A goodbye this old when it is received was outlived: the machine called after it.
const GOODBYE_FRESH: SignedDuration = SignedDuration::from_secs(30);

/// How long a machine may be unheard before it counts as silent: two heartbeats and up to 15 s for the road.
pub fn patience(interval_s: u32) -> SignedDuration {
    SignedDuration::from_secs(2 * i64::from(interval_s) + i64::from(interval_s.min(15)))
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
                    row.last_seen.filter(|seen| *seen + patience(row.interval_s) <= *upto).map(|seen| (*id, seen))
                })
                .collect();
            for (machine, seen) in late {
                set(view, machine, Presence::Silent, seen, effects);
            }
        }
        _ => {}
    }
}

fn set(
    view: &mut View,
    machine: vigie_shared::id::MachineId,
    presence: Presence,
    since: Timestamp,
    effects: &mut Vec<Effect>,
) {
    if let Some(row) = view.machines.get_mut(&machine)
        && row.presence != presence
    {
        row.presence = presence;
        effects.push(Effect::SetPresence { machine, presence, since });
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
        .filter_map(|row| row.last_seen.map(|seen| seen + patience(row.interval_s)))
        .min()
        .map(|at| at.max(grace_end(view)))
}
