//! Stage: the confirmed state of each check on each machine, from its events and, to heal, from its standings.

use super::{CheckRow, Effect, Input, View};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::event::Fact;
use vigie_shared::id::MachineId;

/// Applies one input to the rows of checks.
pub fn apply(view: &mut View, input: &Input, effects: &mut Vec<Effect>) {
    match input {
        Input::Event { machine, at, fact: Fact::Check { result, .. }, .. } => {
            let row = CheckRow { state: result.state, reason: result.reason.clone(), since: *at };
            set(view, *machine, &result.check, &result.instance, row, result.evidence.clone(), effects);
        }
        Input::Standings { machine, at, standings } => {
            for s in standings {
                let known = view.checks.get(&(*machine, s.check.clone(), s.instance.clone()));
                if known.is_none_or(|row| row.state != s.state || row.reason != s.reason) {
                    let row = CheckRow { state: s.state, reason: s.reason.clone(), since: *at };
                    set(view, *machine, &s.check, &s.instance, row, BTreeMap::new(), effects);
                }
            }
            let present: BTreeSet<_> = standings.iter().map(|s| (s.check.as_str(), s.instance.as_str())).collect();
            let gone: Vec<_> = view
                .checks
                .keys()
                .filter(|(m, check, instance)| m == machine && !present.contains(&(check.as_str(), instance.as_str())))
                .cloned()
                .collect();
            for key in gone {
                view.checks.remove(&key);
                let (machine, check, instance) = key;
                effects.push(Effect::RemoveCheck { machine, check, instance });
            }
        }
        _ => {}
    }
}

fn set(
    view: &mut View,
    machine: MachineId,
    check: &str,
    instance: &str,
    row: CheckRow,
    evidence: BTreeMap<String, String>,
    effects: &mut Vec<Effect>,
) {
    let key = (machine, check.to_owned(), instance.to_owned());
    view.checks.insert(key, row.clone());
    effects.push(Effect::SetCheck {
        machine,
        check: check.to_owned(),
        instance: instance.to_owned(),
        state: row.state,
        reason: row.reason,
        since: row.since,
        evidence,
    });
}
