//! The state folder: where things are, and writes that are whole or not at all.
//!
//! | file | what |
//! |---|---|
//! | `identity.json` | who this machine is: address of the collector, certificate, key ([`crate::identity`]) |
//! | `enrolment.key`, `renewal.key` | a key whose certificate was asked for and has not come yet |
//! | `policy.json` | the last policy accepted |
//! | `time.json` | the last time told by the collector |
//! | `status.json` | how the running agent fares, for `vigie-agent status` |
//! | `networks.json` | which probes have worked on which network |
//! | `spool/` | events not yet stored by the collector ([`crate::spool`]) |
//!
//! The folder is for its owner alone (0700, files 0600).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use vigie_shared::policy::Policy;

/// Where the state is unless told otherwise.
pub const STATE_FOLDER: &str = "/var/lib/vigie-agent";
/// Most bytes read from a file of the state folder (the spool aside).
const FILE_MAX: u64 = 1 << 20;

/// The state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

/// What the collector last said about the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorTime {
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

impl StateFolder {
    /// A folder that may not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, for its owner alone.
    pub fn make(&self) -> io::Result<()> {
        make_folder(&self.0)
    }

    /// Path of the identity.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity.json")
    }

    /// Path of the key of an enrolment under way.
    pub fn enrolment_key(&self) -> PathBuf {
        self.0.join("enrolment.key")
    }

    /// Path of the key of a renewal under way.
    pub fn renewal_key(&self) -> PathBuf {
        self.0.join("renewal.key")
    }

    /// Path of the accepted policy.
    pub fn policy(&self) -> PathBuf {
        self.0.join("policy.json")
    }

    /// Path of the collector's time.
    pub fn time(&self) -> PathBuf {
        self.0.join("time.json")
    }

    /// Path of the status.
    pub fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    /// Path of what the checks learnt about networks.
    pub fn networks(&self) -> PathBuf {
        self.0.join("networks.json")
    }

    /// Folder of the spool.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// The last accepted policy; the compiled default when there is none, or none that is good.
    pub fn load_policy(&self) -> Policy {
        match read_json::<Policy>(&self.policy()) {
            Ok(policy) if policy.problems().is_empty() => policy,
            Ok(_) => Policy::default(),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(
                        "the kept policy cannot be read ({error}): the default is used until the collector sends it again"
                    );
                }
                Policy::default()
            }
        }
    }

    /// The last time told by the collector, milliseconds since 1970.
    pub fn load_time(&self) -> Option<i64> {
        read_json::<CollectorTime>(&self.time()).ok().map(|t| t.now_ms)
    }
}

/// Makes a folder and its parents; the folder itself is for its owner alone.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // An older folder may have been made wider; a folder of somebody else is left as it is.
    drop(std::fs::set_permissions(path, Permissions::from_mode(0o700)));
    Ok(())
}

/// Writes a file whole or not at all, durably: a copy beside it, synced, renamed, the folder synced.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, true)
}

/// Like [`write_atomically`] but not synced: for what may be lost with the power.
pub fn write_lightly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, false)
}

fn replace(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| if durable { file.sync_all() } else { Ok(()) });
    drop(file);
    if let Err(error) = written.and_then(|()| std::fs::rename(&beside, path)) {
        drop(std::fs::remove_file(&beside));
        return Err(error);
    }
    match path.parent() {
        Some(folder) if durable => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Reads a JSON file of at most 1 MiB.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_slice(&read_bounded(path)?).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// Reads a file of at most 1 MiB.
pub fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n > FILE_MAX) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_and_its_files_are_for_their_owner_alone() {
        let base = tempfile::tempdir().unwrap();
        let state = StateFolder::new(base.path().join("a/b"));
        state.make().unwrap();
        write_atomically(&state.identity(), b"{}").unwrap();

        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(state.path()), mode(&state.identity())), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1, "no copy is left beside");
    }

    #[test]
    fn a_bad_policy_on_the_disk_is_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let state = StateFolder::new(base.path());
        write_atomically(&state.policy(), br#"{"version":9,"heartbeat_s":1}"#).unwrap();
        assert_eq!(state.load_policy(), Policy::default());
        write_atomically(&state.policy(), br#"{"version":9,"heartbeat_s":30}"#).unwrap();
        assert_eq!(state.load_policy().heartbeat_s, 30);
    }
}
