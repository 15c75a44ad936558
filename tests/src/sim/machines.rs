//! What machines go through: switched on and off, asleep, installed anew, copied; and the start of their agents.

use super::action::{How, Machines};
use super::agent::Power;
use super::drive::{Drive, Event};
use super::time::{MINUTE, SECOND};
use super::world::{Kind, Machine};
use super::{Ms, sight};
use anyhow::{Context, Result};
use vigie_agent::checks::confirm::Confirmation;
use vigie_agent::checks::internet::quality::Window;
use vigie_shared::event::{Fact, GoodbyeReason};
use vigie_shared::id::{BootId, StreamId};

/// How long a machine that restarts is away.
const RESTART: Ms = 90 * SECOND;
/// The same when it installs updates.
const UPDATE: Ms = 10 * MINUTE;
/// From a new installation to its first start.
const REIMAGE: Ms = 30 * MINUTE;

const HOWS: [How; 7] =
    [How::Shutdown, How::Suspend, How::FastStartup, How::PowerCut, How::Crash, How::Restart, How::Update];

/// How a machine goes off, from its number.
pub(super) fn how(number: u8) -> How {
    HOWS.get(usize::from(number)).copied().unwrap_or(How::Shutdown)
}

/// The number of a way to go off.
pub(super) fn number(how: How) -> u8 {
    HOWS.iter().position(|one| *one == how).and_then(|n| u8::try_from(n).ok()).unwrap_or_default()
}

impl Drive {
    /// A machine is switched on or woken.
    pub(super) fn on(&mut self, number: usize) -> Result<()> {
        let now = self.now;
        let machine = self.machine_mut(number)?.clone();
        if !self.world.has_current(&machine) && !matches!(machine.kind, Kind::Laptop | Kind::Nomade) {
            return Ok(());
        }
        let agent = self.agents.get_mut(number).context("an agent")?;
        match agent.power {
            Power::On => Ok(()),
            Power::Off => {
                agent.power = Power::On;
                agent.boot = BootId(agent.rng.uuid());
                agent.boot_at = now;
                let starts = now + agent.rng.between(15 * SECOND, 45 * SECOND);
                agent.starts_at = Some(starts);
                self.push(starts, Event::Start(number));
                Ok(())
            }
            Power::Asleep => self.wake_up(number),
        }
    }

    fn wake_up(&mut self, number: usize) -> Result<()> {
        let now = self.now;
        let agent = self.agents.get_mut(number).context("an agent")?;
        agent.power = Power::On;
        let slept_ms = u64::try_from(now - agent.asleep_at).unwrap_or_default();
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        agent.sight = Some(sight::of(&self.world, machine, agent.addressed));
        let noticed = now + agent.rng.between(SECOND, 10 * SECOND);
        let at = agent.moment(machine, noticed);
        agent.happened(at, Fact::Resumed { slept_ms });
        agent.look_at = Some(noticed);
        agent.looked = None;
        agent.volume_at = Some(noticed);
        self.ask(number, noticed, true);
        self.follow(number);
        Ok(())
    }

    /// The agent's process starts: a new stream on what the disk keeps.
    pub(super) fn start(&mut self, number: usize) -> Result<()> {
        let now = self.now;
        if self.agents.get(number).is_some_and(|agent| agent.peer.is_none()) {
            self.enrol(number, now)?;
        }
        let agent = self.agents.get_mut(number).context("an agent")?;
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        agent.starts_at = None;
        agent.thaw();
        agent.running = true;
        let stream = StreamId(agent.rng.uuid_at(now));
        agent.spool.begin(stream);
        (agent.internet, agent.volume) = (Confirmation::default(), Confirmation::default());
        (agent.looked, agent.connected, agent.failures, agent.not_before) = (None, false, 0, 0);
        (agent.window, agent.foreign, agent.rough_until) = (Window::default(), false, 0);
        agent.addressed = sight::of(&self.world, machine, false).address;
        agent.sight = Some(sight::of(&self.world, machine, agent.addressed));
        let at = agent.moment(machine, now);
        let hardware = super::agent::hardware(machine);
        agent.happened(at, Fact::Started { version: "simulated".to_owned(), hardware });
        agent.look_at = Some(now + SECOND);
        agent.volume_at = Some(now + SECOND);
        self.plan_first_call(number);
        if let Some(agent) = self.agents.get(number) {
            let looks = [(agent.look_at, Event::Look(number)), (agent.volume_at, Event::Volume(number))];
            for (at, event) in looks {
                at.into_iter().for_each(|at| self.push(at, event.clone()));
            }
        }
        Ok(())
    }

    /// A machine goes off.
    pub(super) fn off(&mut self, number: usize, how: How) -> Result<()> {
        if self.agents.get(number).context("an agent")?.power != Power::On {
            return Ok(());
        }
        let now = self.now;
        self.say_goodbye(number, how)?;
        let asleep = matches!(how, How::Suspend | How::FastStartup) && self.is_running(number);
        self.go_off(number, if asleep { Power::Asleep } else { Power::Off })?;
        match how {
            How::Restart => self.push(now + RESTART, Event::On(number)),
            How::Update => self.push(now + UPDATE, Event::On(number)),
            _ => {}
        }
        Ok(())
    }

    fn say_goodbye(&mut self, number: usize, how: How) -> Result<()> {
        let now = self.now;
        let reason = match how {
            How::Shutdown => Some(GoodbyeReason::Shutdown),
            How::Restart | How::Update => Some(GoodbyeReason::Restart),
            How::Suspend => Some(GoodbyeReason::Suspend),
            How::FastStartup | How::PowerCut | How::Crash => None,
        };
        if let Some(reason) = reason.filter(|_| self.is_running(number)) {
            let agent = self.agents.get_mut(number).context("an agent")?;
            let machine = self.world.machines.get(agent.machine).context("a machine")?;
            let at = agent.moment(machine, now);
            agent.happened(at, Fact::Goodbye { reason });
            self.tell_goodbye(number)?;
        }
        Ok(())
    }

    fn leave_for_another_system(&mut self, number: usize) -> Result<()> {
        self.say_goodbye(number, How::Restart)?;
        self.go_off(number, Power::Off)
    }

    pub(super) fn go_off(&mut self, number: usize, power: Power) -> Result<()> {
        let now = self.now;
        let agent = self.agents.get_mut(number).context("an agent")?;
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        if let Some(sight) = agent.sight.clone().filter(|_| agent.running && agent.power == Power::On) {
            super::looks::catch_up(agent, machine, &sight, now, &self.policy.internet);
        }
        let was_beating = agent.halt(now);
        agent.power = power;
        agent.asleep_at = now;
        if power == Power::Off {
            agent.running = false;
        }
        if was_beating {
            self.disturb(number);
        }
        Ok(())
    }

    pub(super) fn kill_agent(&mut self, number: usize) -> Result<()> {
        if self.is_running(number) {
            self.go_off(number, Power::On)?;
            self.agents.get_mut(number).context("an agent")?.running = false;
        }
        Ok(())
    }

    pub(super) fn restart_agent(&mut self, number: usize) -> Result<()> {
        let agent = self.agents.get(number).context("an agent")?;
        if agent.power == Power::On && !agent.running { self.start(number) } else { Ok(()) }
    }

    pub(super) fn reimage(&mut self, machines: &Machines) -> Result<()> {
        for number in self.some(machines)? {
            let at = self.now + REIMAGE + self.spread(number, 300);
            if self.agents.get(number).is_some_and(|agent| agent.power != Power::Off) {
                self.go_off(number, Power::Off)?;
            }
            let agent = self.agents.get_mut(number).context("an agent")?;
            (agent.spool, agent.memory, agent.held) = Default::default();
            agent.image = None;
            // The clean disk enrols on its own: another machine to the collector until its hardware tells.
            self.enrol(number, at)?;
            self.push(at, Event::On(number));
        }
        Ok(())
    }

    pub(super) fn clone_disk(&mut self, of: &Machines, name: &str) -> Result<()> {
        let first = *self.some(of)?.first().context("a machine to copy")?;
        let source = self.agents.get(first).context("an agent")?.clone();
        let mut machine = self.machine_mut(first)?.clone();
        (machine.name, machine.serial) = (name.to_owned(), format!("{}-{name}", machine.school));
        self.world.machines.push(machine);
        let number = self.agents.len();
        let mut copy = source.clone();
        copy.machine = self.world.machines.len() - 1;
        copy.rng = self.world.rng.fork(u64::try_from(number)?);
        (copy.power, copy.running, copy.sight, copy.beat, copy.owed) = (Power::Off, false, None, None, None);
        copy.halt(self.now);
        let place = self.place_of(copy.machine)?;
        self.agents.push(copy);
        self.places.get_mut(place).context("a school")?.agents.push(number);
        self.push(self.now, Event::On(number));
        Ok(())
    }

    pub(super) fn dual_boot(&mut self, of: &Machines, system: &str) -> Result<()> {
        let now = self.now;
        for number in self.some(of)? {
            let machine = self.machine_mut(number)?.clone();
            let name = format!("{}-{system}", machine.name);
            let same = |m: &Machine| m.school == machine.school && m.name == name;
            let known = self.agents.iter().position(|a| self.world.machines.get(a.machine).is_some_and(same));
            let other = match known {
                Some(other) => other,
                None => {
                    let mut twin = machine.clone();
                    (twin.name, twin.hardware_of) = (name.clone(), Some(machine.name.clone()));
                    self.world.machines.push(twin);
                    self.add_agent(self.world.machines.len() - 1, now)?
                }
            };
            let on = |agent: usize| self.agents.get(agent).is_some_and(|agent| agent.power == Power::On);
            let (from, to) = if on(other) { (other, number) } else { (number, other) };
            if on(from) {
                self.leave_for_another_system(from)?;
            }
            self.push(now + RESTART, Event::On(to));
        }
        Ok(())
    }
}
