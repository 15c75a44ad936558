//! Days of the scenario: weekdays, French public holidays and school holidays of 2026/2027. Written for the tests, from
//! the official calendar (arrêté of the minister, zones A, B, C), and not shared with the collector's own calendar.

use crate::sim::Ms;
use crate::sim::time::civil;
use jiff::civil::{Date, Weekday, date};

/// Which days something happens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// Every day.
    Every,
    /// Monday to Friday, holidays too.
    Weekdays,
    /// Monday to Friday outside holidays of the zone and public holidays.
    SchoolDays(char),
    /// One day of the week.
    On(Weekday),
}

impl Days {
    /// Whether a day is one.
    pub fn holds(self, day: Date) -> bool {
        let weekday = !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        match self {
            Self::Every => true,
            Self::Weekdays => weekday,
            Self::SchoolDays(zone) => is_school_day(day, zone),
            Self::On(wanted) => day.weekday() == wanted,
        }
    }
}

/// Whether pupils are at school.
pub fn is_school_day(day: Date, zone: char) -> bool {
    let weekday = !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    weekday && !is_public_holiday(day) && !holidays(zone).iter().any(|(first, back)| *first <= day && day < *back)
}

/// First day without school and first day of school again.
fn holidays(zone: char) -> Vec<(Date, Date)> {
    let mut all = vec![
        (date(2026, 7, 4), date(2026, 9, 1)),
        (date(2026, 10, 17), date(2026, 11, 2)),
        (date(2026, 12, 19), date(2027, 1, 4)),
        (date(2027, 5, 7), date(2027, 5, 8)),
        (date(2027, 7, 3), date(2027, 9, 1)),
    ];
    all.extend(match zone {
        'A' => [(date(2027, 2, 13), date(2027, 3, 1)), (date(2027, 4, 10), date(2027, 4, 26))],
        'B' => [(date(2027, 2, 20), date(2027, 3, 8)), (date(2027, 4, 17), date(2027, 5, 3))],
        _ => [(date(2027, 2, 6), date(2027, 2, 22)), (date(2027, 4, 3), date(2027, 4, 19))],
    });
    all
}

/// The eleven public holidays.
pub fn is_public_holiday(day: Date) -> bool {
    let fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    let easter = easter(day.year());
    let after = |days: i64| easter.checked_add(jiff::Span::new().days(days)).ok();
    fixed.contains(&(day.month(), day.day())) || [1, 39, 50].into_iter().filter_map(after).any(|moving| moving == day)
}

/// Easter Sunday (Meeus, Jones and Butcher).
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e, f) = (b / 4, b % 4, (b + 8) / 25);
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    let (month, day) = (i8::try_from(n / 31).unwrap_or(4), i8::try_from(n % 31 + 1).unwrap_or(1));
    date(year, month, day)
}

/// The days from one instant to another, in Paris.
pub fn between(from: Ms, to: Ms) -> impl Iterator<Item = Date> {
    let (first, last) = (civil(from).date(), civil(to).date());
    first.series(jiff::Span::new().days(1)).take_while(move |day| *day <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_of_the_year() {
        assert!(is_public_holiday(date(2027, 3, 29)), "Easter Monday");
        assert!(is_public_holiday(date(2027, 5, 6)), "Ascension");
        assert!(is_public_holiday(date(2026, 11, 11)));
        assert!(is_school_day(date(2026, 9, 1), 'C') && is_school_day(date(2027, 2, 15), 'B'));
        assert!(!is_school_day(date(2027, 2, 15), 'A') && !is_school_day(date(2026, 10, 25), 'A'));
    }
}
