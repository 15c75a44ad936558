//! How the running agent fares, written to `status.json` for `vigie-agent status`.

use crate::spool::Fill;
use serde::{Deserialize, Serialize};
use vigie_shared::id::MachineId;

/// One trouble, as said to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What happened, to what, and what to do.
    pub message: String,
    /// Wall clock when it was last seen, milliseconds since 1970.
    pub wall_ms: i64,
}

/// A snapshot of the running agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program that runs.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Who it reports as.
    pub machine: MachineId,
    /// Wall clock of this machine when the file was written, milliseconds since 1970.
    pub written_wall_ms: i64,
    /// Time of the collector at the last answer, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact_ms: Option<i64>,
    /// Version of the policy in force.
    pub policy: u64,
    /// Whether a person has yet to approve this machine.
    pub quarantined: bool,
    /// Failed attempts in a row.
    pub failures: u32,
    /// Connections made since the start.
    pub connections: u64,
    /// The last trouble with the collector; absent after a good call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How full the spool is.
    pub spool: Fill,
    /// Why events are not safe on the disk, when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool_problem: Option<String>,
}

impl Status {
    /// Whether something changed that a person should see at once; the passing of time is not.
    pub fn differs_notably(&self, before: &Self) -> bool {
        let notable = |s: &Self| {
            let message = s.trouble.as_ref().map(|t| t.message.clone());
            let drained = s.spool.events == 0;
            (s.quarantined, s.policy, s.last_contact_ms.is_some(), drained, message, s.spool_problem.clone())
        };
        notable(self) != notable(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_trouble_and_an_empty_spool_are_notable_and_time_is_not() {
        let before = Status {
            version: "0.1.0".into(),
            pid: 1,
            machine: MachineId::new(),
            written_wall_ms: 1,
            last_contact_ms: None,
            policy: 0,
            quarantined: false,
            failures: 0,
            connections: 0,
            trouble: None,
            spool: Fill { events: 3, ..Fill::default() },
            spool_problem: None,
        };
        let later = Status { written_wall_ms: 9, connections: 1, ..before.clone() };
        let contact = Status { last_contact_ms: Some(5), ..before.clone() };
        let drained = Status { spool: Fill::default(), ..before.clone() };
        let trouble = Status { trouble: Some(Trouble { message: "cut".into(), wall_ms: 4 }), ..before.clone() };
        let again = Status { trouble: Some(Trouble { message: "cut".into(), wall_ms: 8 }), ..before.clone() };
        assert!(!later.differs_notably(&before));
        assert!(
            contact.differs_notably(&before) && drained.differs_notably(&before) && trouble.differs_notably(&before)
        );
        assert!(!again.differs_notably(&trouble), "the same trouble again");
    }
}
