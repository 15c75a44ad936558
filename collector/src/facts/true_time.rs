//! When an event truly happened, in the collector's time.
//!
//! What is trusted is the difference between two readings of the clock that counts milliseconds since boot, suspend
//! included: true time = receipt − (call's reading − event's reading). For an earlier boot the last offset known for it
//! serves. A boot that never reached us has none: there the machine's wall clock counts, if it was equally wrong before
//! and after ([`WallClock`]). Else the event is only bounded by its neighbours and marked uncertain. Nothing happens later
//! than its receipt.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use vigie_shared::id::BootId;

/// An instant and whether it rests on a known offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrueTime {
    /// The instant, never later than the receipt.
    pub at: Timestamp,
    /// Whether the offset between the boot's clock and ours is known.
    pub certain: bool,
}

/// A wall clock that was set, or that lost its battery, differs by more than this between two readings.
const STEADY: SignedDuration = SignedDuration::from_secs(30);

/// How wrong the wall clock of a machine was at two instants that we know: when an earlier boot began, before anybody can
/// have set it by the network, and at this call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// What it showed less what it was, milliseconds, at the start of an earlier boot.
    pub then_ms: i64,
    /// The same now.
    pub now_ms: i64,
}

impl WallClock {
    /// How wrong it was all the time in between, if one may say so.
    fn error(self) -> Option<SignedDuration> {
        let apart = SignedDuration::from_millis(self.now_ms.checked_sub(self.then_ms)?);
        (apart.abs() <= STEADY).then(|| SignedDuration::from_millis(self.then_ms) + apart / 2)
    }
}

/// One moment as the clocks of a machine show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The boot.
    pub boot: BootId,
    /// Milliseconds since it began.
    pub up_ms: u64,
    /// The wall clock, milliseconds since 1970.
    pub wall_ms: i64,
}

/// What is known about the clocks of a machine when a call is received.
#[derive(Debug, Clone)]
pub struct Clocks {
    /// Receipt of the call.
    pub received: Timestamp,
    /// The boot that sends.
    pub boot: BootId,
    /// Its reading, milliseconds since boot.
    pub up_ms: u64,
    /// When earlier boots began, as last known.
    pub offsets: BTreeMap<BootId, Timestamp>,
    /// The machine was certainly not earlier than this (its last event known, else its enrolment).
    pub not_before: Timestamp,
    /// Its wall clock, where it was read before and after.
    pub wall: Option<WallClock>,
}

impl Clocks {
    /// When the sending boot began.
    pub fn began(&self) -> Timestamp {
        back(self.received, self.up_ms)
    }

    /// True times of events in the order of their stream.
    pub fn date(mut self, events: &[Reading]) -> Vec<TrueTime> {
        let mut dated = Vec::with_capacity(events.len());
        let mut lower = self.not_before.min(self.received);
        self.offsets.extend(self.by_wall_clock(events, lower));
        for (index, Reading { boot, up_ms, .. }) in events.iter().enumerate() {
            let time = match self.known(*boot, *up_ms) {
                Some(at) => TrueTime { at, certain: true },
                None => {
                    let rest = events.get(index..).unwrap_or_default();
                    TrueTime { at: self.bounded(*boot, *up_ms, rest, lower), certain: false }
                }
            };
            // A bound only for what follows without an offset of its own.
            lower = lower.max(time.at);
            dated.push(time);
        }
        dated
    }

    /// When boots began that never reached us, by a wall clock that was as wrong before as after. Each of its readings in
    /// such a boot must agree with the other clock, and lie between what was known before and the boot that sends.
    fn by_wall_clock(&self, events: &[Reading], lower: Timestamp) -> BTreeMap<BootId, Timestamp> {
        let mut began: BTreeMap<BootId, (Timestamp, bool)> = BTreeMap::new();
        let Some(error) = self.wall.and_then(WallClock::error) else { return BTreeMap::new() };
        for one in events.iter().filter(|one| one.boot != self.boot && !self.offsets.contains_key(&one.boot)) {
            let Some(at) = Timestamp::from_millisecond(one.wall_ms).ok().and_then(|at| at.checked_sub(error).ok())
            else {
                continue;
            };
            let offset = back(at, one.up_ms);
            let (first, sound) = began.entry(one.boot).or_insert((offset, true));
            let agrees = first.duration_since(offset).abs() <= STEADY;
            *sound &= agrees && lower <= at + STEADY && at <= self.began() + STEADY;
        }
        began.into_iter().filter(|(_, (_, sound))| *sound).map(|(boot, (began, _))| (boot, began)).collect()
    }

    /// By a known offset; `None` when there is none, or when it would put the event after its receipt.
    fn known(&self, boot: BootId, up_ms: u64) -> Option<Timestamp> {
        if boot == self.boot {
            return (up_ms <= self.up_ms).then(|| back(self.received, self.up_ms - up_ms));
        }
        let at = forward(*self.offsets.get(&boot)?, up_ms);
        (at <= self.received).then_some(at)
    }

    /// As late as what follows allows: before the next event that can be dated, before the sending boot began, and as
    /// long before the last event of its own boot as that boot's clock says; never before what precedes.
    fn bounded(&self, boot: BootId, up_ms: u64, rest: &[Reading], lower: Timestamp) -> Timestamp {
        let end = rest.iter().filter(|one| one.boot != boot).find_map(|one| self.known(one.boot, one.up_ms));
        let upper = end.unwrap_or(self.received).min(if boot == self.boot { self.received } else { self.began() });
        let last = rest.iter().filter(|one| one.boot == boot).map(|one| one.up_ms).max().unwrap_or(up_ms);
        back(upper, last.saturating_sub(up_ms)).max(lower).min(self.received)
    }
}

/// An offset: when a boot began, given one reading of its clock at a known instant.
pub fn offset(received: Timestamp, up_ms: u64) -> Timestamp {
    back(received, up_ms)
}

fn back(from: Timestamp, ms: u64) -> Timestamp {
    from.checked_sub(millis(ms)).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}

fn forward(from: Timestamp, ms: u64) -> Timestamp {
    from.checked_add(millis(ms)).unwrap_or(Timestamp::MAX)
}

fn millis(ms: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A moment of which the wall clock says nothing.
    fn reading(boot: BootId, up_ms: u64) -> Reading {
        Reading { boot, up_ms, wall_ms: 0 }
    }

    fn clocks(boot: BootId) -> Clocks {
        Clocks {
            received: at(1000),
            boot,
            up_ms: 600_000,
            offsets: BTreeMap::new(),
            not_before: at(-100_000),
            wall: None,
        }
    }

    #[test]
    fn in_the_sending_boot_the_difference_of_readings_counts() {
        let boot = BootId::new();
        let dated = clocks(boot).date(&[reading(boot, 590_000)]);
        assert_eq!(dated, [TrueTime { at: at(990), certain: true }]);
    }

    #[test]
    fn an_earlier_boot_keeps_its_last_known_offset() {
        let (now, earlier) = (BootId::new(), BootId::new());
        let mut clocks = clocks(now);
        clocks.offsets.insert(earlier, at(-5000));
        assert_eq!(clocks.date(&[reading(earlier, 2_000_000)]), [TrueTime { at: at(-3000), certain: true }]);
    }

    #[test]
    fn an_unknown_boot_is_bounded_by_its_neighbours_and_marked() {
        // The sending boot began at 400; two events of a boot never heard, 60 s apart, happened before that.
        let (now, unknown) = (BootId::new(), BootId::new());
        let dated = clocks(now).date(&[reading(unknown, 10_000), reading(unknown, 70_000), reading(now, 0)]);
        assert_eq!(dated[0], TrueTime { at: at(340), certain: false });
        assert_eq!(dated[1], TrueTime { at: at(400), certain: false });
        assert_eq!(dated[2], TrueTime { at: at(400), certain: true });
    }

    #[test]
    fn an_unknown_boot_is_never_before_what_was_known_before_it() {
        let (now, unknown) = (BootId::new(), BootId::new());
        let mut clocks = clocks(now);
        clocks.not_before = at(390);
        assert_eq!(
            clocks.date(&[reading(unknown, 0), reading(unknown, 900_000)])[0],
            TrueTime { at: at(390), certain: false }
        );
    }

    #[test]
    fn an_event_ahead_of_its_own_call_is_uncertain_and_not_after_the_receipt() {
        let boot = BootId::new();
        assert_eq!(clocks(boot).date(&[reading(boot, 700_000)]), [TrueTime { at: at(1000), certain: false }]);
    }

    /// The sending boot began at 400. A boot that we never heard, `up_s` seconds after its start, by a wall clock.
    fn unheard(boot: BootId, up_s: u64, wall: i64) -> Reading {
        Reading { boot, up_ms: up_s * 1000, wall_ms: at(wall).as_millisecond() }
    }

    #[test]
    fn a_wall_clock_as_wrong_before_as_after_dates_a_boot_that_never_reached_us() {
        let (now, unknown) = (BootId::new(), BootId::new());
        // An hour ahead at the start of an earlier boot, and ten seconds more today.
        let wall = Some(WallClock { then_ms: 3_600_000, now_ms: 3_610_000 });
        let clocks = Clocks { wall, ..clocks(now) };
        let dated = clocks.date(&[unheard(unknown, 10, 3600 - 900), unheard(unknown, 130, 3600 - 779)]);
        assert_eq!(dated[0], TrueTime { at: at(-905), certain: true });
        assert_eq!(dated[1], TrueTime { at: at(-785), certain: true });
    }

    #[test]
    fn a_wall_clock_that_was_set_or_lost_or_shows_the_impossible_dates_nothing() {
        let (now, unknown) = (BootId::new(), BootId::new());
        let right = WallClock { then_ms: 0, now_ms: 0 };
        let set = WallClock { then_ms: -86_400_000, now_ms: 0 };
        let of = |wall, readings: &[Reading]| Clocks { wall, ..clocks(now) }.date(readings)[0].certain;
        assert!(of(Some(right), &[unheard(unknown, 10, 100)]), "the control");
        assert!(!of(None, &[unheard(unknown, 10, 100)]), "never read before");
        assert!(!of(Some(set), &[unheard(unknown, 10, 100)]), "wrong by a day before");
        assert!(!of(Some(right), &[unheard(unknown, 10, 600)]), "after the boot that sends began");
        assert!(!of(Some(right), &[unheard(unknown, 10, -200_000)]), "before the last thing known");
        assert!(!of(Some(right), &[unheard(unknown, 10, 100), unheard(unknown, 20, 300)]), "set in between");
    }

    proptest! {
        #[test]
        fn nothing_is_later_than_its_receipt_and_order_within_a_boot_is_kept(
            up in any::<u64>(), known in any::<bool>(),
            ups in prop::collection::vec((0usize..3, any::<u64>(), any::<i64>()), 0..20),
            wall in any::<Option<(i64, i64)>>(),
        ) {
            let boots = [BootId::new(), BootId::new(), BootId::new()];
            let mut clocks = clocks(boots[0]);
            clocks.up_ms = up;
            if known {
                clocks.offsets.insert(boots[1], at(-7000));
            }
            clocks.wall = wall.map(|(then_ms, now_ms)| WallClock { then_ms, now_ms });
            let mut events: Vec<Reading> =
                ups.into_iter().map(|(b, up_ms, wall_ms)| Reading { boot: boots[b], up_ms, wall_ms }).collect();
            events.sort_by_key(|one| (boots.iter().rev().position(|b| *b == one.boot), one.up_ms));
            let received = clocks.received;
            let dated = clocks.date(&events);
            prop_assert_eq!(dated.len(), events.len());
            for time in &dated {
                prop_assert!(time.at <= received);
            }
            for (pair, times) in events.windows(2).zip(dated.windows(2)) {
                if pair[0].boot == pair[1].boot && times[0].certain == times[1].certain {
                    prop_assert!(times[0].at <= times[1].at, "{:?} {:?}", pair, times);
                }
            }
        }
    }
}
