//! Schools and machines of a generated year, and what the generator knows of them that the collector is not told.

use crate::sim::rng::Rng;
use crate::sim::world::{Kind, Line, Machine, Network, NetworkKind, Part, School, World};
use std::net::IpAddr;

/// What a machine is for; it decides when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One of a room that a class uses together.
    Lab,
    /// In the library, on all day.
    Library,
    /// A teacher's, in a classroom.
    Teacher,
    /// In the office.
    Office,
    /// Runs day and night.
    Server,
    /// A laptop of the cart.
    Cart,
    /// Leaves the school with its user.
    Nomade,
    /// Runs on Fridays only.
    Friday,
}

/// A machine, as its people know it.
#[derive(Debug, Clone)]
pub struct Pc {
    /// Host name.
    pub name: String,
    /// Its school, by place.
    pub school: usize,
    /// What it is for.
    pub role: Role,
    /// Room.
    pub room: Option<String>,
    /// Switch.
    pub switch: Option<String>,
    /// Network.
    pub network: NetworkKind,
    /// Every boot begins from the same disk: what it saw is lost when it goes off.
    pub frozen: bool,
    /// Nobody counts on what it says: it is cloned, or runs two systems.
    pub odd: bool,
    /// How its people leave it, thousandths: shutdown, Fast Startup, suspend; the rest pull the plug.
    pub habits: [i64; 3],
    /// How often it is used when it could be, thousandths.
    pub used: i64,
    /// By how much its people are late, minutes.
    pub late: i64,
    /// Which half-days its user is there, for teachers: weekday × half.
    pub week: [[bool; 2]; 5],
}

impl Pc {
    /// Whether it goes on without current.
    pub fn has_battery(&self) -> bool {
        matches!(self.role, Role::Cart | Role::Nomade)
    }
}

/// A block of lessons: from and to, minutes of the day.
pub type Block = Option<(i64, i64)>;

/// A room that classes use.
#[derive(Debug, Clone)]
pub struct Lab {
    /// Name.
    pub name: String,
    /// Lessons by weekday and half-day.
    pub week: [[Block; 2]; 5],
    /// Whether machines stay on at noon when there are lessons before and after.
    pub through: bool,
    /// Whether the last teacher of the day pulls the master switch.
    pub master: bool,
}

/// A school, as its people know it.
#[derive(Debug, Clone)]
pub struct Place {
    /// UAI.
    pub uai: String,
    /// Zone of holidays.
    pub zone: char,
    /// Basin.
    pub basin: usize,
    /// When the breaker falls, minutes of the day.
    pub breaker: Option<i64>,
    /// Rooms of classes.
    pub labs: Vec<Lab>,
    /// It has a back-up line.
    pub backup: bool,
    /// Its line is always that slow, milliseconds.
    pub slow_ms: u32,
    /// It has an office with a network of its own.
    pub office: bool,
}

/// Check letter of a UAI: the seven digits modulo 23.
fn uai(number: u32) -> String {
    let letter = "ABCDEFGHJKLMNPRSTUVWXYZ".chars().nth((number % 23) as usize).unwrap_or('A');
    format!("{number:07}{letter}")
}

/// Shares of machines: from a school with a single one to a large one.
fn sizes(schools: usize, machines: usize) -> Vec<usize> {
    let weight = |n: usize| if n == 0 && schools > 3 { 0 } else { 4 + n * 3 };
    let all: usize = (0..schools).map(weight).sum();
    let mut sizes: Vec<usize> = (0..schools).map(|n| (machines * weight(n) / all.max(1)).max(1)).collect();
    let mut n = schools;
    while sizes.iter().sum::<usize>() < machines {
        n = if n <= 1 { schools } else { n };
        n -= 1;
        sizes[n] += 1;
    }
    sizes
}

/// Builds the world and what is known of it.
pub fn build(seed: u64, schools: usize, machines: usize) -> (World, Vec<Place>, Vec<Pc>) {
    let mut rng = Rng::new(seed ^ 0x5c00_15ed);
    let mut world = World::new(seed);
    world.enrols_at_first_start = true;
    let (mut places, mut pcs) = (vec![], vec![]);
    for (number, size) in sizes(schools, machines).into_iter().enumerate() {
        let rng = &mut rng.fork(number as u64);
        let place = place(number, size, rng);
        let mut school = school(number, &place, rng);
        for n in 0..size {
            let pc = pc(number, n, size, &place, rng);
            let mut machine = machine(&place.uai, &pc, rng);
            if pc.role == Role::Server && place.breaker.is_some() {
                machine.restores_power = true;
            }
            world.machines.push(machine);
            pcs.push(pc);
        }
        for lab in &place.labs {
            school.rooms.push(Part { name: lab.name.clone(), room: None, up: true });
        }
        world.schools.push(school);
        places.push(place);
    }
    (world, places, pcs)
}

fn place(number: usize, size: usize, rng: &mut Rng) -> Place {
    let labs = if size >= 20 { 2 } else { usize::from(size >= 5) };
    Place {
        uai: uai(959_000 + 37 * number as u32 + 1),
        zone: ['A', 'B', 'C'][number % 3],
        basin: number / 3,
        breaker: (number % 4 == 2).then(|| 18 * 60 + rng.between(0, 60)),
        labs: (0..labs).map(|n| lab(n, rng)).collect(),
        backup: number % 3 == 1,
        slow_ms: if number % 5 == 3 { 350 } else { 0 },
        office: size >= 8,
    }
}

fn lab(number: usize, rng: &mut Rng) -> Lab {
    let mut block = |from: [i64; 3], to: [i64; 3]| -> Block {
        let (start, end) = (from[rng.up_to(2) as usize], to[rng.up_to(2) as usize]);
        (rng.happens(680) && start < end).then_some((start, end))
    };
    let mut week = [[None; 2]; 5];
    for (weekday, day) in week.iter_mut().enumerate() {
        day[0] = block([8 * 60, 9 * 60, 10 * 60 + 15], [10 * 60, 11 * 60 + 10, 12 * 60]);
        // On Wednesdays there are no lessons in the afternoon.
        if weekday != 2 {
            day[1] = block([13 * 60 + 30, 14 * 60, 15 * 60], [15 * 60, 16 * 60 + 30, 17 * 60 + 30]);
        }
    }
    Lab { name: format!("B1{number}"), week, through: rng.happens(600), master: number == 0 || rng.happens(500) }
}

fn school(number: usize, place: &Place, rng: &mut Rng) -> School {
    let octet = |base: usize| u8::try_from((base + number) % 250 + 1).unwrap_or(1);
    let mut school = School::simple(&place.uai);
    school.zone = place.zone;
    school.basin = Some(format!("Bassin {}", place.basin + 1));
    // Of each basin most are on one operator's lines.
    let operator = if number % 3 == 2 && rng.happens(500) { "SFR" } else { "Orange" };
    let mut main = Line::new("main", operator, IpAddr::from([203, 0, 113, octet(0)]));
    main.latency_ms = place.slow_ms;
    main.answers_ping = !rng.happens(250);
    school.lines.push(main);
    if place.backup {
        let mut backup = Line::new("4g", "Bouygues", IpAddr::from([198, 18, 0, octet(0)]));
        backup.takes_over_after_s = Some(u32::try_from(rng.between(25, 200)).unwrap_or(60));
        backup.latency_ms = 60;
        school.lines.push(backup);
    }
    school.networks.push(Network::new(NetworkKind::Pedagogical));
    if place.office {
        let mut office = Network::new(NetworkKind::Administrative);
        office.egress = number.is_multiple_of(2).then(|| IpAddr::from([198, 51, 100, octet(100).min(250)]));
        school.networks.push(office);
    }
    school.icmp_blocked = number % 4 == 1;
    school
}

fn pc(school: usize, n: usize, size: usize, place: &Place, rng: &mut Rng) -> Pc {
    let office = if place.office { (size / 8).max(2) } else { 0 };
    let server = usize::from(size >= 6 && school % 5 != 4);
    let role = match n {
        _ if n < server => Role::Server,
        _ if n < server + office => Role::Office,
        _ if n == server + office && size >= 9 => Role::Friday,
        _ if n == server + office + 1 && size >= 12 => Role::Nomade,
        _ if n == server + office + 2 && size >= 12 => Role::Nomade,
        _ if n < server + office + 5 && size >= 16 => Role::Library,
        _ if n < server + office + 8 && size >= 22 => Role::Cart,
        _ if place.labs.is_empty() || n % 4 == 3 => Role::Teacher,
        _ => Role::Lab,
    };
    let lab = (n / 2) % place.labs.len().max(1);
    let (room, switch) = match role {
        Role::Lab => (place.labs.get(lab).map(|lab| lab.name.clone()), Some(format!("SW-B1{lab}"))),
        Role::Library => (Some("CDI".to_owned()), None),
        Role::Teacher => (Some(format!("S{n:02}")), (size >= 14).then(|| "SW-ETAGE".to_owned())),
        Role::Friday => (Some("Techno".to_owned()), None),
        _ => (None, None),
    };
    let network = match role {
        Role::Office => NetworkKind::Administrative,
        Role::Server if school.is_multiple_of(2) && place.office => NetworkKind::Administrative,
        _ => NetworkKind::Pedagogical,
    };
    let polite = rng.between(200, 800);
    let fast = rng.between(0, 900 - polite);
    let suspends = if matches!(role, Role::Cart | Role::Nomade | Role::Office) { 300 } else { 30 };
    let mut week = [[false; 2]; 5];
    for (weekday, day) in week.iter_mut().enumerate() {
        *day = [rng.happens(750), weekday != 2 && rng.happens(700)];
    }
    Pc {
        name: format!("PC{:02}", n + 1),
        school,
        role,
        room,
        switch,
        network,
        frozen: role == Role::Lab && school % 4 == 3 && lab == 0,
        odd: false,
        habits: [polite, fast, suspends.min(1000 - polite - fast)],
        used: rng.between(550, 980),
        late: rng.between(0, 9),
        week,
    }
}

fn machine(uai: &str, pc: &Pc, rng: &mut Rng) -> Machine {
    let kind = match pc.role {
        Role::Server => Kind::Server,
        Role::Cart => Kind::Laptop,
        Role::Nomade => Kind::Nomade,
        _ => Kind::Workstation,
    };
    let mut machine = Machine::new(uai, &pc.name, kind);
    (machine.room, machine.switch, machine.network) = (pc.room.clone(), pc.switch.clone(), pc.network);
    machine.drift_ppm = rng.between(-80, 80);
    if rng.happens(60) {
        machine.drift_ppm = rng.between(-2000, 2000);
    }
    if rng.happens(200) {
        machine.wall_error_ms = rng.between(-600_000, 600_000);
    }
    machine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_machines_are_given_out_and_the_first_school_has_one() {
        for (schools, machines) in [(9, 150), (2, 20), (1, 5), (12, 400)] {
            let sizes = sizes(schools, machines);
            assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (schools, machines));
        }
        assert_eq!(sizes(9, 150)[0], 1);
        assert_eq!(uai(959_901), "0959901W");
    }
}
