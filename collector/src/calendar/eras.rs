//! What a calendar comes to, worked out once: stretches of 366 days with their openings, changes of clock and days. A
//! question is then a search in a short list. An era is made when it is first asked for, and shared from then on.

use super::instant::instant;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use std::borrow::Cow;
use std::sync::OnceLock;

/// From one instant to another; the second is the first that no longer counts.
pub type Open = (Timestamp, Timestamp);

/// Seconds of a day that has no change of clock.
const DAY: i64 = 86_400;
/// Days of an era.
const DAYS: i64 = 366;
/// The first day of era 0, in days since 1970: 1 January 2015.
const FIRST: i64 = 16_436;
/// Eras that are kept: until 2078. Others are made each time.
const KEPT: usize = 64;
/// How many eras a search looks at.
pub const LOOK: i64 = 12;

/// The eras of a calendar.
#[derive(Debug, Default)]
pub struct Eras(Vec<OnceLock<Box<Era>>>);

/// 366 days.
#[derive(Debug, Clone)]
pub struct Era {
    /// First instant.
    pub start: Timestamp,
    /// First instant of the next.
    pub end: Timestamp,
    /// Openings in order, apart from each other, cut at the edges of the era.
    pub open: Vec<Open>,
    /// Since when the clock on the wall differs from UTC by how much; the first at the start.
    offsets: Vec<(Timestamp, Offset)>,
    /// Its first day.
    first: i64,
    /// How many days before each day of the era have an opening, and how many in all.
    worked: Vec<u32>,
}

/// The number of the era that holds an instant.
pub fn number(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY).saturating_sub(FIRST).div_euclid(DAYS)
}

/// A day as a number, days since 1970.
pub fn day_number(day: Date) -> i64 {
    day.duration_since(date(1970, 1, 1)).as_hours() / 24
}

/// The day of this number, where there is one.
fn date_of(day: i64) -> Option<Date> {
    date(1970, 1, 1).checked_add(Span::new().try_days(day).ok()?).ok()
}

/// The weekday of a day.
pub fn weekday(day: i64) -> Weekday {
    // 1 January 1970 was a Thursday.
    let offset = i8::try_from(day.saturating_add(3).rem_euclid(7)).unwrap_or_default();
    Weekday::from_monday_zero_offset(offset).unwrap_or(Weekday::Monday)
}

impl Eras {
    /// None is made yet.
    pub fn new() -> Self {
        Self((0..KEPT).map(|_| OnceLock::new()).collect())
    }

    /// The era of this number; `openings` gives those of a day.
    pub fn get(&self, number: i64, time_zone: &TimeZone, openings: impl Fn(Date) -> Vec<Open>) -> Cow<'_, Era> {
        let place = usize::try_from(number).ok().and_then(|place| self.0.get(place));
        match place {
            Some(place) => {
                let make = || Box::new(Era::make(number, time_zone, &openings));
                Cow::Borrowed(place.get_or_init(make))
            }
            None => Cow::Owned(Era::make(number, time_zone, &openings)),
        }
    }
}

impl Era {
    fn make(number: i64, time_zone: &TimeZone, openings: &dyn Fn(Date) -> Vec<Open>) -> Self {
        let first = number.saturating_mul(DAYS).saturating_add(FIRST);
        let start = edge(first);
        let end = edge(first.saturating_add(DAYS));
        let mut open: Vec<Open> = Vec::new();
        let mut worked = Vec::with_capacity(400);
        let mut count = 0;
        // A day may begin in another era than in UTC: one more on either side.
        for day in first.saturating_sub(1)..=first.saturating_add(DAYS) {
            let own = (first..first.saturating_add(DAYS)).contains(&day);
            if own {
                worked.push(count);
            }
            let found = date_of(day).map(openings).unwrap_or_default();
            if own && !found.is_empty() {
                count += 1;
            }
            open.extend(
                found.into_iter().map(|(from, to)| (from.max(start), to.min(end))).filter(|(from, to)| from < to),
            );
        }
        worked.push(count);
        let mut offsets = vec![(start, time_zone.to_offset(start))];
        let changes = time_zone.following(start).take_while(|change| change.timestamp() < end);
        offsets.extend(changes.map(|change| (change.timestamp(), change.offset())));
        Self { start, end, open: joined(open), offsets, first, worked }
    }

    /// The opening that holds an instant of this era, as far as the era goes.
    pub fn holding(&self, at: Timestamp) -> Option<Open> {
        let after = self.open.partition_point(|(from, _)| *from <= at);
        let last = self.open.get(after.checked_sub(1)?)?;
        (at < last.1).then_some(*last)
    }

    /// Openings that begin after an instant.
    pub fn after(&self, at: Timestamp) -> &[Open] {
        self.open.get(self.open.partition_point(|(from, _)| *from <= at)..).unwrap_or_default()
    }

    /// The day and the second of the day on the wall.
    pub fn on_the_wall(&self, at: Timestamp) -> (i64, i64) {
        let before = self.offsets.partition_point(|(since, _)| *since <= at);
        let offset = self.offsets.get(before.saturating_sub(1)).map_or(0, |(_, offset)| i64::from(offset.seconds()));
        let seconds = at.as_second().saturating_add(offset);
        (seconds.div_euclid(DAY), seconds.rem_euclid(DAY))
    }

    /// How many days of this era before this day have an opening; all of them for a day after its end.
    pub fn worked_before(&self, day: i64) -> u32 {
        let place = usize::try_from(day.saturating_sub(self.first).max(0)).unwrap_or(usize::MAX);
        self.worked.get(place).or(self.worked.last()).copied().unwrap_or_default()
    }

    /// The first day after this era.
    pub fn next_day(&self) -> i64 {
        self.first.saturating_add(DAYS)
    }
}

/// The number of the era that holds a day.
pub fn number_of_day(day: i64) -> i64 {
    day.saturating_sub(FIRST).div_euclid(DAYS)
}

/// The beginning of a day in UTC, within what an instant can be.
fn edge(day: i64) -> Timestamp {
    let second = day.saturating_mul(DAY);
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Stretches in order of which none touches the next.
pub fn joined(open: Vec<Open>) -> Vec<Open> {
    let mut out: Vec<Open> = Vec::with_capacity(open.len());
    for (from, to) in open {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// From the first instant of a day to the first of the day after another.
pub fn whole_days(time_zone: &TimeZone, first: Date, last: Date) -> Option<Open> {
    let midnight = |day: Date| instant(time_zone, day.to_datetime(jiff::civil::Time::midnight()));
    Some((midnight(first)?, midnight(last.tomorrow().ok()?)?))
}
