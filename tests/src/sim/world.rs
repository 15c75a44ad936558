//! The world as it is at an instant: what stands in schools, what carries them, and in which state each thing is.
//! Everything is public data: whoever builds a world writes it down field by field.

use super::Ms;
use super::rng::Rng;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Which of the two networks of a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// Pupils and teachers.
    Pedagogical,
    /// The office.
    Administrative,
}

impl NetworkKind {
    /// The word of the store and of scenarios.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pedagogical => "pedagogical",
            Self::Administrative => "administrative",
        }
    }
}

/// Kinds of machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Stands on a desk.
    Workstation,
    /// Stays in the school, in a cart.
    Laptop,
    /// Runs day and night.
    Server,
    /// Leaves the school with its user.
    Nomade,
}

impl Kind {
    /// The word of the store and of scenarios.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workstation => "workstation",
            Self::Laptop => "laptop",
            Self::Server => "server",
            Self::Nomade => "nomade",
        }
    }
}

/// How a resolver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dns {
    /// Tells the truth.
    #[default]
    Fine,
    /// Does not answer.
    Dead,
    /// Answers every name with the address of a block page.
    Lying,
}

/// A school's access to the internet.
#[derive(Debug, Clone)]
pub struct Line {
    /// Name in scenarios.
    pub name: String,
    /// Who runs it.
    pub operator: String,
    /// Public address: whence the collector sees the school.
    pub address: IpAddr,
    /// Whether the router answers to ping from outside.
    pub answers_ping: bool,
    /// Whether the collector pings it.
    pub probed: bool,
    /// For a back-up line: after how many seconds without the line before it traffic goes over this one.
    pub takes_over_after_s: Option<u32>,
    /// For a line of one network only (administrative traffic leaves by its own tunnel).
    pub only: Option<NetworkKind>,
    /// Whether it carries.
    pub up: bool,
    /// Packets lost each way, percent.
    pub loss_percent: u8,
    /// Added to each answer, milliseconds.
    pub latency_ms: u32,
    /// Somebody uses all of it: answers take seconds, some packets are lost.
    pub saturated: bool,
}

impl Line {
    /// A line that carries.
    pub fn new(name: &str, operator: &str, address: IpAddr) -> Self {
        Self {
            name: name.to_owned(),
            operator: operator.to_owned(),
            address,
            answers_ping: true,
            probed: false,
            takes_over_after_s: None,
            only: None,
            up: true,
            loss_percent: 0,
            latency_ms: 0,
            saturated: false,
        }
    }
}

/// One network of a school.
#[derive(Debug, Clone)]
pub struct Network {
    /// Which.
    pub kind: NetworkKind,
    /// Its own interface of the router is down: machines see their switch and nothing else.
    pub down: bool,
    /// Its resolver.
    pub dns: Dns,
    /// No more addresses are given to machines that start.
    pub dhcp_dead: bool,
    /// A portal stands in the place of every page until somebody signs in.
    pub portal: bool,
    /// The filter through which everything but ICMP goes is dead.
    pub filter_dead: bool,
    /// An own public address behind the school's line; the line's otherwise.
    pub egress: Option<IpAddr>,
}

impl Network {
    /// A network on which all is well.
    pub fn new(kind: NetworkKind) -> Self {
        let (dns, egress) = (Dns::Fine, None);
        Self { kind, down: false, dns, dhcp_dead: false, portal: false, filter_dead: false, egress }
    }
}

/// A switch, or a room: something that takes machines with it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Name in scenarios.
    pub name: String,
    /// For a switch: the room whose breaker feeds it.
    pub room: Option<String>,
    /// Works, or has current.
    pub up: bool,
}

/// When a network is open, as its school's calendar is told.
#[derive(Debug, Clone)]
pub struct Hours {
    /// Which network.
    pub network: NetworkKind,
    /// Monday to Friday, such as `08:00-18:00`.
    pub open: String,
    /// Wednesday, where it differs.
    pub wednesday: Option<String>,
    /// Through school holidays and the weeks in which offices are closed as well.
    pub all_year: bool,
}

/// A school.
#[derive(Debug, Clone)]
pub struct School {
    /// National number, check letter right.
    pub uai: String,
    /// Name.
    pub name: String,
    /// Basin.
    pub basin: Option<String>,
    /// Zone of its holidays: `A`, `B`, `C`.
    pub zone: char,
    /// Openings that differ from the usual ones.
    pub hours: Vec<Hours>,
    /// Lines, in the order in which they are preferred.
    pub lines: Vec<Line>,
    /// Networks.
    pub networks: Vec<Network>,
    /// Rooms; `up` is their current.
    pub rooms: Vec<Part>,
    /// Switches.
    pub switches: Vec<Part>,
    /// Whether the whole school has current.
    pub power: bool,
    /// Ping to the outside is blocked (many filters do).
    pub icmp_blocked: bool,
    /// The collector's name alone is blocked.
    pub collector_blocked: bool,
    /// Something opens TLS and signs it anew.
    pub tls_intercepted: bool,
    /// The directory server answers (people can sign in).
    pub directory_up: bool,
}

impl School {
    /// A school with one line, a pedagogical network and nothing else, all well.
    pub fn simple(uai: &str) -> Self {
        Self {
            uai: uai.to_owned(),
            name: format!("Collège {uai}"),
            basin: None,
            zone: 'C',
            hours: vec![],
            lines: vec![],
            networks: vec![],
            rooms: vec![],
            switches: vec![],
            power: true,
            icmp_blocked: false,
            collector_blocked: false,
            tls_intercepted: false,
            directory_up: true,
        }
    }

    /// What was not said: a line of Orange, a pedagogical network; administrative traffic that shares a line leaves by a
    /// tunnel with an address of its own. `number` makes addresses.
    pub fn complete(&mut self, number: usize) {
        let octet = u8::try_from(number % 250 + 1).unwrap_or(1);
        if self.lines.is_empty() {
            self.lines.push(Line::new("main", "Orange", IpAddr::from([203, 0, 113, octet])));
        }
        if self.networks.is_empty() {
            self.networks.push(Network::new(NetworkKind::Pedagogical));
        }
        let own_line = self.lines.iter().any(|line| line.only == Some(NetworkKind::Administrative));
        for network in self.networks.iter_mut().filter(|n| n.kind == NetworkKind::Administrative && !own_line) {
            network.egress = network.egress.or(Some(IpAddr::from([203, 0, 112, octet])));
        }
    }

    /// A network by kind.
    pub fn network(&self, kind: NetworkKind) -> Option<&Network> {
        self.networks.iter().find(|network| network.kind == kind)
    }

    /// The line that a network's traffic takes now, if one carries it: the first that is meant for it, or the one that
    /// took over.
    pub fn carrier(&self, kind: NetworkKind, over: Option<&str>) -> Option<&Line> {
        let meant = |line: &&Line| line.only.is_none_or(|only| only == kind);
        match over {
            Some(name) => self.lines.iter().find(|line| line.name == name),
            None => self.lines.iter().filter(meant).find(|line| line.takes_over_after_s.is_none()),
        }
    }
}

/// A machine with an agent.
#[derive(Debug, Clone)]
pub struct Machine {
    /// UAI of its school.
    pub school: String,
    /// Host name, unique in its school.
    pub name: String,
    /// Kind.
    pub kind: Kind,
    /// Room.
    pub room: Option<String>,
    /// Switch; without one it is plugged into the router.
    pub switch: Option<String>,
    /// Network.
    pub network: NetworkKind,
    /// How far its boot clock runs from the truth, parts in a million.
    pub drift_ppm: i64,
    /// How far its wall clock is from the truth.
    pub wall_error_ms: Ms,
    /// Frozen: every boot begins from the same disk.
    pub frozen: bool,
    /// A nomade at home.
    pub away: bool,
    /// Turns on by itself when the current comes back.
    pub restores_power: bool,
    /// Free space of its volume, percent.
    pub free_percent: u8,
    /// Whether it waits for a person after its enrolment (its address is not known).
    pub unexpected: bool,
    /// What tells it from others: serial numbers are made of this.
    pub serial: String,
    /// Whether it is another system on the hardware of that machine.
    pub hardware_of: Option<String>,
}

impl Machine {
    /// A machine on the pedagogical network, switched off.
    pub fn new(school: &str, name: &str, kind: Kind) -> Self {
        Self {
            school: school.to_owned(),
            name: name.to_owned(),
            kind,
            room: None,
            switch: None,
            network: NetworkKind::Pedagogical,
            drift_ppm: 0,
            wall_error_ms: 0,
            frozen: false,
            away: false,
            restores_power: kind == Kind::Server,
            free_percent: 60,
            unexpected: false,
            serial: format!("{school}-{name}"),
            hardware_of: None,
        }
    }
}

/// How the collector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectorState {
    /// Serves.
    #[default]
    Up,
    /// Does not run: connections are refused.
    Down,
    /// Its queue is full: it answers 503, and notes who called.
    Overloaded,
    /// Runs, and nobody reaches it.
    LineCut,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct World {
    /// Schools.
    pub schools: Vec<School>,
    /// Machines of all schools, in the order of their enrolment.
    pub machines: Vec<Machine>,
    /// The collector.
    pub collector: CollectorState,
    /// Heartbeat asked of agents, seconds.
    pub heartbeat_s: u32,
    /// Machines are enrolled when they start for the first time; else they are before the story begins.
    pub enrols_at_first_start: bool,
    /// Lines that took over, by school and network: the name of the line.
    pub over: std::collections::BTreeMap<(String, NetworkKind), String>,
    /// Chance.
    pub rng: Rng,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> Self {
        Self {
            schools: vec![],
            machines: vec![],
            collector: CollectorState::Up,
            heartbeat_s: 60,
            enrols_at_first_start: false,
            over: std::collections::BTreeMap::new(),
            rng: Rng::new(seed),
        }
    }

    /// Gives every school what was not said of it.
    pub fn complete(&mut self) {
        for machine in &self.machines {
            let Some(school) = self.schools.iter_mut().find(|s| s.uai == machine.school) else { continue };
            let part = |name: &String, room: Option<String>| Part { name: name.clone(), room, up: true };
            if let Some(room) = &machine.room
                && school.rooms.iter().all(|r| r.name != *room)
            {
                school.rooms.push(part(room, None));
            }
            if let Some(switch) = &machine.switch
                && school.switches.iter().all(|s| s.name != *switch)
            {
                school.switches.push(part(switch, None));
            }
            if school.network(machine.network).is_none() {
                school.networks.push(Network::new(machine.network));
            }
        }
        for (number, school) in self.schools.iter_mut().enumerate() {
            school.complete(number);
        }
    }

    /// A school by UAI.
    pub fn school(&self, uai: &str) -> Option<&School> {
        self.schools.iter().find(|school| school.uai == uai)
    }

    /// A school by UAI, to change it.
    pub fn school_mut(&mut self, uai: &str) -> Option<&mut School> {
        self.schools.iter_mut().find(|school| school.uai == uai)
    }

    /// Whether a machine has current where it stands.
    pub fn has_current(&self, machine: &Machine) -> bool {
        if machine.away {
            return true;
        }
        let Some(school) = self.school(&machine.school) else { return false };
        school.power && machine.room.as_ref().is_none_or(|room| room_up(school, room))
    }
}

/// Whether a room has current.
pub fn room_up(school: &School, room: &str) -> bool {
    school.rooms.iter().find(|r| r.name == room).is_none_or(|r| r.up)
}

/// Whether a switch works: it is not broken and has current.
pub fn switch_up(school: &School, switch: &str) -> bool {
    let found = school.switches.iter().find(|s| s.name == switch);
    found.is_none_or(|s| s.up && s.room.as_ref().is_none_or(|room| room_up(school, room)))
}
