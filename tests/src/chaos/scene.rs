//! Schools, agents, relay and collector, set up and working.

use super::agent::{JOURNAL, QUIET};
use super::journal::{Contact, Tail, Truth};
use super::path::{Paths, Way};
use super::plan::Cast;
use super::stored::Books;
use super::volume::{Volume, WallClock};
use crate::collector::{Collector, SCHOOLS};
use crate::machine::Machine;
use crate::process::{program, tail};
use crate::stage::policy;
use crate::wait::wait_for;
use crate::world::{COLLECTOR, World};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vigie_agent::clock::{Clock, SystemClock};
use vigie_shared::id::MachineId;

/// Heartbeat, seconds: the shortest that a policy allows.
pub const HEARTBEAT_S: u32 = 5;
/// Volume of a collector's folder, KiB.
const COLLECTOR_DISK: u32 = 128 << 10;
/// Volume of an agent's state, KiB.
const AGENT_DISK: u32 = 2 << 10;

/// A program that is killed and started again.
pub struct Party<T> {
    program: Mutex<Process<T>>,
    /// Its volume.
    pub volume: Volume,
    /// Its wall clock.
    pub clock: WallClock,
}

/// What stands behind the lock of a [`Party`].
pub struct Process<T> {
    /// The program.
    pub program: T,
    /// Whether it is meant to be down: whoever sees it end otherwise starts it again.
    pub down: bool,
}

impl<T> Party<T> {
    fn new(program: T, volume: Volume, clock: WallClock) -> Self {
        Self { program: Mutex::new(Process { program, down: false }), volume, clock }
    }

    /// The program, for oneself.
    pub fn lock(&self) -> MutexGuard<'_, Process<T>> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program, unless somebody else has it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Process<T>>> {
        self.program.try_lock().ok()
    }
}

/// One agent.
pub struct Agent {
    /// Who it is.
    pub id: MachineId,
    /// Its address.
    pub address: IpAddr,
    /// Its process.
    pub party: Party<Machine>,
    folder: PathBuf,
    truth: Mutex<(Tail, Truth)>,
}

impl Agent {
    /// Reads on in its journal; its last answer.
    pub fn contact(&self) -> Result<Contact> {
        let mut truth = self.truth.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = truth.0.read().with_context(|| format!("journal in {}", self.folder.display()))?;
        lines.into_iter().for_each(|line| truth.1.learn(line));
        Ok(truth.1.contact)
    }

    /// Makes it stop making numbers.
    pub fn hush(&self) -> Result<()> {
        std::fs::write(self.folder.join(QUIET), "").context("quiet")
    }

    fn start(&self) -> Result<()> {
        start_agent(&mut self.party.lock().program)
    }
}

/// Starts the agent under test on a machine.
pub fn start_agent(machine: &mut Machine) -> Result<()> {
    machine.start_program(&program("chaos_agent")?, &["--state"])
}

/// Everything. Fields are dropped in this order: programs, volumes, relay, networks.
pub struct Scene {
    /// The agents, school by school.
    pub agents: Vec<Agent>,
    /// The collectors.
    pub collectors: Vec<Party<Collector>>,
    /// The relay.
    pub paths: Paths,
    /// The networks.
    pub world: World,
    /// How many of what.
    pub cast: Cast,
    /// The database.
    pub books: Books,
}

impl Scene {
    /// Sets all up and waits until every agent has found the internet well and has nothing left to tell.
    pub fn set_up(mut world: World, cast: Cast) -> Result<Self> {
        for _ in 0..cast.schools {
            world.add_school(cast.agents_per_school)?;
        }
        let collectors = vec![collector(&world)?];
        let (door, books) = {
            let first = collectors[0].lock();
            first.program.import_schools()?;
            first.program.set_policy(&policy(HEARTBEAT_S))?;
            for (uai, school) in SCHOOLS.iter().zip(&world.schools) {
                first.program.expect_network(uai, school)?;
            }
            (first.program.door()?, Books::new(first.program.data().join("vigie.sqlite")))
        };
        let on = SocketAddr::new(COLLECTOR.parse()?, 0);
        let addresses: Vec<IpAddr> = places(cast).map(|(school, place)| address(school, place)).collect();
        let paths = Paths::start(&world.outside, on, &addresses, vec![door])?;
        let mut scene = Self { agents: Vec::new(), collectors, paths, world, cast, books };
        scene.enrol()?;
        for agent in &scene.agents {
            agent.start()?;
        }
        scene.wait_well()?;
        Ok(scene)
    }

    fn enrol(&mut self) -> Result<()> {
        let url = format!("https://{}", self.paths.address());
        let mut tokens = Vec::new();
        for uai in SCHOOLS.iter().take(self.cast.schools) {
            let uses = u32::try_from(self.cast.agents_per_school)?;
            tokens.push(self.collectors[0].lock().program.token_for(uai, uses, "1d")?);
        }
        for (school, place) in places(self.cast) {
            let host = format!("college{}-poste{}", school + 1, place + 1);
            let namespace = &self.world.schools[school].machines[place];
            let mut machine = Machine::new(namespace, &host, self.world.folder())?;
            let folder = machine.state().parent().context("a state folder lies in a machine's folder")?.to_owned();
            let volume = Volume::mount(machine.state(), AGENT_DISK)?;
            let clock = WallClock::new(folder.join("clock"))?;
            let id = machine.enrol(&url, &tokens[school])?;
            clock.environment()?.iter().for_each(|(name, value)| machine.set(name, value));
            let truth = Mutex::new((Tail::new(&folder.join(JOURNAL)), Truth::default()));
            let party = Party::new(machine, volume, clock);
            self.agents.push(Agent { id, address: address(school, place), party, folder, truth });
        }
        Ok(())
    }

    fn wait_well(&self) -> Result<()> {
        for agent in &self.agents {
            let look = || agent.contact().ok().filter(|contact| contact.internet && contact.waiting == 0);
            wait_for(&format!("« internet ok » of {}", agent.id), Duration::from_secs(90), look)
                .with_context(|| tail(&agent.party.lock().program.log(), 20))?;
        }
        Ok(())
    }

    /// The way of an agent.
    pub fn way(&self, agent: usize) -> Result<&Way> {
        self.paths.way(self.agents[agent].address)
    }

    /// What the agents know to be true, read to its end.
    pub fn truths(&self) -> Result<BTreeMap<MachineId, Truth>> {
        let mut truths = BTreeMap::new();
        for agent in &self.agents {
            agent.contact()?;
            let truth = agent.truth.lock().unwrap_or_else(PoisonError::into_inner);
            truths.insert(agent.id, truth.1.clone());
        }
        Ok(truths)
    }
}

fn collector(world: &World) -> Result<Party<Collector>> {
    let volume = Volume::mount(&world.folder().join("collector"), COLLECTOR_DISK)?;
    let mut collector = Collector::outside(world)?;
    let clock = WallClock::new(world.folder().join("collector.clock"))?;
    clock.environment()?.iter().for_each(|(name, value)| collector.set(name, value));
    collector.start(None)?;
    Ok(Party::new(collector, volume, clock))
}

fn places(cast: Cast) -> impl Iterator<Item = (usize, usize)> {
    (0..cast.schools).flat_map(move |school| (0..cast.agents_per_school).map(move |place| (school, place)))
}

/// The address that [`World::add_school`] gives to a machine.
fn address(school: usize, place: usize) -> IpAddr {
    format!("10.40.{}.{}", school + 1, 10 + place).parse().expect("an address")
}

/// Milliseconds since boot: a clock that no fault touches, the same for all processes here.
pub fn now_ms() -> u64 {
    SystemClock.since_boot_ms()
}
