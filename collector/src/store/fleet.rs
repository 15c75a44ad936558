//! What the store keeps of inventories beside the latest: their history, and what people wrote about machines.

use super::StoreError;
use crate::fleet::changes::Change;
use crate::fleet::hand::Written;
use async_trait::async_trait;
use jiff::Timestamp;
use vigie_shared::id::MachineId;
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
}
