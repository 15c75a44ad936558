//! What something happens to, in words: schools, lines, networks, machines, and how machines go off.

use super::parse::{Context, Line, Unreadable, school};
use crate::sim::action::{How, LineRef, Machines, NetRef, Which};
use crate::sim::time::SECOND;
use crate::sim::world::{Kind, NetworkKind};

type Read<T> = Result<T, Unreadable>;

/// `X`, `basin NAME`, `operator NAME`, `every school`.
pub fn some_schools(line: &mut Line<'_>, context: &Context) -> Read<Vec<String>> {
    let schools = &context.world.schools;
    let found: Vec<String> = if line.eat_all("every school") {
        schools.iter().map(|school| school.uai.clone()).collect()
    } else if line.eat("basin") {
        let basin = line.word("the name of a basin")?;
        schools.iter().filter(|s| s.basin.as_ref() == Some(&basin)).map(|s| s.uai.clone()).collect()
    } else if line.eat("operator") {
        let operator = line.word("the name of an operator")?;
        let has = |s: &&crate::sim::world::School| s.lines.iter().any(|line| line.operator == operator);
        schools.iter().filter(has).map(|s| s.uai.clone()).collect()
    } else {
        vec![school(line, context)?]
    };
    if found.is_empty() { Err(line.wrong("a name that some school of this world has")) } else { Ok(found) }
}

/// `line [NAME] of SCHOOLS`, `backup line of SCHOOLS`.
pub fn lines(line: &mut Line<'_>, context: &Context) -> Read<Vec<LineRef>> {
    let backup = line.eat("backup");
    if !line.eat("line") {
        line.want("lines")?;
    }
    let name = if line.peek() == Some("of") { None } else { Some(line.word("« of » or the name of a line")?) };
    line.want("of")?;
    let operator = if line.peek() == Some("operator") { line.peek_second().map(str::to_owned) } else { None };
    let uais = some_schools(line, context)?;
    let mut found = Vec::new();
    for uai in uais {
        let Some(known) = context.world.school(&uai) else { continue };
        let run_by = |operator: &String| known.lines.iter().find(|l| l.operator == *operator).map(|l| l.name.clone());
        let name = name.clone().or_else(|| operator.as_ref().and_then(run_by));
        let name = match (&name, backup) {
            (None, true) => known.lines.iter().find(|l| l.takes_over_after_s.is_some()).map(|l| l.name.clone()),
            (name, _) => name.clone(),
        };
        if backup && name.is_none() {
            return Err(line.wrong("a school with a back-up line"));
        }
        if let Some(name) = &name
            && known.lines.iter().all(|l| l.name != *name)
        {
            return Err(line.wrong(&format!("a school that has a line « {name} »")));
        }
        found.push(LineRef { school: uai, name });
    }
    Ok(found)
}

pub fn kind_of_network(line: &mut Line<'_>) -> Option<NetworkKind> {
    let found = [NetworkKind::Pedagogical, NetworkKind::Administrative];
    found.into_iter().find(|kind| line.eat(kind.as_str()))
}

/// `on [pedagogical of|administrative of] SCHOOLS`.
pub fn nets(line: &mut Line<'_>, context: &Context) -> Read<Vec<NetRef>> {
    line.want("on")?;
    let network = kind_of_network(line);
    if network.is_some() {
        line.want("of")?;
    }
    let schools = some_schools(line, context)?;
    for uai in &schools {
        let has = context.world.school(uai).is_some_and(|s| {
            network.is_none_or(|kind| {
                s.network(kind).is_some()
                    || kind == NetworkKind::Pedagogical && s.networks.is_empty()
                    || context.world.machines.iter().any(|m| m.school == *uai && m.network == kind)
            })
        });
        if !has {
            return Err(line.wrong("a school that has this network"));
        }
    }
    Ok(schools.into_iter().map(|school| NetRef { school, network }).collect())
}

/// `all of`, `workstations of`, `room A of`, `switch S1 of`, `network administrative of`, `PC01, PC03..PC05 of`.
pub fn machines(line: &mut Line<'_>, context: &Context) -> Read<Vec<Machines>> {
    let kinds = [
        ("workstations", Kind::Workstation),
        ("laptops", Kind::Laptop),
        ("servers", Kind::Server),
        ("nomades", Kind::Nomade),
    ];
    let which = if line.eat("all") {
        Which::All
    } else if let Some((_, kind)) = kinds.into_iter().find(|(word, _)| line.eat(word)) {
        Which::Kind(kind)
    } else if line.eat("room") {
        Which::Room(line.word("the name of a room")?)
    } else if line.eat("switch") {
        Which::Switch(line.word("the name of a switch")?)
    } else if line.eat("network") {
        Which::Network(kind_of_network(line).ok_or_else(|| line.expected("« pedagogical » or « administrative »"))?)
    } else {
        let mut names = Vec::new();
        loop {
            let word = line.word("machines: « all », « workstations », « room A », « switch S1 » or names")?;
            names.extend(range(&word));
            if !line.eat(",") {
                break;
            }
        }
        Which::Named(names)
    };
    line.want("of")?;
    let schools = some_schools(line, context)?;
    let mut found = Vec::new();
    for school in schools {
        if let Which::Named(names) = &which {
            for name in names {
                let known = context.world.machines.iter().any(|m| m.school == school && m.name == *name);
                if !known && !context.copies.borrow().contains(name) {
                    return Err(line.wrong(&format!("a school that has a machine « {name} »")));
                }
            }
        }
        found.push(Machines { school, which: which.clone() });
    }
    Ok(found)
}

/// `PC03..PC05` is three names.
pub fn range(word: &str) -> Vec<String> {
    let split = |name: &str| {
        let digits = name.chars().rev().take_while(char::is_ascii_digit).count();
        let at = name.len().saturating_sub(digits);
        let (prefix, number) = name.split_at(at);
        number.parse::<u32>().ok().map(|n| (prefix.to_owned(), n, digits))
    };
    if let Some((from, to)) = word.split_once("..")
        && let (Some((prefix, first, width)), Some((other, last, _))) = (split(from), split(to))
        && prefix == other
    {
        return (first..=last).map(|n| format!("{prefix}{n:0width$}")).collect();
    }
    vec![word.to_owned()]
}

/// `shutdown`, `suspend`, `fast startup`, `power cut`, `crash`, `restart`, `update`.
pub fn how(line: &mut Line<'_>) -> Read<How> {
    let all = [
        ("shutdown", How::Shutdown),
        ("suspend", How::Suspend),
        ("fast startup", How::FastStartup),
        ("power cut", How::PowerCut),
        ("crash", How::Crash),
        ("restart", How::Restart),
        ("update", How::Update),
    ];
    let found = all.into_iter().find(|(phrase, _)| line.eat_all(phrase)).map(|(_, how)| how);
    found.ok_or_else(|| {
        line.expected(
            "« shutdown », « suspend », « fast startup », « power cut », « crash », « restart » or « update »",
        )
    })
}

pub fn within(line: &mut Line<'_>) -> Read<u32> {
    let lasting = if line.eat("within") { line.lasting()? } else { 0 };
    Ok(u32::try_from(lasting / SECOND).unwrap_or(0))
}
