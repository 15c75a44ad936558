//! Whether a line that carries is degraded: loss and latency over a window of looks, with hysteresis. Pure arithmetic.
//!
//! At each look the gateway and one address outside are pinged a few times side by side. What is lost on the way to the
//! gateway is the machine's own (`local_loss`: cable, socket, wireless); only what is lost behind it speaks of the line.
//! Where the gateway does not answer to ping nobody can tell the two apart, and nothing is said.
//!
//! What is *usual* of a line (its latency, the replies that a rate limit on the way eats) is learnt from looks that left
//! the window while all was well, so that a degraded line never becomes the usual one. Looks in which nothing came back
//! do not count: that is a cut, or ping that is filtered, and judged elsewhere.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vigie_shared::policy::QualityPolicy;

/// The window is kept in this many parts.
const PARTS: u64 = 20;
/// Looks after which something is usual.
const USUAL_FROM: u32 = 30;
/// Looks beyond which a single one weighs no less in what is usual.
const USUAL_WEIGHT: u32 = 1000;
/// Fewest looks that a verdict rests on.
const LOOKS_MIN: u32 = 5;
/// The last looks, in which a line that is failing loses packets each time.
const LAST_LOOKS: usize = 2;

/// Echo requests of one look to one address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Series {
    /// Requests sent.
    pub sent: u32,
    /// Replies received.
    pub received: u32,
    /// Median time of the replies, microseconds.
    pub rtt_us: u32,
}

/// What is usual of the line of one network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    looks: u32,
    /// Time behind the gateway, microseconds.
    rtt_us: u32,
    /// Loss behind the gateway, per million.
    loss_ppm: u32,
}

impl Usual {
    fn is_known(self) -> bool {
        self.looks >= USUAL_FROM
    }

    fn learn(&mut self, part: &Part) {
        if part.looks == 0 {
            return;
        }
        let looks = self.looks.saturating_add(part.looks).min(USUAL_WEIGHT);
        let towards = |old: u32, new: u32| {
            let (old, new) = (i64::from(old), i64::from(new));
            let moved = old + (new - old) * i64::from(part.looks) / i64::from(looks.max(part.looks));
            u32::try_from(moved).unwrap_or_default()
        };
        self.rtt_us = towards(self.rtt_us, part.rtt_us());
        self.loss_ppm = towards(self.loss_ppm, part.line_loss_ppm());
        self.looks = looks;
    }
}

/// What the window says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to say.
    #[default]
    Good,
    /// Packets are lost before the gateway.
    Local,
    /// Packets are lost behind the gateway, or answers take too long.
    Line,
}

/// The window in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The verdict.
    pub verdict: Verdict,
    /// Each of the last looks lost packets behind the gateway, more than is usual: what stays silent meanwhile proves
    /// nothing, though it is too early for a verdict on the line.
    #[serde(skip)]
    pub losing: bool,
    /// Looks that counted.
    pub looks: u32,
    /// Loss on the whole way, percent.
    pub loss_percent: u32,
    /// Loss before the gateway, percent; absent when the gateway does not answer to ping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_loss_percent: Option<u32>,
    /// Mean time behind the gateway, milliseconds.
    pub rtt_ms: u32,
    /// What is usual of that, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_usual_ms: Option<u32>,
}

/// Some looks of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part {
    /// Which part of time, counted from the boot.
    number: u64,
    /// When its first look was, milliseconds since boot.
    first_ms: u64,
    looks: u32,
    /// Looks in which the gateway answered.
    with_gateway: u32,
    /// Looks that lost something on the whole way, and before the gateway.
    lossy: u32,
    gateway_lossy: u32,
    slow: u32,
    sent: u32,
    received: u32,
    gateway_sent: u32,
    gateway_received: u32,
    /// Sum over the looks of the time behind the gateway.
    rtt_sum_us: u64,
    /// All was not well while this was in the window: it teaches nothing.
    tainted: bool,
}

impl Part {
    fn add(&mut self, look: Look) {
        let Look { outside, gateway, slow } = look;
        self.looks += 1;
        self.slow += u32::from(slow);
        self.lossy += u32::from(outside.received < outside.sent);
        self.sent += outside.sent;
        self.received += outside.received;
        self.rtt_sum_us += u64::from(line_rtt_us(outside, gateway));
        if gateway.received > 0 {
            self.with_gateway += 1;
            self.gateway_lossy += u32::from(gateway.received < gateway.sent);
            self.gateway_sent += gateway.sent;
            self.gateway_received += gateway.received;
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        self.looks += other.looks;
        self.with_gateway += other.with_gateway;
        self.lossy += other.lossy;
        self.gateway_lossy += other.gateway_lossy;
        self.slow += other.slow;
        self.sent += other.sent;
        self.received += other.received;
        self.gateway_sent += other.gateway_sent;
        self.gateway_received += other.gateway_received;
        self.rtt_sum_us += other.rtt_sum_us;
        self
    }

    fn loss_ppm(&self) -> u32 {
        ppm(self.sent, self.received)
    }

    fn gateway_loss_ppm(&self) -> u32 {
        ppm(self.gateway_sent, self.gateway_received)
    }

    fn line_loss_ppm(&self) -> u32 {
        self.loss_ppm().saturating_sub(self.gateway_loss_ppm())
    }

    fn rtt_us(&self) -> u32 {
        let mean = self.rtt_sum_us.checked_div(u64::from(self.looks)).unwrap_or_default();
        u32::try_from(mean).unwrap_or(u32::MAX)
    }

    /// Whether the gateway answered often enough to tell its part from the line's.
    fn knows_gateway(&self) -> bool {
        self.with_gateway > 0 && self.with_gateway * 2 >= self.looks
    }
}

fn ppm(sent: u32, received: u32) -> u32 {
    let lost = u64::from(sent.saturating_sub(received)) * 1_000_000;
    u32::try_from(lost.checked_div(u64::from(sent)).unwrap_or_default()).unwrap_or(1_000_000)
}

fn line_rtt_us(outside: Series, gateway: Series) -> u32 {
    outside.rtt_us.saturating_sub(if gateway.received > 0 { gateway.rtt_us } else { 0 })
}

#[derive(Debug, Clone, Copy)]
struct Look {
    outside: Series,
    gateway: Series,
    slow: bool,
}

/// The window of one machine, on the network it is on.
#[derive(Debug, Clone, Default)]
pub struct Window {
    network: String,
    width_ms: u64,
    parts: VecDeque<Part>,
    verdict: Verdict,
}

impl Window {
    /// Takes in one look at this moment of the boot clock, and says what the window comes to. What leaves the window
    /// teaches what is usual.
    pub fn look(
        &mut self,
        at_ms: u64,
        network: &str,
        (outside, gateway): (Series, Series),
        usual: &mut Usual,
        policy: &QualityPolicy,
    ) -> Measured {
        let width_ms = u64::from(policy.window_s) * 1000;
        let turned_back = self.parts.back().is_some_and(|part| part.first_ms > at_ms);
        if self.network != network || self.width_ms != width_ms || turned_back {
            *self = Self { network: network.to_owned(), width_ms, ..Self::default() };
        }
        self.let_go(at_ms, usual);
        if outside.received > 0 {
            let rtt_us = line_rtt_us(outside, gateway);
            let slow = usual.is_known()
                && rtt_us > policy.rtt_ms.saturating_mul(1000)
                && rtt_us > usual.rtt_us.saturating_mul(policy.rtt_factor);
            self.add(at_ms, Look { outside, gateway, slow });
        }
        self.judge(at_ms, *usual, policy);
        Measured { losing: self.is_losing(*usual, policy), ..self.measured(*usual) }
    }

    /// Drops what is older than the window.
    fn let_go(&mut self, at_ms: u64, usual: &mut Usual) {
        while let Some(part) = self.parts.front().filter(|part| at_ms.saturating_sub(part.first_ms) > self.width_ms) {
            // A part that slept through is no lesson either.
            if !part.tainted && part.slow == 0 {
                usual.learn(part);
            }
            self.parts.pop_front();
        }
    }

    fn add(&mut self, at_ms: u64, look: Look) {
        let number = at_ms / (self.width_ms / PARTS).max(1);
        if let Some(part) = self.parts.back_mut().filter(|part| part.number == number) {
            return part.add(look);
        }
        let mut part = Part { number, first_ms: at_ms, ..Part::default() };
        part.add(look);
        self.parts.push_back(part);
    }

    fn sum(&self) -> Part {
        self.parts.iter().fold(Part::default(), |sum, part| sum.plus(part))
    }

    fn judge(&mut self, at_ms: u64, usual: Usual, policy: &QualityPolicy) {
        let all = self.sum();
        let loss = policy.loss_percent.saturating_mul(10_000);
        let clear = policy.loss_clear_percent.saturating_mul(10_000);
        // A few looks, or a short burst, are no state of the line.
        let covered = self.parts.front().is_some_and(|first| {
            all.looks >= LOOKS_MIN && at_ms.saturating_sub(first.first_ms) * 10 >= self.width_ms * 7
        });
        let often = |lossy: u32, of: u32| lossy * 10 >= of * 3;
        let (gateway, line) = (all.gateway_loss_ppm(), all.line_loss_ppm().saturating_sub(usual.loss_ppm));
        let local_begins = covered && gateway >= loss && often(all.gateway_lossy, all.with_gateway);
        let line_begins = covered
            && usual.is_known()
            && gateway < loss
            && ((line >= loss && often(all.lossy, all.looks)) || all.slow * 2 >= all.looks);
        let line_lasts = line >= clear.max(1) || all.slow * 4 >= all.looks;
        self.verdict = match self.verdict {
            _ if all.looks == 0 || !all.knows_gateway() => Verdict::Good,
            Verdict::Local if gateway >= clear.max(1) => Verdict::Local,
            Verdict::Line if gateway < loss && line_lasts => Verdict::Line,
            _ if local_begins => Verdict::Local,
            _ if line_begins => Verdict::Line,
            _ => Verdict::Good,
        };
        if self.verdict != Verdict::Good {
            self.parts.iter_mut().for_each(|part| part.tainted = true);
        }
    }

    fn is_losing(&self, usual: Usual, policy: &QualityPolicy) -> bool {
        let last = self.parts.iter().rev().take(LAST_LOOKS).fold(Part::default(), |sum, part| sum.plus(part));
        let loss = last.line_loss_ppm().saturating_sub(usual.loss_ppm);
        last.looks as usize >= LAST_LOOKS
            && last.lossy == last.looks
            && last.knows_gateway()
            && loss >= policy.loss_percent.saturating_mul(10_000)
    }

    fn measured(&self, usual: Usual) -> Measured {
        let all = self.sum();
        let percent = |ppm: u32| ppm.saturating_add(5_000) / 10_000;
        let ms = |us: u32| us.saturating_add(500) / 1000;
        Measured {
            verdict: self.verdict,
            losing: false,
            looks: all.looks,
            loss_percent: percent(all.loss_ppm()),
            gateway_loss_percent: all.knows_gateway().then(|| percent(all.gateway_loss_ppm())),
            rtt_ms: ms(all.rtt_us()),
            rtt_usual_ms: usual.is_known().then(|| ms(usual.rtt_us)),
        }
    }
}

#[cfg(test)]
#[path = "quality_tests.rs"]
mod tests;
