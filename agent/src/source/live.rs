//! The machine we run on.

use super::{READ_MAX, Source, Unreadable, VolumeUse, failed, host, list_bounded, read_bounded};
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

    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        host::volumes()
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
    fn a_file_beyond_the_bound_is_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read_bounded(&path, "/file", 100).unwrap().len(), 100);
        assert_eq!(read_bounded(&path, "/file", 99), Err(Unreadable::TooLarge("/file".into())));
    }

    #[test]
    fn the_root_volume_of_this_machine_is_found_by_its_mount_point() {
        let volumes = Live.volumes().unwrap();
        assert!(volumes.iter().all(|v| v.mount_point.starts_with('/')), "{volumes:?}");
    }
}
