//! The checks of this machine as the running agent makes them; what worked on which network outlives a restart.

use super::conduct::Watch;
use crate::checks::internet::collector::LastAttempt;
use crate::checks::internet::memory::Memory;
use crate::checks::{Dated, Runner};
use crate::clock::Clock;
use crate::settings::{StateFolder, read_json, write_lightly};
use crate::source::Source;
use std::path::PathBuf;
use std::sync::Arc;
use vigie_shared::check::CheckStanding;
use vigie_shared::policy::Policy;

/// Makes the checks and keeps what they learn.
pub struct Watcher {
    runner: Runner,
    path: PathBuf,
    kept: Memory,
}

impl Watcher {
    /// Goes on with what an earlier process learnt. `collector` is `host:port`, and `attempt` what the conversation with it
    /// last came to.
    pub fn new(
        source: Arc<dyn Source>,
        clock: Arc<dyn Clock>,
        collector: String,
        attempt: LastAttempt,
        state: &StateFolder,
    ) -> Self {
        let path = state.networks();
        let kept: Memory = read_json(&path).unwrap_or_default();
        let runner = Runner::with_memory(source, clock, collector, kept.clone()).listening_to(attempt);
        Self { runner, path, kept }
    }
}

impl Watch for Watcher {
    async fn run_due(&mut self, policy: &Policy) -> Vec<Dated> {
        let facts = self.runner.run_due(policy).await;
        if self.runner.memory() != &self.kept {
            self.kept = self.runner.memory().clone();
            let bytes = serde_json::to_vec(&self.kept).unwrap_or_default();
            if let Err(error) = write_lightly(&self.path, &bytes) {
                tracing::debug!("what worked on this network cannot be kept: {error}");
            }
        }
        facts
    }

    fn next_due_ms(&self) -> u64 {
        self.runner.next_due_ms()
    }

    fn standings(&self) -> Vec<CheckStanding> {
        self.runner.standings()
    }
}
