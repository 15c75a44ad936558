//! Events: dated, numbered facts. A log per stream; a stream is new at every start of the agent process.
//!
//! Only transitions and summaries are spooled, never one event per probe. When the spool is full summaries go first,
//! transitions last, and the loss is itself an event.

use crate::check::CheckResult;
use crate::evidence::HardwareEvidence;
use crate::id::BootId;
use crate::open_enum::open_enum;
use serde::{Deserialize, Serialize};

/// One event as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Number in its stream, from 1, without holes unless a loss is reported.
    pub seq: u64,
    /// The boot during which it happened.
    pub boot: BootId,
    /// Milliseconds since that boot, suspend included (`CLOCK_BOOTTIME`), when it happened.
    pub up_ms: u64,
    /// Wall clock of the machine when it happened, milliseconds since 1970: kept, never trusted.
    pub wall_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

open_enum!(
    /// Why a machine said goodbye.
    GoodbyeReason {
        /// The system is shutting down.
        Shutdown => "shutdown",
        /// The system is restarting.
        Restart => "restart",
        /// The system is going to sleep; Windows Fast Startup is one of these.
        Suspend => "suspend",
        /// Only the agent was stopped; the machine stays on.
        AgentStopped => "agent_stopped",
        /// The agent is being upgraded.
        Update => "update",
    }
);

/// What happened. Wire form: a field `kind` beside the fields of the fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// The agent process started (first event of each stream).
    Started {
        /// Version of the agent.
        version: String,
        /// Hardware it runs on, to recognise clones and re-imaged machines.
        hardware: HardwareEvidence,
    },
    /// The machine slept and woke up; noticed by the difference of two clocks.
    Resumed {
        /// How long it slept, milliseconds.
        slept_ms: u64,
    },
    /// The machine or its agent is about to go silent on purpose.
    Goodbye {
        /// Why.
        reason: GoodbyeReason,
    },
    /// A check changed its confirmed state. The event is dated at the first probe that saw the new state.
    Check {
        /// The new state.
        #[serde(flatten)]
        result: CheckResult,
        /// Milliseconds between the last probe that saw the old state and this event's date: the change happened in
        /// between. Absent when there was no earlier probe in this boot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bracket_ms: Option<u64>,
    },
    /// Measured values (a summary: first to go when the spool is full).
    Samples {
        /// The values.
        values: Vec<Sample>,
    },
    /// The spool was full or damaged: these events of this or an older stream no longer exist.
    Loss {
        /// How many summaries were dropped.
        summaries: u64,
        /// How many transitions were dropped.
        transitions: u64,
        /// Why, one sentence.
        why: String,
    },
}

impl Fact {
    /// Whether this is a summary, the first to be dropped when the spool is full.
    pub fn is_summary(&self) -> bool {
        matches!(self, Self::Samples { .. })
    }
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What is measured, with its unit as the last word: `volume_free_bytes`.
    pub metric: String,
    /// On what, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// The value.
    pub value: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{CheckState, Reason};

    #[test]
    fn a_check_event_reads_back_and_is_flat() {
        let event = Event {
            seq: 7,
            boot: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            up_ms: 1000,
            wall_ms: 1_795_446_879_000,
            fact: Fact::Check {
                result: CheckResult {
                    check: "internet".into(),
                    instance: String::new(),
                    state: CheckState::Critical,
                    reason: Reason::OutsideUnreachable,
                    evidence: Default::default(),
                },
                bracket_ms: Some(60_000),
            },
        };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            r#"{"seq":7,"boot":"0123456789abcdef0123456789abcdef","up_ms":1000,"wall_ms":1795446879000,"kind":"check","check":"internet","state":"critical","reason":"outside_unreachable","bracket_ms":60000}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
