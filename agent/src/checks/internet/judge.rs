//! From the steps of one look to a verdict. Pure; the first row that applies decides.
//!
//! "Worked" means: this probe has worked on this network before (invariant 6, [`Memory`]); a failure of a probe that
//! never worked here is not evidence and appears in the evidence as `no_evidence`. Ping outside that fails while a
//! connection or a page works is never evidence: ICMP is often blocked. An answer by somebody else is evidence of that
//! somebody all the same; whether it worked before decides how grave it is.
//!
//! | # | what was seen | state | reason |
//! |---|---|---|---|
//! | 1 | a page outside is answered by somebody else: it was true here before / never was | critical / warning | `outside_intercepted` |
//! | 2 | something outside answers, no resolver does, one that worked (or none is configured) | critical | `dns_unreachable` |
//! | 3 | something outside answers, names are answered wrongly by every resolver: worked / never | critical / warning | `dns_wrong_answer` |
//! | 4 | as 3, by some resolvers only | warning | `dns_wrong_answer` |
//! | 5 | something outside answers, no connection or page does, one that worked | critical | `outside_partial` |
//! | 6 | something outside answers, a connection or page that worked does not | warning | `outside_partial` |
//! | 7 | something outside answers, the collector does not | warning | `collector_unreachable` |
//! | 8 | something outside answers, nothing above | ok | `fine` |
//! | 9 | nothing outside answers, no carrier (the collector does not answer / answers) | critical / warning | `link_down` |
//! | 10 | …, no address | critical / warning | `no_address` |
//! | 11 | …, no default route | critical / warning | `no_route` |
//! | 12 | …, the gateway does not answer to ARP, or not to ping where it worked; the collector does not answer | critical | `gateway_unreachable` |
//! | 13 | no outside target answered, one that worked failed | critical | `outside_unreachable` |
//! | 14 | as 13 but nothing that failed ever worked, and names fail that worked: DNS is the first thing to repair | critical | `dns_unreachable` |
//! | 15 | …, names are answered wrongly by every resolver: worked / never | critical / warning | `dns_wrong_answer` |
//! | 16 | targets failed that never worked here | unknown | `outside_unreachable` |
//! | 17 | no target could be tried, the collector does not answer: line or collector, nobody can tell from here | unknown | `collector_unreachable` |
//! | 18 | targets exist but none could be tried | unknown | `measure_failed` |
//! | 19 | the policy names no target outside | unknown | `not_configured` |
//!
//! Rows 9 to 11 are a warning when the collector answers all the same: a network without a way out may be meant so.

use super::memory::Memory;
use super::step::{Failure, Kind, Step, StepResult, Steps};
use std::collections::BTreeMap;
use vigie_shared::check::{CheckResult, CheckState, INTERNET, Reason};

/// The verdict on one look, with what was seen as evidence. `memory` is that of before this look.
pub fn judge(steps: &Steps, memory: &Memory) -> CheckResult {
    let seen = Seen { steps, memory };
    let (state, reason) = seen.verdict();
    CheckResult { check: INTERNET.to_owned(), instance: String::new(), state, reason, evidence: seen.evidence() }
}

/// One look beside what has worked before.
struct Seen<'a> {
    steps: &'a Steps,
    memory: &'a Memory,
}

impl Seen<'_> {
    fn verdict(&self) -> (CheckState, Reason) {
        if let Some(wrong) = self.steps.http.iter().find(|step| step.is_wrong()) {
            let worked = self.worked(Kind::Http, wrong);
            return (if worked { CheckState::Critical } else { CheckState::Warning }, Reason::OutsideIntercepted);
        }
        if self.steps.outside().any(|(_, step)| step.is_ok()) { self.verdict_outside() } else { self.verdict_cut() }
    }

    /// Rows 2 to 8: the line works.
    fn verdict_outside(&self) -> (CheckState, Reason) {
        if let Some(verdict) = self.names() {
            return verdict;
        }
        // Ping is left out: blocked more often than broken.
        let channels = || self.steps.outside().filter(|(kind, _)| *kind != Kind::Icmp);
        if channels().any(|(kind, step)| self.is_evidence(kind, step)) {
            let some_work = channels().any(|(_, step)| step.is_ok());
            return (if some_work { CheckState::Warning } else { CheckState::Critical }, Reason::OutsidePartial);
        }
        if self.steps.collector.failure().is_some() {
            return (CheckState::Warning, Reason::CollectorUnreachable);
        }
        (CheckState::Ok, Reason::Fine)
    }

    /// Rows 9 to 19: nothing outside answers.
    fn verdict_cut(&self) -> (CheckState, Reason) {
        let steps = self.steps;
        let collector_answers = steps.collector.is_ok();
        let own =
            [(&steps.link, Reason::LinkDown), (&steps.address, Reason::NoAddress), (&steps.route, Reason::NoRoute)];
        for (step, reason) in own {
            if step.failure().is_some() {
                return (if collector_answers { CheckState::Warning } else { CheckState::Critical }, reason);
            }
        }
        if self.is_evidence(Kind::Gateway, &steps.gateway) && !collector_answers {
            return (CheckState::Critical, Reason::GatewayUnreachable);
        }
        if steps.outside().any(|(kind, step)| self.is_evidence(kind, step)) {
            return (CheckState::Critical, Reason::OutsideUnreachable);
        }
        if let Some(verdict) = self.names() {
            return verdict;
        }
        let reason = if steps.outside().any(|(_, step)| step.failure().is_some()) {
            Reason::OutsideUnreachable
        } else if steps.collector.failure().is_some() {
            Reason::CollectorUnreachable
        } else if steps.outside().next().is_some() {
            Reason::MeasureFailed
        } else {
            Reason::NotConfigured
        };
        (CheckState::Unknown, reason)
    }

    /// What the resolvers say, when that is a finding.
    fn names(&self) -> Option<(CheckState, Reason)> {
        let dns = &self.steps.dns;
        let some_true = dns.iter().any(Step::is_ok);
        let wrong: Vec<&Step> = dns.iter().filter(|step| step.is_wrong()).collect();
        if !wrong.is_empty() {
            let certain = !some_true && wrong.iter().any(|step| self.worked(Kind::Dns, step));
            return Some((if certain { CheckState::Critical } else { CheckState::Warning }, Reason::DnsWrongAnswer));
        }
        let silent = !some_true && dns.iter().any(|step| self.is_evidence(Kind::Dns, step));
        silent.then_some((CheckState::Critical, Reason::DnsUnreachable))
    }

    fn worked(&self, kind: Kind, step: &Step) -> bool {
        self.memory.has_worked(&self.steps.network, kind, &step.target)
    }

    /// A failure of something that has worked here, or one that speaks for itself.
    fn is_evidence(&self, kind: Kind, step: &Step) -> bool {
        match step.failure() {
            None => false,
            Some(Failure::Absent(_) | Failure::NoNeighbour) => true,
            Some(Failure::Silent | Failure::Refused(_) | Failure::Wrong(_)) => self.worked(kind, step),
        }
    }

    fn evidence(&self) -> BTreeMap<String, String> {
        let steps = self.steps;
        let mut evidence = BTreeMap::new();
        let mut say = |key: &str, value: String| {
            if !value.is_empty() {
                evidence.insert(key.to_owned(), shorten(&value));
            }
        };
        say("link", word(&steps.link));
        for (key, step) in [("address", &steps.address), ("route", &steps.route)] {
            if step.failure().is_some() {
                say(key, word(step));
            }
        }
        for (key, step) in [("gateway", &steps.gateway), ("collector", &steps.collector)] {
            say(key, word(step));
            say(&format!("{key}_ms"), millis(std::slice::from_ref(step)));
        }
        let groups = [
            ("dns", &steps.dns),
            ("outside_icmp", &steps.icmp),
            ("outside_tcp", &steps.tcp),
            ("outside_http", &steps.http),
        ];
        for (key, group) in groups {
            say(key, words(group));
            say(&format!("{key}_ms"), millis(group));
        }
        let mut no_evidence: Vec<&str> = steps
            .remembered()
            .filter(|(kind, step)| step.failure().is_some() && !step.is_wrong() && !self.is_evidence(*kind, step))
            .map(|(kind, _)| kind.key())
            .collect();
        no_evidence.dedup();
        say("no_evidence", no_evidence.join(" "));
        evidence
    }
}

impl Kind {
    /// The word of this kind in the evidence.
    fn key(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Dns => "dns",
            Self::Icmp => "outside_icmp",
            Self::Tcp => "outside_tcp",
            Self::Http => "outside_http",
        }
    }
}

/// One step in a few words.
fn word(step: &Step) -> String {
    match &step.result {
        StepResult::Ok(seen) if seen.is_empty() => "ok".to_owned(),
        StepResult::Ok(seen) => seen.clone(),
        StepResult::Failed(failure) => failure.to_string(),
        StepResult::Skipped(why) => format!("not tried: {why}"),
    }
}

/// Steps of one kind in a few words: how many work, and how the first that does not fails.
fn words(steps: &[Step]) -> String {
    let working = steps.iter().filter(|step| step.is_ok()).count();
    match steps.iter().find(|step| !step.is_ok()) {
        None if steps.is_empty() => String::new(),
        None => format!("{working}/{}", steps.len()),
        Some(step) => format!("{working}/{}: {} {}", steps.len(), step.target, word(step)),
    }
}

/// The quickest answer.
fn millis(steps: &[Step]) -> String {
    let quickest = steps.iter().filter(|step| step.is_ok()).filter_map(|step| step.millis).min();
    quickest.map(|ms| ms.to_string()).unwrap_or_default()
}

/// Longest value of the evidence, characters.
const EVIDENCE_MAX: usize = 160;

fn shorten(value: &str) -> String {
    match value.char_indices().nth(EVIDENCE_MAX) {
        Some((at, _)) => format!("{}…", value.split_at(at).0),
        None => value.to_owned(),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
pub(super) mod tests;
