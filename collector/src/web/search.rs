//! `/recherche`: schools by name, town or UAI; machines by name.

use super::Web;
use super::guard::Ask;
use super::page::{PageError, Shell, html};
use super::school::{MachineLine, machine_line};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

/// Results of each kind shown at most.
const LIMIT: usize = 50;

/// What is looked for.
#[derive(Deserialize)]
pub struct Looked {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchTemplate {
    s: Shell,
    headline: String,
    schools: Vec<(String, String, String)>,
    machines: Vec<(MachineLine, String)>,
    limited: Option<String>,
}

/// The results.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(looked): Query<Looked>,
) -> Result<Response, PageError> {
    let text: String = looked.q.trim().chars().take(100).collect();
    let wanted = text.to_lowercase();
    let mut s = Shell::new(&ask, ask.lang.say("search-title"), "");
    s.query = text.clone();
    if wanted.is_empty() {
        let headline = ask.lang.say("search-ask");
        return html(&SearchTemplate { s, headline, schools: vec![], machines: vec![], limited: None });
    }
    let fleet = web.context.store.fleet(ask.now).await?;
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let schools: Vec<_> = fleet
        .schools
        .iter()
        .filter(|s| has(&s.name) || has(&s.town) || has(s.uai.as_str()))
        .map(|s| (format!("/etablissements/{}", s.uai), s.name.clone(), s.town.clone()))
        .collect();
    let machines: Vec<_> = fleet
        .schools
        .iter()
        .flat_map(|s| s.machines.iter().map(move |m| (m, s)))
        .filter(|(m, _)| has(&m.host_name))
        .map(|(m, s)| (machine_line(ask.lang, m, ask.now), s.name.clone()))
        .collect();
    let found = schools.len() + machines.len();
    let limited = (schools.len() > LIMIT || machines.len() > LIMIT)
        .then(|| ask.lang.tell("search-limit", &[("n", LIMIT.into())]));
    let headline = ask.lang.tell("search-results", &[("n", found.into()), ("query", text.into())]);
    let (schools, machines) = (schools.into_iter().take(LIMIT).collect(), machines.into_iter().take(LIMIT).collect());
    html(&SearchTemplate { s, headline, schools, machines, limited })
}
