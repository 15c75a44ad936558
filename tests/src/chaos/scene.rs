//! Schools, agents, relay and collector, set up and working.

use super::agent::{JOURNAL, QUIET};
use super::journal::{Contact, Tail, Truth};
use super::path::{Paths, Way};
use super::plan::{Cast, StoreKind};
use super::stored::Books;
use super::volume::{Volume, WallClock};
use crate::collector::{Collector, SCHOOLS};
use crate::machine::Machine;
use crate::process::{program, tail};
use crate::replicas::{Place, database_on, postgres_outside};
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
use vigie_test_postgres::Postgres;

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
    /// The database server of several collectors.
    pub server: Option<Mutex<Postgres>>,
    /// The cables of several collectors.
    pub places: Vec<Place>,
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
        let (mut server, mut places, mut collectors) = (None, Vec::new(), Vec::new());
        let books = match cast.store {
            StoreKind::Sqlite => {
                let folder = world.folder().join("collector");
                collectors.push(collector(folder.clone(), Collector::outside, &world)?);
                Books::Sqlite(folder.join("vigie.sqlite"))
            }
            StoreKind::Postgres => {
                let postgres = postgres_outside(&world)?;
                let database = database_on(&postgres, "vigie")?;
                for number in 1..=cast.collectors() {
                    let place = Place::new(&world, number)?;
                    let make = |world: &World| {
                        let made = place.collector(world, Some(&database))?;
                        let first: Option<&Party<Collector>> = collectors.first();
                        first.map(|first| made.take_file_key_of(&first.lock().program)).transpose()?;
                        Ok(made)
                    };
                    collectors.push(collector(place.data(&world), make, &world)?);
                    places.push(place);
                }
                server = Some(Mutex::new(postgres));
                Books::Postgres(database.look)
            }
        };
        let mut doors = Vec::new();
        for collector in &collectors {
            doors.push(collector.lock().program.door()?);
        }
        {
            let first = collectors[0].lock();
            first.program.import_schools()?;
            let mut policy = policy(HEARTBEAT_S);
            // How full this host's own disk is, is no fault of ours.
            (policy.volume_space.warning_percent, policy.volume_space.critical_percent) = (1, 0);
            first.program.set_policy(&policy)?;
        }
        let on = SocketAddr::new(COLLECTOR.parse()?, 0);
        let addresses: Vec<IpAddr> = all_places(cast).map(|(school, place)| address(school, place)).collect();
        let paths = Paths::start(&world.outside, on, &addresses, doors)?;
        let mut scene = Self { agents: Vec::new(), collectors, paths, server, places, world, cast, books };
        scene.enrol()?;
        // All come from the relay's address, which no school has: a person approves them.
        scene.collectors[0].lock().program.approve_all()?;
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
        for (school, place) in all_places(self.cast) {
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
            let look =
                || agent.contact().ok().filter(|contact| contact.trusted && contact.internet && contact.waiting == 0);
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

/// A started collector in `folder`, on a volume and with a clock of its own.
fn collector(
    folder: PathBuf,
    make: impl FnOnce(&World) -> Result<Collector>,
    world: &World,
) -> Result<Party<Collector>> {
    let volume = Volume::mount(&folder, COLLECTOR_DISK)?;
    let mut collector = make(world)?;
    let clock = WallClock::new(folder.with_extension("clock"))?;
    clock.environment()?.iter().for_each(|(name, value)| collector.set(name, value));
    collector.start(None)?;
    Ok(Party::new(collector, volume, clock))
}

fn all_places(cast: Cast) -> impl Iterator<Item = (usize, usize)> {
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
