//! Which incidents become tickets, as data: rules in order, of which the first that matches an incident decides. Pure;
//! versioned by the store, edited through the API, the page and the verb `ticket-policy`.
//!
//! Words of causes, reasons, kinds and scopes are those of the store. Every field has bounds; a field out of them is
//! named by its path, as in `shared/src/policy.rs`.

mod flapping;
mod read;
mod shipped;

pub use flapping::Flapping;
pub use read::PolicyProblem;

use crate::calendar::Pause;
use crate::engine::Scope;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most rules.
pub const RULES_MAX: usize = 64;
/// Most words in one list of a rule.
pub const WORDS_MAX: usize = 32;
/// Longest word, bytes.
pub const WORD_LEN_MAX: usize = 40;
/// Largest policy as JSON, bytes.
pub const JSON_MAX: usize = 64 << 10;
/// Longest time allowed, minutes of business hours: about a year of them.
pub const ALLOWED_MAX_MINUTES: u32 = 2500 * 60;
/// Longest wait before a ticket opens, seconds.
pub const WAIT_MAX_S: u32 = 7 * 86_400;
/// Longest quiet time before a ticket is resolved, seconds.
pub const QUIET_MAX_S: u32 = 7 * 86_400;
/// Longest time after which a recurrence still reopens a ticket, seconds.
pub const REOPEN_MAX_S: u32 = 30 * 86_400;
/// How long a ticket is remembered as the former one: a recurrence within this time is linked to it.
pub const FOLLOWS_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Subject of a call that is about nothing Vigie measures. Each such call has a ticket of its own.
pub const OTHER: &str = "other";

/// Which incidents become tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketPolicy {
    /// Version, given by the store at every change; 0 is the policy that is shipped.
    #[serde(default)]
    pub version: u64,
    /// Rules in order: the first that matches decides. What none matches becomes no ticket.
    pub rules: Vec<Rule>,
    /// How each check flaps; one that is not named flaps as [`Flapping::default`].
    #[serde(default)]
    pub flapping: BTreeMap<String, Flapping>,
}

/// One rule: when it matches, and what then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A word for people: tables and messages name the rule by it.
    pub name: String,
    /// The check, exactly.
    pub check: String,
    /// Causes it is for; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Reasons of the machine's own check it is for; empty: any. An incident that is not about one machine has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Kinds of machines it is for; empty: any. An incident that is not about one machine has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Kinds of scopes it is for, such as `school`; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What becomes of the incident.
    pub then: Then,
}

/// What becomes of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// No ticket: it is shown, and looked at at the next visit.
    NoTicket,
    /// A ticket on these terms.
    Ticket(Terms),
}

/// Terms of a ticket. A ticket keeps those on which it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What it is about, for sorting: a word.
    pub category: String,
    /// How soon it hurts.
    pub urgency: Level,
    /// How many it hurts.
    pub impact: Level,
    /// Minutes of business hours allowed.
    pub allowed_minutes: u32,
    /// Seconds since it began until a ticket opens, at the earliest when it is detected: what ends by itself before opens
    /// none.
    #[serde(default)]
    pub wait_s: u32,
    /// Seconds that all must have been well, as learnt, until the ticket is resolved.
    #[serde(default)]
    pub quiet_s: u32,
    /// Seconds after the end of a ticket within which a recurrence reopens it.
    #[serde(default = "a_day")]
    pub reopen_within_s: u32,
    /// What shares a ticket.
    #[serde(default)]
    pub group: Grouping,
}

fn a_day() -> u32 {
    86_400
}

/// A level of urgency or impact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl Level {
    const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word of the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// From the word of the store.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    fn rank(self) -> u8 {
        match self {
            Self::Low => 3,
            Self::Medium => 2,
            Self::High => 1,
        }
    }
}

/// Priority of urgency × impact (ITIL): 1 is the highest, 5 the lowest.
pub fn priority(urgency: Level, impact: Level) -> u8 {
    urgency.rank() + impact.rank() - 1
}

/// What shares a ticket within one school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// The same check anywhere in the school: one ticket with a list.
    #[default]
    School,
    /// The same check on one machine, or on whatever else it is about.
    Machine,
    /// The same check in one room; what is not known to be in a room shares the ticket of the school.
    Room,
    /// The same check for the same cause.
    Cause,
}

impl Grouping {
    /// The word of the JSON form and of message keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::School => "school",
            Self::Machine => "machine",
            Self::Room => "room",
            Self::Cause => "cause",
        }
    }
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the incident is on.
    pub scope: &'a Scope,
    /// The room that it is about, empty if none is known.
    pub room: &'a str,
    /// Its check.
    pub check: &'a str,
    /// Word of its cause.
    pub cause: &'a str,
    /// Word of the reason of the machine's check, if it is about one.
    pub reason: Option<&'a str>,
    /// Kind of the machine, if it is about one.
    pub kind: Option<&'a str>,
}

/// The kind of a scope: `school` of `school:…`.
pub fn scope_kind(scope: &str) -> &str {
    scope.split_once(':').map_or(scope, |(kind, _)| kind)
}

impl Rule {
    fn matches(&self, facts: &Facts<'_>) -> bool {
        fn one_of(list: &[String], word: Option<&str>) -> bool {
            list.is_empty() || word.is_some_and(|word| list.iter().any(|one| one == word))
        }
        self.check == facts.check
            && one_of(&self.causes, Some(facts.cause))
            && one_of(&self.reasons, facts.reason)
            && one_of(&self.kinds, facts.kind)
            && (self.scopes.is_empty() || one_of(&self.scopes, Some(scope_kind(&facts.scope.to_string()))))
    }

    fn is_general(&self) -> bool {
        self.causes.is_empty() && self.reasons.is_empty() && self.kinds.is_empty() && self.scopes.is_empty()
    }

    /// The terms, if it gives a ticket.
    pub fn terms(&self) -> Option<&Terms> {
        match &self.then {
            Then::Ticket(terms) => Some(terms),
            Then::NoTicket => None,
        }
    }
}

impl Terms {
    /// What joins incidents in one ticket: unique among the open tickets of a school.
    pub fn group_key(&self, facts: &Facts<'_>) -> String {
        let scope = facts.scope.to_string();
        match self.group {
            Grouping::Machine => format!("{}@{scope}", facts.check),
            Grouping::Room if !facts.room.is_empty() => format!("{}@room:{}", facts.check, facts.room),
            Grouping::Cause => format!("{}#{}", facts.check, facts.cause),
            Grouping::School | Grouping::Room => facts.check.to_owned(),
        }
    }

    /// Its priority: 1 is the highest, 5 the lowest.
    pub fn priority(&self) -> u8 {
        priority(self.urgency, self.impact)
    }

    /// Terms of a call that no rule knows.
    pub fn of_other_calls() -> Self {
        Self {
            category: OTHER.to_owned(),
            urgency: Level::Medium,
            impact: Level::Medium,
            allowed_minutes: 20 * 60,
            wait_s: 0,
            quiet_s: 0,
            reopen_within_s: a_day(),
            group: Grouping::School,
        }
    }
}

impl TicketPolicy {
    /// The rule for an incident.
    pub fn rule(&self, facts: &Facts<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(facts))
    }

    /// When incidents of a check that come and go are one.
    pub fn flapping(&self, check: &str) -> Flapping {
        self.flapping.get(check).copied().unwrap_or_default()
    }

    /// What somebody may call about: checks that may become tickets, in the order of the rules, then [`OTHER`].
    pub fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.terms().is_some()) {
            if !subjects.contains(&rule.check.as_str()) {
                subjects.push(&rule.check);
            }
        }
        subjects.push(OTHER);
        subjects
    }

    /// The terms of a call about a subject: those of the rule for it that asks for nothing more, else of the first.
    /// `None` for a subject that is not one.
    pub fn terms_of_call(&self, subject: &str) -> Option<Terms> {
        if subject == OTHER {
            return Some(Terms::of_other_calls());
        }
        let mut of_subject = self.rules.iter().filter(|rule| rule.check == subject && rule.terms().is_some());
        let first = of_subject.clone().next();
        of_subject.find(|rule| rule.is_general()).or(first).and_then(|rule| rule.terms().cloned())
    }
}

/// The pauses of a clock with one more, bounded: once there are too many, the clock runs through further ones.
pub fn with_pause(pauses: &[Pause], from: Timestamp, to: Timestamp) -> Vec<Pause> {
    const PAUSES_MAX: usize = 200;
    let mut pauses = pauses.to_vec();
    if from < to && pauses.len() < PAUSES_MAX {
        pauses.push(Pause { from, to });
    }
    pauses
}

#[cfg(test)]
mod tests;
