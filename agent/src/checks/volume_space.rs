//! Check `volume-space`: is there room left on each volume. (Placeholder with the signatures of the real file.)

use crate::source::VolumeUse;
use std::collections::BTreeMap;
use vigie_shared::check::{CheckResult, CheckState};
use vigie_shared::event::Sample;
use vigie_shared::policy::VolumeSpacePolicy;

/// Judges each volume; `previous` holds the believed state by mount point, for the hysteresis.
pub fn look(
    _volumes: &[VolumeUse],
    _policy: &VolumeSpacePolicy,
    _previous: &BTreeMap<String, CheckState>,
) -> Vec<CheckResult> {
    Vec::new()
}

/// Free space of each volume.
pub fn samples(_volumes: &[VolumeUse]) -> Vec<Sample> {
    Vec::new()
}
