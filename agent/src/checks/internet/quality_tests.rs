//! Windows of looks every minute, told as what was lost and how long answers took.

use super::*;
use proptest::prelude::*;

const MINUTE: u64 = 60_000;
const NETWORK: &str = "192.0.2.1 eth0";

/// A machine that looks once a minute.
struct World {
    window: Window,
    usual: Usual,
    policy: QualityPolicy,
    minute: u64,
}

impl World {
    fn new() -> Self {
        Self { window: Window::default(), usual: Usual::default(), policy: QualityPolicy::default(), minute: 0 }
    }

    /// One that has seen 20 ms and no loss for two hours.
    fn settled() -> Self {
        let mut world = Self::new();
        world.looks(120, |_| (0, 20, 0));
        assert_eq!(world.looks(1, |_| (0, 20, 0)).rtt_usual_ms, Some(20));
        world
    }

    /// Looks that lose `(outside, ms, before the gateway)` of five echoes, by number of the look.
    fn looks(&mut self, count: u64, seen: impl Fn(u64) -> (u32, u32, u32)) -> Measured {
        let mut measured = Measured::default();
        for n in 0..count {
            let (lost, ms, gateway_lost) = seen(n);
            let outside = Series { sent: 5, received: 5 - lost, rtt_us: ms * 1000 + 500 };
            let gateway = Series { sent: 5, received: 5 - gateway_lost, rtt_us: 500 };
            self.minute += 1;
            measured =
                self.window.look(self.minute * MINUTE, NETWORK, (outside, gateway), &mut self.usual, &self.policy);
        }
        measured
    }
}

#[test]
fn loss_behind_the_gateway_for_ten_minutes_degrades_the_line_and_clean_minutes_end_it() {
    let mut world = World::settled();
    let measured = world.looks(10, |_| (1, 20, 0));
    assert_eq!((measured.verdict, measured.gateway_loss_percent), (Verdict::Line, Some(0)));
    assert!((10..=20).contains(&measured.loss_percent), "{measured:?}");
    assert_eq!(world.looks(5, |_| (0, 20, 0)).verdict, Verdict::Line, "not yet below 3 %");
    assert_eq!(world.looks(7, |_| (0, 20, 0)).verdict, Verdict::Good);
}

#[test]
fn a_little_loss_is_no_state_of_the_line() {
    let mut world = World::settled();
    assert_eq!(world.looks(60, |n| (u32::from(n % 4 == 0), 20, 0)).verdict, Verdict::Good);
}

#[test]
fn a_short_burst_is_no_state_of_the_line() {
    let mut world = World::settled();
    for n in 0..30 {
        assert_eq!(world.looks(1, |_| if n < 2 { (4, 20, 0) } else { (0, 20, 0) }).verdict, Verdict::Good, "{n}");
    }
}

#[test]
fn loss_before_the_gateway_is_the_machines_own() {
    let mut world = World::settled();
    let measured = world.looks(12, |_| (2, 20, 2));
    assert_eq!((measured.verdict, measured.gateway_loss_percent), (Verdict::Local, Some(40)));
    assert_eq!(world.looks(12, |_| (0, 20, 0)).verdict, Verdict::Good);
}

#[test]
fn a_gateway_that_does_not_answer_to_ping_leaves_it_open() {
    let mut world = World::settled();
    let measured = world.looks(30, |_| (3, 20, 5));
    assert_eq!((measured.verdict, measured.gateway_loss_percent), (Verdict::Good, None));
}

#[test]
fn answers_that_take_much_longer_than_usual_degrade_the_line() {
    let mut world = World::settled();
    let measured = world.looks(10, |_| (0, 400, 0));
    assert_eq!((measured.verdict, measured.rtt_usual_ms), (Verdict::Line, Some(20)));
    assert!(measured.rtt_ms > 200, "{measured:?}");
    assert_eq!(world.looks(12, |_| (0, 20, 0)).verdict, Verdict::Good);
}

#[test]
fn a_line_that_is_always_far_is_not_degraded() {
    let mut world = World::new();
    assert_eq!(world.looks(300, |_| (0, 600, 0)).verdict, Verdict::Good, "a satellite");
    let mut near = World::settled();
    assert_eq!(near.looks(60, |_| (0, 100, 0)).verdict, Verdict::Good, "five times as long, and still short");
}

#[test]
fn what_a_rate_limit_on_the_way_always_eats_is_usual() {
    let mut world = World::new();
    assert_eq!(world.looks(300, |n| (u32::from(n % 2 == 0), 20, 0)).verdict, Verdict::Good);
    assert_eq!(world.looks(11, |_| (2, 20, 0)).verdict, Verdict::Line, "much more than that is not");
}

#[test]
fn a_cut_is_no_loss() {
    let mut world = World::settled();
    assert_eq!(world.looks(20, |_| (5, 0, 0)).looks, 0);
    assert_eq!(world.looks(20, |_| (0, 20, 0)).verdict, Verdict::Good);
}

#[test]
fn a_degraded_line_never_becomes_the_usual_one() {
    let mut world = World::settled();
    let measured = world.looks(2000, |_| (1, 400, 0));
    assert_eq!((measured.verdict, measured.rtt_usual_ms), (Verdict::Line, Some(20)));
}

#[test]
fn another_network_begins_anew() {
    let mut world = World::settled();
    world.looks(12, |_| (1, 20, 0));
    let series = Series { sent: 5, received: 5, rtt_us: 20_000 };
    let mut usual = Usual::default();
    let elsewhere =
        world.window.look(world.minute * MINUTE, "198.51.100.1 wlan0", (series, series), &mut usual, &world.policy);
    assert_eq!((elsewhere.verdict, elsewhere.looks), (Verdict::Good, 1));
}

proptest! {
    /// Whatever the machine's own cable does, a line that loses nothing more is never called degraded.
    #[test]
    fn the_machines_own_cable_never_makes_the_line_bad(lost in prop::collection::vec(0u32..5, 1..200)) {
        let mut world = World::settled();
        for lost in lost {
            let measured = world.looks(1, |_| (lost, 20, lost));
            prop_assert_ne!(measured.verdict, Verdict::Line);
        }
    }

    #[test]
    fn nothing_is_said_of_a_line_that_is_not_known_yet(looks in prop::collection::vec((0u32..5, 1u32..2000), 1..30)) {
        let mut world = World::new();
        for (lost, ms) in looks {
            prop_assert_eq!(world.looks(1, |_| (lost, ms, 0)).verdict, Verdict::Good);
        }
    }

    #[test]
    fn whatever_was_a_clean_window_ends_it_and_memory_stays_bounded(
        looks in prop::collection::vec((0u32..6, 1u32..2000, 0u32..6), 0..300),
        every_ms in 1_000u64..120_000,
    ) {
        let mut world = World::settled();
        let (mut usual, mut at) = (world.usual, world.minute * MINUTE);
        for (lost, ms, gateway_lost) in looks {
            at += every_ms;
            let outside = Series { sent: 5, received: 5 - lost.min(5), rtt_us: ms * 1000 };
            let gateway = Series { sent: 5, received: 5 - gateway_lost.min(5), rtt_us: 500 };
            let measured = world.window.look(at, NETWORK, (outside, gateway), &mut usual, &world.policy);
            prop_assert!(measured.loss_percent <= 100);
            prop_assert!(world.window.parts.len() <= 23, "{}", world.window.parts.len());
        }
        let well = Series { sent: 5, received: 5, rtt_us: 20_000 };
        let mut last = Measured::default();
        for _ in 0..(700_000 / every_ms + 2) {
            at += every_ms;
            last = world.window.look(at, NETWORK, (well, well), &mut usual, &world.policy);
        }
        prop_assert_eq!(last.verdict, Verdict::Good);
    }
}

#[test]
fn two_looks_that_lose_are_told_before_there_is_a_verdict_and_one_is_not() {
    let mut world = World::settled();
    assert!(!world.looks(1, |_| (2, 20, 0)).losing, "one look");
    let measured = world.looks(1, |_| (2, 20, 0));
    assert_eq!((measured.losing, measured.verdict), (true, Verdict::Good));
    assert!(!world.looks(1, |_| (0, 20, 0)).losing);
    assert!(!world.looks(3, |_| (2, 20, 2)).losing, "lost before the gateway");
}
