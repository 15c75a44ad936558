//! Where facts come from: the live machine, or a captured one (`--root DIR`). Parsers never open anything themselves.

mod captured;
mod live;

pub use captured::Captured;
pub use live::Live;

/// Most bytes read from one file.
pub const READ_MAX: u64 = 64 << 20;

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
    #[error("{0} is larger than {READ_MAX} bytes")]
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

    /// Text of a file, invalid UTF-8 replaced.
    fn text(&self, path: &str) -> Result<String, Unreadable> {
        self.read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}
