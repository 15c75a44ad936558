//! What all stages do with an incident: open, widen, disturb, end it. Flapping lives here, once for all of them: an
//! incident that comes back soon after its end *is* the one that ended, and when it came back often its end is believed
//! only after a time of calm.

use super::{Bracket, Calm, Cause, Confidence, Effect, IncidentKey, IncidentRow, Note, View};
use crate::helpdesk::ticket_policy::Flapping;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::MachineId;

/// A verdict before it is written.
#[derive(Debug, Clone)]
pub struct Found {
    /// Why, as far as known.
    pub cause: Cause,
    /// How sure.
    pub confidence: Confidence,
    /// When it began.
    pub started: Bracket,
    /// Who bears witness.
    pub witnesses: BTreeSet<MachineId>,
    /// What each named as the cause.
    pub votes: BTreeMap<MachineId, Cause>,
    /// Why it is believed.
    pub note: Note,
}

/// The incident of a key, if it is open.
pub fn find_open<'v>(view: &'v View, key: &IncidentKey) -> Option<&'v IncidentRow> {
    view.incidents.get(key).filter(|incident| incident.ended.is_none())
}

/// When incidents of a key that come and go are one: the times of the policy.
struct Times {
    same_within: SignedDuration,
    window: SignedDuration,
    returns: usize,
    calm: SignedDuration,
}

impl Times {
    fn of(view: &View, key: &IncidentKey) -> Self {
        let Flapping { same_within_s, returns, window_s, calm_s } = view.ticket_policy.flapping(&key.check);
        let time = |seconds: u32| SignedDuration::from_secs(seconds.into());
        let returns = usize::try_from(returns).unwrap_or(usize::MAX);
        Self { same_within: time(same_within_s), window: time(window_s), returns, calm: time(calm_s) }
    }

    /// Whether ends of an incident are not believed at once.
    fn is_flapping(&self, row: &IncidentRow, now: Timestamp) -> bool {
        row.returns.iter().filter(|at| **at + self.window > now).count() >= self.returns
    }
}

/// Opens an incident, or lets the one go on that ended a moment ago.
pub fn open(view: &mut View, key: &IncidentKey, found: Found, now: Timestamp, effects: &mut Vec<Effect>) {
    let times = Times::of(view, key);
    if let Some(row) = view.incidents.get_mut(key)
        && row.ended.is_some_and(|ended| ended.by + times.same_within > now)
    {
        // A ticket that was resolved meanwhile is opened again by the rules of tickets.
        row.ticket = row.ticket.take().filter(|group| view.tickets.contains_key(group));
        row.returns.retain(|at| *at + times.window > now);
        row.returns.push(now);
        (row.ended, row.calm) = (None, None);
        let note = Note::new("came_back").with("times", row.returns.len());
        effects.push(Effect::ReturnIncident { key: key.clone(), returns: row.returns.clone(), at: now, note });
        return;
    }
    let Found { cause, confidence, started, witnesses, votes, note } = found;
    let row = IncidentRow {
        cause,
        confidence,
        started,
        detected: now,
        ended: None,
        witnesses: witnesses.clone(),
        votes: votes.clone(),
        ticket: None,
        returns: Vec::new(),
        calm: None,
    };
    view.incidents.insert(key.clone(), row);
    effects.push(Effect::OpenIncident {
        key: key.clone(),
        cause,
        confidence,
        started,
        detected: now,
        witnesses: witnesses.into_iter().collect(),
        votes,
        note,
    });
}

/// An open incident is about more than was thought: it keeps its history and its ticket.
pub fn widen(
    view: &mut View,
    from: &IncidentKey,
    to: &IncidentKey,
    found: Found,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    let Some(mut row) = view.incidents.remove(from) else { return };
    effects.push(Effect::WidenIncident {
        from: from.clone(),
        to: to.clone(),
        at: now,
        note: Note::new("widened").with("witnesses", found.witnesses.len()),
    });
    row.started =
        Bracket { after: row.started.after.min(found.started.after), by: row.started.by.min(found.started.by) };
    row.witnesses.extend(found.witnesses);
    row.votes.extend(found.votes);
    (row.cause, row.confidence) = (found.cause, found.confidence);
    effects.push(Effect::AmendIncident {
        key: to.clone(),
        cause: row.cause,
        confidence: row.confidence,
        started: row.started,
        ended: None,
        votes: row.votes.clone(),
        at: now,
        note: found.note,
    });
    view.incidents.insert(to.clone(), row);
}

/// An open incident is about less than was thought: it keeps its history and its ticket.
pub fn narrow(view: &mut View, from: &IncidentKey, to: &IncidentKey, now: Timestamp, effects: &mut Vec<Effect>) {
    if find_open(view, to).is_some() || find_open(view, from).is_none() {
        return;
    }
    let Some(row) = view.incidents.remove(from) else { return };
    let note = Note::new("narrowed").with("witnesses", row.witnesses.len());
    effects.push(Effect::WidenIncident { from: from.clone(), to: to.clone(), at: now, note });
    view.incidents.insert(to.clone(), row);
}

/// The cause of an open incident is known better, by what others show.
pub fn blame(view: &mut View, key: &IncidentKey, cause: Cause, now: Timestamp, effects: &mut Vec<Effect>) {
    let Some(row) = view.incidents.get_mut(key).filter(|row| row.ended.is_none()) else { return };
    let note = Note::new("cause_refined")
        .with("from", row.cause.as_str())
        .with("to", cause.as_str())
        .with("witnesses", row.witnesses.len());
    row.cause = cause;
    effects.push(Effect::AmendIncident {
        key: key.clone(),
        cause,
        confidence: row.confidence,
        started: row.started,
        ended: None,
        votes: row.votes.clone(),
        at: now,
        note,
    });
}

/// All is well as far as an incident goes: it ends, at once or, while it flaps, after a time of calm.
pub fn well(view: &mut View, key: &IncidentKey, ended: Bracket, now: Timestamp, note: Note, effects: &mut Vec<Effect>) {
    let times = Times::of(view, key);
    let Some(row) = view.incidents.get_mut(key).filter(|row| row.ended.is_none()) else { return };
    let ended = match row.calm {
        None if times.is_flapping(row, now) => {
            let calm = Some(Calm { since: now, ended });
            row.calm = calm;
            effects.push(Effect::SetCalm { key: key.clone(), calm });
            return;
        }
        // [`believe`] ends it.
        Some(_) => return,
        None => ended,
    };
    (row.ended, row.calm) = (Some(ended), None);
    effects.push(Effect::ResolveIncident { key: key.clone(), ended, at: now, note });
}

/// An open incident goes on after all: the calm that was waited for is over.
pub fn unwell(view: &mut View, key: &IncidentKey, effects: &mut Vec<Effect>) {
    if let Some(row) = view.incidents.get_mut(key)
        && row.ended.is_none()
        && row.calm.take().is_some()
    {
        effects.push(Effect::SetCalm { key: key.clone(), calm: None });
    }
}

/// Ends what was calm for long enough and was not seen unwell meanwhile, whether or not anybody can see it still.
pub fn believe(view: &mut View, now: Timestamp, effects: &mut Vec<Effect>) {
    let calm = view.incidents.iter().filter(|(key, row)| {
        row.ended.is_none() && row.calm.is_some_and(|calm| calm.since + Times::of(view, key).calm <= now)
    });
    for key in calm.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
        let Some(row) = view.incidents.get_mut(&key) else { continue };
        let Some(Calm { since, ended }) = row.calm.take() else { continue };
        row.ended = Some(ended);
        let note = Note::new("resolved_by_calm").with("since", since);
        effects.push(Effect::ResolveIncident { key, ended, at: now, note });
    }
}

/// When the next calm has lasted long enough.
pub fn next_wake(view: &View) -> Option<Timestamp> {
    let open = view.incidents.iter().filter(|(_, row)| row.ended.is_none());
    open.filter_map(|(key, row)| row.calm.map(|calm| calm.since + Times::of(view, key).calm)).min()
}

#[cfg(test)]
mod tests {
    use super::super::{NetworkKind, Scope};
    use super::*;
    use vigie_shared::check::INTERNET;
    use vigie_shared::id::SchoolId;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_424_400 + seconds).unwrap()
    }

    /// A school with an open incident on the way out.
    fn cut() -> (View, IncidentKey) {
        let mut view = View::new(SchoolId::new());
        let key = IncidentKey::new(Scope::School(view.school), INTERNET, "");
        let found = Found {
            cause: Cause::Undetermined,
            confidence: Confidence::Probable,
            started: Bracket { after: at(0), by: at(60) },
            witnesses: BTreeSet::from([MachineId::new()]),
            votes: BTreeMap::new(),
            note: Note::new("opened_by_silence"),
        };
        open(&mut view, &key, found, at(120), &mut vec![]);
        (view, key)
    }

    #[test]
    fn a_calm_that_lasted_ends_the_incident_whoever_looks_and_one_that_did_not_does_not() {
        let (mut view, key) = cut();
        let ended = Bracket { after: at(200), by: at(210) };
        let calm = i64::from(view.ticket_policy.flapping(INTERNET).calm_s);
        view.incidents.get_mut(&key).unwrap().calm = Some(Calm { since: at(210), ended });
        let mut effects = vec![];
        believe(&mut view, at(210 + calm - 1), &mut effects);
        assert_eq!((effects.len(), next_wake(&view)), (0, Some(at(210 + calm))));
        believe(&mut view, at(210 + calm), &mut effects);
        assert!(
            matches!(&effects[..], [Effect::ResolveIncident { ended: found, .. }] if *found == ended),
            "{effects:?}"
        );
        assert_eq!((find_open(&view, &key), next_wake(&view)), (None, None), "nobody is woken for it any more");
    }

    #[test]
    fn what_is_narrowed_keeps_all_but_its_scope_and_never_replaces_another() {
        let (mut view, school) = cut();
        let network = IncidentKey::new(Scope::Network(view.school, NetworkKind::Administrative), INTERNET, "");
        let before = find_open(&view, &school).cloned();
        let mut effects = vec![];
        narrow(&mut view, &school, &network, at(300), &mut effects);
        assert_eq!(find_open(&view, &network).cloned(), before);
        assert_eq!(find_open(&view, &school), None);
        assert!(matches!(&effects[..], [Effect::WidenIncident { from, to, .. }] if (from, to) == (&school, &network)));
        let (mut view, school) = cut();
        view.incidents.insert(network.clone(), before.unwrap());
        narrow(&mut view, &school, &network, at(300), &mut effects);
        assert!(find_open(&view, &school).is_some(), "two stay two");
    }
}
