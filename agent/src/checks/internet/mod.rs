//! Check `internet`: does this machine reach the internet, and if not, where does the way end?
//! link → address → route → gateway → DNS → outside (ping, connections, pages) → collector.
//!
//! Each probe has its file and gives typed [`step::Step`]s; [`judge`] decides, purely, from the steps and the memory of
//! what has worked on this network. Probes run beside each other; sockets live for one look only. Who is probed outside
//! is the policy's decision: with the default policy nobody is.

pub mod judge;
pub mod memory;
pub mod path;
pub mod step;

use crate::source::Source;
use memory::Memory;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use step::{Step, Steps};
use vigie_shared::check::{CheckResult, CheckState, INTERNET, Reason};
use vigie_shared::policy::InternetPolicy;

/// The check, with what it remembers between looks.
pub struct Internet {
    collector: String,
    memory: Memory,
}

impl Internet {
    /// `collector` is `host:port`.
    pub fn new(collector: impl Into<String>, memory: Memory) -> Self {
        Self { collector: collector.into(), memory }
    }

    /// What has worked on which network.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Looks once, judges by what has worked before, and learns. Takes at most three times `timeout_ms` and a second;
    /// the steps are missing when that was not enough.
    pub async fn check(&mut self, source: &Arc<dyn Source>, policy: &InternetPolicy) -> (Option<Steps>, CheckResult) {
        let patience = Duration::from_millis(u64::from(policy.timeout_ms) * 3 + 1000);
        match tokio::time::timeout(patience, self.look(source, policy)).await {
            Ok(steps) => {
                let result = judge::judge(&steps, &self.memory);
                self.memory.learn(&steps);
                (Some(steps), result)
            }
            Err(_) => {
                let why = format!("the look did not end in {} ms", patience.as_millis());
                (None, measure_failed(why))
            }
        }
    }

    async fn look(&mut self, source: &Arc<dyn Source>, _policy: &InternetPolicy) -> Steps {
        let path = path::read(source.as_ref());
        Steps {
            network: path.network,
            link: path.link,
            address: path.address,
            route: path.route,
            gateway: Step::skipped("", "being built"),
            dns: vec![],
            icmp: vec![],
            tcp: vec![],
            http: vec![],
            collector: Step::skipped(&self.collector, "being built"),
        }
    }
}

fn measure_failed(why: String) -> CheckResult {
    CheckResult {
        check: INTERNET.to_owned(),
        instance: String::new(),
        state: CheckState::Unknown,
        reason: Reason::MeasureFailed,
        evidence: BTreeMap::from([("why".to_owned(), why)]),
    }
}
