//! [`FleetStore`] on either engine.

use super::super::{FleetStore, Hand, HandSet, HistoryRow, Labelled, StoreError};
use super::{SqlStore, hand, history};
use crate::fleet::hand::Written;
use async_trait::async_trait;
use jiff::Timestamp;
use vigie_shared::id::MachineId;

#[async_trait]
impl FleetStore for SqlStore {
    async fn history(&self, machine: MachineId, limit: usize) -> Result<Vec<HistoryRow>, StoreError> {
        self.readers.read(move |sql| history::latest(sql, machine, limit)).await
    }

    async fn hand(&self, machine: MachineId) -> Result<Option<Hand>, StoreError> {
        self.readers.read(move |sql| hand::of(sql, machine)).await
    }

    async fn set_hand(
        &self,
        machine: MachineId,
        version: u64,
        written: Written,
        by: &str,
        now: Timestamp,
    ) -> Result<HandSet, StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| hand::set(tx, machine, version, written.clone(), &by, now)).await
    }

    async fn labelled(&self, label: &str) -> Result<Vec<Labelled>, StoreError> {
        let label = label.to_owned();
        self.readers.read(move |sql| hand::labelled(sql, &label)).await
    }

    async fn seen_by_hand(
        &self,
        machine: MachineId,
        room: Option<String>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| hand::seen(tx, machine, room.clone(), &by, now)).await
    }
}
