//! Lines of the section `happens`: what somebody or something does, in words, as actions of the simulation.

use super::parse::{Context, Line, Unreadable, school};
use super::targets::{how, lines, machines, nets, some_schools, within};
use crate::sim::Ms;
use crate::sim::action::{Action, How, LineRef, Machines, NetRef, Which};
use crate::sim::time::{SECOND, at, civil};
use crate::sim::world::{CollectorState, Dns};
use jiff::civil::Time;

type Read<T> = Result<T, Unreadable>;

/// One thing that a line makes happen: after its begin, and what ends it when an end is said.
struct Part {
    after: Ms,
    begin: Action,
    end: Option<Action>,
}

/// What a line makes happen.
pub struct Did {
    parts: Vec<Part>,
    /// `flap`: down and up again, for so long each.
    flap: Option<(Ms, Ms)>,
    /// Known from the first moment on, whatever its own times are (work that is announced).
    announced: Option<Ms>,
}

impl Did {
    /// How long after its begin the last thing happens.
    pub fn lasts(&self) -> Ms {
        self.parts.iter().map(|part| part.after).max().unwrap_or_default()
    }

    /// Plans it at these begins, until the ends where they were said.
    pub fn plan(&self, instants: &[(Ms, Option<Ms>)], happens: &mut Vec<(Ms, Action)>) {
        for (begin, end) in instants {
            for part in &self.parts {
                let at = self.announced.unwrap_or(begin + part.after);
                match (self.flap, end, &part.end) {
                    (Some((down, up)), Some(end), Some(other)) => {
                        let mut at = *begin;
                        while at < *end {
                            happens.push((at, part.begin.clone()));
                            happens.push(((at + down).min(*end), other.clone()));
                            at += down + up;
                        }
                    }
                    (_, Some(end), Some(other)) if self.announced.is_none() => {
                        happens.push((at, part.begin.clone()));
                        happens.push((*end, other.clone()));
                    }
                    _ => happens.push((at, part.begin.clone())),
                }
            }
        }
    }
}

fn did(parts: impl IntoIterator<Item = (Action, Option<Action>)>) -> Did {
    let parts = parts.into_iter().map(|(begin, end)| Part { after: 0, begin, end }).collect();
    Did { parts, flap: None, announced: None }
}

/// Reads what happens. `times` is when, for what must know it.
pub fn read(line: &mut Line<'_>, context: &Context, times: (Ms, Option<Ms>)) -> Read<Did> {
    let found = if let Some(found) = on_lines(line, context)? {
        found
    } else if let Some(found) = on_networks(line, context)? {
        found
    } else if let Some(found) = on_machines(line, context)? {
        found
    } else if let Some(found) = by_people(line, context, times)? {
        found
    } else if let Some(found) = on_collector(line)? {
        found
    } else {
        return Err(line.expected(
            "what happens: « cut », « restore », « flap », « loss », « latency », « saturate », « dns », « dhcp », « portal », \
             « filter », « network », « icmp », « name », « tls », « switch », « power », « breaker », « on », « off », « leave », \
             « return », « reimage », « clone », « freeze », « dual boot », « clock », « directory », « space », « kill agents », \
             « start agents », « collector », « approve », « phone call », « maintenance », « closure » or « take »",
        ));
    };
    if times.1.is_some() && found.announced.is_none() && found.parts.iter().any(|part| part.end.is_none()) {
        return Err(line.expected("something that ends by itself at the second time; this one does not: say « at »"));
    }
    Ok(found)
}

fn on_lines(line: &mut Line<'_>, context: &Context) -> Read<Option<Did>> {
    let cut = |line: LineRef| (Action::CutLine { line: line.clone() }, Some(Action::RestoreLine { line }));
    let degrade = |line: LineRef, loss_percent, latency_ms, saturated| {
        let begin = Action::DegradeLine { line: line.clone(), loss_percent, latency_ms, saturated };
        (begin, Some(Action::DegradeLine { line, loss_percent: 0, latency_ms: 0, saturated: false }))
    };
    let target = |line: &mut Line<'_>| {
        line.want("on")?;
        if matches!(line.peek(), Some("line" | "lines" | "backup")) {
            lines(line, context)
        } else {
            let schools = some_schools(line, context)?;
            Ok(schools.into_iter().map(|school| LineRef { school, name: None }).collect())
        }
    };
    let found = if line.eat("cut") {
        did(lines(line, context)?.into_iter().map(cut))
    } else if line.eat("restore") {
        did(lines(line, context)?.into_iter().map(|line| (Action::RestoreLine { line }, None)))
    } else if line.eat("flap") {
        let mut flapping = did(lines(line, context)?.into_iter().map(cut));
        let down = line.lasting()?;
        line.want("down")?;
        let up = line.lasting()?;
        line.want("up")?;
        flapping.flap = Some((down, up));
        flapping
    } else if line.eat("loss") {
        let percent = line.number("how many percent")?;
        line.want("%")?;
        did(target(line)?.into_iter().map(|line| degrade(line, percent, 0, false)))
    } else if line.eat("latency") {
        let latency = line.number("milliseconds")?;
        line.want("ms")?;
        did(target(line)?.into_iter().map(|line| degrade(line, 0, latency, false)))
    } else if line.eat("saturate") {
        did(lines(line, context)?.into_iter().map(|line| degrade(line, 0, 0, true)))
    } else if line.eat("clean") {
        did(lines(line, context)?.into_iter().map(|line| (degrade(line, 0, 0, false).0, None)))
    } else if line.eat_all("fail over") {
        let schools = some_schools(line, context)?;
        line.want("to")?;
        let name = line.word("the name of a line")?;
        did(schools.into_iter().map(|school| {
            let net = NetRef { school, network: None };
            (Action::FailOver { net: net.clone(), line: name.clone() }, Some(Action::FailBack { net }))
        }))
    } else if line.eat_all("fail back") {
        let schools = some_schools(line, context)?;
        did(schools.into_iter().map(|school| (Action::FailBack { net: NetRef { school, network: None } }, None)))
    } else if line.eat_all("router of") {
        let schools = some_schools(line, context)?;
        let answers = line.one_of(&["answers", "ignores"])? == "answers";
        line.want("ping")?;
        did(schools.into_iter().map(|school| {
            let set = |answers| Action::RouterPing { line: LineRef { school: school.clone(), name: None }, answers };
            (set(answers), Some(set(!answers)))
        }))
    } else {
        return Ok(None);
    };
    Ok(Some(found))
}

fn on_networks(line: &mut Line<'_>, context: &Context) -> Read<Option<Did>> {
    let found = if line.eat("dns") {
        let state = match line.one_of(&["dead", "lying", "fine"])?.as_str() {
            "dead" => Dns::Dead,
            "lying" => Dns::Lying,
            _ => Dns::Fine,
        };
        did(nets(line, context)?
            .into_iter()
            .map(|net| (Action::Dns { net: net.clone(), state }, Some(Action::Dns { net, state: Dns::Fine }))))
    } else if let Some((set, bad)) = toggle(line)? {
        did(nets(line, context)?.into_iter().map(|net| (set(net.clone(), bad), Some(set(net, !bad)))))
    } else if let Some((set, bad)) = school_toggle(line)? {
        line.want("on")?;
        did(some_schools(line, context)?.into_iter().map(|s| (set(s.clone(), bad), Some(set(s, !bad)))))
    } else if line.eat("switch") {
        let switch = line.word("the name of a switch")?;
        line.want("of")?;
        let schools = some_schools(line, context)?;
        let down = line.one_of(&["dies", "works"])? == "dies";
        did(schools.into_iter().map(|school| {
            let set = |down| Action::Switch { school: school.clone(), switch: switch.clone(), down };
            (set(down), Some(set(!down)))
        }))
    } else if line.eat("directory") {
        let up = line.one_of(&["down", "up"])? == "up";
        line.want("of")?;
        let set = |school: String, up| Action::Directory { school, up };
        did(some_schools(line, context)?.into_iter().map(|s| (set(s.clone(), up), Some(set(s, !up)))))
    } else if line.eat("power") || line.peek() == Some("breaker") {
        let breaker = line.eat("breaker");
        let on = !breaker && line.one_of(&["cut", "back"])? == "back";
        line.want("of")?;
        let room = if line.eat("room") {
            let room = line.word("the name of a room")?;
            line.want("of")?;
            Some(room)
        } else {
            None
        };
        let set = |school: String, on| Action::Power { school, room: room.clone(), on };
        did(some_schools(line, context)?.into_iter().map(|s| (set(s.clone(), on), Some(set(s, !on)))))
    } else {
        return Ok(None);
    };
    Ok(Some(found))
}

/// A word, how it is bad, how it is fine, and what it sets.
type Switchable<T> = (&'static str, &'static str, &'static str, fn(T, bool) -> Action);
type Toggle<T> = Option<(fn(T, bool) -> Action, bool)>;

/// Things of a network that are bad or fine.
fn toggle(line: &mut Line<'_>) -> Read<Toggle<NetRef>> {
    let all: [Switchable<NetRef>; 4] = [
        ("dhcp", "dead", "fine", |net, dead| Action::Dhcp { net, dead }),
        ("portal", "up", "gone", |net, on| Action::Portal { net, on }),
        ("filter", "dead", "fine", |net, dead| Action::Filter { net, dead }),
        ("network", "dead", "fine", |net, down| Action::Network { net, down }),
    ];
    for (word, bad, fine, set) in all {
        if line.eat(word) {
            return Ok(Some((set, line.one_of(&[bad, fine])? == bad)));
        }
    }
    Ok(None)
}

/// Things of a school that are bad or fine.
fn school_toggle(line: &mut Line<'_>) -> Read<Toggle<String>> {
    let all: [Switchable<String>; 3] = [
        ("icmp", "blocked", "open", |school, blocked| Action::Icmp { school, blocked }),
        ("name", "blocked", "open", |school, blocked| Action::CollectorName { school, blocked }),
        ("tls", "intercepted", "clean", |school, intercepted| Action::Tls { school, intercepted }),
    ];
    for (word, bad, fine, set) in all {
        if line.eat(word) {
            return Ok(Some((set, line.one_of(&[bad, fine])? == bad)));
        }
    }
    Ok(None)
}

fn on_machines(line: &mut Line<'_>, context: &Context) -> Read<Option<Did>> {
    let alone = |action: Action| (action, None);
    let found = if line.eat("on") {
        let machines = machines(line, context)?;
        let within_s = within(line)?;
        did(machines.into_iter().map(|machines| {
            let off = Action::Off { machines: machines.clone(), how: How::Shutdown, within_s };
            (Action::On { machines, within_s }, Some(off))
        }))
    } else if line.eat("off") {
        let machines = machines(line, context)?;
        let how = if line.eat("by") { how(line)? } else { How::Shutdown };
        let within_s = within(line)?;
        did(machines.into_iter().map(|machines| {
            let on = Action::On { machines: machines.clone(), within_s };
            (Action::Off { machines, how, within_s }, Some(on))
        }))
    } else if line.eat("leave") {
        let machines = machines(line, context)?;
        did(machines.into_iter().map(|m| (Action::Leave { machines: m.clone() }, Some(Action::Return { machines: m }))))
    } else if line.eat("return") {
        did(machines(line, context)?.into_iter().map(|machines| alone(Action::Return { machines })))
    } else if line.eat("reimage") {
        did(machines(line, context)?.into_iter().map(|machines| alone(Action::Reimage { machines })))
    } else if line.eat("freeze") {
        did(machines(line, context)?.into_iter().map(|machines| alone(Action::Freeze { machines })))
    } else if line.eat("clone") {
        let machines = machines(line, context)?;
        line.want("as")?;
        let name = line.word("the name of the other machine")?;
        context.copies.borrow_mut().insert(name.clone());
        did(machines.into_iter().map(|machine| alone(Action::Clone { machine, name: name.clone() })))
    } else if line.eat_all("dual boot") {
        let machines = machines(line, context)?;
        line.want("into")?;
        let system = line.word("the name of a system")?;
        did(machines.into_iter().map(|machine| alone(Action::DualBoot { machine, system: system.clone() })))
    } else if line.eat_all("clock of") {
        let machines = machines(line, context)?;
        line.want("to")?;
        let Some(day) = line.date(context.first) else { return Err(line.expected("a date such as 2010-01-01")) };
        let time = if line.is_done() { Time::midnight() } else { line.clock()? };
        did(machines.into_iter().map(|machines| alone(Action::Clock { machines, to: at(day, time) })))
    } else if line.eat("space") {
        let free_percent = line.number("how many percent are free")?;
        line.want("%")?;
        line.want("on")?;
        did(machines(line, context)?.into_iter().map(|machines| {
            let end = Action::Space { machines: machines.clone(), free_percent: 60 };
            (Action::Space { machines, free_percent }, Some(end))
        }))
    } else if line.eat_all("kill agents of") || line.peek() == Some("start") {
        let start = line.eat_all("start agents of");
        let machines = machines(line, context)?;
        let within = Ms::from(within(line)?) * SECOND;
        spread_agents(&machines, context, start, within)
    } else {
        return Ok(None);
    };
    Ok(Some(found))
}

/// Agents one after another, evenly within a time.
fn spread_agents(machines: &[Machines], context: &Context, start: bool, within: Ms) -> Did {
    let mut names: Vec<(String, String)> = Vec::new();
    for some in machines {
        let wanted = |m: &&crate::sim::world::Machine| {
            m.school == some.school
                && match &some.which {
                    Which::All => true,
                    Which::Kind(kind) => m.kind == *kind,
                    Which::Room(room) => m.room.as_ref() == Some(room),
                    Which::Switch(switch) => m.switch.as_ref() == Some(switch),
                    Which::Network(network) => m.network == *network,
                    Which::Named(names) => names.contains(&m.name),
                }
        };
        names.extend(context.world.machines.iter().filter(wanted).map(|m| (m.school.clone(), m.name.clone())));
    }
    let count = Ms::try_from(names.len()).unwrap_or(1).max(1);
    let parts = names.into_iter().zip(0..).map(|((school, name), n)| {
        let set = |running| Action::Agents { machines: Machines::one(&school, &name), running };
        Part { after: within * n / count, begin: set(start), end: Some(set(!start)) }
    });
    Did { parts: parts.collect(), flap: None, announced: None }
}

fn on_collector(line: &mut Line<'_>) -> Read<Option<Did>> {
    if line.eat("approve") {
        return Ok(Some(did([(Action::Approve, None)])));
    }
    if !line.eat("collector") {
        return Ok(None);
    }
    let state = if line.eat("line") {
        if line.one_of(&["cut", "restored"])? == "cut" { CollectorState::LineCut } else { CollectorState::Up }
    } else {
        match line.one_of(&["down", "up", "overloaded", "calm"])?.as_str() {
            "down" => CollectorState::Down,
            "overloaded" => CollectorState::Overloaded,
            _ => CollectorState::Up,
        }
    };
    let set = |state| Action::Collector { state };
    Ok(Some(did([(set(state), Some(set(CollectorState::Up)))])))
}

fn by_people(line: &mut Line<'_>, context: &Context, (from, to): (Ms, Option<Ms>)) -> Read<Option<Did>> {
    let reason = |line: &mut Line<'_>| {
        line.want("because")?;
        line.quoted().ok_or_else(|| line.expected("a reason between quotes"))
    };
    let found = if line.eat_all("phone call about") {
        let subject = line.word("a subject such as « internet »")?;
        line.want("from")?;
        did([(Action::PhoneCall { school: school(line, context)?, subject }, None)])
    } else if line.eat("take") {
        line.want("ticket")?;
        let check = line.word("a check such as « internet »")?;
        line.want("of")?;
        did([(Action::Take { school: school(line, context)?, check }, None)])
    } else if line.peek() == Some("maintenance") || line.peek() == Some("closure") {
        let closure = line.eat("closure") || !line.eat("maintenance");
        line.want("of")?;
        let schools = some_schools(line, context)?;
        let reason = reason(line)?;
        let Some(to) = to else { return Err(line.expected("« from … to … » before maintenance and closures")) };
        let mut found = did(schools.into_iter().map(|school| {
            let reason = reason.clone();
            let action = match closure {
                true => Action::Closure { school, from, to, reason },
                false => Action::Maintenance { school, from, to, reason },
            };
            (action, None)
        }));
        // Announced the evening before, or as soon as the story starts.
        found.announced = Some(at(civil(from).date(), Time::midnight()).max(at(context.first, Time::midnight())));
        found
    } else {
        return Ok(None);
    };
    Ok(Some(found))
}
