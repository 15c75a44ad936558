//! Instants, durations and sizes in words, at the time of Paris.

use super::lang::Lang;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use std::net::IpAddr;
use std::sync::LazyLock;

static PARIS: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Europe/Paris").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(1))));

/// An instant at the time of Paris.
pub fn paris(at: Timestamp) -> ZonedDateTime {
    at.to_zoned_datetime(PARIS.clone())
}

/// The hour: « 10 h 02 », `10:02`.
pub fn hour(lang: Lang, at: Timestamp) -> String {
    let at = paris(at);
    lang.tell("time-hour", &[("h", at.hour().into()), ("m", format!("{:02}", at.minute()).into())])
}

/// The day: « lundi 23 novembre », with the year unless it is the year of `now`.
pub fn day(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (paris(at), paris(now));
    let weekday = lang.say(&format!("weekday-{}", at.weekday().to_monday_one_offset()));
    let month = lang.say(&format!("month-{}", at.month()));
    let figures = [("weekday", weekday.into()), ("d", at.day().into()), ("month", month.into())];
    let day = lang.tell("time-day", &figures);
    if at.year() == now.year() { day } else { format!("{day} {}", at.year()) }
}

/// A date of the calendar: « 31 août 2027 ».
pub fn date(lang: Lang, date: jiff::civil::Date) -> String {
    let month = lang.say(&format!("month-{}", date.month()));
    format!("{} {month} {}", date.day(), date.year())
}

/// Day and hour: « lundi 23 novembre, 11 h 52 ».
pub fn full(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    format!("{}, {}", day(lang, at, now), hour(lang, at))
}

/// As short as is clear: « 10 h 02 » today, « hier, 10 h 02 », « demain, 10 h 02 », else day and hour.
pub fn moment(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let (day_at, today) = (paris(at).date(), paris(now).date());
    if day_at == today {
        hour(lang, at)
    } else if today.yesterday().is_ok_and(|d| d == day_at) {
        lang.tell("time-yesterday", &[("hour", hour(lang, at).into())])
    } else if today.tomorrow().is_ok_and(|d| d == day_at) {
        lang.tell("time-tomorrow", &[("hour", hour(lang, at).into())])
    } else {
        full(lang, at, now)
    }
}

/// For narrow columns: « 14 h 02 » today, « ven. 27, 11 h 20 » within ten days, else « 27/11, 11 h 20 ».
pub fn short_moment(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let (there, today) = (paris(at), paris(now).date());
    if there.date() == today {
        return hour(lang, at);
    }
    let near = seconds_between(now, at).abs() < 10 * 86_400;
    let day = if near {
        let weekday = lang.say(&format!("weekday-short-{}", there.weekday().to_monday_one_offset()));
        format!("{weekday} {}", there.day())
    } else {
        format!("{:02}/{:02}", there.day(), there.month())
    };
    format!("{day}, {}", hour(lang, at))
}

/// To the second where there are seconds: « 10 h 02 min 07 s », with its day unless today.
pub fn precise(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let here = paris(at);
    if here.second() == 0 {
        return moment(lang, at, now);
    }
    let two = |n: i8| format!("{n:02}");
    let figures = [("h", here.hour().into()), ("m", two(here.minute()).into()), ("s", two(here.second()).into())];
    let hour = lang.tell("time-second", &figures);
    if here.date() == paris(now).date() { hour } else { format!("{}, {hour}", day(lang, at, now)) }
}

/// « depuis 10 h 02 », « depuis hier, 10 h 02 », « depuis le lundi 16 novembre, 10 h 02 ».
pub fn since(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let (day_at, today) = (paris(at).date(), paris(now).date());
    let near = day_at == today || today.yesterday().is_ok_and(|d| d == day_at);
    let key = if near { "time-since" } else { "time-since-day" };
    lang.tell(key, &[("moment", moment(lang, at, now).into())])
}

/// « à l’instant », « il y a 42 s », « il y a 2 min », « il y a 3 h », « il y a 2 j ».
pub fn ago(lang: Lang, at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
    if seconds < 2 {
        return lang.say("time-just-now");
    }
    let largest = match seconds {
        0..60 => short(lang, "unit-second", seconds),
        60..3600 => short(lang, "unit-minute", seconds / 60),
        3600..86_400 => short(lang, "unit-hour", seconds / 3600),
        _ => short(lang, "unit-day", seconds / 86_400),
    };
    lang.tell("time-ago", &[("duration", largest.into())])
}

fn short(lang: Lang, unit: &str, n: i64) -> String {
    lang.tell(unit, &[("n", n.into())])
}

/// A duration by its two largest units: « 42 s », « 12 min », « 2 h 10 », « 1 j 3 h ». Signs are dropped.
pub fn duration(lang: Lang, seconds: i64) -> String {
    let seconds = seconds.saturating_abs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if seconds < 60 {
        short(lang, "unit-second", seconds)
    } else if hours == 0 {
        short(lang, "unit-minute", minutes)
    } else if days == 0 {
        let minutes = minutes % 60;
        if minutes == 0 {
            return short(lang, "unit-hour", hours);
        }
        lang.tell("time-hours-minutes", &[("h", hours.into()), ("m", format!("{minutes:02}").into())])
    } else {
        let (day, hours) = (short(lang, "unit-day", days), hours % 24);
        if hours == 0 { day } else { format!("{day} {}", short(lang, "unit-hour", hours)) }
    }
}

/// Seconds between two instants, later minus earlier.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second().saturating_sub(from.as_second())
}

/// A size as makers of disks write it: powers of 1000, three digits (« 512 Go », « 1,92 To »).
pub fn size(lang: Lang, bytes: u64) -> String {
    scaled(lang, bytes, 1000)
}

/// A size as makers of memory write it: powers of 1024 (« 8 Go »).
pub fn memory(lang: Lang, bytes: u64) -> String {
    scaled(lang, bytes, 1024)
}

fn scaled(lang: Lang, bytes: u64, step: u64) -> String {
    let units = ["size-b", "size-kb", "size-mb", "size-gb", "size-tb", "size-pb"];
    let (mut unit, mut scale) = (0, 1u64);
    // 999.5 of a unit would be written 1000: take the next one.
    while unit + 1 < units.len()
        && u128::from(bytes) * 2 >= u128::from(scale) * u128::from(step) * 2 - u128::from(scale)
    {
        scale *= step;
        unit += 1;
    }
    let hundredths = (u128::from(bytes) * 100 + u128::from(scale / 2)) / u128::from(scale.max(1));
    let digits = match hundredths {
        0..1000 => 2,
        1000..10_000 => 1,
        _ => 0,
    };
    let text = if unit == 0 { bytes.to_string() } else { decimal(lang, hundredths, digits) };
    units.get(unit).map(|key| lang.tell(key, &[("n", text.into())])).unwrap_or_default()
}

/// Hundredths with at most so many decimals, rounded, trailing noughts left out.
fn decimal(lang: Lang, hundredths: u128, decimals: usize) -> String {
    let rounded = match decimals {
        0 => (hundredths + 50) / 100 * 100,
        1 => (hundredths + 5) / 10 * 10,
        _ => hundredths,
    };
    let (whole, rest) = (rounded / 100, rounded % 100);
    let mark = if lang == Lang::Fr { ',' } else { '.' };
    match (rest, rest % 10) {
        (0, _) => whole.to_string(),
        (_, 0) => format!("{whole}{mark}{}", rest / 10),
        _ => format!("{whole}{mark}{rest:02}"),
    }
}

/// A figure with at most two decimals.
pub fn number(lang: Lang, value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if lang == Lang::Fr { text.replace('.', ",") } else { text.to_owned() }
}

/// Texts in a row: « a, b et c ».
pub fn list(lang: Lang, items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => {
            lang.tell("list-and", &[("first", first.join(", ").into()), ("last", last.clone().into())])
        }
    }
}

/// The same text with its first letter large.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The same with a small first letter, for the middle of a sentence, unless it begins with an abbreviation.
pub fn small(text: &str) -> String {
    let mut rest = text.chars();
    match (rest.next(), rest.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(rest).collect(),
        _ => text.to_owned(),
    }
}

/// An address of a machine. Behind a balancer that does not tell for whom it speaks it is stored as unspecified
/// (RFC 4291, 2.5.2): that is no address.
pub fn address(lang: Lang, stored: &str) -> String {
    match stored.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => lang.say("address-not-known"),
        _ => stored.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With plain spaces, so that expectations can be read.
    fn plain(text: String) -> String {
        text.replace('\u{a0}', " ")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn instants_are_said_as_people_say_them() {
        let now = at("2026-11-23T10:52:00Z");
        assert_eq!(plain(full(Lang::Fr, now, now)), "lundi 23 novembre, 11 h 52");
        assert_eq!(plain(full(Lang::En, now, now)), "Monday 23 November, 11:52");
        assert_eq!(plain(since(Lang::Fr, at("2026-11-23T09:02:00Z"), now)), "depuis 10 h 02");
        assert_eq!(plain(since(Lang::Fr, at("2026-11-22T09:02:00Z"), now)), "depuis hier, 10 h 02");
        assert_eq!(plain(since(Lang::Fr, at("2026-11-16T09:02:00Z"), now)), "depuis le lundi 16 novembre, 10 h 02");
        assert_eq!(plain(moment(Lang::Fr, at("2026-11-24T09:02:00Z"), now)), "demain, 10 h 02");
        assert_eq!(plain(full(Lang::Fr, at("2025-08-01T22:30:00Z"), now)), "samedi 2 août 2025, 0 h 30");
        assert_eq!(plain(full(Lang::Fr, at("2026-05-01T06:00:00Z"), now)), "vendredi 1er mai, 8 h 00");
        assert_eq!(plain(precise(Lang::Fr, at("2026-11-23T09:02:07Z"), now)), "10 h 02 min 07 s");
        assert_eq!(plain(short_moment(Lang::Fr, at("2026-11-27T10:20:00Z"), now)), "ven. 27, 11 h 20");
        assert_eq!(plain(short_moment(Lang::En, at("2026-12-27T10:20:00Z"), now)), "27/12, 11:20");
        let earlier = |s: i64| plain(ago(Lang::Fr, now - jiff::SignedDuration::from_secs(s), now));
        assert_eq!([earlier(0), earlier(42), earlier(125)], ["à l’instant", "il y a 42 s", "il y a 2 min"]);
        assert_eq!([earlier(7300), earlier(200_000)], ["il y a 2 h", "il y a 2 j"]);
        assert_eq!(plain(ago(Lang::En, at("2026-11-23T10:50:00Z"), now)), "2 min ago");
    }

    #[test]
    fn durations_keep_two_units() {
        let said = |s: i64| plain(duration(Lang::Fr, s));
        assert_eq!([said(42), said(720), said(7800), said(7200)], ["42 s", "12 min", "2 h 10", "2 h"]);
        assert_eq!([said(97_300), said(172_800), said(-7800)], ["1 j 3 h", "2 j", "2 h 10"]);
        assert_eq!(plain(duration(Lang::En, 7800)), "2 h 10 min");
    }

    #[test]
    fn sizes_are_rounded_to_three_digits() {
        assert_eq!(plain(size(Lang::Fr, 512_110_190_592)), "512 Go");
        assert_eq!(plain(size(Lang::Fr, 1_920_383_410_176)), "1,92 To");
        assert_eq!(plain(size(Lang::En, 1_920_383_410_176)), "1.92 TB");
        assert_eq!(plain(size(Lang::Fr, 999_999_999)), "1 Go");
        assert_eq!(plain(size(Lang::Fr, 0)), "0 octet");
        assert_eq!(plain(memory(Lang::Fr, 8 << 30)), "8 Go");
        assert_eq!(plain(memory(Lang::Fr, 16_571_695_104)), "15,4 Go");
        assert!(size(Lang::Fr, u64::MAX).ends_with("\u{a0}Po"));
    }

    #[test]
    fn labels_go_into_sentences() {
        assert_eq!(["Part libre", "DNS", "État", "x", ""].map(small), ["part libre", "DNS", "état", "x", ""]);
    }

    #[test]
    fn an_address_that_nobody_told_is_said_in_words() {
        assert_eq!(address(Lang::Fr, "192.0.2.7"), "192.0.2.7");
        for stored in ["0.0.0.0", "::"] {
            assert!(address(Lang::Fr, stored).starts_with("non connue"));
        }
    }

    #[test]
    fn lists_end_with_and() {
        let items = |n: usize| ["a", "b", "c"].iter().take(n).map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(list(Lang::Fr, &items(3)), "a, b et c");
        assert_eq!(list(Lang::En, &items(2)), "a and b");
        assert_eq!(list(Lang::En, &items(0)), "");
    }
}
