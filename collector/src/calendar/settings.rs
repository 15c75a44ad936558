//! What somebody sets about calendars, as JSON: for the whole fleet, or for one school. Every field may be left out; what
//! a school sets wins over what the fleet sets, which wins over what is known of the place ([`super::Territory`]) and the
//! usual hours of a collège or an office.

use super::closure::NetworkKind;
use super::{Opening, Region, Territory, Weekly, Zone, short, zone};
use crate::ingest::json_path;
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format of the document.
pub const VERSION: u32 = 1;
/// The most bridge days, and the most closed weeks, of one network.
pub const MAX_LIST: usize = 200;
/// The largest document, bytes.
pub const MAX_BYTES: usize = 64 << 10;

/// The document: one of the fleet, one of each school that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarSettings {
    /// The format of the document, [`VERSION`].
    pub version: u32,
    /// The network of classes.
    #[serde(default, skip_serializing_if = "NetworkSettings::is_empty")]
    pub pedagogical: NetworkSettings,
    /// The network of the office.
    #[serde(default, skip_serializing_if = "NetworkSettings::is_empty")]
    pub administrative: NetworkSettings,
}

impl Default for CalendarSettings {
    fn default() -> Self {
        Self { version: VERSION, pedagogical: NetworkSettings::default(), administrative: NetworkSettings::default() }
    }
}

/// One network. What is left out is as it would be otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// Name of the IANA database, such as `Europe/Paris`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Public holidays: `france`, `alsace_moselle`, `guadeloupe`, `martinique`, `guyane`, `reunion`, `mayotte`,
    /// or `none` for a network that works through them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_holidays: Option<String>,
    /// School holidays: `A`, `B`, `C`, `Corse`, an overseas académie, or `none` for a network that works through them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Hours by weekday (`monday` to `sunday`), such as `["08:00-12:00", "13:30-17:30"]`; `[]` is closed. Days that are
    /// left out stay as they would be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hours: BTreeMap<String, Vec<String>>,
    /// Days off between a holiday and a weekend, such as `2027-05-07`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridges: Option<Vec<String>>,
    /// Closed stretches, both ends included: of one year (`2027-07-14/2027-08-20`) or of every year (`07-14/08-20`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_weeks: Option<Vec<String>>,
}

/// A field that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field « {field} »: {problem}")]
pub struct SettingsError {
    /// Path of the field: `pedagogical.hours.monday[0]`.
    pub field: String,
    /// What is wrong and what is wanted.
    pub problem: String,
}

/// A stretch of closed days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClosedWeeks {
    /// Of one year.
    Once {
        /// First day.
        first: Date,
        /// Last day.
        last: Date,
    },
    /// Of every year, by month and day; it may lead over New Year.
    Yearly {
        /// First day.
        first: (i8, i8),
        /// Last day.
        last: (i8, i8),
    },
}

impl ClosedWeeks {
    /// Whether a day lies in it.
    pub fn holds(&self, day: Date) -> bool {
        match *self {
            Self::Once { first, last } => first <= day && day <= last,
            Self::Yearly { first, last } => {
                let day = (day.month(), day.day());
                if first <= last { first <= day && day <= last } else { first <= day || day <= last }
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('/')?;
        if let (Ok(first), Ok(last)) = (day(first), day(last)) {
            return (first <= last).then_some(Self::Once { first, last });
        }
        Some(Self::Yearly { first: month_day(first)?, last: month_day(last)? })
    }
}

/// The rules of one network, nothing left open but the closures and the table of school holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Time zone of its hours.
    pub time_zone: TimeZone,
    /// Public holidays; `None` works through them.
    pub holidays: Option<Region>,
    /// School holidays; `None` works through them.
    pub zone: Option<Zone>,
    /// Hours.
    pub weekly: Weekly,
    /// Days off between a holiday and a weekend.
    pub bridges: Vec<Date>,
    /// Closed stretches.
    pub closed_weeks: Vec<ClosedWeeks>,
}

impl CalendarSettings {
    /// Reads and validates a document. A field that is not known is refused: misspelt, it would silently do nothing.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let refused = |problem: String| SettingsError { field: "document".to_owned(), problem };
        if text.len() > MAX_BYTES {
            return Err(refused(format!("{} bytes, more than the {MAX_BYTES} that are read", text.len())));
        }
        let settings: Self = serde_json::from_str(text).map_err(|error| {
            let field = json_path::at(text.as_bytes(), error.line(), error.column());
            // What serde quotes may be anything that was typed.
            let problem = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
            if field.is_empty() { refused(problem) } else { SettingsError { field, problem } }
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// Refuses what makes no sense, wherever the document is put.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.version != VERSION {
            let problem = format!("{} is not the version that this program knows, {VERSION}", self.version);
            return Err(SettingsError { field: "version".to_owned(), problem });
        }
        for kind in NetworkKind::ALL {
            let usual =
                Rules::usual(kind, &Territory { zone: None, holidays: Region::France, time_zone: "Europe/Paris" });
            self.network(kind).over(usual, kind.as_str())?;
        }
        Ok(())
    }

    /// What is set about one network.
    pub fn network(&self, kind: NetworkKind) -> &NetworkSettings {
        match kind {
            NetworkKind::Pedagogical => &self.pedagogical,
            NetworkKind::Administrative => &self.administrative,
        }
    }
}

impl Rules {
    /// What holds when nobody set anything. Classes: Monday to Friday 08:00 to 17:30, Wednesday to 12:30, the school
    /// holidays of the place. Office: Monday to Friday 08:00 to 18:00, also in school holidays, but closed from 14 July to
    /// 20 August and from 24 December to 1 January.
    pub fn usual(kind: NetworkKind, place: &Territory) -> Self {
        let zone = match kind {
            NetworkKind::Pedagogical => place.zone,
            NetworkKind::Administrative => None,
        };
        let closed_weeks = match kind {
            NetworkKind::Pedagogical => vec![],
            NetworkKind::Administrative => vec![
                ClosedWeeks::Yearly { first: (7, 14), last: (8, 20) },
                ClosedWeeks::Yearly { first: (12, 24), last: (1, 1) },
            ],
        };
        Self {
            time_zone: TimeZone::get(place.time_zone).unwrap_or(TimeZone::UTC),
            holidays: Some(place.holidays),
            zone,
            weekly: usual_hours(kind),
            bridges: vec![],
            closed_weeks,
        }
    }
}

fn usual_hours(kind: NetworkKind) -> Weekly {
    let opening = |to: Time| Opening::new(time(8, 0, 0, 0), to);
    let hours = || {
        Ok(match kind {
            NetworkKind::Administrative => Weekly::monday_to_friday(opening(time(18, 0, 0, 0))?),
            NetworkKind::Pedagogical => Weekly::monday_to_friday(opening(time(17, 30, 0, 0))?)
                .with(Weekday::Wednesday, vec![opening(time(12, 30, 0, 0))?])?,
        })
    };
    // These hours are in order: a test reads them.
    hours().unwrap_or_else(|_: super::openings::TimetableError| Weekly::closed())
}

impl NetworkSettings {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These settings over those rules. `path` names the network in errors.
    pub fn over(&self, mut rules: Rules, path: &str) -> Result<Rules, SettingsError> {
        let refused = |field: &str, problem: String| SettingsError { field: format!("{path}.{field}"), problem };
        if let Some(name) = &self.time_zone {
            let unknown = |_| {
                refused("time_zone", format!("« {} » is not in the IANA database, such as Europe/Paris", short(name)))
            };
            rules.time_zone = TimeZone::get(name).map_err(unknown)?;
        }
        if let Some(word) = &self.public_holidays {
            let known: Vec<&str> = Region::ALL.into_iter().map(Region::as_str).collect();
            let unknown = || {
                refused("public_holidays", format!("« {} » is not known: {}, or none", short(word), known.join(", ")))
            };
            rules.holidays = match word.as_str() {
                "none" => None,
                word => Some(Region::parse(word).ok_or_else(unknown)?),
            };
        }
        if let Some(word) = &self.zone {
            rules.zone = match word.as_str() {
                "none" => None,
                word => Some(
                    Zone::parse(word).ok_or_else(|| refused("zone", format!("{}, or none", zone::unknown(word))))?,
                ),
            };
        }
        for (name, openings) in &self.hours {
            let field = format!("hours.{}", short(name));
            let weekday = weekday(name).ok_or_else(|| refused(&field, "monday to sunday are known".to_owned()))?;
            let mut day = Vec::with_capacity(openings.len());
            for (n, text) in openings.iter().enumerate() {
                day.push(opening(text).map_err(|problem| refused(&format!("{field}[{n}]"), problem))?);
            }
            rules.weekly = rules.weekly.with(weekday, day).map_err(|error| refused(&field, error.to_string()))?;
        }
        if let Some(bridges) = &self.bridges {
            bounded(bridges).map_err(|problem| refused("bridges", problem))?;
            let days = bridges.iter().enumerate().map(|(n, text)| day(text).map_err(|problem| (n, problem)));
            let days: Result<Vec<Date>, (usize, String)> = days.collect();
            rules.bridges = days.map_err(|(n, problem)| refused(&format!("bridges[{n}]"), problem))?;
            rules.bridges.sort();
        }
        if let Some(weeks) = &self.closed_weeks {
            bounded(weeks).map_err(|problem| refused("closed_weeks", problem))?;
            rules.closed_weeks = Vec::with_capacity(weeks.len());
            for (n, text) in weeks.iter().enumerate() {
                let problem = || {
                    let wanted = "2027-07-14/2027-08-20, or 07-14/08-20 for every year";
                    refused(
                        &format!("closed_weeks[{n}]"),
                        format!("« {} » is not a stretch such as {wanted}", short(text)),
                    )
                };
                rules.closed_weeks.push(ClosedWeeks::parse(text).ok_or_else(problem)?);
            }
        }
        Ok(rules)
    }
}

fn bounded(list: &[String]) -> Result<(), String> {
    if list.len() > MAX_LIST { Err(format!("{} are given, at most {MAX_LIST} are taken", list.len())) } else { Ok(()) }
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// `08:00-17:30`; `24:00` is the midnight that ends the day.
fn opening(text: &str) -> Result<Opening, String> {
    let unreadable = || format!("« {} » is not an opening such as 08:00-17:30", short(text));
    let (start, end) = text.split_once('-').ok_or_else(unreadable)?;
    let start = clock(start.trim()).ok_or_else(unreadable)?;
    let end = match end.trim() {
        "24:00" => Time::midnight(),
        // Midnight as an end would silently mean the whole rest of the day.
        "00:00" => return Err(format!("« {} »: write the midnight that ends a day as 24:00", short(text))),
        end => clock(end).ok_or_else(unreadable)?,
    };
    Opening::new(start, end).map_err(|error| error.to_string())
}

/// `08:00`.
fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn day(text: &str) -> Result<Date, String> {
    let wanted = || format!("« {} » is not a day between 2000 and 2100 such as 2027-05-07", short(text));
    let text = text.trim();
    if text.len() != 10 {
        return Err(wanted());
    }
    text.parse().ok().filter(|day: &Date| (2000..=2100).contains(&day.year())).ok_or_else(wanted)
}

/// `07-14`.
fn month_day(text: &str) -> Option<(i8, i8)> {
    let text = text.trim();
    // A leap year, so that 29 February is a day.
    let day: Date = (text.len() == 5).then(|| format!("2000-{text}").parse().ok())??;
    Some((day.month(), day.day()))
}

#[cfg(test)]
mod tests;
