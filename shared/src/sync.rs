//! The one call of an agent: `POST /agent/v1/sync`.
//!
//! Events are a log, inventory is a state. The collector answers after its commit; what the answer acknowledges is
//! never sent again and never lost.

use crate::digest::Digest;
use crate::id::{BootId, StreamId};
use crate::policy::Policy;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Path of the call.
pub const PATH: &str = "/agent/v1/sync";
/// Path of the certificate renewal on the agents' door ([`crate::enrol::RenewRequest`]).
pub const RENEW_PATH: &str = "/agent/v1/renew";

/// What an agent says. `events` are raw so that one unreadable event never refuses the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Schema, [`crate::limits::SCHEMA`].
    pub v: u16,
    /// Boot of the machine.
    pub boot: BootId,
    /// Milliseconds since boot, suspend included, when this call was written.
    pub up_ms: u64,
    /// Wall clock of the machine, milliseconds since 1970: kept, never trusted.
    pub wall_ms: i64,
    /// The stream these events belong to. Older streams drain first.
    pub stream: StreamId,
    /// Lowest sequence number that still exists in the spool; equals `next` when the spool of this stream is empty.
    pub oldest: u64,
    /// The number that the next event will get: this stream has events `oldest..next`, maybe more than fit in this call.
    pub next: u64,
    /// Events in increasing order, starting anywhere at or above `oldest` ([`crate::event::Event`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Box<RawValue>>,
    /// Digest of the whole inventory; absent while older streams or older events are still to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Digest>,
    /// Digests of all sections, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digests: Option<BTreeMap<String, Digest>>,
    /// Bodies of the sections asked for: an [`crate::outcome::Outcome`] of the section's type, bytes kept as sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, Box<RawValue>>,
    /// Version of the policy in force on the agent, 0 for none.
    #[serde(default)]
    pub policy: u64,
}

/// What the collector answers, after its commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncAnswer {
    /// All events of the stream up to this number are stored.
    pub ack: u64,
    /// What the collector wants next; followed at once by another call, at most [`crate::limits::FOLLOW_UPS`] in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub want: Option<Want>,
    /// The policy, when the agent's version differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Policy>>,
    /// When to call again, seconds.
    pub next_s: u32,
    /// Time of the collector, milliseconds since 1970.
    pub now_ms: i64,
    /// Present and true while a person has yet to approve this machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
}

/// What the collector lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// The digests of all sections.
    Digests,
    /// The bodies of these sections.
    Sections(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SCHEMA;

    fn quiet() -> SyncRequest {
        SyncRequest {
            v: SCHEMA,
            boot: BootId::new(),
            up_ms: 86_400_000,
            wall_ms: 1_795_446_879_000,
            stream: StreamId::new(),
            oldest: 12,
            next: 12,
            events: vec![],
            inventory: Some(Digest::of(b"x")),
            digests: None,
            sections: BTreeMap::new(),
            policy: 3,
        }
    }

    #[test]
    fn a_quiet_heartbeat_is_small() {
        let bytes = serde_json::to_vec(&quiet()).unwrap();
        assert!(bytes.len() <= 230, "{} bytes: {}", bytes.len(), String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let mut value = serde_json::to_value(quiet()).unwrap();
        value["from_the_future"] = serde_json::json!({"a": [1, 2]});
        assert!(serde_json::from_str::<SyncRequest>(&value.to_string()).is_ok());
    }

    #[test]
    fn wants_are_short_words() {
        assert_eq!(serde_json::to_string(&Want::Digests).unwrap(), r#""digests""#);
        assert_eq!(serde_json::to_string(&Want::Sections(vec!["a".into()])).unwrap(), r#"{"sections":["a"]}"#);
    }
}
