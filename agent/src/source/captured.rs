//! A captured machine (`--root DIR`): its files under their own paths inside a folder.
//!
//! Symbolic links are followed inside the folder, as the captured machine would: an absolute target starts at the
//! folder, and nothing climbs out of it. A capture may come from anybody, so anything that is not a plain file or
//! folder (a pipe, a device) is refused rather than opened.

use super::{READ_MAX, Source, Unreadable, VolumeUse, failed, mounts, read_bounded, read_part};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

/// Name of the file that holds the volumes with their use, in the folder itself: a JSON list of [`VolumeUse`].
pub const VOLUMES_FILE: &str = "vigie-volumes.json";
/// Name of the file that holds when files were changed, seconds since 1970: a JSON object by path. The dates of a copy are
/// those of the copying.
pub const MODIFIED_FILE: &str = "vigie-modified.json";
/// Most symbolic links followed for one path (the kernel allows 40).
const LINKS_MAX: usize = 40;

/// A captured machine: a folder that holds its files under their own paths.
#[derive(Debug, Clone)]
pub struct Captured {
    root: PathBuf,
}

impl Captured {
    /// A machine captured in this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The true place of a path of the captured machine. The last component is followed only when asked.
    fn place(&self, path: &str, follow_last: bool) -> Result<PathBuf, Unreadable> {
        let mut todo: VecDeque<String> = components(path).collect();
        let mut inside: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(component) = todo.pop_front() {
            if component == ".." {
                inside.pop();
                continue;
            }
            inside.push(component);
            if todo.is_empty() && !follow_last {
                break;
            }
            let Ok(target) = std::fs::read_link(self.join(&inside)) else { continue };
            links += 1;
            if links > LINKS_MAX {
                return Err(Unreadable::Failed { path: path.into(), why: "too many symbolic links".into() });
            }
            let target = target.to_string_lossy().into_owned();
            if target.starts_with('/') {
                inside.clear();
            } else {
                inside.pop();
            }
            for component in components(&target).rev() {
                todo.push_front(component);
            }
        }
        Ok(self.join(&inside))
    }

    fn join(&self, inside: &[String]) -> PathBuf {
        inside.iter().fold(self.root.clone(), |path, component| path.join(component))
    }
}

/// Components of a path, without the empty ones and `.`.
fn components(path: &str) -> impl DoubleEndedIterator<Item = String> {
    path.split('/').filter(|c| !c.is_empty() && *c != ".").map(str::to_owned)
}

/// Refuses what is not of the wanted kind, without opening it.
fn kind(place: &Path, path: &str, wanted: fn(&std::fs::Metadata) -> bool) -> Result<(), Unreadable> {
    let metadata = std::fs::symlink_metadata(place).map_err(|error| failed(path, &error))?;
    if wanted(&metadata) {
        Ok(())
    } else {
        Err(Unreadable::Failed {
            path: path.into(),
            why: "neither a plain file nor a folder where one is wanted".into(),
        })
    }
}

impl Source for Captured {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let place = self.place(path, true)?;
        kind(&place, path, std::fs::Metadata::is_file)?;
        read_bounded(&place, path, READ_MAX)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let place = self.place(path, true)?;
        kind(&place, path, std::fs::Metadata::is_dir)?;
        super::list_bounded(&place, path)
    }

    fn link(&self, path: &str) -> Result<String, Unreadable> {
        let target = std::fs::read_link(self.place(path, false)?).map_err(|error| failed(path, &error))?;
        Ok(target.to_string_lossy().into_owned())
    }

    fn part(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, Unreadable> {
        let place = self.place(path, true)?;
        kind(&place, path, std::fs::Metadata::is_file)?;
        read_part(&place, path, offset, length)
    }

    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        match self.read(VOLUMES_FILE) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Unreadable::Failed { path: VOLUMES_FILE.into(), why: error.to_string() }),
            Err(Unreadable::Missing(_)) => self.text("/proc/mounts").map(|text| mounts::parse(&text)),
            Err(error) => Err(error),
        }
    }

    fn modified_s(&self, path: &str) -> Option<i64> {
        let told: BTreeMap<String, i64> = serde_json::from_slice(&self.read(MODIFIED_FILE).ok()?).ok()?;
        told.get(path).copied()
    }

    fn each_line(&self, path: &str, see: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unreadable> {
        let place = self.place(path, true)?;
        kind(&place, path, std::fs::Metadata::is_file)?;
        super::lines_bounded(&place, path, see)
    }

    fn is_live(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A folder with a secret beside the captured root.
    fn capture() -> (tempfile::TempDir, Captured) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret"), "outside").unwrap();
        fs::create_dir_all(dir.path().join("root/etc/sub")).unwrap();
        fs::write(dir.path().join("root/etc/name"), "inside").unwrap();
        let captured = Captured::new(dir.path().join("root"));
        (dir, captured)
    }

    #[test]
    fn an_absolute_link_stays_inside_the_root() {
        let (dir, captured) = capture();
        symlink("/etc/name", dir.path().join("root/absolute")).unwrap();
        symlink("../../../../etc", dir.path().join("root/etc/sub/up")).unwrap();
        assert_eq!(captured.text("/absolute").unwrap(), "inside");
        assert_eq!(captured.text("/etc/sub/up/name").unwrap(), "inside");
        assert_eq!(captured.link("/absolute").unwrap(), "/etc/name");
    }

    #[test]
    fn nothing_climbs_out_of_the_root() {
        let (dir, captured) = capture();
        let secret = dir.path().join("secret");
        symlink(&secret, dir.path().join("root/absolute")).unwrap();
        symlink("../secret", dir.path().join("root/relative")).unwrap();
        symlink("..", dir.path().join("root/parent")).unwrap();
        for path in ["/absolute", "/relative", "/parent/secret", "/../secret", "/etc/../../secret", "../secret"] {
            assert!(matches!(captured.read(path), Err(Unreadable::Missing(_))), "{path}");
        }
    }

    #[test]
    fn a_loop_of_links_ends() {
        let (dir, captured) = capture();
        symlink("/b", dir.path().join("root/a")).unwrap();
        symlink("/a", dir.path().join("root/b")).unwrap();
        assert!(matches!(captured.read("/a"), Err(Unreadable::Failed { .. })));
    }

    #[test]
    fn a_folder_is_not_read_and_a_file_is_not_listed() {
        let (_dir, captured) = capture();
        assert!(matches!(captured.read("/etc"), Err(Unreadable::Failed { .. })));
        assert!(matches!(captured.list("/etc/name"), Err(Unreadable::Failed { .. })));
        assert_eq!(captured.list("/etc").unwrap(), ["name", "sub"]);
    }

    #[test]
    fn what_would_block_the_reader_is_refused() {
        let (dir, captured) = capture();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("root/etc/os-release")).unwrap();
        let error = captured.read("/etc/os-release").unwrap_err().to_string();
        assert!(error.contains("neither a plain file nor a folder"), "refused before it is opened: {error}");
    }

    #[test]
    fn volumes_come_from_the_file_else_from_the_mounts() {
        let (dir, captured) = capture();
        assert!(matches!(captured.volumes(), Err(Unreadable::Missing(path)) if path == "/proc/mounts"));
        fs::create_dir(dir.path().join("root/proc")).unwrap();
        fs::write(dir.path().join("root/proc/mounts"), "/dev/sda1 / ext4 rw 0 0\n").unwrap();
        assert_eq!(captured.volumes().unwrap()[0].total_bytes, 0);
        let sized = VolumeUse { total_bytes: 7, ..captured.volumes().unwrap().remove(0) };
        fs::write(dir.path().join("root").join(VOLUMES_FILE), serde_json::to_vec(&[&sized]).unwrap()).unwrap();
        assert_eq!(captured.volumes().unwrap(), [sized]);
    }
}
