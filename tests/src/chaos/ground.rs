//! Who may be hit now, who was, and who is well again.
//!
//! Faults overlap, but within rules that keep the truth known: nothing is hit twice in the same place at once, and in a
//! school whose line is whole one agent at least is left alone, so that silence of a whole school has one cause only.
//! A line is cut when every agent of its school was answered since the last fault of any kind: machines that are in the
//! middle of a back-off then are not taken for witnesses (`engine::outage`: their turn to speak came too early). And a
//! collector's clock does not jump far while a line is cut: seen from the collector that is an absence of hours, and
//! machines that fell silent before such an absence tell nothing.

use super::plan::{Cast, Fault, Kind, Target};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A place that can be hit once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Process(Target),
    Disk(Target),
    Clock(Target),
    Path(Target),
    Line(Target),
    Database(Target),
}

fn place(fault: &Fault) -> Place {
    let target = fault.target;
    match fault.kind {
        Kind::AgentKilled | Kind::AgentStopped | Kind::CollectorKilled | Kind::CollectorStopped => {
            Place::Process(target)
        }
        Kind::AgentDiskFull | Kind::CollectorDiskFull => Place::Disk(target),
        Kind::AgentClock | Kind::CollectorClock => Place::Clock(target),
        Kind::Cut
        | Kind::Delayed
        | Kind::Duplicated
        | Kind::AnswerLost
        | Kind::Reordered
        | Kind::Corrupted
        | Kind::Truncated => Place::Path(target),
        Kind::LineCut => Place::Line(target),
        Kind::DatabaseKilled | Kind::DatabaseRestarted => Place::Database(Target::Database),
        Kind::DatabaseCut => Place::Database(target),
    }
}

/// A collector's clock that jumps further than this looks like an absence that machines may have left in, seconds.
const LEAP_S: u64 = 600;

fn is_leap(fault: &Fault) -> bool {
    fault.kind == Kind::CollectorClock && fault.amount.unsigned_abs() >= LEAP_S
}

/// A time during which agents were disturbed, milliseconds since boot.
#[derive(Debug, Clone)]
struct Disturbance {
    agents: BTreeSet<usize>,
    began: u64,
    ended: Option<u64>,
}

/// How an agent stands after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was answered again: so many milliseconds after the last disturbance before that.
    Well(u64),
    /// It was not answered yet: so many milliseconds have passed since the last disturbance; 0 while there is one.
    Waiting(u64),
}

/// The rules, shared by all that happen at once.
#[derive(Debug)]
pub struct Ground {
    cast: Cast,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    busy: BTreeSet<Place>,
    /// Faults from which an agent has not recovered.
    hurt: Vec<u32>,
    /// Schools that wait for all their agents to be well, because their line is to be cut.
    reserved: BTreeSet<usize>,
    /// Of these, those whose agents have recovered from what hit them: collectors are left alone until all were answered.
    calm: BTreeSet<usize>,
    /// Schools whose line is cut.
    cut: BTreeSet<usize>,
    /// Clocks that jumped far, until all were heard again after their return.
    leaps: u32,
    disturbances: Vec<Disturbance>,
}

impl Ground {
    /// Everybody is well.
    pub fn new(cast: Cast) -> Self {
        let state = State { hurt: vec![0; cast.agents()], ..State::default() };
        Self { cast, state: Mutex::new(state) }
    }

    /// Agents of a school.
    pub fn agents_of(&self, school: usize) -> BTreeSet<usize> {
        let size = self.cast.agents_per_school;
        (school * size..(school + 1) * size).collect()
    }

    /// The agents that a fault touches.
    pub fn touched(&self, target: Target) -> BTreeSet<usize> {
        match target {
            Target::Agent(agent) => BTreeSet::from([agent]),
            Target::School(school) => self.agents_of(school),
            Target::Collector(_) | Target::Database => (0..self.cast.agents()).collect(),
        }
    }

    /// Takes the place of a fault if the rules allow it now.
    pub fn take(&self, fault: &Fault) -> bool {
        let mut state = self.lock();
        let place = place(fault);
        if state.busy.contains(&place) {
            return false;
        }
        let lines = !state.reserved.is_empty() || !state.cut.is_empty();
        let common = matches!(fault.target, Target::Collector(_) | Target::Database);
        if common && !state.calm.is_empty() {
            return false;
        }
        if is_leap(fault) && lines || fault.kind == Kind::LineCut && state.leaps > 0 {
            return false;
        }
        state.leaps += u32::from(is_leap(fault));
        if let Target::Agent(agent) = fault.target {
            let school = agent / self.cast.agents_per_school;
            let hurt = self.agents_of(school).iter().filter(|n| **n == agent || state.hurt[**n] > 0).count();
            let cut = state.cut.contains(&school);
            let alone = hurt >= self.cast.agents_per_school && !cut;
            // Where nothing passes there is nothing to damage.
            let in_vain = cut && matches!(place, Place::Path(_));
            if alone || in_vain || state.reserved.contains(&school) {
                return false;
            }
            state.hurt[agent] += 1;
        }
        if let Target::School(school) = fault.target {
            state.reserved.insert(school);
        }
        state.busy.insert(place);
        true
    }

    /// Cuts the line of a reserved school in the books, if all its agents were answered, at `contact_ms`, since whatever
    /// disturbed them.
    pub fn cut(&self, school: usize, contact_ms: impl Fn(usize) -> u64) -> bool {
        let mut state = self.lock();
        let agents = self.agents_of(school);
        if agents.iter().any(|agent| state.hurt[*agent] > 0) {
            return false;
        }
        state.calm.insert(school);
        let disturbed = |agent: usize| {
            let mut of_agent = state.disturbances.iter().filter(|d| d.agents.contains(&agent));
            of_agent.any(|d| d.ended.is_none_or(|ended| ended >= contact_ms(agent)))
        };
        if agents.iter().any(|agent| disturbed(*agent)) {
            return false;
        }
        agents.iter().for_each(|agent| state.hurt[*agent] += 1);
        state.reserved.remove(&school);
        state.calm.remove(&school);
        state.cut.insert(school)
    }

    /// The line of a school is whole again; its agents are hurt until they recovered.
    pub fn mend(&self, school: usize) {
        self.lock().cut.remove(&school);
    }

    /// Gives the place of a fault back. Its agents are still hurt.
    pub fn give_back(&self, fault: &Fault) {
        let mut state = self.lock();
        state.busy.remove(&place(fault));
        if let Target::School(school) = fault.target {
            state.reserved.remove(&school);
            state.calm.remove(&school);
        }
    }

    /// The agents of a fault have recovered, or never will.
    pub fn recovered(&self, fault: &Fault) {
        let mut state = self.lock();
        state.leaps -= u32::from(is_leap(fault));
        if matches!(fault.target, Target::Agent(_) | Target::School(_)) {
            self.touched(fault.target)
                .into_iter()
                .for_each(|agent| state.hurt[agent] = state.hurt[agent].saturating_sub(1));
        }
    }

    /// Agents are disturbed from this time on; the answer is for [`Self::calm`].
    pub fn disturb(&self, agents: BTreeSet<usize>, at_ms: u64) -> usize {
        let mut state = self.lock();
        state.disturbances.push(Disturbance { agents, began: at_ms, ended: None });
        state.disturbances.len() - 1
    }

    /// That disturbance ended at this time.
    pub fn calm(&self, disturbance: usize, at_ms: u64) {
        if let Some(disturbance) = self.lock().disturbances.get_mut(disturbance) {
            disturbance.ended = Some(at_ms);
        }
    }

    /// How an agent stands that was answered last at `contact_ms`, after a fault that ended at `ended_ms`.
    pub fn standing(&self, agent: usize, ended_ms: u64, contact_ms: u64, now_ms: u64) -> Standing {
        let state = self.lock();
        let of_agent = || state.disturbances.iter().filter(|d| d.agents.contains(&agent));
        if contact_ms > ended_ms {
            // Answered in the midst of another fault: what that one took is counted at its own end.
            let amid = of_agent().any(|d| d.began < contact_ms && d.ended.is_none_or(|ended| ended >= contact_ms));
            let before = of_agent().filter_map(|d| d.ended).filter(|ended| *ended < contact_ms).max();
            let from = if amid { contact_ms } else { before.unwrap_or(ended_ms).max(ended_ms) };
            return Standing::Well(contact_ms - from);
        }
        if of_agent().any(|d| d.ended.is_none()) {
            return Standing::Waiting(0);
        }
        let last = of_agent().filter_map(|d| d.ended).max().unwrap_or(ended_ms).max(ended_ms);
        Standing::Waiting(now_ms.saturating_sub(last))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::StoreKind;
    use super::*;
    use std::time::Duration;

    fn ground() -> Ground {
        Ground::new(Cast { store: StoreKind::Sqlite, schools: 2, agents_per_school: 3 })
    }

    fn fault(kind: Kind, target: Target) -> Fault {
        Fault { number: 1, kind, target, gap: Duration::ZERO, lasts: Duration::ZERO, amount: 0 }
    }

    #[test]
    fn one_agent_of_a_school_is_left_alone_while_the_line_is_whole() {
        let ground = ground();
        let kill = |n| fault(Kind::AgentKilled, Target::Agent(n));
        assert!(ground.take(&kill(0)) && ground.take(&kill(1)));
        assert!(!ground.take(&kill(0)), "it is being killed already");
        assert!(ground.take(&fault(Kind::Cut, Target::Agent(0))), "the same one in another place");
        assert!(!ground.take(&kill(2)), "the last one of its school");
        assert!(ground.take(&kill(3)), "another school");
        ground.give_back(&kill(1));
        assert!(!ground.take(&kill(2)), "not killed any more, not well yet either");
        ground.recovered(&kill(1));
        assert!(ground.take(&kill(2)));
    }

    #[test]
    fn a_line_is_cut_when_all_are_well_and_then_all_may_be_hit() {
        let ground = ground();
        let (kill, line) = (|n| fault(Kind::AgentKilled, Target::Agent(n)), fault(Kind::LineCut, Target::School(0)));
        assert!(ground.take(&kill(0)) && ground.take(&line));
        assert!(!ground.cut(0, |_| 1), "one is not well");
        assert!(!ground.take(&kill(1)), "the school is being left alone");
        ground.recovered(&kill(0));
        let stopped = ground.disturb(ground.touched(Target::Collector(0)), 5);
        assert!(!ground.cut(0, |_| 6), "the collector is stopped");
        assert!(!ground.take(&fault(Kind::CollectorKilled, Target::Collector(0))), "left alone from now on");
        ground.calm(stopped, 7);
        assert!(!ground.cut(0, |agent| if agent == 1 { 6 } else { 8 }), "one was not answered since");
        assert!(ground.cut(0, |_| 8));
        assert!(ground.take(&fault(Kind::CollectorKilled, Target::Collector(0))));
        ground.give_back(&kill(0));
        assert!((0..3).all(|n| ground.take(&kill(n))), "nobody is heard anyway");
        assert!(!ground.take(&fault(Kind::Corrupted, Target::Agent(0))), "nothing passes that could be damaged");
    }

    #[test]
    fn a_clock_leaps_only_while_all_lines_are_whole() {
        let ground = ground();
        let jump = |seconds| Fault { amount: seconds, ..fault(Kind::CollectorClock, Target::Collector(0)) };
        let line = fault(Kind::LineCut, Target::School(0));
        assert!(ground.take(&jump(-7_200)) && !ground.take(&line));
        ground.give_back(&jump(-7_200));
        assert!(!ground.take(&line), "back, but not everybody was heard since");
        ground.recovered(&jump(-7_200));
        assert!(ground.take(&line) && ground.cut(0, |_| 1));
        assert!(!ground.take(&jump(3_600)));
        assert!(ground.take(&jump(300)));
    }

    #[test]
    fn recovery_is_counted_from_the_last_disturbance() {
        let ground = ground();
        assert_eq!(ground.standing(0, 1_000, 3_000, 9_000), Standing::Well(2_000));
        let all = ground.disturb(ground.touched(Target::Collector(0)), 1_500);
        assert_eq!(ground.standing(0, 1_000, 500, 9_000), Standing::Waiting(0));
        assert_eq!(ground.standing(0, 1_000, 2_000, 9_000), Standing::Well(0), "in the midst of the other");
        ground.calm(all, 2_500);
        assert_eq!(ground.standing(0, 1_000, 3_000, 9_000), Standing::Well(500));
        assert_eq!(ground.standing(0, 1_000, 500, 9_000), Standing::Waiting(6_500));
    }
}
