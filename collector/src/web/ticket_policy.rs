//! `/regles`: which incidents become tickets, readable for everybody, changed by supervisors. `/api/v1/ticket-policy` is
//! the same for programs.

use super::Web;
use super::access::{self, Need};
use super::api;
use super::guard::Ask;
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use super::{reasons, words};
use crate::helpdesk::ticket_policy::{Flapping, JSON_MAX, PolicyProblem, Rule, Terms, TicketPolicy};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Versions listed.
const VERSIONS: usize = 20;

/// What was just done.
#[derive(Deserialize)]
pub struct Done {
    /// Version that was put in force by the form that led here.
    version: Option<u64>,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesTemplate {
    s: Shell,
    done: Option<String>,
    problems: Vec<String>,
    version: String,
    rules: Vec<RuleLine>,
    /// When a failure that comes and goes is one.
    flapping: Vec<String>,
    versions: Vec<String>,
    /// The policy as text, for those who may change it.
    text: Option<String>,
}

/// A rule in words.
struct RuleLine {
    name: String,
    when: Vec<String>,
    then: Option<TermsLine>,
}

/// Terms in words.
struct TermsLine {
    category: String,
    priority: String,
    allowed: String,
    wait: String,
    quiet: String,
    reopen: String,
    group: String,
}

fn rule(lang: Lang, rule: &Rule) -> RuleLine {
    let mut when = vec![reasons::problem(lang, &rule.check)];
    for (key, prefix, list) in [
        ("rule-causes", "cause", &rule.causes),
        ("rule-reasons", "reason", &rule.reasons),
        ("rule-kinds", "kind", &rule.kinds),
        ("rule-scopes", "scope", &rule.scopes),
    ] {
        if !list.is_empty() {
            let said: Vec<String> = list.iter().map(|word| reasons::word(lang, prefix, word)).collect();
            when.push(lang.tell(key, &[("list", said.join(", ").into())]));
        }
    }
    RuleLine { name: rule.name.clone(), when, then: rule.terms().map(|t| terms(lang, t)) }
}

fn terms(lang: Lang, terms: &Terms) -> TermsLine {
    let time = |seconds: u32| match seconds {
        0 => lang.say("rule-at-once"),
        _ => words::duration(lang, seconds.into()),
    };
    TermsLine {
        category: reasons::word(lang, "category", &terms.category),
        priority: lang.say(&format!("priority-{}", terms.priority())),
        allowed: allowed(lang, terms.allowed_minutes),
        wait: time(terms.wait_s),
        quiet: time(terms.quiet_s),
        reopen: words::duration(lang, terms.reopen_within_s.into()),
        group: reasons::word(lang, "group", terms.group.as_str()),
    }
}

/// When a failure that comes and goes is one: a line for all that have the same times.
fn flapping(lang: Lang, of: &BTreeMap<String, Flapping>) -> Vec<String> {
    let mut alike: Vec<(&Flapping, Vec<String>)> = vec![];
    for (check, times) in of {
        let what = reasons::problem(lang, check);
        match alike.iter_mut().find(|(known, _)| *known == times) {
            Some((_, all)) => all.push(words::small(&what)),
            None => alike.push((times, vec![what])),
        }
    }
    let said = |(times, all): (&Flapping, Vec<String>)| {
        let time = |seconds: u32| words::duration(lang, seconds.into()).into();
        let key = if times.same_within_s == 0 { "rules-flapping-never" } else { "rules-flapping" };
        let figures = [
            ("what", all.join(", ").into()),
            ("same", time(times.same_within_s)),
            ("returns", times.returns.into()),
            ("window", time(times.window_s)),
            ("calm", time(times.calm_s)),
        ];
        lang.tell(key, &figures)
    };
    alike.into_iter().map(said).collect()
}

/// Business time in hours and minutes: a day of it is not 24 hours.
fn allowed(lang: Lang, minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => lang.tell("unit-minute", &[("n", minutes.into())]),
        (hours, 0) => lang.tell("unit-hour", &[("n", hours.into())]),
        (hours, minutes) => {
            lang.tell("time-hours-minutes", &[("h", hours.into()), ("m", format!("{minutes:02}").into())])
        }
    }
}

/// The page. `refused` is the text of a form that was not taken and what is wrong with it.
async fn page(
    web: &Web,
    ask: &Ask,
    done: Option<u64>,
    refused: Option<(String, Vec<PolicyProblem>)>,
) -> Result<Response, PageError> {
    let lang = ask.lang;
    let policy = web.context.store.ticket_policy().await?;
    let versions = web.context.store.ticket_policy_versions(VERSIONS).await?;
    let may_change = ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::TicketPolicy));
    let (text, problems) = match refused {
        Some((text, problems)) => (text, problems),
        None => (pretty(&policy)?, vec![]),
    };
    let problem = |p: &PolicyProblem| {
        let field = if p.field.is_empty() { lang.say("rules-whole") } else { p.field.clone() };
        lang.tell("rules-problem", &[("field", field.into()), ("problem", p.problem.clone().into())])
    };
    html(&RulesTemplate {
        s: Shell::new(ask, lang.say("rules-title"), "tickets"),
        done: done.map(|n| lang.tell("rules-done", &[("n", n.to_string().into())])),
        problems: problems.iter().map(problem).collect(),
        version: match policy.version {
            0 => lang.say("rules-shipped"),
            n => lang.tell("rules-version", &[("n", n.to_string().into())]),
        },
        rules: policy.rules.iter().map(|r| rule(lang, r)).collect(),
        flapping: flapping(lang, &policy.flapping),
        versions: versions
            .iter()
            .map(|v| {
                let at = words::full(lang, v.since, ask.now);
                let by = super::notes::by(lang, &v.by);
                lang.tell("rules-since", &[("n", v.version.to_string().into()), ("at", at.into()), ("by", by.into())])
            })
            .collect(),
        text: may_change.then_some(text),
    })
}

fn pretty(policy: &TicketPolicy) -> Result<String, PageError> {
    serde_json::to_string_pretty(policy).map_err(|error| {
        tracing::error!(%error, "the ticket policy could not be written as text");
        PageError::Failed
    })
}

/// The rules as they are.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(done): Query<Done>,
) -> Result<Response, PageError> {
    page(&web, &ask, done.version, None).await
}

/// Other rules: the field `regles` is their text. One that cannot be taken comes back with what is wrong.
pub async fn save(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let text = ask.field("regles");
    match TicketPolicy::read(text) {
        Ok(policy) => {
            let version = put(&web, &ask, policy).await?;
            Ok(Redirect::to(&format!("/regles?version={version}")).into_response())
        }
        Err(problems) => {
            let mut response = page(&web, &ask, None, Some((text.to_owned(), problems))).await?;
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(response)
        }
    }
}

async fn put(web: &Web, ask: &Ask, policy: TicketPolicy) -> Result<u64, PageError> {
    let version = web.context.store.set_ticket_policy(policy, ask.login(), ask.now).await?;
    tracing::info!(by = ask.login(), version, "another ticket policy is in force");
    Ok(version)
}

/// The policy as JSON. The header `x-csrf-token` is what a change must carry.
pub async fn api_show(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    api::shown(&ask, web.context.store.ticket_policy().await?.as_ref())
}

/// What a change comes to.
#[derive(Serialize)]
struct Version {
    version: u64,
}

/// Another policy, as JSON.
pub async fn api_save(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Result<Response, PageError> {
    match TicketPolicy::read(&api::text(request, JSON_MAX).await?) {
        Ok(policy) => api::json(StatusCode::OK, &Version { version: put(&web, &ask, policy).await? }),
        Err(problems) => api::refused(&problems),
    }
}
