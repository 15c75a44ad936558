//! Several collectors on one PostgreSQL behind a balancer, and schools whose agents know the balancer only.
//!
//! ```text
//!  schools ── lines ── outside: balancer 198.51.100.10, PostgreSQL 198.51.100.30
//!                         ├── cable 1 ── collector 10.254.1.2
//!                         ├── cable 2 ── collector 10.254.2.2
//!                         └── cable 3 ── collector 10.254.3.2
//! ```
//! Each collector has a network namespace of its own, so that its cable to the database is cut without the others'.

use crate::collector::{Collector, Database, SCHOOLS};
use crate::haproxy::{self, Balancer};
use crate::machine::Machine;
use crate::netns::Namespace;
use crate::process::tail;
use crate::store::{Store, Ticket};
use crate::wait::wait_for;
use crate::world::{self, COLLECTOR, World};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vigie_shared::check::INTERNET;
use vigie_shared::id::MachineId;
use vigie_shared::policy::Policy;
use vigie_test_postgres::{Options, Postgres};

/// Address of the database server, in TEST-NET-2 (RFC 5737).
const DATABASE: &str = "198.51.100.30";

/// Where the collectors keep their store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In SQLite, in the folder of the only collector.
    Embedded,
    /// In one PostgreSQL for all.
    Server,
}

/// One enrolled machine.
pub struct Member {
    /// Its agent.
    pub machine: Machine,
    /// Who it is.
    pub id: MachineId,
    /// Its school: a place in [`SCHOOLS`].
    pub school: usize,
}

/// Collectors, their balancer, their database and the schools they watch.
pub struct Replicas {
    // Dropped in this order: who speaks first.
    /// The machines of all schools.
    pub members: Vec<Member>,
    /// In front of the collectors.
    pub balancer: Balancer,
    /// The collectors.
    pub collectors: Vec<Collector>,
    places: Vec<Place>,
    /// The database server, with [`Kept::Server`].
    pub postgres: Option<Postgres>,
    /// The networks.
    pub world: World,
}

impl Replicas {
    /// Schools of so many machines each, enrolled through the balancer, whose agents run and are well.
    pub fn running(collectors: usize, kept: Kept, schools: &[usize], policy: &Policy) -> Result<Self> {
        let mut made = Self::enrolled(collectors, kept, schools, policy)?;
        for member in &mut made.members {
            member.machine.start()?;
        }
        made.wait_all_well(policy)?;
        Ok(made)
    }

    /// The same; agents are not started.
    pub fn enrolled(count: usize, kept: Kept, schools: &[usize], policy: &Policy) -> Result<Self> {
        let mut world = World::new()?;
        for machines in schools {
            world.add_school(*machines)?;
        }
        let postgres = (kept == Kept::Server).then(|| postgres_outside(&world)).transpose()?;
        let database = postgres.as_ref().map(|server| database_on(server, "vigie")).transpose()?;
        let places = (1..=count).map(|number| Place::new(&world, number)).collect::<Result<Vec<_>>>()?;
        let mut collectors: Vec<Collector> = Vec::new();
        for place in &places {
            let mut collector = place.collector(&world, database.as_ref())?;
            if let Some(first) = collectors.first() {
                collector.take_file_key_of(first)?;
            }
            collector.start(None)?;
            collectors.push(collector);
        }
        let balancer = balancer_outside(&world, &places, &collectors)?;
        let mut made = Self { members: Vec::new(), balancer, collectors, places, postgres, world };
        made.enrol(schools, policy)?;
        Ok(made)
    }

    fn enrol(&mut self, schools: &[usize], policy: &Policy) -> Result<()> {
        let first = self.collectors.first().context("one collector at least")?;
        first.import_schools()?;
        first.set_policy(policy)?;
        for place in &self.places {
            self.balancer.wait_up(&place.name, true)?;
        }
        for (school, machines) in schools.iter().enumerate() {
            let uai = SCHOOLS.get(school).context("so many schools there are not")?;
            let token = first.token_for(uai, u32::try_from(*machines)?, "1d")?;
            // The balancer says where a machine calls from: those of the school's network are trusted at once.
            first.expect_network(uai, &self.world.schools[school])?;
            for (number, namespace) in self.world.schools[school].machines.iter().enumerate() {
                let host = format!("ecole{}-poste{}", school + 1, number + 1);
                let machine = Machine::new(namespace, &host, self.world.folder())?;
                let id = machine.enrol(&self.balancer.url(), &token)?;
                self.members.push(Member { machine, id, school });
            }
        }
        Ok(())
    }

    /// What is stored.
    pub fn store(&self) -> Result<Store> {
        self.collectors.first().context("one collector at least")?.store()
    }

    /// Name of a collector at the balancer.
    pub fn name(&self, collector: usize) -> &str {
        &self.places[collector].name
    }

    /// The machines of one school.
    pub fn of_school(&self, school: usize) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.school == school)
    }

    /// Cuts a collector from the database without a word: packets vanish, connections hang.
    pub fn cut_from_database(&self, collector: usize) -> Result<()> {
        self.places[collector].cut()
    }

    /// Puts the cable back.
    pub fn restore_database(&self, collector: usize) -> Result<()> {
        self.places[collector].restore()
    }

    /// Waits until every machine has reported that the internet is well.
    pub fn wait_all_well(&self, policy: &Policy) -> Result<()> {
        let store = self.store()?;
        let bound = Duration::from_secs(u64::from(policy.heartbeat_s) * 6 + 30);
        self.wait_each("« internet ok »", bound, |member| {
            (store.check_state(&member.id, INTERNET).ok()??.as_str() == "ok").then_some(())
        })
    }

    /// Waits until each of these machines was heard twice more: whatever it had to tell is told by then.
    pub fn wait_told(&self, bound: Duration, whom: impl Fn(&Member) -> bool) -> Result<()> {
        let store = self.store()?;
        for _ in 0..2 {
            let now = crate::fake::now_ms();
            self.wait_each("another heartbeat", bound, |member| {
                (!whom(member) || store.last_seen_ms(&member.id).ok()?? > now).then_some(())
            })?;
        }
        Ok(())
    }

    fn wait_each(&self, what: &str, bound: Duration, look: impl Fn(&Member) -> Option<()>) -> Result<()> {
        for member in &self.members {
            wait_for(&format!("{what} of {}", member.machine.host), bound, || look(member))
                .with_context(|| format!("log of the agent:\n{}", tail(&member.machine.log(), 20)))
                .with_context(|| self.logs())?;
        }
        Ok(())
    }

    /// Waits for the first ticket.
    pub fn wait_ticket(&self, bound: Duration) -> Result<Ticket> {
        let store = self.store()?;
        wait_for("a ticket", bound, || store.tickets().ok()?.into_iter().next()).with_context(|| self.logs())
    }

    /// Waits until no ticket is open, and gives all.
    pub fn wait_resolved(&self, bound: Duration) -> Result<Vec<Ticket>> {
        let store = self.store()?;
        wait_for("the end of every ticket", bound, || {
            let tickets = store.tickets().ok()?;
            (!tickets.is_empty() && tickets.iter().all(|ticket| ticket.resolved_ms.is_some())).then_some(tickets)
        })
        .with_context(|| self.logs())
    }

    /// What contradicts « everything acknowledged is stored once, and nothing was dropped », in words; empty when it
    /// holds.
    pub fn faults(&self) -> Result<Vec<String>> {
        let store = self.store()?;
        let mut faults = Vec::new();
        for Member { machine, id, .. } in &self.members {
            let (events, gaps, cursors) = (store.events(id)?, store.gaps(id)?, store.cursors(id)?);
            if cursors.is_empty() {
                faults.push(format!("{}: nothing was acknowledged", machine.host));
            }
            if !gaps.is_empty() {
                faults.push(format!("{}: dropped {gaps:?}", machine.host));
            }
            for (stream, cursor) in cursors {
                for number in 1..=cursor {
                    let stored = events.iter().filter(|(of, seq, _)| *of == stream && *seq == number).count();
                    if stored != 1 {
                        faults.push(format!("{}: {stream} {number} is stored {stored} times", machine.host));
                    }
                }
                let starts = events.iter().filter(|(of, _, kind)| *of == stream && kind == "started").count();
                if starts != 1 {
                    faults.push(format!("{}: {stream} began {starts} times", machine.host));
                }
            }
        }
        Ok(faults)
    }

    /// The last words of the collectors and of the balancer.
    pub fn logs(&self) -> String {
        let mut text = format!("log of the balancer:\n{}\n", tail(&self.balancer.log(), 10));
        for (collector, place) in self.collectors.iter().zip(&self.places) {
            text.push_str(&format!("log of {}:\n{}\n", place.name, tail(&collector.log(), 15)));
        }
        text
    }
}

/// Why no [`Replicas`] with this store can be made here; told on standard error.
pub fn skipped(kept: Kept) -> bool {
    world::skipped() || haproxy::skipped() || (kept == Kept::Server && vigie_test_postgres::skipped())
}

/// A new database on `server`, as this process and collectors of its network reach it.
pub fn database_on(server: &Postgres, name: &str) -> Result<Database> {
    Ok(Database { url: server.create_database(name)?, look: server.socket_url(name) })
}

/// A server outside the schools of a world, for collectors of that world.
pub fn postgres_outside(world: &World) -> Result<Postgres> {
    world.outside.ip(&["addr", "add", &format!("{DATABASE}/32"), "dev", "lo"])?;
    Postgres::start_with(Options {
        listen: DATABASE.parse()?,
        network: Some(Path::new("/run/netns").join(world.outside.name())),
        ..Options::default()
    })
}

fn balancer_outside(world: &World, places: &[Place], collectors: &[Collector]) -> Result<Balancer> {
    let mut doors = Vec::new();
    for (place, collector) in places.iter().zip(collectors) {
        doors.push((place.name.as_str(), collector.door()?));
    }
    Balancer::start(Some(&world.outside), COLLECTOR.parse()?, &doors)
}

/// Where one collector lives: a namespace of its own and its cable to the outside.
pub struct Place {
    name: String,
    /// Of the outside, at its end of the cable.
    near: String,
    address: String,
    namespace: Namespace,
}

impl Place {
    /// The place of one collector, numbered from 1.
    pub fn new(world: &World, number: usize) -> Result<Self> {
        let (name, outside) = (format!("replica{number}"), &world.outside);
        let part = outside.name().strip_suffix("out").context("the outside is called …-out")?;
        let namespace = Namespace::new(format!("{part}r{number}"), None)?;
        outside.ip(&["link", "add", &name, "type", "veth", "peer", "name", "eth0", "netns", namespace.name()])?;
        let (near, address) = (format!("10.254.{number}.1"), format!("10.254.{number}.2"));
        outside.ip(&["addr", "add", &format!("{near}/30"), "dev", &name])?;
        outside.ip(&["link", "set", &name, "up"])?;
        namespace.ip(&["addr", "add", &format!("{address}/30"), "dev", "eth0"])?;
        namespace.ip(&["link", "set", "eth0", "up"])?;
        namespace.ip(&["route", "add", "default", "via", &near])?;
        Ok(Self { name, near, address, namespace })
    }

    /// Cuts it from the database without a word: packets vanish, connections hang.
    pub fn cut(&self) -> Result<()> {
        let table = format!(
            "table inet cable {{
                chain output {{ type filter hook output priority 0; policy accept; ip daddr {DATABASE} drop; }}
                chain input {{ type filter hook input priority 0; policy accept; ip saddr {DATABASE} drop; }}
            }}\n"
        );
        self.namespace.nft(&table)
    }

    /// Puts that cable back.
    pub fn restore(&self) -> Result<()> {
        self.namespace.nft("delete table inet cable\n")
    }

    /// Folder of its collector.
    pub fn data(&self, world: &World) -> PathBuf {
        world.folder().join(&self.name)
    }

    /// The collector that lives there; not started yet. Its folder is [`Self::data`].
    pub fn collector(&self, world: &World, database: Option<&Database>) -> Result<Collector> {
        let data = self.data(world);
        let mut collector = Collector::replica(&data, Some(&self.namespace), &self.address, COLLECTOR, database)?;
        collector.believe(&self.near);
        Ok(collector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::{SocketAddr, TcpStream};

    #[test]
    fn a_place_reaches_the_database_until_its_own_cable_is_cut_and_then_waits_in_vain() {
        if skipped(Kept::Server) {
            return;
        }
        let world = World::new().unwrap();
        let postgres = postgres_outside(&world).unwrap();
        let places = [Place::new(&world, 1).unwrap(), Place::new(&world, 2).unwrap()];
        let connect = |place: &Place, address: SocketAddr| {
            let patience = Duration::from_millis(500);
            let connecting = move || TcpStream::connect_timeout(&address, patience).map_err(|error| error.kind());
            place.namespace.thread(connecting).unwrap().join().unwrap()
        };
        connect(&places[0], postgres.address()).unwrap();

        places[0].cut().unwrap();
        assert_eq!(connect(&places[0], postgres.address()).unwrap_err(), ErrorKind::TimedOut);
        connect(&places[1], postgres.address()).unwrap();

        places[0].restore().unwrap();
        connect(&places[0], postgres.address()).unwrap();
        assert_eq!(postgres.psql("SELECT 1").unwrap(), "1", "and through its socket from this namespace");
    }
}
