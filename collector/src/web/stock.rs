//! `/recensement`: stock-taking by labels. A scanner is a keyboard: it types a number into the only field and presses
//! Enter; the page answers which machine it is, and keeps that it was seen now and in which room.

use super::Web;
use super::access::{self, Need};
use super::guard::Ask;
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use crate::fleet::hand::{ROOM_MAX, label};
use crate::store::{LABELLED_MOST, Labelled, StoreError};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use vigie_shared::id::MachineId;

/// Where the last scan led.
#[derive(Default, Deserialize)]
pub struct Last {
    /// The room in which somebody stands.
    #[serde(default)]
    salle: String,
    /// The machine seen last.
    vu: Option<String>,
    /// The room it stood in before, if it is another.
    avant: Option<String>,
}

#[derive(Template)]
#[template(path = "stock.html")]
struct StockTemplate {
    s: Shell,
    room: String,
    label: String,
    problem: Option<String>,
    done: Option<(String, String, Vec<String>)>,
    several: Vec<(String, String, String)>,
    may: bool,
    most: usize,
}

async fn page(web: &Web, ask: &Ask, room: String, shown: Shown) -> Result<Response, PageError> {
    html(&StockTemplate {
        s: Shell::new(ask, ask.lang.say("stock-title"), "stock"),
        room,
        label: shown.label,
        problem: shown.problem,
        done: match shown.done {
            Some((id, before)) => seen(web, ask, id, before).await?,
            None => None,
        },
        several: shown.several.iter().map(|one| choice(ask.lang, one)).collect(),
        may: ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::DescribeMachines)),
        most: ROOM_MAX,
    })
}

/// What the page tells about the last scan.
#[derive(Default)]
struct Shown {
    label: String,
    problem: Option<String>,
    done: Option<(MachineId, Option<String>)>,
    several: Vec<Labelled>,
}

/// The machine that was just seen: its page, its name, what to say about it.
async fn seen(
    web: &Web,
    ask: &Ask,
    id: MachineId,
    before: Option<String>,
) -> Result<Option<(String, String, Vec<String>)>, PageError> {
    let (store, lang) = (&web.context.store, ask.lang);
    let (Some(machine), Some(hand)) = (store.machine(id, ask.now).await?, store.hand(id).await?) else {
        return Ok(None);
    };
    let written = &hand.written;
    let mut lines = vec![format!("{} ({})", machine.school.1, machine.school.0)];
    let room = written.room.as_str();
    lines.push(match before {
        Some(before) if before != room => {
            let before = if before.is_empty() { lang.say("stock-no-room") } else { before };
            lang.tell("stock-moved", &[("before", before.into()), ("room", room.into())])
        }
        _ if room.is_empty() => lang.say("stock-room-unknown"),
        _ => lang.tell("stock-room", &[("room", room.into())]),
    });
    if written.state != crate::fleet::hand::Life::InService {
        let state = super::reasons::word(lang, "life", written.state.as_str());
        lines.push(lang.tell("stock-state", &[("state", state.into())]));
    }
    Ok(Some((format!("/postes/{id}"), machine.machine.host_name, lines)))
}

fn choice(lang: Lang, one: &Labelled) -> (String, String, String) {
    let by = lang.say(&format!("stock-by-{}", one.by.replace('_', "-")));
    (one.machine.to_string(), one.host_name.clone(), format!("{}, {by}", one.school.1))
}

/// The field for a label, and what the last one led to.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(last): Query<Last>,
) -> Result<Response, PageError> {
    let done = last.vu.and_then(|id| id.parse().ok()).map(|id| (id, last.avant));
    let room: String = last.salle.chars().take(ROOM_MAX).collect();
    page(&web, &ask, room, Shown { done, ..Shown::default() }).await
}

/// A label: the fields `etiquette` and `salle`; `poste` where several machines bear it and one was chosen.
pub async fn take(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let (lang, store) = (ask.lang, &web.context.store);
    let (typed, room) = (ask.field("etiquette").trim().to_owned(), ask.field("salle").trim().to_owned());
    let found = match label(&typed) {
        Some(label) => store.labelled(&label).await?,
        None => vec![],
    };
    let chosen: Option<MachineId> = ask.field("poste").parse().ok();
    let one = match (found.as_slice(), chosen) {
        ([one], _) => Some(one),
        (several, Some(chosen)) => several.iter().find(|one| one.machine == chosen),
        _ => None,
    };
    let Some(one) = one else {
        let (problem, status) = match found.len() {
            0 => ("stock-none", StatusCode::NOT_FOUND),
            LABELLED_MOST => ("stock-too-many", StatusCode::CONFLICT),
            _ => ("stock-several", StatusCode::CONFLICT),
        };
        let problem = Some(lang.tell(problem, &[("label", typed.clone().into()), ("n", found.len().into())]));
        let several = if found.len() < LABELLED_MOST { found } else { vec![] };
        let shown = Shown { label: typed, problem, several, done: None };
        let mut response = page(&web, &ask, room, shown).await?;
        *response.status_mut() = status;
        return Ok(response);
    };
    let told = (!room.is_empty()).then(|| room.clone());
    match store.seen_by_hand(one.machine, told, ask.login(), ask.now).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => {
            let shown = Shown { label: typed, problem: Some(lang.say("hand-problem-room")), ..Shown::default() };
            let mut response = page(&web, &ask, room, shown).await?;
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
        Err(error) => return Err(error.into()),
    }
    tracing::info!(by = ask.login(), machine = %one.machine, "a machine was seen by its label");
    let encode = super::page::encode;
    let moved = !room.is_empty() && one.room != room;
    let before = if moved { format!("&avant={}", encode(&one.room)) } else { String::new() };
    Ok(Redirect::to(&format!("/recensement?salle={}&vu={}{before}", encode(&room), one.machine)).into_response())
}
