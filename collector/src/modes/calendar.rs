//! `calendar show | set | close | reopen | import-holidays`: when the networks of schools are expected to work.

mod table;

use super::{BY, Data, block_on, clock, print};
use crate::calendar::school_holidays::{self, year_words};
use crate::calendar::{
    CalendarSettings, Closure, ClosureReason, HolidayTable, NetworkKind, Stretch, Zone, ics, settings, zone,
};
use crate::store::{HolidaysSet, NewClosure, Store};
use anyhow::{Context, bail};
use jiff::civil::Date;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use vigie_shared::id::ClosureId;
use vigie_shared::uai::Uai;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print days with their hours or why they are closed; without --school, what holds for all schools.
    Show {
        #[command(flatten)]
        data: Data,
        /// The school.
        #[arg(long, value_name = "UAI")]
        school: Option<Uai>,
        /// The first day (today).
        #[arg(long, value_name = "DATE", value_parser = date, requires = "school")]
        from: Option<Date>,
        /// How many days.
        #[arg(long, value_name = "N", default_value_t = 28, value_parser = clap::value_parser!(u16).range(1..=400))]
        days: u16,
        /// Print what is set, as JSON that « calendar set » takes.
        #[arg(long, conflicts_with_all = ["from", "days"])]
        settings: bool,
    },
    /// Set the calendars of a school, or without --school those of all. What the file leaves out is as it would be
    /// otherwise: a school wins over the fleet, the fleet over what is usual where the school lies.
    Set {
        #[command(flatten)]
        data: Data,
        /// What to set: {"version": 1, "pedagogical": {"zone", "public_holidays", "time_zone", "hours", "bridges",
        /// "closed_weeks"}, "administrative": {the same}}.
        #[arg(value_name = "FILE.json", required_unless_present = "clear")]
        file: Option<PathBuf>,
        /// The school.
        #[arg(long, value_name = "UAI")]
        school: Option<Uai>,
        /// Take away what was set.
        #[arg(long, conflicts_with = "file")]
        clear: bool,
    },
    /// Close networks for days or hours: snow, strike, exam, bridge, works.
    Close {
        #[command(flatten)]
        data: Data,
        /// The school.
        #[arg(long, value_name = "UAI", required_unless_present = "all", conflicts_with = "all")]
        school: Option<Uai>,
        /// All schools.
        #[arg(long)]
        all: bool,
        /// The first day (2026-11-23), or an instant with its time zone (2026-11-23T10:00:00+01:00).
        #[arg(long, value_name = "WHEN")]
        from: String,
        /// The last day, included, or the instant at which it works again; without it, the day of --from.
        #[arg(long, value_name = "WHEN")]
        to: Option<String>,
        /// Why: snow, strike, exam, bridge, works or other.
        #[arg(long, value_parser = reason)]
        reason: ClosureReason,
        /// Which network: pedagogical or administrative; without it, both.
        #[arg(long, value_name = "KIND", value_parser = network)]
        network: Option<NetworkKind>,
        /// A few words that pages show.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Take a closure away.
    Reopen {
        #[command(flatten)]
        data: Data,
        /// Which; « calendar show » lists them.
        id: ClosureId,
    },
    /// Bring in school holidays: iCalendar as the ministry publishes it, or lines « zone;first day off;first day back;name ».
    /// Each zone and school year that the file has as a whole replaces the one that was known.
    ImportHolidays {
        #[command(flatten)]
        data: Data,
        /// The file.
        #[arg(value_name = "FILE.ics|FILE.txt")]
        file: PathBuf,
        /// The zone of an iCalendar file that names none, as those of a single académie do.
        #[arg(long, value_parser = zone_word)]
        zone: Option<Zone>,
    },
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.verb {
        Verb::Show { data, school, settings: true, .. } => {
            let set = block_on(async { Ok(data.open()?.calendar_settings(school).await?) })?;
            print(serde_json::to_string_pretty(&set.unwrap_or_default())?)?;
        }
        Verb::Show { data, school: Some(school), from, days, .. } => {
            block_on(async { table::of_school(data.open()?, school, from, days).await })?;
        }
        Verb::Show { data, .. } => block_on(async { table::of_all(data.open()?).await })?,
        Verb::Set { data, file, school, .. } => {
            let settings = file.as_deref().map(read_settings).transpose()?;
            let cleared = settings.is_none();
            block_on(async { Ok(data.open()?.set_calendar(school, settings, BY, clock().now()).await?) })?;
            let whose = school.map_or_else(|| "all schools".to_owned(), |uai| uai.to_string());
            let what = if cleared { "is as usual again" } else { "is set" };
            eprintln!("the calendar of {whose} {what}; « calendar show » prints what it comes to");
        }
        Verb::Close { data, school, all: _, from, to, reason, network, note } => {
            let stretch = Stretch::parse(&from, to.as_deref().unwrap_or(&from))?;
            let closure = Closure::new(stretch, reason, &note)?;
            let now = clock().now();
            let new = NewClosure { school, network, closure, by: BY.to_owned(), now };
            let id = block_on(async { Ok(data.open()?.add_closure(new).await?) })?;
            print(id)?;
            eprintln!("closed: {stretch}; « calendar reopen {id} » takes it away");
        }
        Verb::Reopen { data, id } => {
            let row = block_on(async { Ok(data.open()?.remove_closure(id, None, clock().now()).await?) })?;
            eprintln!("the closure {} ({}) is taken away", row.closure.stretch, row.closure.reason.as_str());
        }
        Verb::ImportHolidays { data, file, zone } => {
            let table = read_holidays(&file, zone)?;
            let done = block_on(async { import(data.open()?, table).await })?;
            tell(&file, &done)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn import(store: Arc<dyn Store>, table: HolidayTable) -> anyhow::Result<HolidaysSet> {
    Ok(store.set_school_holidays(table, BY, clock().now()).await?)
}

fn tell(file: &Path, done: &HolidaysSet) -> anyhow::Result<()> {
    let words = |list: &[(Zone, i16)]| {
        let each = list.iter().map(|(zone, year)| format!("{} {}", zone.as_str(), year_words(*year)));
        each.collect::<Vec<_>>().join(", ")
    };
    let name = file.display();
    if !done.partial.is_empty() {
        eprintln!("{name}: in part only, stays as it was: {}", words(&done.partial));
    }
    if done.set.is_empty() {
        bail!(
            "nothing was set from {name}: a school year counts as whole with four holidays of a week or more between \
             September and May, and those of the summer"
        );
    }
    eprintln!("{name}: set: {}", words(&done.set));
    Ok(())
}

fn read_settings(file: &Path) -> anyhow::Result<CalendarSettings> {
    let name = file.display();
    let bytes = read_bounded(file, settings::MAX_BYTES)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))?;
    CalendarSettings::parse(&text).with_context(|| format!("{name}: the calendar stays as it was"))
}

fn read_holidays(file: &Path, zone: Option<Zone>) -> anyhow::Result<HolidayTable> {
    let bytes = read_bounded(file, school_holidays::MAX_BYTES)?;
    let name = file.display();
    let read = ics::parse_any(&bytes, zone).map(|read| {
        if !read.passed_over.is_empty() {
            eprintln!("{name}: no holidays, passed over: {}", read.passed_over.join("; "));
        }
        read.table
    });
    read.map_err(|errors| {
        for error in &errors {
            eprintln!("{name}: {error}");
        }
        anyhow::anyhow!("nothing was imported from {name}: correct what is said above and import it again")
    })
}

/// The whole file, or one byte more than is accepted.
fn read_bounded(file: &Path, bound: usize) -> anyhow::Result<Vec<u8>> {
    let name = file.display();
    let limit = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).with_context(|| format!("{name} cannot be opened"))?;
    opened.take(limit).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read"))?;
    Ok(bytes)
}

fn date(text: &str) -> Result<Date, String> {
    let wanted = || format!("« {text} » is not a day such as 2026-11-23");
    let day: Date = if text.len() == 10 { text.parse().map_err(|_| wanted())? } else { return Err(wanted()) };
    if (2000..=2100).contains(&day.year()) { Ok(day) } else { Err(wanted()) }
}

fn reason(word: &str) -> Result<ClosureReason, String> {
    let known: Vec<&str> = ClosureReason::ALL.into_iter().map(ClosureReason::as_str).collect();
    ClosureReason::parse(word).ok_or_else(|| format!("« {word} » is not a reason: {} are known", known.join(", ")))
}

fn network(word: &str) -> Result<NetworkKind, String> {
    NetworkKind::parse(word).ok_or_else(|| format!("« {word} » is not a network: pedagogical or administrative"))
}

fn zone_word(word: &str) -> Result<Zone, String> {
    Zone::parse(word).ok_or_else(|| zone::unknown(word))
}
