//! `/quarantaine`: what a person must decide: machines that wait for somebody, and the one click that lets them in;
//! machines that enrolled again, and which they were before.

use super::Web;
use super::access::{self, Need};
use super::guard::Ask;
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use super::{reasons, words};
use crate::store::{Kin, Kinship, StoreError, Which};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use vigie_shared::id::MachineId;

/// Decisions listed.
const DECIDED: usize = 50;

/// What was just done.
#[derive(Deserialize)]
pub struct Done {
    /// Machines approved by the click that led here.
    fait: Option<u32>,
    /// Present: the click that led here changed nothing.
    refus: Option<String>,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct QuarantineTemplate {
    s: Shell,
    done: Option<String>,
    problem: Option<String>,
    waiting: Vec<Waiting>,
    pairs: Vec<Pair>,
    decided: Vec<Decided>,
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

/// Two enrolments of one machine, as it seems.
struct Pair {
    machine: String,
    former: String,
    name: String,
    former_name: String,
    school: String,
    /// Set where the schools differ: a transfer.
    transfer: Option<String>,
    shared: String,
    when: String,
    /// Whether both speak: these are two.
    clone: bool,
    act: String,
}

/// What was decided.
struct Decided {
    machine: String,
    text: String,
    act: String,
}

fn pair(lang: Lang, kinship: &Kinship, now: Timestamp) -> Pair {
    let (new, old) = (&kinship.machine, &kinship.former);
    let shared: Vec<String> = kinship.shared.iter().map(|word| reasons::word(lang, "kin", word)).collect();
    let enrolled = words::moment(lang, new.enrolled, now);
    let heard = old.last_seen.map_or_else(|| lang.say("never-seen"), |at| words::moment(lang, at, now));
    let schools = [("from", old.school.1.clone().into()), ("to", new.school.1.clone().into())];
    Pair {
        machine: new.id.to_string(),
        former: old.id.to_string(),
        name: new.host_name.clone(),
        former_name: old.host_name.clone(),
        school: new.school.1.clone(),
        transfer: (new.school.0 != old.school.0).then(|| lang.tell("kin-transfer", &schools)),
        shared: words::list(lang, &shared),
        when: lang.tell("kin-when", &[("enrolled", enrolled.into()), ("heard", heard.into())]),
        clone: !kinship.silent,
        act: lang.tell(
            "kin-attach-named",
            &[("name", new.host_name.clone().into()), ("former", old.host_name.clone().into())],
        ),
    }
}

fn decided(lang: Lang, kin: &Kin, now: Timestamp) -> Decided {
    let (name, former) = (kin.machine.1.clone(), kin.former.1.clone());
    let figures = [
        ("name", name.clone().into()),
        ("former", former.into()),
        ("at", words::full(lang, kin.at, now).into()),
        ("by", super::notes::by(lang, &kin.by).into()),
    ];
    Decided {
        machine: kin.machine.0.to_string(),
        text: lang.tell("kin-decided", &figures),
        act: lang.tell("kin-detach-named", &[("name", name.into())]),
    }
}

/// Which two machines: the fields `poste` and `ancien`.
pub async fn attach(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let id = |name: &str| ask.field(name).parse().map_err(|_| PageError::BadForm);
    let (machine, former) = (id("poste")?, id("ancien")?);
    let context = &web.context;
    match context.store.attach(machine, former, ask.login(), ask.now, context.decider.clone()).await {
        Ok(()) => {
            tracing::info!(by = ask.login(), %machine, %former, "a machine was told to be a known one");
            Ok(Redirect::to("/quarantaine").into_response())
        }
        // Somebody was quicker, or the former one spoke meanwhile.
        Err(StoreError::Conflict(_)) => Ok(Redirect::to("/quarantaine?refus=1").into_response()),
        Err(error) => Err(error.into()),
    }
}

/// Takes it back: the field `poste`.
pub async fn detach(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let machine: MachineId = ask.field("poste").parse().map_err(|_| PageError::BadForm)?;
    let context = &web.context;
    context.store.detach(machine, ask.login(), ask.now, context.decider.clone()).await?;
    tracing::info!(by = ask.login(), %machine, "a machine was split from the one it continued");
    Ok(Redirect::to("/quarantaine").into_response())
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
        problem: done.refus.as_ref().map(|_| lang.say("kin-refused")),
        waiting,
        pairs: web.context.store.kinships().await?.iter().map(|k| pair(lang, k, ask.now)).collect(),
        decided: web.context.store.kins(DECIDED).await?.iter().map(|k| decided(lang, k, ask.now)).collect(),
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
