//! What happens: actions change the world, and every agent that sees something else is told so.

use super::Ms;
use super::action::{Action, LineRef, Machines, NetRef, Which};
use super::agent::Power;
use super::drive::{Drive, Event};
use super::machines::number;
use super::time::SECOND;
use super::world::{CollectorState, Kind, Machine, Network, NetworkKind, Part, School};
use anyhow::{Context, Result, bail};

impl Drive {
    /// Does an action of the plan.
    pub(super) fn act(&mut self, planned: usize) -> Result<()> {
        let action = self.plan.get(planned).context("a planned action")?.clone();
        let now = self.now;
        match action.clone() {
            Action::CutLine { line } => {
                self.line(&line, |line| line.up = false)?;
                self.line_changed(&line.school)?;
            }
            Action::RestoreLine { line } => {
                self.line(&line, |line| {
                    (line.up, line.loss_percent, line.latency_ms, line.saturated) = (true, 0, 0, false);
                })?;
                self.line_changed(&line.school)?;
            }
            Action::DegradeLine { line, loss_percent, latency_ms, saturated } => self.line(&line, |line| {
                (line.loss_percent, line.latency_ms, line.saturated) = (loss_percent, latency_ms, saturated);
            })?,
            Action::RouterPing { line, answers } => self.line(&line, |line| line.answers_ping = answers)?,
            Action::FailOver { net, line } => {
                for kind in self.kinds(&net)? {
                    self.world.over.insert((net.school.clone(), kind), line.clone());
                }
            }
            Action::FailBack { net } => {
                for kind in self.kinds(&net)? {
                    self.world.over.remove(&(net.school.clone(), kind));
                }
            }
            Action::Dns { net, state } => self.networks(&net, |network| network.dns = state)?,
            Action::Dhcp { net, dead } => self.networks(&net, |network| network.dhcp_dead = dead)?,
            Action::Portal { net, on } => self.networks(&net, |network| network.portal = on)?,
            Action::Filter { net, dead } => self.networks(&net, |network| network.filter_dead = dead)?,
            Action::Network { net, down } => self.networks(&net, |network| network.down = down)?,
            Action::Icmp { school, blocked } => self.school_mut(&school)?.icmp_blocked = blocked,
            Action::CollectorName { school, blocked } => self.school_mut(&school)?.collector_blocked = blocked,
            Action::Tls { school, intercepted } => self.school_mut(&school)?.tls_intercepted = intercepted,
            Action::Directory { school, up } => self.school_mut(&school)?.directory_up = up,
            Action::Switch { school, switch, down } => {
                part(&mut self.school_mut(&school)?.switches, &switch)?.up = !down;
            }
            Action::Power { school, room, on } => self.power(&school, room.as_deref(), on)?,
            Action::On { machines, within_s } => {
                for number in self.some(&machines)? {
                    let at = now + self.spread(number, within_s);
                    self.push(at, Event::On(number));
                }
            }
            Action::Off { machines, how, within_s } => {
                for agent in self.some(&machines)? {
                    let at = now + self.spread(agent, within_s);
                    self.push(at, Event::Off(agent, number(how)));
                }
            }
            Action::Leave { machines } => self.machines(&machines, |machine| machine.away = true)?,
            Action::Return { machines } => self.machines(&machines, |machine| machine.away = false)?,
            Action::Collector { state } => self.collector(state)?,
            Action::Reimage { machines } => self.reimage(&machines)?,
            Action::Clone { machine, name } => self.clone_disk(&machine, &name)?,
            Action::Freeze { machines } => {
                for number in self.some(&machines)? {
                    let agent = self.agents.get_mut(number).context("an agent")?;
                    agent.freeze();
                    self.machine_mut(number)?.frozen = true;
                }
            }
            Action::DualBoot { machine, system } => self.dual_boot(&machine, &system)?,
            Action::Clock { machines, to } => self.machines(&machines, |machine| machine.wall_error_ms = to - now)?,
            Action::Space { machines, free_percent } => {
                self.machines(&machines, |machine| machine.free_percent = free_percent)?;
                self.space_changed(&machines)?;
            }
            Action::Agents { machines, running } => {
                for number in self.some(&machines)? {
                    if running { self.restart_agent(number)? } else { self.kill_agent(number)? }
                }
            }
            Action::Approve => {
                self.settle()?;
                self.port.approve_all(now)?;
                self.take_notes();
            }
            Action::PhoneCall { .. } | Action::Maintenance { .. } | Action::Closure { .. } | Action::Take { .. } => {
                self.people(&action)?;
            }
        }
        self.notice_all(action.school())
    }

    /// What people do in the store. What it refuses is kept to be said.
    fn people(&mut self, action: &Action) -> Result<()> {
        let now = self.now;
        let uai = action.school().unwrap_or_default();
        let place = *self.of_uai.get(uai).with_context(|| format!("school {uai}"))?;
        self.flush(place, vec![])?;
        let done = match action {
            Action::PhoneCall { subject, .. } => self.port.phone_call(uai, subject, now),
            Action::Maintenance { from, to, reason, .. } => self.port.maintenance(uai, (*from, *to), reason, now),
            Action::Closure { from, to, reason, .. } => self.port.closure(uai, (*from, *to), reason, now),
            Action::Take { check, .. } => self.port.take_ticket(uai, check, now),
            _ => Ok(()),
        };
        if let Err(error) = done {
            self.unsupported.push((now, error.to_string()));
        }
        self.take_notes();
        // What was entered may make the engine want another look.
        self.wake(place);
        Ok(())
    }

    // ── the world ────────────────────────────────────────────────────────────────────────────────────────────────

    fn school_mut(&mut self, uai: &str) -> Result<&mut School> {
        self.world.school_mut(uai).with_context(|| format!("there is no school {uai} in the world"))
    }

    fn line(&mut self, line: &LineRef, change: impl FnOnce(&mut super::world::Line)) -> Result<()> {
        let school = self.school_mut(&line.school)?;
        let found = match &line.name {
            Some(name) => school.lines.iter_mut().find(|line| line.name == *name),
            None => school.lines.first_mut(),
        };
        change(found.with_context(|| format!("school {} has no line {:?}", line.school, line.name))?);
        Ok(())
    }

    fn kinds(&mut self, net: &NetRef) -> Result<Vec<NetworkKind>> {
        let school = self.school_mut(&net.school)?;
        let all = school.networks.iter().map(|network| network.kind);
        let kinds: Vec<_> = all.filter(|kind| net.network.is_none_or(|wanted| wanted == *kind)).collect();
        if kinds.is_empty() {
            bail!("school {} has no network {:?}", net.school, net.network);
        }
        Ok(kinds)
    }

    fn networks(&mut self, net: &NetRef, change: impl Fn(&mut Network)) -> Result<()> {
        let kinds = self.kinds(net)?;
        let school = self.school_mut(&net.school)?;
        school.networks.iter_mut().filter(|network| kinds.contains(&network.kind)).for_each(change);
        Ok(())
    }

    /// The agents of some machines.
    pub(super) fn some(&self, machines: &Machines) -> Result<Vec<usize>> {
        let place = self.of_uai.get(&machines.school).and_then(|place| self.places.get(*place));
        let place = place.with_context(|| format!("there is no school {} in the world", machines.school))?;
        let wanted = |machine: &Machine| match &machines.which {
            Which::All => machine.hardware_of.is_none(),
            Which::Kind(kind) => machine.kind == *kind && machine.hardware_of.is_none(),
            Which::Room(room) => machine.room.as_ref() == Some(room),
            Which::Switch(switch) => machine.switch.as_ref() == Some(switch),
            Which::Network(network) => machine.network == *network,
            Which::Named(names) => names.contains(&machine.name),
        };
        let machine = |number: &usize| self.agents.get(*number).and_then(|a| self.world.machines.get(a.machine));
        let found: Vec<usize> =
            place.agents.iter().copied().filter(|number| machine(number).is_some_and(wanted)).collect();
        if found.is_empty() {
            bail!("school {} has no machine that is {:?}", machines.school, machines.which);
        }
        Ok(found)
    }

    pub(super) fn machine_mut(&mut self, number: usize) -> Result<&mut Machine> {
        let machine = self.agents.get(number).context("an agent")?.machine;
        self.world.machines.get_mut(machine).context("a machine")
    }

    fn machines(&mut self, machines: &Machines, change: impl Fn(&mut Machine)) -> Result<()> {
        for number in self.some(machines)? {
            change(self.machine_mut(number)?);
        }
        Ok(())
    }

    pub(super) fn spread(&mut self, number: usize, within_s: u32) -> Ms {
        let within = Ms::from(within_s) * SECOND;
        self.agents.get_mut(number).map_or(0, |agent| agent.rng.up_to(within))
    }

    /// Agents of a school, or all, look whether they see something else.
    pub(super) fn notice_all(&mut self, school: Option<&str>) -> Result<()> {
        self.probe_alert();
        let places: Vec<usize> = match school {
            Some(uai) => self.of_uai.get(uai).copied().into_iter().collect(),
            None => (0..self.places.len()).collect(),
        };
        for place in places {
            let members = self.places.get(place).map(|place| place.agents.clone()).unwrap_or_default();
            for number in members {
                self.notice(number)?;
            }
        }
        Ok(())
    }

    /// A back-up line takes over by itself some time after the preferred one was cut, and gives back likewise.
    fn line_changed(&mut self, uai: &str) -> Result<()> {
        let number = *self.of_uai.get(uai).context("a school")?;
        let school = self.world.schools.get(number).context("a school")?;
        let Some(after) = school.lines.iter().find_map(|line| line.takes_over_after_s) else { return Ok(()) };
        let at = self.now + Ms::from(after) * SECOND;
        self.push(at, Event::Over(number, true));
        self.push(at, Event::Over(number, false));
        Ok(())
    }

    pub(super) fn take_over(&mut self, number: usize, over: bool) -> Result<()> {
        let school = self.world.schools.get(number).context("a school")?;
        let uai = school.uai.clone();
        for kind in school.networks.iter().map(|network| network.kind).collect::<Vec<_>>() {
            let school = self.world.schools.get(number).context("a school")?;
            let preferred = school.carrier(kind, None).is_some_and(|line| line.up);
            let meant = |line: &&super::world::Line| line.takes_over_after_s.is_some();
            let backup = school.lines.iter().filter(meant).find(|line| line.only.is_none_or(|only| only == kind));
            let key = (uai.clone(), kind);
            match backup {
                Some(line) if over && !preferred && !self.world.over.contains_key(&key) => {
                    let name = line.name.clone();
                    self.world.over.insert(key, name);
                }
                Some(_) if !over && preferred => drop(self.world.over.remove(&key)),
                _ => {}
            }
        }
        self.notice_all(Some(&uai))
    }

    fn power(&mut self, uai: &str, room: Option<&str>, on: bool) -> Result<()> {
        let school = self.school_mut(uai)?;
        match room {
            Some(room) => part(&mut school.rooms, room)?.up = on,
            None => school.power = on,
        }
        let place = *self.of_uai.get(uai).context("a school")?;
        let members = self.places.get(place).map(|place| place.agents.clone()).unwrap_or_default();
        for number in members {
            let machine = self.machine_mut(number)?.clone();
            let fed = self.world.has_current(&machine);
            let battery = matches!(machine.kind, Kind::Laptop | Kind::Nomade);
            let power = self.agents.get(number).context("an agent")?.power;
            if !fed && !battery && power != Power::Off {
                self.go_off(number, Power::Off)?;
            }
            if fed && on && machine.restores_power && power == Power::Off {
                let at = self.now + self.spread(number, 30);
                self.push(at, Event::On(number));
            }
        }
        Ok(())
    }

    fn collector(&mut self, state: CollectorState) -> Result<()> {
        let now = self.now;
        let before = self.world.collector;
        if before == state {
            return Ok(());
        }
        // What was received until now was applied until now.
        self.settle()?;
        if state == CollectorState::Down {
            self.port.stops(now)?;
        }
        self.world.collector = state;
        if before == CollectorState::Down {
            self.port.starts(now)?;
            self.wake_all();
        }
        Ok(())
    }

    fn space_changed(&mut self, machines: &Machines) -> Result<()> {
        let every = Ms::from(self.policy.volume_space.every_s) * SECOND;
        for number in self.some(machines)? {
            let at = self.now + self.agents.get_mut(number).map_or(0, |agent| agent.rng.up_to(every));
            if self.is_running(number)
                && let Some(agent) = self.agents.get_mut(number)
            {
                agent.volume_at = Some(at);
                self.push(at, Event::Volume(number));
            }
        }
        Ok(())
    }
}

fn part<'a>(parts: &'a mut [Part], name: &str) -> Result<&'a mut Part> {
    parts.iter_mut().find(|part| part.name == name).with_context(|| format!("there is no « {name} » in this school"))
}
