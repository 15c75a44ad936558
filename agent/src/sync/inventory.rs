//! What this machine last said of itself: only digests are kept. Bodies are read again when the collector wants them,
//! and what is sent always matches the digests sent with it.

use crate::source::Source;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use vigie_shared::check::CheckStanding;
use vigie_shared::digest::Digest;
use vigie_shared::limits::SECTION_MAX;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Checks, name};

/// Patience for one reading of the whole machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sections by name, as they travel.
pub type Sections = BTreeMap<String, Box<RawValue>>;
/// Reads all sections but `checks`. Blocking.
pub type Collect = fn(&dyn Source) -> Sections;

/// Reads the machine and remembers the digests.
pub struct Inventory {
    source: Arc<dyn Source>,
    collect: Collect,
    reading: Arc<AtomicBool>,
    digests: BTreeMap<String, Digest>,
    read_at_ms: Option<u64>,
}

impl Inventory {
    /// An inventory that was not read yet.
    pub fn new(source: Arc<dyn Source>, collect: Collect) -> Self {
        Self { source, collect, reading: Arc::new(AtomicBool::new(false)), digests: BTreeMap::new(), read_at_ms: None }
    }

    /// Whether the last reading is older than this.
    pub fn is_due(&self, up_ms: u64, every_s: u32) -> bool {
        self.read_at_ms.is_none_or(|at| up_ms.saturating_sub(at) >= u64::from(every_s) * 1000)
    }

    /// Digests by section; empty until the first reading.
    pub fn digests(&self) -> &BTreeMap<String, Digest> {
        &self.digests
    }

    /// The digest of the whole; absent until the first reading.
    pub fn whole(&self) -> Option<Digest> {
        (!self.digests.is_empty()).then(|| Digest::of_sections(&self.digests))
    }

    /// Reads everything again, remembers the digests and hands out the bodies. `None` when the machine could not be
    /// read in time: the last digests stay, and another reading is not begun before that one ends.
    pub async fn read(&mut self, up_ms: u64, standings: &[CheckStanding]) -> Option<Sections> {
        self.read_at_ms = Some(up_ms);
        if self.reading.swap(true, Ordering::AcqRel) {
            tracing::warn!("the last reading of this machine has not ended; a disk or network mount may hang");
            return None;
        }
        let (source, collect, reading) = (Arc::clone(&self.source), self.collect, Arc::clone(&self.reading));
        let task = tokio::task::spawn_blocking(move || {
            let ended = Ended(reading);
            let sections = collect(source.as_ref());
            drop(ended);
            sections
        });
        let mut sections = match timeout(PATIENCE, task).await {
            Ok(Ok(sections)) => sections,
            Ok(Err(error)) => {
                tracing::error!("reading this machine failed ({error}); tell the makers of Vigie");
                return None;
            }
            Err(_) => {
                tracing::warn!(
                    "this machine could not be read in {} s; a disk or network mount may hang",
                    PATIENCE.as_secs()
                );
                return None;
            }
        };
        bound(&mut sections);
        if let Some(checks) = checks_section(standings) {
            sections.insert(name::CHECKS.to_owned(), checks);
        }
        self.digests = sections.iter().map(|(name, body)| (name.clone(), Digest::of(body.get().as_bytes()))).collect();
        Some(sections)
    }

    /// The standings changed: only their section does.
    pub fn set_standings(&mut self, standings: &[CheckStanding]) {
        if !self.digests.is_empty()
            && let Some(checks) = checks_section(standings)
        {
            self.digests.insert(name::CHECKS.to_owned(), Digest::of(checks.get().as_bytes()));
        }
    }
}

/// Says that a reading ended, even if it panicked.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn checks_section(standings: &[CheckStanding]) -> Option<Box<RawValue>> {
    let mut checks = standings.to_vec();
    crate::sort::sort(&mut checks);
    serde_json::value::to_raw_value(&Outcome::Complete { data: Checks { checks } }).ok()
}

fn bound(sections: &mut Sections) {
    for (name, body) in sections.iter_mut().filter(|(_, body)| body.get().len() > SECTION_MAX) {
        let why =
            format!("the section {name} is {} bytes, more than the {SECTION_MAX} that can be sent", body.get().len());
        tracing::warn!("{why}");
        if let Ok(unavailable) = serde_json::value::to_raw_value(&Outcome::<Checks>::unavailable(why)) {
            *body = unavailable;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Live;
    use vigie_shared::check::{CheckState, Reason};

    fn two(_: &dyn Source) -> Sections {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let large = format!("\"{}\"", "x".repeat(SECTION_MAX));
        [("system".to_owned(), raw("{}")), ("software".to_owned(), raw(&large))].into()
    }

    fn standing(state: CheckState) -> CheckStanding {
        CheckStanding { check: "internet".into(), instance: String::new(), state, reason: Reason::Fine }
    }

    #[tokio::test]
    async fn digests_match_the_bodies_and_too_large_a_section_says_so() {
        let mut inventory = Inventory::new(Arc::new(Live), two);
        assert_eq!(inventory.whole(), None);
        let sections = inventory.read(0, &[standing(CheckState::Ok)]).await.unwrap();
        for (name, body) in &sections {
            assert_eq!(inventory.digests()[name], Digest::of(body.get().as_bytes()));
        }
        assert!(sections["software"].get().contains("unavailable"));
        assert!(sections["checks"].get().contains("internet"));
    }

    #[tokio::test]
    async fn a_changed_standing_changes_its_own_section_only() {
        let mut inventory = Inventory::new(Arc::new(Live), two);
        inventory.read(0, &[standing(CheckState::Ok)]).await.unwrap();
        let before = (inventory.whole(), inventory.digests().clone());
        inventory.set_standings(&[standing(CheckState::Critical)]);
        assert_ne!(inventory.whole(), before.0);
        let changed: Vec<_> = inventory.digests().iter().filter(|(n, d)| before.1[*n] != **d).map(|(n, _)| n).collect();
        assert_eq!(changed, ["checks"]);
        assert!(!inventory.is_due(59_000, 60) && inventory.is_due(60_000, 60));
    }
}
