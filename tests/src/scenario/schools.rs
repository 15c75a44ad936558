//! Lines of the section `world`: schools, what stands in them, and what machines do every day.

use super::days::{Days, between};
use super::parse::{Context, Line, Unreadable};
use crate::sim::Ms;
use crate::sim::action::{Action, How, Machines, Which};
use crate::sim::time::{SECOND, at};
use crate::sim::world::{self, Kind, Machine, Network, NetworkKind, Part, School};
use jiff::civil::{Time, Weekday, time};
use std::net::IpAddr;

type Read<T> = Result<T, Unreadable>;

/// Machines that are on at the start are switched on within this.
const SETTLE_WITHIN_S: u32 = 600;
/// Wednesday ends at noon unless it is said otherwise.
const WEDNESDAY: Time = time(12, 0, 0, 0);

/// What some machines do by themselves.
#[derive(Debug, Clone)]
pub struct Habit {
    school: String,
    names: Vec<String>,
    /// Not on at the start.
    off: bool,
    /// On and off, on these days.
    pub hours: Option<(Time, Time)>,
    wednesday: Time,
    days: Days,
    within_s: u32,
    how: How,
}

impl Habit {
    /// Plans it. `settled` is an instant before the start.
    pub fn plan(&self, settled: Ms, start: Ms, until: Ms, happens: &mut Vec<(Ms, Action)>) {
        let machines = Machines { school: self.school.clone(), which: Which::Named(self.names.clone()) };
        let on = |within_s| Action::On { machines: machines.clone(), within_s };
        let Some((from, to)) = self.hours else {
            if !self.off {
                happens.push((settled, on(SETTLE_WITHIN_S)));
            }
            return;
        };
        for day in between(start, until).filter(|day| self.days.holds(*day)) {
            let short = day.weekday() == Weekday::Wednesday && matches!(self.days, Days::SchoolDays(_));
            let to = if short { to.min(self.wednesday) } else { to };
            let (begin, end) = (at(day, from), at(day, to));
            if begin > start {
                happens.push((begin, on(self.within_s)));
            } else if start < end && !self.off {
                happens.push((settled, on(SETTLE_WITHIN_S)));
            }
            if end > start {
                let (machines, how) = (machines.clone(), self.how);
                happens.push((end, Action::Off { machines, how, within_s: self.within_s }));
            }
        }
    }
}

/// Reads one line.
pub fn read(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    if line.eat("seed") {
        context.world.rng = crate::sim::rng::Rng::new(line.number("a number")?);
        return Ok(());
    }
    if line.eat("heartbeat") {
        let seconds = line.lasting()? / SECOND;
        context.world.heartbeat_s = u32::try_from(seconds).map_err(|_| line.wrong("a heartbeat of 5 s to 900 s"))?;
        return Ok(());
    }
    if line.eat("school") {
        return school(line, context);
    }
    if context.world.schools.is_empty() {
        return Err(line.expected("« school », « seed », « heartbeat » or « until »"));
    }
    if line.eat("line") {
        return carrier(line, context);
    }
    if line.eat("network") {
        return network(line, context);
    }
    if line.eat("open") {
        return openings(line, context);
    }
    if line.eat("switch") || line.eat("room") {
        return part(line, context);
    }
    if line.eat("machines") {
        return machines(line, context);
    }
    if line.eat("machine") {
        return machine(line, context);
    }
    Err(line.expected("« school », « line », « network », « open », « switch », « room », « machines » or « machine »"))
}

fn school(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    let uai = line.word("a UAI such as 0959901W")?;
    if let Err(error) = uai.parse::<vigie_shared::uai::Uai>() {
        return Err(line.wrong(&format!("a UAI ({error})")));
    }
    if context.world.school(&uai).is_some() {
        return Err(line.wrong("a school that was not said before"));
    }
    let mut school = School::simple(&uai);
    loop {
        if line.eat("as") {
            context.aliases.insert(line.word("another name")?, uai.clone());
        } else if line.eat("basin") {
            school.basin = Some(line.word("the name of a basin")?);
        } else if line.eat("zone") {
            let zone = line.one_of(&["A", "B", "C"])?;
            school.zone = zone.chars().next().unwrap_or('C');
        } else if line.eat("operator") {
            let operator = line.word("the name of an operator")?;
            let number = u8::try_from(context.world.schools.len() % 250 + 1).unwrap_or(1);
            school.lines.push(world::Line::new("main", &operator, IpAddr::from([203, 0, 113, number])));
        } else if let Some(name) = line.quoted() {
            school.name = name;
        } else {
            break;
        }
    }
    context.world.schools.push(school);
    Ok(())
}

fn last(context: &mut Context) -> Option<&mut School> {
    context.world.schools.last_mut()
}

fn network_kind(line: &mut Line<'_>) -> Read<NetworkKind> {
    let word = line.one_of(&["pedagogical", "administrative"])?;
    Ok(if word == "pedagogical" { NetworkKind::Pedagogical } else { NetworkKind::Administrative })
}

fn address(line: &mut Line<'_>) -> Read<IpAddr> {
    line.number("an address such as 203.0.113.10")
}

fn carrier(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    let schools = context.world.schools.len();
    let Some(school) = last(context) else { return Ok(()) };
    let number = school.lines.len();
    let named = !matches!(line.peek(), None | Some("operator" | "address" | "backup" | "for" | "no" | "probed"));
    let name =
        if named { line.word("the name of a line")? } else { (if number == 0 { "main" } else { "backup" }).to_owned() };
    let octet = |n: usize| u8::try_from(n % 250).unwrap_or(1);
    let default = IpAddr::from([198, if number == 0 { 18 } else { 19 }, octet(number), octet(schools)]);
    let mut new = world::Line::new(&name, "Orange", default);
    loop {
        if line.eat("operator") {
            new.operator = line.word("the name of an operator")?;
        } else if line.eat("address") {
            new.address = address(line)?;
        } else if line.eat("backup") {
            new.takes_over_after_s = Some(60);
        } else if line.eat_all("takes over after") {
            new.takes_over_after_s = u32::try_from(line.lasting()? / SECOND).ok();
        } else if line.eat("for") {
            new.only = Some(network_kind(line)?);
        } else if line.eat_all("no ping") {
            new.answers_ping = false;
        } else if line.eat("probed") {
            new.probed = true;
        } else {
            break;
        }
    }
    school.lines.push(new);
    Ok(())
}

fn network(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    let kind = network_kind(line)?;
    let Some(school) = last(context) else { return Ok(()) };
    if school.network(kind).is_none() {
        school.networks.push(Network::new(kind));
    }
    if line.eat("address") {
        let address = address(line)?;
        school.networks.iter_mut().filter(|n| n.kind == kind).for_each(|n| n.egress = Some(address));
    }
    Ok(())
}

/// `open administrative 08:00-18:00 [wednesday 08:00-12:00] [all year]`.
fn openings(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    let network = network_kind(line)?;
    let said = |(from, to): (Time, Time)| {
        format!("{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    };
    let open = said(hours(line)?);
    let wednesday = if line.eat("wednesday") { Some(said(hours(line)?)) } else { None };
    let all_year = line.eat_all("all year");
    let Some(school) = last(context) else { return Ok(()) };
    school.hours.push(world::Hours { network, open, wednesday, all_year });
    Ok(())
}

/// `switch S1 [in room A]`, `room A`: only needed when a breaker feeds switches.
fn part(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    let name = line.word("a name")?;
    let room = if line.eat_all("in room") { Some(line.word("the name of a room")?) } else { None };
    let Some(school) = last(context) else { return Ok(()) };
    if let Some(room) = &room
        && school.rooms.iter().all(|part| part.name != *room)
    {
        school.rooms.push(Part { name: room.clone(), room: None, up: true });
    }
    let parts = if room.is_some() || name.starts_with('S') { &mut school.switches } else { &mut school.rooms };
    parts.push(Part { name, room, up: true });
    Ok(())
}

/// `machines 14 workstations …`.
fn machines(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    let count: usize = line.number("how many machines")?;
    if !(1..=1000).contains(&count) {
        return Err(line.wrong("1 to 1000 machines"));
    }
    let plural = [
        ("workstations", Kind::Workstation, "PC"),
        ("laptops", Kind::Laptop, "PORT"),
        ("servers", Kind::Server, "SRV"),
        ("nomades", Kind::Nomade, "NOM"),
    ];
    let Some((_, kind, prefix)) = plural.into_iter().find(|(word, ..)| line.eat(word)) else {
        return Err(line.expected("« workstations », « laptops », « servers » or « nomades »"));
    };
    let prefix = if line.eat("named") { line.word("the beginning of their names")? } else { prefix.to_owned() };
    let uai = last(context).map(|school| school.uai.clone()).unwrap_or_default();
    let known = |name: &str, context: &Context| {
        context.world.machines.iter().any(|machine| machine.school == uai && machine.name == name)
    };
    let names: Vec<String> =
        (1..).map(|n| format!("{prefix}{n:02}")).filter(|name| !known(name, context)).take(count).collect();
    habits(line, context, uai, kind, names)
}

/// `machine SRV1 server …`.
fn machine(line: &mut Line<'_>, context: &mut Context) -> Read<()> {
    let name = line.word("the name of a machine")?;
    let uai = last(context).map(|school| school.uai.clone()).unwrap_or_default();
    if context.world.machines.iter().any(|machine| machine.school == uai && machine.name == name) {
        return Err(line.wrong("a machine that was not said before"));
    }
    let kinds = [
        ("workstation", Kind::Workstation),
        ("laptop", Kind::Laptop),
        ("server", Kind::Server),
        ("nomade", Kind::Nomade),
    ];
    let Some((_, kind)) = kinds.into_iter().find(|(word, _)| line.eat(word)) else {
        return Err(line.expected("« workstation », « laptop », « server » or « nomade »"));
    };
    habits(line, context, uai, kind, vec![name])
}

fn habits(line: &mut Line<'_>, context: &mut Context, uai: String, kind: Kind, names: Vec<String>) -> Read<()> {
    let zone = context.world.school(&uai).map_or('C', |school| school.zone);
    let mut model = Machine::new(&uai, "", kind);
    let mut habit = Habit {
        school: uai.clone(),
        names: names.clone(),
        off: false,
        hours: None,
        wednesday: WEDNESDAY,
        days: Days::SchoolDays(zone),
        within_s: 20 * 60,
        how: How::Shutdown,
    };
    let mut frozen = false;
    loop {
        if line.eat_all("in room") {
            model.room = Some(line.word("the name of a room")?);
        } else if line.eat_all("on switch") {
            model.switch = Some(line.word("the name of a switch")?);
        } else if line.eat_all("on network") {
            model.network = network_kind(line)?;
        } else if line.eat("off") {
            habit.off = true;
        } else if line.eat("away") {
            model.away = true;
        } else if line.eat("frozen") {
            frozen = true;
        } else if line.eat("unexpected") {
            model.unexpected = true;
        } else if line.eat("drift") {
            model.drift_ppm = line.number("parts in a million")?;
            line.want("ppm")?;
        } else if line.eat("clock") {
            let Some(day) = line.date(context.first) else { return Err(line.expected("a date such as 2010-01-01")) };
            model.wall_error_ms = at(day, Time::midnight()) - at(context.first, Time::midnight());
        } else if line.eat("daily") {
            habit.hours = Some(hours(line)?);
            if line.eat("wednesday") {
                line.want("until")?;
                habit.wednesday = line.clock()?;
            }
        } else if line.eat("within") {
            habit.within_s = u32::try_from(line.lasting()? / SECOND).unwrap_or(0);
        } else if line.eat("by") {
            habit.how = super::targets::how(line)?;
        } else if line.eat("weekdays") {
            habit.days = Days::Weekdays;
        } else if line.eat_all("every day") {
            habit.days = Days::Every;
        } else if line.eat("fridays") {
            habit.days = Days::On(Weekday::Friday);
        } else {
            break;
        }
    }
    for name in names {
        let mut machine = model.clone();
        machine.serial = format!("{uai}-{name}");
        machine.name = name;
        context.world.machines.push(machine);
    }
    if frozen {
        context.frozen.push(Machines { school: uai, which: Which::Named(habit.names.clone()) });
    }
    context.habits.push(habit);
    Ok(())
}

/// `08:00-17:30`.
fn hours(line: &mut Line<'_>) -> Read<(Time, Time)> {
    let word = line.word("hours such as 08:00-17:30")?;
    let parsed = word.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    parsed.filter(|(from, to): &(Time, Time)| from < to).ok_or_else(|| line.wrong("hours such as 08:00-17:30"))
}
