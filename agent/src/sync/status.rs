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
        let message = |s: &Self| s.trouble.as_ref().map(|t| t.message.clone());
        (self.quarantined, self.policy, self.last_contact_ms.is_some(), message(self), &self.spool_problem)
            != (
                before.quarantined,
                before.policy,
                before.last_contact_ms.is_some(),
                message(before),
                &before.spool_problem,
            )
    }
}
