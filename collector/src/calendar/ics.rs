//! School holidays from an iCalendar file (RFC 5545), as the ministry and the académies publish them. A subset: events of
//! whole days; everything else in the file is passed over. Pure: bytes in, a table or errors out, all or nothing.
//!
//! The ministry's file (`Zone-A-B-C-Corse.ics`) splits holidays where the zones that are away change, names zones in
//! LOCATION, DESCRIPTION and SUMMARY (« Zones A/B - Corse »), and gives the beginning of a summer whose end is not fixed
//! yet as an event without length (« Début des Vacances d'Été »). Files of one académie name no zone: the caller does.

use super::school_holidays::{HolidayTable, LineError, MAX_BYTES, MAX_ERRORS, Period, end_of_summer, too_large};
use super::zone::{Zone, plain};
use jiff::civil::Date;
use std::collections::BTreeSet;

/// The most events read.
pub const MAX_EVENTS: usize = 2_000;
/// The longest line, unfolded, bytes.
pub const MAX_LINE: usize = 8 << 10;
/// Names of events passed over that are told.
const TOLD: usize = 20;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The periods.
    pub table: HolidayTable,
    /// Names of events that are no holidays, the first few.
    pub passed_over: Vec<String>,
}

/// How names of events without school begin, in [`plain`] letters.
const WITHOUT_SCHOOL: &[&str] =
    &["vacances", "debut des vacances", "pont", "les classes vaqueront", "jour sans", "journee sans", "la journee du"];

/// Reads a file. `default` is the zone of events that name none.
pub fn parse(bytes: &[u8], default: Option<Zone>) -> Result<Read, Vec<LineError>> {
    let whole = |message: &str| vec![LineError { line: 0, field: "", message: message.to_owned() }];
    if bytes.len() > MAX_BYTES {
        return Err(vec![too_large(bytes.len())]);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("the file is not UTF-8, as RFC 5545 demands"))?;
    let lines = unfold(text.trim_start_matches('\u{feff}'))?;
    let mut reading = Reading { default, ..Reading::default() };
    let is = |line: Option<&Line>, text: &str| line.is_some_and(|line| line.text.trim().eq_ignore_ascii_case(text));
    if !is(lines.first(), "BEGIN:VCALENDAR") {
        return Err(whole("this is not an iCalendar file: it does not start with BEGIN:VCALENDAR"));
    }
    if !is(lines.last(), "END:VCALENDAR") {
        return Err(whole("the file is cut off: it does not end with END:VCALENDAR"));
    }
    for line in &lines {
        reading.line(line);
        if reading.errors.len() >= MAX_ERRORS {
            reading.error(line.number, "", format!("reading stopped here, after {MAX_ERRORS} errors"));
            break;
        }
    }
    reading.end()
}

/// Reads a file of either form: iCalendar, or text as [`HolidayTable::parse`] takes it.
pub fn parse_any(bytes: &[u8], default: Option<Zone>) -> Result<Read, Vec<LineError>> {
    let text = String::from_utf8_lossy(bytes);
    if text.trim_start_matches('\u{feff}').trim_start().starts_with("BEGIN:VCALENDAR") {
        return parse(bytes, default);
    }
    Ok(Read { table: HolidayTable::parse(&text)?, passed_over: vec![] })
}

/// A line as it was before it was folded.
struct Line {
    number: usize,
    text: String,
}

/// Joins folded lines (RFC 5545, 3.1): one that begins with a space or a tab goes on with the one before.
fn unfold(text: &str) -> Result<Vec<Line>, Vec<LineError>> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, text) in text.lines().enumerate().map(|(n, text)| (n + 1, text)) {
        let more = text.strip_prefix([' ', '\t']);
        match (more, lines.last_mut()) {
            (Some(more), Some(last)) => last.text.push_str(more),
            _ if text.trim().is_empty() => {}
            _ => lines.push(Line { number, text: text.to_owned() }),
        }
        if lines.last().is_some_and(|line| line.text.len() > MAX_LINE) {
            let message = format!("longer than {MAX_LINE} bytes");
            return Err(vec![LineError { line: number, field: "", message }]);
        }
    }
    Ok(lines)
}

/// An event being read.
#[derive(Default)]
struct Event {
    line: usize,
    start: Option<(usize, String)>,
    end: Option<(usize, String)>,
    duration: Option<usize>,
    summary: String,
    location: String,
    description: String,
}

#[derive(Default)]
struct Reading {
    default: Option<Zone>,
    table: HolidayTable,
    errors: Vec<LineError>,
    passed_over: BTreeSet<String>,
    event: Option<Event>,
    /// Components inside an event, such as alarms: theirs is not ours.
    inside: usize,
    events: usize,
}

impl Reading {
    fn error(&mut self, line: usize, field: &'static str, message: String) {
        self.errors.push(LineError { line, field, message });
    }

    fn line(&mut self, line: &Line) {
        let Some((name, value)) = line.text.split_once(':') else {
            return self.error(line.number, "", "a property is « NAME:value »; there is no colon".to_owned());
        };
        // Parameters stand between the name and the colon; values of them may be quoted, which dates never are.
        let (name, parameters) = name.split_once(';').unwrap_or((name, ""));
        match name.to_ascii_uppercase().as_str() {
            "BEGIN" => self.begin(line.number, value),
            "END" => self.close(value),
            name if self.inside == 0 => self.property(line.number, name, parameters, value),
            _ => {}
        }
    }

    fn begin(&mut self, line: usize, value: &str) {
        if self.event.is_some() {
            self.inside += 1;
        } else if value.trim().eq_ignore_ascii_case("VEVENT") {
            self.events += 1;
            self.event = Some(Event { line, ..Event::default() });
        }
    }

    fn close(&mut self, value: &str) {
        if self.inside > 0 {
            self.inside -= 1;
        } else if value.trim().eq_ignore_ascii_case("VEVENT")
            && let Some(event) = self.event.take()
        {
            if self.events > MAX_EVENTS {
                return self.error(event.line, "", format!("more than {MAX_EVENTS} events: is this the right file?"));
            }
            self.take(event);
        }
    }

    fn property(&mut self, line: usize, name: &str, parameters: &str, value: &str) {
        let Some(event) = &mut self.event else { return };
        let value = value.trim();
        match name {
            "DTSTART" | "DTEND" => {
                let place = if name == "DTSTART" { &mut event.start } else { &mut event.end };
                let dated = parameters.to_ascii_uppercase().split(';').any(|p| p == "VALUE=DATE") || value.len() == 8;
                // A time of day is not for us: it is refused with the value as a whole.
                let value = if dated { value.to_owned() } else { format!("{value} (a time of day)") };
                *place = Some((line, value));
            }
            "DURATION" => event.duration = Some(line),
            "SUMMARY" => event.summary = unescape(value),
            "LOCATION" => event.location = unescape(value),
            "DESCRIPTION" => event.description = unescape(value),
            _ => {}
        }
    }

    fn take(&mut self, event: Event) {
        let name = name_of(&event.summary);
        let words = plain(&name);
        if !WITHOUT_SCHOOL.iter().any(|start| words.starts_with(start)) {
            if self.passed_over.len() < TOLD {
                self.passed_over.insert(super::short(&event.summary));
            }
            return;
        }
        let found = [&event.location, &event.description, &event.summary].into_iter().map(|text| zones(text));
        let named = found.into_iter().find(|zones| !zones.is_empty());
        let zones = named.or_else(|| self.default.map(|zone| [zone].into())).unwrap_or_default();
        if zones.is_empty() {
            let message = "no zone is named, nor in DESCRIPTION or SUMMARY: say it for the whole file (--zone)";
            return self.error(event.line, "LOCATION", message.to_owned());
        }
        match period(&event, &name, &words) {
            Ok(period) => zones.into_iter().for_each(|zone| self.table.add(zone, period.clone())),
            Err((line, field, message)) => self.error(line, field, message),
        }
    }

    fn end(mut self) -> Result<Read, Vec<LineError>> {
        if self.event.is_some() && self.errors.is_empty() {
            self.error(0, "", "the last event is not ended".to_owned());
        }
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        self.table.join();
        Ok(Read { table: self.table, passed_over: self.passed_over.into_iter().collect() })
    }
}

type Refused = (usize, &'static str, String);

fn period(event: &Event, name: &str, words: &str) -> Result<Period, Refused> {
    let missing = || (event.line, "DTSTART", "the event has none".to_owned());
    let (line, start) = event.start.as_ref().ok_or_else(missing)?;
    let first = day(start).ok_or_else(|| (*line, "DTSTART", not_a_day(start)))?;
    if let (Some(line), None) = (event.duration, &event.end) {
        return Err((line, "DURATION", "a DTEND is wanted: the first day of school again".to_owned()));
    }
    // Without an end an event of whole days lasts one day (RFC 5545, 3.6.1).
    let mut back = first.tomorrow().unwrap_or(first);
    let mut end_line = *line;
    if let Some((line, end)) = &event.end {
        back = day(end).ok_or_else(|| (*line, "DTEND", not_a_day(end)))?;
        end_line = *line;
    }
    let short = back <= first.tomorrow().unwrap_or(first);
    let summer = (6..=7).contains(&first.month()) && words.split(' ').any(|word| word == "ete");
    if short && back >= first && summer {
        back = end_of_summer(first);
    }
    Period::new(first, back, name).map_err(|(field, message)| match field {
        "name" => (event.line, "SUMMARY", message),
        "first day off" => (*line, "DTSTART", message),
        _ => (end_line, "DTEND", message),
    })
}

/// A day as RFC 5545 writes it: `20261017`.
fn day(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range);
    Date::new(part(0..4)?.parse().ok()?, part(4..6)?.parse().ok()?, part(6..8)?.parse().ok()?).ok()
}

fn not_a_day(text: &str) -> String {
    format!("« {} » is not a day such as 20261017", super::short(text))
}

/// The name of an event without the zones behind it and what stands in brackets.
fn name_of(summary: &str) -> String {
    let name = summary.split(" - ").next().unwrap_or_default();
    let name = name.split('(').next().unwrap_or_default().trim();
    let name = name.strip_prefix("Début des ").unwrap_or(name);
    name.to_owned()
}

/// The zones that a text names: « Zones A/B/C - Corse ».
fn zones(text: &str) -> BTreeSet<Zone> {
    let text = plain(text);
    let mut found = BTreeSet::new();
    let mut after_zone = false;
    for word in text.split(' ') {
        match (word, after_zone) {
            ("zone" | "zones", _) => after_zone = true,
            ("a" | "b" | "c", true) => found.extend(Zone::parse(word)),
            ("et", true) => {}
            (word, _) => {
                after_zone = false;
                found.extend(Zone::parse(word).filter(|_| word.len() > 1));
            }
        }
    }
    found
}

/// Text values (RFC 5545, 3.3.11).
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push(match letters.next() {
                Some('n' | 'N') | None => ' ',
                Some(escaped) => escaped,
            }),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests;
