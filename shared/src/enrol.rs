//! Enrolment and renewal: how a machine gets its certificate.

use crate::evidence::HardwareEvidence;
use crate::id::MachineId;
use serde::{Deserialize, Serialize};

/// Path of the enrolment on its own door (ALPN `vigie-enrol/1`).
pub const PATH: &str = "/enrol/v1";

/// What a machine says to get in. Sent again with the same key after a lost answer, it counts once.
#[derive(Clone, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// Schema, [`crate::limits::SCHEMA`].
    pub v: u16,
    /// The token as given to the technician ([`crate::token::EnrolmentToken`]).
    pub token: String,
    /// Certificate request (PKCS #10, PEM) signed by the machine's own new key. Its subject is ignored.
    pub certificate_request: String,
    /// Name of the machine on its network: shown, never used to recognise it.
    pub host_name: String,
    /// `workstation`, `laptop`, `server` or `nomade`, where the machine can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_kind: Option<String>,
    /// Hardware evidence.
    pub hardware: HardwareEvidence,
}

impl std::fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolRequest").field("host_name", &self.host_name).field("token", &"…").finish_non_exhaustive()
    }
}

/// The answer to a good enrolment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// Who this machine is now.
    pub machine: MachineId,
    /// The machine's certificate (PEM).
    pub certificate: String,
    /// The authority's certificate (PEM): the only thing the agent trusts from now on.
    pub authority: String,
    /// First instant of the certificate, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Last instant of the certificate, milliseconds since 1970.
    pub not_after_ms: i64,
    /// Whether a person has yet to approve this machine.
    pub quarantined: bool,
    /// Time of the collector, milliseconds since 1970.
    pub now_ms: i64,
}

/// What a machine says on its own door to get the next certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RenewRequest {
    /// Schema.
    pub v: u16,
    /// Certificate request (PKCS #10, PEM) signed by a new key.
    pub certificate_request: String,
}

/// The answer to a renewal. The old certificate stays valid until its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RenewAnswer {
    /// The next certificate (PEM).
    pub certificate: String,
    /// First instant, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Last instant, milliseconds since 1970.
    pub not_after_ms: i64,
}
