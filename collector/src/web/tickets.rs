//! `/tickets` and `/tickets/{id}`: what is due, and one ticket with its incidents, its history and why it is due then.

use super::Web;
use super::due::{self, Why};
use super::guard::Ask;
use super::incidents::{self, IncidentView, TicketLine};
use super::lang::Lang;
use super::notes::{self, Line};
use super::page::{PageError, Shell, html};
use super::words;
use crate::store::{TicketPage, TicketSummary};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;

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
    let late = tickets.iter().filter(|t| t.open && t.due < ask.now).count();
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
}

/// The page of one ticket in words.
pub struct TicketView {
    ticket: TicketLine,
    headline: String,
    facts: Vec<(String, String)>,
    why: Why,
    incidents: Vec<IncidentView>,
    history: Vec<Line>,
}

/// One ticket.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    let page = web.context.store.ticket(id).await?.ok_or(PageError::NotFound)?;
    let view = TicketView::new(ask.lang, &page, ask.now);
    let title = ask.lang.tell("ticket-title", &[("n", page.ticket.number.to_string().into())]);
    let s = Shell::new(&ask, title, "tickets");
    html(&TicketTemplate { s, view })
}

impl TicketView {
    fn new(lang: Lang, page: &TicketPage, now: Timestamp) -> Self {
        let ticket = incidents::ticket(lang, &page.ticket, now);
        Self {
            headline: headline(lang, &page.ticket, &ticket, now),
            facts: facts(lang, &page.ticket, now),
            why: due::why(lang, &page.ticket, now),
            incidents: page.incidents.iter().map(|i| incidents::incident(lang, i, now)).collect(),
            history: notes::lines(lang, &page.history, now),
            ticket,
        }
    }
}

fn headline(lang: Lang, ticket: &TicketSummary, line: &TicketLine, now: Timestamp) -> String {
    let key = match (ticket.open, line.overdue) {
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
        (lang.say("ticket-opened"), words::full(lang, ticket.opened, now)),
        (lang.say("ticket-due"), words::full(lang, ticket.due, now)),
    ];
    if let Some(at) = ticket.restored {
        facts.push((lang.say("ticket-restored"), words::full(lang, at, now)));
    }
    if let Some(at) = ticket.resolved {
        facts.push((lang.say("ticket-resolved-at"), words::full(lang, at, now)));
    }
    facts
}
