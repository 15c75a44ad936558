//! One simulated agent: what it holds of its events, how it writes a call, what it learns from an answer, and how long
//! it waits when it is refused.

use super::figures::Dice;
use super::inventory::Inventory;
use super::orders::{Account, Target};
use super::wire::{Encoding, Head, Wire, write_request};
use super::world::World;
use anyhow::Result;
use rustls::ClientConfig;
use rustls::sign::CertifiedKey;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vigie_shared::check::{CheckResult, CheckState, INTERNET, Reason, VOLUME_SPACE};
use vigie_shared::event::{Event, Fact, Sample};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{BootId, MachineId, StreamId};
use vigie_shared::limits::{COMPRESS_ABOVE, EVENTS_PER_CALL, FOLLOW_UPS, SCHEMA, ZSTD_LEVEL};
use vigie_shared::sync::{PATH, SyncAnswer, SyncRequest, Want};

/// Milliseconds since boot when the crowd begins: switched on an hour ago.
const UP_AT_START: i64 = 3_600_000;
/// First wait after a failure; it doubles, with full jitter, until the cap of the plan.
const FIRST_WAIT_MS: u64 = 250;

/// Who an agent is.
pub struct Who {
    /// Its number in this process.
    pub place: usize,
    /// Its school, by place.
    pub school: usize,
    /// Where it calls from.
    pub from: Ipv4Addr,
    /// What the collector calls it.
    pub machine: MachineId,
    /// Its certificate and key.
    pub key: Arc<CertifiedKey>,
    /// What it enrolled with.
    pub hardware: HardwareEvidence,
}

/// Events of one stream.
struct Log {
    stream: StreamId,
    next: u64,
    acknowledged: u64,
    waiting: VecDeque<Box<RawValue>>,
}

impl Log {
    fn new() -> Self {
        Self { stream: StreamId::new(), next: 1, acknowledged: 0, waiting: VecDeque::new() }
    }
}

/// What it says to one target.
struct Talk {
    wire: Option<Wire>,
    tls: Option<Arc<ClientConfig>>,
    log: Log,
    turn: usize,
}

/// See the module.
pub struct Agent {
    /// Who it is.
    pub who: Who,
    /// Its randomness.
    pub dice: Dice,
    /// When a call of it was first acknowledged.
    pub first_heard: Option<Instant>,
    boot: BootId,
    booted_ms: i64,
    policy: u64,
    inventory: Inventory,
    collector: Talk,
    echo: Talk,
    past: Vec<Account>,
    events: u64,
    body: Vec<u8>,
    request: Vec<u8>,
}

/// Why a call brought nothing.
enum Failure {
    Refused { retry_after: Option<u64> },
    Broken,
}

impl Agent {
    /// An agent that has not called yet; its first event is that it started.
    pub fn new(world: &World, who: Who) -> Self {
        let talk = || Talk { wire: None, tls: None, log: Log::new(), turn: who.place };
        let mut agent = Self {
            dice: Dice::new(world.plan.seed ^ ((who.school as u64) << 20) ^ who.place as u64),
            first_heard: None,
            boot: BootId::new(),
            booted_ms: world.clock.now_ms() - UP_AT_START,
            policy: 0,
            inventory: Inventory::new(&format!("LOAD{:06}{:06}", who.school, who.place)),
            collector: talk(),
            echo: talk(),
            past: Vec::new(),
            events: 0,
            body: Vec::new(),
            request: Vec::new(),
            who,
        };
        agent.started(world);
        agent
    }

    fn started(&mut self, world: &World) {
        let hardware = self.who.hardware.clone();
        self.note(world, Target::Collector, Fact::Started { version: env!("CARGO_PKG_VERSION").to_owned(), hardware });
    }

    /// A new boot and a new stream, as after a night. What the old stream held must have been told before.
    pub fn boot(&mut self, world: &World) {
        self.past.extend(self.account_of_stream());
        self.collector.log = Log::new();
        self.boot = BootId::new();
        // A minute from the power button until the agent calls.
        self.booted_ms = world.clock.now_ms() - 60_000;
        self.started(world);
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.collector.wire = None;
    }

    /// Notes something that happens now.
    pub fn note(&mut self, world: &World, target: Target, fact: Fact) {
        let wall_ms = world.clock.now_ms();
        let up_ms = (wall_ms - self.booted_ms).unsigned_abs();
        let boot = self.boot;
        let log = &mut self.talk(target).log;
        let event = Event { seq: log.next, boot, up_ms, wall_ms, fact };
        if let Ok(raw) = serde_json::value::to_raw_value(&event) {
            log.next += 1;
            log.waiting.push_back(raw);
        }
    }

    /// Notes what an ordinary day brings: in turn a check that changed, which the engine must look at, and values.
    pub fn note_something(&mut self, world: &World, target: Target) {
        self.events += 1;
        match self.events % 4 {
            0 => self.note_check(world, target, VOLUME_SPACE, CheckState::Warning, Reason::SpaceLow),
            2 => self.note_check(world, target, VOLUME_SPACE, CheckState::Ok, Reason::Fine),
            _ => {
                let free = |volume: &str, dice: &mut Dice| Sample {
                    metric: "volume_free_bytes".to_owned(),
                    instance: volume.to_owned(),
                    value: (dice.below(1 << 30) * 100) as f64,
                };
                let values = vec![free("/", &mut self.dice), free("/home", &mut self.dice)];
                self.note(world, target, Fact::Samples { values });
            }
        }
    }

    /// Notes whether the way to the internet is open.
    pub fn note_internet(&mut self, world: &World, open: bool) {
        let (state, reason) =
            if open { (CheckState::Ok, Reason::Fine) } else { (CheckState::Critical, Reason::OutsideUnreachable) };
        self.note_check(world, Target::Collector, INTERNET, state, reason);
    }

    /// A check that changed is an event, and changes the section of the confirmed states.
    fn note_check(&mut self, world: &World, target: Target, check: &str, state: CheckState, reason: Reason) {
        let instance = self.inventory.instance(check);
        if target == Target::Collector {
            self.inventory.change(check, state, reason.clone());
        }
        let result = CheckResult { check: check.to_owned(), instance, state, reason, evidence: BTreeMap::new() };
        self.note(world, target, Fact::Check { result, bracket_ms: Some(60_000) });
    }

    /// Whether all events were acknowledged.
    pub fn has_told_all(&self) -> bool {
        self.collector.log.waiting.is_empty()
    }

    /// What was acknowledged of each of its streams that had events.
    pub fn accounts(&self) -> Vec<Account> {
        self.past.iter().copied().chain(self.account_of_stream()).collect()
    }

    fn account_of_stream(&self) -> Option<Account> {
        let Log { stream, next, acknowledged, .. } = self.collector.log;
        let Who { machine, school, .. } = self.who;
        (next > 1).then_some(Account { machine, school, stream, last: next - 1, acknowledged })
    }

    /// One heartbeat, with follow-ups if the answer wants something; tried again until it gets through or until
    /// `deadline`. Whether it got through, and how long the call that did took.
    pub async fn heartbeat(&mut self, world: &World, target: Target, deadline: Instant) -> Option<Duration> {
        let mut bound_ms = FIRST_WAIT_MS;
        loop {
            let begun = Instant::now();
            let failure = match self.call(world, target, None).await {
                Ok(want) => {
                    let took = begun.elapsed();
                    self.follow(world, target, want).await;
                    return Some(took);
                }
                Err(failure) => failure,
            };
            let wait = self.wait_after(world, &failure, &mut bound_ms);
            if Instant::now() + wait >= deadline || world.stopped() {
                return None;
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// What is wanted, and whatever events are left, at most as often as the agent does. What fails is wanted again.
    async fn follow(&mut self, world: &World, target: Target, mut want: Option<Want>) {
        for _ in 0..FOLLOW_UPS {
            if want.is_none() && self.talk(target).log.waiting.is_empty() {
                return;
            }
            match self.call(world, target, want.take()).await {
                Ok(next) => want = next,
                Err(_) => return,
            }
        }
    }

    fn wait_after(&mut self, world: &World, failure: &Failure, bound_ms: &mut u64) -> Duration {
        let cap = world.plan.retry_cap_ms;
        let jitter = self.dice.below(*bound_ms).max(20);
        *bound_ms = (*bound_ms * 2).min(cap);
        Duration::from_millis(match failure {
            Failure::Refused { retry_after: Some(seconds) } => (seconds * 1000).min(cap) + self.dice.below(200),
            _ => jitter.min(cap),
        })
    }

    async fn call(&mut self, world: &World, target: Target, want: Option<Want>) -> Result<Option<Want>, Failure> {
        let mut wire = match self.talk(target).wire.take() {
            Some(wire) => wire,
            None => self.connect(world, target).await.map_err(|error| broken(world, &error))?,
        };
        if self.write(world, target, want).is_err() {
            return Err(Failure::Broken);
        }
        // Broken connections are dropped here, good ones kept.
        let head = wire.call(&self.request).await.map_err(|error| {
            self.talk(target).turn += 1;
            broken(world, &error)
        })?;
        let result = self.read(world, target, head, wire.body(&head));
        if head.close {
            self.talk(target).turn += 1;
        } else {
            self.talk(target).wire = Some(wire);
        }
        result
    }

    async fn connect(&mut self, world: &World, target: Target) -> Result<Wire> {
        let key = self.who.key.clone();
        let from = self.who.from;
        let talk = self.talk(target);
        let tls = match &talk.tls {
            Some(tls) => tls.clone(),
            None => talk.tls.insert(world.tls(target, &key)?).clone(),
        };
        let opened = Wire::open(from, world.door(target, talk.turn)?, &tls).await;
        if opened.is_err() {
            talk.turn += 1;
        }
        opened
    }

    /// Writes a call as the agent does: compressed above 1 KiB, without a content type when quiet.
    fn write(&mut self, world: &World, target: Target, want: Option<Want>) -> Result<()> {
        let wall_ms = world.clock.now_ms();
        let talk = match target {
            Target::Collector => &self.collector,
            Target::Echo => &self.echo,
        };
        let log = &talk.log;
        let mut message = SyncRequest {
            v: SCHEMA,
            boot: self.boot,
            up_ms: (wall_ms - self.booted_ms).unsigned_abs(),
            wall_ms,
            stream: log.stream,
            oldest: log.acknowledged + 1,
            next: log.next,
            events: log.waiting.iter().take(EVENTS_PER_CALL).cloned().collect(),
            inventory: (log.waiting.len() <= EVENTS_PER_CALL).then_some(self.inventory.whole),
            digests: None,
            sections: BTreeMap::new(),
            policy: self.policy,
        };
        match want {
            Some(Want::Digests) => message.digests = Some(self.inventory.digests.clone()),
            Some(Want::Sections(names)) => {
                let known = |name: String| self.inventory.sections.get(&name).map(|body| (name, body.clone()));
                message.sections = names.into_iter().filter_map(known).collect();
            }
            None => {}
        }
        let quiet = message.events.is_empty() && message.digests.is_none() && message.sections.is_empty();
        self.body.clear();
        serde_json::to_writer(&mut self.body, &message)?;
        let door = world.door(target, talk.turn)?;
        if self.body.len() > COMPRESS_ABOVE {
            let small = zstd::bulk::compress(&self.body, ZSTD_LEVEL)?;
            write_request(&mut self.request, PATH, door, &small, Encoding::Zstd);
        } else {
            let encoding = if quiet { Encoding::Bare } else { Encoding::Typed };
            write_request(&mut self.request, PATH, door, &self.body, encoding);
        }
        Ok(())
    }

    fn read(&mut self, world: &World, target: Target, head: Head, body: &[u8]) -> Result<Option<Want>, Failure> {
        let counters = &world.counters;
        if head.status == 503 {
            counters.count(&counters.refused_503);
            if head.retry_after.is_none() {
                counters.count(&counters.bare_503);
            }
            return Err(Failure::Refused { retry_after: head.retry_after });
        }
        let answer = match serde_json::from_slice::<SyncAnswer>(body) {
            Ok(answer) if head.status == 200 => answer,
            _ => {
                counters.count(&counters.refused_other);
                counters.trouble(|| format!("HTTP {}: {}", head.status, String::from_utf8_lossy(body)));
                return Err(Failure::Refused { retry_after: head.retry_after });
            }
        };
        self.first_heard.get_or_insert_with(Instant::now);
        if let (Some(policy), Target::Collector) = (&answer.policy, target) {
            self.policy = policy.version;
        }
        let log = &mut self.talk(target).log;
        let mut acknowledged = answer.ack;
        if target == Target::Echo {
            // It says the same to everybody: all is stored.
            acknowledged = acknowledged.min(log.next - 1);
        } else if !(log.acknowledged..log.next).contains(&acknowledged) {
            counters.count(&counters.contradictions);
            let (stream, from, to) = (log.stream, log.acknowledged, log.next - 1);
            counters.trouble(|| format!("stream {stream}: {acknowledged} acknowledged, {from} before, {to} made"));
            return Ok(answer.want);
        }
        let told = usize::try_from(acknowledged - log.acknowledged).unwrap_or(usize::MAX).min(log.waiting.len());
        log.waiting.drain(..told);
        log.acknowledged = acknowledged;
        Ok(answer.want)
    }

    fn talk(&mut self, target: Target) -> &mut Talk {
        match target {
            Target::Collector => &mut self.collector,
            Target::Echo => &mut self.echo,
        }
    }
}

fn broken(world: &World, error: &anyhow::Error) -> Failure {
    world.counters.count(&world.counters.broken);
    world.counters.trouble(|| format!("{error:#}"));
    Failure::Broken
}
