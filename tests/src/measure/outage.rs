//! A school line that is really cut: how long until the ticket, how wrong its start, how long until it is resolved.

use crate::fake::now_ms;
use crate::stage::{Stage, policy};
use crate::wait::{stays_true, wait_for};
use crate::world::World;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Heartbeat and look interval, seconds.
    pub heartbeat_s: u32,
    /// Machines of the school.
    pub machines: usize,
    /// Seed of phases and of the kind of cut.
    pub seed: u64,
}

/// Measures and prints.
pub fn run(options: Options) -> Result<()> {
    let result = measure(World::alone()?, options)?;
    println!("{result}");
    Ok(())
}

/// Whether these options cut the line silently rather than hard.
pub fn is_silent(options: Options) -> bool {
    Dice::new(options.seed).next().is_multiple_of(2)
}

/// One cut and its repair, in `world`.
pub fn measure(world: World, options: Options) -> Result<Value> {
    let Options { heartbeat_s, machines, seed } = options;
    let silently = is_silent(options);
    let mut dice = Dice::new(seed);
    let beat = Duration::from_secs(u64::from(heartbeat_s));
    let policy = policy(heartbeat_s);
    eprintln!("outage: {machines} machines, heartbeat {heartbeat_s} s, seed {seed}");
    let mut stage = Stage::enrolled_in(world, machines, &policy)?;
    for machine in &mut stage.machines {
        machine.start()?;
        // School machines are not switched on at the same instant.
        pass(dice.part_of(beat.min(Duration::from_secs(10))))?;
    }
    stage.wait_all_well(&policy)?;
    let phase = dice.part_of(beat);
    eprintln!("  all well; cutting in {:.1} s", phase.as_secs_f32());
    pass(phase)?;

    let school = &stage.world.schools[0];
    let cut_ms = now_ms();
    if silently {
        school.cut_line_silently()?
    } else {
        school.cut_line()?
    }
    eprintln!("  line cut ({})", if silently { "packets vanish" } else { "link down" });
    stage.wait_ticket(beat * 5 + Duration::from_secs(60))?;
    let ticket_ms = now_ms();
    eprintln!("  ticket after {:.1} s", seconds(ticket_ms - cut_ms));

    // An outage lasts: nothing more may be opened meanwhile.
    let store = stage.store()?;
    let lasting = beat + dice.part_of(beat);
    let mut most = 0;
    stays_true("one ticket", lasting, || {
        most = store.tickets().map_or(most, |tickets| most.max(tickets.len()));
        true
    })?;

    let restored_ms = now_ms();
    stage.restore()?;
    eprintln!("  line restored");
    let ticket = stage.wait_resolved(beat * 5 + Duration::from_secs(60))?;
    let resolved_ms = now_ms();
    eprintln!("  resolved after {:.1} s", seconds(resolved_ms - restored_ms));

    // Late evidence (what agents saw and could not send) refines the start: it is all there once every machine has
    // been heard again and has nothing more to say.
    stage.wait_all_well(&policy)?;
    stage.wait_all_told(beat * 3 + Duration::from_secs(20))?;
    let incident = wait_for("the incident of the school", beat * 2, || store.school_incident().ok().flatten())?;
    let tickets = store.tickets()?.len().max(most);
    Ok(json!({
        "cut_to_ticket_s": seconds(ticket_ms - cut_ms),
        "start_error_s": seconds((incident.start_ms() - cut_ms).abs()),
        "restored_to_resolved_s": seconds(resolved_ms - restored_ms),
        "tickets": tickets,
        "end_error_s": seconds((ticket.restored_ms.or(incident.end_ms()).context("no end")? - restored_ms).abs()),
        "heartbeat_s": heartbeat_s,
        "machines": machines,
        "seed": seed,
        "cut": if silently { "silent" } else { "hard" },
    }))
}

fn pass(time: Duration) -> Result<()> {
    stays_true("time", time, || true)
}

fn seconds(milliseconds: i64) -> f64 {
    let tenths = (milliseconds + 50).div_euclid(100);
    f64::from(i32::try_from(tenths).unwrap_or(i32::MAX)) / 10.0
}

/// Reproducible randomness (xorshift64, Marsaglia 2003).
pub struct Dice(u64);

impl Dice {
    /// The same seed throws the same numbers.
    pub fn new(seed: u64) -> Self {
        // Any seed but zero; spread, so that small seeds differ from the first throw on.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One throw.
    #[allow(clippy::should_implement_trait, reason = "dice have no end")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Anything below `whole`.
    pub fn part_of(&mut self, whole: Duration) -> Duration {
        let milliseconds = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(self.next() % milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_phases_and_they_stay_within_the_whole() {
        let throw = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| dice.part_of(Duration::from_secs(60))).collect::<Vec<_>>()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(9));
        assert!(throw(7).iter().all(|phase| *phase < Duration::from_secs(60)));
    }
}
