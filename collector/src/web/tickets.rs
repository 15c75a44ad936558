//! `/tickets` and `/tickets/{id}`: what is due, and one ticket with its incidents, its history, why it is due then, and
//! what people do on it. A call about a school comes here too.

use super::Web;
use super::due::{self, Why};
use super::guard::Ask;
use super::incidents::{self, IncidentView, TicketLine};
use super::lang::Lang;
use super::notes::{self, Line};
use super::page::{PageError, Shell, html};
use super::{reasons, words};
use crate::store::{NewCall, TICKET_TEXT_MAX, TicketAct, TicketPage, TicketSummary};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

/// Tickets shown on one page.
const LIMIT: usize = 200;

#[derive(Template)]
#[template(path = "tickets.html")]
struct TicketsTemplate {
    s: Shell,
    headline: String,
    open: Vec<TicketLine>,
    resolved: Vec<TicketLine>,
    limited: Option<String>,
}

/// The list.
pub async fn list(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let tickets = web.context.store.tickets(LIMIT).await?;
    let limited = (tickets.len() >= LIMIT).then(|| ask.lang.tell("tickets-limit", &[("n", LIMIT.into())]));
    let late = tickets.iter().filter(|t| t.is_overdue(ask.now)).count();
    let lines = tickets.iter().map(|t| incidents::ticket(ask.lang, t, ask.now));
    let (open, resolved): (Vec<_>, Vec<_>) = lines.partition(|t| t.open);
    let headline = ask.lang.tell("tickets-headline", &[("open", open.len().into()), ("late", late.into())]);
    let s = Shell::new(&ask, ask.lang.say("nav-tickets"), "tickets");
    html(&TicketsTemplate { s, headline, open, resolved, limited })
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketTemplate {
    s: Shell,
    view: TicketView,
    done: Option<String>,
    text_max: usize,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Done {
    /// Whether the call that led here joined the ticket (`rejoint`) or opened it (`ouvert`).
    appel: Option<String>,
    /// Whether the school is in a planned maintenance.
    maintenance: Option<String>,
    /// An act that could not be done: the ticket had changed meanwhile.
    refus: Option<String>,
}

/// The page of one ticket in words.
pub struct TicketView {
    id: String,
    ticket: TicketLine,
    headline: String,
    facts: Vec<(String, String)>,
    follows: Option<(String, String)>,
    why: Why,
    incidents: Vec<IncidentView>,
    history: Vec<Line>,
}

/// One ticket.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Response, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    let page = web.context.store.ticket(id).await?.ok_or(PageError::NotFound)?;
    let view = TicketView::new(ask.lang, &page, ask.now);
    let title = ask.lang.tell("ticket-title", &[("n", page.ticket.number.to_string().into())]);
    let s = Shell::new(&ask, title, "tickets");
    let said = match (done.appel.as_deref(), done.refus) {
        (Some("rejoint"), _) => Some("call-joined"),
        (Some("ouvert"), _) => Some("call-opened"),
        (_, Some(_)) => Some("act-refused"),
        _ => None,
    };
    let maintenance = done.maintenance.map(|_| "call-in-maintenance");
    let said: Vec<String> = said.into_iter().chain(maintenance).map(|key| ask.lang.say(key)).collect();
    let done = (!said.is_empty()).then(|| said.join(" "));
    html(&TicketTemplate { s, view, done, text_max: TICKET_TEXT_MAX })
}

/// What somebody does on a ticket: the field `acte` says what, `texte` what they wrote.
pub async fn act(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: vigie_shared::id::TicketId = id.parse().map_err(|_| PageError::NotFound)?;
    let text = ask.field("texte").to_owned();
    let act = match ask.field("acte") {
        "prendre" => TicketAct::Take,
        "noter" => TicketAct::Note(text),
        "resoudre" => TicketAct::Resolve(text),
        "rouvrir" => TicketAct::Reopen(text),
        _ => return Err(PageError::BadForm),
    };
    let context = &web.context;
    let result = context.store.act_on_ticket(id, act, ask.login(), ask.now, context.decider.clone()).await;
    let refused = match result {
        Ok(()) => "",
        Err(crate::store::StoreError::Conflict(_)) => "?refus=1",
        Err(error) => return Err(error.into()),
    };
    Ok(Redirect::to(&format!("/tickets/{id}{refused}")).into_response())
}

/// Somebody called about a school: the fields `sujet` and `texte`.
pub async fn call(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(uai): Path<String>,
) -> Result<Response, PageError> {
    let call = NewCall {
        school: uai.parse().map_err(|_| PageError::NotFound)?,
        subject: ask.field("sujet").to_owned(),
        text: ask.field("texte").to_owned(),
        by: ask.login().to_owned(),
    };
    let context = &web.context;
    let called = context.store.call(call, ask.now, context.decider.clone()).await?;
    let how = if called.joined { "rejoint" } else { "ouvert" };
    let maintenance = if called.maintenance.is_some() { "&maintenance=1" } else { "" };
    Ok(Redirect::to(&format!("/tickets/{}?appel={how}{maintenance}", called.ticket)).into_response())
}

impl TicketView {
    fn new(lang: Lang, page: &TicketPage, now: Timestamp) -> Self {
        let ticket = incidents::ticket(lang, &page.ticket, now);
        Self {
            id: page.ticket.id.to_string(),
            headline: headline(lang, &page.ticket, &ticket, now),
            facts: facts(lang, &page.ticket, now),
            follows: page.follows.map(|(id, number)| {
                let words = lang.tell("ticket-title", &[("n", number.to_string().into())]);
                (format!("/tickets/{id}"), words)
            }),
            why: due::why(lang, &page.ticket, now),
            incidents: page.incidents.iter().map(|i| incidents::on_ticket(lang, i, &page.history, now)).collect(),
            history: notes::lines(lang, &page.history, now),
            ticket,
        }
    }
}

fn headline(lang: Lang, ticket: &TicketSummary, line: &TicketLine, now: Timestamp) -> String {
    let key = match (ticket.open, line.overdue) {
        (true, _) if ticket.restored.is_some() => "ticket-headline-to-close",
        (true, false) => "ticket-headline-open",
        (true, true) => "ticket-headline-late",
        (false, _) => "ticket-headline-resolved",
    };
    let end = ticket.restored.or(ticket.resolved).map(|at| words::moment(lang, at, now)).unwrap_or_default();
    lang.tell(
        key,
        &[
            ("due", words::moment(lang, ticket.due, now).into()),
            ("left", line.left.clone().into()),
            ("end", end.into()),
        ],
    )
}

fn facts(lang: Lang, ticket: &TicketSummary, now: Timestamp) -> Vec<(String, String)> {
    let mut facts = vec![
        (lang.say("ticket-priority"), lang.say(&format!("priority-{}", ticket.priority))),
        (lang.say("ticket-category"), reasons::word(lang, "category", &ticket.category)),
        (lang.say("ticket-opened"), words::full(lang, ticket.opened, now)),
        (lang.say("ticket-due"), words::full(lang, ticket.due, now)),
    ];
    if let Some(at) = ticket.called {
        facts.push((lang.say("ticket-called"), words::full(lang, at, now)));
    }
    if let Some(by) = &ticket.taken_by {
        facts.push((lang.say("ticket-taken-by"), by.clone()));
    }
    if let Some(at) = ticket.restored {
        facts.push((lang.say("ticket-restored"), words::full(lang, at, now)));
    }
    if let Some(at) = ticket.resolved {
        facts.push((lang.say("ticket-resolved-at"), words::full(lang, at, now)));
    }
    facts
}
