//! The virtual clock: what happens next, in order; the store is called exactly when something could come of it.
//!
//! A heartbeat that changes nothing only overwrites when a machine was last heard, so it is computed rather than made:
//! before a school is looked at, or anything else is said there, the latest heartbeat that was due of each of its
//! machines is applied. With [`Options::leap`] a school is not even looked at until a machine stops to beat, or the
//! engine has a reason of its own ([`super::decider`]); without it the ticker claims what is due, as in production. Both
//! give the same tickets (`tests/tests/simulation.rs`).

use super::agent::{Agent, Power};
use super::decider::{Note, Overheard};
use super::found::Found;
use super::prober::Prober;
use super::store_port::Port;
use super::time::{HOUR, shown, stamp};
use super::world::{CollectorState, World};
use super::{Ms, action::Action, sight};
use anyhow::{Context, Result, bail};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use vigie_collector::store::{Item, Receipt, StoreError, SyncItem};
use vigie_shared::id::SchoolId;
use vigie_shared::limits::SCHEMA;
use vigie_shared::policy::Policy;
use vigie_shared::sync::SyncRequest;

/// How the simulation is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Leave out looks at schools in which nothing can have changed.
    pub leap: bool,
    /// Agents tell their inventory (two more calls at each change of a check).
    pub inventory: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { leap: true, inventory: true }
    }
}

/// One thing to do at an instant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// An action of the plan.
    Act(usize),
    /// A machine is switched on or woken.
    On(usize),
    /// A machine goes off.
    Off(usize, u8),
    /// The agent of a machine starts.
    Start(usize),
    /// An agent looks at its way to the internet.
    Look(usize),
    /// An agent looks at its volume.
    Volume(usize),
    /// An agent calls.
    Call(usize),
    /// Traffic of a school's network goes over its back-up line if the preferred one is still cut, or back.
    Over(usize, bool),
    /// The engine of several schools looks.
    Wide,
    /// The collector pings routers.
    Probe,
    /// The collector cleans up.
    Retain,
}

/// What the driver knows of a school.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) id: Option<SchoolId>,
    /// Agents of its machines.
    pub(super) agents: Vec<usize>,
    pub(super) note: Note,
    /// Nothing can come of it before the engine's own next reason.
    pub(super) asleep: bool,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Calls and ticks given to the store.
    pub items: u64,
    /// Of these, quiet heartbeats.
    pub quiet: u64,
    /// Of these, ticks.
    pub ticks: u64,
    /// Looks that agents made.
    pub looks: u64,
    /// Real time that the store took, the engine in it included.
    pub in_store: std::time::Duration,
}

/// See the module.
pub struct Drive {
    /// The world as it is now.
    pub world: World,
    /// The store and the engine.
    pub port: Port,
    /// Agents, one for each machine of the world.
    pub agents: Vec<Agent>,
    /// Now.
    pub now: Ms,
    /// What was done so far.
    pub figures: Figures,
    /// What was asked and the store cannot do yet, with the instant.
    pub unsupported: Vec<(Ms, String)>,
    pub(super) options: Options,
    pub(super) policy: Policy,
    pub(super) places: Vec<Place>,
    pub(super) of_uai: BTreeMap<String, usize>,
    pub(super) of_id: BTreeMap<SchoolId, usize>,
    pub(super) plan: Vec<Action>,
    queue: BinaryHeap<Reverse<(Ms, u64, Event)>>,
    planned: u64,
    pub(super) prober: Prober,
    /// The engine of several schools looks within a second.
    pub(super) wide_planned: bool,
}

impl Drive {
    /// A simulation that begins at an instant: schools are known, machines enrolled and off. Whoever wants them on when
    /// the story begins plans [`Action::On`] some time before, and begins earlier.
    pub fn new(mut world: World, start: Ms, options: Options) -> Result<Self> {
        world.complete();
        let port = Port::open(start, world.heartbeat_s, options.leap)?;
        let policy = sight::policy(world.heartbeat_s);
        let mut drive = Self {
            port,
            agents: vec![],
            now: start,
            figures: Figures::default(),
            unsupported: vec![],
            options,
            policy,
            places: vec![],
            of_uai: BTreeMap::new(),
            of_id: BTreeMap::new(),
            plan: vec![],
            queue: BinaryHeap::new(),
            planned: 0,
            prober: Prober::default(),
            wide_planned: false,
            world,
        };
        for number in 0..drive.world.schools.len() {
            drive.add_school(number)?;
        }
        for number in 0..drive.world.machines.len() {
            drive.add_agent(number, start)?;
        }
        drive.push(start + HOUR, Event::Retain);
        drive.probe_alert();
        Ok(drive)
    }

    fn add_school(&mut self, number: usize) -> Result<()> {
        let school = self.world.schools.get(number).context("a school")?;
        let id = self.port.add_school(school, self.now)?;
        let lines = self.port.describe_school(school, self.now)?;
        self.of_uai.insert(school.uai.clone(), number);
        self.of_id.insert(id, number);
        self.places.push(Place { id: Some(id), ..Place::default() });
        self.probe_lines(number, lines);
        Ok(())
    }

    /// Gives a machine of the world an agent that is off, and enrols it unless that is left to its first start.
    pub(super) fn add_agent(&mut self, machine: usize, at: Ms) -> Result<usize> {
        let number = self.agents.len();
        let rng = self.world.rng.fork(u64::try_from(number).unwrap_or_default());
        self.agents.push(Agent::new(machine, rng));
        let place = self.place_of(machine)?;
        self.places.get_mut(place).context("a school")?.agents.push(number);
        if !self.world.enrols_at_first_start {
            self.enrol(number, at)?;
        }
        Ok(number)
    }

    /// Gives an agent a new identity.
    pub(super) fn enrol(&mut self, number: usize, at: Ms) -> Result<()> {
        let agent = self.agents.get_mut(number).context("an agent")?;
        let machine = self.world.machines.get(agent.machine).context("a machine")?.clone();
        let home = std::net::IpAddr::from([192, 0, 2, 250]);
        let mut there = machine.clone();
        there.away = false;
        let address = if machine.unexpected { home } else { sight::of(&self.world, &there, true).egress };
        let peer = self.port.enrol(&machine, address, at, &mut agent.rng)?;
        self.port.describe_machine(&machine, &peer, at)?;
        agent.peer = Some(peer);
        Ok(())
    }

    pub(super) fn place_of(&self, machine: usize) -> Result<usize> {
        let machine = self.world.machines.get(machine).context("a machine")?;
        let place = self.of_uai.get(&machine.school).copied();
        place.with_context(|| format!("school {} of machine {} is not in the world", machine.school, machine.name))
    }

    /// Plans an action. One before now happens at once.
    pub fn plan(&mut self, at: Ms, action: Action) {
        self.plan.push(action);
        self.push(at, Event::Act(self.plan.len() - 1));
    }

    pub(super) fn push(&mut self, at: Ms, event: Event) {
        self.planned += 1;
        self.queue.push(Reverse((at.max(self.now), self.planned, event)));
    }

    /// Lets time pass up to and including an instant.
    pub fn run_to(&mut self, until: Ms) -> Result<()> {
        loop {
            let next = self.queue.peek().map(|Reverse((at, ..))| *at);
            let wake = self.next_wake();
            let Some(first) = next.into_iter().chain(wake).min().filter(|first| *first <= until) else { break };
            self.now = self.now.max(first);
            if next == Some(first) {
                let Some(Reverse((at, _, event))) = self.queue.pop() else { break };
                self.handle(at, &event).with_context(|| format!("at {}: {event:?}", shown(at)))?;
            } else {
                self.look_at_schools()?;
            }
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Applies what heartbeats are due everywhere, so that what the store says is as of now.
    pub fn settle(&mut self) -> Result<()> {
        if matches!(self.world.collector, CollectorState::Up | CollectorState::LineCut | CollectorState::Overloaded) {
            for place in 0..self.places.len() {
                self.flush(place, vec![])?;
            }
        }
        Ok(())
    }

    /// What came of it so far, as the store tells.
    pub fn found(&mut self) -> Result<Found> {
        self.settle()?;
        Found::read(self.port.path())
    }

    /// Where the open incidents do not follow from the facts, as the reconciler tells it; nothing while nobody listens.
    pub fn doubts(&mut self) -> Result<Vec<String>> {
        if self.world.collector == CollectorState::Down {
            return Ok(vec![]);
        }
        self.settle()?;
        let found = self.port.doubts(self.now)?;
        drop(self.port.decider.take());
        Ok(found)
    }

    fn handle(&mut self, at: Ms, event: &Event) -> Result<()> {
        // What was planned and is not wanted any more has another instant on its agent, or none.
        let due = |when: Option<Ms>| when == Some(at);
        match *event {
            Event::Act(number) => self.act(number),
            Event::On(agent) => self.on(agent),
            Event::Off(agent, how) => self.off(agent, super::machines::how(how)),
            Event::Start(agent) if due(self.agents.get(agent).and_then(|a| a.starts_at)) => self.start(agent),
            Event::Look(agent) if due(self.agents.get(agent).and_then(|a| a.look_at)) => self.look(agent),
            Event::Volume(agent) if due(self.agents.get(agent).and_then(|a| a.volume_at)) => self.look_at_volume(agent),
            Event::Call(agent) if due(self.agents.get(agent).and_then(|a| a.call_at)) => self.call(agent),
            Event::Wide => self.look_wide(),
            Event::Probe => self.probe(),
            Event::Over(school, over) => self.take_over(school, over),
            Event::Retain => {
                self.push(at + 24 * HOUR, Event::Retain);
                if self.world.collector == CollectorState::Down { Ok(()) } else { self.port.retain(at) }
            }
            _ => Ok(()),
        }
    }

    /// Plans what an agent does next, as it says itself.
    pub(super) fn follow(&mut self, number: usize) {
        let Some(agent) = self.agents.get(number) else { return };
        let plans = [
            (agent.look_at, Event::Look(number)),
            (agent.volume_at, Event::Volume(number)),
            (agent.call_at, Event::Call(number)),
        ];
        for (at, event) in plans {
            if let Some(at) = at {
                self.push(at, event);
            }
        }
    }

    // ── the way into the store ───────────────────────────────────────────────────────────────────────────────────

    /// Applies the heartbeats of a school that are due, then these items; answers what came of these.
    pub(super) fn flush(&mut self, number: usize, items: Vec<Item>) -> Result<Vec<Result<Receipt, StoreError>>> {
        let now = self.now;
        let members = self.places.get(number).context("a school")?.agents.clone();
        let beat = |agent: &Agent| agent.beat.is_some().then(|| agent.peer.as_ref().map(|peer| peer.machine)).flatten();
        self.port.decider.beat(members.iter().filter_map(|member| self.agents.get(*member).and_then(beat)).collect());
        let mut batch = Vec::with_capacity(members.len() + items.len());
        for member in members {
            let Some(agent) = self.agents.get_mut(member) else { continue };
            let owed = agent.owed.take();
            let due = agent.beat.and_then(|beat| beat.latest(now)).max(owed).filter(|due| *due > agent.applied);
            let Some(due) = due else { continue };
            agent.applied = due;
            let machine = self.world.machines.get(agent.machine).context("a machine")?;
            let Some(item) = quiet(agent, machine, due, self.policy.version) else { continue };
            batch.push((due, item));
        }
        batch.sort_by_key(|(due, _)| *due);
        let heartbeats = batch.len();
        let mut all: Vec<Item> = batch.into_iter().map(|(_, item)| Item::Sync(Box::new(item))).collect();
        all.extend(items);
        if all.is_empty() {
            return Ok(vec![]);
        }
        self.figures.items += u64::try_from(all.len())?;
        self.figures.quiet += u64::try_from(heartbeats)?;
        let began = std::time::Instant::now();
        let mut results = self.port.apply(all);
        self.figures.in_store += began.elapsed();
        self.take_notes();
        if results.len() < heartbeats {
            bail!("the store answered {} of {heartbeats} heartbeats", results.len());
        }
        Ok(results.split_off(heartbeats))
    }

    /// What the engine said of schools it decided on.
    pub(super) fn take_notes(&mut self) {
        let decider: Arc<Overheard> = self.port.decider.clone();
        for (school, note) in decider.take() {
            if let Some(place) = self.of_id.get(&school).and_then(|number| self.places.get_mut(*number)) {
                place.note = note;
                place.asleep = false;
            }
        }
        if decider.take_wide() && !self.wide_planned {
            self.wide_planned = true;
            self.push(self.now + 1000, Event::Wide);
        }
    }

    /// Whether a machine runs an agent now.
    pub(super) fn is_running(&self, number: usize) -> bool {
        self.agents.get(number).is_some_and(|agent| agent.running && agent.power == Power::On)
    }
}

/// A heartbeat that brings nothing, as it was received then.
fn quiet(agent: &Agent, machine: &super::world::Machine, received: Ms, policy: u64) -> Option<SyncItem> {
    let at = agent.moment(machine, received);
    let batch = agent.spool.batch()?;
    Some(SyncItem {
        peer: agent.peer.clone()?,
        address: agent.sight.as_ref()?.egress,
        received: stamp(received),
        request: SyncRequest {
            v: SCHEMA,
            boot: agent.boot,
            up_ms: at.up_ms,
            wall_ms: at.wall_ms,
            stream: batch.stream,
            oldest: batch.oldest,
            next: batch.next,
            events: vec![],
            inventory: agent.held,
            digests: None,
            sections: BTreeMap::new(),
            policy,
        },
    })
}

/// Names that are used twice where they may not be.
pub fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}
