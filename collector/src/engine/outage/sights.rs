//! What machines saw of their way to the internet, and what it tells of an incident: its cause, its start, its end.

use super::super::quality;
use super::super::{Bracket, Cause, Confidence, Effect, IncidentRow, Input, Kind, MachineRow, Note, Scope, View};
use super::{Arena, QUORUM};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckState, INTERNET, Reason};
use vigie_shared::event::Fact;
use vigie_shared::id::MachineId;

/// What a machine saw before the last sign of life, or after the end, by more than this is about something else.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// What a complaint of a machine means for its school.
pub fn cause_of(machine: &MachineRow, reason: &Reason) -> Cause {
    match reason {
        Reason::OutsideUnreachable => Cause::Line,
        Reason::OutsidePartial | Reason::WebBlocked => Cause::Proxy,
        Reason::GatewayUnreachable | Reason::NoRoute => Cause::of_network(machine.net()),
        Reason::NoAddress => Cause::Dhcp,
        Reason::LinkDown => Cause::Switch,
        Reason::DnsUnreachable => Cause::Dns,
        Reason::DnsWrongAnswer => Cause::DnsLying,
        Reason::OutsideIntercepted | Reason::CaptivePortal => Cause::Portal,
        Reason::TlsIntercepted => Cause::TlsInterception,
        Reason::CollectorUnreachable | Reason::CollectorNameBlocked => Cause::BlockedByName,
        _ => Cause::Undetermined,
    }
}

/// Whether a reason tells of the way to the collector only: the outside answers.
pub fn is_about_us(reason: &Reason) -> bool {
    matches!(reason, Reason::CollectorUnreachable | Reason::CollectorNameBlocked | Reason::TlsIntercepted)
}

/// The cause most machines name, if at least two do and nobody outvotes them; else undetermined (invariant 6).
pub fn verdict(votes: &BTreeMap<MachineId, Cause>) -> (Cause, Confidence) {
    verdict_of(votes, QUORUM)
}

/// The same with at least so many voices.
fn verdict_of(votes: &BTreeMap<MachineId, Cause>, wanted: usize) -> (Cause, Confidence) {
    let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
    for cause in votes.values() {
        *counts.entry(*cause).or_default() += 1;
    }
    match counts.into_iter().max_by_key(|(_, n)| *n) {
        Some((cause, n)) if n >= wanted && n * 2 > votes.len() && cause != Cause::Undetermined => {
            let confidence = if n == votes.len() { Confidence::Confirmed } else { Confidence::Probable };
            (cause, confidence)
        }
        _ => (Cause::Undetermined, Confidence::Probable),
    }
}

/// That there is an outage several have shown; what one of them saw of it, as long as nobody else saw anything, names the
/// probable cause. What is a machine's own affair it does not.
fn of_one_voice(incident: &IncidentRow) -> (Cause, Confidence) {
    let named = incident.votes.first_key_value().filter(|(machine, cause)| {
        incident.votes.len() == 1
            && incident.witnesses.len() >= QUORUM
            && incident.witnesses.contains(machine)
            && !matches!(cause, Cause::Power | Cause::Dhcp | Cause::Switch)
    });
    (named.map_or(Cause::Undetermined, |(_, cause)| *cause), Confidence::Probable)
}

/// What one machine saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Its way to the internet broke, for this reason.
    Broken(Cause),
    /// Its way to us only.
    OnlyUs(Cause),
    /// It went while its way was still broken.
    StillBroken,
    /// Its way carries.
    Well,
}

/// One sight.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Who saw it.
    pub machine: MachineId,
    /// When.
    pub at: Timestamp,
    /// The look before, which saw something else.
    pub before: Option<Timestamp>,
    /// What.
    pub sight: Sight,
}

/// The sights among new facts, in their order.
pub fn seen(view: &View, arena: &Arena, inputs: &[Input]) -> Vec<Seen> {
    let eyes: BTreeMap<_, _> = arena.eyes(view).collect();
    let (mut broken, mut well) = (BTreeSet::new(), BTreeSet::new());
    let mut all = Vec::new();
    for input in inputs {
        let Input::Event { machine, at, certain: true, fact, .. } = input else { continue };
        let Some(row) = eyes.get(machine) else { continue };
        let we_were_away =
            view.absence.is_some_and(|absence| *at + MARGIN >= absence.from && *at <= absence.until + MARGIN);
        let (sight, before) = match fact {
            Fact::Check { result, bracket_ms } if result.check == INTERNET => {
                let bracket = bracket_ms.and_then(|ms| i64::try_from(ms).ok()).map(SignedDuration::from_millis);
                let cause = cause_of(row, &result.reason);
                let sight = match result.state {
                    // The line carries: what was broken is well, and we are not reached because we are away.
                    CheckState::Warning
                        if is_about_us(&result.reason) && (we_were_away || broken.contains(machine)) =>
                    {
                        Sight::Well
                    }
                    CheckState::Critical if is_about_us(&result.reason) && we_were_away => continue,
                    CheckState::Critical | CheckState::Warning if is_about_us(&result.reason) => Sight::OnlyUs(cause),
                    CheckState::Critical => Sight::Broken(cause),
                    CheckState::Ok => Sight::Well,
                    CheckState::Warning | CheckState::Unknown => continue,
                };
                (sight, bracket.and_then(|bracket| at.checked_sub(bracket).ok()))
            }
            Fact::Goodbye { .. } if broken.contains(machine) => (Sight::StillBroken, None),
            _ => continue,
        };
        if sight == Sight::Well {
            broken.remove(machine);
            // What was well already does not become well once more.
            if !well.insert(*machine) {
                continue;
            }
        } else {
            well.remove(machine);
            broken.insert(*machine);
        }
        all.push(Seen { machine: *machine, at: *at, before, sight });
    }
    all
}

/// Narrows start and end and votes on the cause with what the machines saw, while open and up to a day after.
pub fn refine(view: &mut View, arena: &Arena, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let Some(old) = view.incidents.get(&arena.key).cloned() else { return };
    let mut new = old.clone();
    for seen in seen(view, arena, inputs) {
        take(&mut new, &old, &seen);
    }
    // What is about one machine needs no second voice, and a machine alone that starts again was perhaps only mended.
    let alone = matches!(arena.key.scope, Scope::Machine(_));
    if !alone {
        for machine in without_current(view, arena, &old, inputs) {
            new.votes.entry(machine).or_insert(Cause::Power);
        }
    }
    let (cause, confidence) = match verdict_of(&new.votes, if alone { 1 } else { QUORUM }) {
        (Cause::Undetermined, _) => of_one_voice(&new),
        verdict => verdict,
    };
    let is_known = old.cause == Cause::DegradedLine && quality::is_explained(cause);
    if cause != Cause::Undetermined && !is_known {
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
        key: arena.key.clone(),
        cause: new.cause,
        confidence: new.confidence,
        started: new.started,
        ended: new.ended,
        votes: new.votes.clone(),
        at: now,
        note,
    });
    view.incidents.insert(arena.key.clone(), new);
}

fn take(new: &mut IncidentRow, old: &IncidentRow, seen: &Seen) {
    let within = seen.at >= old.started.after - MARGIN && old.ended.is_none_or(|ended| seen.at <= ended.by + MARGIN);
    match seen.sight {
        Sight::Broken(cause) | Sight::OnlyUs(cause) if within => {
            vote(&mut new.votes, seen.machine, cause);
            if seen.at < new.started.by && seen.at >= new.started.after {
                new.started.by = seen.at;
            }
            if let Some(good) = seen.before.filter(|good| *good > new.started.after && *good <= new.started.by) {
                new.started.after = good;
            }
        }
        Sight::StillBroken if within => bad_until(new, seen.at),
        Sight::Well => {
            if let Some(ended) = new.ended.as_mut().filter(|ended| seen.at < ended.by && seen.at > ended.after) {
                ended.by = seen.at;
            }
            seen.before.into_iter().for_each(|bad| bad_until(new, bad));
        }
        _ => {}
    }
}

/// The first cause that a machine named counts; only ignorance and the guess of a failed current give way.
fn vote(votes: &mut BTreeMap<MachineId, Cause>, machine: MachineId, cause: Cause) {
    let vote = votes.entry(machine).or_insert(cause);
    if matches!(vote, Cause::Undetermined | Cause::Power) {
        *vote = cause;
    }
}

fn bad_until(row: &mut IncidentRow, at: Timestamp) {
    if let Some(ended) = row.ended.as_mut().filter(|ended| at > ended.after && at <= ended.by) {
        ended.after = at;
    }
}

/// Machines that had fallen silent and come back with a new boot, without a goodbye and without having seen anything: their
/// current failed. Whoever may have been switched off meanwhile, because its network closed, tells nothing.
fn without_current(view: &View, arena: &Arena, incident: &IncidentRow, inputs: &[Input]) -> Vec<MachineId> {
    let mut found = Vec::new();
    for input in inputs {
        let Input::Heard { machine, booted: Some(booted), .. } = input else { continue };
        let Some(row) = view.machines.get(machine).filter(|_| incident.witnesses.contains(machine)) else { continue };
        let told = inputs.iter().any(|input| {
            matches!(input, Input::Event { machine: who, at, fact: Fact::Goodbye { .. } | Fact::Check { .. }, .. }
                if who == machine && *at >= incident.started.after && *at < *booted)
        });
        let here = arena.network.is_none_or(|network| row.net() == network);
        let opening = |at: Timestamp| view.calendar(row.net()).opening_of(at);
        let stayed = row.kind == Kind::Server
            || opening(incident.started.by).is_some() && opening(incident.started.by) == opening(*booted);
        if here && stayed && !told && *booted >= incident.started.after {
            found.push(*machine);
        }
    }
    found
}

/// The end that sights tell, starting from what contact alone tells.
pub fn end(seen: &[Seen], contact: Bracket, started: Timestamp) -> Bracket {
    let mut ended = contact;
    for seen in seen.iter().filter(|seen| seen.at > started) {
        match seen.sight {
            Sight::Well => {
                ended.by = ended.by.min(seen.at);
                ended.after = seen.before.unwrap_or(ended.after);
            }
            Sight::StillBroken => ended.after = ended.after.max(seen.at),
            Sight::Broken(_) | Sight::OnlyUs(_) => {}
        }
    }
    Bracket { after: ended.after.clamp(started.min(ended.by), ended.by), by: ended.by }
}
