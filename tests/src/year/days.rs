//! The days of the school year 2026-2027, from plain dates: the generator's own calendar, written down by hand from the
//! official one. Nothing here comes from the product, which must find out by its own means.

use jiff::civil::{Date, Weekday, date};

/// First and last day.
pub const FIRST: Date = date(2026, 9, 1);
/// See [`FIRST`].
pub const LAST: Date = date(2027, 8, 31);

/// Public holidays of the year (métropole), Easter 28 March 2027.
const PUBLIC: [Date; 12] = [
    date(2026, 11, 1),
    date(2026, 11, 11),
    date(2026, 12, 25),
    date(2027, 1, 1),
    date(2027, 3, 29),
    date(2027, 5, 1),
    date(2027, 5, 6),
    date(2027, 5, 8),
    date(2027, 5, 17),
    date(2027, 7, 14),
    date(2027, 8, 15),
    date(2027, 3, 28),
];

/// School holidays: zones, first day without school, first day with school again.
const HOLIDAYS: [(&str, Date, Date); 10] = [
    ("ABC", date(2026, 10, 17), date(2026, 11, 2)),
    ("ABC", date(2026, 12, 19), date(2027, 1, 4)),
    ("A", date(2027, 2, 13), date(2027, 3, 1)),
    ("B", date(2027, 2, 20), date(2027, 3, 8)),
    ("C", date(2027, 2, 6), date(2027, 2, 22)),
    ("A", date(2027, 4, 10), date(2027, 4, 26)),
    ("B", date(2027, 4, 17), date(2027, 5, 3)),
    ("C", date(2027, 4, 3), date(2027, 4, 19)),
    ("ABC", date(2027, 5, 7), date(2027, 5, 9)),
    ("ABC", date(2027, 7, 3), date(2027, 9, 1)),
];

/// What a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Lessons all day.
    Lessons,
    /// Lessons in the morning.
    Wednesday,
    /// Saturday or Sunday.
    Weekend,
    /// A public holiday.
    Public,
    /// Small holidays; which working day of them, from 0.
    Holidays(i32),
    /// Summer.
    Summer,
}

/// What a day is in a zone.
pub fn day(zone: char, day: Date) -> Day {
    if PUBLIC.contains(&day) {
        return Day::Public;
    }
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let found = HOLIDAYS.iter().find(|(zones, from, to)| zones.contains(zone) && *from <= day && day < *to);
    match found {
        _ if weekend => Day::Weekend,
        Some((_, from, _)) if from.month() == 7 => Day::Summer,
        Some((_, from, _)) => Day::Holidays((day - *from).get_days()),
        None if day.weekday() == Weekday::Wednesday => Day::Wednesday,
        None => Day::Lessons,
    }
}

/// Whether pupils come.
pub fn has_lessons(zone: char, date: Date) -> bool {
    matches!(day(zone, date), Day::Lessons | Day::Wednesday)
}

/// All days from one to another, both counted.
pub fn from_to(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.series(jiff::Span::new().days(1)).take_while(move |day| *day <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_their_own_winter_and_the_same_christmas() {
        let lessons = |day| ['A', 'B', 'C'].map(|zone| has_lessons(zone, day));
        assert_eq!(lessons(date(2027, 2, 10)), [true, true, false]);
        assert_eq!(lessons(date(2027, 2, 15)), [false, true, false]);
        assert_eq!(lessons(date(2027, 2, 24)), [false, false, true]);
        assert_eq!(lessons(date(2026, 12, 21)), [false, false, false]);
        assert_eq!(day('A', date(2027, 3, 29)), Day::Public);
        assert_eq!(day('C', date(2026, 9, 2)), Day::Wednesday);
        assert_eq!(from_to(FIRST, LAST).count(), 365);
    }
}
