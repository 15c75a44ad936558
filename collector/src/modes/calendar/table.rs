//! Calendars as tables for the terminal.

use super::super::{clock, print};
use crate::calendar::school_holidays::{school_year, year_words};
use crate::calendar::{Closed, Day, NetworkKind, SchoolCalendar, Zone};
use crate::store::{ClosureRow, Store};
use jiff::civil::{Date, Weekday};
use std::collections::BTreeMap;
use std::sync::Arc;
use vigie_shared::uai::Uai;

/// Width of the column of a network.
const WIDTH: usize = 38;

/// The days of a school, one a line, then its closures.
pub async fn of_school(store: Arc<dyn Store>, school: Uai, from: Option<Date>, days: u16) -> anyhow::Result<()> {
    let calendars = store.calendars(school).await?;
    let from = from.unwrap_or_else(|| calendars.pedagogical.date(clock().now()));
    for kind in NetworkKind::ALL {
        print(format_args!("{}: {}", kind.as_str(), rules(calendars.of(kind))))?;
    }
    print(format_args!("\n{:15}{:WIDTH$}ADMINISTRATIVE", "DAY", "PEDAGOGICAL"))?;
    let shown: Vec<Date> = from.series(jiff::Span::new().days(1)).take(days.into()).collect();
    for day in &shown {
        let cell = |kind| words(calendars.of(kind), *day);
        let (left, right) = (cell(NetworkKind::Pedagogical), cell(NetworkKind::Administrative));
        print(format_args!("{} {day} {left:WIDTH$}{right}", weekday(day.weekday())))?;
    }
    closures(&store.closures(Some(school)).await?)?;
    if let Some(day) = shown.iter().find(|day| !calendars.pedagogical.knows(**day)) {
        warn(calendars.pedagogical.zone(), *day);
    }
    Ok(())
}

/// What holds for all schools.
pub async fn of_all(store: Arc<dyn Store>) -> anyhow::Result<()> {
    let set = store.calendar_settings(None).await?;
    print(match set {
        Some(settings) => format!("set for all schools: {}", serde_json::to_string_pretty(&settings)?),
        None => "nothing is set for all schools: each has what is usual where it lies".to_owned(),
    })?;
    let table = store.school_holidays().await?;
    let mut years: BTreeMap<Zone, Vec<String>> = BTreeMap::new();
    for (zone, year) in table.years().filter(|(zone, year)| table.is_whole(*zone, *year)) {
        years.entry(zone).or_default().push(year_words(year));
    }
    print("\nschool holidays known:")?;
    for (zone, years) in years {
        print(format_args!("{:10} {}", zone.as_str(), years.join(", ")))?;
    }
    closures(&store.closures(None).await?)
}

fn closures(rows: &[ClosureRow]) -> anyhow::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    print(format_args!("\n{:32}  {:8}  {:14}  {:8}  WHEN", "CLOSURE", "SCHOOL", "NETWORK", "REASON"))?;
    for row in rows {
        let school = row.school.map_or_else(|| "all".to_owned(), |uai| uai.to_string());
        let network = row.network.map_or("both", NetworkKind::as_str);
        let closure = &row.closure;
        let note = if closure.note.is_empty() { String::new() } else { format!(" ({})", closure.note) };
        print(format_args!(
            "{}  {school:8}  {network:14}  {:8}  {}{note}",
            row.id,
            closure.reason.as_str(),
            closure.stretch
        ))?;
    }
    Ok(())
}

/// Zone, public holidays, time zone, in one line.
fn rules(calendar: &SchoolCalendar) -> String {
    let zone = calendar.zone().map_or_else(
        || "works through school holidays".to_owned(),
        |zone| format!("school holidays of zone {}", zone.as_str()),
    );
    let holidays = calendar.rules().holidays.map_or("none", |region| region.as_str());
    let time_zone = calendar.time_zone().iana_name().unwrap_or("UTC");
    format!("{zone}, public holidays {holidays}, {time_zone}")
}

/// Hours of a day, or why it is closed.
fn words(calendar: &SchoolCalendar, day: Date) -> String {
    match calendar.day(day) {
        Day::Open(open) => {
            let clock = |at| calendar.time_zone().to_datetime(at).strftime("%H:%M").to_string();
            let each = open.iter().map(|(from, to)| format!("{}-{}", clock(*from), clock(*to)));
            each.collect::<Vec<_>>().join(" ")
        }
        Day::Closed(why) => format!("closed: {}", reason(&why)),
    }
}

fn reason(why: &Closed) -> String {
    match why {
        Closed::PublicHoliday(holiday) => format!("public holiday ({})", holiday.as_str().replace('_', " ")),
        Closed::SchoolHolidays(name) => format!("school holidays ({name})"),
        Closed::Bridge => "bridge".to_owned(),
        Closed::ClosedWeeks => "closed weeks".to_owned(),
        Closed::Weekday => "no hours".to_owned(),
        Closed::Exceptional { reason, note } if note.is_empty() => reason.as_str().to_owned(),
        Closed::Exceptional { reason, note } => format!("{} ({note})", reason.as_str()),
    }
}

/// What is said when school holidays are not known.
fn warn(zone: Option<Zone>, day: Date) {
    let zone = zone.map_or("", Zone::as_str);
    eprintln!(
        "school holidays of zone {zone} are not known for {}: from {day} on weekly hours count as if there were none. \
         « calendar import-holidays FILE » brings them in.",
        year_words(school_year(day))
    );
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}
