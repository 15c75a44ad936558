//! `/quarantaine`: machines that wait for somebody, and the one click that lets them in.

use super::Web;
use super::access::{self, Need};
use super::guard::Ask;
use super::page::{PageError, Shell, html};
use super::{reasons, words};
use crate::store::Which;
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

/// What was just done.
#[derive(Deserialize)]
pub struct Done {
    /// Machines approved by the click that led here.
    fait: Option<u32>,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct QuarantineTemplate {
    s: Shell,
    done: Option<String>,
    waiting: Vec<Waiting>,
    approve_all: String,
    may_approve: bool,
}

struct Waiting {
    id: String,
    name: String,
    approve: String,
    school: (String, String),
    address: String,
    enrolled: String,
    why: String,
}

/// The list.
pub async fn list(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(done): Query<Done>,
) -> Result<Response, PageError> {
    let lang = ask.lang;
    let machines = web.context.store.quarantine().await?;
    let waiting: Vec<Waiting> = machines
        .into_iter()
        .map(|m| Waiting {
            id: m.id.to_string(),
            approve: lang.tell("quarantine-approve-named", &[("name", m.host_name.clone().into())]),
            name: m.host_name,
            school: (format!("/etablissements/{}", m.school.0), m.school.1),
            address: words::address(lang, &m.address),
            enrolled: words::moment(lang, m.enrolled, ask.now),
            why: reasons::word(lang, "why", &m.why),
        })
        .collect();
    html(&QuarantineTemplate {
        s: Shell::new(&ask, lang.say("quarantine-title"), "quarantine"),
        done: done.fait.map(|n| lang.tell("quarantine-done", &[("n", n.into())])),
        approve_all: lang.tell("quarantine-approve-all", &[("n", waiting.len().into())]),
        waiting,
        may_approve: ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::ApproveMachines)),
    })
}

/// One machine, or all that wait: the field `poste` holds an identifier or `tous`.
pub async fn approve(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let which = match ask.field("poste") {
        "tous" => Which::All,
        id => Which::One(id.parse().map_err(|_| PageError::BadForm)?),
    };
    let context = &web.context;
    let approved = context.store.approve(which, ask.login(), ask.now, context.decider.clone()).await?;
    tracing::info!(by = ask.login(), machines = approved.len(), "approved");
    Ok(Redirect::to(&format!("/quarantaine?fait={}", approved.len())).into_response())
}
