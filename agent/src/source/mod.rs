//! Where facts come from: the live machine, or a captured one (`--root DIR`). Parsers never open anything themselves.

mod captured;
mod host;
mod live;
mod mounts;
mod recorded;

pub use captured::{Captured, MODIFIED_FILE, VOLUMES_FILE};
pub use live::Live;
pub use mounts::parse as parse_mounts;
pub use recorded::{Recorded, Taken};

use ipnet::IpNet;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Most bytes read from one file.
pub const READ_MAX: u64 = 64 << 20;
/// Longest piece of a file handed out as a line.
pub const LINE_MAX: u64 = 4096;
/// Most names listed in one folder.
pub const LIST_MAX: usize = 20_000;
/// Most readings of the volumes that may hang at the same time; beyond, the next one fails at once.
const HUNG_MAX: usize = 4;

/// Why something could not be read. The text goes into `Outcome` reasons: it names the path of the system file, never
/// anything personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It does not exist here.
    #[error("{0} does not exist")]
    Missing(String),
    /// This user may not read it.
    #[error("{0} may not be read by this user (run as root)")]
    Denied(String),
    /// It is larger than the bound.
    #[error("{0} is larger than the agent reads ({READ_MAX} bytes, {LIST_MAX} names)")]
    TooLarge(String),
    /// Anything else.
    #[error("{path}: {why}")]
    Failed {
        /// What was being read.
        path: String,
        /// The system's words.
        why: String,
    },
}

/// Use of one mounted volume.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct VolumeUse {
    /// Mount point.
    pub mount_point: String,
    /// Device.
    pub device: String,
    /// File system.
    pub file_system: String,
    /// Size, bytes.
    pub total_bytes: u64,
    /// What ordinary users can still write, bytes.
    pub free_bytes: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// A machine to read. Paths are absolute paths of that machine (`/proc/cpuinfo`).
pub trait Source: Send + Sync {
    /// The whole content of a file, at most [`READ_MAX`] bytes.
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable>;
    /// Names in a folder, sorted.
    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable>;
    /// Target of a symbolic link, as written.
    fn link(&self, path: &str) -> Result<String, Unreadable>;
    /// Mounted volumes with their use. May block on a dead network mount: call it from a bounded blocking task.
    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable>;
    /// Whether this is the machine we run on.
    fn is_live(&self) -> bool;

    /// Hands out the lines of a file, one by one and without their end, until `see` has seen enough: for files of which
    /// little is wanted. At most [`READ_MAX`] bytes; of a line longer than [`LINE_MAX`] its pieces.
    fn each_line(&self, path: &str, see: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unreadable> {
        let bytes = self.read(path)?;
        let _ = bytes.split(|byte| *byte == b'\n').all(see);
        Ok(())
    }

    /// A part of a file that may be larger than [`READ_MAX`]: at most `length` bytes from `offset`, fewer at its end.
    fn part(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, Unreadable> {
        let whole = self.read(path)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(whole.len());
        Ok(whole.get(from..from.saturating_add(length).min(whole.len())).unwrap_or_default().to_vec())
    }

    /// When a file or folder was last changed, seconds since 1970. Of a captured machine only what was noted beside it
    /// ([`MODIFIED_FILE`]): its files have the dates of the copy.
    fn modified_s(&self, _path: &str) -> Option<i64> {
        None
    }

    /// A copy that may outlive this borrow, when a call may hang and must be left behind ([`volumes_bounded`]).
    fn detached(&self) -> Option<Box<dyn Source>> {
        None
    }

    /// Addresses of the interfaces with their prefix, where the operating system is asked rather than its files.
    fn interface_addresses(&self) -> Option<Vec<(String, IpNet)>> {
        None
    }

    /// Memory that the kernel can use, bytes, where the operating system is asked rather than its files.
    fn total_memory_bytes(&self) -> Option<u64> {
        None
    }

    /// Text of a file, invalid UTF-8 replaced.
    fn text(&self, path: &str) -> Result<String, Unreadable> {
        self.read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Mounts as the kernel lists them, without their use: never blocks. Sizes are 0.
pub fn mounts(source: &dyn Source) -> Result<Vec<VolumeUse>, Unreadable> {
    source.text("/proc/mounts").map(|text| mounts::parse(&text))
}

/// [`Source::volumes`], given up after a limit: the thread that hangs on a dead mount is left behind until it answers.
/// At most a few may hang at once; then this fails immediately.
pub fn volumes_bounded(source: &dyn Source, limit: Duration) -> Result<Vec<VolumeUse>, Unreadable> {
    static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
    let failed = |why: String| Unreadable::Failed { path: "the use of the volumes".into(), why };
    let Some(source) = source.detached() else { return source.volumes() };
    let place = UnderWay::enter(&UNDER_WAY);
    if place.others >= HUNG_MAX {
        return Err(failed("earlier readings still hang; look for a dead mount".into()));
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let reading = move || {
        let answer = source.volumes();
        drop(place);
        // Nobody listens any more when the limit has passed: the answer is of no use then.
        let _ = sender.send(answer);
    };
    std::thread::Builder::new().name("volumes".into()).spawn(reading).map_err(|error| failed(error.to_string()))?;
    receiver
        .recv_timeout(limit)
        .unwrap_or_else(|_| Err(failed(format!("no answer within {} s; look for a dead mount", limit.as_secs_f32()))))
}

/// One reading under way; counted until dropped, so that a panic gives the place back as well.
struct UnderWay {
    count: &'static AtomicUsize,
    others: usize,
}

impl UnderWay {
    fn enter(count: &'static AtomicUsize) -> Self {
        Self { count, others: count.fetch_add(1, Ordering::SeqCst) }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the system's refusal means.
fn failed(path: &str, error: &std::io::Error) -> Unreadable {
    match error.kind() {
        std::io::ErrorKind::NotFound => Unreadable::Missing(path.into()),
        std::io::ErrorKind::PermissionDenied => Unreadable::Denied(path.into()),
        _ => Unreadable::Failed { path: path.into(), why: error.to_string() },
    }
}

/// Reads a file of at most `max` bytes; files of the kernel have no size, so the bound is on what comes.
fn read_bounded(place: &Path, path: &str, max: u64) -> Result<Vec<u8>, Unreadable> {
    let file = std::fs::File::open(place).map_err(|error| failed(path, &error))?;
    let announced = file.metadata().map_or(0, |m| m.len()).min(max);
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0).saturating_add(1));
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(Unreadable::TooLarge(path.into()));
    }
    Ok(bytes)
}

/// Hands out the lines of a file of at most [`READ_MAX`] bytes.
fn lines_bounded(place: &Path, path: &str, see: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unreadable> {
    let file = std::fs::File::open(place).map_err(|error| failed(path, &error))?;
    let mut reader = BufReader::new(file.take(READ_MAX));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| failed(path, &error))? == 0 {
            return Ok(());
        }
        if !see(line.strip_suffix(b"\n").unwrap_or(&line)) {
            return Ok(());
        }
    }
}

/// Reads at most `length` bytes from `offset`.
fn read_part(place: &Path, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, Unreadable> {
    let mut file = std::fs::File::open(place).map_err(|error| failed(path, &error))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(length).unwrap_or(u64::MAX).min(READ_MAX);
    file.seek(std::io::SeekFrom::Start(offset))
        .and_then(|_| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| failed(path, &error))?;
    Ok(bytes)
}

/// Names in a folder, sorted.
fn list_bounded(place: &Path, path: &str) -> Result<Vec<String>, Unreadable> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(place).map_err(|error| failed(path, &error))? {
        let entry = entry.map_err(|error| failed(path, &error))?;
        if names.len() == LIST_MAX {
            return Err(Unreadable::TooLarge(path.into()));
        }
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex, MutexGuard};

    /// A machine whose volumes answer only when the test lets them.
    #[derive(Clone)]
    struct DeadMount(Arc<Mutex<()>>);

    impl Source for DeadMount {
        fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
            Err(Unreadable::Missing(path.into()))
        }
        fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
            Err(Unreadable::Missing(path.into()))
        }
        fn link(&self, path: &str) -> Result<String, Unreadable> {
            Err(Unreadable::Missing(path.into()))
        }
        fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
            let _gate: MutexGuard<'_, ()> = self.0.lock().unwrap();
            Ok(vec![])
        }
        fn is_live(&self) -> bool {
            true
        }
        fn detached(&self) -> Option<Box<dyn Source>> {
            Some(Box::new(self.clone()))
        }
    }

    #[test]
    fn a_dead_mount_is_given_up_and_asked_again_later_but_never_piles_up_threads() {
        let gate = Arc::new(Mutex::new(()));
        let source = DeadMount(gate.clone());
        let held = gate.lock().unwrap();
        let short = Duration::from_millis(5);
        for _ in 0..HUNG_MAX {
            let error = volumes_bounded(&source, short).unwrap_err();
            assert!(error.to_string().contains("no answer within"), "{error}");
        }
        let error = volumes_bounded(&source, Duration::from_secs(60)).unwrap_err();
        assert!(error.to_string().contains("earlier readings still hang"), "{error}");
        drop(held);
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while volumes_bounded(&source, Duration::from_secs(5)).is_err() {
            assert!(std::time::Instant::now() < deadline, "the volumes answer again once the mount is back");
            std::thread::yield_now();
        }
    }
}
