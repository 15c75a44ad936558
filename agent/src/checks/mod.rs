//! The checks of a machine: one file (or folder) per check, and the runner that makes them when they are due, believes
//! changes only when confirmed ([`confirm`]) and hands out transitions and summaries, never one event per probe.
//!
//! | check | file | instance |
//! |---|---|---|
//! | `internet` | [`internet`] | empty |
//! | `volume-space` | [`volume_space`] | mount point; empty when the volumes cannot be read |

pub mod confirm;
pub mod internet;
#[cfg(test)]
pub(crate) mod test_source;
pub mod volume_space;

use crate::clock::Clock;
use crate::inventory::vitals;
use crate::source::{Source, Unreadable, VolumeUse};
use confirm::{Confirmation, Moment, Rule};
use internet::Internet;
use internet::collector::LastAttempt;
use internet::memory::Memory;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use vigie_shared::check::{CheckResult, CheckStanding, CheckState, Reason, VOLUME_SPACE};
use vigie_shared::event::{Fact, Sample};
use vigie_shared::policy::{InternetPolicy, Policy};

/// Most instances followed: a machine with more volumes than this is told about the first ones only.
pub const INSTANCES_MAX: usize = 128;
/// How often temperatures and the health of disks and batteries are read: they change slowly.
const VITALS_EVERY_MS: u64 = 3_600_000;
/// Patience for reading the volumes: a dead network mount blocks that call for ever.
const VOLUMES_PATIENCE: Duration = Duration::from_secs(5);

/// A fact with the moment at which it began to be true.
#[derive(Debug, Clone, PartialEq)]
pub struct Dated {
    /// Milliseconds since boot, suspend included.
    pub up_ms: u64,
    /// Wall clock, milliseconds since 1970.
    pub wall_ms: i64,
    /// The fact: a `Check` or `Samples`.
    pub fact: Fact,
}

/// Makes the checks that are due and keeps what is believed of each.
pub struct Runner {
    source: Arc<dyn Source>,
    clock: Arc<dyn Clock>,
    internet: Internet,
    internet_timer: Timer,
    volumes_timer: Timer,
    volumes: VolumeReader,
    vitals_timer: Timer,
    vitals: Option<JoinHandle<Vec<Sample>>>,
    samples_ms: Option<u64>,
    /// By check and instance.
    confirmations: BTreeMap<(String, String), Confirmation>,
    /// Believed and not handed out yet: survives a call that is dropped midway.
    facts: Vec<Dated>,
}

impl Runner {
    /// A runner for this machine. `collector` is the `host:port` of the collector, tried as the last step of `internet`.
    pub fn new(source: Arc<dyn Source>, clock: Arc<dyn Clock>, collector: impl Into<String>) -> Self {
        Self::with_memory(source, clock, collector, Memory::default())
    }

    /// The same, with what an earlier process learnt about the networks of this machine.
    pub fn with_memory(
        source: Arc<dyn Source>,
        clock: Arc<dyn Clock>,
        collector: impl Into<String>,
        memory: Memory,
    ) -> Self {
        Self {
            source,
            clock,
            internet: Internet::new(collector, memory),
            internet_timer: Timer::default(),
            volumes_timer: Timer::default(),
            volumes: VolumeReader::default(),
            vitals_timer: Timer { last_ms: None, wait_ms: VITALS_EVERY_MS },
            vitals: None,
            samples_ms: None,
            confirmations: BTreeMap::new(),
            facts: Vec::new(),
        }
    }

    /// The same, told by the conversation with the collector what its last attempt came to.
    pub fn listening_to(self, attempt: LastAttempt) -> Self {
        Self { internet: self.internet.listening_to(attempt), ..self }
    }

    /// What has worked on which network, to hand to [`Runner::with_memory`] after a restart.
    pub fn memory(&self) -> &Memory {
        self.internet.memory()
    }

    /// Makes the checks that are due under this policy: confirmed changes and summaries, oldest first.
    ///
    /// Takes up to five times `internet.timeout_ms` plus the patience for the volumes. May be dropped midway: the look
    /// under way is made again at the next call, which also hands out what was believed before. Call it after a change
    /// of policy too: a shorter interval takes effect there.
    pub async fn run_due(&mut self, policy: &Policy) -> Vec<Dated> {
        self.set_waits(policy);
        if self.internet_timer.is_due(self.clock.since_boot_ms()) {
            self.look_at_internet(&policy.internet).await;
        }
        if self.volumes_timer.is_due(self.clock.since_boot_ms()) {
            self.look_at_volumes(policy).await;
        }
        self.read_vitals().await;
        self.set_waits(policy);
        let mut facts = std::mem::take(&mut self.facts);
        crate::sort::sort_by(&mut facts, |a, b| a.up_ms.cmp(&b.up_ms));
        facts
    }

    /// When [`Runner::run_due`] has something to do next, milliseconds since boot; 0 before the first call.
    pub fn next_due_ms(&self) -> u64 {
        self.internet_timer.due_ms().min(self.volumes_timer.due_ms()).min(self.vitals_timer.due_ms())
    }

    /// The confirmed states, sorted by check and instance.
    pub fn standings(&self) -> Vec<CheckStanding> {
        let standing = |((check, instance), confirmation): (&(String, String), &Confirmation)| {
            let (state, reason) = confirmation.believed()?.clone();
            Some(CheckStanding { check: check.clone(), instance: instance.clone(), state, reason })
        };
        self.confirmations.iter().filter_map(standing).collect()
    }

    fn now(&self) -> Moment {
        Moment { up_ms: self.clock.since_boot_ms(), wall_ms: self.clock.wall().as_millisecond() }
    }

    fn set_waits(&mut self, policy: &Policy) {
        let pending = |check: &str| self.confirmations.iter().any(|((name, _), c)| name == check && c.is_pending());
        self.internet_timer.wait_ms = wait_ms(policy.internet.every_s, pending(vigie_shared::check::INTERNET));
        self.volumes_timer.wait_ms = wait_ms(policy.volume_space.every_s, pending(VOLUME_SPACE));
    }

    async fn look_at_internet(&mut self, policy: &InternetPolicy) {
        let at = self.now();
        let (steps, result) = self.internet.check(&self.source, policy, at.up_ms).await;
        self.internet_timer.last_ms = Some(at.up_ms);
        let rule = internet::rule(steps.as_ref(), &result, policy);
        self.believe(at, result, rule);
    }

    async fn look_at_volumes(&mut self, policy: &Policy) {
        let at = self.now();
        let every_s = policy.volume_space.every_s;
        let read = self.volumes.read(&self.source).await;
        self.volumes_timer.last_ms = Some(at.up_ms);
        let known = self.confirmations.iter().filter(|((check, _), _)| check == VOLUME_SPACE);
        let known: BTreeMap<String, CheckState> = crate::sort::map(
            known.filter_map(|((_, instance), c)| c.believed().map(|(state, _)| (instance.clone(), *state))),
        );
        let results = match &read {
            Ok(volumes) => {
                let mut results = volume_space::look(volumes, &policy.volume_space, &known);
                results.extend(gone(&known, &results));
                results
            }
            Err(why) => unread(&known, why),
        };
        // The hysteresis of the thresholds already keeps a volume from going to and fro: one look is enough.
        let rule = Rule { needed: 1, gap_max_ms: ms(every_s) * 2, one_reason: false };
        for result in results {
            self.believe(at, result, rule);
        }
        let samples_due = self.samples_ms.is_none_or(|last| at.up_ms.saturating_sub(last) >= ms(every_s) * 3);
        if let (Ok(volumes), true) = (&read, samples_due) {
            let values = volume_space::samples(volumes);
            if !values.is_empty() {
                self.samples_ms = Some(at.up_ms);
                self.facts.push(Dated { up_ms: at.up_ms, wall_ms: at.wall_ms, fact: Fact::Samples { values } });
            }
        }
    }

    /// Begins a reading when it is due and takes what the last one gave: a disk that does not answer delays no check.
    async fn read_vitals(&mut self) {
        let at = self.now();
        if let Some(done) = self.vitals.take_if(|reading| reading.is_finished())
            && let Ok(values) = done.await
            && !values.is_empty()
        {
            self.facts.push(Dated { up_ms: at.up_ms, wall_ms: at.wall_ms, fact: Fact::Samples { values } });
        }
        if self.vitals_timer.is_due(at.up_ms) {
            self.vitals_timer.last_ms = Some(at.up_ms);
            // One that still hangs is waited for.
            let source = Arc::clone(&self.source);
            let reading = || tokio::task::spawn_blocking(move || vitals::samples(source.as_ref()));
            self.vitals.get_or_insert_with(reading);
        }
    }

    fn believe(&mut self, at: Moment, result: CheckResult, rule: Rule) {
        let key = (result.check.clone(), result.instance.clone());
        if self.confirmations.len() >= INSTANCES_MAX && !self.confirmations.contains_key(&key) {
            tracing::warn!(check = key.0, instance = key.1, "more than {INSTANCES_MAX} instances: not followed");
            return;
        }
        if let Some(change) = self.confirmations.entry(key).or_default().observe(at, &result, rule) {
            let (check, instance) = (&change.result.check, &change.result.instance);
            tracing::info!(check, instance, state = change.result.state.as_str(), reason = %change.result.reason, "changed");
            let fact = Fact::Check { result: change.result, bracket_ms: change.bracket_ms };
            self.facts.push(Dated { up_ms: change.since.up_ms, wall_ms: change.since.wall_ms, fact });
        }
    }
}

/// When a check is due, on the boot clock.
#[derive(Debug, Clone, Copy, Default)]
struct Timer {
    last_ms: Option<u64>,
    wait_ms: u64,
}

impl Timer {
    fn due_ms(self) -> u64 {
        self.last_ms.map_or(0, |last| last.saturating_add(self.wait_ms))
    }

    fn is_due(self, now_ms: u64) -> bool {
        now_ms >= self.due_ms()
    }
}

fn ms(seconds: u32) -> u64 {
    u64::from(seconds) * 1000
}

/// Time to the next look: sooner while a change waits to be confirmed.
fn wait_ms(every_s: u32, pending: bool) -> u64 {
    ms(if pending { every_s.min((every_s / 4).max(5)) } else { every_s })
}

/// Reads the volumes off the runtime, at most one reading at a time: one that hangs on a dead network mount is waited
/// for again at the next look rather than joined by a second one.
#[derive(Default)]
pub(crate) struct VolumeReader {
    under_way: Option<JoinHandle<Result<Vec<VolumeUse>, Unreadable>>>,
}

impl VolumeReader {
    pub(crate) async fn read(&mut self, source: &Arc<dyn Source>) -> Result<Vec<VolumeUse>, String> {
        let reading = self.under_way.get_or_insert_with(|| {
            let source = Arc::clone(source);
            tokio::task::spawn_blocking(move || source.volumes())
        });
        let Ok(done) = tokio::time::timeout(VOLUMES_PATIENCE, reading).await else {
            return Err(format!("no answer in {} s: a network mount may be dead", VOLUMES_PATIENCE.as_secs()));
        };
        self.under_way = None;
        match done {
            Ok(read) => read.map_err(|error| error.to_string()),
            Err(error) => Err(format!("the reading failed: {error}")),
        }
    }
}

fn volume_result(instance: &str, state: CheckState, reason: Reason, problem: &str) -> CheckResult {
    let mut evidence = BTreeMap::new();
    if !problem.is_empty() {
        evidence.insert("problem".to_owned(), problem.to_owned());
    }
    CheckResult { check: VOLUME_SPACE.to_owned(), instance: instance.to_owned(), state, reason, evidence }
}

/// Volumes that were there and are not: unknown, never ok, and never left at an old state. The empty instance stands
/// for the reading itself, which has just worked.
fn gone(known: &BTreeMap<String, CheckState>, seen: &[CheckResult]) -> Vec<CheckResult> {
    let missing = known.keys().filter(|instance| seen.iter().all(|result| result.instance != **instance));
    missing
        .map(|instance| match instance.as_str() {
            "" => volume_result("", CheckState::Ok, Reason::Fine, ""),
            gone => volume_result(
                gone,
                CheckState::Unknown,
                Reason::MeasureFailed,
                "no longer among the volumes that are watched: not mounted, or read-only",
            ),
        })
        .collect()
}

/// The volumes could not be read: every known one is unknown, or the check itself when none is.
pub(crate) fn unread(known: &BTreeMap<String, CheckState>, why: &str) -> Vec<CheckResult> {
    if known.is_empty() {
        return vec![volume_result("", CheckState::Unknown, Reason::MeasureFailed, why)];
    }
    volume_space::unmeasured(why, known)
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
