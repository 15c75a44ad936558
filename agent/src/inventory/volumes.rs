//! The section `volumes`: mounted volumes of fixed disks, and the rule of which volumes are anybody's business.
//!
//! The rule is a list of what may leave, not of what may not: local file systems only, and no mount point that a
//! person chose or that stands in a person's folder (invariant 11). Hence nothing below `/home`, `/root`, `/media`,
//! `/run`, `/mnt`: data of the school that is to be watched is mounted elsewhere, `/srv` or `/data` say.

use super::tidy;
use crate::source::{Source, VolumeUse, mounts, volumes_bounded};
use std::collections::BTreeMap;
use std::time::Duration;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Volume, Volumes};

/// Most volumes reported.
const VOLUMES_MAX: usize = 256;
/// Patience for the volumes to tell their use.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// File systems that live on a disk of this machine.
const LOCAL: [&str; 18] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs", "jfs", "nilfs2", "reiserfs", "zfs", "vfat", "exfat",
    "ntfs", "ntfs3", "fuseblk", "apfs", "hfsplus",
];
/// Below these are mount points that people choose, that come and go, or that belong to a program's own plumbing.
const NOT_BELOW: [&str; 15] = [
    "/home",
    "/root",
    "/media",
    "/run",
    "/mnt",
    "/tmp",
    "/proc",
    "/sys",
    "/dev",
    "/etc",
    "/snap",
    "/var/snap",
    "/var/lib/docker",
    "/var/lib/containers",
    "/var/lib/kubelet",
];
/// These are not watched even themselves: `/home` can be a volume of the machine, `/mnt` is somebody's.
const NOT_THEMSELVES: [&str; 5] = ["/root", "/media", "/run", "/mnt", "/tmp"];

/// Reads the section. May wait [`PATIENCE`] for a dead mount.
pub fn collect(source: &dyn Source) -> Outcome<Volumes> {
    within(source, PATIENCE)
}

/// Reads the section; a volume that does not tell its use in time costs the sizes, not the list.
fn within(source: &dyn Source, patience: Duration) -> Outcome<Volumes> {
    let mut reasons = Vec::new();
    let listed = match volumes_bounded(source, patience) {
        Ok(listed) => listed,
        Err(why) => match mounts(source) {
            Ok(listed) => {
                reasons.push(format!("sizes: {why}"));
                listed
            }
            Err(_) => return Outcome::unavailable(why.to_string()),
        },
    };
    let mut volumes: Vec<Volume> = reportable(&listed).into_iter().map(fact).collect();
    let unsized_ones: Vec<&str> =
        volumes.iter().filter(|v| v.total_bytes.is_none()).map(|v| v.mount_point.as_str()).take(8).collect();
    if reasons.is_empty() && !unsized_ones.is_empty() {
        reasons.push(format!("sizes: not known of {}", unsized_ones.join(", ")));
    }
    tidy::cap(&mut volumes, VOLUMES_MAX, "volumes", &mut reasons);
    Outcome::from_parts(Volumes { volumes }, reasons)
}

/// The volumes that may be reported, sorted by mount point, each device once (where it is mounted highest).
pub fn reportable(listed: &[VolumeUse]) -> Vec<&VolumeUse> {
    let mut by_device: BTreeMap<&str, &VolumeUse> = BTreeMap::new();
    for volume in listed.iter().filter(|volume| is_reportable(volume)) {
        let place = by_device.entry(volume.device.as_str()).or_insert(volume);
        let rank = |v: &VolumeUse| (v.mount_point.len(), v.mount_point.clone());
        if rank(volume) < rank(place) {
            *place = volume;
        }
    }
    let mut volumes: Vec<&VolumeUse> = by_device.into_values().collect();
    crate::sort::sort_by(&mut volumes, |a, b| a.mount_point.cmp(&b.mount_point));
    volumes.dedup_by(|a, b| a.mount_point == b.mount_point);
    volumes
}

/// The rule.
fn is_reportable(volume: &VolumeUse) -> bool {
    let mount_point = volume.mount_point.as_str();
    // The root of a live system or of a container is an overlay; any other overlay is plumbing.
    let local = LOCAL.contains(&volume.file_system.as_str()) || (volume.file_system == "overlay" && mount_point == "/");
    let below = |folder: &str| mount_point.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    local
        && mount_point.starts_with('/')
        && mount_point.len() <= tidy::TEXT_MAX
        && !NOT_BELOW.iter().any(|folder| below(folder))
        && !NOT_THEMSELVES.contains(&mount_point)
}

fn fact(volume: &VolumeUse) -> Volume {
    Volume {
        mount_point: volume.mount_point.clone(),
        device: tidy::text(&volume.device),
        file_system: volume.file_system.clone(),
        total_bytes: Some(volume.total_bytes).filter(|bytes| *bytes > 0),
        read_only: volume.read_only,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;
    use crate::source::Unreadable;
    use std::sync::{Arc, Mutex};

    fn volume(device: &str, mount_point: &str, file_system: &str) -> VolumeUse {
        VolumeUse {
            mount_point: mount_point.into(),
            device: device.into(),
            file_system: file_system.into(),
            total_bytes: 1000,
            free_bytes: 400,
            read_only: false,
        }
    }

    fn reported(volumes: &[VolumeUse]) -> Vec<&str> {
        reportable(volumes).into_iter().map(|v| v.mount_point.as_str()).collect()
    }

    #[test]
    fn network_pseudo_and_personal_volumes_never_leave() {
        let volumes = [
            volume("/dev/sda2", "/", "ext4"),
            volume("/dev/sda1", "/boot/efi", "vfat"),
            volume("/dev/sda3", "/home", "ext4"),
            volume("/dev/mapper/jean", "/home/jean", "ext4"),
            volume("/dev/sdb1", "/media/jean/CLE", "vfat"),
            volume("/dev/sdc1", "/run/media/jean/DISQUE", "ntfs3"),
            volume("/dev/sdd1", "/mnt/photos", "exfat"),
            volume("/dev/sde1", "/mnt", "exfat"),
            volume("serveur:/partage", "/srv/partage", "nfs4"),
            volume("//serveur/jean", "/srv/jean", "cifs"),
            volume("jean@serveur:", "/srv/distant", "fuse.sshfs"),
            volume("tmpfs", "/dev/shm", "tmpfs"),
            volume("overlay", "/var/lib/docker/overlay2/x/merged", "overlay"),
        ];
        assert_eq!(reported(&volumes), ["/", "/boot/efi", "/home"]);
    }

    #[test]
    fn a_name_that_only_begins_alike_is_not_below() {
        assert_eq!(reported(&[volume("/dev/sda5", "/homework", "ext4")]), ["/homework"]);
    }

    #[test]
    fn a_device_counts_once_where_it_is_mounted_highest() {
        let volumes = [volume("/dev/sda2", "/srv/data", "btrfs"), volume("/dev/sda2", "/", "btrfs")];
        assert_eq!(reported(&volumes), ["/"]);
    }

    #[test]
    fn a_dead_mount_costs_the_sizes_and_not_the_list() {
        #[derive(Clone)]
        struct DeadMount(Arc<Mutex<()>>);
        impl Source for DeadMount {
            fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
                assert_eq!(path, "/proc/mounts");
                Ok(b"/dev/sda2 / ext4 rw 0 0\nserveur:/x /srv/x nfs4 rw 0 0\n".to_vec())
            }
            fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
                Err(Unreadable::Missing(path.into()))
            }
            fn link(&self, path: &str) -> Result<String, Unreadable> {
                Err(Unreadable::Missing(path.into()))
            }
            fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
                drop(self.0.lock());
                Ok(vec![])
            }
            fn is_live(&self) -> bool {
                true
            }
            fn detached(&self) -> Option<Box<dyn Source>> {
                Some(Box::new(self.clone()))
            }
        }
        let gate = Arc::new(Mutex::new(()));
        let held = gate.lock().unwrap();
        let Outcome::Partial { reasons, data } = within(&DeadMount(gate.clone()), Duration::from_millis(5)) else {
            panic!("partial")
        };
        drop(held);
        assert_eq!(data.volumes[0].mount_point, "/");
        assert_eq!((data.volumes.len(), data.volumes[0].total_bytes), (1, None));
        assert!(reasons[0].starts_with("sizes: ") && reasons[0].contains("dead mount"), "{reasons:?}");
    }

    #[test]
    fn a_volume_without_a_size_is_said() {
        let source =
            Fake { volumes: vec![VolumeUse { total_bytes: 0, ..volume("/dev/sda2", "/", "ext4") }], ..Fake::default() };
        assert_eq!(collect(&source).reasons(), ["sizes: not known of /"]);
    }

    #[test]
    fn the_section_is_stable_whatever_the_order_and_the_free_space() {
        let (a, b) = (volume("/dev/sda2", "/", "ext4"), volume("/dev/sda3", "/srv", "xfs"));
        let one = Fake { volumes: vec![a.clone(), b.clone()], ..Fake::default() };
        let other = Fake { volumes: vec![b, VolumeUse { free_bytes: 1, ..a }], ..Fake::default() };
        assert_eq!(collect(&one), collect(&other));
        assert_eq!(collect(&one).word(), "complete");
    }
}
