//! When an event truly happened, in the collector's time.
//!
//! Wall clocks of machines are kept, never trusted. What is trusted is the difference between two readings of the clock
//! that counts milliseconds since boot, suspend included: true time = receipt − (call's reading − event's reading). For
//! an earlier boot the last offset known for it serves; else the event is only bounded by its neighbours and marked
//! uncertain. Nothing happens later than its receipt.

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
}

impl Clocks {
    /// When the sending boot began.
    pub fn began(&self) -> Timestamp {
        back(self.received, self.up_ms)
    }

    /// True times of events `(boot, milliseconds since boot)` in the order of their stream.
    pub fn date(&self, events: &[(BootId, u64)]) -> Vec<TrueTime> {
        let mut dated = Vec::with_capacity(events.len());
        let mut lower = self.not_before.min(self.received);
        for (index, (boot, up_ms)) in events.iter().enumerate() {
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
    fn bounded(&self, boot: BootId, up_ms: u64, rest: &[(BootId, u64)], lower: Timestamp) -> Timestamp {
        let end = rest.iter().filter(|(b, _)| *b != boot).find_map(|(b, up)| self.known(*b, *up));
        let upper = end.unwrap_or(self.received).min(if boot == self.boot { self.received } else { self.began() });
        let last = rest.iter().filter(|(b, _)| *b == boot).map(|(_, up)| *up).max().unwrap_or(up_ms);
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

    fn clocks(boot: BootId) -> Clocks {
        Clocks { received: at(1000), boot, up_ms: 600_000, offsets: BTreeMap::new(), not_before: at(-100_000) }
    }

    #[test]
    fn in_the_sending_boot_the_difference_of_readings_counts() {
        let boot = BootId::new();
        let dated = clocks(boot).date(&[(boot, 590_000)]);
        assert_eq!(dated, [TrueTime { at: at(990), certain: true }]);
    }

    #[test]
    fn an_earlier_boot_keeps_its_last_known_offset() {
        let (now, earlier) = (BootId::new(), BootId::new());
        let mut clocks = clocks(now);
        clocks.offsets.insert(earlier, at(-5000));
        assert_eq!(clocks.date(&[(earlier, 2_000_000)]), [TrueTime { at: at(-3000), certain: true }]);
    }

    #[test]
    fn an_unknown_boot_is_bounded_by_its_neighbours_and_marked() {
        // The sending boot began at 400; two events of a boot never heard, 60 s apart, happened before that.
        let (now, unknown) = (BootId::new(), BootId::new());
        let dated = clocks(now).date(&[(unknown, 10_000), (unknown, 70_000), (now, 0)]);
        assert_eq!(dated[0], TrueTime { at: at(340), certain: false });
        assert_eq!(dated[1], TrueTime { at: at(400), certain: false });
        assert_eq!(dated[2], TrueTime { at: at(400), certain: true });
    }

    #[test]
    fn an_unknown_boot_is_never_before_what_was_known_before_it() {
        let (now, unknown) = (BootId::new(), BootId::new());
        let mut clocks = clocks(now);
        clocks.not_before = at(390);
        assert_eq!(clocks.date(&[(unknown, 0), (unknown, 900_000)])[0], TrueTime { at: at(390), certain: false });
    }

    #[test]
    fn an_event_ahead_of_its_own_call_is_uncertain_and_not_after_the_receipt() {
        let boot = BootId::new();
        assert_eq!(clocks(boot).date(&[(boot, 700_000)]), [TrueTime { at: at(1000), certain: false }]);
    }

    proptest! {
        #[test]
        fn nothing_is_later_than_its_receipt_and_order_within_a_boot_is_kept(
            up in any::<u64>(), ups in prop::collection::vec((0usize..3, any::<u64>()), 0..20), known in any::<bool>(),
        ) {
            let boots = [BootId::new(), BootId::new(), BootId::new()];
            let mut clocks = clocks(boots[0]);
            clocks.up_ms = up;
            if known {
                clocks.offsets.insert(boots[1], at(-7000));
            }
            let mut events: Vec<(BootId, u64)> = ups.into_iter().map(|(b, up)| (boots[b], up)).collect();
            events.sort_by_key(|(boot, up)| (boots.iter().rev().position(|b| b == boot), *up));
            let dated = clocks.date(&events);
            prop_assert_eq!(dated.len(), events.len());
            for time in &dated {
                prop_assert!(time.at <= clocks.received);
            }
            for (pair, times) in events.windows(2).zip(dated.windows(2)) {
                if pair[0].0 == pair[1].0 && times[0].certain == times[1].certain {
                    prop_assert!(times[0].at <= times[1].at, "{:?} {:?}", pair, times);
                }
            }
        }
    }
}
