//! Machines that are unlike others: frozen, cloned, with two systems, installed anew, with a clock of 2010.

use super::life::{Stay, tidy};
use super::place::{Pc, Place, Role};
use crate::sim::Ms;
use crate::sim::action::{Action, How, Machines};
use crate::sim::rng::Rng;
use crate::sim::time::{HOUR, MINUTE, at};
use jiff::civil::{Date, Time, date, time};

/// The odd ones of a year.
#[derive(Debug, Default)]
pub struct Oddities {
    /// Installed anew: machines of a school and a time.
    reimaged: Vec<(usize, Vec<usize>, Ms)>,
    /// Copied.
    cloned: Option<(usize, Ms)>,
    /// With a second system.
    dual: Option<usize>,
    /// With an empty battery, and when it is replaced.
    clock: Option<(usize, Ms, Ms)>,
    /// Frozen after the first days.
    frozen: Vec<usize>,
}

const COPY: &str = "COPIE";
const SECOND_SYSTEM: &str = "linux";

/// Chooses them. Nobody counts on what cloned machines and those with two systems say.
pub fn draw(places: &[Place], pcs: &mut [Pc], (first, last): (Date, Date), rng: &mut Rng) -> Oddities {
    let mut odd = Oddities { frozen: (0..pcs.len()).filter(|n| pcs[*n].frozen).collect(), ..Oddities::default() };
    let within = |day: Date| first < day && day < last;
    let mut pick = |pcs: &[Pc], role: Role| {
        let fit: Vec<usize> =
            (0..pcs.len()).filter(|n| pcs[*n].role == role && !pcs[*n].frozen && !pcs[*n].odd).collect();
        fit.get(usize::try_from(rng.up_to(fit.len() as i64 - 1)).unwrap_or_default()).copied()
    };
    let copied = date(2026, 11, 17);
    if let Some(number) = pick(pcs, Role::Lab).filter(|_| within(copied)) {
        odd.cloned = Some((number, at(copied, time(10, 3, 0, 0))));
        pcs[number].odd = true;
    }
    if let Some(number) = pick(pcs, Role::Teacher) {
        odd.dual = Some(number);
        pcs[number].odd = true;
    }
    if let Some(number) = pick(pcs, Role::Lab).filter(|_| within(date(2027, 1, 11))) {
        let clocks = |day| at(day, time(7, 0, 0, 0));
        odd.clock = Some((number, clocks(date(2027, 1, 11)), clocks(date(2027, 2, 1))));
    }
    // A room in the holidays, another on a Wednesday afternoon of term.
    for (from_end, day) in [(1, date(2026, 10, 20)), (2, date(2027, 3, 10))] {
        let Some(school) = places.len().checked_sub(from_end).filter(|_| within(day)) else { continue };
        let Some(lab) = places[school].labs.last() else { continue };
        let room: Vec<usize> = (0..pcs.len())
            .filter(|n| pcs[*n].school == school && pcs[*n].room.as_ref() == Some(&lab.name))
            .filter(|n| !pcs[*n].odd && !pcs[*n].frozen)
            .collect();
        if !room.is_empty() {
            odd.reimaged.push((school, room, at(day, time(13, 50, 0, 0))));
        }
    }
    odd
}

impl Oddities {
    /// Machines that are installed anew run when their installation says.
    pub fn change(&self, school: usize, pcs: &[Pc], stays: &mut [Vec<Stay>]) {
        for (_, room, from) in self.reimaged.iter().filter(|(of, ..)| *of == school) {
            for number in room {
                let stays = &mut stays[*number];
                stays.retain(|stay| stay.off < *from || stay.on > *from + 3 * HOUR);
                stays.push(Stay {
                    on: *from + 36 * MINUTE,
                    off: *from + 70 * MINUTE,
                    how: Some(How::Shutdown),
                    away: false,
                });
                stays.sort_by_key(|stay| stay.on);
                tidy(stays);
            }
        }
        debug_assert!(pcs.len() >= stays.len());
    }

    /// What happens to them.
    pub fn actions(&self, places: &[Place], pcs: &[Pc], stays: &[Vec<Stay>], plan: &mut Vec<(Ms, Action)>) {
        let uai = |number: usize| places[pcs[number].school].uai.clone();
        let one = |number: usize| Machines::one(&uai(number), &pcs[number].name);
        for (_, room, from) in &self.reimaged {
            for number in room {
                plan.push((*from, Action::Reimage { machines: one(*number) }));
            }
            plan.push((*from + 50 * MINUTE, Action::Approve));
        }
        for number in &self.frozen {
            // Once everything is installed, on an evening, all is frozen as it is.
            let Some(first) = stays[*number].get(3) else { continue };
            plan.push((first.off + 5 * MINUTE, Action::Freeze { machines: one(*number) }));
        }
        if let Some((number, from)) = self.cloned {
            let name = COPY.to_owned();
            plan.push((from, Action::Clone { machine: one(number), name }));
            let copy = || Machines::one(&uai(number), COPY);
            plan.push((from + 4 * HOUR, Action::Off { machines: copy(), how: How::Shutdown, within_s: 60 }));
            for stay in stays[number].iter().filter(|stay| stay.on > from + 24 * HOUR).take(6) {
                plan.push((stay.on + 2 * MINUTE, Action::On { machines: copy(), within_s: 60 }));
                plan.push((stay.off + 3 * MINUTE, Action::Off { machines: copy(), how: How::Shutdown, within_s: 60 }));
            }
        }
        if let Some(number) = self.dual {
            let system = SECOND_SYSTEM.to_owned();
            let twin = || Machines::one(&uai(number), &format!("{}-{SECOND_SYSTEM}", pcs[number].name));
            let long = stays[number].iter().filter(|stay| stay.off - stay.on > HOUR);
            for (n, stay) in long.step_by(9).enumerate() {
                let switch = Action::DualBoot { machine: one(number), system: system.clone() };
                plan.push((stay.on + 20 * MINUTE, switch));
                if n == 0 {
                    plan.push((stay.on + 23 * MINUTE, Action::Approve));
                }
                plan.push((stay.off, Action::Off { machines: twin(), how: How::Shutdown, within_s: 0 }));
            }
        }
        if let Some((number, from, until)) = self.clock {
            let long_ago = at(date(2010, 1, 1), Time::midnight());
            plan.push((from, Action::Clock { machines: one(number), to: long_ago }));
            plan.push((until, Action::Clock { machines: one(number), to: until }));
        }
    }
}
