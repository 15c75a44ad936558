//! A generated school year with its truth, lived through by the simulated world under the real store and engine.
//!
//! [`days`] and [`place`] say what there is, [`life`] when machines run, [`faults`] what breaks, [`truth`] what could be
//! known of it, [`words`] which words are right, [`judge`] compares. No code of the engine is used: what it must find out
//! is known here from the plan alone.

pub mod days;
pub mod faults;
pub mod judge;
pub mod life;
mod oddities;
pub mod place;
pub mod truth;
pub mod words;

use crate::sim::action::Action;
use crate::sim::drive::{Drive, Figures};
use crate::sim::found::Found;
use crate::sim::rng::Rng;
use crate::sim::time::{HOUR, MINUTE, SECOND, at};
use crate::sim::world::World;
use crate::sim::{Ms, drive};
use anyhow::{Result, ensure};
use faults::{Fault, What};
use jiff::civil::{Date, Time};
use life::Stay;
use place::{Pc, Place};
use std::time::{Duration, Instant};

/// What year is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Seed.
    pub seed: u64,
    /// Schools.
    pub schools: usize,
    /// Machines of all schools.
    pub machines: usize,
    /// First day.
    pub from: Date,
    /// How many days.
    pub days: u32,
    /// Whether anything breaks.
    pub faults: bool,
}

/// A year that is planned and not lived yet.
pub struct Year {
    /// The world on its first day.
    pub world: World,
    /// Schools.
    pub places: Vec<Place>,
    /// Machines.
    pub pcs: Vec<Pc>,
    /// When each machine runs.
    pub stays: Vec<Vec<Stay>>,
    /// What breaks, by start.
    pub faults: Vec<Fault>,
    /// All that happens, by time.
    pub plan: Vec<(Ms, Action)>,
    /// First instant.
    pub from: Ms,
    /// Last instant.
    pub until: Ms,
}

/// Plans a year.
pub fn generate(options: &Options) -> Result<Year> {
    let last = options.from.checked_add(jiff::Span::new().days(i64::from(options.days.max(1)) - 1))?;
    ensure!(
        days::FIRST <= options.from && last <= days::LAST,
        "only the school year 2026-2027 is known here: {} to {}",
        days::FIRST,
        days::LAST
    );
    let span = (options.from, last);
    let mut rng = Rng::new(options.seed);
    let (world, places, mut pcs) = place::build(rng.bits(), options.schools, options.machines);
    let mut plan = Vec::new();
    let odd = oddities::draw(&places, &mut pcs, span, &mut rng.fork(1));
    let faults = match options.faults {
        true => faults::draw(&places, &pcs, span, &mut rng.fork(2)),
        false => vec![],
    };
    let mut stays = vec![vec![]; pcs.len()];
    for (number, place) in places.iter().enumerate() {
        let rng = &mut rng.fork(100 + number as u64);
        let members: Vec<usize> = (0..pcs.len()).filter(|n| pcs[*n].school == number).collect();
        let (odd_days, told) = life::odd_days(number, place, span.0, span.1, rng);
        plan.extend(told);
        let of: Vec<&Pc> = members.iter().map(|n| &pcs[*n]).collect();
        for (n, stays_of) in members.iter().zip(life::stays(place, &of, span, &odd_days, rng)) {
            stays[*n] = stays_of;
        }
        odd.change(number, &pcs, &mut stays);
        currents(number, place, &pcs, &mut stays, &faults, span, &mut plan, rng);
    }
    for fault in &faults {
        if let What::Server(number) = fault.what {
            hang(&mut stays[number], fault);
        }
        faults::actions(fault, &places, &pcs, &mut plan);
    }
    for (pc, stays) in pcs.iter().zip(&stays) {
        life::actions(&places[pc.school].uai, &pc.name, stays, &mut plan);
    }
    odd.actions(&places, &pcs, &stays, &mut plan);
    let (from, until) = (at(span.0, Time::midnight()), at(span.1, Time::midnight()) + 24 * HOUR);
    plan.retain(|(at, _)| from <= *at && *at < until);
    plan.sort_by_key(|(at, _)| *at);
    Ok(Year { world, places, pcs, stays, faults, plan, from, until })
}

/// What breakers and power cuts do to machines.
#[allow(clippy::too_many_arguments, reason = "one step of the generator")]
fn currents(
    number: usize,
    place: &Place,
    pcs: &[Pc],
    stays: &mut [Vec<Stay>],
    faults: &[Fault],
    span: (Date, Date),
    plan: &mut Vec<(Ms, Action)>,
    rng: &mut Rng,
) {
    let of_school = || faults.iter().filter(|fault| fault.school == Some(number));
    let cuts: Vec<&Fault> =
        of_school().filter(|fault| matches!(fault.what, What::Power | What::RoomPower(_))).collect();
    for (off, on) in life::breaker(place, span, rng) {
        // On evenings on which the current is gone anyhow nobody looks for the breaker.
        if of_school().any(|fault| fault.what == What::Power && fault.start < on + HOUR && off - HOUR < fault.end) {
            continue;
        }
        let power = |on| Action::Power { school: place.uai.clone(), room: None, on };
        plan.extend([(off, power(false)), (on, power(true))]);
        for (n, pc) in pcs.iter().enumerate().filter(|(_, pc)| pc.school == number) {
            // Somebody whose evening ends like that goes home.
            life::without_current(pc, &mut stays[n], (off, on), rng);
        }
    }
    for cut in cuts {
        for (n, pc) in pcs.iter().enumerate().filter(|(n, pc)| cut.touches(*n, pc)) {
            life::without_current(pc, &mut stays[n], (cut.start, cut.end), rng);
        }
    }
}

/// A server hangs and is started again by hand.
fn hang(stays: &mut Vec<Stay>, fault: &Fault) {
    let mut more = vec![];
    for stay in stays.iter_mut().filter(|stay| stay.on < fault.end && fault.start < stay.off) {
        if stay.off > fault.end + MINUTE {
            more.push(Stay { on: fault.end, ..stay.clone() });
        }
        let began = stay.on < fault.start;
        (stay.off, stay.how) = if began { (fault.start, Some(faults::HANGS)) } else { (stay.on, None) };
    }
    stays.extend(more);
    stays.retain(|stay| stay.on < stay.off);
    stays.sort_by_key(|stay| stay.on);
}

/// What came of a year.
pub struct Lived {
    /// What the store holds.
    pub found: Found,
    /// What was done.
    pub figures: Figures,
    /// Decisions of the engine, and the time they took.
    pub decisions: (u64, Duration),
    /// What the store cannot do yet.
    pub unsupported: Vec<(Ms, String)>,
    /// What the reconciler found, looking once a week.
    pub doubts: Vec<String>,
    /// How long it took.
    pub wall: Duration,
}

/// Between two looks of the reconciler: a week and six hours, so that it comes at all hours.
const RECONCILED_EVERY: Ms = (7 * 24 + 6) * HOUR;
/// What is found is looked at again after this, as the reconciler does.
const RECONCILED_TWICE: Ms = 30 * SECOND;

/// Lives through a year.
pub fn live(year: &Year) -> Result<Lived> {
    let began = Instant::now();
    let options = drive::Options { leap: true, inventory: true };
    let mut drive = Drive::new(year.world.clone(), year.from, options)?;
    for (at, action) in &year.plan {
        drive.plan(*at, action.clone());
    }
    let mut said = Instant::now();
    let mut now = year.from;
    let (mut doubts, mut reconciled) = (vec![], now);
    while now < year.until {
        now = (now + 6 * HOUR).min(year.until);
        drive.run_to(now)?;
        if now - reconciled >= RECONCILED_EVERY || now == year.until {
            reconciled = now;
            let mut found = drive.doubts()?;
            if !found.is_empty() && now + RECONCILED_TWICE < year.until {
                // As the collector's own: what is found twice counts.
                drive.run_to(now + RECONCILED_TWICE)?;
                let again = drive.doubts()?;
                found.retain(|line| again.contains(line));
            }
            doubts.extend(found.into_iter().map(|line| format!("{} {line}", crate::sim::time::shown(now))));
        }
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            let spent = began.elapsed().as_secs();
            eprintln!("  {} after {spent} s: {:?}", crate::sim::time::shown(now), drive.figures);
        }
    }
    let found = drive.found()?;
    let decisions = drive.port.decider.spent();
    let (figures, unsupported, wall) = (drive.figures, drive.unsupported, began.elapsed());
    Ok(Lived { found, figures, decisions, unsupported, doubts, wall })
}
