//! The table of school holidays: periods of each zone, by school year (September to August). One table is compiled in
//! for the years that were known (`school_holidays.txt` says where its dates come from); others are read from text of
//! the same form or from iCalendar files ([`super::ics`]), and replace or complete it year by year.

use super::zone::{self, Zone};
use jiff::Span;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The largest file accepted, bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most periods read from one file.
pub const MAX_PERIODS: usize = 5_000;
/// The longest period, days: the long holidays of any académie are shorter.
pub const MAX_DAYS: i64 = 120;
/// The longest name of a period, characters.
pub const MAX_NAME: usize = 80;
/// After so many errors reading stops.
pub const MAX_ERRORS: usize = 20;
/// A period of so many days is a holiday in the sense of the calendar, not a bridge.
const LONG_DAYS: i64 = 7;
/// Long holidays between September and May in a school year, everywhere in France.
const LONG_A_YEAR: usize = 4;

/// One period without school.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first day without school.
    pub first: Date,
    /// The first day of school again.
    pub back: Date,
    /// « Toussaint », « Hiver ».
    pub name: String,
}

/// What is wrong with a line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Line, from 1; 0 is the file as a whole.
    pub line: usize,
    /// The field, where one is meant.
    pub field: &'static str,
    /// What is wrong and what is wanted.
    pub message: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.what())
    }
}

impl LineError {
    /// Field and message, without the line.
    pub fn what(&self) -> String {
        if self.field.is_empty() { self.message.clone() } else { format!("{}: {}", self.field, self.message) }
    }
}

impl Period {
    /// A period, if it makes sense; else the field that does not, and why.
    pub fn new(first: Date, back: Date, name: &str) -> Result<Self, (&'static str, String)> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(("name", format!("1 to {MAX_NAME} characters are wanted")));
        }
        for (field, day) in [("first day off", first), ("first day back", back)] {
            if !(2000..=2100).contains(&day.year()) {
                return Err((field, format!("{day} is not between the years 2000 and 2100")));
            }
        }
        let period = Self { first, back, name: name.to_owned() };
        if period.days() < 1 {
            return Err(("first day back", format!("{back} does not come after the first day off, {first}")));
        }
        if period.days() > MAX_DAYS {
            return Err(("first day back", format!("{first} to {back} is longer than {MAX_DAYS} days")));
        }
        Ok(period)
    }

    /// How many days are without school.
    pub fn days(&self) -> i64 {
        self.back.duration_since(self.first).as_hours() / 24
    }

    /// Whether this day is without school.
    pub fn holds(&self, day: Date) -> bool {
        self.first <= day && day < self.back
    }
}

/// The school year of a day: the year in which it began. 31 August 2026 lies in 2025, the day after in 2026.
pub fn school_year(day: Date) -> i16 {
    if day.month() >= 9 { day.year() } else { day.year().saturating_sub(1) }
}

/// How a school year is written: « 2026-2027 ».
pub fn year_words(year: i16) -> String {
    format!("{year}-{}", year.saturating_add(1))
}

/// Periods of each zone and school year, in order and apart from each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HolidayTable(BTreeMap<(Zone, i16), Vec<Period>>);

impl HolidayTable {
    /// The table that is compiled in.
    pub fn shipped() -> Arc<Self> {
        static SHIPPED: LazyLock<Arc<HolidayTable>> = LazyLock::new(|| {
            // A test reads it: it has no errors.
            Arc::new(HolidayTable::parse(include_str!("school_holidays.txt")).unwrap_or_default())
        });
        SHIPPED.clone()
    }

    /// Reads text, one period a line: `zone;first day off;first day back;name`. Empty lines and those that start with
    /// `#` are passed over. All or nothing.
    pub fn parse(text: &str) -> Result<Self, Vec<LineError>> {
        let mut table = Self::default();
        let mut errors = Vec::new();
        if text.len() > MAX_BYTES {
            return Err(vec![too_large(text.len())]);
        }
        let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim().trim_start_matches('\u{feff}')));
        let mut periods = 0;
        for (line, text) in lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
            match one_line(text) {
                Ok((zone, period)) => table.add(zone, period),
                Err((field, message)) => errors.push(LineError { line, field, message }),
            }
            periods += 1;
            if errors.len() >= MAX_ERRORS || periods > MAX_PERIODS {
                errors.push(stopped(line, periods));
                break;
            }
        }
        table.join();
        if errors.is_empty() { Ok(table) } else { Err(errors) }
    }

    /// Adds a period to the school year in which it begins; [`HolidayTable::join`] is called when all are in.
    pub fn add(&mut self, zone: Zone, period: Period) {
        self.0.entry((zone, school_year(period.first))).or_default().push(period);
    }

    /// Puts periods in order; those that overlap or touch become one, under the name of the first.
    pub fn join(&mut self) {
        for periods in self.0.values_mut() {
            periods.sort();
            let mut joined: Vec<Period> = Vec::with_capacity(periods.len());
            for period in periods.drain(..) {
                match joined.last_mut() {
                    Some(last) if period.first <= last.back => last.back = last.back.max(period.back),
                    _ => joined.push(period),
                }
            }
            *periods = joined;
        }
    }

    /// The same with the periods of one zone and school year replaced.
    pub fn set(&mut self, zone: Zone, year: i16, periods: Vec<Period>) {
        self.0.insert((zone, year), periods);
        self.join();
    }

    /// The holidays that hold a day, if there are any.
    pub fn find(&self, zone: Zone, day: Date) -> Option<&Period> {
        // Long holidays may reach into the next school year.
        let year = school_year(day);
        [year, year.saturating_sub(1)].into_iter().find_map(|year| self.of(zone, year).iter().find(|p| p.holds(day)))
    }

    /// The periods of a zone that begin in a school year, in order.
    pub fn of(&self, zone: Zone, year: i16) -> &[Period] {
        self.0.get(&(zone, year)).map_or(&[], Vec::as_slice)
    }

    /// All zones and school years of which it has anything.
    pub fn years(&self) -> impl Iterator<Item = (Zone, i16)> + '_ {
        self.0.keys().copied()
    }

    /// Whether a school year is there as a whole: four long holidays before June and those of the summer.
    pub fn is_whole(&self, zone: Zone, year: i16) -> bool {
        let periods = self.of(zone, year);
        let long = |period: &&Period| period.days() >= LONG_DAYS;
        let before_june = periods.iter().filter(long).filter(|period| !(6..=8).contains(&period.first.month()));
        let summer = periods.iter().filter(long).any(|period| (6..=7).contains(&period.first.month()));
        before_june.count() >= LONG_A_YEAR && summer
    }

    /// Whether the holidays of the school year of a day are known.
    pub fn knows(&self, zone: Zone, day: Date) -> bool {
        self.is_whole(zone, school_year(day))
    }

    /// The last day of which a zone's holidays are known without a year missing before it, from the year of `day` on;
    /// `None` where that year itself is not known.
    pub fn known_until(&self, zone: Zone, day: Date) -> Option<Date> {
        let first = school_year(day);
        let last = (first..first.saturating_add(100)).take_while(|year| self.is_whole(zone, *year)).last()?;
        Date::new(last.saturating_add(1), 8, 31).ok()
    }

    /// The same as text that [`HolidayTable::parse`] reads.
    pub fn text(&self) -> String {
        let line = |zone: Zone, p: &Period| format!("{};{};{};{}\n", zone.as_str(), p.first, p.back, p.name);
        self.0.iter().flat_map(|((zone, _), periods)| periods.iter().map(|p| line(*zone, p))).collect()
    }
}

/// Where summer ends when nobody says: on 1 September of the same year.
pub fn end_of_summer(first: Date) -> Date {
    Date::new(first.year(), 9, 1).unwrap_or_else(|_| first.saturating_add(Span::new().days(60)))
}

/// What is said of a file that is too large.
pub fn too_large(bytes: usize) -> LineError {
    LineError {
        line: 0,
        field: "",
        message: format!("the file has {bytes} bytes, more than the {MAX_BYTES} that are read"),
    }
}

fn stopped(line: usize, periods: usize) -> LineError {
    let message = if periods > MAX_PERIODS {
        format!("more than {MAX_PERIODS} periods: is this the right file?")
    } else {
        format!("reading stopped here, after {MAX_ERRORS} errors: is this the right file?")
    };
    LineError { line, field: "", message }
}

fn one_line(text: &str) -> Result<(Zone, Period), (&'static str, String)> {
    let fields: Vec<&str> = text.split(';').map(str::trim).collect();
    let [zone, first, back, name] = fields.as_slice() else {
        let message =
            format!("{} fields are there, 4 are wanted: zone;first day off;first day back;name", fields.len());
        return Err(("", message));
    };
    let zone = Zone::parse(zone).ok_or_else(|| ("zone", zone::unknown(zone)))?;
    let first = day(first).map_err(|message| ("first day off", message))?;
    let back = day(back).map_err(|message| ("first day back", message))?;
    Ok((zone, Period::new(first, back, name)?))
}

fn day(text: &str) -> Result<Date, String> {
    let wanted = || format!("« {} » is not a day such as 2026-10-17", super::short(text));
    if text.len() != 10 {
        return Err(wanted());
    }
    text.parse().map_err(|_| wanted())
}

/// The first day of a school year.
pub fn first_day(year: i16) -> Date {
    Date::new(year, 9, 1).unwrap_or_else(|_| date(2000, 9, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::Weekday;

    #[test]
    fn the_shipped_table_is_read_whole_and_written_again_as_it_is() {
        let text = include_str!("school_holidays.txt");
        let table = HolidayTable::parse(text).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(table.text().lines().count(), lines, "no period was swallowed by another");
        assert_eq!(HolidayTable::parse(&table.text()).unwrap(), table);
        assert_eq!(*HolidayTable::shipped(), table);
    }

    #[test]
    fn the_shipped_years_are_whole_and_no_other_is() {
        let table = HolidayTable::shipped();
        for zone in [Zone::A, Zone::B, Zone::C] {
            let known: Vec<i16> = (2020..2030).filter(|year| table.is_whole(zone, *year)).collect();
            assert_eq!(known, [2024, 2025, 2026], "{zone:?}");
            assert_eq!(table.known_until(zone, date(2026, 11, 28)), Some(date(2027, 8, 31)));
            assert_eq!(table.known_until(zone, date(2027, 9, 1)), None);
        }
        assert!(table.knows(Zone::Corse, date(2026, 8, 31)) && !table.knows(Zone::Corse, date(2026, 9, 1)));
        assert!(!table.knows(Zone::Reunion, date(2026, 1, 1)));
    }

    #[test]
    fn long_holidays_of_the_mainland_last_sixteen_days_from_a_saturday_to_a_monday() {
        let table = HolidayTable::shipped();
        let long = |(zone, year): (Zone, i16)| table.of(zone, year).iter().filter(|p| p.days() >= 7).cloned();
        let mut seen = 0;
        for period in table.years().flat_map(long).filter(|period| period.first.month() != 7) {
            assert_eq!(period.first.weekday(), Weekday::Saturday, "{period:?}");
            // Zone B came back on the Tuesday after Easter Monday in 2025.
            let after_easter = period.back == date(2025, 4, 22);
            let (days, back) = if after_easter { (17, Weekday::Tuesday) } else { (16, Weekday::Monday) };
            assert_eq!((period.days(), period.back.weekday()), (days, back), "{period:?}");
            seen += 1;
        }
        assert_eq!(seen, 3 * 3 * 4 + 2 * 4);
    }

    #[test]
    fn the_zones_take_turns_a_week_apart_in_winter_and_in_spring() {
        let table = HolidayTable::shipped();
        for year in [2024, 2025, 2026] {
            for name in ["Hiver", "Printemps"] {
                let first = |zone| table.of(zone, year).iter().find(|p| p.name == name).unwrap().first;
                let mut starts = [Zone::A, Zone::B, Zone::C].map(first);
                starts.sort();
                let [one, two, three] = starts;
                let days = |from: Date, to: Date| to.duration_since(from).as_hours() / 24;
                assert_eq!((days(one, two), days(two, three)), (7, 7), "{year} {name}");
            }
        }
        // Whoever goes first moves on: B, A, C.
        let first = |year| {
            let winter = |zone| table.of(zone, year).iter().find(|p| p.name == "Hiver").map(|p| p.first);
            [Zone::A, Zone::B, Zone::C].into_iter().min_by_key(|zone| winter(*zone)).unwrap()
        };
        assert_eq!([2024, 2025, 2026].map(first), [Zone::B, Zone::A, Zone::C]);
    }

    #[test]
    fn days_at_the_edges_of_a_period() {
        let table = HolidayTable::shipped();
        let name = |day| table.find(Zone::C, day).map(|p| p.name.as_str());
        assert_eq!(name(date(2026, 12, 18)), None);
        assert_eq!(name(date(2026, 12, 19)), Some("Noël"));
        assert_eq!(name(date(2027, 1, 3)), Some("Noël"));
        assert_eq!(name(date(2027, 1, 4)), None);
        assert_eq!(name(date(2027, 5, 7)), Some("Pont de l'Ascension"));
        assert_eq!(name(date(2026, 8, 31)), Some("Été"));
        assert_eq!(name(date(2026, 9, 1)), None);
        assert_eq!(table.find(Zone::Corse, date(2025, 9, 1)).map(|p| p.name.as_str()), Some("Été"));
    }

    #[test]
    fn each_bad_field_is_named_with_its_line() {
        let refusal = |line: &str| {
            let errors = HolidayTable::parse(&format!("# head\n\n{line}\n")).unwrap_err();
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert!(refusal("D;2026-10-17;2026-11-02;X").starts_with("line 3: zone: « D »"));
        assert!(refusal("A;2026-10-32;2026-11-02;X").starts_with("line 3: first day off: « 2026-10-32 »"));
        assert!(refusal("A;2026-10-17;soon;X").starts_with("line 3: first day back: « soon »"));
        assert!(refusal("A;2026-10-17;2026-10-17;X").contains("does not come after"));
        assert!(refusal("A;2026-10-17;2027-11-02;X").contains("longer than 120 days"));
        assert!(refusal("A;1926-10-17;2027-11-02;X").contains("first day off: 1926-10-17"));
        assert!(refusal("A;2026-10-17;2026-11-02;").starts_with("line 3: name"));
        assert!(refusal("A;2026-10-17;2026-11-02").contains("3 fields"));
        assert_eq!(refusal(&"x\n".repeat(100)).lines().count(), MAX_ERRORS + 1);
        let huge = "A;2026-10-17;2026-11-02;X\n".repeat(MAX_PERIODS + 1);
        assert!(refusal(&huge).contains("more than 5000 periods"));
        assert!(refusal(&" ".repeat(MAX_BYTES)).contains("bytes"));
    }

    #[test]
    fn periods_that_touch_become_one() {
        let text = "B;2026-04-18;2026-04-27;Printemps - Zone B\nB;2026-04-11;2026-04-18;Printemps\n";
        let table = HolidayTable::parse(text).unwrap();
        assert_eq!(table.of(Zone::B, 2025), [Period::new(date(2026, 4, 11), date(2026, 4, 27), "Printemps").unwrap()]);
        assert!(!table.is_whole(Zone::B, 2025));
    }
}
