//! An incident and a ticket in words, as several pages show them.

use super::lang::Lang;
use super::notes::{self, Line};
use super::{due, reasons, words};
use crate::engine::{Bracket, Cause};
use crate::store::{HistoryLine, IncidentSummary, TicketSummary};
use jiff::{SignedDuration, Timestamp};
use vigie_shared::check::{CheckState, INTERNET};

/// Brackets wider than this are shown as an interval.
const WIDE: SignedDuration = SignedDuration::from_secs(90);
/// Share of the time allowed from which a ticket is at risk, and from which it is urgent.
const AT_RISK: u8 = 50;
const URGENT: u8 = 75;

/// An incident as shown.
pub struct IncidentView {
    /// « Coupure internet ».
    pub title: String,
    /// What it was measured on, if anything.
    pub instance: String,
    /// `broken` or `look`.
    pub tone: &'static str,
    /// Page and name of its machine, for an incident of one machine.
    pub machine: Option<(String, String)>,
    /// Why, in words.
    pub cause: String,
    /// How sure, in words; empty while the cause is undetermined: there is nothing to be sure of.
    pub confidence: String,
    /// When it began, in words.
    pub started: String,
    /// When it was detected.
    pub detected: String,
    /// When it ended; empty while open.
    pub ended: String,
    /// How long it lasted or has lasted.
    pub lasted: String,
    /// How many machines bear witness, in words.
    pub witnesses: String,
    /// « depuis 10 h 02 · ligne opérateur · vue par 14 postes ».
    pub detail: String,
    /// History, oldest first.
    pub history: Vec<Line>,
}

/// An instant known to lie in an interval: one time when it is narrow, both ends when it is wide.
pub fn bracket(lang: Lang, bracket: &Bracket, now: Timestamp) -> String {
    if bracket.after.duration_until(bracket.by) <= WIDE {
        return words::moment(lang, bracket.estimate(), now);
    }
    let figures = [
        ("after", words::moment(lang, bracket.after, now).into()),
        ("by", words::moment(lang, bracket.by, now).into()),
    ];
    lang.tell("between", &figures)
}

/// An incident in words.
pub fn incident(lang: Lang, incident: &IncidentSummary, now: Timestamp) -> IncidentView {
    let began = incident.started.estimate();
    let cause = reasons::cause(lang, incident.cause);
    let witnesses = lang.tell("seen-by", &[("n", incident.witnesses.into())]);
    let mut detail = vec![words::since(lang, began, now)];
    if incident.machine.is_none() {
        detail.push(cause.clone());
        if incident.witnesses > 0 {
            detail.push(witnesses.clone());
        }
    }
    let until = incident.ended.map(|e| e.estimate());
    IncidentView {
        title: reasons::problem(lang, &incident.check),
        instance: incident.instance.clone(),
        tone: tone(incident),
        machine: incident.machine.as_ref().map(|(id, name)| (format!("/postes/{id}"), name.clone())),
        cause,
        confidence: match incident.cause {
            Cause::Undetermined => String::new(),
            _ => reasons::confidence(lang, incident.confidence),
        },
        started: bracket(lang, &incident.started, now),
        detected: words::moment(lang, incident.detected, now),
        ended: incident.ended.map(|e| bracket(lang, &e, now)).unwrap_or_default(),
        lasted: words::duration(lang, words::seconds_between(began, until.unwrap_or(now))),
        witnesses,
        detail: detail.join(" · "),
        history: notes::lines(lang, &incident.history, now),
    }
}

/// An incident on the page of its ticket, whose history tells its verdicts already: only what it lacks stands here.
pub fn on_ticket(lang: Lang, one: &IncidentSummary, told: &[HistoryLine], now: Timestamp) -> IncidentView {
    let lacking: Vec<HistoryLine> = one.history.iter().filter(|line| !notes::is_told(told, line)).cloned().collect();
    IncidentView { history: notes::lines(lang, &lacking, now), ..incident(lang, one, now) }
}

/// An outage is broken; what a machine measured is as bad as it was measured when the incident opened.
fn tone(incident: &IncidentSummary) -> &'static str {
    let critical =
        |line: &HistoryLine| line.note.with.get("state").is_some_and(|state| state == CheckState::Critical.as_str());
    let broken = incident.check == INTERNET || incident.history.iter().any(critical);
    if broken { "broken" } else { "look" }
}

/// A ticket as a line of a list.
pub struct TicketLine {
    /// Its page.
    pub href: String,
    /// Number said on the phone.
    pub number: u64,
    /// « Coupure internet ».
    pub title: String,
    /// Machine and instance, or empty.
    pub about: String,
    /// Name of its school.
    pub school: String,
    /// National number of its school.
    pub uai: String,
    /// Whether it is open.
    pub open: bool,
    /// State in words.
    pub state: String,
    /// When its clock started.
    pub opened: String,
    /// « 2 h 10 », « en retard de 20 min », or how long it took.
    pub left: String,
    /// « 14 h 02 ».
    pub due: String,
    /// Whether its due time has passed while open.
    pub overdue: bool,
    /// Share of the time allowed that is used up, percent, at most 100.
    pub share: u8,
    /// `broken`, `look`, `online` or `off` (resolved).
    pub tone: &'static str,
    /// The ring in words.
    pub ring: String,
}

/// A ticket as a line of a list.
pub fn ticket(lang: Lang, ticket: &TicketSummary, now: Timestamp) -> TicketLine {
    let end = ticket.restored.or(ticket.resolved).unwrap_or(now);
    let share = due::share(ticket, end);
    let overdue = ticket.is_overdue(now);
    // A person has still to close it, but its clock stands.
    let restored = ticket.open && ticket.restored.is_some();
    let left = words::seconds_between(now, ticket.due);
    let left = match (ticket.open && !restored, overdue) {
        (true, true) => lang.tell("overdue-by", &[("duration", words::duration(lang, left).into())]),
        (true, false) => words::duration(lang, left),
        (false, _) => {
            let took = words::seconds_between(ticket.opened, end);
            lang.tell("took", &[("duration", words::duration(lang, took).into())])
        }
    };
    let tone = match (ticket.open, overdue) {
        (false, _) => "off",
        (true, true) => "broken",
        _ if restored => "online",
        _ if ticket.check == INTERNET || share >= URGENT => "broken",
        _ if share >= AT_RISK => "look",
        _ => "online",
    };
    let about =
        ticket.about.as_ref().map(
            |(machine, instance)| {
                if instance.is_empty() { machine.clone() } else { format!("{machine}, {instance}") }
            },
        );
    let state = if !ticket.open {
        lang.say("ticket-resolved")
    } else if overdue {
        lang.say("ticket-overdue")
    } else if restored {
        lang.say("ticket-to-close")
    } else {
        lang.say("ticket-open")
    };
    TicketLine {
        href: format!("/tickets/{}", ticket.id),
        number: ticket.number,
        title: reasons::problem(lang, &ticket.check),
        about: about.unwrap_or_default(),
        school: ticket.school.1.clone(),
        uai: ticket.school.0.to_string(),
        open: ticket.open,
        state,
        opened: words::since(lang, ticket.opened, now),
        left,
        due: words::short_moment(lang, ticket.due, now),
        overdue,
        share,
        tone,
        ring: lang.tell("time-used", &[("percent", share.into())]),
    }
}
