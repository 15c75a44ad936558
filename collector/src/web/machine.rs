//! `/postes/{id}`: one machine: how it is, every check, every section of its inventory, what is odd about its identity,
//! what people wrote about it, what changed.

use super::Web;
use super::access::{self, Need};
use super::cells::{self, CellView};
use super::guard::Ask;
use super::hand::HandView;
use super::incidents::{self, IncidentView};
use super::lang::Lang;
use super::notes::{self, Line};
use super::page::{PageError, Shell, html, json};
use super::sections::{self, SectionView};
use super::{history, reasons, software_rules, words};
use crate::fleet::catalogue::Part;
use crate::store::{CheckView, MachinePage, SectionRow};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use vigie_shared::check::CheckState;
use vigie_shared::id::MachineId;
use vigie_shared::section::name;

/// What to show of the software.
#[derive(Deserialize)]
pub struct Filter {
    /// Text looked for in names and publishers.
    #[serde(default)]
    q: String,
    /// Present: the whole list.
    tout: Option<String>,
}

/// The page.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Response, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    let filter = sections::Filter { text: filter.q.chars().take(100).collect(), whole: filter.tout.is_some() };
    page(&web, &ask, id, &filter, None).await
}

/// Its inventory in GLPI's native format. Of a section that could not be read this time the last complete one counts.
pub async fn glpi(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: MachineId = id.parse().map_err(|_| PageError::NotFound)?;
    let page = web.context.store.machine(id, ask.now).await?.ok_or(PageError::NotFound)?;
    let body = |section: SectionRow| {
        let body = section.last_complete.map_or(section.body, |(complete, _)| complete);
        RawValue::from_string(body).ok().map(|body| (section.name, body))
    };
    let sections: BTreeMap<String, Box<RawValue>> = page.sections.into_iter().filter_map(body).collect();
    json(&vigie_shared::glpi::inventory(&id.to_string(), &sections))
}

/// The page, with the form as it was typed where it was not taken.
pub async fn page(
    web: &Web,
    ask: &Ask,
    id: MachineId,
    filter: &sections::Filter,
    typed: Option<HandView>,
) -> Result<Response, PageError> {
    let (lang, now, store) = (ask.lang, ask.now, &web.context.store);
    let page = store.machine(id, now).await?.ok_or(PageError::NotFound)?;
    let hand = match typed {
        Some(typed) => typed,
        None => HandView::new(lang, &store.hand(id).await?.ok_or(PageError::NotFound)?, now),
    };
    let part = Part { machine: Some(id), ..Part::default() };
    let (_, software) = software_rules::found(web, ask, part).await?;
    html(&MachineTemplate {
        s: Shell::new(ask, page.machine.host_name.clone(), "fleet"),
        view: MachineView::new(lang, &page, filter, now),
        hand,
        may_write: ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::DescribeMachines)),
        software: software.iter().map(|found| software_rules::said(lang, found)).collect(),
        history: history::moments(lang, &store.history(id, history::SHOWN).await?, now),
    })
}

#[derive(Template)]
#[template(path = "machine.html")]
struct MachineTemplate {
    s: Shell,
    view: MachineView,
    hand: HandView,
    may_write: bool,
    /// What rules for software find.
    software: Vec<String>,
    history: Vec<history::Moment>,
}

/// The page in words.
pub struct MachineView {
    href: String,
    cell: CellView,
    school: (String, String),
    facts: Vec<(String, String)>,
    open: Vec<IncidentView>,
    checks: Vec<CheckLine>,
    sections: Vec<SectionView>,
    samples: Vec<(String, String, String)>,
    findings: Vec<Line>,
}

/// One check as shown.
pub struct CheckLine {
    name: String,
    instance: String,
    state: String,
    tone: &'static str,
    reason: String,
    since: String,
    evidence: Vec<(String, String)>,
}

fn check_line(lang: Lang, check: &CheckView, now: Timestamp) -> CheckLine {
    CheckLine {
        name: reasons::check(lang, &check.check),
        instance: check.instance.clone(),
        state: reasons::state(lang, check.state),
        tone: reasons::state_tone(check.state),
        reason: reasons::reason(lang, &check.reason),
        since: words::since(lang, check.since, now),
        evidence: reasons::evidence(lang, &check.evidence),
    }
}

/// Worst first; what could not be measured comes before what is well.
fn urgency(state: CheckState) -> u8 {
    match state {
        CheckState::Critical => 0,
        CheckState::Warning => 1,
        CheckState::Unknown => 2,
        CheckState::Ok => 3,
    }
}

impl MachineView {
    fn new(lang: Lang, page: &MachinePage, filter: &sections::Filter, now: Timestamp) -> Self {
        let machine = &page.machine;
        let mut checks: Vec<&CheckView> = page.checks.iter().collect();
        checks.sort_by_key(|c| (urgency(c.state), &c.check, &c.instance));
        let mut facts = vec![
            (lang.say("machine-kind"), reasons::word(lang, "kind", &machine.kind)),
            (
                lang.say("machine-seen"),
                match machine.last_seen {
                    Some(at) => format!("{} ({})", words::ago(lang, at, now), words::moment(lang, at, now)),
                    None => lang.say("never-seen"),
                },
            ),
            (lang.say("machine-enrolled"), words::full(lang, page.enrolled, now)),
        ];
        if let Some(address) = &page.address {
            facts.push((lang.say("machine-address"), words::address(lang, address)));
        }
        // The section of checks repeats what the table of checks shows with its evidence.
        let rows = page.sections.iter().filter(|row| row.name != name::CHECKS);
        let mut sections: Vec<SectionView> =
            rows.map(|row| sections::view(lang, row, &page.samples, filter, now)).collect();
        sections.sort_by_key(|s| s.rank);
        Self {
            href: format!("/postes/{}", machine.id),
            cell: cells::view(lang, machine),
            school: (format!("/etablissements/{}", page.school.0), page.school.1.clone()),
            facts,
            open: page.open.iter().map(|i| incidents::incident(lang, i, now)).collect(),
            checks: checks.into_iter().map(|c| check_line(lang, c, now)).collect(),
            sections,
            samples: page.samples.iter().map(|s| sample(lang, s, now)).collect(),
            findings: notes::lines(lang, &page.findings, now),
        }
    }
}

fn sample(lang: Lang, sample: &(String, String, f64, Timestamp), now: Timestamp) -> (String, String, String) {
    let (metric, instance, value, at) = sample;
    let label = reasons::word(lang, "metric", metric);
    let label = if instance.is_empty() { label } else { format!("{label}, {instance}") };
    let shown = match sections::whole(*value) {
        Some(bytes) if metric.ends_with("_bytes") => words::size(lang, bytes),
        _ if metric.ends_with("_percent") => format!("{} %", words::number(lang, *value)),
        _ => words::number(lang, *value),
    };
    (label, shown, words::ago(lang, *at, now))
}
