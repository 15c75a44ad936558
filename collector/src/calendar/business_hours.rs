//! Business time: deadlines and elapsed time counted only while a service is open, exact over changes of clock.
//!
//! Everything is derived from instants and a timetable, never counted in memory. Pauses are closed intervals that do
//! not count; one that still runs is given with `to` set to the present, and the answer is then the one that would
//! hold if work started again now.

use super::holidays::{Region, holiday};
use super::instant::instant;
use super::openings::{Opening, TimetableError, Weekly};
use jiff::civil::{Date, Time, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The days that one computation may look at: a century.
const MAX_DAYS: usize = 36_600;

/// Why no time can be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The timetable has no opening on any weekday.
    #[error("the timetable has no opening on any day, so no business time ever passes: give it at least one opening")]
    NeverOpen,
    /// More than a century would have to be looked at.
    #[error("no answer within {MAX_DAYS} days: look at the dates, the pauses and the timetable")]
    TooFar,
    /// A time allowed that is below zero.
    #[error("the time allowed is negative ({0:#})")]
    Negative(SignedDuration),
    /// A time zone that is not in the IANA database.
    #[error("« {0} » is not a time zone of the IANA database, such as Europe/Paris")]
    TimeZone(String),
    /// A timetable that contradicts itself.
    #[error(transparent)]
    Timetable(#[from] TimetableError),
}

/// An interval in which the clock of an agreement stands: waiting for the requester, for a part, for a third party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause {
    /// When the clock stopped.
    pub from: Timestamp,
    /// When it ran again, or the present while it still stands. A pause that ends before it starts counts for nothing.
    pub to: Timestamp,
}

/// When a service is open: a weekly timetable in a time zone, closed on public holidays.
#[derive(Debug, Clone)]
pub struct BusinessHours {
    time_zone: TimeZone,
    weekly: Weekly,
    holidays: Region,
}

/// A stretch of time without interruption, `start <= end`.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: Timestamp,
    end: Timestamp,
}

impl BusinessHours {
    /// A timetable in a time zone of the IANA database. Refused when it is never open.
    pub fn new(time_zone: &str, weekly: Weekly, holidays: Region) -> Result<Self, CalendarError> {
        if weekly.is_closed() {
            return Err(CalendarError::NeverOpen);
        }
        let time_zone = TimeZone::get(time_zone).map_err(|_| CalendarError::TimeZone(time_zone.to_owned()))?;
        Ok(Self { time_zone, weekly, holidays })
    }

    /// The default agreement: Monday to Friday, 08:00 to 18:00, Europe/Paris, closed on the holidays of `holidays`.
    pub fn office_hours(holidays: Region) -> Result<Self, CalendarError> {
        let opening = Opening::new(time(8, 0, 0, 0), time(18, 0, 0, 0))?;
        Self::new("Europe/Paris", Weekly::monday_to_friday(opening), holidays)
    }

    /// The time zone of the timetable.
    pub fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// The instant at which `allowed` business time has passed since `from`, pauses left out.
    ///
    /// Out of hours the count starts at the next opening. A count that ends exactly at closing time, or exactly where a
    /// pause starts, ends there: it never rolls to the next opening.
    pub fn deadline(
        &self,
        from: Timestamp,
        allowed: SignedDuration,
        pauses: &[Pause],
    ) -> Result<Timestamp, CalendarError> {
        if allowed.is_negative() {
            return Err(CalendarError::Negative(allowed));
        }
        let breaks = Breaks::new(pauses);
        let mut left = allowed;
        for date in self.days_from(from) {
            for open in self.openings_of(date).filter_map(|open| open.since(from)) {
                for work in breaks.cut(open) {
                    if left <= work.length() {
                        return work.start.checked_add(left).map_err(|_| CalendarError::TooFar);
                    }
                    left = left.saturating_sub(work.length());
                }
            }
        }
        Err(CalendarError::TooFar)
    }

    /// The business time between two instants, pauses left out; zero where `to` is not after `from`.
    pub fn elapsed(&self, from: Timestamp, to: Timestamp, pauses: &[Pause]) -> Result<SignedDuration, CalendarError> {
        let breaks = Breaks::new(pauses);
        let last = self.time_zone.to_datetime(to).date();
        let mut sum = SignedDuration::ZERO;
        if to <= from {
            return Ok(sum);
        }
        for date in self.days_from(from) {
            if date > last {
                return Ok(sum);
            }
            for open in self.openings_of(date).filter_map(|open| open.since(from)?.until(to)) {
                sum = breaks.cut(open).fold(sum, |sum, work| sum.saturating_add(work.length()));
            }
        }
        Err(CalendarError::TooFar)
    }

    /// Whether the service is open at an instant (at closing time it is not).
    pub fn is_open(&self, at: Timestamp) -> bool {
        let date = self.time_zone.to_datetime(at).date();
        self.openings_of(date).any(|open| open.start <= at && at < open.end)
    }

    /// The civil days from the one that holds `from`, bounded.
    fn days_from(&self, from: Timestamp) -> impl Iterator<Item = Date> + use<> {
        let first = self.time_zone.to_datetime(from).date();
        std::iter::successors(Some(first), |date| date.tomorrow().ok()).take(MAX_DAYS)
    }

    /// The openings of a civil day as instants, in order and without overlap.
    fn openings_of(&self, date: Date) -> impl Iterator<Item = Stretch> + '_ {
        let closed = holiday(date, self.holidays).is_some();
        let openings = if closed { &[] } else { self.weekly.on(date.weekday()) };
        openings.iter().filter_map(move |opening| {
            let end = match opening.end() {
                Some(end) => date.to_datetime(end),
                None => date.tomorrow().ok()?.to_datetime(Time::midnight()),
            };
            let start = instant(&self.time_zone, date.to_datetime(opening.start()))?;
            Some(Stretch { start, end: instant(&self.time_zone, end)? })
        })
    }
}

impl Stretch {
    fn length(self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// The part at or after an instant.
    fn since(self, from: Timestamp) -> Option<Self> {
        (from <= self.end).then(|| Self { start: self.start.max(from), end: self.end })
    }

    /// The part at or before an instant.
    fn until(self, to: Timestamp) -> Option<Self> {
        (self.start <= to).then(|| Self { start: self.start, end: self.end.min(to) })
    }
}

/// Pauses in order and without overlap.
struct Breaks(Vec<Stretch>);

impl Breaks {
    fn new(pauses: &[Pause]) -> Self {
        let mut sorted: Vec<Pause> = pauses.iter().copied().filter(|pause| pause.from < pause.to).collect();
        sorted.sort_unstable();
        let mut merged: Vec<Stretch> = Vec::with_capacity(sorted.len());
        for pause in sorted {
            match merged.last_mut() {
                Some(last) if pause.from <= last.end => last.end = last.end.max(pause.to),
                _ => merged.push(Stretch { start: pause.from, end: pause.to }),
            }
        }
        Self(merged)
    }

    /// What the pauses leave of an opening, in order.
    fn cut(&self, open: Stretch) -> impl Iterator<Item = Stretch> + '_ {
        let first = self.0.partition_point(|pause| pause.end <= open.start);
        let inside = self.0.iter().skip(first).take_while(move |pause| pause.start < open.end);
        let mut from = Some(open.start);
        inside.map(Some).chain(std::iter::once(None)).filter_map(move |pause| {
            let start = from?;
            let end = pause.map_or(open.end, |pause| pause.start.max(start));
            from = pause.map(|pause| pause.end).filter(|resumed| *resumed <= open.end);
            Some(Stretch { start, end })
        })
    }
}

#[cfg(test)]
mod tests;
