//! (being written) The machine we run on.
use super::{Source, Unreadable, VolumeUse};

/// The machine we run on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Live;

impl Source for Live {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        std::fs::read(path).map_err(|e| Unreadable::Failed { path: path.into(), why: e.to_string() })
    }
    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        Err(Unreadable::Missing(path.into()))
    }
    fn link(&self, path: &str) -> Result<String, Unreadable> {
        Err(Unreadable::Missing(path.into()))
    }
    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        Ok(vec![])
    }
    fn is_live(&self) -> bool {
        true
    }
}
