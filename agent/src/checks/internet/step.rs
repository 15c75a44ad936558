//! What one look at the way to the internet saw, step by step. Data only: probes fill it in, `judge` decides.

use super::quality::Measured;
use serde::Serialize;
use std::time::Duration;

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It works; a short word on what was seen (`eth0 up`, `200`), maybe empty.
    Ok(String),
    /// It was tried and does not work.
    Failed(Failure),
    /// It was not tried, and why. Never evidence.
    Skipped(String),
}

/// How a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Nothing came back in time.
    #[error("no answer")]
    Silent,
    /// The address is not there on the local network (no answer to ARP).
    #[error("not there on the local network")]
    NoNeighbour,
    /// Something answered that it cannot or will not: a refused connection, an ICMP error, a server that says it failed.
    #[error("{0}")]
    Refused(String),
    /// Something answered in its place, or not with what the policy says is true.
    #[error("wrong answer: {0}")]
    Wrong(String),
    /// A portal that wants a sign-in answered in its place.
    #[error("a portal answers: {0}")]
    Portal(String),
    /// The name of the collector is not known, and nothing answers where it was.
    #[error("{0}")]
    Unnamed(String),
    /// The name of the collector is not known or leads elsewhere, while it answers where it was.
    #[error("{0}")]
    Misnamed(String),
    /// Somebody answers with a certificate that is not of our authority.
    #[error("a certificate of another authority")]
    Foreign,
    /// The machine itself is not in order (no carrier, no address, no route).
    #[error("{0}")]
    Absent(String),
}

/// One step: what was tried, on what, what came of it, and in how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was tried on: an address, `host:port`, a URL, an interface.
    pub target: String,
    /// What came of it.
    pub result: StepResult,
    /// How long it took, milliseconds; absent for what is only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millis: Option<u32>,
}

impl Step {
    /// A step that works.
    pub fn ok(target: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { target: target.into(), result: StepResult::Ok(seen.into()), millis: None }
    }

    /// A step that does not work.
    pub fn failed(target: impl Into<String>, failure: Failure) -> Self {
        Self { target: target.into(), result: StepResult::Failed(failure), millis: None }
    }

    /// A step that was not tried.
    pub fn skipped(target: impl Into<String>, why: impl Into<String>) -> Self {
        Self { target: target.into(), result: StepResult::Skipped(why.into()), millis: None }
    }

    /// The same step with the time it took.
    pub fn took(self, elapsed: Duration) -> Self {
        Self { millis: Some(u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX)), ..self }
    }

    /// Whether it works.
    pub fn is_ok(&self) -> bool {
        matches!(self.result, StepResult::Ok(_))
    }

    /// How it failed, if it was tried and failed.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.result {
            StepResult::Failed(failure) => Some(failure),
            StepResult::Ok(_) | StepResult::Skipped(_) => None,
        }
    }

    /// Whether it was answered with something else than the truth.
    pub fn is_wrong(&self) -> bool {
        matches!(self.failure(), Some(Failure::Wrong(_) | Failure::Portal(_)))
    }
}

/// Everything one look saw, in the order of the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Steps {
    /// The network the machine is on, as far as memory is concerned: gateway and interface, or empty without a route.
    pub network: String,
    /// An interface has its carrier.
    pub link: Step,
    /// The machine has a usable address.
    pub address: Step,
    /// There is a default route.
    pub route: Step,
    /// The default gateway answers.
    pub gateway: Step,
    /// Each resolver answers each name, truly.
    pub dns: Vec<Step>,
    /// Addresses outside answer to ping.
    pub icmp: Vec<Step>,
    /// Addresses outside accept a connection.
    pub tcp: Vec<Step>,
    /// Pages outside are the true ones.
    pub http: Vec<Step>,
    /// The collector accepts a connection.
    pub collector: Step,
    /// Names outside were resolved in this look.
    #[serde(skip)]
    pub names_known: bool,
    /// A resolver answered a name that no cache can hold: the line carries. Asked only where nothing else outside answers.
    #[serde(skip)]
    pub fresh_name: bool,
    /// Loss and latency over the last looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Measured>,
}

impl Steps {
    /// The steps that reach outside: ping, connections, pages, each with the name of its kind.
    pub fn outside(&self) -> impl Iterator<Item = (Kind, &Step)> {
        let kind = |kind: Kind| move |step| (kind, step);
        self.icmp
            .iter()
            .map(kind(Kind::Icmp))
            .chain(self.tcp.iter().map(kind(Kind::Tcp)))
            .chain(self.http.iter().map(kind(Kind::Http)))
    }

    /// The steps whose failure is evidence only where they have worked before (invariant 6).
    pub fn remembered(&self) -> impl Iterator<Item = (Kind, &Step)> {
        let kind = |kind: Kind| move |step| (kind, step);
        std::iter::once((Kind::Gateway, &self.gateway))
            .chain(self.dns.iter().map(kind(Kind::Dns)))
            .chain(self.outside())
    }
}

/// Kinds of probes that memory tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Echo request to the default gateway.
    Gateway,
    /// Question to a resolver.
    Dns,
    /// Echo request to an address outside.
    Icmp,
    /// Connection to an address outside.
    Tcp,
    /// Page outside, in clear.
    Http,
}
