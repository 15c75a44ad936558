//! `/api/v1/calendar`, `/api/v1/schools/{uai}/calendar`, `/api/v1/closures` and `/api/v1/school-holidays`: calendars for
//! programs. Documents and files are those of the verbs `calendar …`; everybody signed in reads, supervisors change.

use super::Web;
use super::api::{self, Problem};
use super::guard::Ask;
use super::page::PageError;
use crate::calendar::school_holidays::{self, MAX_PERIODS, Period, year_words};
use crate::calendar::{
    CalendarSettings, Closure, ClosureError, ClosureReason, HolidayTable, NetworkKind, Stretch, Zone, ics, settings,
    zone,
};
use crate::store::{ClosureRow, HolidaysSet, NewClosure, StoreError};
use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vigie_shared::uai::Uai;

/// The largest closure, bytes: a note of 200 characters, all escaped, fits.
const CLOSURE_MAX: usize = 8 << 10;

fn school(uai: &str) -> Result<Uai, PageError> {
    uai.parse().map_err(|_| PageError::NotFound)
}

// ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What is set for all schools; `{"version": 1}` where nothing is.
pub async fn fleet(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    document(&web, &ask, None).await
}

/// What is set for one school.
pub async fn of_school(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(uai): Path<String>,
) -> Result<Response, PageError> {
    document(&web, &ask, Some(school(&uai)?)).await
}

async fn document(web: &Web, ask: &Ask, school: Option<Uai>) -> Result<Response, PageError> {
    api::shown(ask, &web.context.store.calendar_settings(school).await?.unwrap_or_default())
}

/// Sets it for all schools, as a whole.
pub async fn set_fleet(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Result<Response, PageError> {
    set(&web, &ask, None, request).await
}

/// Sets it for one school.
pub async fn set_school(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(uai): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    set(&web, &ask, Some(school(&uai)?), request).await
}

async fn set(web: &Web, ask: &Ask, school: Option<Uai>, request: Request) -> Result<Response, PageError> {
    let text = api::text(request, settings::MAX_BYTES).await?;
    let settings = match CalendarSettings::parse(&text) {
        Ok(settings) => settings,
        Err(error) => return api::refused(&[Problem::new(error.field, error.problem)]),
    };
    web.context.store.set_calendar(school, Some(settings.clone()), ask.login(), ask.now).await?;
    tracing::info!(by = ask.login(), school = ?school, "another calendar is set");
    api::json(StatusCode::OK, &settings)
}

/// Takes away what is set for all schools.
pub async fn clear_fleet(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    clear(&web, &ask, None).await
}

/// Takes away what is set for one school.
pub async fn clear_school(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(uai): Path<String>,
) -> Result<Response, PageError> {
    clear(&web, &ask, Some(school(&uai)?)).await
}

async fn clear(web: &Web, ask: &Ask, school: Option<Uai>) -> Result<Response, PageError> {
    web.context.store.set_calendar(school, None, ask.login(), ask.now).await?;
    tracing::info!(by = ask.login(), school = ?school, "a calendar is as usual again");
    Ok(StatusCode::NO_CONTENT.into_response())
}

// ── closures ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Whose closures are listed.
#[derive(Deserialize)]
pub struct Whose {
    /// The school: its own and those of all schools. Without it, every closure.
    school: Option<String>,
}

/// A closure as programs say it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The school; left out or null: all of them.
    #[serde(default)]
    school: Option<String>,
    /// `pedagogical` or `administrative`; left out or null: both.
    #[serde(default)]
    network: Option<String>,
    /// The first day, or an instant with its time zone.
    from: String,
    /// The last day, included, or the instant at which it works again; left out: the day of `from`.
    #[serde(default)]
    to: Option<String>,
    reason: String,
    #[serde(default)]
    note: String,
}

/// A closure as it is told.
#[derive(Serialize)]
struct Told {
    id: String,
    school: Option<String>,
    network: Option<&'static str>,
    from: String,
    to: String,
    reason: &'static str,
    note: String,
    by: String,
    created: String,
}

impl From<&ClosureRow> for Told {
    fn from(row: &ClosureRow) -> Self {
        let (from, to) = row.closure.stretch.words();
        Self {
            id: row.id.to_string(),
            school: row.school.map(|uai| uai.to_string()),
            network: row.network.map(NetworkKind::as_str),
            from,
            to,
            reason: row.closure.reason.as_str(),
            note: row.closure.note.clone(),
            by: row.by.clone(),
            created: row.created.to_string(),
        }
    }
}

/// Closures by their start.
pub async fn closures(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(whose): Query<Whose>,
) -> Result<Response, PageError> {
    let of = whose.school.as_deref().map(school).transpose()?;
    let rows = web.context.store.closures(of).await?;
    api::shown(&ask, &rows.iter().map(Told::from).collect::<Vec<_>>())
}

/// Adds one: 201 with its id. The same again is the one that is there.
pub async fn close(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Result<Response, PageError> {
    let text = api::text(request, CLOSURE_MAX).await?;
    let asked = match api::read(&text).and_then(closure) {
        Ok(asked) => asked,
        Err(problem) => return api::refused(&[problem]),
    };
    let (school, network, closure) = asked;
    let new = NewClosure { school, network, closure, by: ask.login().to_owned(), now: ask.now };
    match web.context.store.add_closure(new).await {
        Ok(id) => {
            tracing::info!(by = ask.login(), school = ?school, %id, "a closure was added");
            api::json(StatusCode::CREATED, &BTreeMap::from([("id", id.to_string())]))
        }
        Err(StoreError::NotFound(problem)) => api::refused(&[Problem::new("school", problem)]),
        Err(StoreError::Conflict(problem)) => api::conflict(Problem::new("", problem)),
        Err(error) => Err(error.into()),
    }
}

fn closure(asked: Asked) -> Result<(Option<Uai>, Option<NetworkKind>, Closure), Problem> {
    let one_of = |field: &str, words: &[&str]| Problem::new(field, format!("one of {} is wanted", words.join(", ")));
    let school = asked.school.map(|uai| uai.parse().map_err(|_| Problem::new("school", "a UAI is wanted")));
    let network = asked.network.map(|word| {
        NetworkKind::parse(&word).ok_or_else(|| one_of("network", &NetworkKind::ALL.map(NetworkKind::as_str)))
    });
    let reason = ClosureReason::parse(&asked.reason)
        .ok_or_else(|| one_of("reason", &ClosureReason::ALL.map(ClosureReason::as_str)))?;
    let refused = |error: ClosureError| {
        let field = match &error {
            ClosureError::Unreadable { field, .. } | ClosureError::TooFar { field, .. } => field,
            ClosureError::Mixed | ClosureError::Reversed { .. } | ClosureError::TooLong => "to",
            ClosureError::Note => "note",
        };
        Problem::new(field, error.to_string())
    };
    let to = asked.to.as_deref().unwrap_or(&asked.from);
    let stretch = Stretch::parse(&asked.from, to).map_err(refused)?;
    Ok((school.transpose()?, network.transpose()?, Closure::new(stretch, reason, &asked.note).map_err(refused)?))
}

/// Takes one away.
pub async fn reopen(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    let row = web.context.store.remove_closure(id, None, ask.now).await?;
    tracing::info!(by = ask.login(), school = ?row.school, closure = %row.closure.stretch, "a closure was taken away");
    Ok(StatusCode::NO_CONTENT.into_response())
}

// ── school holidays ──────────────────────────────────────────────────────────────────────────────────────────────────

/// Which zone and school year a path means: `C` and `2026-2027`, or `2026`, the year in which it begins.
fn year_of(zone: &str, year: &str) -> Option<(Zone, i16)> {
    let (first, last) = year.split_once('-').map_or((year, None), |(first, last)| (first, Some(last)));
    let first: i16 = first.parse().ok().filter(|first| (2000..=2100).contains(first))?;
    let whole = last.is_none_or(|_| year == year_words(first));
    Zone::parse(zone).filter(|_| whole).map(|zone| (zone, first))
}

/// All zones and school years in force.
pub async fn holidays(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let table = web.context.store.school_holidays().await?;
    let mut all: BTreeMap<&str, BTreeMap<String, &[Period]>> = BTreeMap::new();
    for (zone, year) in table.years() {
        all.entry(zone.as_str()).or_default().insert(year_words(year), table.of(zone, year));
    }
    api::shown(&ask, &all)
}

/// One zone and school year in force: `[{"first", "back", "name"}]`.
pub async fn one_year(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path((zone, year)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (zone, year) = year_of(&zone, &year).ok_or(PageError::NotFound)?;
    let table = web.context.store.school_holidays().await?;
    match table.of(zone, year) {
        [] => Err(PageError::NotFound),
        periods => api::shown(&ask, &periods),
    }
}

/// Sets one zone and school year, as a whole.
pub async fn set_year(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path((zone, year)): Path<(String, String)>,
    request: Request,
) -> Result<Response, PageError> {
    let (zone, year) = year_of(&zone, &year).ok_or(PageError::NotFound)?;
    let text = api::text(request, school_holidays::MAX_BYTES).await?;
    let table = match api::read::<Vec<Period>>(&text).map_err(|p| vec![p]).and_then(|all| table(zone, year, &all)) {
        Ok(table) => table,
        Err(problems) => return api::refused(&problems),
    };
    web.context.store.set_school_holidays(table.clone(), ask.login(), ask.now).await?;
    tracing::info!(by = ask.login(), zone = zone.as_str(), year, "school holidays were set");
    api::json(StatusCode::OK, &table.of(zone, year))
}

fn table(zone: Zone, year: i16, periods: &[Period]) -> Result<HolidayTable, Vec<Problem>> {
    let mut problems = vec![];
    if periods.len() > MAX_PERIODS {
        problems.push(Problem::new("", format!("{} periods, at most {MAX_PERIODS}", periods.len())));
    }
    let mut table = HolidayTable::default();
    for (n, period) in periods.iter().enumerate().take(MAX_PERIODS) {
        let field = |name: &str| match name {
            "first day off" => format!("[{n}].first"),
            "first day back" => format!("[{n}].back"),
            name => format!("[{n}].{name}"),
        };
        match Period::new(period.first, period.back, &period.name) {
            Err((name, problem)) => problems.push(Problem::new(field(name), problem)),
            Ok(period) if school_holidays::school_year(period.first) != year => {
                let problem = format!("{} does not lie in the school year {}", period.first, year_words(year));
                problems.push(Problem::new(field("first"), problem));
            }
            Ok(period) => table.add(zone, period),
        }
        if problems.len() >= school_holidays::MAX_ERRORS {
            break;
        }
    }
    table.join();
    if problems.is_empty() && !table.is_whole(zone, year) {
        problems.push(Problem::new("", NOT_WHOLE));
    }
    if problems.is_empty() { Ok(table) } else { Err(problems) }
}

/// What is said of a school year in part.
const NOT_WHOLE: &str = "a school year is set as a whole: four holidays of a week or more between September and May, \
                         and those of the summer";

/// Back to the year that came with the program, if it came with one.
pub async fn clear_year(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path((zone, year)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (zone, year) = year_of(&zone, &year).ok_or(PageError::NotFound)?;
    web.context.store.clear_school_holidays(zone, year, ask.now).await?;
    tracing::info!(by = ask.login(), zone = zone.as_str(), year, "school holidays are as shipped again");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// How a file is read.
#[derive(Deserialize)]
pub struct Reading {
    /// The zone of events that name none.
    zone: Option<String>,
}

/// What became of a file.
#[derive(Serialize)]
struct Imported {
    set: Vec<ZoneYear>,
    /// In part only: they stay as they were.
    partial: Vec<ZoneYear>,
    /// Names of events that are no holidays, the first few.
    passed_over: Vec<String>,
}

#[derive(Serialize)]
struct ZoneYear {
    zone: &'static str,
    year: String,
}

/// Brings in a file: iCalendar, or lines `zone;first day off;first day back;name`.
pub async fn import(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(reading): Query<Reading>,
    request: Request,
) -> Result<Response, PageError> {
    let bytes = api::body(request, school_holidays::MAX_BYTES).await?;
    let read = match reading.zone.map(|word| Zone::parse(&word).ok_or_else(|| zone::unknown(&word))).transpose() {
        Ok(zone) => ics::parse_any(&bytes, zone),
        Err(problem) => return api::refused(&[Problem::new("zone", problem)]),
    };
    let read = match read {
        Ok(read) => read,
        Err(errors) => {
            let problem = |error: &school_holidays::LineError| {
                Problem::new(if error.line > 0 { format!("line {}", error.line) } else { String::new() }, error.what())
            };
            return api::refused(&errors.iter().map(problem).collect::<Vec<_>>());
        }
    };
    let done = web.context.store.set_school_holidays(read.table, ask.login(), ask.now).await?;
    tracing::info!(by = ask.login(), set = done.set.len(), "school holidays were imported");
    let HolidaysSet { set, partial } = done;
    let words = |list: Vec<(Zone, i16)>| {
        list.into_iter().map(|(zone, year)| ZoneYear { zone: zone.as_str(), year: year_words(year) }).collect()
    };
    if set.is_empty() {
        let which: Vec<_> =
            partial.iter().map(|(zone, year)| format!("{} {}", zone.as_str(), year_words(*year))).collect();
        let problem = format!("nothing was set ({}): {NOT_WHOLE}", which.join(", "));
        return api::refused(&[Problem::new("", problem)]);
    }
    api::json(StatusCode::OK, &Imported { set: words(set), partial: words(partial), passed_over: read.passed_over })
}
