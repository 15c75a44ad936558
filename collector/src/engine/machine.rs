//! Stage: what is wrong with a single machine, from its own confirmed checks.

use super::{Bracket, Cause, Confidence, Effect, IncidentKey, IncidentRow, Note, Scope, View, tickets};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckState, VOLUME_SPACE};

/// Opens and resolves the incidents of machines. The check `internet` is judged for the school in `outage`.
pub fn judge(view: &mut View, now: Timestamp, due: &dyn Fn(Timestamp, u32) -> Timestamp, effects: &mut Vec<Effect>) {
    for (key, row) in view.checks.clone() {
        let (machine, check, instance) = key;
        let trusted = view.machines.get(&machine).is_some_and(|m| m.trusted);
        let key = IncidentKey::new(Scope::Machine(machine), check.clone(), instance);
        let open = view.incidents.get(&key).is_some_and(|i| i.ended.is_none());
        if check != VOLUME_SPACE || open || !trusted || row.state != CheckState::Critical {
            continue;
        }
        let started = Bracket { after: row.since, by: row.since };
        let note = Note::new("opened_by_check").with("state", row.state.as_str()).with("reason", &row.reason);
        let incident = IncidentRow {
            cause: Cause::Machine,
            confidence: Confidence::Confirmed,
            started,
            detected: now,
            ended: None,
            witnesses: BTreeSet::from([machine]),
            votes: BTreeMap::new(),
            ticket: None,
        };
        view.incidents.insert(key.clone(), incident);
        effects.push(Effect::OpenIncident {
            key: key.clone(),
            cause: Cause::Machine,
            confidence: Confidence::Confirmed,
            started,
            detected: now,
            witnesses: vec![machine],
            votes: BTreeMap::new(),
            note,
        });
        tickets::open(view, &key, now, due, effects);
    }
    for key in view.incidents.keys().cloned().collect::<Vec<_>>() {
        let Scope::Machine(machine) = key.scope else { continue };
        if view.incidents.get(&key).is_none_or(|incident| incident.ended.is_some()) {
            continue;
        }
        let trusted = view.machines.get(&machine).is_some_and(|m| m.trusted);
        let row = view.checks.get(&(machine, key.check.clone(), key.instance.clone()));
        let (since, note) = match row {
            Some(row) if trusted && matches!(row.state, CheckState::Critical | CheckState::Unknown) => continue,
            Some(row) if trusted => (row.since, Note::new("resolved_by_check")),
            _ => (now, Note::new("resolved_check_gone")),
        };
        let ended = Bracket { after: since, by: since };
        if let Some(incident) = view.incidents.get_mut(&key) {
            incident.ended = Some(ended);
        }
        effects.push(Effect::ResolveIncident { key: key.clone(), ended, at: now, note: note.clone() });
        tickets::close(view, &key, since, now, note, effects);
    }
}
