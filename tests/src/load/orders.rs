//! What the measurement tells a crowd, one JSON line each on its standard input, and the one line it answers.

use super::figures::Spread;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use vigie_shared::id::{MachineId, StreamId};

/// The first line: who the agents are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The agents' doors, one for each collector; agents spread over them and go to the next when one fails.
    pub doors: Vec<SocketAddr>,
    /// Their schools.
    pub schools: Vec<SchoolPlan>,
    /// Events a heartbeat carries, of 10,000 heartbeats.
    pub events_of_10000: u64,
    /// Longest wait before another try, milliseconds: what Retry-After and back-off are cut to.
    pub retry_cap_ms: u64,
    /// Seed of what is random.
    pub seed: u64,
    /// How much faster than the real one the clock of the agents runs, and where it began.
    pub clock: Option<ClockPlan>,
}

/// A clock that runs faster: `real_ms` and `simulated_ms` are the same instant, both milliseconds since 1970.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ClockPlan {
    /// By the real clock.
    pub real_ms: i64,
    /// By the simulated clock.
    pub simulated_ms: i64,
    /// Simulated seconds in one second.
    pub speed: f64,
}

/// The machines of one school.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SchoolPlan {
    /// Its number, counted from 0.
    pub place: usize,
    /// How many machines.
    pub machines: usize,
    /// Token with enough uses.
    pub token: String,
}

/// Whom to speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The collector.
    Collector,
    /// The empty handler.
    Echo,
}

/// One order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// Every agent enrols with its own key.
    Enrol,
    /// Where the empty handler listens, and the PEM of the authority of its certificate.
    Echo {
        /// Its address.
        address: SocketAddr,
        /// Its authority.
        authority: String,
    },
    /// All connect at once; done when every agent had its first call acknowledged, or gave up.
    Storm,
    /// Every agent calls as soon as it was answered, for so many milliseconds.
    Beat {
        /// Whom.
        target: Target,
        /// How long.
        for_ms: u64,
    },
    /// Every agent tells that its way to the internet is open, so that the collector looks at every school.
    Tell,
    /// The agents of these schools fall silent, their connections stay open; all others go on without a pause.
    Fall {
        /// Schools, by place.
        schools: Vec<usize>,
    },
    /// Those who fell silent come back with what they noted; done when all of that is acknowledged.
    Return,
    /// Whoever goes on stops.
    Stop,
    /// Every agent sends what it still holds.
    Drain,
    /// Another clock from now on.
    Clock(ClockPlan),
    /// Heartbeats at simulated minutes until an instant; answered when it is over.
    Week {
        /// Until when, milliseconds since 1970 by the clock of the crowd.
        until_ms: i64,
    },
    /// Writes what each agent had acknowledged into a file, as a JSON array of [`Account`].
    Account {
        /// The file.
        file: std::path::PathBuf,
    },
}

/// What came of an order. What does not apply is zero.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Agents or calls that succeeded (within the time of a beat).
    pub done: u64,
    /// Agents that did not get through in time.
    pub failed: u64,
    /// Answers 503.
    pub refused_503: u64,
    /// Answers 503 without Retry-After: there must be none.
    pub bare_503: u64,
    /// Other refusals.
    pub refused_other: u64,
    /// Connections that broke or could not be made.
    pub broken: u64,
    /// Acknowledgements of what was never sent, or that went back: there must be none.
    pub contradictions: u64,
    /// Machines that wait for approval.
    pub quarantined: u64,
    /// Seconds from the order to its end.
    pub seconds: f64,
    /// Latencies of the calls.
    pub latencies: Spread,
    /// What the first trouble was, for people.
    pub trouble: Option<String>,
    /// The collector's authority (PEM), once enrolled.
    pub authority: Option<String>,
}

impl Tally {
    /// Adds another process' part.
    pub fn merge(&mut self, other: Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.refused_503 += other.refused_503;
        self.bare_503 += other.bare_503;
        self.refused_other += other.refused_other;
        self.broken += other.broken;
        self.contradictions += other.contradictions;
        self.quarantined += other.quarantined;
        self.seconds = self.seconds.max(other.seconds);
        self.latencies.merge(&other.latencies);
        self.trouble = self.trouble.take().or(other.trouble);
        self.authority = self.authority.take().or(other.authority);
    }
}

/// One stream of one agent: what it sent and what was acknowledged.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Account {
    /// The machine.
    pub machine: MachineId,
    /// Its school, by place.
    pub school: usize,
    /// The stream.
    pub stream: StreamId,
    /// Number of the last event that was made.
    pub last: u64,
    /// Number up to which the collector acknowledged.
    pub acknowledged: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_answers_cross_the_pipe() {
        let order = Order::Beat { target: Target::Echo, for_ms: 500 };
        let line = serde_json::to_string(&order).unwrap();
        assert_eq!(line, r#"{"do":"beat","target":"echo","for_ms":500}"#);
        assert!(matches!(serde_json::from_str(&line).unwrap(), Order::Beat { target: Target::Echo, for_ms: 500 }));

        let one = Tally { done: 2, seconds: 1.0, latencies: Spread([(3, 2)].into()), ..Tally::default() };
        let mut all: Tally = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        all.merge(Tally { done: 5, seconds: 3.0, trouble: Some("cut".into()), ..one });
        assert_eq!((all.done, all.seconds, all.latencies.count()), (7, 3.0, 4));
        assert_eq!(all.trouble.as_deref(), Some("cut"));
    }
}
