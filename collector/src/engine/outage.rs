//! Stage: is this school cut from the internet? Judged by many eyes (invariant 13), dated by evidence.
//!
//! Two signs open the incident: *silence* (every machine that could be heard fell silent at one time, without goodbye)
//! and *reports* (machines that still reach us say that the outside does not answer). What machines saw meanwhile comes
//! with their buffered events and refines cause, start and end, also after the fact; it never opens a second ticket.

use super::{
    Bracket, Cause, Confidence, Effect, IncidentKey, IncidentRow, Input, MachineRow, Note, Presence, Scope, View,
    checks, liveness, tickets,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckState, INTERNET, Reason};
use vigie_shared::event::Fact;
use vigie_shared::id::MachineId;

/// Witnesses that a verdict on a school needs.
const QUORUM: usize = 2;
/// After an absence of the collector longer than this, machines last heard before it tell nothing: they may have left
/// and said goodbye to nobody.
const SHORT_ABSENCE: SignedDuration = SignedDuration::from_mins(10);
/// After the end of an outage a machine that still says "cut" counts again only with a fresh result, or after this.
const RECOVERY: SignedDuration = SignedDuration::from_mins(10);
/// Machines that left within this time weigh against silence: people are going home.
const LEAVING: SignedDuration = SignedDuration::from_mins(10);

fn key(view: &View) -> IncidentKey {
    IncidentKey::new(Scope::School(view.school), INTERNET, "")
}

fn open_incident<'v>(view: &'v View, key: &IncidentKey) -> Option<&'v IncidentRow> {
    view.incidents.get(key).filter(|incident| incident.ended.is_none())
}

fn is_eye(row: &MachineRow) -> bool {
    row.trusted && row.vantage
}

/// What a broken internet check means for the school.
fn cause_of(reason: &Reason) -> Cause {
    match reason {
        Reason::OutsideUnreachable | Reason::OutsidePartial => Cause::Line,
        Reason::GatewayUnreachable | Reason::NoRoute | Reason::NoAddress => Cause::SchoolNetwork,
        Reason::LinkDown => Cause::SwitchOrPower,
        Reason::DnsUnreachable | Reason::DnsWrongAnswer => Cause::Dns,
        Reason::OutsideIntercepted => Cause::Interception,
        _ => Cause::Undetermined,
    }
}

/// Opens, refines and resolves the school's internet incident after `inputs` were applied to the view.
pub fn judge(
    view: &mut View,
    inputs: &[Input],
    now: Timestamp,
    due: &dyn Fn(Timestamp, u32) -> Timestamp,
    effects: &mut Vec<Effect>,
) {
    let key = key(view);
    if open_incident(view, &key).is_none() {
        let ticked = inputs.iter().any(|input| matches!(input, Input::Tick { .. }));
        let found = by_reports(view, &key, now).or_else(|| if ticked { by_silence(view) } else { None });
        if let Some(found) = found {
            open(view, &key, found, now, due, effects);
        }
    }
    refine(view, &key, inputs, now, effects);
    if open_incident(view, &key).is_some() {
        resolve(view, &key, inputs, now, effects);
    }
}

/// A verdict before it is written.
struct Found {
    cause: Cause,
    started: Bracket,
    witnesses: BTreeSet<MachineId>,
    votes: BTreeMap<MachineId, Cause>,
    note: Note,
}

/// Everybody who could be heard fell silent at one time.
fn by_silence(view: &View) -> Option<Found> {
    let eyes: Vec<_> = view.machines.iter().filter(|(_, row)| is_eye(row)).collect();
    if eyes.iter().any(|(_, row)| row.presence == Presence::Online) {
        return None;
    }
    // Last sign of life over the line, goodbyes included.
    let good = eyes.iter().filter_map(|(_, row)| row.last_seen).max()?;
    let cluster: Vec<_> = eyes
        .iter()
        .filter(|(_, row)| row.presence == Presence::Silent && counts_after_absence(view, row))
        .filter_map(|(id, row)| turn(view, row).filter(|turn| *turn >= good).map(|turn| (**id, turn)))
        .collect();
    let leaving = eyes
        .iter()
        .filter(|(_, row)| row.presence == Presence::Left && row.last_seen.is_some_and(|seen| seen + LEAVING >= good))
        .count();
    if cluster.len() < QUORUM || cluster.len() <= leaving {
        return None;
    }
    let by = cluster.iter().map(|(_, turn)| *turn).min().unwrap_or(good).max(good);
    let witnesses: BTreeSet<_> = cluster.into_iter().map(|(id, _)| id).collect();
    let note = Note::new("opened_by_silence").with("witnesses", witnesses.len()).with("last_seen", good);
    let started = Bracket { after: good, by };
    Some(Found { cause: Cause::Undetermined, started, witnesses, votes: BTreeMap::new(), note })
}

/// When a machine would have spoken next: one whose turn came before the last sign of life of the school fell silent for a
/// reason of its own. One that was to speak while the collector was away, or soon after, may be in its back-off: its turn
/// lasts until everybody had time to call again.
fn turn(view: &View, row: &MachineRow) -> Option<Timestamp> {
    let slack = i64::from(row.interval_s) / 4 + 3;
    let turn = row.last_seen? + SignedDuration::from_secs(i64::from(row.interval_s) + slack);
    let grace_end = liveness::grace_end(view);
    let turned_away = view.absence.is_some_and(|absence| turn >= absence.from) && row.last_seen? < grace_end;
    Some(if turned_away { turn.max(grace_end) } else { turn })
}

fn counts_after_absence(view: &View, row: &MachineRow) -> bool {
    let (Some(absence), Some(seen)) = (view.absence, row.last_seen) else { return true };
    seen >= absence.until || absence.from.duration_until(absence.until) <= SHORT_ABSENCE
}

/// Machines that still reach us say that the outside does not answer: at least two, and at least half of those heard.
fn by_reports(view: &View, key: &IncidentKey, now: Timestamp) -> Option<Found> {
    let ended = view.incidents.get(key).and_then(|incident| incident.ended).map(|ended| ended.by);
    let fresh = |since: Timestamp| ended.is_none_or(|ended| since > ended || now > ended + RECOVERY);
    let online: Vec<_> =
        view.machines.iter().filter(|(_, row)| is_eye(row) && row.presence == Presence::Online).collect();
    let mut votes = BTreeMap::new();
    let mut by: Option<Timestamp> = None;
    let mut interval = 0;
    for (id, machine) in &online {
        let row = view.checks.get(&(**id, INTERNET.to_owned(), String::new()));
        if let Some(row) = row.filter(|row| checks::is_cut(row) && fresh(row.since)) {
            votes.insert(**id, cause_of(&row.reason));
            by = Some(by.map_or(row.since, |by| by.min(row.since)));
            interval = interval.max(machine.interval_s);
        }
    }
    if votes.len() < QUORUM || votes.len() * 2 < online.len() {
        return None;
    }
    let by = by?;
    let (cause, _) = verdict(&votes);
    let note = Note::new("opened_by_reports")
        .with("witnesses", votes.len())
        .with("online", online.len())
        .with("reason", cause.as_str());
    let started = Bracket { after: by - SignedDuration::from_secs(interval.into()), by };
    Some(Found { cause, started, witnesses: votes.keys().copied().collect(), votes, note })
}

/// The cause most machines name, if at least two do and nobody outvotes them; else undetermined (invariant 6).
fn verdict(votes: &BTreeMap<MachineId, Cause>) -> (Cause, Confidence) {
    let mut counts: BTreeMap<&'static str, (usize, Cause)> = BTreeMap::new();
    for cause in votes.values() {
        counts.entry(cause.as_str()).or_insert((0, *cause)).0 += 1;
    }
    let best = counts.values().max_by_key(|(n, _)| *n).copied();
    match best {
        Some((n, cause)) if n >= QUORUM && n * 2 > votes.len() && cause != Cause::Undetermined => {
            let confidence = if n == votes.len() { Confidence::Confirmed } else { Confidence::Probable };
            (cause, confidence)
        }
        _ => (Cause::Undetermined, Confidence::Probable),
    }
}

fn open(
    view: &mut View,
    key: &IncidentKey,
    found: Found,
    now: Timestamp,
    due: &dyn Fn(Timestamp, u32) -> Timestamp,
    effects: &mut Vec<Effect>,
) {
    let (_, confidence) = verdict(&found.votes);
    let Found { cause, started, witnesses, votes, note } = found;
    view.incidents.insert(
        key.clone(),
        IncidentRow {
            cause,
            confidence,
            started,
            detected: now,
            ended: None,
            witnesses: witnesses.clone(),
            votes: votes.clone(),
            ticket: None,
        },
    );
    let witnesses = witnesses.into_iter().collect();
    effects.push(Effect::OpenIncident {
        key: key.clone(),
        cause,
        confidence,
        started,
        detected: now,
        witnesses,
        votes,
        note,
    });
    tickets::open(view, key, now, due, effects);
}

/// What an eye saw of its way to the internet, from a stored event.
struct Sight<'i> {
    machine: MachineId,
    at: Timestamp,
    bracket: Option<SignedDuration>,
    state: CheckState,
    reason: &'i Reason,
}

fn sights<'i>(view: &View, inputs: &'i [Input]) -> Vec<Sight<'i>> {
    inputs
        .iter()
        .filter_map(|input| match input {
            Input::Event { machine, at, certain: true, fact: Fact::Check { result, bracket_ms }, .. }
                if result.check == INTERNET && view.machines.get(machine).is_some_and(is_eye) =>
            {
                let bracket = bracket_ms.and_then(|ms| i64::try_from(ms).ok()).map(SignedDuration::from_millis);
                Some(Sight { machine: *machine, at: *at, bracket, state: result.state, reason: &result.reason })
            }
            _ => None,
        })
        .collect()
}

/// Narrows start and end and votes on the cause with what the machines saw, while open and up to a day after.
fn refine(view: &mut View, key: &IncidentKey, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let Some(old) = view.incidents.get(key).cloned() else { return };
    let mut new = old.clone();
    for sight in sights(view, inputs) {
        let last_good = sight.bracket.and_then(|b| sight.at.checked_sub(b).ok());
        // What a machine saw before the last sign of life or after the end is about something else.
        let margin = SignedDuration::from_secs(60);
        let within =
            sight.at >= old.started.after - margin && old.ended.is_none_or(|ended| sight.at <= ended.by + margin);
        match sight.state {
            CheckState::Critical if within => {
                new.votes.insert(sight.machine, cause_of(sight.reason));
                if sight.at < new.started.by && sight.at >= new.started.after {
                    new.started.by = sight.at;
                }
                if let Some(good) = last_good.filter(|good| *good > new.started.after && *good <= new.started.by) {
                    new.started.after = good;
                }
            }
            CheckState::Ok => {
                let Some(ended) = new.ended.as_mut() else { continue };
                if sight.at < ended.by && sight.at > ended.after {
                    ended.by = sight.at;
                }
                if let Some(bad) = last_good.filter(|bad| *bad > ended.after && *bad <= ended.by) {
                    ended.after = bad;
                }
            }
            _ => {}
        }
    }
    let (cause, confidence) = verdict(&new.votes);
    if cause != Cause::Undetermined {
        (new.cause, new.confidence) = (cause, confidence);
    }
    if new == old {
        return;
    }
    let note = if new.cause != old.cause {
        Note::new("cause_refined")
            .with("from", old.cause.as_str())
            .with("to", new.cause.as_str())
            .with("witnesses", new.votes.len())
    } else if new.started != old.started {
        Note::new("start_refined").with("after", new.started.after).with("by", new.started.by)
    } else {
        Note::new("late_evidence").with("witnesses", new.votes.len())
    };
    effects.push(Effect::AmendIncident {
        key: key.clone(),
        cause: new.cause,
        confidence: new.confidence,
        started: new.started,
        ended: new.ended,
        votes: new.votes.clone(),
        at: now,
        note,
    });
    view.incidents.insert(key.clone(), new);
}

/// Resolves the open incident once machines of the school prove that the line carries again.
fn resolve(view: &mut View, key: &IncidentKey, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let Some(incident) = view.incidents.get(key).cloned() else { return };
    let (mut proven, mut heard, mut sick) = (0usize, 0usize, 0usize);
    let mut first_contact: Option<Timestamp> = None;
    for (id, row) in view.machines.iter().filter(|(_, row)| is_eye(row) && row.presence == Presence::Online) {
        let check = view.checks.get(&(*id, INTERNET.to_owned(), String::new()));
        let Some(seen) = row.last_seen.filter(|seen| *seen > incident.started.by) else { continue };
        match check {
            Some(check) if checks::is_cut(check) => sick += 1,
            Some(check) if check.state == CheckState::Ok && check.since > incident.started.after => proven += 1,
            // Contact alone tells something of a machine that had fallen silent, and only if it does not complain.
            _ if incident.witnesses.contains(id) && !incident.votes.contains_key(id) => heard += 1,
            _ => continue,
        }
        first_contact = Some(first_contact.map_or(seen, |first| first.min(seen)));
    }
    let wanted = QUORUM.min(incident.witnesses.len().max(1));
    let well = proven + heard;
    if well <= sick || (proven == 0 && well < wanted) {
        return;
    }
    let mut ended = Bracket { after: incident.detected.min(now), by: first_contact.unwrap_or(now) };
    for sight in sights(view, inputs).iter().filter(|s| s.state == CheckState::Ok && s.at > incident.started.after) {
        ended.by = ended.by.min(sight.at);
        if let Some(bad) = sight.bracket.and_then(|b| sight.at.checked_sub(b).ok()) {
            ended.after = bad;
        }
    }
    ended.after = ended.after.clamp(incident.started.after.min(ended.by), ended.by);
    if let Some(row) = view.incidents.get_mut(key) {
        row.ended = Some(ended);
    }
    let note = Note::new("resolved_by_return").with("machines", well);
    effects.push(Effect::ResolveIncident { key: key.clone(), ended, at: now, note: note.clone() });
    tickets::close(view, key, ended.estimate(), now, note, effects);
}
