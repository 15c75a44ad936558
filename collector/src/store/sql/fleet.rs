//! [`FleetStore`] on either engine.

use super::super::{
    FleetRows, FleetStore, Hand, HandSet, HistoryRow, Kin, Kinship, Labelled, PolicyVersion, Reference, ReferenceKind,
    StoreError,
};
use super::{SqlStore, catalogue, hand, history, kin, references};
use crate::engine::Decide;
use crate::fleet::catalogue::{Catalogue, Part};
use crate::fleet::hand::Written;
use crate::fleet::rules::SoftwarePolicy;
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
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

    async fn software(&self, part: Part) -> Result<Catalogue, StoreError> {
        self.readers.read(move |sql| catalogue::software(sql, &part)).await
    }

    async fn fleet_rows(&self, part: Part) -> Result<FleetRows, StoreError> {
        self.readers.read(move |sql| catalogue::rows(sql, &part)).await
    }

    async fn software_policy(&self) -> Result<SoftwarePolicy, StoreError> {
        self.readers.read(references::policy).await
    }

    async fn set_software_policy(&self, policy: SoftwarePolicy, by: &str, now: Timestamp) -> Result<u64, StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| references::set_policy(tx, &policy, &by, now)).await
    }

    async fn software_policy_versions(&self, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        self.readers.read(move |sql| references::versions(sql, limit)).await
    }

    async fn put_references(&self, entries: Vec<Reference>, by: &str, now: Timestamp) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| references::put(tx, &entries, &by, now)).await
    }

    async fn references(&self, kind: ReferenceKind) -> Result<Vec<Reference>, StoreError> {
        self.readers.read(move |sql| references::all(sql, kind)).await
    }

    async fn kinships(&self) -> Result<Vec<Kinship>, StoreError> {
        self.readers.read(kin::undecided).await
    }

    async fn kins(&self, limit: usize) -> Result<Vec<Kin>, StoreError> {
        self.readers.read(move |sql| kin::decided(sql, limit)).await
    }

    async fn attach(
        &self,
        machine: MachineId,
        former: MachineId,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| kin::attach(tx, machine, former, &by, now, decider.as_ref())).await
    }

    async fn detach(
        &self,
        machine: MachineId,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| kin::detach(tx, machine, &by, now, decider.as_ref())).await
    }
}
