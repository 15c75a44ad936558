//! One simulated agent: what it keeps, and the laws of its clocks and pauses. Looks are in `looks`, calls in `calls`.

use super::Ms;
use super::rng::Rng;
use super::sight::Sight;
use super::spool::Spool;
use super::world::Machine;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use vigie_agent::checks::confirm::{Confirmation, Moment};
use vigie_agent::checks::internet::memory::Memory;
use vigie_agent::checks::internet::quality::Window;
use vigie_collector::store::Peer;
use vigie_shared::check::{CheckResult, CheckStanding};
use vigie_shared::digest::Digest;
use vigie_shared::event::{Event, Fact};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::BootId;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Checks, name};

/// First bound of the wait after a failure: the law of `agent/src/sync/backoff.rs`.
const BASE_MS: Ms = 2_000;
/// Least wait after a failure.
const LEAST_MS: Ms = 250;
/// A call that was asked for comes within this.
pub const ASKED_MS: Ms = 2_000;

/// Whether a machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Off.
    Off,
    /// On.
    On,
    /// Asleep or hibernated: the boot goes on.
    Asleep,
}

/// Heartbeats that nobody needs to see one by one: at `base`, and every `period` after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// The last one that was applied.
    pub base: Ms,
    /// Between two of them.
    pub period: Ms,
}

impl Beat {
    /// The latest at or before an instant; the base itself is known already.
    pub fn latest(self, upto: Ms) -> Option<Ms> {
        let n = (upto - self.base).div_euclid(self.period);
        (n > 0).then(|| self.base + n * self.period)
    }

    /// The first after an instant.
    pub fn next(self, after: Ms) -> Ms {
        self.base + ((after - self.base).div_euclid(self.period) + 1).max(1) * self.period
    }
}

/// The disk of a frozen machine.
#[derive(Debug, Clone)]
pub struct Image {
    spool: Spool,
    memory: Memory,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its machine, by place in the world.
    pub machine: usize,
    /// Its certificate, once enrolled.
    pub peer: Option<Peer>,
    /// Whether the machine runs.
    pub power: Power,
    /// Whether the agent's process runs.
    pub running: bool,
    /// The boot.
    pub boot: BootId,
    /// When it began.
    pub boot_at: Ms,
    /// When it fell asleep.
    pub asleep_at: Ms,
    /// What its disk keeps for the collector.
    pub spool: Spool,
    /// What worked on which network.
    pub memory: Memory,
    /// What is believed of the way to the internet.
    pub internet: Confirmation,
    /// What is believed of its volume.
    pub volume: Confirmation,
    /// Quality of the line over the last looks.
    pub window: Window,
    /// Looks are made one by one until then: the window still holds bad ones.
    pub rough_until: Ms,
    /// The last attempt to call found a certificate of somebody else.
    pub foreign: bool,
    /// What it sees.
    pub sight: Option<Sight>,
    /// It got an address when it started.
    pub addressed: bool,
    /// Its connection is open.
    pub connected: bool,
    /// Failures in a row.
    pub failures: u32,
    /// Not to call before this.
    pub not_before: Ms,
    /// When it calls next; nothing while it beats or does not run.
    pub call_at: Option<Ms>,
    /// When it looks next; nothing while looks only repeat themselves.
    pub look_at: Option<Ms>,
    /// When it looks at its volume next.
    pub volume_at: Option<Ms>,
    /// The last look, and what it saw.
    pub looked: Option<(Ms, CheckResult)>,
    /// Quiet heartbeats.
    pub beat: Option<Beat>,
    /// A quiet heartbeat that was made and not applied yet.
    pub owed: Option<Ms>,
    /// Receipt of the last call that was applied.
    pub applied: Ms,
    /// The whole inventory that the collector is known to hold.
    pub held: Option<Digest>,
    /// Its disk as frozen.
    pub image: Option<Image>,
    /// A boot that is under way ends then.
    pub starts_at: Option<Ms>,
    /// Chance.
    pub rng: Rng,
}

impl Agent {
    /// An agent of a machine that is off.
    pub fn new(machine: usize, mut rng: Rng) -> Self {
        Self {
            machine,
            peer: None,
            power: Power::Off,
            running: false,
            boot: BootId(rng.uuid()),
            boot_at: 0,
            asleep_at: 0,
            spool: Spool::default(),
            memory: Memory::default(),
            internet: Confirmation::default(),
            volume: Confirmation::default(),
            window: Window::default(),
            rough_until: 0,
            foreign: false,
            sight: None,
            addressed: true,
            connected: false,
            failures: 0,
            not_before: 0,
            call_at: None,
            look_at: None,
            volume_at: None,
            looked: None,
            beat: None,
            owed: None,
            applied: 0,
            held: None,
            image: None,
            starts_at: None,
            rng,
        }
    }

    /// Keeps the disk as it is: every boot begins from it.
    pub fn freeze(&mut self) {
        self.image = Some(Image { spool: self.spool.clone(), memory: self.memory.clone() });
    }

    /// The disk as it was frozen.
    pub fn thaw(&mut self) {
        if let Some(image) = &self.image {
            self.spool = image.spool.clone();
            self.memory = image.memory.clone();
        }
    }

    /// Its clocks at an instant.
    pub fn moment(&self, machine: &Machine, at: Ms) -> Moment {
        let since = at - self.boot_at;
        let up = since + since / 1000 * machine.drift_ppm / 1000;
        Moment { up_ms: u64::try_from(up).unwrap_or_default(), wall_ms: at + machine.wall_error_ms }
    }

    /// Keeps something that happened, for the collector.
    pub fn happened(&mut self, at: Moment, fact: Fact) {
        let event = Event { seq: self.spool.next(), boot: self.boot, up_ms: at.up_ms, wall_ms: at.wall_ms, fact };
        self.spool.append(to_raw_value(&event).expect("an event is JSON"));
    }

    /// The wait after one more failure: anywhere up to a bound that doubles each time.
    pub fn back_off(&mut self, cap_ms: Ms) -> Ms {
        let bound = BASE_MS.saturating_mul(1 << self.failures.min(30)).min(cap_ms);
        self.failures = self.failures.saturating_add(1);
        self.rng.up_to(bound).max(LEAST_MS.min(bound))
    }

    /// No more quiet heartbeats: the next is a call like another. Answers whether it was beating.
    pub fn stop_beating(&mut self, now: Ms) -> bool {
        let Some(beat) = self.beat.take() else { return false };
        self.owed = beat.latest(now).or(self.owed);
        self.call_at = Some(beat.next(now));
        true
    }

    /// Everything that was to come is not to come any more.
    pub fn halt(&mut self, now: Ms) -> bool {
        let was_beating = self.stop_beating(now);
        (self.call_at, self.look_at, self.volume_at, self.starts_at) = (None, None, None, None);
        self.connected = false;
        was_beating
    }

    /// Confirmed states, sorted.
    pub fn standings(&self) -> Vec<CheckStanding> {
        let standing = |check: &str, instance: &str, of: &Confirmation| {
            let (state, reason) = of.believed()?.clone();
            Some(CheckStanding { check: check.to_owned(), instance: instance.to_owned(), state, reason })
        };
        let mut all: Vec<_> = [
            standing(vigie_shared::check::INTERNET, "", &self.internet),
            standing(vigie_shared::check::VOLUME_SPACE, "/", &self.volume),
        ]
        .into_iter()
        .flatten()
        .collect();
        all.sort();
        all
    }

    /// What it says of itself: its checks, and one section that never changes.
    pub fn sections(&self, machine: &Machine) -> BTreeMap<String, Box<RawValue>> {
        let checks = to_raw_value(&Outcome::Complete { data: Checks { checks: self.standings() } });
        let hardware = to_raw_value(&serde_json::json!({"outcome": "complete", "data": {"serial": machine.serial}}));
        BTreeMap::from([
            (name::CHECKS.to_owned(), checks.expect("JSON")),
            ("simulated".to_owned(), hardware.expect("JSON")),
        ])
    }
}

/// Digests of sections.
pub fn digests(sections: &BTreeMap<String, Box<RawValue>>) -> BTreeMap<String, Digest> {
    sections.iter().map(|(name, body)| (name.clone(), Digest::of(body.get().as_bytes()))).collect()
}

/// What tells the hardware of a machine.
pub fn hardware(machine: &Machine) -> HardwareEvidence {
    HardwareEvidence {
        board_serial: Some(format!("B-{}", machine.serial)),
        system_serial: Some(format!("S-{}", machine.serial)),
        ..HardwareEvidence::default()
    }
}
