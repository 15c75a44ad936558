//! (being written) One file per section; the table below lists them.

pub mod network;
pub mod routes;

use crate::source::Source;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use vigie_shared::evidence::HardwareEvidence;

/// Every section of the machine as it will be sent: an `Outcome<T>` in JSON, in order of names.
///
/// Blocking: call it from a bounded blocking task.
pub fn collect(_source: &dyn Source) -> BTreeMap<String, Box<RawValue>> {
    BTreeMap::new()
}

/// Hardware evidence of the machine, placeholders discarded.
pub fn hardware_evidence(_source: &dyn Source) -> HardwareEvidence {
    HardwareEvidence::default()
}
