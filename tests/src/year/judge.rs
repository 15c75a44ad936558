//! The judge of a lived year: incidents and tickets beside the faults that were injected.
//!
//! An incident belongs to a fault when it began while the fault lasted (within two minutes), in the same school; a full
//! volume and an incident about volumes belong to each other only. Of several faults the one whose words fit is taken.

use super::faults::{Fault, What};
use super::truth::{self, Truth};
use super::words::{COARSE, UNDETERMINED, accepted};
use super::{Lived, Year};
use crate::sim::Ms;
use crate::sim::found::{Found, Incident, Ticket};
use crate::sim::time::{MINUTE, lasting, shown};
use std::collections::{BTreeMap, BTreeSet};

/// Before and after a fault, an incident still belongs to it.
const MARGIN: Ms = 2 * MINUTE;
/// Machines find out some time after a fault is over (buffered looks, slow back-offs).
const AFTER: Ms = 6 * MINUTE;
/// What is learnt this long after the end of an incident does not count for its cause.
const LEARNT: Ms = 10 * MINUTE;

/// What became of the faults of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kind {
    /// Drawn.
    pub drawn: usize,
    /// Of these, had to be detected.
    pub injected: usize,
    /// Of these, were.
    pub detected: usize,
    /// Detected ones, by cause: right, wrong, undetermined although more could be known.
    pub causes: [usize; 3],
    /// Detected although nobody had to.
    pub extra: usize,
}

/// The verdict on a year.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// By kind of fault.
    pub kinds: BTreeMap<&'static str, Kind>,
    /// Outages that had to be detected, and those that were.
    pub outages: (usize, usize),
    /// Tickets that no fault explains.
    pub false_tickets: usize,
    /// Incidents that no fault explains.
    pub false_incidents: usize,
    /// Tickets beyond the first of a fault.
    pub duplicate_tickets: usize,
    /// Incidents that were not ended long after it was provable.
    pub missed_resolutions: usize,
    /// Incidents that were ended while their fault lasted.
    pub early_resolutions: usize,
    /// Delays of faults whose delay counts, milliseconds, in order.
    pub delays: Vec<Ms>,
    /// Of these, of outages.
    pub outage_delays: Vec<Ms>,
    /// Details, for people.
    pub details: Vec<String>,
}

/// What is about one machine and feeds the next visit: a machine that nobody heard for many days, what one saw alone of
/// its way out. No fault has to explain it, and it is no verdict on a fault.
const FINDINGS: [&str; 2] = ["unseen", "machine-internet"];

/// How the cause of a detected fault was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Right,
    Wrong,
    Unknown,
}

struct Court<'a> {
    year: &'a Year,
    found: &'a Found,
    truths: Vec<Truth>,
    /// The fault of each incident.
    fault_of: Vec<Option<usize>>,
    verdict: Verdict,
}

/// Judges.
pub fn judge(year: &Year, lived: &Lived) -> Verdict {
    let truths = truth::of(year);
    let found = &lived.found;
    let fault_of = found.incidents.iter().map(|incident| belongs(year, &truths, incident)).collect();
    let mut court = Court { year, found, truths, fault_of, verdict: Verdict::default() };
    court.faults();
    court.tickets();
    court.verdict.delays.sort_unstable();
    court.verdict.outage_delays.sort_unstable();
    court.verdict
}

/// The fault to which an incident belongs.
fn belongs(year: &Year, truths: &[Truth], incident: &Incident) -> Option<usize> {
    if FINDINGS.contains(&incident.check.as_str()) {
        return None;
    }
    let school = year.places.iter().position(|place| place.uai == incident.school);
    let (began, by) = incident.started;
    let wide = incident.school.is_empty();
    let about_volume = incident.check == "volume-space";
    let fits = |(_, fault): &(usize, &Fault)| {
        let place = match fault.what {
            What::Collector(_) => wide || incident.cause == "collector",
            What::Operator(_) => wide || fault.school == school,
            _ => !wide && fault.school == school,
        };
        let subject = match &fault.what {
            What::Volume(number) => about_volume && incident.scope.ends_with(&year.pcs[*number].name),
            _ => !about_volume,
        };
        let server = match &fault.what {
            What::Server(_) => incident.check == "server-silent" || incident.scope.starts_with("machine"),
            _ => true,
        };
        place && subject && server && began - MARGIN < fault.end + AFTER && fault.start < by + MARGIN
    };
    let near = |fault: &Fault| (i64::midpoint(began, by) - fault.start).abs();
    let score = |(number, fault): &(usize, &Fault)| {
        let words = accepted(&fault.what, truths[*number].failover);
        let (subject, cause) =
            (words.subjects.contains(&incident.check.as_str()), words.causes.contains(&incident.cause.as_str()));
        (!cause, !subject, near(fault))
    };
    year.faults.iter().enumerate().filter(fits).min_by_key(score).map(|(number, _)| number)
}

/// The cause of an incident as it was when the incident closed.
fn cause_at_close(incident: &Incident) -> String {
    let mut cause = incident.cause.clone();
    let Some(resolved) = incident.resolved else { return cause };
    for entry in incident.history.iter().rev().take_while(|entry| entry.at > resolved + LEARNT) {
        if entry.code == "cause_refined"
            && let Ok(figures) = serde_json::from_str::<serde_json::Value>(&entry.figures)
            && let Some(from) = figures.get("from").and_then(|from| from.as_str())
        {
            cause = from.to_owned();
        }
    }
    cause
}

impl Court<'_> {
    fn incidents(&self, fault: usize) -> Vec<&Incident> {
        let mine = self.found.incidents.iter().zip(&self.fault_of);
        mine.filter(|(_, of)| **of == Some(fault)).map(|(incident, _)| incident).collect()
    }

    fn tell(&mut self, text: String) {
        self.verdict.details.push(text);
    }

    fn faults(&mut self) {
        for number in 0..self.year.faults.len() {
            let fault = &self.year.faults[number];
            let truth = self.truths[number].clone();
            let incidents: Vec<Incident> = self.incidents(number).into_iter().cloned().collect();
            let detected = incidents.iter().map(|incident| incident.detected).min();
            let late = truth.must.zip(detected).is_some_and(|(must, detected)| detected > must);
            let in_time = detected.is_some() && !late;
            let mut kind = self.verdict.kinds.get(fault.word()).copied().unwrap_or_default();
            kind.drawn += 1;
            kind.injected += usize::from(truth.must.is_some());
            kind.detected += usize::from(truth.must.is_some() && in_time);
            kind.extra += usize::from(truth.must.is_none() && detected.is_some());
            if truth.outage && truth.must.is_some() {
                self.verdict.outages.0 += 1;
                self.verdict.outages.1 += usize::from(in_time);
            }
            if truth.must.is_some() && !in_time {
                let told = detected.map_or("never".to_owned(), shown);
                let text = format!(
                    "MISSED {}, {} could tell, due {}, detected {told}",
                    self.shown(fault),
                    truth.told.len(),
                    truth.must.map_or(String::new(), shown)
                );
                self.tell(text);
            }
            if let Some(detected) = detected
                && fault.school.is_some()
            {
                match self.cause(fault, &truth, &incidents) {
                    Cause::Right => kind.causes[0] += usize::from(truth.must.is_some() && in_time),
                    Cause::Wrong => kind.causes[1] += 1,
                    Cause::Unknown => kind.causes[2] += usize::from(truth.must.is_some() && in_time),
                }
                let spoken = !matches!(fault.what, What::Flap(..)) && !truth.failover;
                let by_line = truth.outage || matches!(fault.what, What::DnsDead(_) | What::DnsLying(_));
                if truth.live && spoken && by_line && truth.must.is_some() {
                    let delay = (detected - fault.start).max(0);
                    self.verdict.delays.push(delay);
                    if truth.outage {
                        self.verdict.outage_delays.push(delay);
                    }
                    if delay > 180_000 {
                        let text = format!("SLOW {} after {}", self.shown(&self.year.faults[number]), lasting(delay));
                        self.tell(text);
                    }
                }
            }
            self.verdict.kinds.insert(self.year.faults[number].word(), kind);
            self.ends(number, &truth, &incidents);
        }
    }

    fn cause(&mut self, fault: &Fault, truth: &Truth, incidents: &[Incident]) -> Cause {
        let main = incidents.iter().min_by_key(|incident| (incident.ticket.is_none(), incident.detected));
        let Some(main) = main else { return Cause::Unknown };
        let mut words = accepted(&fault.what, truth.failover).causes.to_vec();
        if truth.overlapped {
            let meets = |other: &&Fault| {
                other.school == fault.school && other.start - AFTER < fault.end && fault.start < other.end + AFTER
            };
            for other in self.year.faults.iter().filter(meets) {
                words.extend(accepted(&other.what, false).causes);
            }
        }
        let cause = cause_at_close(main);
        let closed = main.resolved.map_or(Ms::MAX, |resolved| resolved + LEARNT);
        let could_tell = truth.told.iter().filter(|told| **told <= closed).count();
        let wanted = if matches!(fault.what, What::Server(_) | What::Volume(_)) { 1 } else { 2 };
        let verdict = match cause.as_str() {
            cause if words.contains(&cause) => return Cause::Right,
            UNDETERMINED if could_tell < wanted => return Cause::Right,
            cause if cause == UNDETERMINED || COARSE.contains(&cause) => Cause::Unknown,
            _ => Cause::Wrong,
        };
        let word = if verdict == Cause::Wrong { "WRONG CAUSE" } else { "UNDETERMINED" };
        let text = format!(
            "{word} « {cause} » of {}, {could_tell} could tell by its end{}\n    {}\n{}",
            self.shown(fault),
            if truth.must.is_none() { ", needed not be detected" } else { "" },
            main.shown(),
            why(main)
        );
        self.tell(text);
        verdict
    }

    /// Whether the incidents of a fault ended, and not before it did.
    fn ends(&mut self, number: usize, truth: &Truth, incidents: &[Incident]) {
        let fault = &self.year.faults[number];
        let provable = truth::provable(self.year, fault);
        for incident in incidents {
            let due = provable.map(|due| due.max(incident.detected + 2 * 60 * MINUTE));
            let ended = incident.resolved.unwrap_or(Ms::MAX);
            if due.is_some_and(|due| due < self.year.until && ended > due) {
                self.verdict.missed_resolutions += 1;
                let text = format!(
                    "NOT RESOLVED {}, provable {}\n    {}",
                    self.shown(fault),
                    due.map_or(String::new(), shown),
                    incident.shown()
                );
                self.tell(text);
            }
            let steady = !matches!(fault.what, What::Flap(..) | What::Degraded(..)) && !truth.failover;
            if steady && !truth.overlapped && ended < fault.end - MINUTE {
                self.verdict.early_resolutions += 1;
                let text = format!("RESOLVED EARLY {}\n    {}", self.shown(fault), incident.shown());
                self.tell(text);
            }
        }
        let tickets: BTreeSet<i64> = incidents.iter().filter_map(|incident| incident.ticket).collect();
        if tickets.len() > 1 && !matches!(fault.what, What::Collector(_)) {
            self.verdict.duplicate_tickets += tickets.len() - 1;
            let mut text = format!("DUPLICATE {} tickets {tickets:?} for {}", tickets.len(), self.shown(fault));
            for incident in incidents {
                text += &format!("\n    {}", incident.shown());
            }
            self.tell(text);
        }
    }

    fn tickets(&mut self) {
        for ticket in &self.found.tickets {
            let explained = |incident: &usize| self.fault_of.get(*incident).copied().flatten().is_some();
            if !ticket.incidents.iter().any(explained) {
                self.verdict.false_tickets += 1;
                let text = self.false_ticket(ticket);
                self.tell(text);
            }
        }
        let unexplained =
            |(incident, of): &(&Incident, &Option<usize>)| of.is_none() && !FINDINGS.contains(&incident.check.as_str());
        for (incident, _) in self.found.incidents.iter().zip(&self.fault_of).filter(unexplained) {
            self.verdict.false_incidents += 1;
            let told = incident.ticket.and_then(|number| self.found.tickets.iter().find(|t| t.number == number));
            let alone = |ticket: &Ticket| ticket.incidents.iter().all(|n| self.fault_of[*n].is_none());
            if !told.is_some_and(alone) {
                self.verdict.details.push(format!("FALSE INCIDENT {}\n{}", incident.shown(), why(incident)));
            }
        }
    }

    fn false_ticket(&self, ticket: &Ticket) -> String {
        let mut text = format!("FALSE {}", ticket.shown());
        for incident in ticket.incidents.iter().filter_map(|number| self.found.incidents.get(*number)) {
            text += &format!("\n    {}\n{}", incident.shown(), why(incident));
        }
        for entry in &ticket.history {
            text += &format!("\n    ticket: {} {} {} {}", shown(entry.at), entry.by, entry.code, entry.figures);
        }
        let school = self.year.places.iter().position(|place| place.uai == ticket.school);
        for fault in self.year.faults.iter().filter(|fault| fault.school.is_none() || fault.school == school) {
            if (ticket.opened - fault.end).abs().min((ticket.opened - fault.start).abs()) < 60 * MINUTE {
                text += &format!("\n    near: {}", self.shown(fault));
            }
        }
        text + &around(self.year, &ticket.school, ticket.opened, 10 * MINUTE)
    }

    fn shown(&self, fault: &Fault) -> String {
        fault_shown(self.year, fault)
    }
}

/// A fault in one line.
pub fn fault_shown(year: &Year, fault: &Fault) -> String {
    let school = fault.school.map_or("-", |school| year.places[school].uai.as_str());
    let (start, length) = (shown(fault.start), lasting(fault.end - fault.start));
    format!("{} {:?} at {school}, {start} for {length}", fault.word(), fault.what)
}

/// Why, as the engine says.
fn why(incident: &Incident) -> String {
    let line = |e: &crate::sim::found::Entry| format!("    why: {} {} {}", shown(e.at), e.code, e.figures);
    incident.history.iter().take(8).map(line).collect::<Vec<_>>().join("\n")
}

/// What happened in a school around an instant, and who was on.
pub fn around(year: &Year, school: &str, at: Ms, margin: Ms) -> String {
    let mut text = String::new();
    let near = year.plan.iter().filter(|(when, _)| (*when - at).abs() <= margin);
    let here = near.filter(|(_, action)| action.school().is_none_or(|of| of == school));
    for (when, action) in here.take(60) {
        let json = serde_json::to_string(action).unwrap_or_default();
        text += &format!("\n      {} {json}", shown(*when));
    }
    let on = year.pcs.iter().zip(&year.stays).filter(|(pc, stays)| {
        year.places[pc.school].uai == school && stays.iter().any(|stay| stay.on <= at && at < stay.off && !stay.away)
    });
    let on: Vec<&str> = on.map(|(pc, _)| pc.name.as_str()).collect();
    text + &format!("\n      on then: {}", on.join(" "))
}
