//! `/etablissements/{uai}`: one school, its open incidents, machines, tickets and networks.

use super::Web;
use super::cells::{self, CellView, Strip, Tally};
use super::guard::Ask;
use super::incidents::{self, IncidentView, TicketLine};
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use super::{reasons, words};
use crate::store::{MachineSummary, SchoolPage};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;

/// The page.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(uai): Path<String>,
) -> Result<Response, PageError> {
    let uai: vigie_shared::uai::Uai = uai.parse().map_err(|_| PageError::NotFound)?;
    let page = web.context.store.school(uai.as_str(), ask.now).await?.ok_or(PageError::NotFound)?;
    let s = Shell::new(&ask, page.school.name.clone(), "fleet");
    html(&SchoolTemplate { s, view: SchoolView::new(ask.lang, &page, ask.now) })
}

#[derive(Template)]
#[template(path = "school.html")]
struct SchoolTemplate {
    s: Shell,
    view: SchoolView,
}

/// The page in words.
pub struct SchoolView {
    name: String,
    uai: String,
    town: String,
    basin: Option<String>,
    tally: String,
    strip: Strip,
    cells: Vec<CellView>,
    open: Vec<IncidentView>,
    machines: Vec<MachineLine>,
    tickets: Vec<TicketLine>,
    networks: Vec<(String, String)>,
}

/// A machine as a line of a table.
pub struct MachineLine {
    /// Cell, page, name and state.
    pub cell: CellView,
    /// Kind in words.
    pub kind: String,
    /// Last receipt in words.
    pub seen: String,
}

/// A machine as a line of a table.
pub fn machine_line(lang: Lang, machine: &MachineSummary, now: Timestamp) -> MachineLine {
    MachineLine {
        cell: cells::view(lang, machine),
        kind: reasons::word(lang, "kind", &machine.kind),
        seen: machine.last_seen.map(|at| words::ago(lang, at, now)).unwrap_or_else(|| lang.say("never-seen")),
    }
}

impl SchoolView {
    fn new(lang: Lang, page: &SchoolPage, now: Timestamp) -> Self {
        let school = &page.school;
        let mut machines: Vec<MachineLine> = school.machines.iter().map(|m| machine_line(lang, m, now)).collect();
        machines.sort_by(|a, b| (a.cell.cell, &a.cell.name).cmp(&(b.cell.cell, &b.cell.name)));
        Self {
            name: school.name.clone(),
            uai: school.uai.to_string(),
            town: school.town.clone(),
            basin: school.basin.clone(),
            tally: Tally::of(&school.machines).words(lang),
            strip: Strip::of(lang, school, now),
            cells: cells::views(lang, school),
            open: school.open.iter().map(|i| incidents::incident(lang, i, now)).collect(),
            machines,
            tickets: page.tickets.iter().map(|t| incidents::ticket(lang, t, now)).collect(),
            networks: page
                .networks
                .iter()
                .map(|(kind, range)| (reasons::word(lang, "network", kind), range.clone()))
                .collect(),
        }
    }
}
