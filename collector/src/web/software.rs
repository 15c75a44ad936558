//! `/logiciels`: the fleet's software, the newest version seen, who lags; and one program with all its versions.

use super::Web;
use super::exports::Asked;
use super::guard::Ask;
use super::page::{PageError, Shell, encode, html};
use crate::fleet::catalogue::{Catalogue, Program, ProgramKey};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Programs listed.
const LISTED: usize = 200;
/// Machines listed for one program.
const MACHINES_LISTED: usize = 500;

/// What is looked for.
#[derive(Deserialize)]
pub struct Looked {
    #[serde(default)]
    bassin: String,
    #[serde(default)]
    etablissement: String,
    /// Text in names and publishers.
    #[serde(default)]
    q: String,
    /// Present: only programs of which somebody has an older version.
    retard: Option<String>,
}

/// A program in a list.
struct Listed {
    href: String,
    name: String,
    source: String,
    publisher: String,
    newest: String,
    machines: String,
    late: Option<String>,
}

/// A school or basin to choose.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "software.html")]
struct SoftwareTemplate {
    s: Shell,
    headline: String,
    text: String,
    late_only: bool,
    basins: Vec<Choice>,
    schools: Vec<Choice>,
    list: Vec<Listed>,
    cut: Vec<String>,
    query: String,
}

/// The list.
pub async fn list(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(looked): Query<Looked>,
) -> Result<Response, PageError> {
    let lang = ask.lang;
    let asked = Asked { bassin: looked.bassin.clone(), etablissement: looked.etablissement.clone() };
    let catalogue = web.context.store.software(asked.part()?).await?;
    let text: String = looked.q.trim().chars().take(100).collect();
    let mut found = find(&catalogue, &text.to_lowercase(), looked.retard.is_some());
    let all = found.len();
    // What concerns most machines first.
    found.sort_by_key(|one| (std::cmp::Reverse((one.late, one.machines)), one.key));
    found.truncate(LISTED);
    let (basins, schools) = choices(&web, &ask, &asked).await?;
    let mut cut = vec![];
    if found.len() < all {
        cut.push(lang.tell("soft-list-cut", &[("n", LISTED.into())]));
    }
    if catalogue.cut {
        cut.push(lang.tell("soft-fleet-cut", &[("n", catalogue.machines.len().into())]));
    }
    let figures = [("n", all.into()), ("machines", catalogue.machines.len().into())];
    html(&SoftwareTemplate {
        s: Shell::new(&ask, lang.say("soft-title"), "software"),
        headline: lang.tell("soft-headline", &figures),
        text,
        late_only: looked.retard.is_some(),
        basins,
        schools,
        list: found.iter().map(|one| listed(&ask, one, &asked)).collect(),
        cut,
        query: asked.query(),
    })
}

struct Found<'a> {
    key: &'a ProgramKey,
    program: &'a Program,
    newest: &'a str,
    machines: usize,
    late: usize,
}

fn find<'a>(catalogue: &'a Catalogue, wanted: &str, late_only: bool) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for (key, program) in &catalogue.programs {
        let by = program.publisher.as_ref().is_some_and(|p| p.to_lowercase().contains(wanted));
        if !wanted.is_empty() && !by && !key.name.contains(wanted) {
            continue;
        }
        let late = if program.versions.len() > 1 { program.lagging(&key.source).len() } else { 0 };
        if late_only && late == 0 {
            continue;
        }
        let newest = program.by_age(&key.source).first().map(|(version, _)| *version).unwrap_or_default();
        found.push(Found { key, program, newest, machines: program.machines().len(), late });
    }
    found
}

fn listed(ask: &Ask, one: &Found<'_>, asked: &Asked) -> Listed {
    let (name, source) = (encode(&one.key.name), encode(&one.key.source));
    Listed {
        href: format!("/logiciels/versions?nom={name}&source={source}&{}", asked.query()),
        name: one.program.name.clone(),
        source: one.key.source.clone(),
        publisher: one.program.publisher.clone().unwrap_or_default(),
        newest: one.newest.to_owned(),
        machines: ask.lang.tell("count-machines", &[("n", one.machines.into())]),
        late: (one.late > 0).then(|| ask.lang.tell("soft-late", &[("n", one.late.into())])),
    }
}

async fn choices(web: &Web, ask: &Ask, asked: &Asked) -> Result<(Vec<Choice>, Vec<Choice>), PageError> {
    let fleet = web.context.store.fleet(ask.now).await?;
    let mut basins = BTreeMap::new();
    let mut schools = vec![];
    for school in &fleet.schools {
        if let Some(basin) = &school.basin {
            basins.insert(basin.clone(), asked.bassin.trim() == basin.as_str());
        }
        let value = school.uai.to_string();
        let chosen = asked.etablissement.trim() == value;
        schools.push(Choice { label: format!("{} ({value})", school.name), value, chosen });
    }
    let basin = |(value, chosen): (String, bool)| Choice { label: value.clone(), value, chosen };
    Ok((basins.into_iter().map(basin).collect(), schools))
}

/// Which program.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    nom: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    bassin: String,
    #[serde(default)]
    etablissement: String,
}

/// A version with who has it.
struct VersionLine {
    version: String,
    machines: String,
    newest: bool,
}

/// A machine in a list: its page, name, school and version.
struct Late {
    href: String,
    name: String,
    school: String,
    version: String,
}

#[derive(Template)]
#[template(path = "versions.html")]
struct VersionsTemplate {
    s: Shell,
    sub: String,
    versions: Vec<VersionLine>,
    late: Vec<Late>,
    late_title: String,
    cut: Option<String>,
    back: String,
}

/// One program.
pub async fn versions(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Query(which): Query<Which>,
) -> Result<Response, PageError> {
    let lang = ask.lang;
    let asked = Asked { bassin: which.bassin, etablissement: which.etablissement };
    let catalogue = web.context.store.software(asked.part()?).await?;
    let key = ProgramKey { name: which.nom.to_lowercase(), source: which.source };
    let program = catalogue.programs.get(&key).ok_or(PageError::NotFound)?;
    let late = program.lagging(&key.source);
    let line = |(place, (version, machines)): (usize, (&str, &std::collections::BTreeSet<u32>))| VersionLine {
        version: version.to_owned(),
        machines: lang.tell("count-machines", &[("n", machines.len().into())]),
        newest: place == 0,
    };
    let machine = |(place, version): (&u32, &&str)| {
        let machine = catalogue.machine(*place)?;
        Some(Late {
            href: format!("/postes/{}", machine.id),
            name: machine.host_name.clone(),
            school: machine.school.1.clone(),
            version: (*version).to_owned(),
        })
    };
    let publisher = program.publisher.as_deref().unwrap_or_default();
    let known = [publisher, key.source.as_str()].into_iter().filter(|text| !text.is_empty());
    html(&VersionsTemplate {
        s: Shell::new(&ask, program.name.clone(), "software"),
        sub: known.collect::<Vec<_>>().join(" · "),
        versions: program.by_age(&key.source).into_iter().enumerate().map(line).collect(),
        late_title: lang.tell("soft-late-title", &[("n", late.len().into())]),
        cut: (late.len() > MACHINES_LISTED).then(|| lang.tell("soft-late-cut", &[("n", MACHINES_LISTED.into())])),
        late: late.iter().take(MACHINES_LISTED).filter_map(machine).collect(),
        back: format!("/logiciels?{}", asked.query()),
    })
}
