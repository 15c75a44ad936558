//! `/logiciels/regles`: rules for software, and what they and the tables brought in find in the fleet, for the next visit.
//! `/api/v1/software-policy` is the same for programs.

use super::Web;
use super::access::{self, Need};
use super::exports::Asked;
use super::guard::{Ask, CSRF_HEADER};
use super::lang::Lang;
use super::page::{PageError, Shell, html, json};
use super::{notes, words};
use crate::fleet::catalogue::{Catalogue, Part};
use crate::fleet::rules::{Demand, Found, JSON_MAX, Rule, RuleProblem, SoftwarePolicy};
use crate::fleet::{end_of_life, rules, vulnerabilities};
use crate::store::{Reference, ReferenceKind};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

/// Lines of findings shown.
const SHOWN: usize = 300;
/// Versions listed.
const VERSIONS: usize = 20;

/// What is wrong in a part of the fleet, with the machines it is about.
pub async fn found(web: &Web, ask: &Ask, part: Part) -> Result<(Catalogue, Vec<Found>), PageError> {
    let store = &web.context.store;
    let policy = store.software_policy().await?;
    let products = bodies::<end_of_life::Product>(store.references(ReferenceKind::EndOfLife).await?);
    let holes = bodies::<vulnerabilities::Vulnerability>(store.references(ReferenceKind::Vulnerability).await?);
    let catalogue = store.software(part).await?;
    let today = words::paris(ask.now).date();
    let mut found = rules::look(&catalogue, &policy);
    found.extend(end_of_life::look(&catalogue, &policy, &products, today));
    found.extend(vulnerabilities::look(&catalogue, &holes));
    Ok((catalogue, found))
}

/// Entries that this program can read; another version's are left out of what is judged.
fn bodies<T: serde::de::DeserializeOwned>(entries: Vec<Reference>) -> Vec<T> {
    entries.into_iter().filter_map(|entry| serde_json::from_str(&entry.body).ok()).collect()
}

/// A finding in words.
pub fn said(lang: Lang, found: &Found) -> String {
    let key = match (found.code, found.wanted.is_empty()) {
        ("end_of_life" | "vulnerable", true) => format!("found-{}-undated", found.code.replace('_', "-")),
        (code, _) => format!("found-{}", code.replace('_', "-")),
    };
    let wanted = match found.wanted.parse::<jiff::civil::Date>() {
        Ok(day) if found.code == "end_of_life" => words::date(lang, day),
        _ => found.wanted.clone(),
    };
    lang.tell(
        &key,
        &[
            ("program", found.program.clone().into()),
            ("version", found.version.clone().into()),
            ("wanted", wanted.into()),
            ("by", found.by.clone().into()),
        ],
    )
}

fn rule(lang: Lang, rule: &Rule) -> (String, String) {
    let key = match &rule.demand {
        Demand::Required => "rule-demand-required",
        Demand::Forbidden => "rule-demand-forbidden",
        Demand::Minimum(_) => "rule-demand-minimum",
    };
    let least = if let Demand::Minimum(least) = &rule.demand { least.clone() } else { String::new() };
    let mut text = lang.tell(key, &[("program", rule.program.clone().into()), ("version", least.into())]);
    let kinds: Vec<String> = rule.kinds.iter().map(|kind| super::reasons::word(lang, "kind", kind)).collect();
    let scope = [rule.source.clone(), rule.basin.clone(), rule.school.map(|uai| uai.to_string())];
    let scope: Vec<String> = scope.into_iter().flatten().chain(kinds).collect();
    if !scope.is_empty() {
        text = format!("{text} ({})", scope.join(", "));
    }
    (rule.name.clone(), text)
}

/// A machine with something to put right.
struct ToDo {
    href: String,
    name: String,
    school: String,
    text: String,
}

#[derive(Template)]
#[template(path = "software_rules.html")]
struct RulesTemplate {
    s: Shell,
    done: Option<String>,
    problems: Vec<String>,
    headline: String,
    list: Vec<ToDo>,
    cut: Option<String>,
    rules: Vec<(String, String)>,
    tables: Vec<String>,
    holes: String,
    versions: Vec<String>,
    text: Option<String>,
}

/// What was just done.
#[derive(Deserialize)]
pub struct Done {
    version: Option<u64>,
}

/// The page. `refused` is the text of a form that was not taken and what is wrong with it.
async fn page(
    web: &Web,
    ask: &Ask,
    done: Option<u64>,
    asked: &Asked,
    refused: Option<(String, Vec<RuleProblem>)>,
) -> Result<Response, PageError> {
    let (lang, store) = (ask.lang, &web.context.store);
    let policy = store.software_policy().await?;
    let (catalogue, found) = found(web, ask, asked.part()?).await?;
    let tables = store.references(ReferenceKind::EndOfLife).await?;
    let holes = store.references(ReferenceKind::Vulnerability).await?.len();
    let may = ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::SoftwarePolicy));
    let (text, problems) = match refused {
        Some((text, problems)) => (text, problems),
        None => (serde_json::to_string_pretty(&policy).map_err(|_| PageError::Failed)?, vec![]),
    };
    let todo = |found: &Found| {
        let machine = catalogue.machine(found.machine)?;
        Some(ToDo {
            href: format!("/postes/{}", machine.id),
            name: machine.host_name.clone(),
            school: machine.school.1.clone(),
            text: said(lang, found),
        })
    };
    let since = |at, by: &str, what: String| {
        let figures =
            [("what", what.into()), ("at", words::full(lang, at, ask.now).into()), ("by", notes::by(lang, by).into())];
        lang.tell("soft-rules-since", &figures)
    };
    let versions = store.software_policy_versions(VERSIONS).await?;
    html(&RulesTemplate {
        s: Shell::new(ask, lang.say("soft-rules-title"), "software"),
        done: done.map(|n| lang.tell("soft-rules-done", &[("n", n.to_string().into())])),
        problems: problems.iter().map(|p| format!("{} – {}", p.field, p.problem)).collect(),
        headline: lang.tell("soft-todo", &[("n", found.len().into())]),
        list: found.iter().take(SHOWN).filter_map(todo).collect(),
        cut: (found.len() > SHOWN).then(|| lang.tell("soft-todo-cut", &[("n", SHOWN.into())])),
        rules: policy.rules.iter().map(|r| rule(lang, r)).collect(),
        tables: tables.iter().map(|table| since(table.since, &table.by, table.name.clone())).collect(),
        holes: lang.tell("soft-holes", &[("n", holes.into())]),
        versions: versions
            .iter()
            .map(|v| since(v.since, &v.by, lang.tell("soft-rules-version", &[("n", v.version.to_string().into())])))
            .collect(),
        text: may.then_some(text),
    })
}

/// What is found and the rules as they are.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(done): Query<Done>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    page(&web, &ask, done.version, &asked, None).await
}

/// Other rules: the field `regles` is their text. One that cannot be taken comes back with what is wrong.
pub async fn save(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let text = ask.field("regles");
    match SoftwarePolicy::read(text) {
        Ok(policy) => {
            let version = put(&web, &ask, policy).await?;
            Ok(Redirect::to(&format!("/logiciels/regles?version={version}")).into_response())
        }
        Err(problems) => {
            let mut response = page(&web, &ask, None, &Asked::default(), Some((text.to_owned(), problems))).await?;
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(response)
        }
    }
}

async fn put(web: &Web, ask: &Ask, policy: SoftwarePolicy) -> Result<u64, PageError> {
    let version = web.context.store.set_software_policy(policy, ask.login(), ask.now).await?;
    tracing::info!(by = ask.login(), version, "other rules for software are in force");
    Ok(version)
}

/// The rules as JSON. The header `x-csrf-token` is what a change must carry.
pub async fn api_show(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let mut response = json(&web.context.store.software_policy().await?)?;
    if let Some(token) = ask.who.as_ref().and_then(|w| w.csrf.parse().ok()) {
        response.headers_mut().insert(CSRF_HEADER, token);
    }
    Ok(response)
}

/// A refusal that names fields.
#[derive(Serialize)]
struct Refused {
    error: RefusedBody,
}

#[derive(Serialize)]
struct RefusedBody {
    code: &'static str,
    message: String,
    problems: Vec<RuleProblem>,
}

/// Other rules, as JSON.
pub async fn api_save(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Result<Response, PageError> {
    let bytes = axum::body::to_bytes(request.into_body(), JSON_MAX).await.map_err(|_| PageError::TooLarge)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| PageError::BadForm)?;
    match SoftwarePolicy::read(text) {
        Ok(policy) => json(&serde_json::json!({"version": put(&web, &ask, policy).await?})),
        Err(problems) => {
            let message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let mut response = json(&Refused { error: RefusedBody { code: "body_invalid", message, problems } })?;
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(response)
        }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    machine: String,
    name: &'a str,
    school_uai: String,
    #[serde(flatten)]
    found: &'a Found,
}

/// What is found, for programs.
pub async fn api_found(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let (catalogue, found) = found(&web, &ask, asked.part()?).await?;
    let mut told = Vec::new();
    for one in &found {
        let Some(holder) = catalogue.machine(one.machine) else { continue };
        let (machine, name) = (holder.id.to_string(), holder.host_name.as_str());
        told.push(Told { machine, name, school_uai: holder.school.0.to_string(), found: one });
    }
    json(&serde_json::json!({"cut": catalogue.cut, "found": told}))
}
