//! Faults: what breaks in a generated year, when, for how long, and the actions that break and mend it.

use super::days;
use super::place::{Pc, Place, Role};
use crate::sim::Ms;
use crate::sim::action::{Action, How, LineRef, Machines, NetRef};
use crate::sim::rng::Rng;
use crate::sim::time::{HOUR, MINUTE, SECOND, at, civil};
use crate::sim::world::{CollectorState, Dns, NetworkKind};
use jiff::civil::{Date, Time};

/// What breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The school's line is cut.
    Line,
    /// The school's line is cut and whole again and again: seconds cut, seconds whole.
    Flap(i64, i64),
    /// Lines of a basin on one operator; the number tells which outage.
    Operator(usize),
    /// The whole school has no current.
    Power,
    /// A room has no current.
    RoomPower(String),
    /// A switch is dead.
    Switch(String),
    /// One of two networks is down.
    Network(NetworkKind),
    /// The resolver of a network (or of all) is dead.
    DnsDead(Option<NetworkKind>),
    /// The same lies.
    DnsLying(Option<NetworkKind>),
    /// The filter is dead.
    Filter(Option<NetworkKind>),
    /// A portal stands in the way.
    Portal(Option<NetworkKind>),
    /// TLS is opened on the way.
    Tls,
    /// No more addresses.
    Dhcp(Option<NetworkKind>),
    /// Loss percent, added milliseconds, saturated.
    Degraded(u8, u32, bool),
    /// Our name alone is blocked.
    Blocked,
    /// A server hangs.
    Server(usize),
    /// A machine's volume is full.
    Volume(usize),
    /// The collector itself.
    Collector(CollectorState),
}

/// One fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What breaks.
    pub what: What,
    /// In which school; nothing when it is the collector.
    pub school: Option<usize>,
    /// Breaks.
    pub start: Ms,
    /// Is mended.
    pub end: Ms,
}

impl Fault {
    /// A word for tables.
    pub fn word(&self) -> &'static str {
        match self.what {
            What::Line => "line",
            What::Flap(..) => "flapping_line",
            What::Operator(_) => "operator",
            What::Power => "power",
            What::RoomPower(_) => "room_power",
            What::Switch(_) => "switch",
            What::Network(NetworkKind::Pedagogical) => "pedagogical_network",
            What::Network(NetworkKind::Administrative) => "administrative_network",
            What::DnsDead(_) => "dns_dead",
            What::DnsLying(_) => "dns_lying",
            What::Filter(_) => "filter",
            What::Portal(_) => "portal",
            What::Tls => "tls_interception",
            What::Dhcp(_) => "dhcp",
            What::Degraded(..) => "degraded_line",
            What::Blocked => "blocked_by_name",
            What::Server(_) => "server",
            What::Volume(_) => "volume",
            What::Collector(_) => "collector",
        }
    }

    /// Whether the whole school has no internet.
    pub fn is_outage(&self) -> bool {
        matches!(self.what, What::Line | What::Flap(..) | What::Operator(_) | What::Filter(None) | What::Portal(None))
    }

    /// Whether it is about the line: two of these never meet in a school.
    pub fn is_line(&self) -> bool {
        matches!(self.what, What::Line | What::Flap(..) | What::Operator(_) | What::Degraded(..))
    }

    /// Whether it touches a machine.
    pub fn touches(&self, number: usize, pc: &Pc) -> bool {
        let network = |kind: &Option<NetworkKind>| kind.is_none_or(|kind| kind == pc.network);
        self.school == Some(pc.school)
            && match &self.what {
                What::RoomPower(room) => pc.room.as_ref() == Some(room) && !pc.has_battery(),
                What::Power => !pc.has_battery(),
                What::Switch(switch) => pc.switch.as_ref() == Some(switch),
                What::Network(kind) => pc.network == *kind,
                What::DnsDead(kind)
                | What::DnsLying(kind)
                | What::Filter(kind)
                | What::Portal(kind)
                | What::Dhcp(kind) => network(kind),
                What::Server(machine) | What::Volume(machine) => *machine == number,
                _ => true,
            }
    }
}

/// How often a kind of fault comes in a school and year (thousandths), and for how long: least and most seconds.
type Rate = (fn(&Place, &[(usize, &Pc)], &mut Rng) -> Option<What>, i64, (i64, i64));

const RATES: [Rate; 18] = [
    (|_, _, _| Some(What::Line), 7500, (5, 2 * 86_400)),
    (|_, _, rng| Some(What::Flap(rng.between(20, 120), rng.between(30, 180))), 1200, (600, 5400)),
    (|_, _, _| Some(What::Power), 1600, (20, 5 * 3600)),
    (room, 1300, (60, 4 * 3600)),
    (switch, 2500, (30, 86_400)),
    (|_, _, _| Some(What::Network(NetworkKind::Pedagogical)), 1600, (30, 8 * 3600)),
    (|p, _, _| p.office.then_some(What::Network(NetworkKind::Administrative)), 1600, (30, 8 * 3600)),
    (|p, _, rng| Some(What::DnsDead(some_network(p, rng))), 2600, (20, 6 * 3600)),
    (|p, _, rng| Some(What::DnsLying(some_network(p, rng))), 1300, (60, 4 * 3600)),
    (|p, _, rng| Some(What::Filter(some_network(p, rng))), 2200, (30, 6 * 3600)),
    (|p, _, rng| Some(What::Portal(some_network(p, rng))), 1500, (60, 3 * 3600)),
    (|_, _, _| Some(What::Tls), 900, (300, 86_400)),
    (|p, _, rng| Some(What::Dhcp(some_network(p, rng))), 1600, (600, 6 * 3600)),
    (degraded, 2600, (300, 9 * 3600)),
    (|_, _, _| Some(What::Blocked), 1300, (120, 86_400)),
    (server, 2200, (300, 86_400)),
    (volume, 3500, (1800, 2 * 86_400)),
    (|_, _, _| Some(What::Line), 2500, (60, 1800)),
];

fn some_network(place: &Place, rng: &mut Rng) -> Option<NetworkKind> {
    match rng.up_to(9) {
        0..=3 => None,
        4..=7 => place.office.then_some(NetworkKind::Pedagogical),
        _ => place.office.then_some(NetworkKind::Administrative),
    }
}

fn one_of<T: Clone>(of: &[T], rng: &mut Rng) -> Option<T> {
    of.get(usize::try_from(rng.up_to(of.len() as i64 - 1)).unwrap_or_default()).cloned()
}

fn room(place: &Place, _: &[(usize, &Pc)], rng: &mut Rng) -> Option<What> {
    let rooms: Vec<String> = place.labs.iter().map(|lab| lab.name.clone()).collect();
    one_of(&rooms, rng).map(What::RoomPower)
}

fn switch(_: &Place, pcs: &[(usize, &Pc)], rng: &mut Rng) -> Option<What> {
    let mut switches: Vec<String> = pcs.iter().filter_map(|(_, pc)| pc.switch.clone()).collect();
    switches.sort();
    switches.dedup();
    one_of(&switches, rng).map(What::Switch)
}

fn degraded(_: &Place, _: &[(usize, &Pc)], rng: &mut Rng) -> Option<What> {
    Some(match rng.up_to(2) {
        0 => What::Degraded(rng.between(12, 45) as u8, 0, false),
        1 => What::Degraded(rng.up_to(8) as u8, rng.between(700, 1900) as u32, false),
        _ => What::Degraded(0, 0, true),
    })
}

fn server(_: &Place, pcs: &[(usize, &Pc)], rng: &mut Rng) -> Option<What> {
    let servers: Vec<usize> = pcs.iter().filter(|(_, pc)| pc.role == Role::Server).map(|(n, _)| *n).collect();
    one_of(&servers, rng).map(What::Server)
}

fn volume(_: &Place, pcs: &[(usize, &Pc)], rng: &mut Rng) -> Option<What> {
    let machines: Vec<usize> = pcs.iter().filter(|(_, pc)| !pc.odd && !pc.frozen).map(|(n, _)| *n).collect();
    one_of(&machines, rng).map(What::Volume)
}

/// All faults of the days, by start. Two in one school meet seldom, two of its line never.
pub fn draw(places: &[Place], pcs: &[Pc], (first, last): (Date, Date), rng: &mut Rng) -> Vec<Fault> {
    let days = days::from_to(first, last).count() as i64;
    let mut faults: Vec<Fault> = vec![];
    collectors(&mut faults, (first, last), rng);
    operators(&mut faults, places, (first, last), rng);
    for (school, place) in places.iter().enumerate() {
        let rng = &mut rng.fork(school as u64);
        let members: Vec<(usize, &Pc)> = pcs.iter().enumerate().filter(|(_, pc)| pc.school == school).collect();
        for (kind, rate, (least, most)) in RATES {
            let wanted = rate * days / 365;
            let count = wanted / 1000 + i64::from(rng.happens(wanted % 1000));
            for _ in 0..count {
                let Some(what) = kind(place, &members, rng) else { continue };
                for _ in 0..40 {
                    let start = some_time(place, (first, last), rng);
                    let end = start + lasting(least, most, rng);
                    let fault = Fault { what: what.clone(), school: Some(school), start, end };
                    if end < at(last, Time::midnight()) && fits(&faults, &fault, rng) {
                        faults.push(fault);
                        break;
                    }
                }
            }
        }
    }
    faults.sort_by_key(|fault| (fault.start, fault.school));
    faults
}

fn fits(faults: &[Fault], fault: &Fault, rng: &mut Rng) -> bool {
    let margin = 30 * MINUTE;
    let meets = |other: &&Fault| {
        (other.school == fault.school || other.school.is_none())
            && other.start - margin < fault.end
            && fault.start < other.end + margin
    };
    faults.iter().filter(meets).all(|other| {
        let volume = |fault: &Fault| matches!(fault.what, What::Volume(_));
        match () {
            // A full volume minds nobody but itself; a restart of the collector comes when it comes.
            () if volume(other) || volume(fault) => other.what != fault.what,
            () if other.school.is_none() => other.end - other.start < MINUTE || rng.happens(300),
            () if other.word() == fault.word() || (other.is_line() && fault.is_line()) => false,
            () => rng.happens(60),
        }
    })
}

/// Between two bounds, short ones as often as long ones.
fn lasting(least: i64, most: i64, rng: &mut Rng) -> Ms {
    let (low, high) = ((least as f64).ln(), (most as f64).ln());
    let drawn = low + (high - low) * rng.up_to(1_000_000) as f64 / 1e6;
    (drawn.exp() * 1000.0) as Ms
}

/// Most faults are in the hours in which people work; the others at any time.
fn some_time(place: &Place, (first, last): (Date, Date), rng: &mut Rng) -> Ms {
    let days: Vec<Date> = days::from_to(first, last).collect();
    let busy = rng.happens(720);
    let lessons: Vec<Date> = days.iter().copied().filter(|day| days::has_lessons(place.zone, *day)).collect();
    let day = if busy { one_of(&lessons, rng) } else { None }.or_else(|| one_of(&days, rng)).unwrap_or(first);
    let minute = if busy { rng.between(7 * 60 + 45, 17 * 60 + 30) } else { rng.up_to(24 * 60 - 1) };
    at(day, Time::midnight()) + minute * MINUTE + rng.up_to(59_999)
}

fn collectors(faults: &mut Vec<Fault>, (first, last): (Date, Date), rng: &mut Rng) {
    let days = days::from_to(first, last).count() as i64;
    let mut add = |count: i64, state: CollectorState, least: i64, most: i64, rng: &mut Rng| {
        let wanted = count * 1000 * days / 365;
        for _ in 0..wanted / 1000 + i64::from(rng.happens(wanted % 1000)) {
            let day = first.saturating_add(jiff::Span::new().days(rng.between(0, days - 2)));
            let minute = if rng.happens(750) { rng.between(8 * 60, 17 * 60) } else { rng.up_to(24 * 60 - 1) };
            let start = at(day, Time::midnight()) + minute * MINUTE + rng.up_to(59_999);
            let fault =
                Fault { what: What::Collector(state), school: None, start, end: start + lasting(least, most, rng) };
            let apart = |other: &Fault| other.end + HOUR < fault.start || fault.end + HOUR < other.start;
            if faults.iter().all(apart) {
                faults.push(fault);
            }
        }
    };
    // Restarts, absences, the upgrade of a night, its own line, an overload.
    add(30, CollectorState::Down, 3, 25, rng);
    add(8, CollectorState::Down, 120, 2400, rng);
    add(3, CollectorState::LineCut, 120, 3600, rng);
    add(2, CollectorState::Overloaded, 120, 1200, rng);
}

/// An operator's outage takes the schools of a basin within a minute and gives them back one after another.
fn operators(faults: &mut Vec<Fault>, places: &[Place], (first, last): (Date, Date), rng: &mut Rng) {
    let basins = places.iter().map(|place| place.basin).max().unwrap_or_default() + 1;
    let days = days::from_to(first, last).count() as i64;
    for number in 0..basins * 2 {
        if !rng.happens(1000 * days / 365) {
            continue;
        }
        let basin = number % basins;
        let members: Vec<usize> = (0..places.len()).filter(|school| places[*school].basin == basin).collect();
        let Some(place) = members.first().map(|school| &places[*school]).filter(|_| members.len() > 1) else {
            continue;
        };
        let start = some_time(place, (first, last), rng);
        let healing = start + lasting(240, 5 * 3600, rng);
        let mut outage: Vec<Fault> = vec![];
        for school in members {
            let (start, end) = (start + rng.up_to(60_000), healing + rng.up_to(40 * 60) * SECOND);
            outage.push(Fault { what: What::Operator(number), school: Some(school), start, end });
        }
        let apart =
            |fault: &Fault| faults.iter().all(|f| f.end + 2 * HOUR < fault.start || fault.end + 2 * HOUR < f.start);
        if outage.iter().all(|fault| apart(fault) && fault.end < at(last, Time::midnight())) {
            faults.extend(outage);
        }
    }
}

/// The actions of a fault. Servers that hang and machines without current are in the machines' own plans.
pub fn actions(fault: &Fault, places: &[Place], pcs: &[Pc], plan: &mut Vec<(Ms, Action)>) {
    let place = fault.school.map(|school| &places[school]);
    let uai = place.map(|place| place.uai.clone()).unwrap_or_default();
    let line = || LineRef { school: uai.clone(), name: Some("main".to_owned()) };
    let net = |network: Option<NetworkKind>| NetRef { school: uai.clone(), network };
    // A line that is always slow is slow again when it is back.
    let back = |at: Ms, plan: &mut Vec<(Ms, Action)>| {
        plan.push((at, Action::RestoreLine { line: line() }));
        if let Some(slow) = place.map(|place| place.slow_ms).filter(|slow| *slow > 0) {
            plan.push((at, Action::DegradeLine { line: line(), loss_percent: 0, latency_ms: slow, saturated: false }));
        }
    };
    let (start, end) = (fault.start, fault.end);
    let mut both = |from: Action, to: Action| plan.extend([(start, from), (end, to)]);
    match fault.what.clone() {
        What::Line | What::Operator(_) => {
            plan.push((start, Action::CutLine { line: line() }));
            back(end, plan);
        }
        What::Flap(cut, whole) => {
            let mut at = start;
            while at < end {
                plan.push((at, Action::CutLine { line: line() }));
                back((at + cut * SECOND).min(end), plan);
                at += (cut + whole) * SECOND;
            }
        }
        What::Degraded(loss_percent, latency_ms, saturated) => {
            plan.push((start, Action::DegradeLine { line: line(), loss_percent, latency_ms, saturated }));
            back(end, plan);
        }
        What::Power => both(
            Action::Power { school: uai.clone(), room: None, on: false },
            Action::Power { school: uai.clone(), room: None, on: true },
        ),
        What::RoomPower(room) => both(
            Action::Power { school: uai.clone(), room: Some(room.clone()), on: false },
            Action::Power { school: uai.clone(), room: Some(room), on: true },
        ),
        What::Switch(switch) => both(
            Action::Switch { school: uai.clone(), switch: switch.clone(), down: true },
            Action::Switch { school: uai.clone(), switch, down: false },
        ),
        What::Network(kind) => both(
            Action::Network { net: net(Some(kind)), down: true },
            Action::Network { net: net(Some(kind)), down: false },
        ),
        What::DnsDead(kind) => {
            both(Action::Dns { net: net(kind), state: Dns::Dead }, Action::Dns { net: net(kind), state: Dns::Fine })
        }
        What::DnsLying(kind) => {
            both(Action::Dns { net: net(kind), state: Dns::Lying }, Action::Dns { net: net(kind), state: Dns::Fine })
        }
        What::Filter(kind) => {
            both(Action::Filter { net: net(kind), dead: true }, Action::Filter { net: net(kind), dead: false })
        }
        What::Portal(kind) => {
            both(Action::Portal { net: net(kind), on: true }, Action::Portal { net: net(kind), on: false });
        }
        What::Dhcp(kind) => {
            both(Action::Dhcp { net: net(kind), dead: true }, Action::Dhcp { net: net(kind), dead: false });
        }
        What::Tls => both(
            Action::Tls { school: uai.clone(), intercepted: true },
            Action::Tls { school: uai.clone(), intercepted: false },
        ),
        What::Blocked => both(
            Action::CollectorName { school: uai.clone(), blocked: true },
            Action::CollectorName { school: uai.clone(), blocked: false },
        ),
        What::Server(_) => {}
        What::Volume(number) => {
            let machines = || Machines::one(&uai, &pcs[number].name);
            both(
                Action::Space { machines: machines(), free_percent: 2 },
                Action::Space { machines: machines(), free_percent: 55 },
            );
        }
        What::Collector(state) => {
            both(Action::Collector { state }, Action::Collector { state: CollectorState::Up });
        }
    }
}

/// How a server that hangs goes off.
pub const HANGS: How = How::Crash;

/// Whether an instant is in the hours in which schools work.
pub fn in_hours(zone: char, instant: Ms) -> bool {
    let clocks = civil(instant);
    let until = if days::day(zone, clocks.date()) == days::Day::Wednesday { 12 } else { 17 };
    days::has_lessons(zone, clocks.date()) && (8..until).contains(&clocks.hour())
}
