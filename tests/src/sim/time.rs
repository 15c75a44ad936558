//! Instants of the simulation and the clocks of Paris.

use super::Ms;
use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use std::sync::LazyLock;

/// One second.
pub const SECOND: Ms = 1000;
/// One minute.
pub const MINUTE: Ms = 60 * SECOND;
/// One hour.
pub const HOUR: Ms = 60 * MINUTE;

static PARIS: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/Paris").expect("time zones are compiled in"));

/// The instant at which clocks in Paris show this. In the hour that comes twice, the first; in the one that never comes,
/// the instant an hour later on the clock.
pub fn at(date: Date, time: Time) -> Ms {
    let zoned = PARIS.to_ambiguous_zoned_datetime(DateTime::from_parts(date, time)).compatible();
    zoned.expect("a date of these centuries").timestamp().as_millisecond()
}

/// The same from text: `2026-10-06`, `09:00`.
pub fn paris(date: &str, time: &str) -> Result<Ms> {
    let date: Date = date.parse().with_context(|| format!("« {date} » is not a date such as 2026-10-06"))?;
    let time: Time = time.parse().with_context(|| format!("« {time} » is not a time such as 09:00"))?;
    Ok(at(date, time))
}

/// What clocks in Paris show.
pub fn civil(at: Ms) -> DateTime {
    stamp(at).to_zoned_datetime(PARIS.clone()).datetime()
}

/// As the store takes it.
pub fn stamp(at: Ms) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// For people: `Tue 2026-10-06 10:02:15`.
pub fn shown(at: Ms) -> String {
    stamp(at).to_zoned_datetime(PARIS.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string()
}

/// For people: `1 h 02 min`, `75 s`.
pub fn lasting(ms: Ms) -> String {
    let seconds = ms.abs() / SECOND;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}
