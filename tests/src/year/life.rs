//! Daily life: when each machine runs, why, and how it is left. Everything is decided here to the millisecond, so that
//! the truth about who could see what needs nothing of the simulation.

use super::days::{self, Day};
use super::place::{Block, Pc, Place, Role};
use crate::sim::Ms;
use crate::sim::action::{Action, How, Machines};
use crate::sim::rng::Rng;
use crate::sim::time::{HOUR, MINUTE, SECOND, at};
use jiff::civil::{Date, Time, Weekday, date};
use std::collections::BTreeMap;

/// A time during which a machine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Switched on.
    pub on: Ms,
    /// Goes off.
    pub off: Ms,
    /// How; nothing when something else takes it (current).
    pub how: Option<How>,
    /// At its user's home.
    pub away: bool,
}

/// What makes a school's day unlike others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// Nobody comes.
    Snow,
    /// Half of the teachers are away.
    Strike,
    /// Few pupils: first day of term, exams.
    Thin,
}

/// A day of one school.
struct Today<'a> {
    place: &'a Place,
    date: Date,
    day: Day,
    odd: Option<Odd>,
    lab_held: Vec<[bool; 2]>,
}

/// Minutes of the day as an instant.
fn clock(date: Date, minutes: i64) -> Ms {
    let minutes = minutes.clamp(0, 24 * 60 - 1);
    let time = Time::constant(0, 0, 0, 0).saturating_add(jiff::Span::new().minutes(minutes));
    at(date, time)
}

/// Seconds within some minutes, so that nothing happens on the dot.
fn about(rng: &mut Rng, minutes: i64) -> Ms {
    rng.up_to(minutes * 60) * SECOND + rng.up_to(999)
}

/// Days of a school that are unlike others, and what the collector is told of them.
pub fn odd_days(
    number: usize,
    place: &Place,
    first: Date,
    last: Date,
    rng: &mut Rng,
) -> (BTreeMap<Date, Odd>, Vec<(Ms, Action)>) {
    let mut odd = BTreeMap::new();
    let mut told = Vec::new();
    odd.insert(days::FIRST, Odd::Thin);
    for day in days::from_to(date(2027, 6, 16), date(2027, 7, 2)) {
        odd.insert(day, Odd::Thin);
    }
    let lessons: Vec<Date> =
        days::from_to(first, last).filter(|day| days::has_lessons(place.zone, *day) && *day > days::FIRST).collect();
    let winter: Vec<Date> = lessons.iter().copied().filter(|day| matches!(day.month(), 12 | 1 | 2)).collect();
    let mut pick = |of: &[Date], what: Odd, rng: &mut Rng| {
        let Some(day) = of.get(rng.up_to(of.len() as i64 - 1) as usize).copied() else { return };
        odd.insert(day, what);
        let reason = if what == Odd::Snow { "neige" } else { "grève" };
        // Some are told the evening before, some in the middle of the morning, a strike at times not at all.
        let eve = rng.happens(600);
        let told_at = if eve { clock(day, 0) - 6 * HOUR } else { clock(day, 10 * 60 + 20) };
        if what == Odd::Snow {
            let (from, to) = (clock(day, 0), clock(day, 0) + 24 * HOUR);
            let closure = Action::Closure { school: place.uai.clone(), from, to, reason: reason.to_owned() };
            told.push((told_at, closure));
        }
    };
    pick(&winter, Odd::Snow, rng);
    pick(&lessons, Odd::Strike, rng);
    if number.is_multiple_of(2) {
        pick(&lessons, Odd::Strike, rng);
    }
    (odd, told)
}

/// When the machines of a school run, from one day to another.
pub fn stays(
    place: &Place,
    pcs: &[&Pc],
    (first, last): (Date, Date),
    odd: &BTreeMap<Date, Odd>,
    rng: &mut Rng,
) -> Vec<Vec<Stay>> {
    let mut all: Vec<Vec<Stay>> = vec![vec![]; pcs.len()];
    let mut away: Vec<i64> = vec![0; pcs.len()];
    for day in days::from_to(first, last) {
        let lab_held = place.labs.iter().map(|_| [rng.happens(930), rng.happens(930)]).collect();
        let today = Today { place, date: day, day: days::day(place.zone, day), odd: odd.get(&day).copied(), lab_held };
        for (number, pc) in pcs.iter().enumerate() {
            let stays = match pc.role {
                Role::Server => continue,
                Role::Lab => lab(&today, pc, rng),
                Role::Office => office(&today, pc, rng),
                Role::Nomade => nomade(&today, pc, &mut away[number], rng),
                _ => ordinary(&today, pc, rng),
            };
            all[number].extend(stays);
        }
        master_switches(&today, pcs, &mut all, rng);
    }
    for (number, pc) in pcs.iter().enumerate() {
        if pc.role == Role::Server {
            all[number] = server(first, last, rng);
        }
    }
    for (stays, pc) in all.iter_mut().zip(pcs) {
        stays.retain(|stay| stay.on + 2 * MINUTE < stay.off);
        stays.sort_by_key(|stay| stay.on);
        if pc.role != Role::Server {
            updates(stays, rng);
        }
        tidy(stays);
    }
    all
}

/// No stay begins before the one before it is over.
pub fn tidy(stays: &mut Vec<Stay>) {
    let mut until = Ms::MIN;
    stays.retain(|stay| {
        let fits = stay.on >= until;
        until = if fits { stay.off + MINUTE } else { until };
        fits
    });
}

fn left(pc: &Pc, rng: &mut Rng) -> How {
    let mut draw = rng.up_to(999);
    for (habit, how) in pc.habits.iter().zip([How::Shutdown, How::FastStartup, How::Suspend]) {
        draw -= habit;
        if draw < 0 {
            return how;
        }
    }
    How::PowerCut
}

fn stay(today: &Today<'_>, pc: &Pc, from: i64, to: i64, rng: &mut Rng) -> Stay {
    let on = clock(today.date, from) + about(rng, 6) + pc.late * rng.up_to(30) * SECOND;
    // Half of a class leaves on the bell, the others some minutes around it.
    let off = clock(today.date, to) + about(rng, 5) - 2 * MINUTE + if rng.happens(100) { about(rng, 30) } else { 0 };
    Stay { on, off, how: Some(left(pc, rng)), away: false }
}

fn lessons(today: &Today<'_>) -> bool {
    matches!(today.day, Day::Lessons | Day::Wednesday) && today.odd != Some(Odd::Snow)
}

fn weekday(date: Date) -> Option<usize> {
    usize::try_from(date.weekday().to_monday_zero_offset()).ok().filter(|day| *day < 5)
}

fn blocks(today: &Today<'_>, lab: usize) -> [Block; 2] {
    let (Some(weekday), true) = (weekday(today.date), lessons(today)) else { return [None; 2] };
    let held = today.lab_held.get(lab).copied().unwrap_or([true; 2]);
    let week = today.place.labs.get(lab).map(|lab| lab.week[weekday]).unwrap_or_default();
    [week[0].filter(|_| held[0]), week[1].filter(|_| held[1])]
}

fn lab(today: &Today<'_>, pc: &Pc, rng: &mut Rng) -> Vec<Stay> {
    let Some(lab) = today.place.labs.iter().position(|lab| Some(&lab.name) == pc.room.as_ref()) else { return vec![] };
    let share = match today.odd {
        Some(Odd::Strike) => pc.used / 2,
        Some(Odd::Thin) => pc.used / 3,
        _ => pc.used,
    };
    let through = today.place.labs.get(lab).is_some_and(|lab| lab.through);
    match blocks(today, lab) {
        [Some((from, _)), Some((_, to))] if through && rng.happens(share) => vec![stay(today, pc, from, to, rng)],
        [Some(_), Some(_)] if through => vec![],
        two => {
            let mut stays = Vec::new();
            for (from, to) in two.into_iter().flatten() {
                if rng.happens(share) {
                    stays.push(stay(today, pc, from, to, rng));
                }
            }
            stays
        }
    }
}

/// The last teacher in the room pulls the master switch, after the lesson or in the evening: all that still runs there
/// goes at one instant.
fn master_switches(today: &Today<'_>, pcs: &[&Pc], all: &mut [Vec<Stay>], rng: &mut Rng) {
    for (number, lab) in today.place.labs.iter().enumerate().filter(|(_, lab)| lab.master) {
        let last = blocks(today, number).into_iter().flatten().map(|(_, to)| to).max();
        let Some(last) = last.filter(|_| rng.happens(700)) else { continue };
        let evening = rng.happens(300) && today.day != Day::Wednesday;
        let at = if evening { clock(today.date, 18 * 60) } else { clock(today.date, last) } + about(rng, 4);
        let late = !evening && rng.happens(500);
        for (pc, stays) in pcs.iter().zip(all.iter_mut()) {
            let Some(stay) = stays.last_mut().filter(|_| pc.room.as_ref() == Some(&lab.name)) else { continue };
            // Half of the time the class leaves everything on, because the switch does it anyway.
            let stays_on = late || evening;
            if stay.on < at && (stay.off > at || (stays_on && stay.off > clock(today.date, last) - 3 * MINUTE)) {
                (stay.off, stay.how) = (at, Some(How::PowerCut));
            }
        }
    }
}

fn ordinary(today: &Today<'_>, pc: &Pc, rng: &mut Rng) -> Vec<Stay> {
    let (Some(weekday), true) = (weekday(today.date), lessons(today)) else { return vec![] };
    let share = match today.odd {
        Some(Odd::Strike) => pc.used / 2,
        Some(Odd::Thin) => pc.used * 2 / 3,
        _ => pc.used,
    };
    let afternoon = today.day != Day::Wednesday;
    if !rng.happens(share) {
        return vec![];
    }
    match pc.role {
        Role::Friday if today.date.weekday() == Weekday::Friday => {
            vec![stay(today, pc, 13 * 60 + 30, 16 * 60 + 30, rng)]
        }
        Role::Library => vec![stay(today, pc, 7 * 60 + 50, if afternoon { 17 * 60 + 15 } else { 12 * 60 + 15 }, rng)],
        Role::Cart if (weekday + pc.late as usize).is_multiple_of(2) => {
            let from = if afternoon && rng.happens(500) { 14 * 60 } else { 9 * 60 };
            vec![stay(today, pc, from, from + 55 * rng.between(1, 2), rng)]
        }
        Role::Teacher => {
            let [morning, later] = pc.week[weekday];
            let later = later && afternoon;
            let start = 8 * 60 + 55 * (pc.late % 2) - 5;
            match (morning, later) {
                (true, true) if rng.happens(700) => vec![stay(today, pc, start, 16 * 60 + 30, rng)],
                (true, true) => {
                    vec![stay(today, pc, start, 12 * 60, rng), stay(today, pc, 13 * 60 + 25, 17 * 60 + 25, rng)]
                }
                (true, false) => vec![stay(today, pc, start, 12 * 60, rng)],
                (false, true) => vec![stay(today, pc, 13 * 60 + 25, 15 * 60 + 25 + 60 * (pc.late % 3), rng)],
                (false, false) => vec![],
            }
        }
        _ => vec![],
    }
}

/// The office works when pupils are away: the first days of small holidays, the first and the last weeks of summer.
fn office(today: &Today<'_>, pc: &Pc, rng: &mut Rng) -> Vec<Stay> {
    let summer = today.date < date(2027, 7, 14) || today.date > date(2027, 8, 22);
    let share = match today.day {
        _ if today.odd == Some(Odd::Snow) => 0,
        Day::Lessons | Day::Wednesday => 940,
        Day::Holidays(day) if day < 6 => 700,
        Day::Summer if summer => 800,
        _ => 0,
    };
    if !rng.happens(share) {
        return vec![];
    }
    let to = 16 * 60 + 40 + rng.up_to(70);
    match pc.late % 3 {
        0 => vec![stay(today, pc, 7 * 60 + 40, 12 * 60, rng), stay(today, pc, 13 * 60 + 10, to, rng)],
        _ => vec![stay(today, pc, 8 * 60, to, rng)],
    }
}

/// A nomade is at school some days, at home in the evening, and now and then away for a week.
fn nomade(today: &Today<'_>, pc: &Pc, away: &mut i64, rng: &mut Rng) -> Vec<Stay> {
    if *away > 0 {
        *away -= 1;
    } else if rng.happens(40) {
        *away = rng.between(2, 12);
    }
    let mut stays = vec![];
    if lessons(today) && *away == 0 && rng.happens(pc.used * 8 / 10) {
        let to = if today.day == Day::Wednesday { 12 * 60 } else { 16 * 60 + 30 };
        stays.push(stay(today, pc, 8 * 60 + 20, to, rng));
    }
    if rng.happens(450) {
        let mut evening = stay(today, pc, 20 * 60, 22 * 60 + rng.up_to(80), rng);
        evening.away = true;
        stays.push(evening);
    }
    stays
}

/// All the year, with a restart for updates once a month: at night, or at noon of a school day.
fn server(first: Date, last: Date, rng: &mut Rng) -> Vec<Stay> {
    let mut stays = vec![];
    let mut on = clock(first, 0) + MINUTE + about(rng, 3);
    for day in days::from_to(first, last).filter(|day| day.day() == 14) {
        let at = if rng.happens(750) { clock(day, 3 * 60) } else { clock(day, 12 * 60 + 40) } + about(rng, 20);
        let how = if rng.happens(700) { How::Update } else { How::Restart };
        stays.push(Stay { on, off: at, how: Some(how), away: false });
        on = at + if how == How::Update { 10 * MINUTE } else { 90 * SECOND };
    }
    stays.push(Stay { on, off: clock(last, 0) + 24 * HOUR, how: None, away: false });
    stays
}

/// Once a month most machines install updates, in the middle of what they do or when they are left.
fn updates(stays: &mut Vec<Stay>, rng: &mut Rng) {
    let mut month = 0;
    let mut more = vec![];
    for stay in stays.iter_mut() {
        let date = crate::sim::time::civil(stay.on).date();
        if date.day() < 9 || date.month() == month || !rng.happens(400) {
            continue;
        }
        month = date.month();
        let length = stay.off - stay.on;
        if length < 40 * MINUTE {
            continue;
        }
        let at = stay.on + 5 * MINUTE + rng.up_to((length - 30 * MINUTE) / SECOND) * SECOND;
        let how = if rng.happens(500) { How::Update } else { How::Restart };
        let back = at + if how == How::Update { 10 * MINUTE } else { 90 * SECOND };
        more.push(Stay { on: back, ..stay.clone() });
        (stay.off, stay.how) = (at, Some(how));
    }
    stays.extend(more);
    stays.sort_by_key(|stay| stay.on);
}

/// The breaker of a school that has one, every evening: what still runs has no current until the morning.
pub fn breaker(place: &Place, (first, last): (Date, Date), rng: &mut Rng) -> Vec<(Ms, Ms)> {
    let Some(minutes) = place.breaker else { return vec![] };
    let evenings = days::from_to(first, last).filter(|day| *day < last);
    evenings
        .filter(|day| matches!(days::day(place.zone, *day), Day::Lessons | Day::Wednesday | Day::Holidays(_)))
        .map(|day| {
            let morning = day.tomorrow().unwrap_or(day);
            (clock(day, minutes) + about(rng, 4), clock(morning, 6 * 60 + 30) + about(rng, 10))
        })
        .collect()
}

/// Machines have no current from one instant to another: what ran goes off, what would have started starts later, if
/// anybody waits that long.
pub fn without_current(pc: &Pc, stays: &mut Vec<Stay>, (from, to): (Ms, Ms), rng: &mut Rng) {
    if pc.has_battery() {
        return;
    }
    let mut more = vec![];
    for stay in stays.iter_mut().filter(|stay| !stay.away && stay.on < to && stay.off > from) {
        let again = to + if pc.role == Role::Server { 45 * SECOND } else { MINUTE + about(rng, 9) };
        let began = stay.on < from;
        let waits = pc.role == Role::Server || (stay.off > again + 10 * MINUTE && rng.happens(850));
        let rest = waits.then(|| Stay { on: again, ..stay.clone() });
        if began {
            (stay.off, stay.how) = (from, None);
            more.extend(rest);
        } else {
            match rest {
                Some(rest) => *stay = rest,
                None => stay.off = stay.on,
            }
        }
    }
    stays.extend(more);
    stays.retain(|stay| stay.on < stay.off);
    stays.sort_by_key(|stay| stay.on);
    tidy(stays);
}

/// The actions of a machine's life.
pub fn actions(uai: &str, name: &str, stays: &[Stay], plan: &mut Vec<(Ms, Action)>) {
    let one = || Machines::one(uai, name);
    let mut away = false;
    for stay in stays {
        if stay.away != away {
            away = stay.away;
            let at = stay.on - MINUTE;
            plan.push((at, if away { Action::Leave { machines: one() } } else { Action::Return { machines: one() } }));
        }
        plan.push((stay.on, Action::On { machines: one(), within_s: 0 }));
        if let Some(how) = stay.how {
            plan.push((stay.off, Action::Off { machines: one(), how, within_s: 0 }));
        }
    }
}
