//! Looks of simulated agents: the world gives the steps, the product's own judge, memory and confirmation do the rest.
//! A look that would only repeat the last one is not made; the last of them is caught up with when something changes.

use super::agent::{ASKED_MS, Agent};
use super::drive::{Drive, Event};
use super::sight::Sight;
use super::world::Machine;
use super::{Ms, sight};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use vigie_agent::checks::confirm::Rule;
use vigie_agent::checks::internet::judge::{judge, verdict};
use vigie_agent::checks::internet::quality::{Measured, Series, Verdict};
use vigie_agent::checks::internet::rule;
use vigie_agent::checks::internet::step::Steps;
use vigie_agent::checks::volume_space;
use vigie_agent::source::VolumeUse;
use vigie_shared::check::{CheckResult, CheckState, INTERNET};
use vigie_shared::event::Fact;
use vigie_shared::policy::InternetPolicy;

/// Looks that are caught up with at most.
const CATCH_UP: i64 = 60;
/// Size of every simulated volume, bytes.
const VOLUME: u64 = 256 << 30;

impl Drive {
    /// Looks at the way to the internet.
    pub(super) fn look(&mut self, number: usize) -> Result<()> {
        let now = self.now;
        let policy = self.policy.internet.clone();
        let agent = self.agents.get_mut(number).context("an agent")?;
        agent.look_at = None;
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        let sight = sight::of(&self.world, machine, agent.addressed);
        let at = agent.moment(machine, now);
        let mut steps = sight.steps(agent.foreign, &mut agent.rng);
        let series = sight.series(&mut agent.rng);
        steps.quality = measure(agent, &steps.network, at.up_ms, series, &policy);
        let result = result(agent, &steps);
        agent.memory.learn(&steps);
        let rough = sight.is_chancy() || steps.quality.is_some_and(|measured| measured.verdict != Verdict::Good);
        if rough {
            agent.rough_until = now + (Ms::from(policy.quality.window_s) + 60) * 1000;
        }
        let change = agent.internet.observe(at, &result, rule(Some(&steps), &result, &policy));
        let ended = now + sight.look_takes(&steps);
        let every = Ms::from(policy.every_s) * 1000;
        let steady = !agent.internet.is_pending() && now > agent.rough_until;
        // Another look would learn what works and may judge otherwise: only one that repeats the last is left out.
        let repeats =
            agent.looked.as_ref().is_some_and(|(_, last)| (last.state, &last.reason) == (result.state, &result.reason));
        agent.looked = Some((now, result));
        agent.sight = Some(sight);
        if !steady || !repeats || change.is_some() {
            let wait = if agent.internet.is_pending() { every.min((every / 4).max(5_000)) } else { every };
            agent.look_at = Some((now + wait).max(ended));
        }
        self.figures.looks += 1;
        if let Some(change) = change {
            let reopened = change.result.check == INTERNET && change.result.state == CheckState::Ok;
            let fact = Fact::Check { result: change.result, bracket_ms: change.bracket_ms };
            agent.happened(change.since, fact);
            self.ask(number, ended, reopened);
        }
        self.follow(number);
        Ok(())
    }

    /// Looks at the volume: thresholds and hysteresis are the product's.
    pub(super) fn look_at_volume(&mut self, number: usize) -> Result<()> {
        let now = self.now;
        let policy = self.policy.volume_space.clone();
        let agent = self.agents.get_mut(number).context("an agent")?;
        agent.volume_at = None;
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        let volume = VolumeUse {
            mount_point: "/".to_owned(),
            device: "/dev/sda1".to_owned(),
            file_system: "ext4".to_owned(),
            total_bytes: VOLUME,
            free_bytes: VOLUME / 100 * u64::from(machine.free_percent),
            read_only: false,
        };
        let previous: BTreeMap<String, CheckState> =
            agent.volume.believed().map(|(state, _)| ("/".to_owned(), *state)).into_iter().collect();
        let at = agent.moment(machine, now);
        let gap_max_ms = Ms::from(policy.every_s).unsigned_abs() * 2000;
        let rule = Rule { needed: 1, gap_max_ms, one_reason: false };
        let mut told = false;
        for result in volume_space::look(&[volume], &policy, &previous) {
            if let Some(change) = agent.volume.observe(at, &result, rule) {
                agent.happened(change.since, Fact::Check { result: change.result, bracket_ms: change.bracket_ms });
                told = true;
            }
        }
        if told {
            self.ask(number, now, false);
            self.follow(number);
        }
        Ok(())
    }

    /// What the agent of a running machine sees has changed, or may have: it looks and calls on its own again.
    pub(super) fn notice(&mut self, number: usize) -> Result<()> {
        if !self.is_running(number) {
            return Ok(());
        }
        let now = self.now;
        let agent = self.agents.get_mut(number).context("an agent")?;
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        agent.addressed |= sight::of(&self.world, machine, false).address;
        let sight = sight::of(&self.world, machine, agent.addressed);
        let Some(before) = agent.sight.replace(sight.clone()) else { return Ok(()) };
        if before == sight {
            return Ok(());
        }
        catch_up(agent, machine, &before, now, &self.policy.internet);
        if before.egress != sight.egress || before.network != sight.network {
            agent.connected = false;
        }
        look_again(agent, machine, now, &self.policy.internet);
        let beating = {
            // Whoever beat before the change is heard at its last beat with what it saw then.
            let owed_from = before.egress;
            let stopped = agent.stop_beating(now);
            if stopped && owed_from != sight.egress { Some(owed_from) } else { None }
        };
        if let Some(egress) = beating {
            // The heartbeat that is owed was sent from the old address: it is applied before the new one is seen.
            let place = self.place_of(self.agents.get(number).context("an agent")?.machine)?;
            if let Some(seen) = self.agents.get_mut(number).and_then(|agent| agent.sight.as_mut()) {
                seen.egress = egress;
            }
            self.flush(place, vec![])?;
            if let Some(agent) = self.agents.get_mut(number) {
                agent.sight = Some(sight);
            }
        }
        self.disturb(number);
        self.follow(number);
        Ok(())
    }

    /// A call is wanted soon; `reopened`: even in the middle of a back-off.
    pub(super) fn ask(&mut self, number: usize, at: Ms, reopened: bool) {
        let Some(agent) = self.agents.get_mut(number) else { return };
        if agent.spool.is_empty() || (!reopened && agent.failures > 0) {
            return;
        }
        let now = self.now;
        let was_beating = agent.stop_beating(now);
        let soon = (at + agent.rng.up_to(ASKED_MS)).max(agent.not_before);
        agent.call_at = Some(agent.call_at.map_or(soon, |call| call.min(soon)));
        if was_beating {
            self.disturb(number);
        }
        if let Some(call) = self.agents.get(number).and_then(|agent| agent.call_at) {
            self.push(call, Event::Call(number));
        }
    }
}

/// What a look says. Of one that says what is believed nobody reads the evidence: it is left out, because it takes longer
/// than all the rest.
fn result(agent: &Agent, steps: &Steps) -> CheckResult {
    let seen = verdict(steps, &agent.memory);
    if agent.internet.believed() != Some(&seen) {
        return judge(steps, &agent.memory);
    }
    let (state, reason) = seen;
    CheckResult { check: INTERNET.to_owned(), instance: String::new(), state, reason, evidence: BTreeMap::new() }
}

/// Looks that only repeated themselves were not made: the last of them counts, and the next one is made.
pub(super) fn look_again(agent: &mut Agent, machine: &Machine, now: Ms, policy: &InternetPolicy) {
    let every = Ms::from(policy.every_s) * 1000;
    let Some((first, result)) = agent.looked.clone().filter(|_| agent.look_at.is_none()) else { return };
    // It only repeats what is believed: how many of these would have been needed does not matter.
    let rule = rule(None, &result, policy);
    let last = first + (now - first).div_euclid(every) * every;
    if last > first {
        // In between there was no gap either: two looks in the same cadence.
        if last - every > first {
            let before_last = agent.moment(machine, last - every);
            drop(agent.internet.observe(before_last, &result, Rule { gap_max_ms: u64::MAX, ..rule }));
        }
        let at = agent.moment(machine, last);
        drop(agent.internet.observe(at, &result, rule));
        agent.looked = Some((last, result));
    }
    agent.look_at = Some(last + every);
}

/// What the looks that only repeated the last one would have measured, as far as it can still matter.
pub(super) fn catch_up(agent: &mut Agent, machine: &Machine, sight: &Sight, now: Ms, policy: &InternetPolicy) {
    let every = Ms::from(policy.every_s) * 1000;
    let Some((first, _)) = agent.looked.as_ref().filter(|_| agent.look_at.is_none()) else { return };
    let (first, count) = (*first, (now - first).div_euclid(every));
    // Half an hour of looks makes what is usual known, the window is shorter.
    for n in (count - CATCH_UP).max(1)..=count {
        let up_ms = agent.moment(machine, first + n * every).up_ms;
        let network = sight.network.clone();
        let series = sight.series(&mut agent.rng);
        let _ = measure(agent, &network, up_ms, series, policy);
    }
}

/// Loss and latency over the last looks: the product's own window, on what this look measured.
fn measure(
    agent: &mut Agent,
    network: &str,
    up_ms: u64,
    series: (Series, Series),
    policy: &InternetPolicy,
) -> Option<Measured> {
    let target = *policy.icmp.first()?;
    let mut usual = agent.memory.usual(network, target);
    let measured = agent.window.look(up_ms, network, series, &mut usual, &policy.quality);
    agent.memory.learn_usual(network, target, usual);
    Some(measured)
}
