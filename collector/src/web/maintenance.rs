//! `/maintenances`: planned maintenance, for everybody to see; supervisors plan it and end it.

use super::Web;
use super::access::{self, Need};
use super::guard::Ask;
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use super::words;
use crate::store::{MaintenanceView, NewMaintenance, PlannedFor, StoreError};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::civil::DateTime;

/// Maintenances listed.
const LISTED: usize = 100;

#[derive(Template)]
#[template(path = "maintenance.html")]
struct MaintenanceTemplate {
    s: Shell,
    problem: Option<String>,
    list: Vec<Planned>,
    may_plan: bool,
    /// What was typed, when it was refused.
    typed: Typed,
}

/// Fields of the form.
#[derive(Default)]
struct Typed {
    kind: String,
    which: String,
    room: String,
    from: String,
    to: String,
    reason: String,
}

/// A maintenance in words.
struct Planned {
    id: String,
    what: String,
    when: String,
    state: String,
    /// Whether it may still be ended.
    goes_on: bool,
    reason: String,
    by: String,
    /// The button that ends it, or takes it away before it began, and its name for those who do not see the line.
    verb: &'static str,
    end: String,
}

fn planned(lang: Lang, one: &MaintenanceView, now: Timestamp) -> Planned {
    let end = one.ended.unwrap_or(one.to);
    let over = end <= now;
    let state = match (over, one.from <= now) {
        (true, _) => "maintenance-over",
        (false, true) => "maintenance-now",
        (false, false) => "maintenance-planned",
    };
    let place = [
        one.machine.as_ref().map(|(_, name)| name.clone()),
        one.subject.clone(),
        one.school.as_ref().map(|(uai, name)| format!("{name} ({uai})")),
    ];
    let kind = lang.say(&format!("maintenance-kind-{}", one.kind));
    let what: Vec<String> = std::iter::once(kind).chain(place.into_iter().flatten()).collect();
    let what = what.join(" · ");
    let mut by = one.by.clone();
    if let Some(who) = &one.ended_by {
        by = lang.tell("maintenance-ended-by", &[("by", by.into()), ("who", super::notes::by(lang, who).into())]);
    }
    let from = words::full(lang, one.from, now);
    let to = words::full(lang, end, now);
    let verb = if one.from <= now { "maintenance-end" } else { "maintenance-cancel" };
    Planned {
        id: one.id.to_string(),
        verb,
        end: lang.tell(&format!("{verb}-named"), &[("what", what.clone().into())]),
        what,
        when: lang.tell("maintenance-from-to", &[("from", from.into()), ("to", to.into())]),
        state: lang.say(state),
        goes_on: !over,
        reason: one.reason.clone(),
        by,
    }
}

async fn page(web: &Web, ask: &Ask, problem: Option<&str>, typed: Typed) -> Result<Response, PageError> {
    let lang = ask.lang;
    let list = web.context.store.maintenances(ask.now, LISTED).await?;
    html(&MaintenanceTemplate {
        s: Shell::new(ask, lang.say("maintenance-title"), "tickets"),
        problem: problem.map(|key| lang.say(key)),
        list: list.iter().map(|one| planned(lang, one, ask.now)).collect(),
        may_plan: ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::PlanMaintenance)),
        typed,
    })
}

/// The list, and the form for those who may plan.
pub async fn list(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    page(&web, &ask, None, Typed::default()).await
}

/// What the form says; else the key of what is wrong with it.
fn read(ask: &Ask) -> Result<NewMaintenance, &'static str> {
    let which = ask.field("lequel").trim();
    let planned_for = match ask.field("genre") {
        "fleet" => PlannedFor::Fleet,
        "basin" => PlannedFor::Basin(which.to_owned()),
        "school" => PlannedFor::School(which.parse().map_err(|_| "maintenance-problem-which")?),
        "room" => {
            let school = which.parse().map_err(|_| "maintenance-problem-which")?;
            PlannedFor::Room(school, ask.field("salle").to_owned())
        }
        "machine" => PlannedFor::Machine(which.parse().map_err(|_| "maintenance-problem-which")?),
        _ => return Err("maintenance-problem-which"),
    };
    let instant = |field: &str| {
        let civil: Option<DateTime> = ask.field(field).parse().ok();
        let zoned = civil.and_then(|civil| civil.in_tz("Europe/Paris").ok());
        zoned.map(|zoned| zoned.timestamp()).ok_or("maintenance-problem-time")
    };
    let (from, to) = (instant("debut")?, instant("fin")?);
    if to <= from || to <= ask.now {
        return Err("maintenance-problem-order");
    }
    let reason = ask.field("motif").trim().to_owned();
    if reason.is_empty() {
        return Err("maintenance-problem-reason");
    }
    Ok(NewMaintenance { planned_for, from, to, reason, by: ask.login().to_owned() })
}

/// Plans one: the fields `genre`, `lequel`, `salle`, `debut`, `fin` and `motif`.
pub async fn add(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let problem = match read(&ask) {
        Err(problem) => problem,
        Ok(new) => match web.context.store.add_maintenance(new, ask.now).await {
            Ok(id) => {
                tracing::info!(by = ask.login(), %id, "a maintenance is planned");
                return Ok(Redirect::to("/maintenances").into_response());
            }
            Err(StoreError::NotFound(_)) => "maintenance-problem-which",
            Err(StoreError::Conflict(_)) => "maintenance-problem-bounds",
            Err(error) => return Err(error.into()),
        },
    };
    let field = |name: &str| ask.field(name).to_owned();
    let typed = Typed {
        kind: field("genre"),
        which: field("lequel"),
        room: field("salle"),
        from: field("debut"),
        to: field("fin"),
        reason: field("motif"),
    };
    let mut response = page(&web, &ask, Some(problem), typed).await?;
    *response.status_mut() = StatusCode::BAD_REQUEST;
    Ok(response)
}

/// Ends one before its time.
pub async fn end(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    match web.context.store.end_maintenance(id, ask.login(), ask.now).await {
        // Somebody was quicker, or its time came: that is what was wanted.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(Redirect::to("/maintenances").into_response()),
        Err(error) => Err(error.into()),
    }
}
