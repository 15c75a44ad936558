//! The check `volume-space`: is there room left on each volume. The instance is the mount point.
//!
//! Pure: what was measured, the thresholds and the states before in, results out. Volumes that are read-only cannot
//! fill up and are left out, as are those that are nobody's business ([`volumes::reportable`]).

use crate::inventory::volumes;
use crate::source::VolumeUse;
use std::collections::BTreeMap;
use vigie_shared::check::{CheckResult, CheckState, Reason, VOLUME_SPACE};
use vigie_shared::event::Sample;
use vigie_shared::policy::VolumeSpacePolicy;

/// Name of the sample of free space, bytes; the instance is the mount point.
pub const FREE_BYTES: &str = "volume_free_bytes";

/// Judges each volume. `previous` holds the last state of each instance: to leave a state the space must exceed its
/// threshold by the hysteresis, so that a volume at the edge does not flap. Sorted by mount point.
pub fn look(
    listed: &[VolumeUse],
    policy: &VolumeSpacePolicy,
    previous: &BTreeMap<String, CheckState>,
) -> Vec<CheckResult> {
    let judge = |volume: &VolumeUse| {
        let (state, reason) = judged(volume, policy, previous.get(&volume.mount_point).copied());
        result(&volume.mount_point, state, reason, evidence(volume))
    };
    watched(listed).map(judge).collect()
}

/// What is known when the volumes could not be measured: each instance known before is now unknown (invariant 9).
pub fn unmeasured(why: &str, previous: &BTreeMap<String, CheckState>) -> Vec<CheckResult> {
    let unknown = |instance: &String| {
        let evidence = crate::sort::map([("problem".to_owned(), why.to_owned())]);
        result(instance, CheckState::Unknown, Reason::MeasureFailed, evidence)
    };
    previous.keys().map(unknown).collect()
}

/// Free space of each volume that is watched.
pub fn samples(listed: &[VolumeUse]) -> Vec<Sample> {
    let sample = |volume: &VolumeUse| Sample {
        metric: FREE_BYTES.into(),
        instance: volume.mount_point.clone(),
        value: bytes(volume.free_bytes),
    };
    watched(listed).filter(|volume| volume.total_bytes > 0).map(sample).collect()
}

/// Volumes that may be reported and can fill up.
fn watched(listed: &[VolumeUse]) -> impl Iterator<Item = &VolumeUse> {
    volumes::reportable(listed).into_iter().filter(|volume| !volume.read_only)
}

fn judged(volume: &VolumeUse, policy: &VolumeSpacePolicy, previous: Option<CheckState>) -> (CheckState, Reason) {
    if volume.total_bytes == 0 {
        return (CheckState::Unknown, Reason::MeasureFailed);
    }
    let below = |threshold: u8, held: bool| {
        let hysteresis = if held { policy.hysteresis_percent } else { 0 };
        let percent = u128::from(threshold) + u128::from(hysteresis);
        u128::from(volume.free_bytes) * 100 < percent * u128::from(volume.total_bytes)
    };
    let was_critical = previous == Some(CheckState::Critical);
    let was_low = was_critical || previous == Some(CheckState::Warning);
    match () {
        () if below(policy.critical_percent, was_critical) => (CheckState::Critical, Reason::SpaceCritical),
        () if below(policy.warning_percent, was_low) => (CheckState::Warning, Reason::SpaceLow),
        () => (CheckState::Ok, Reason::Fine),
    }
}

fn evidence(volume: &VolumeUse) -> BTreeMap<String, String> {
    let mut evidence = crate::sort::map([
        ("free_bytes".to_owned(), volume.free_bytes.to_string()),
        ("total_bytes".to_owned(), volume.total_bytes.to_string()),
    ]);
    // Rounded down: 4.99 % must not read as 5.0 % beside a threshold of 5.
    if let Some(tenths) = (u128::from(volume.free_bytes) * 1000).checked_div(u128::from(volume.total_bytes)) {
        evidence.insert("free_percent".to_owned(), format!("{}.{}", tenths / 10, tenths % 10));
    }
    evidence
}

fn result(instance: &str, state: CheckState, reason: Reason, evidence: BTreeMap<String, String>) -> CheckResult {
    CheckResult { check: VOLUME_SPACE.into(), instance: instance.into(), state, reason, evidence }
}

/// Bytes as the number of a sample.
#[allow(clippy::cast_precision_loss, reason = "exact up to 8 PiB, and beyond to one part in 2^53")]
fn bytes(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn volume(free_bytes: u64, total_bytes: u64) -> VolumeUse {
        VolumeUse {
            mount_point: "/srv".into(),
            device: "/dev/sda3".into(),
            file_system: "ext4".into(),
            total_bytes,
            free_bytes,
            read_only: false,
        }
    }

    fn state(free: u64, total: u64, policy: &VolumeSpacePolicy, before: Option<CheckState>) -> CheckState {
        let previous = before.map(|state| ("/srv".to_owned(), state)).into_iter().collect();
        look(&[volume(free, total)], policy, &previous)[0].state
    }

    #[test]
    fn each_threshold_has_its_reason_and_evidence() {
        let policy = VolumeSpacePolicy::default();
        let results = look(&[volume(49, 1000)], &policy, &BTreeMap::new());
        let expected = CheckResult {
            check: "volume-space".into(),
            instance: "/srv".into(),
            state: CheckState::Critical,
            reason: Reason::SpaceCritical,
            evidence: [("free_bytes", "49"), ("free_percent", "4.9"), ("total_bytes", "1000")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        assert_eq!(results, [expected]);
        assert_eq!(state(50, 1000, &policy, None), CheckState::Warning);
        assert_eq!(state(100, 1000, &policy, None), CheckState::Ok);
        assert_eq!(state(0, 0, &policy, None), CheckState::Unknown);
    }

    #[test]
    fn a_state_is_left_only_beyond_its_hysteresis() {
        let policy = VolumeSpacePolicy::default();
        let walk = [
            (99, CheckState::Warning),
            (105, CheckState::Warning),
            (110, CheckState::Ok),
            (105, CheckState::Ok),
            (49, CheckState::Critical),
            (55, CheckState::Critical),
            (60, CheckState::Warning),
            (104, CheckState::Warning),
        ];
        let mut before = None;
        for (free, expected) in walk {
            let now = state(free, 1000, &policy, before);
            assert_eq!(now, expected, "{free} free of 1000 after {before:?}");
            before = Some(now);
        }
    }

    #[test]
    fn read_only_network_and_personal_volumes_are_not_judged() {
        let at = |mount_point: &str, file_system: &str, read_only| VolumeUse {
            mount_point: mount_point.into(),
            device: mount_point.into(),
            file_system: file_system.into(),
            read_only,
            ..volume(0, 1000)
        };
        let listed = [at("/srv/iso", "ext4", true), at("/srv/nas", "nfs4", false), at("/media/x/CLE", "vfat", false)];
        assert_eq!(look(&listed, &VolumeSpacePolicy::default(), &BTreeMap::new()), []);
        assert_eq!(samples(&listed), []);
    }

    #[test]
    fn samples_carry_the_free_bytes() {
        let expected = Sample { metric: "volume_free_bytes".into(), instance: "/srv".into(), value: 4096.0 };
        assert_eq!(samples(&[volume(4096, 8192)]), [expected]);
        assert_eq!(samples(&[volume(0, 0)]), [], "what was not measured is no value");
    }

    #[test]
    fn what_cannot_be_measured_is_unknown_never_ok() {
        let previous = BTreeMap::from([("/".to_owned(), CheckState::Ok)]);
        let results = unmeasured("no answer within 5 s", &previous);
        assert_eq!((results[0].state, &results[0].reason), (CheckState::Unknown, &Reason::MeasureFailed));
    }

    fn policies() -> impl Strategy<Value = VolumeSpacePolicy> {
        (1u8..=90, 0u8..=10).prop_flat_map(|(warning_percent, hysteresis_percent)| {
            (0..=warning_percent).prop_map(move |critical_percent| VolumeSpacePolicy {
                warning_percent,
                critical_percent,
                hysteresis_percent,
                ..VolumeSpacePolicy::default()
            })
        })
    }

    fn before() -> impl Strategy<Value = Option<CheckState>> {
        proptest::option::of(prop_oneof![
            Just(CheckState::Ok),
            Just(CheckState::Warning),
            Just(CheckState::Critical),
            Just(CheckState::Unknown)
        ])
    }

    proptest! {
        #[test]
        fn a_steady_volume_settles_at_once(
            policy in policies(), before in before(), total in 1u64..=u64::MAX, part in 0u64..=1_000_000,
        ) {
            let free = u64::try_from(u128::from(total) * u128::from(part) / 1_000_000).unwrap();
            let first = state(free, total, &policy, before);
            prop_assert_eq!(state(free, total, &policy, Some(first)), first);
        }

        #[test]
        fn more_space_is_never_worse(
            policy in policies(), before in before(), total in 1u64..1_000_000, a in 0u64..1_000_000, b in 0u64..1_000_000,
        ) {
            let (less, more) = (a.min(b).min(total), a.max(b).min(total));
            prop_assert!(state(more, total, &policy, before) <= state(less, total, &policy, before));
        }

        #[test]
        fn a_change_for_the_better_needs_more_than_the_hysteresis(
            policy in policies(), total in 1000u64..1_000_000, free in 0u64..1_000_000, more in 0u64..1_000_000,
        ) {
            let free = free.min(total);
            let worse = state(free, total, &policy, None);
            let later = free.saturating_add(more).min(total);
            let better = state(later, total, &policy, Some(worse));
            if better < worse {
                // It crossed its threshold, and the hysteresis on top of it.
                let needed = u128::from(policy.hysteresis_percent) * u128::from(total);
                prop_assert!(u128::from(later - free) * 100 > needed);
            }
        }
    }
}
