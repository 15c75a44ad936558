//! A machine that is read while everything that is read of it is kept, so that a captured tree reads back to the same:
//! what is taken follows from what the sections ask for, and needs no list of its own.

use super::{MODIFIED_FILE, Source, Unreadable, VOLUMES_FILE, VolumeUse, volumes_bounded};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most bytes taken of one machine; what comes after is named as not taken.
pub const TAKEN_MAX: usize = 128 << 20;
/// Most symbolic links followed for one path.
const LINKS_MAX: usize = 40;
/// Patience for the volumes to tell their use.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a file may leave behind: nothing when the whole of it is personal.
pub type Clean = fn(path: &str, content: Vec<u8>) -> Option<Vec<u8>>;

/// A machine whose answers are kept.
pub struct Recorded {
    machine: Box<dyn Source>,
    clean: Clean,
    taken: Mutex<Taken>,
}

/// What was taken, by its true path.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Files.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Symbolic links and their targets.
    pub links: BTreeMap<String, String>,
    /// Folders that were listed.
    pub folders: BTreeSet<String>,
    /// Names in them.
    pub names: BTreeSet<String>,
    /// Volumes with their use.
    pub volumes: Option<Vec<VolumeUse>>,
    /// When files were changed, seconds since 1970, as far as that was asked.
    pub modified: BTreeMap<String, i64>,
    /// What could not be read or was not taken, and why.
    pub missing: BTreeSet<String>,
    bytes: usize,
}

impl Recorded {
    /// Reads this machine; of each file what `clean` leaves is kept.
    pub fn new(machine: Box<dyn Source>, clean: Clean) -> Self {
        Self { machine, clean, taken: Mutex::default() }
    }

    /// What was taken so far.
    pub fn taken(self) -> Taken {
        self.taken.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true path, links on the way kept. Below `/proc` they lead through the process that reads and are not followed.
    fn place(&self, path: &str, follow_last: bool) -> String {
        let mut todo: VecDeque<String> = components(path).collect();
        let mut inside: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(component) = todo.pop_front() {
            if component == ".." {
                inside.pop();
                continue;
            }
            inside.push(component);
            let stays = inside.first().is_some_and(|first| first == "proc") || (todo.is_empty() && !follow_last);
            let here = format!("/{}", inside.join("/"));
            let target = if stays || links == LINKS_MAX { None } else { self.machine.link(&here).ok() };
            let Some(target) = target else { continue };
            links += 1;
            if target.starts_with('/') {
                inside.clear();
            } else {
                inside.pop();
            }
            for component in components(&target).rev() {
                todo.push_front(component);
            }
            self.keep().links.insert(here, target);
        }
        format!("/{}", inside.join("/"))
    }

    fn note<T>(&self, answer: Result<T, Unreadable>) -> Result<T, Unreadable> {
        if let Err(why @ (Unreadable::Denied(_) | Unreadable::TooLarge(_) | Unreadable::Failed { .. })) = &answer {
            self.keep().missing.insert(why.to_string());
        }
        answer
    }
}

fn components(path: &str) -> impl DoubleEndedIterator<Item = String> {
    path.split('/').filter(|c| !c.is_empty() && *c != ".").map(str::to_owned)
}

impl Source for Recorded {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let content = self.note(self.machine.read(path))?;
        let place = self.place(path, true);
        let known = self.keep().files.contains_key(&place);
        if !known {
            let cleaned = (self.clean)(path, content.clone());
            let mut taken = self.keep();
            match cleaned {
                Some(cleaned) if taken.bytes.saturating_add(cleaned.len()) <= TAKEN_MAX => {
                    taken.bytes += cleaned.len();
                    taken.files.insert(place, cleaned);
                }
                Some(_) => {
                    taken.missing.insert(format!("{path} was not taken: the bound is {TAKEN_MAX} bytes"));
                }
                None => {
                    taken.missing.insert(format!("{path} was not taken: it may be personal"));
                }
            }
        }
        Ok(content)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let names = self.note(self.machine.list(path))?;
        let place = self.place(path, true);
        for name in &names {
            let inside = format!("{place}/{name}");
            let link = self.machine.link(&inside).ok();
            let mut taken = self.keep();
            if let Some(target) = link {
                taken.links.insert(inside, target);
            } else {
                taken.names.insert(inside);
            }
        }
        self.keep().folders.insert(place);
        Ok(names)
    }

    fn link(&self, path: &str) -> Result<String, Unreadable> {
        let target = self.note(self.machine.link(path))?;
        let place = self.place(path, false);
        self.keep().links.insert(place, target.clone());
        Ok(target)
    }

    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        let volumes = self.note(volumes_bounded(self.machine.as_ref(), PATIENCE))?;
        self.keep().volumes = Some(volumes.clone());
        Ok(volumes)
    }

    fn modified_s(&self, path: &str) -> Option<i64> {
        let changed = self.machine.modified_s(path)?;
        self.keep().modified.insert(path.to_owned(), changed);
        Some(changed)
    }

    fn is_live(&self) -> bool {
        self.machine.is_live()
    }

    fn interface_addresses(&self) -> Option<Vec<(String, IpNet)>> {
        // A captured machine works them out from these.
        let _ = (self.read("/proc/net/fib_trie"), self.read("/proc/net/route"));
        self.machine.interface_addresses()
    }

    fn total_memory_bytes(&self) -> Option<u64> {
        self.machine.total_memory_bytes()
    }
}

impl Taken {
    /// Writes it into an empty folder, for its owner alone, so that [`super::Captured`] reads it.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let inside = |path: &str| folder.join(path.trim_start_matches('/'));
        for path in self.folders.iter() {
            make(&inside(path))?;
        }
        for (path, content) in &self.files {
            write(&inside(path), content)?;
        }
        for (path, target) in &self.links {
            let place = inside(path);
            place.parent().map_or(Ok(()), make)?;
            if place.symlink_metadata().is_err() {
                symlink(target, place)?;
            }
        }
        // Names that nobody asked more about: listed, and empty.
        for path in &self.names {
            if inside(path).symlink_metadata().is_err() {
                write(&inside(path), b"")?;
            }
        }
        if let Some(volumes) = &self.volumes {
            write(&inside(VOLUMES_FILE), &serde_json::to_vec(volumes)?)?;
        }
        if !self.modified.is_empty() {
            write(&inside(MODIFIED_FILE), &serde_json::to_vec(&self.modified)?)?;
        }
        Ok(())
    }
}

fn make(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(()), make)?;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
}
