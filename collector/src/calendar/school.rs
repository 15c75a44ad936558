//! When a network of a school is expected to work: weekly hours, less public holidays, school holidays, bridges, closed
//! weeks and exceptional closures. All questions are total, and answered from what was worked out once ([`super::eras`]):
//! they may be asked hundreds of thousands of times.

use super::closure::{Closure, ClosureReason, NetworkKind, Stretch};
use super::eras::{self, Era, Eras, Open};
use super::instant::instant;
use super::settings::Rules;
use super::{Holiday, HolidayTable, Territory, Weekly, Zone, holiday};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// Where the afternoon begins, seconds of the day on the wall: after lunch, so that a Wednesday that ends at 12:30 has
/// no afternoon.
const AFTERNOON: i64 = 13 * 3600;

/// The calendar of one network of one school. Built once and shared.
#[derive(Debug)]
pub struct SchoolCalendar {
    rules: Rules,
    table: Arc<HolidayTable>,
    closures: Vec<Closure>,
    /// The closures as instants, in the order of their start.
    shut: Vec<(Open, usize)>,
    eras: Eras,
}

/// The calendars of a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolCalendars {
    /// Of the network of classes.
    pub pedagogical: Arc<SchoolCalendar>,
    /// Of the network of the office.
    pub administrative: Arc<SchoolCalendar>,
}

/// What a day is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Day {
    /// It works from each of these instants to the other, in order and apart from each other.
    Open(Vec<Open>),
    /// It does not work at all.
    Closed(Closed),
}

/// Why a day is closed. Where several reasons hold, the first of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// A public holiday.
    PublicHoliday(Holiday),
    /// School holidays, with their name.
    SchoolHolidays(String),
    /// A day between a holiday and a weekend.
    Bridge,
    /// One of the closed weeks of the network.
    ClosedWeeks,
    /// The weekday has no hours.
    Weekday,
    /// An exceptional closure.
    Exceptional {
        /// Why.
        reason: ClosureReason,
        /// A few words, or empty.
        note: String,
    },
}

/// A half of a weekday, on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HalfDay {
    /// The weekday.
    pub weekday: Weekday,
    /// From 13:00 on.
    pub afternoon: bool,
}

impl PartialEq for SchoolCalendar {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules && self.closures == other.closures && self.table == other.table
    }
}

impl Eq for SchoolCalendar {}

impl SchoolCalendar {
    /// A calendar.
    pub fn new(rules: Rules, table: Arc<HolidayTable>, mut closures: Vec<Closure>) -> Self {
        closures.sort();
        closures.dedup();
        let mut shut: Vec<(Open, usize)> = closures
            .iter()
            .enumerate()
            .filter_map(|(n, closure)| Some((as_instants(&rules.time_zone, closure.stretch)?, n)))
            .collect();
        shut.sort();
        Self { rules, table, closures, shut, eras: Eras::new() }
    }

    /// What holds when nobody set anything, with the table that is compiled in.
    pub fn usual(kind: NetworkKind, place: &Territory) -> Self {
        Self::new(Rules::usual(kind, place), HolidayTable::shipped(), vec![])
    }

    /// Its rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Its zone of school holidays; `None` works through them.
    pub fn zone(&self) -> Option<Zone> {
        self.rules.zone
    }

    /// Its time zone.
    pub fn time_zone(&self) -> &TimeZone {
        &self.rules.time_zone
    }

    /// Its exceptional closures.
    pub fn closures(&self) -> &[Closure] {
        &self.closures
    }

    /// The day on the wall at an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        self.rules.time_zone.to_datetime(at).date()
    }

    /// Whether it is expected to work at an instant; at closing time it is not.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.era(eras::number(at)).holding(at).is_some()
    }

    /// What a day on the wall is.
    pub fn day(&self, day: Date) -> Day {
        if let Some(why) = self.closed(day) {
            return Day::Closed(why);
        }
        let hours = self.hours(day);
        let Some(&(first, _)) = hours.first() else { return Day::Closed(Closed::Weekday) };
        let last = hours.last().map_or(first, |(_, to)| *to);
        let (left, closure) = self.without_closures(hours, (first, last));
        match closure.and_then(|n| self.closures.get(n)).filter(|_| left.is_empty()) {
            None => Day::Open(left),
            Some(closure) => Day::Closed(Closed::Exceptional { reason: closure.reason, note: closure.note.clone() }),
        }
    }

    /// The opening that holds an instant. One that never ends is told up to twelve years away.
    pub fn opening_of(&self, at: Timestamp) -> Option<Open> {
        let number = eras::number(at);
        let era = self.era(number);
        let (mut from, mut to) = era.holding(at)?;
        let (mut edge, mut back) = (era.start, number);
        while from == edge && number.saturating_sub(back) < eras::LOOK {
            back = back.saturating_sub(1);
            let before = self.era(back);
            let Some(last) = before.open.last().filter(|last| last.1 == edge) else { break };
            (from, edge) = (last.0, before.start);
        }
        let (mut edge, mut ahead) = (era.end, number);
        while to == edge && ahead.saturating_sub(number) < eras::LOOK {
            ahead = ahead.saturating_add(1);
            let after = self.era(ahead);
            let Some(first) = after.open.first().filter(|first| first.0 == edge) else { break };
            (to, edge) = (first.1, after.end);
        }
        Some((from, to))
    }

    /// The first instant after this one at which it opens, within twelve years.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let number = eras::number(at);
        let mut open_until = None;
        for ahead in 0..=eras::LOOK {
            let era = self.era(number.saturating_add(ahead));
            if ahead == 0 {
                // What is cut at the edge of an era goes on in the next: it does not open there.
                open_until = era.open.last().map(|(_, to)| *to);
            }
            let next = era.after(at).iter().find(|(from, _)| ahead == 0 || open_until != Some(*from));
            if let Some((from, _)) = next {
                return Some(*from);
            }
            open_until = era.open.last().map(|(_, to)| *to);
        }
        None
    }

    /// The first instant after this one at which it opens or closes, within twelve years.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        match self.opening_of(at) {
            Some((_, to)) => (!self.is_open(to)).then_some(to),
            None => self.next_opening(at),
        }
    }

    /// How many days with an opening lie strictly between the days of two instants, at most twelve years before the
    /// second; none where it does not come later.
    pub fn school_days_between(&self, from: Timestamp, to: Timestamp) -> u32 {
        let day = |at| self.era(eras::number(at)).on_the_wall(at).0;
        let until = day(to);
        let oldest = eras::number_of_day(until).saturating_sub(eras::LOOK);
        let first = if eras::number(from) < oldest { None } else { Some(day(from).saturating_add(1)) };
        let mut sum = 0;
        let mut number = first.map_or(oldest, eras::number_of_day);
        let mut since = first.unwrap_or(i64::MIN);
        while since < until && number <= eras::number_of_day(until) {
            let era = self.era(number);
            sum += era.worked_before(until).saturating_sub(era.worked_before(since));
            since = era.next_day();
            number = number.saturating_add(1);
        }
        sum
    }

    /// Whether the morning and the afternoon of a day on the wall have an opening.
    pub fn open_halves(&self, day: Date) -> [bool; 2] {
        let Day::Open(openings) = self.day(day) else { return [false, false] };
        let last = |to: Timestamp| to.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(to);
        let morning = openings.iter().any(|(from, _)| !self.half_day(*from).afternoon);
        let afternoon = openings.iter().any(|(_, to)| self.half_day(last(*to)).afternoon);
        [morning, afternoon]
    }

    /// Weekday and half of the day on the wall.
    pub fn half_day(&self, at: Timestamp) -> HalfDay {
        let (day, second) = self.era(eras::number(at)).on_the_wall(at);
        HalfDay { weekday: eras::weekday(day), afternoon: second >= AFTERNOON }
    }

    /// How long it is open already, if it is open.
    pub fn opened_for(&self, at: Timestamp) -> Option<SignedDuration> {
        self.opening_of(at).map(|(from, _)| at.duration_since(from))
    }

    /// Whether the school holidays of a day are known. Where they are not, the weekly hours count as if there were none.
    pub fn knows(&self, day: Date) -> bool {
        self.rules.zone.is_none_or(|zone| self.table.knows(zone, day))
    }

    /// The last day whose school holidays are known, from a day on; `None` where they are not known at that day, or do
    /// not matter.
    pub fn known_until(&self, day: Date) -> Option<Date> {
        self.table.known_until(self.rules.zone?, day)
    }

    fn era(&self, number: i64) -> Cow<'_, Era> {
        self.eras.get(number, &self.rules.time_zone, |day| match self.day(day) {
            Day::Open(open) => open,
            Day::Closed(_) => vec![],
        })
    }

    /// Why a whole day is closed before anything exceptional, if it is.
    fn closed(&self, day: Date) -> Option<Closed> {
        let rules = &self.rules;
        if let Some(found) = rules.holidays.and_then(|region| holiday(day, region)) {
            return Some(Closed::PublicHoliday(found));
        }
        if let Some(period) = rules.zone.and_then(|zone| self.table.find(zone, day)) {
            return Some(Closed::SchoolHolidays(period.name.clone()));
        }
        if rules.bridges.binary_search(&day).is_ok() {
            return Some(Closed::Bridge);
        }
        rules.closed_weeks.iter().any(|weeks| weeks.holds(day)).then_some(Closed::ClosedWeeks)
    }

    /// The hours of a day's weekday as instants, apart from each other.
    fn hours(&self, day: Date) -> Vec<Open> {
        let zone = &self.rules.time_zone;
        let hours = self.rules.weekly.on(day.weekday()).iter().filter_map(|opening| {
            let end = match opening.end() {
                Some(end) => day.to_datetime(end),
                None => day.tomorrow().ok()?.to_datetime(Time::midnight()),
            };
            Some((instant(zone, day.to_datetime(opening.start()))?, instant(zone, end)?))
        });
        eras::joined(hours.filter(|(from, to)| from < to).collect())
    }

    /// What closures leave of the hours of a day, and the first that takes something away.
    fn without_closures(&self, mut hours: Vec<Open>, (first, last): Open) -> (Vec<Open>, Option<usize>) {
        let mut cause = None;
        let until = self.shut.partition_point(|((from, _), _)| *from < last);
        for ((from, to), n) in self.shut.iter().take(until).filter(|((_, to), _)| *to > first) {
            let before = hours.clone();
            hours = before.iter().flat_map(|open| cut(*open, (*from, *to))).collect();
            if hours != before {
                cause = cause.or(Some(*n));
            }
        }
        (hours, cause)
    }
}

/// What is left of an opening before and after a closure.
fn cut(open: Open, shut: Open) -> impl Iterator<Item = Open> {
    let before = (open.0, open.1.min(shut.0));
    let after = (open.0.max(shut.1), open.1);
    [before, after].into_iter().filter(|(from, to)| from < to)
}

fn as_instants(time_zone: &TimeZone, stretch: Stretch) -> Option<Open> {
    match stretch {
        Stretch::Days { first, last } => eras::whole_days(time_zone, first, last),
        Stretch::Hours { from, to } => Some((from, to)),
    }
}

impl SchoolCalendars {
    /// What holds at a place when nobody set anything, with the table that is compiled in.
    pub fn usual(place: &Territory) -> Self {
        let of = |kind| Arc::new(SchoolCalendar::usual(kind, place));
        Self { pedagogical: of(NetworkKind::Pedagogical), administrative: of(NetworkKind::Administrative) }
    }

    /// Always open: for tests, and whoever wants no calendar.
    pub fn always_open() -> Self {
        static ALWAYS: LazyLock<Arc<SchoolCalendar>> = LazyLock::new(|| {
            let rules = Rules {
                time_zone: TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC),
                holidays: None,
                zone: None,
                weekly: Weekly::around_the_clock(),
                bridges: vec![],
                closed_weeks: vec![],
            };
            Arc::new(SchoolCalendar::new(rules, HolidayTable::shipped(), vec![]))
        });
        Self { pedagogical: ALWAYS.clone(), administrative: ALWAYS.clone() }
    }

    /// The calendar of one network.
    pub fn of(&self, kind: NetworkKind) -> &Arc<SchoolCalendar> {
        match kind {
            NetworkKind::Pedagogical => &self.pedagogical,
            NetworkKind::Administrative => &self.administrative,
        }
    }
}

#[cfg(test)]
mod tests;
