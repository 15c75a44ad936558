//! `/etablissements/{uai}`: one school, its open incidents, machines, tickets and networks.

use super::Web;
use super::cells::{self, CellView, Strip, Tally};
use super::guard::Ask;
use super::incidents::{self, IncidentView, TicketLine};
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use super::{reasons, words};
use crate::store::{LineSummary, MachineSummary, Probe, SchoolPage, TICKET_TEXT_MAX};
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
    let policy = web.context.store.ticket_policy().await?;
    let subjects = policy.subjects();
    let subjects = subjects.iter().map(|word| ((*word).to_owned(), reasons::problem(ask.lang, word))).collect();
    let view = SchoolView::new(ask.lang, &page, ask.now);
    html(&SchoolTemplate { s, view, subjects, text_max: TICKET_TEXT_MAX })
}

#[derive(Template)]
#[template(path = "school.html")]
struct SchoolTemplate {
    s: Shell,
    view: SchoolView,
    /// What somebody may call about, and its words.
    subjects: Vec<(String, String)>,
    text_max: usize,
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
    lines: Vec<AccessLine>,
}

/// An internet access as a line of a table.
pub struct AccessLine {
    operator: String,
    /// What the operator calls it: said on the phone.
    reference: String,
    address: String,
    /// Its networks, and whether it is a back-up.
    role: String,
    /// What the collector's probe says of it.
    state: String,
    /// Class and glyph of that.
    tone: &'static str,
}

fn access(lang: Lang, line: &LineSummary, now: Timestamp) -> AccessLine {
    let mut role: Vec<String> = line.carries.iter().map(|kind| reasons::word(lang, "network", kind.as_str())).collect();
    role.extend(line.backup.then(|| lang.say("line-backup")));
    let since = |key: &str, at: Timestamp| lang.tell(key, &[("since", words::since(lang, at, now).into())]);
    let (tone, state) = match line.state {
        _ if line.probe == Probe::None => ("unknown", lang.say("line-not-probed")),
        None => ("unknown", lang.say("line-not-yet")),
        Some(state) if state.answers => ("online", since("line-answers", state.since)),
        Some(state) if !state.ever_answered => ("unknown", lang.say("line-never")),
        Some(state) if state.ours => ("unknown", since("line-silent-ours", state.since)),
        Some(state) => ("broken", since("line-silent", state.since)),
    };
    AccessLine {
        operator: line.operator.clone(),
        reference: line.reference.clone(),
        address: line.address.to_string(),
        role: role.join(", "),
        state,
        tone,
    }
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
            lines: page.lines.iter().map(|line| access(lang, line, now)).collect(),
        }
    }
}
