//! When a machine is usually there and how it usually leaves. Counts only: weekday × half-day, never a date of presence
//! (invariant 11). Pure.
//!
//! A half-day counts when the calendar has an opening in it. Old weeks fade: counts are halved when they reach
//! [`FADE`], so that a new timetable is learnt within a term.

use crate::calendar::SchoolCalendar;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Counts are halved when they reach this.
const FADE: u8 = 16;
/// Half-days of one weekday that must have passed before anything is expected.
const KNOWN_AFTER: u8 = 3;
/// So many ends must be known of a machine that counts as one that says goodbye.
const POLITE: u8 = 5;
/// Days looked back at most when a machine returns: a summer.
const LOOK_BACK_DAYS: i32 = 120;

/// One half-day of the week. Written as a pair: there are fourteen for each machine, and they are read at every look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Slot {
    /// Half-days on which it was there.
    seen: u8,
    /// Half-days that were open.
    of: u8,
}

impl Serialize for Slot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.seen, self.of).serialize(serializer)
    }
}

impl Slot {
    fn count(&mut self, seen: bool) {
        if self.of >= FADE {
            (self.seen, self.of) = (self.seen / 2, self.of / 2);
        }
        self.of += 1;
        self.seen += u8::from(seen);
    }

    /// Whether four of five such half-days, or more, had it there.
    fn is_usual(self) -> bool {
        self.of >= KNOWN_AFTER && u16::from(self.seen) * 5 >= u16::from(self.of) * 4
    }
}

/// What is known of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Habit {
    slots: [Slot; 14],
    /// All half-days before this one are counted.
    upto: Option<HalfDay>,
    /// How often it went, and how often of these without a word though it was switched off.
    ends: u8,
    abrupt: u8,
}

impl Habit {
    /// Counts a stretch of presence, and the half-days since the last one as absence.
    pub fn attended(&mut self, calendar: &SchoolCalendar, from: Timestamp, to: Timestamp) {
        let (first, last) = (half_day(calendar, from), half_day(calendar, to));
        let mut half = self.upto.unwrap_or(first).max(back(last, LOOK_BACK_DAYS));
        while half <= last {
            if is_open(calendar, half)
                && let Some(slot) = self.slots.get_mut(index(half))
            {
                slot.count(half >= first);
            }
            half = next(half);
        }
        self.upto = self.upto.max(Some(next(last)));
    }

    /// Counts how it went: with a goodbye, or switched off without a word.
    pub fn went(&mut self, abrupt: bool) {
        if self.ends >= FADE {
            (self.ends, self.abrupt) = (self.ends / 2, self.abrupt / 2);
        }
        self.ends += 1;
        self.abrupt += u8::from(abrupt);
    }

    /// Whether it is often switched off without a word: its silence says little.
    pub fn is_abrupt(&self) -> bool {
        self.abrupt >= 2 && u16::from(self.abrupt) * 3 >= u16::from(self.ends)
    }

    /// Whether it was never known to go without a word.
    pub fn never_abrupt(&self) -> bool {
        self.ends == 0 || self.ends >= POLITE && self.abrupt == 0
    }

    /// Whether it is known to say goodbye when it goes, or was never seen to go: then its silence says much. In its first
    /// days nobody knows yet.
    pub fn is_polite(&self) -> bool {
        self.ends == 0 || self.ends >= POLITE && u16::from(self.abrupt) * 5 <= u16::from(self.ends)
    }

    /// Whether it is usually there in the half-day of `at`; open half-days since it was last there count as missed.
    pub fn expects(&self, calendar: &SchoolCalendar, at: Timestamp) -> bool {
        let now = half_day(calendar, at);
        let mut slot = self.slots.get(index(now)).copied().unwrap_or_default();
        let Some(upto) = self.upto else { return false };
        let mut past = back(now, 7);
        while past >= upto && slot.of > 0 && slot.seen > 0 {
            if is_open(calendar, past) {
                slot.count(false);
            }
            past = back(past, 7);
        }
        if slot.of >= KNOWN_AFTER { slot.is_usual() } else { self.is_usual_at_all(now.1) }
    }

    /// Whether it is usually there in the mornings, or in the afternoons, of all weekdays together: what is known of a machine
    /// in its first weeks.
    fn is_usual_at_all(&self, afternoon: bool) -> bool {
        let halves = self.slots.iter().skip(usize::from(afternoon)).step_by(2);
        let (seen, of) = halves.fold((0, 0), |(seen, of), slot| (seen + u16::from(slot.seen), of + u16::from(slot.of)));
        of >= 4 && seen * 5 >= of * 4
    }
}

/// A half-day: its date, and whether it is the afternoon.
type HalfDay = (Date, bool);

fn half_day(calendar: &SchoolCalendar, at: Timestamp) -> HalfDay {
    (calendar.date(at), calendar.half_day(at).afternoon)
}

fn is_open(calendar: &SchoolCalendar, (date, afternoon): HalfDay) -> bool {
    let [morning, later] = calendar.open_halves(date);
    if afternoon { later } else { morning }
}

fn index((date, afternoon): HalfDay) -> usize {
    usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default() * 2 + usize::from(afternoon)
}

fn next((date, afternoon): HalfDay) -> HalfDay {
    if afternoon { (date.tomorrow().unwrap_or(Date::MAX), false) } else { (date, true) }
}

/// The same half so many days earlier.
fn back((date, afternoon): HalfDay, days: i32) -> HalfDay {
    (date.saturating_sub(jiff::Span::new().days(days)), afternoon)
}
