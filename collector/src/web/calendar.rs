//! `/etablissements/{uai}/calendrier`: when the networks of a school are expected to work, a month at a time, and its
//! exceptional closures, which a supervisor adds and takes away.

use super::Web;
use super::access::{self, Need};
use super::guard::Ask;
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use super::{reasons, words};
use crate::calendar::school_holidays::{school_year, year_words};
use crate::calendar::{
    Closed, Closure, ClosureError, ClosureReason, Day, NetworkKind, SchoolCalendar, SchoolCalendars, Stretch,
};
use crate::store::{ClosureRow, NewClosure, StoreError};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Deserialize;
use vigie_shared::uai::Uai;

/// What is looked at.
#[derive(Deserialize, Default)]
pub struct Shown {
    /// The month, `2026-11`.
    #[serde(default)]
    mois: String,
    /// What was just done: `ferme` or `rouvert`.
    #[serde(default)]
    fait: String,
}

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarTemplate {
    s: Shell,
    path: String,
    school: (String, String),
    month: String,
    this_month: String,
    earlier: String,
    later: String,
    networks: Vec<NetworkView>,
    days: Vec<DayView>,
    unknown: Option<String>,
    done: Option<String>,
    problem: Option<String>,
    closures: Vec<ClosureView>,
    may_edit: bool,
    reasons: Vec<(&'static str, String, bool)>,
    kinds: Vec<(&'static str, String, bool)>,
    form: Form,
}

struct NetworkView {
    name: String,
    now: String,
    tone: &'static str,
    rules: String,
}

struct DayView {
    day: String,
    today: bool,
    cells: [(String, &'static str); 2],
}

struct ClosureView {
    id: String,
    when: String,
    network: String,
    reason: String,
    by: String,
    of_all: bool,
    reopen: String,
}

/// What was typed, to be shown again when it is refused.
#[derive(Default)]
struct Form {
    from: String,
    to: String,
    start: String,
    end: String,
    note: String,
}

/// The page.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(uai): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, PageError> {
    page(&web, &ask, parse(&uai)?, &shown, None).await
}

/// A closure to add (`action` is `fermer`), or to take away (`rouvrir`).
pub async fn change(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(uai): Path<String>,
) -> Result<Response, PageError> {
    let (uai, store) = (parse(&uai)?, &web.context.store);
    let month: String = ask.field("mois").chars().filter(|c| c.is_ascii_digit() || *c == '-').take(7).collect();
    let done = |what: &str| Redirect::to(&format!("{}?mois={month}&fait={what}", path(uai))).into_response();
    match ask.field("action") {
        "rouvrir" => {
            let id = ask.field("fermeture").parse().map_err(|_| PageError::BadForm)?;
            let row = store.remove_closure(id, Some(uai), ask.now).await?;
            tracing::info!(by = ask.login(), school = %uai, closure = %row.closure.stretch, "a closure was taken away");
            Ok(done("rouvert"))
        }
        "fermer" => {
            let calendars = store.calendars(uai).await?;
            let shown = Shown { mois: month.clone(), ..Shown::default() };
            let closure = match read(&ask, calendars.pedagogical.time_zone()) {
                Ok(closure) => closure,
                Err(problem) => return page(&web, &ask, uai, &shown, Some(problem)).await,
            };
            let network = NetworkKind::parse(ask.field("reseau"));
            let by = ask.login().to_owned();
            let new = NewClosure { school: Some(uai), network, closure, by, now: ask.now };
            match store.add_closure(new).await {
                Ok(_) => {
                    tracing::info!(by = ask.login(), school = %uai, "a closure was added");
                    Ok(done("ferme"))
                }
                Err(StoreError::Conflict(_)) => page(&web, &ask, uai, &shown, Some("closure-problem-too-many")).await,
                Err(error) => Err(error.into()),
            }
        }
        _ => Err(PageError::BadForm),
    }
}

fn parse(uai: &str) -> Result<Uai, PageError> {
    uai.parse().map_err(|_| PageError::NotFound)
}

/// Where the page of a school's calendar is.
pub fn path(uai: Uai) -> String {
    format!("/etablissements/{uai}/calendrier")
}

/// The closure of the form, or the key of what is wrong with it.
fn read(ask: &Ask, time_zone: &TimeZone) -> Result<Closure, &'static str> {
    let day = |field: &str, problem| ask.field(field).parse::<Date>().map_err(|_| problem);
    let first = day("du", "closure-problem-from")?;
    let last = if ask.field("au").is_empty() { first } else { day("au", "closure-problem-to")? };
    let stretch = match (ask.field("de"), ask.field("a")) {
        ("", "") => Stretch::Days { first, last },
        (from, to) => {
            let at = |day: Date, time: &str| {
                let time: Time = time.parse().ok()?;
                Some(time_zone.to_zoned_datetime(day.to_datetime(time)).ok()?.timestamp())
            };
            let from = at(first, from).ok_or("closure-problem-time")?;
            Stretch::Hours { from, to: at(last, to).ok_or("closure-problem-time")? }
        }
    };
    let reason = ClosureReason::parse(ask.field("motif")).ok_or("closure-problem-reason")?;
    Closure::new(stretch, reason, ask.field("note")).map_err(|error| match error {
        ClosureError::Note => "closure-problem-note",
        ClosureError::Reversed { .. } => "closure-problem-reversed",
        ClosureError::TooLong => "closure-problem-long",
        _ => "closure-problem-from",
    })
}

async fn page(
    web: &Web,
    ask: &Ask,
    uai: Uai,
    shown: &Shown,
    problem: Option<&'static str>,
) -> Result<Response, PageError> {
    let (lang, store) = (ask.lang, &web.context.store);
    let school = store.school(uai.as_str(), ask.now).await?.ok_or(PageError::NotFound)?.school;
    let calendars = store.calendars(uai).await?;
    let today = calendars.pedagogical.date(ask.now);
    let first = month(&shown.mois).unwrap_or_else(|| today.first_of_month());
    let days: Vec<Date> = first.series(Span::new().days(1)).take_while(|day| day.month() == first.month()).collect();
    let neighbour = |months: i64| link(uai, first.saturating_add(Span::new().months(months)));
    let closures = store.closures(Some(uai)).await?;
    let typed = |field: &str| if problem.is_some() { ask.field(field).to_owned() } else { String::new() };
    let chosen = |field: &str, word: &str| problem.is_some() && ask.field(field) == word;
    let template = CalendarTemplate {
        s: Shell::new(ask, format!("{} – {}", lang.say("calendar-title"), school.name), "fleet"),
        path: path(uai),
        school: (format!("/etablissements/{uai}"), school.name),
        month: words::capital(&format!("{} {}", lang.say(&format!("month-{}", first.month())), first.year())),
        this_month: first.strftime("%Y-%m").to_string(),
        earlier: neighbour(-1),
        later: neighbour(1),
        networks: NetworkKind::ALL.map(|kind| network(lang, kind, calendars.of(kind), ask.now)).into(),
        unknown: days.iter().find(|day| !calendars.pedagogical.knows(**day)).map(|day| {
            let zone = calendars.pedagogical.zone().map_or("", |zone| zone.as_str());
            let year = year_words(school_year(*day));
            lang.tell("calendar-unknown", &[("zone", zone.into()), ("year", year.into())])
        }),
        days: days.into_iter().map(|day| one_day(lang, &calendars, day, today)).collect(),
        done: match shown.fait.as_str() {
            "ferme" => Some(lang.say("closure-added")),
            "rouvert" => Some(lang.say("closure-removed")),
            _ => None,
        },
        problem: problem.map(|key| lang.say(key)),
        closures: closures
            .iter()
            .filter(|row| row.closure.stretch.last_date() >= first)
            .map(|row| closure(lang, row, calendars.pedagogical.time_zone()))
            .collect(),
        may_edit: ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::EditCalendars)),
        reasons: ClosureReason::ALL
            .map(|r| (r.as_str(), words::capital(&closure_reason(lang, r)), chosen("motif", r.as_str())))
            .into(),
        kinds: NetworkKind::ALL
            .map(|kind| (kind.as_str(), kind_name(lang, kind), chosen("reseau", kind.as_str())))
            .into(),
        form: Form { from: typed("du"), to: typed("au"), start: typed("de"), end: typed("a"), note: typed("note") },
    };
    let mut response = html(&template)?;
    if problem.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

/// The first day of a month.
fn month(text: &str) -> Option<Date> {
    let first: Date = (text.len() == 7).then(|| format!("{text}-01").parse().ok())??;
    (2000..=2100).contains(&first.year()).then_some(first)
}

fn link(uai: Uai, month: Date) -> String {
    format!("{}?mois={}", path(uai), month.strftime("%Y-%m"))
}

fn kind_name(lang: Lang, kind: NetworkKind) -> String {
    reasons::word(lang, "network", kind.as_str())
}

fn closure_reason(lang: Lang, reason: ClosureReason) -> String {
    reasons::word(lang, "closure-reason", reason.as_str())
}

fn network(lang: Lang, kind: NetworkKind, calendar: &SchoolCalendar, now: Timestamp) -> NetworkView {
    let open = calendar.is_open(now);
    let when = calendar.next_change(now).map(|at| {
        let day = calendar.date(at);
        let clock = clock(lang, calendar.time_zone(), at);
        if day == calendar.date(now) { clock } else { format!("{}, {clock}", day_words(lang, day)) }
    });
    let key = match (open, when.is_some()) {
        (true, true) => "calendar-open-until",
        (true, false) => "calendar-open",
        (false, true) => "calendar-closed-until",
        (false, false) => "calendar-closed",
    };
    let zone = match calendar.zone() {
        Some(zone) => lang.tell("calendar-zone", &[("zone", zone.as_str().into())]),
        None => lang.say("calendar-works-through"),
    };
    let holidays = calendar.rules().holidays.map_or("none", |region| region.as_str());
    NetworkView {
        name: kind_name(lang, kind),
        now: lang.tell(key, &[("when", when.unwrap_or_default().into())]),
        tone: if open { "online" } else { "off" },
        rules: format!("{zone}, {}", reasons::word(lang, "public-holidays", holidays)),
    }
}

fn one_day(lang: Lang, calendars: &SchoolCalendars, day: Date, today: Date) -> DayView {
    let weekday = lang.say(&format!("weekday-{}", day.weekday().to_monday_one_offset()));
    let cell = |kind: NetworkKind| {
        let calendar = calendars.of(kind);
        match calendar.day(day) {
            Day::Open(open) => {
                let clock = |at| clock(lang, calendar.time_zone(), at);
                let each = open.iter().map(|(from, to)| format!("{} – {}", clock(*from), clock(*to)));
                (each.collect::<Vec<_>>().join(", "), "open")
            }
            Day::Closed(why) => (closed(lang, &why), "shut"),
        }
    };
    DayView {
        day: words::capital(&format!("{weekday} {}", day.day())),
        today: day == today,
        cells: NetworkKind::ALL.map(cell),
    }
}

/// Why a day is closed: « vacances scolaires (Toussaint) ».
fn closed(lang: Lang, why: &Closed) -> String {
    match why {
        Closed::PublicHoliday(holiday) => {
            let name = reasons::word(lang, "holiday", holiday.as_str());
            lang.tell("closed-public-holiday", &[("name", name.into())])
        }
        Closed::SchoolHolidays(name) => lang.tell("closed-school-holidays", &[("name", name.as_str().into())]),
        Closed::Bridge => lang.say("closed-bridge"),
        Closed::ClosedWeeks => lang.say("closed-weeks"),
        Closed::Weekday => lang.say("closed-weekday"),
        Closed::Exceptional { reason, note } => with_note(lang, *reason, note),
    }
}

fn with_note(lang: Lang, reason: ClosureReason, note: &str) -> String {
    let reason = closure_reason(lang, reason);
    if note.is_empty() { reason } else { format!("{reason} ({note})") }
}

fn closure(lang: Lang, row: &ClosureRow, time_zone: &TimeZone) -> ClosureView {
    let when = match row.closure.stretch {
        Stretch::Days { first, last } if first == last => day_words(lang, first),
        Stretch::Days { first, last } => {
            lang.tell("closure-days", &[("from", day_words(lang, first).into()), ("to", day_words(lang, last).into())])
        }
        Stretch::Hours { from, to } => {
            let day = |at| time_zone.to_datetime(at).date();
            let full = |at| format!("{}, {}", day_words(lang, day(at)), clock(lang, time_zone, at));
            let end = if day(from) == day(to) { clock(lang, time_zone, to) } else { full(to) };
            lang.tell("closure-hours", &[("from", full(from).into()), ("to", end.into())])
        }
    };
    ClosureView {
        id: row.id.to_string(),
        reopen: lang.tell("closure-reopen-named", &[("when", when.as_str().into())]),
        when: words::capital(&when),
        network: row.network.map_or_else(|| lang.say("closure-both"), |kind| kind_name(lang, kind)),
        reason: with_note(lang, row.closure.reason, &row.closure.note),
        by: row.by.clone(),
        of_all: row.school.is_none(),
    }
}

/// « lundi 23 novembre 2026 ».
fn day_words(lang: Lang, day: Date) -> String {
    let weekday = lang.say(&format!("weekday-{}", day.weekday().to_monday_one_offset()));
    let month = lang.say(&format!("month-{}", day.month()));
    let figures = [("weekday", weekday.into()), ("d", day.day().into()), ("month", month.into())];
    format!("{} {}", lang.tell("time-day", &figures), day.year())
}

/// « 8 h 00 », by the clock of the school.
fn clock(lang: Lang, time_zone: &TimeZone, at: Timestamp) -> String {
    let at = time_zone.to_datetime(at);
    lang.tell("time-hour", &[("h", at.hour().into()), ("m", format!("{:02}", at.minute()).into())])
}
