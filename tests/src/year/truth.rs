//! What could be known of a fault, from what was *delivered*: the rule of `tests/README.md`, "measure year".

use super::Year;
use super::faults::{Fault, What, in_hours};
use super::life::Stay;
use super::place::{Pc, Role};
use crate::sim::Ms;
use crate::sim::action::How;
use crate::sim::time::{HOUR, MINUTE, SECOND};

/// From switching on until the agent has looked and called.
const BOOT: Ms = 60 * SECOND;
/// As long a machine must have been on within a fault to have confirmed it: two looks a minute apart, and some.
pub const CONFIRM: Ms = 180 * SECOND;
/// After a fault, until machines that are on have told what they saw.
const DRAIN: Ms = 3 * MINUTE;
/// What is told later than this after a fault is history.
const HISTORY: Ms = 8 * 24 * HOUR;
/// After the evidence is there, until a verdict must be.
const VERDICT: Ms = 15 * MINUTE;

/// What could be known of a fault.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// When each machine that could tell its cause had delivered what it saw, in order.
    pub told: Vec<Ms>,
    /// It must be detected by then; nothing when nobody could know enough.
    pub must: Option<Ms>,
    /// Two machines were heard when it began and stayed: its delay counts.
    pub live: bool,
    /// Another fault of the school meets it.
    pub overlapped: bool,
    /// The school's traffic went over its back-up line.
    pub failover: bool,
    /// The whole school had no internet, and nothing took over.
    pub outage: bool,
}

/// Judges all faults of a year.
pub fn of(year: &Year) -> Vec<Truth> {
    year.faults.iter().map(|fault| one(year, fault)).collect()
}

fn one(year: &Year, fault: &Fault) -> Truth {
    let Some(school) = fault.school else { return Truth::default() };
    let place = &year.places[school];
    let takes_over = place.backup.then(|| year.world.schools[school].lines.iter().find_map(|l| l.takes_over_after_s));
    let takes_over = takes_over.flatten().map(|after| Ms::from(after) * SECOND);
    let failover = matches!(fault.what, What::Line | What::Operator(_) | What::Flap(..)) && takes_over.is_some();
    // What the school lived through: with a back-up line, the time on it.
    let mut seen = fault.clone();
    if let Some(after) = takes_over.filter(|_| failover) {
        seen.start = (fault.start + after).min(fault.end);
    }
    // Where a nomade was when it saw something nobody knows: it bears no witness, but for its own volume.
    let stays_here = |pc: &Pc| pc.role != Role::Nomade || matches!(fault.what, What::Volume(_));
    let members = || {
        let of_fault = |(number, pc): &(usize, &Pc)| fault.touches(*number, pc) && !pc.odd && stays_here(pc);
        year.pcs.iter().enumerate().filter(of_fault)
    };
    let mut told: Vec<Ms> = members().filter_map(|(number, pc)| tells(&seen, pc, &year.stays[number])).collect();
    told.retain(|told| *told <= fault.end + HISTORY);
    told.sort_unstable();
    let meets = |other: &&Fault| other.start - 5 * MINUTE < fault.end && fault.start < other.end + 5 * MINUTE;
    let others = || year.faults.iter().filter(|other| !std::ptr::eq(*other, fault)).filter(meets);
    let absent = others().any(|other| other.school.is_none());
    let minor = |other: &Fault| matches!(other.what, What::Volume(_));
    let overlapped = others().any(|other| other.school == fault.school && !minor(other) && !minor(fault));
    let heard = members().filter(|(number, _)| {
        let on = |stay: &Stay| {
            !stay.away && stay.on + 3 * MINUTE < fault.start && stay.off > (fault.start + 4 * MINUTE).min(fault.end)
        };
        year.stays[*number].iter().any(on)
    });
    let heard: Vec<&Pc> = heard.map(|(_, pc)| pc).collect();
    let busy = in_hours(place.zone, fault.start);
    let live = heard.len() >= 2 && busy && !absent && !overlapped && fault.end - fault.start >= 4 * MINUTE;
    let outage = fault.is_outage() && !failover;
    let second = told.get(1).copied();
    let must = match fault.what {
        // Current that goes in one room looks like the master switch that is pulled there every day.
        What::RoomPower(_) => None,
        What::Power => power(year, fault, busy),
        What::Server(number) => server(year, fault, number),
        What::Volume(_) => told.first().copied(),
        What::Flap(..) if failover => None,
        // A gap must last past the confirmation: a look within a minute, another 15 s later.
        What::Flap(down_s, _) => {
            let long = heard.len() >= 3 && down_s >= 75 && fault.end - fault.start >= 20 * MINUTE;
            second.filter(|_| long)
        }
        What::Degraded(loss, latency, saturated) => {
            // Slow is what takes three times as long as it usually does on this line.
            let usual = place.slow_ms + 12;
            let grave = loss >= 15 || latency >= (3 * usual).max(700) || saturated;
            // Where ping is blocked agents measure no line.
            let measured = !year.world.schools[school].icmp_blocked;
            second.filter(|_| grave && measured && fault.end - fault.start >= 30 * MINUTE)
        }
        What::Line | What::Operator(_) if failover => second.filter(|_| fault.end - seen.start >= 10 * MINUTE),
        _ => second,
    };
    // What begins and ends within a larger outage of its school is one with it.
    let within = others().any(|other| {
        other.school == fault.school && other.is_outage() && other.start <= fault.start && other.end >= fault.end
    });
    // A volume that is full again before anybody saw that it was not is full all along.
    let goes_on = matches!(fault.what, What::Volume(_))
        && year
            .faults
            .iter()
            .any(|earlier| earlier.what == fault.what && earlier.start < fault.start && proof(year, earlier).is_none());
    let must = must.filter(|_| !goes_on && ((outage && !within) || !overlapped)).map(|told| {
        let back = others().filter(|other| other.school.is_none()).map(|other| other.end).max();
        told.max(back.unwrap_or(told)) + VERDICT
    });
    Truth { told, must, live, overlapped, failover, outage }
}

/// When a machine had told what it saw of a fault, if it saw enough and did not forget.
fn tells(fault: &Fault, pc: &Pc, stays: &[Stay]) -> Option<Ms> {
    let (start, end) = (fault.start, fault.end);
    // Whoever only slept keeps its address.
    let slept = |stay: &Stay| {
        let before = stays.iter().rev().find(|other| other.off <= stay.on);
        before.is_some_and(|before| matches!(before.how, Some(How::Suspend | How::FastStartup)))
    };
    let enough = |stay: &Stay| match fault.what {
        // It ran when the current went.
        What::Power | What::RoomPower(_) => stay.on + BOOT < start && stay.off == start,
        What::Server(_) => stay.off == start,
        // It started without an address.
        What::Dhcp(_) => !slept(stay) && stay.on >= start && stay.on + BOOT + CONFIRM < end.min(stay.off),
        // Volumes are looked at every five minutes.
        What::Volume(_) => (stay.on + BOOT).max(start) + 6 * MINUTE < stay.off.min(end),
        What::Degraded(..) => (stay.on + BOOT).max(start) + 20 * MINUTE < stay.off.min(end),
        What::Flap(..) => (stay.on + BOOT).max(start) + 15 * MINUTE < stay.off.min(end),
        _ => (stay.on + BOOT).max(start) + CONFIRM <= stay.off.min(end),
    };
    let saw = stays.iter().position(|stay| !stay.away && stay.on < end && stay.off >= start && enough(stay))?;
    let stay = &stays[saw];
    if stay.off > end + DRAIN {
        return Some(end + DRAIN);
    }
    // A frozen disk forgets what was not told before the machine went off.
    let measured = !matches!(fault.what, What::Power | What::RoomPower(_) | What::Server(_));
    if pc.frozen && measured {
        return None;
    }
    let later = stays[saw + 1..].iter().find(|stay| stay.off > end + DRAIN && stay.off - stay.on > BOOT + DRAIN)?;
    Some(later.on.max(end) + BOOT + DRAIN)
}

/// A power cut must be noticed in hours, when machines of two places went at once and stayed off for a while.
fn power(year: &Year, fault: &Fault, busy: bool) -> Option<Ms> {
    let gone = year.pcs.iter().enumerate().filter(|(number, pc)| {
        let cut = |stay: &Stay| stay.off == fault.start && stay.on + 3 * MINUTE < stay.off;
        fault.touches(*number, pc) && !pc.odd && year.stays[*number].iter().any(cut)
    });
    let gone: Vec<&Pc> = gone.map(|(_, pc)| pc).collect();
    let elsewhere = gone.first().is_some_and(|first| gone.iter().any(|pc| pc.room != first.room));
    (busy && gone.len() >= 3 && elsewhere && fault.end - fault.start >= 10 * MINUTE).then_some(fault.end)
}

/// A server must be missed when it is silent for an hour of school hours.
fn server(year: &Year, fault: &Fault, number: usize) -> Option<Ms> {
    let zone = year.places[fault.school?].zone;
    let ran = year.pcs[number].role == Role::Server && year.stays[number].iter().any(|stay| stay.off == fault.start);
    let minutes = (fault.end - fault.start) / MINUTE;
    let silent = (0..minutes).filter(|minute| in_hours(zone, fault.start + minute * MINUTE)).count();
    (ran && silent >= 60).then_some(fault.end)
}

/// When it must have been noticed that a fault is over: two hours after the proof.
pub fn provable(year: &Year, fault: &Fault) -> Option<Ms> {
    proof(year, fault).map(|proof| proof + 2 * HOUR)
}

/// When two machines that the fault touched (one, for what is about one) had run for half an hour since its end, before
/// the same happened to them again.
fn proof(year: &Year, fault: &Fault) -> Option<Ms> {
    let enough = 30 * MINUTE;
    let again = year.faults.iter().filter(|other| other.what == fault.what && other.school == fault.school);
    let again = again.map(|other| other.start).filter(|start| *start > fault.start).min().unwrap_or(Ms::MAX);
    let mut proofs: Vec<Ms> = vec![];
    for (number, pc) in year.pcs.iter().enumerate().filter(|(number, pc)| fault.touches(*number, pc)) {
        let mut left = enough;
        for stay in year.stays[number].iter().filter(|stay| !stay.away && stay.off > fault.end && !pc.odd) {
            let from = (stay.on + BOOT).max(fault.end);
            if stay.off - from >= left {
                proofs.push(from + left);
                break;
            }
            left -= (stay.off - from).max(0);
        }
    }
    proofs.sort_unstable();
    let needed = if matches!(fault.what, What::Server(_) | What::Volume(_)) { 0 } else { 1 };
    proofs.get(needed).or(proofs.last()).copied().filter(|proof| *proof < again)
}
