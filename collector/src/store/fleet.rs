//! What the store keeps of inventories beside the latest: their history, and what people wrote about machines.

use super::{PolicyVersion, StoreError};
use crate::engine::Decide;
use crate::fleet::catalogue::{Catalogue, Part};
use crate::fleet::changes::Change;
use crate::fleet::hand::Written;
use crate::fleet::rules::SoftwarePolicy;
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use vigie_shared::id::MachineId;
use vigie_shared::section::{OperatingSystem, System};
use vigie_shared::uai::Uai;

/// One line of a machine's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// Its number among those of the machine.
    pub n: u64,
    /// When it was learnt.
    pub at: Timestamp,
    /// `vigie` for what a report said, else the login of who wrote it.
    pub by: String,
    /// What.
    pub change: Change,
}

/// What people wrote about a machine, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hand {
    /// Counts the changes; 0 where nobody has written anything.
    pub version: u64,
    /// What they wrote.
    pub written: Written,
    /// When somebody changed it last, and who.
    pub changed: Option<(Timestamp, String)>,
    /// When somebody read its label last, who, and in which room (empty: not told).
    pub seen: Option<(Timestamp, String, String)>,
}

/// What came of writing about a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandSet {
    /// It is kept under this version.
    Kept(u64),
    /// Somebody else wrote since the form was shown: nothing was changed, this is what stands there now.
    Outdated(Box<Hand>),
}

/// A machine that bears a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Which.
    pub machine: MachineId,
    /// Name on its network.
    pub host_name: String,
    /// Its school.
    pub school: (Uai, String),
    /// Where it stood until now.
    pub room: String,
    /// Which of its numbers is on the label: `inventory_number`, `serial`, `chassis_serial`, `asset_tag`, `board_serial`.
    pub by: &'static str,
}

/// A machine as a line of a list: what people wrote and the main facts of its inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetRow {
    /// Which.
    pub id: MachineId,
    /// Name on its network.
    pub host_name: String,
    /// `workstation`, `laptop`, `server`, `nomade`.
    pub kind: String,
    /// `trusted` or `quarantined`.
    pub status: String,
    /// Its school.
    pub school: (Uai, String),
    /// Where that is.
    pub town: String,
    /// Its basin.
    pub basin: Option<String>,
    /// When it was heard last.
    pub last_seen: Option<Timestamp>,
    /// When it enrolled.
    pub enrolled: Timestamp,
    /// What people wrote.
    pub hand: Hand,
    /// Its board and firmware.
    pub system: System,
    /// Its operating system.
    pub os: OperatingSystem,
    /// Memory that it can use, bytes.
    pub memory_bytes: Option<u64>,
}

/// Such machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetRows {
    /// By school and name.
    pub rows: Vec<FleetRow>,
    /// Whether there are more than 20,000: those are told.
    pub cut: bool,
}

/// What a table that people bring in is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceKind {
    /// When a product goes out of support: [`crate::fleet::end_of_life::Product`].
    EndOfLife,
    /// A vulnerability: [`crate::fleet::vulnerabilities::Vulnerability`].
    Vulnerability,
}

impl ReferenceKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::EndOfLife, Self::Vulnerability];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndOfLife => "end_of_life",
            Self::Vulnerability => "vulnerability",
        }
    }
}

/// One entry of such a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is about.
    pub kind: ReferenceKind,
    /// Name of the product, or number of the vulnerability.
    pub name: String,
    /// JSON.
    pub body: String,
    /// When it was brought in.
    pub since: Timestamp,
    /// By whom.
    pub by: String,
}

/// A machine as one of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KinMachine {
    /// Which.
    pub id: MachineId,
    /// Name on its network.
    pub host_name: String,
    /// Its school.
    pub school: (Uai, String),
    /// When it enrolled.
    pub enrolled: Timestamp,
    /// When it was heard last.
    pub last_seen: Option<Timestamp>,
    /// `trusted`, `quarantined` or `revoked`.
    pub status: String,
}

/// Two enrolments that hardware makes one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinship {
    /// The one that enrolled later.
    pub machine: KinMachine,
    /// The one that was known before.
    pub former: KinMachine,
    /// What they share ([`crate::fleet::kinship::shared`]).
    pub shared: Vec<String>,
    /// Whether the former one has been silent since: otherwise these are two, one a clone.
    pub silent: bool,
}

/// What somebody decided: a machine and its name, the former one and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kin {
    /// The one that goes on.
    pub machine: (MachineId, String),
    /// The one that it continues.
    pub former: (MachineId, String),
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

/// Machines answered for one label at most.
pub const LABELLED_MOST: usize = 20;

/// Operations on what is kept beside the latest inventory.
#[async_trait]
pub trait FleetStore: Send + Sync {
    /// The latest lines of a machine's history, the newest first. At most 2,000 lines that reports made and 500 that
    /// people made are kept of a machine, for three years.
    async fn history(&self, machine: MachineId, limit: usize) -> Result<Vec<HistoryRow>, StoreError>;

    /// What people wrote about a machine; `None` if there is no such machine.
    async fn hand(&self, machine: MachineId) -> Result<Option<Hand>, StoreError>;

    /// Writes about a machine, if what stands there is still of this version, and tells its history who changed what.
    /// [`StoreError::Conflict`] if it is out of bounds.
    async fn set_hand(
        &self,
        machine: MachineId,
        version: u64,
        written: Written,
        by: &str,
        now: Timestamp,
    ) -> Result<HandSet, StoreError>;

    /// Machines that bear this label (see [`crate::fleet::hand::label`]): by inventory number, else by a serial number
    /// that their firmware tells. At most [`LABELLED_MOST`].
    async fn labelled(&self, label: &str) -> Result<Vec<Labelled>, StoreError>;

    /// Somebody stands before a machine: it was seen now; and in this room, if they said so.
    async fn seen_by_hand(
        &self,
        machine: MachineId,
        room: Option<String>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The software of a part of the fleet, of at most [`crate::fleet::catalogue::MACHINES_MOST`] machines.
    async fn software(&self, part: Part) -> Result<Catalogue, StoreError>;

    /// The machines of a part of the fleet, at most 20,000.
    async fn fleet_rows(&self, part: Part) -> Result<FleetRows, StoreError>;

    /// The rules for software in force.
    async fn software_policy(&self) -> Result<SoftwarePolicy, StoreError>;

    /// Puts rules for software in force under the next version, which is answered; earlier ones are kept.
    /// [`StoreError::Conflict`] with its problems if it has any.
    async fn set_software_policy(&self, policy: SoftwarePolicy, by: &str, now: Timestamp) -> Result<u64, StoreError>;

    /// Versions of those rules that were in force, the newest first, at most `limit`.
    async fn software_policy_versions(&self, limit: usize) -> Result<Vec<PolicyVersion>, StoreError>;

    /// Brings entries of tables in, all or none, in the place of those of the same name. At most 50,000 of a kind.
    async fn put_references(&self, entries: Vec<Reference>, by: &str, now: Timestamp) -> Result<(), StoreError>;

    /// All entries of a kind, by name.
    async fn references(&self, kind: ReferenceKind) -> Result<Vec<Reference>, StoreError>;

    /// Pairs of enrolments that hardware makes one machine and nobody has decided on, the latest first, at most 200.
    async fn kinships(&self) -> Result<Vec<Kinship>, StoreError>;

    /// What was decided, the latest first.
    async fn kins(&self, limit: usize) -> Result<Vec<Kin>, StoreError>;

    /// Says that a machine is the one known as `former`: that one's certificates are refused from now on, its history and
    /// what people wrote about it go on. [`StoreError::Conflict`] where hardware does not say so, or both speak.
    async fn attach(
        &self,
        machine: MachineId,
        former: MachineId,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError>;

    /// Takes that back. [`StoreError::NotFound`] if the machine continues no other.
    async fn detach(
        &self,
        machine: MachineId,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError>;
}
