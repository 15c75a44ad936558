//! From the steps of one look to a verdict. Pure; the first row that applies decides.
//!
//! "Worked" means: this probe has worked on this network before (invariant 6, [`Memory`]); a failure of a probe that
//! never worked here is not evidence and appears in the evidence as `no_evidence`. Ping outside that fails while a
//! connection or a page works is never evidence: ICMP is often blocked. An answer by somebody else is evidence of that
//! somebody all the same; whether it worked before decides how grave it is.
//!
//! | # | what was seen | state | reason |
//! |---|---|---|---|
//! | 1 | a portal answers in the place of a page outside: it was true here before / never was | critical / warning | `captive_portal` |
//! | 1 | a page outside is answered by somebody else, and every resolver answers wrongly, one that worked | critical | `dns_wrong_answer` |
//! | 1 | a page outside is answered by somebody else: it was true here before / never was | critical / warning | `outside_intercepted` |
//! | 2 | something outside answers, no resolver does, one that worked (or none is configured) | critical | `dns_unreachable` |
//! | 3 | something outside answers, names are answered wrongly by every resolver: worked / never | critical / warning | `dns_wrong_answer` |
//! | 4 | as 3, by some resolvers only | warning | `dns_wrong_answer` |
//! | 5 | only ping outside answers, no connection or page does, one that worked | critical | `web_blocked` |
//! | 6 | something outside answers, a connection or page that worked does not | warning | `outside_partial` |
//! | 7 | something outside answers, the collector's name leads elsewhere or is not known, while other names are | warning | `collector_name_blocked` |
//! | 7 | something outside answers, the collector's port with a certificate of another authority | warning | `tls_intercepted` |
//! | 7 | something outside answers, the collector does not | warning | `collector_unreachable` |
//! | 8 | something outside answers, over the last minutes packets were lost before the gateway | warning | `local_loss` |
//! | 8 | …, behind the gateway packets were lost or answers took too long ([`super::quality`]) | warning | `line_degraded` |
//! | 8 | something outside answers, nothing above | ok | `fine` |
//! | 8 | …, and what stays silent meanwhile, or while the last looks lost packets, is the line's doing, not row 2's, 5's, 6's or 7's | warning | `line_degraded` |
//! | 9 | nothing outside answers, no carrier (the collector does not answer / answers) | critical / warning | `link_down` |
//! | 10 | …, no address | critical / warning | `no_address` |
//! | 11 | …, no default route | critical / warning | `no_route` |
//! | 12 | …, the gateway does not answer to ARP, or not to ping where it worked; the collector does not answer | critical | `gateway_unreachable` |
//! | 12 | no connection or page outside answers, one that worked; a resolver answers a name that no cache can hold | critical | `web_blocked` |
//! | 13 | no outside target answered, one that worked failed | critical | `outside_unreachable` |
//! | 14 | as 13 but nothing that failed ever worked, and names fail that worked: DNS is the first thing to repair | critical | `dns_unreachable` |
//! | 15 | …, names are answered wrongly by every resolver: worked / never | critical / warning | `dns_wrong_answer` |
//! | 16 | targets failed that never worked here | unknown | `outside_unreachable` |
//! | 17 | no target could be tried, the collector's port with a certificate of another authority | warning | `tls_intercepted` |
//! | 17 | …, the collector does not answer: line or collector, nobody can tell from here | unknown | `collector_unreachable` |
//! | 18 | targets exist but none could be tried | unknown | `measure_failed` |
//! | 19 | the policy names no target outside | unknown | `not_configured` |
//!
//! A collector that answers where it was before, under a name that is blocked, does answer as far as the line goes.
//! Rows 9 to 11 are a warning when the collector answers all the same: a network without a way out may be meant so.

use super::memory::Memory;
use super::quality::Verdict;
use super::step::{Failure, Kind, Step, StepResult, Steps};
use std::collections::BTreeMap;
use vigie_shared::check::{CheckResult, CheckState, INTERNET, Reason};

/// The verdict on one look, with what was seen as evidence. `memory` is that of before this look.
pub fn judge(steps: &Steps, memory: &Memory) -> CheckResult {
    let seen = Seen { steps, memory };
    let (state, reason) = verdict(steps, memory);
    CheckResult { check: INTERNET.to_owned(), instance: String::new(), state, reason, evidence: seen.evidence() }
}

/// State and reason alone, where nobody will read the evidence.
pub fn verdict(steps: &Steps, memory: &Memory) -> (CheckState, Reason) {
    Seen { steps, memory }.verdict()
}

/// One look beside what has worked before.
struct Seen<'a> {
    steps: &'a Steps,
    memory: &'a Memory,
}

impl Seen<'_> {
    fn verdict(&self) -> (CheckState, Reason) {
        let wrong: Vec<&Step> = self.steps.http.iter().filter(|step| step.is_wrong()).collect();
        if !wrong.is_empty() {
            let worked = wrong.iter().any(|step| self.worked(Kind::Http, step));
            let portal = wrong.iter().any(|step| matches!(step.failure(), Some(Failure::Portal(_))));
            // A name that is answered wrongly everywhere leads to a wrong page: what lies is the resolver.
            if !portal && let Some((CheckState::Critical, Reason::DnsWrongAnswer)) = self.names() {
                return (CheckState::Critical, Reason::DnsWrongAnswer);
            }
            let reason = if portal { Reason::CaptivePortal } else { Reason::OutsideIntercepted };
            return (if worked { CheckState::Critical } else { CheckState::Warning }, reason);
        }
        if self.steps.outside().any(|(_, step)| step.is_ok()) { self.verdict_outside() } else { self.verdict_cut() }
    }

    /// Rows 2 to 8: the line works.
    fn verdict_outside(&self) -> (CheckState, Reason) {
        let loses = self.steps.quality.is_some_and(|measured| measured.verdict == Verdict::Line || measured.losing);
        if let Some((state, reason)) = self.names() {
            // Over a line that is measured to lose packets a resolver that stays silent proves nothing against it.
            let lost = loses && reason == Reason::DnsUnreachable;
            return if lost { (CheckState::Warning, Reason::LineDegraded) } else { (state, reason) };
        }
        // Ping is left out: blocked more often than broken.
        let channels = || self.steps.outside().filter(|(kind, _)| *kind != Kind::Icmp);
        if channels().any(|(kind, step)| self.is_evidence(kind, step)) {
            if loses {
                return (CheckState::Warning, Reason::LineDegraded);
            }
            let some_work = channels().any(|(_, step)| step.is_ok());
            return if some_work {
                (CheckState::Warning, Reason::OutsidePartial)
            } else {
                (CheckState::Critical, Reason::WebBlocked)
            };
        }
        if let Some(reason) = self.collector() {
            let lost = loses && reason == Reason::CollectorUnreachable;
            return (CheckState::Warning, if lost { Reason::LineDegraded } else { reason });
        }
        match self.steps.quality.map(|measured| measured.verdict).unwrap_or_default() {
            Verdict::Good => (CheckState::Ok, Reason::Fine),
            Verdict::Local => (CheckState::Warning, Reason::LocalLoss),
            Verdict::Line => (CheckState::Warning, Reason::LineDegraded),
        }
    }

    /// Why the collector is not reached, if it is not.
    fn collector(&self) -> Option<Reason> {
        let names_known = self.steps.names_known || self.steps.dns.iter().any(Step::is_ok);
        Some(match self.steps.collector.failure()? {
            Failure::Misnamed(_) => Reason::CollectorNameBlocked,
            Failure::Unnamed(_) if names_known => Reason::CollectorNameBlocked,
            Failure::Foreign => Reason::TlsIntercepted,
            _ => Reason::CollectorUnreachable,
        })
    }

    /// Rows 9 to 19: nothing outside answers.
    fn verdict_cut(&self) -> (CheckState, Reason) {
        let steps = self.steps;
        let misnamed = matches!(steps.collector.failure(), Some(Failure::Misnamed(_)));
        let collector_answers = steps.collector.is_ok() || misnamed;
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
            let blocked = steps.fresh_name
                && steps.outside().any(|(kind, step)| kind != Kind::Icmp && self.is_evidence(kind, step));
            return (CheckState::Critical, if blocked { Reason::WebBlocked } else { Reason::OutsideUnreachable });
        }
        if let Some(verdict) = self.names() {
            return verdict;
        }
        let reason = if steps.outside().any(|(_, step)| step.failure().is_some()) {
            Reason::OutsideUnreachable
        } else if let Some(reason) = self.collector() {
            let certain = reason != Reason::CollectorUnreachable;
            return (if certain { CheckState::Warning } else { CheckState::Unknown }, reason);
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
            Some(_) => self.worked(kind, step),
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
        if let Some(measured) = steps.quality.filter(|measured| measured.verdict != Verdict::Good) {
            say("loss_percent", measured.loss_percent.to_string());
            say("gateway_loss_percent", measured.gateway_loss_percent.map(|loss| loss.to_string()).unwrap_or_default());
            say("rtt_ms", measured.rtt_ms.to_string());
            say("rtt_usual_ms", measured.rtt_usual_ms.map(|ms| ms.to_string()).unwrap_or_default());
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
