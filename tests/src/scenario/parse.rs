//! From a text to a [`Scenario`]: lines one by one, each said in words; what cannot be read is named with its place and
//! with what was expected there.

use super::days::{Days, between};
pub use super::line::{Line, Unreadable};
use super::{Scenario, Wanted, actions, schools, wants};
use crate::sim::Ms;
use crate::sim::action::{Action, Machines};
use crate::sim::time::{HOUR, MINUTE, at, civil};
use crate::sim::world::World;
use jiff::civil::{Date, Time, Weekday};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Before the story starts the world runs for so long, so that machines that are on have settled.
const SETTLING: Ms = 45 * MINUTE;
/// So long before the start machines that are on were switched on.
const ON_BEFORE: Ms = 40 * MINUTE;

type Read<T> = Result<T, Unreadable>;

/// What lines have said so far.
pub struct Context {
    /// The day of the start.
    pub first: Date,
    /// The world so far.
    pub world: World,
    /// Other names of schools.
    pub aliases: BTreeMap<String, String>,
    /// Names of machines that will be copies of others.
    pub copies: RefCell<BTreeSet<String>>,
    /// Machines that are frozen from the start.
    pub frozen: Vec<Machines>,
    /// Machines and their habits.
    pub habits: Vec<schools::Habit>,
}

/// When something happens.
enum When {
    Once(Ms),
    During(Ms, Ms),
    Each(Days, Time, Option<Time>),
}

/// Reads a scenario. `file` is its name in errors.
pub fn parse(file: &str, text: &str) -> Read<Scenario> {
    let mut start: Option<Ms> = None;
    let mut until: Option<Ms> = None;
    let mut section = "world".to_owned();
    let mut context = Context {
        first: Date::ZERO,
        world: World::new(1),
        aliases: BTreeMap::new(),
        frozen: Vec::new(),
        habits: Vec::new(),
        copies: RefCell::default(),
    };
    let mut planned: Vec<(When, actions::Did)> = Vec::new();
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut last_line = Line::new(file, 1, "")?;
    for (index, text) in text.lines().enumerate() {
        let mut line = Line::new(file, index + 1, text)?;
        if line.is_done() {
            continue;
        }
        if let Some(name) = ["world", "happens", "wanted"]
            .into_iter()
            .find(|name| line.tokens.len() == 1 && line.peek().is_some_and(|word| word.trim_end_matches(':') == *name))
        {
            if name != "world" && start.is_none() {
                return Err(line.expected("« start DATE TIME » before this section"));
            }
            section = name.to_owned();
            continue;
        }
        match section.as_str() {
            "world" if line.eat("start") => {
                let Some(day) = line.date(Date::ZERO) else { return Err(line.expected("a date such as 2026-10-06")) };
                context.first = day;
                start = Some(at(day, line.clock()?));
            }
            "world" if start.is_none() => return Err(line.expected("« start DATE TIME » first")),
            "world" if line.eat("until") => until = Some(line.instant(context.first)?),
            "world" => schools::read(&mut line, &mut context)?,
            "happens" => {
                let (when, did) = happening(&mut line, &context)?;
                planned.push((when, did));
            }
            _ => {
                let written = text.split('#').next().unwrap_or_default().trim().to_owned();
                let (at, want) = wants::read(&mut line, &context)?;
                wanted.push(Wanted { line: index + 1, text: written, at, want });
            }
        }
        line.end()?;
        last_line = Line::new(file, index + 1, text)?;
        last_line.next = last_line.tokens.len();
    }
    let Some(start) = start else { return Err(last_line.expected("« start DATE TIME »")) };
    if context.world.schools.is_empty() {
        return Err(last_line.expected("at least one « school »"));
    }
    if until.is_none() && planned.iter().any(|(when, _)| matches!(when, When::Each(..))) {
        return Err(last_line.expected("« until » in the world, because something happens « every » day"));
    }
    let habitual = context.habits.iter().any(|habit| habit.hours.is_some());
    if until.is_none() && habitual {
        return Err(last_line.expected("« until » in the world, because machines have « daily » hours"));
    }
    let until = until.unwrap_or_else(|| last_instant(start, &planned, &wanted) + HOUR);
    context.world.complete();
    let begins = start - SETTLING;
    let mut happens = Vec::new();
    for habit in &context.habits {
        habit.plan(start - ON_BEFORE, start, until, &mut happens);
    }
    for machines in &context.frozen {
        happens.push((start - MINUTE, Action::Freeze { machines: machines.clone() }));
    }
    for (when, did) in planned {
        did.plan(&instants(&when, start, until), &mut happens);
    }
    Ok(Scenario { file: file.to_owned(), begins, start, until, world: context.world, happens, wants: wanted })
}

fn last_instant(start: Ms, planned: &[(When, actions::Did)], wanted: &[Wanted]) -> Ms {
    let happens = planned.iter().map(|(when, did)| match when {
        When::Once(at) => *at + did.lasts(),
        When::During(_, to) => *to,
        When::Each(..) => start,
    });
    let wants = wanted.iter().flat_map(|wanted| wants::instants(&wanted.want).into_iter().chain(wanted.at));
    happens.chain(wants).max().unwrap_or(start).max(start)
}

/// All the begins, each with its end where one was said.
fn instants(when: &When, start: Ms, until: Ms) -> Vec<(Ms, Option<Ms>)> {
    match when {
        When::Once(at) => vec![(*at, None)],
        When::During(from, to) => vec![(*from, Some(*to))],
        When::Each(days, from, to) => between(start, until)
            .filter(|day| days.holds(*day))
            .map(|day| (at(day, *from), to.map(|to| at(day, to))))
            .filter(|(begin, _)| (start..=until).contains(begin))
            .collect(),
    }
}

/// `at TIME …`, `on DATE at TIME …`, `day+1 at TIME …`, `from TIME to TIME …`, `every DAYS at TIME …`,
/// `every DAYS from TIME to TIME …`.
fn happening(line: &mut Line<'_>, context: &Context) -> Read<(When, actions::Did)> {
    let first = context.first;
    let when = if line.eat("every") {
        let days = days(line)?;
        if line.eat("from") {
            let from = line.clock()?;
            line.want("to")?;
            When::Each(days, from, Some(line.clock()?))
        } else {
            line.want("at")?;
            When::Each(days, line.clock()?, None)
        }
    } else if line.eat("from") {
        let from = line.instant(first)?;
        line.want("to")?;
        let to = line.instant(civil(from).date())?;
        if to <= from {
            return Err(line.wrong("a time after the first"));
        }
        When::During(from, to)
    } else {
        When::Once(once(line, first)?.ok_or_else(|| {
            line.expected(
                "« at TIME », « on DATE at TIME », « day+1 at TIME », « from TIME to TIME » or « every DAYS at TIME »",
            )
        })?)
    };
    let begins = match when {
        When::Once(at) => (at, None),
        When::During(from, to) => (from, Some(to)),
        When::Each(..) => (0, None),
    };
    let did = actions::read(line, context, begins)?;
    Ok((when, did))
}

/// `at TIME`, `on DATE at TIME`, `day+1 at TIME`, if that is next.
pub fn once(line: &mut Line<'_>, first: Date) -> Read<Option<Ms>> {
    if line.eat("at") {
        return line.instant(first).map(Some);
    }
    let on = line.eat("on");
    match line.date(first) {
        Some(day) => {
            line.want("at")?;
            line.instant(day).map(Some)
        }
        None if on => Err(line.expected("a date such as 2026-10-06")),
        None => Ok(None),
    }
}

fn days(line: &mut Line<'_>) -> Read<Days> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    for (name, day) in NAMES {
        if line.eat(name) {
            return Ok(Days::On(day));
        }
    }
    match line.one_of(&["day", "weekday", "schoolday"]) {
        Ok(word) if word == "day" => Ok(Days::Every),
        Ok(word) if word == "weekday" => Ok(Days::Weekdays),
        Ok(_) => Ok(Days::SchoolDays('C')),
        Err(_) => Err(line.expected("« day », « weekday », « schoolday » or the name of a day")),
    }
}

/// A school by UAI or by its other name.
pub fn school(line: &mut Line<'_>, context: &Context) -> Read<String> {
    let word = line.word("a school")?;
    let uai = context.aliases.get(&word).cloned().unwrap_or(word);
    let known: Vec<_> = context.world.schools.iter().map(|school| school.uai.as_str()).collect();
    if known.contains(&uai.as_str()) {
        return Ok(uai);
    }
    let names: Vec<_> = context.aliases.keys().map(String::as_str).chain(known).collect();
    Err(line.wrong(&format!("a school of this world ({})", names.join(", "))))
}
