//! What is stored as one text, read at every look and changed seldom.

use super::super::StoreError;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};

/// The last text that was read and what it says: between two changes nothing is parsed again. The whole text is compared,
/// so that it does not matter which connection or store it came from.
pub struct Last<T>(Mutex<Option<(String, Arc<T>)>>);

impl<T: DeserializeOwned + Default> Last<T> {
    /// Nothing was read yet.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// What `text` says; the default where there is none.
    pub fn read(&self, text: Option<String>, what: &str) -> Result<Arc<T>, StoreError> {
        let text = text.unwrap_or_default();
        // What a panic may have left is a whole value all the same.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, value)) = last.as_ref()
            && *before == text
        {
            return Ok(value.clone());
        }
        let parsed = if text.is_empty() { Ok(T::default()) } else { serde_json::from_str(&text) };
        let value = Arc::new(parsed.map_err(|e| StoreError::Failed(format!("{what} as stored: {e}")))?);
        *last = Some((text, value.clone()));
        Ok(value)
    }
}
