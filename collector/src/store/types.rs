//! What goes into the store and what comes back of it.

use super::ProbeResult;
use crate::engine::{CollectorAbsence, Note};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use vigie_shared::digest::Digest;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{MachineId, MessageId, RefusedId, ReplicaId, SchoolId, TicketId};
use vigie_shared::policy::Policy;
use vigie_shared::sync::{SyncRequest, Want};
use vigie_shared::uai::Uai;

/// The certificate a peer proved to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The machine its common name says.
    pub machine: MachineId,
    /// Serial number, big-endian bytes as in the certificate.
    pub serial: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    /// Its first instant.
    pub not_before: Timestamp,
    /// Its last instant.
    pub not_after: Timestamp,
}

/// One thing to apply.
#[derive(Debug, Clone)]
pub enum Item {
    /// A call of an agent, verified and bounded.
    Sync(Box<SyncItem>),
    /// Time passed for a school.
    Tick {
        /// The school.
        school: SchoolId,
        /// The ingest low-watermark: silence is judged up to here.
        upto: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// A probe of a line came to a result.
    Probe(ProbeResult),
}

/// A call of an agent.
#[derive(Debug, Clone)]
pub struct SyncItem {
    /// Who called.
    pub peer: Peer,
    /// From where.
    pub address: IpAddr,
    /// Receipt time: body complete, before queueing.
    pub received: Timestamp,
    /// What it said.
    pub request: SyncRequest,
}

/// What an applied item comes to.
#[derive(Debug, Clone, Default)]
pub struct Receipt {
    /// Acknowledged up to.
    pub ack: u64,
    /// What is wanted next.
    pub want: Option<Want>,
    /// The policy, when the agent's version differs.
    pub policy: Option<Arc<Policy>>,
    /// When to call again, seconds.
    pub next_s: u32,
    /// Whether a person has yet to approve the machine.
    pub quarantined: bool,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// New schools.
    pub added: usize,
    /// Schools that were known and changed.
    pub updated: usize,
    /// Schools that were known and stayed the same.
    pub unchanged: usize,
}

/// An address range of a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNetwork {
    /// The school.
    pub school: Uai,
    /// `pedagogical` or `administrative`.
    pub kind: String,
    /// The range, as seen by the collector.
    pub cidr: ipnet::IpNet,
}

/// The authority as kept: its key wrapped by a key that is not in the database.
#[derive(Clone)]
pub struct AuthorityRow {
    /// Nonce and sealed PKCS#8, see `authority`.
    pub wrapped_key: Vec<u8>,
    /// Certificate, DER.
    pub certificate: Vec<u8>,
}

/// A token to keep.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The school.
    pub school: Uai,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// Machines it may bring in.
    pub uses: u32,
    /// Last instant.
    pub expires: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

/// A machine that wants in.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// School named by the token.
    pub school: Uai,
    /// SHA-256 of the token's secret.
    pub secret_sha256: [u8; 32],
    /// SHA-256 of the machine's SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    /// Name on its network: shown, never used to recognise.
    pub host_name: String,
    /// `workstation`, `laptop`, `server`, `nomade`.
    pub kind: String,
    /// Its hardware.
    pub hardware: HardwareEvidence,
    /// From where.
    pub address: IpAddr,
    /// When.
    pub now: Timestamp,
}

/// A machine that got in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Who it is now.
    pub machine: MachineId,
    /// Whether a person has yet to approve it.
    pub quarantined: bool,
}

/// A certificate that was signed.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    /// For whom.
    pub machine: MachineId,
    /// Serial number, big-endian bytes.
    pub serial: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    /// First instant.
    pub not_before: Timestamp,
    /// Last instant.
    pub not_after: Timestamp,
}

/// Which machines to approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One.
    One(MachineId),
    /// All in quarantine.
    All,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees everything, hands out missions, approves machines, adds users.
    Supervisor,
    /// Sees everything, works on tickets.
    Technician,
}

impl Role {
    /// The word of the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Technician => "technician",
        }
    }

    /// From the word of the store or the command line.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Supervisor, Self::Technician].into_iter().find(|r| r.as_str() == word)
    }
}

/// A user to add.
#[derive(Clone)]
pub struct NewUser {
    /// Login.
    pub login: String,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// Role.
    pub role: Role,
    /// When.
    pub created: Timestamp,
}

/// A user.
#[derive(Clone)]
pub struct UserRow {
    /// Login.
    pub login: String,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// Role.
    pub role: Role,
}

/// A session to keep.
#[derive(Clone)]
pub struct NewSession {
    /// SHA-256 of the cookie's secret.
    pub secret_sha256: [u8; 32],
    /// Whose.
    pub login: String,
    /// Token that forms carry against request forgery.
    pub csrf: String,
    /// When it began.
    pub created: Timestamp,
    /// When it ends whatever happens.
    pub expires: Timestamp,
}

/// A session in force.
#[derive(Clone)]
pub struct SessionRow {
    /// Whose.
    pub login: String,
    /// Role of that user now.
    pub role: Role,
    /// Token that forms carry.
    pub csrf: String,
}

/// Figures for `/metrics`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Machines by presence word.
    pub machines: BTreeMap<String, u64>,
    /// Machines in quarantine.
    pub quarantined: u64,
    /// Open incidents by check.
    pub open_incidents: BTreeMap<String, u64>,
    /// Open tickets.
    pub open_tickets: u64,
    /// Events stored.
    pub events: u64,
    /// Gaps stored: ranges of events that no longer exist anywhere.
    pub gaps: u64,
    /// Collectors that gave a sign of life lately.
    pub replicas: u64,
    /// Messages to people that no channel has taken yet.
    pub messages_waiting: u64,
    /// Calls kept that the collector failed on.
    pub refused_kept: u64,
}

/// Where a collector process stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaState {
    /// Its sockets are taken, nothing was received yet.
    Starting,
    /// It receives.
    Running,
    /// All it received is applied, and it receives no more.
    Leaving,
}

/// A sign of life of one collector process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOfLife {
    /// This start of the process.
    pub replica: ReplicaId,
    /// Its host and data folder: whoever starts there next takes its place.
    pub name: String,
    /// Now, by its clock.
    pub now: Timestamp,
    /// Whether the clock of the database counts instead, where the database has one of its own.
    pub by_database: bool,
    /// All it received before this instant is applied ([`crate::ingest::watermark`]).
    pub low: Timestamp,
    /// Where it stands.
    pub state: ReplicaState,
    /// Whether an earlier sign could not be written: meanwhile agents were turned away, however short it was.
    pub failed_before: bool,
}

/// Clocks of collectors that differ by more than this, or from the one of their store, are told about.
pub const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(2);

/// What a sign of life is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// All that any living collector received before this instant is applied: silence may be judged up to here.
    pub low: Timestamp,
    /// Other collectors that live.
    pub others: usize,
    /// Names of collectors that were given up with this sign, and when they were last alive.
    pub gone: Vec<(String, Timestamp)>,
    /// The absence that was kept with this sign, if there was one.
    pub absence: Option<CollectorAbsence>,
    /// A collector whose sign of life lies in our future, and by how much: proof that the clocks differ.
    pub ahead: Option<(String, SignedDuration)>,
    /// Now, by the clock that all collectors on this store go by; `None` where there is none.
    pub shared: Option<Timestamp>,
}

/// Something to be told to people, handed to one collector for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same at each repetition.
    pub id: MessageId,
    /// The ticket it is about.
    pub ticket: TicketId,
    /// Number of that ticket.
    pub number: u64,
    /// UAI and name of its school.
    pub school: (String, String),
    /// The check of the ticket.
    pub check: String,
    /// Host name and instance, when the ticket is about a machine.
    pub about: Option<(String, String)>,
    /// What happened: `ticket_opened`, `ticket_reopened`, `ticket_tightened` or `ticket_resolved`, with figures.
    pub note: Note,
    /// When it happened.
    pub created: Timestamp,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// A call that the collector failed on, kept to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedItem {
    /// Its number.
    pub id: RefusedId,
    /// When it was received.
    pub at: Timestamp,
    /// Who called.
    pub machine: Option<MachineId>,
    /// The school of that machine.
    pub school: Option<SchoolId>,
    /// Why it could not be applied.
    pub why: String,
}

/// Sections a machine holds, by name.
pub type SectionDigests = BTreeMap<String, Digest>;
