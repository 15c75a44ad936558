//! The four-hour agreement, worked out a second time: Monday to Friday, 8 to 18 in Paris, holidays of France left out.
//! Written apart from the collector's calendar so that both can be compared.

use anyhow::{Context, Result};
use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

const OPENS: i8 = 8;
const CLOSES: i8 = 18;

/// The instant, as people in Paris read it.
pub fn in_paris(at: Timestamp) -> Result<DateTime> {
    Ok(TimeZone::get("Europe/Paris")?.to_datetime(at))
}

/// When `hours` of business hours after `opened` have passed.
pub fn due(opened: Timestamp, hours: i64) -> Result<Timestamp> {
    let mut at = in_paris(opened)?;
    let mut left = SignedDuration::from_hours(hours);
    for _ in 0..400 {
        // Clocks change at night: within business hours a civil hour is an hour.
        let (opens, closes) = (at.date().at(OPENS, 0, 0, 0), at.date().at(CLOSES, 0, 0, 0));
        if is_business_day(at.date()) && at < closes {
            at = at.max(opens);
            let today = at.duration_until(closes);
            if left <= today {
                return Ok(TimeZone::get("Europe/Paris")?.to_timestamp(at.checked_add(left)?)?);
            }
            left -= today;
        }
        at = opens.checked_add(1.day())?;
    }
    None.context("no business day in a year")
}

fn is_business_day(day: Date) -> bool {
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    let easter = easter(day.year());
    // Easter Monday, Ascension, Whit Monday.
    let moving = [1, 39, 50].map(|days| easter.checked_add(days.days()));
    let holiday = fixed.contains(&(day.month(), day.day())) || moving.into_iter().any(|d| d.is_ok_and(|d| d == day));
    !weekend && !holiday
}

/// Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let n = h + l - 7 * ((a + 11 * h + 22 * l) / 451) + 114;
    let small = |value: i32| i8::try_from(value).expect("a month or a day");
    date(year, small(n / 31), small(n % 31 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenings_weekends_and_holidays_do_not_count() {
        for (opened, expected) in [
            ("2026-11-24T09:00:00+01:00", "2026-11-24T13:00:00+01:00"),
            ("2026-11-23T17:33:51.719+01:00", "2026-11-24T11:33:51.719+01:00"),
            ("2026-11-27T23:00:00+01:00", "2026-11-30T12:00:00+01:00"),
            ("2026-12-24T17:00:00+01:00", "2026-12-28T11:00:00+01:00"),
            ("2027-03-26T16:00:00+01:00", "2027-03-30T10:00:00+02:00"),
            ("2026-05-13T17:00:00+02:00", "2026-05-15T11:00:00+02:00"),
        ] {
            let (opened, expected): (Timestamp, Timestamp) = (opened.parse().unwrap(), expected.parse().unwrap());
            assert_eq!(due(opened, 4).unwrap(), expected, "{opened}");
        }
    }
}
