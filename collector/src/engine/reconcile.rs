//! Asks again whether the open incidents follow from the facts at hand. It tells, and changes nothing: what it finds is a
//! defect of the engine, of the store, or a wake that was lost.
//!
//! Two questions. What would the engine do if it looked now? On a school that it looked at in time: nothing. And what would
//! it open if nothing were open? Nothing that is not open already, or part of something larger that is.

use super::{Decide, Effect, IncidentKey, Input, Scope, View};
use jiff::Timestamp;
use vigie_shared::check::{INTERNET, LOCAL_NETWORK, MACHINE_INTERNET, SERVER_SILENT};

/// What does not agree with the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The facts show it, and it is not open.
    NotOpen,
    /// It is open, and the facts show that it is over.
    NotEnded,
}

/// One disagreement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// About what.
    pub key: IncidentKey,
    /// Which.
    pub doubt: Doubt,
}

/// All disagreements of a school, judged up to `upto`.
pub fn differences(decider: &dyn Decide, view: &View, upto: Timestamp, now: Timestamp) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    for effect in look(decider, view.clone(), upto, now) {
        match effect {
            Effect::OpenIncident { key, .. } | Effect::ReturnIncident { key, .. } => {
                found.push(Difference { key, doubt: Doubt::NotOpen });
            }
            Effect::ResolveIncident { key, .. } => found.push(Difference { key, doubt: Doubt::NotEnded }),
            _ => {}
        }
    }
    let mut bare = view.clone();
    bare.incidents.retain(|_, incident| incident.ended.is_some());
    for effect in look(decider, bare, upto, now) {
        if let Effect::OpenIncident { key, .. } | Effect::ReturnIncident { key, .. } = effect
            && !is_known(view, &key)
        {
            found.push(Difference { key, doubt: Doubt::NotOpen });
        }
    }
    found.sort();
    found.dedup();
    found
}

fn look(decider: &dyn Decide, mut view: View, upto: Timestamp, now: Timestamp) -> Vec<Effect> {
    decider.decide(&mut view, &[Input::Tick { upto }], now).effects
}

/// Whether it is open, or something is that it may well be part of: which of several names a fault of the network has
/// depends on what was seen first.
fn is_known(view: &View, key: &IncidentKey) -> bool {
    let of_network = |check: &str| matches!(check, INTERNET | LOCAL_NETWORK | MACHINE_INTERNET | SERVER_SILENT);
    let larger = |other: &IncidentKey| {
        of_network(&key.check) && of_network(&other.check) && !matches!(other.scope, Scope::Machine(_))
    };
    let mut open = view.incidents.iter().filter(|(_, incident)| incident.ended.is_none());
    open.any(|(other, _)| other == key || larger(other)) || of_network(&key.check) && !view.parents.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::{CheckRow, Engine, MachineRow, Presence};
    use super::*;
    use jiff::SignedDuration;
    use vigie_shared::check::{CheckState, Reason, VOLUME_SPACE};
    use vigie_shared::id::{MachineId, SchoolId};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_424_400 + seconds).unwrap()
    }

    /// A machine that is heard, and whose volume is in this state.
    fn school(state: CheckState) -> (View, IncidentKey, Engine) {
        let engine = Engine::new(Box::new(|from, minutes| from + SignedDuration::from_mins(minutes.into())));
        let (mut view, machine) = (View::new(SchoolId::new()), MachineId::new());
        let row = MachineRow { last_seen: Some(at(0)), presence: Presence::Online, ..MachineRow::default() };
        view.machines.insert(machine, row);
        let check = CheckRow { state, reason: Reason::Fine, since: at(-60) };
        view.checks.insert((machine, VOLUME_SPACE.into(), "C:".into()), check);
        (view, IncidentKey::new(Scope::Machine(machine), VOLUME_SPACE, "C:"), engine)
    }

    #[test]
    fn a_school_that_was_looked_at_has_no_differences() {
        let (mut view, _, engine) = school(CheckState::Critical);
        engine.decide(&mut view, &[Input::Tick { upto: at(1) }], at(1));
        assert_eq!(view.incidents.len(), 1);
        assert_eq!(differences(&engine, &view, at(2), at(2)), []);
    }

    #[test]
    fn what_nobody_looked_at_is_told_and_not_changed() {
        let (view, key, engine) = school(CheckState::Critical);
        let before = view.clone();
        assert_eq!(differences(&engine, &view, at(2), at(2)), [Difference { key, doubt: Doubt::NotOpen }]);
        assert_eq!(view, before);
    }

    #[test]
    fn an_incident_that_outlived_its_reason_is_told() {
        let (mut view, key, engine) = school(CheckState::Critical);
        engine.decide(&mut view, &[Input::Tick { upto: at(1) }], at(1));
        view.checks.values_mut().for_each(|check| (check.state, check.since) = (CheckState::Ok, at(2)));
        assert_eq!(differences(&engine, &view, at(3), at(3)), [Difference { key, doubt: Doubt::NotEnded }]);
    }
}
