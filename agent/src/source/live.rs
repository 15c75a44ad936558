//! The machine we run on.

use super::{
    READ_MAX, Source, Unreadable, VolumeUse, failed, host, lines_bounded, list_bounded, read_bounded, read_part,
};
use ipnet::IpNet;
use std::path::Path;

/// The machine we run on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Live;

impl Source for Live {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        read_bounded(Path::new(path), path, READ_MAX)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        list_bounded(Path::new(path), path)
    }

    fn link(&self, path: &str) -> Result<String, Unreadable> {
        let target = std::fs::read_link(path).map_err(|error| failed(path, &error))?;
        Ok(target.to_string_lossy().into_owned())
    }

    fn part(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, Unreadable> {
        read_part(Path::new(path), path, offset, length)
    }

    fn modified_s(&self, path: &str) -> Option<i64> {
        let changed = std::fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok()?;
        i64::try_from(changed.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
    }

    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        host::volumes()
    }

    fn each_line(&self, path: &str, see: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unreadable> {
        lines_bounded(Path::new(path), path, see)
    }

    fn is_live(&self) -> bool {
        true
    }

    fn detached(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(*self))
    }

    fn interface_addresses(&self) -> Option<Vec<(String, IpNet)>> {
        host::interface_addresses()
    }

    fn total_memory_bytes(&self) -> Option<u64> {
        host::total_memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_missing() {
        assert!(matches!(Live.read("/nowhere/at/all"), Err(Unreadable::Missing(_))));
        assert!(matches!(Live.list("/nowhere/at/all"), Err(Unreadable::Missing(_))));
        assert!(matches!(Live.link("/nowhere/at/all"), Err(Unreadable::Missing(_))));
    }

    #[test]
    fn files_of_the_kernel_that_have_no_size_are_read_whole() {
        let text = Live.text("/proc/meminfo").unwrap();
        assert!(text.starts_with("MemTotal:") && text.ends_with('\n'), "{text}");
    }

    #[test]
    fn lines_come_one_by_one_until_enough_was_seen() {
        let mut seen = Vec::new();
        Live.each_line("/proc/meminfo", &mut |line| {
            seen.push(String::from_utf8_lossy(line).into_owned());
            seen.len() < 2
        })
        .unwrap();
        assert!(seen.len() == 2 && seen[0].starts_with("MemTotal:") && seen[1].starts_with("MemFree:"), "{seen:?}");
    }

    #[test]
    fn a_file_beyond_the_bound_is_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read_bounded(&path, "/file", 100).unwrap().len(), 100);
        assert_eq!(read_bounded(&path, "/file", 99), Err(Unreadable::TooLarge("/file".into())));
    }

    #[test]
    fn volumes_of_this_machine_are_mounts_with_no_more_free_than_their_size() {
        let mounts = super::super::mounts(&Live).unwrap();
        for volume in Live.volumes().unwrap() {
            assert!(volume.free_bytes <= volume.total_bytes, "{volume:?}");
            let same = |m: &VolumeUse| m.mount_point == volume.mount_point && m.file_system == volume.file_system;
            assert!(mounts.iter().any(same), "{volume:?} is not in {mounts:?}");
        }
    }

    #[test]
    fn refusals_of_the_system_are_told_apart() {
        let error = |kind| failed("/x", &std::io::Error::from(kind));
        assert_eq!(error(std::io::ErrorKind::NotFound), Unreadable::Missing("/x".into()));
        assert_eq!(error(std::io::ErrorKind::PermissionDenied), Unreadable::Denied("/x".into()));
        assert!(matches!(error(std::io::ErrorKind::TimedOut), Unreadable::Failed { .. }));
    }
}
