//! Rules for the software of the fleet, as data: what must be there, what must not, from which version on. Pure; versioned
//! by the store, edited through the API, the page and the verb `software-policy`.
//!
//! A rule opens no ticket: what it finds is shown and waits for the next visit.

use super::catalogue::{Catalogue, Holder};
use crate::ingest::json_path;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::uai::Uai;
use vigie_shared::version::compare;

/// Most rules.
pub const RULES_MAX: usize = 200;
/// Longest name of a rule or program, or version, characters.
pub const WORD_MAX: usize = 120;
/// Most products that are given names, and most names of one.
pub const PRODUCTS_MAX: usize = 200;
/// Largest policy as JSON, bytes.
pub const JSON_MAX: usize = 64 << 10;
/// Findings told of one look.
pub const FOUND_MAX: usize = 20_000;

/// Kinds of machines.
const KINDS: &[&str] = &["workstation", "laptop", "server", "nomade"];

/// The rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftwarePolicy {
    /// Version, given by the store at every change; 0 where nobody has set any.
    #[serde(default)]
    pub version: u64,
    /// Rules: each counts for itself.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Under which names of programs a product of an end-of-life table is installed; without, under its own.
    #[serde(default)]
    pub products: BTreeMap<String, Vec<String>>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A word for people: findings name the rule by it.
    pub name: String,
    /// Name of the program, any case; `*` at the end stands for any end.
    pub program: String,
    /// Its source, such as `dpkg`; left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only machines of this basin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basin: Option<String>,
    /// Only machines of this school.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school: Option<Uai>,
    /// Only machines of these kinds; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// What is demanded.
    pub demand: Demand,
}

/// What a rule demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// It must be there.
    Required,
    /// It must not be there.
    Forbidden,
    /// Where it is, at least in this version.
    Minimum(String),
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("software policy field « {field} »: {problem}")]
pub struct RuleProblem {
    /// Path of the field, such as `rules[1].program`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub problem: String,
}

fn problem(field: impl Into<String>, problem: impl Into<String>) -> RuleProblem {
    RuleProblem { field: field.into(), problem: problem.into() }
}

fn is_word(text: &str) -> bool {
    let length = text.chars().count();
    (1..=WORD_MAX).contains(&length) && !text.chars().any(char::is_control) && text.trim() == text
}

impl SoftwarePolicy {
    /// Reads a policy as a person wrote it. A field that is not known is refused: misspelt, it would silently do nothing.
    pub fn read(text: &str) -> Result<Self, Vec<RuleProblem>> {
        if text.len() > JSON_MAX {
            return Err(vec![problem("", format!("{} bytes, at most {JSON_MAX}", text.len()))]);
        }
        let policy: Self = serde_json::from_str(text).map_err(|error| {
            let path = json_path::at(text.as_bytes(), error.line(), error.column());
            let words: String = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
            vec![problem(path, words)]
        })?;
        let problems = policy.problems();
        if problems.is_empty() { Ok(Self { version: 0, ..policy }) } else { Err(problems) }
    }

    /// All fields that are out of bounds; empty when the policy is good.
    pub fn problems(&self) -> Vec<RuleProblem> {
        let mut found = Vec::new();
        if self.rules.len() > RULES_MAX {
            found.push(problem("rules", format!("{} rules, at most {RULES_MAX}", self.rules.len())));
        }
        let words = format!("1 to {WORD_MAX} characters on one line, no blank at either end");
        for (n, rule) in self.rules.iter().enumerate() {
            let path = |field: &str| format!("rules[{n}].{field}");
            let minimum = match &rule.demand {
                Demand::Minimum(version) => Some(version),
                Demand::Required | Demand::Forbidden => None,
            };
            let told = [
                ("name", Some(&rule.name)),
                ("program", Some(&rule.program)),
                ("source", rule.source.as_ref()),
                ("basin", rule.basin.as_ref()),
                ("demand.minimum", minimum),
            ];
            let bad = told.into_iter().filter(|(_, word)| word.is_some_and(|word| !is_word(word)));
            found.extend(bad.map(|(field, _)| problem(path(field), words.clone())));
            if rule.program.trim_end_matches('*').is_empty() {
                found.push(problem(path("program"), "« * » alone would stand for every program"));
            }
            if rule.kinds.len() > KINDS.len() || rule.kinds.iter().any(|kind| !KINDS.contains(&kind.as_str())) {
                found.push(problem(path("kinds"), format!("some of {}", KINDS.join(", "))));
            }
            if let Some(before) = self.rules.iter().take(n).position(|before| before.name == rule.name) {
                found.push(problem(path("name"), format!("rule {before} has that name")));
            }
        }
        let many = self.products.len() > PRODUCTS_MAX;
        let long = self.products.iter().any(|(product, names)| {
            !is_word(product) || names.len() > PRODUCTS_MAX || names.iter().any(|name| !is_word(name) || name == "*")
        });
        if many || long {
            found.push(problem("products", format!("at most {PRODUCTS_MAX} of as many names, each {words}")));
        }
        found
    }

    /// Under which names a product is installed.
    pub fn names_of<'a>(&'a self, product: &'a str) -> Vec<&'a str> {
        match self.products.get(product) {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => vec![product],
        }
    }
}

/// Whether a program of this name (lower case) is meant by a word.
pub fn is_named(word: &str, name: &str) -> bool {
    let word = word.to_lowercase();
    match word.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == word,
    }
}

impl Rule {
    fn is_for(&self, holder: &Holder) -> bool {
        self.basin.as_ref().is_none_or(|basin| holder.basin.as_ref() == Some(basin))
            && self.school.as_ref().is_none_or(|school| holder.school.0 == *school)
            && (self.kinds.is_empty() || self.kinds.contains(&holder.kind))
    }
}

/// Something to put right on a machine at the next visit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Found {
    /// `software_missing`, `software_forbidden`, `software_too_old`, `end_of_life` or `vulnerable`.
    pub code: &'static str,
    /// The program as installed, or as the rule names it.
    pub program: String,
    /// The version that is installed; empty if none is.
    pub version: String,
    /// The version that is demanded, the day support ended, or the version that mends it; empty if none is told.
    pub wanted: String,
    /// The rule, the product and its cycle, or the number of the vulnerability.
    pub by: String,
    /// The machine's place in [`Catalogue::machines`].
    #[serde(skip)]
    pub machine: u32,
}

/// What the rules find, by code, program and machine; at most [`FOUND_MAX`].
pub fn look(catalogue: &Catalogue, policy: &SoftwarePolicy) -> Vec<Found> {
    let mut found = Vec::new();
    for rule in &policy.rules {
        let places = (0_u32..).zip(&catalogue.machines).filter(|(_, holder)| rule.is_for(holder)).map(|(n, _)| n);
        let concerned: BTreeSet<u32> = places.collect();
        let mut having = BTreeSet::new();
        for (key, program) in &catalogue.programs {
            let meant = rule.source.as_ref().is_none_or(|source| *source == key.source);
            if !meant || !is_named(&rule.program, &key.name) {
                continue;
            }
            for (machine, version) in program.newest_of_each(&key.source) {
                if !concerned.contains(&machine) {
                    continue;
                }
                having.insert(machine);
                let (code, wanted) = match &rule.demand {
                    Demand::Forbidden => ("software_forbidden", ""),
                    Demand::Minimum(least) if compare(&key.source, version, least).is_lt() => {
                        ("software_too_old", least.as_str())
                    }
                    Demand::Required | Demand::Minimum(_) => continue,
                };
                found.push(Found {
                    code,
                    program: program.name.clone(),
                    version: version.to_owned(),
                    wanted: wanted.to_owned(),
                    by: rule.name.clone(),
                    machine,
                });
            }
        }
        if rule.demand == Demand::Required {
            found.extend(concerned.difference(&having).map(|machine| Found {
                code: "software_missing",
                program: rule.program.clone(),
                version: String::new(),
                wanted: String::new(),
                by: rule.name.clone(),
                machine: *machine,
            }));
        }
        if found.len() > FOUND_MAX {
            break;
        }
    }
    found.sort();
    found.truncate(FOUND_MAX);
    found
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::{holder, package};
    use super::*;

    fn fleet() -> Catalogue {
        let mut fleet = Catalogue::default();
        fleet.add(holder("A", "workstation", "Nord"), &[package("firefox-esr", "140.1"), package("steam", "1")]);
        fleet.add(holder("B", "server", "Nord"), &[package("firefox-esr", "128.3")]);
        fleet.add(holder("C", "workstation", "Sud"), &[package("vlc", "3")]);
        fleet
    }

    fn found(rules: &str) -> Vec<String> {
        let policy = SoftwarePolicy::read(&format!("{{\"rules\": [{rules}]}}")).unwrap();
        let fleet = fleet();
        let name = |place| fleet.machine(place).unwrap().host_name.clone();
        look(&fleet, &policy)
            .iter()
            .map(|f| format!("{} {} {} {}", name(f.machine), f.code, f.version, f.wanted))
            .collect()
    }

    #[test]
    fn what_is_missing_forbidden_or_too_old_is_found_where_the_rule_counts() {
        assert_eq!(
            found(r#"{"name": "r", "program": "VLC", "demand": "required", "basin": "Nord"}"#),
            ["A software_missing  ", "B software_missing  "]
        );
        assert_eq!(found(r#"{"name": "r", "program": "steam*", "demand": "forbidden"}"#), ["A software_forbidden 1 "]);
        assert_eq!(found(r#"{"name": "r", "program": "steam*", "demand": "forbidden", "kinds": ["server"]}"#), [""; 0]);
        assert_eq!(
            found(r#"{"name": "r", "program": "firefox*", "demand": {"minimum": "140"}}"#),
            ["B software_too_old 128.3 140"]
        );
        assert_eq!(
            found(r#"{"name": "r", "program": "firefox*", "source": "snap", "demand": {"minimum": "140"}}"#),
            [""; 0]
        );
        assert_eq!(found(r#"{"name": "r", "program": "vlc", "demand": "required", "school": "0959902X"}"#), [""; 0]);
    }

    #[test]
    fn a_policy_that_is_wrong_is_refused_with_the_field() {
        let said = |text: &str| {
            SoftwarePolicy::read(text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        for (text, field) in [
            (r#"{"rules": [{"name": "r", "program": "*", "demand": "required"}]}"#, "rules[0].program"),
            (r#"{"rules": [{"name": "", "program": "x", "demand": "required"}]}"#, "rules[0].name"),
            (r#"{"rules": [{"name": "r", "program": "x", "demand": {"minimum": ""}}]}"#, "rules[0].demand.minimum"),
            (
                r#"{"rules": [{"name": "r", "program": "x", "demand": "required", "kinds": ["toaster"]}]}"#,
                "rules[0].kinds",
            ),
            (r#"{"rules": [{"name": "r", "program": "x", "demand": "required", "basins": "x"}]}"#, "basins"),
            (r#"{"rules": [{"name": "r", "program": "x", "demand": "maybe"}]}"#, "rules[0].demand"),
            (r#"{"products": {"a": ["*"]}}"#, "products"),
            ("[", ""),
        ] {
            assert!(said(text).contains(field), "{text}: {}", said(text));
        }
        let twice = r#"{"rules": [{"name": "r", "program": "x", "demand": "required"}, {"name": "r", "program": "y", "demand": "required"}]}"#;
        assert!(said(twice).contains("rule 0 has that name"));
        assert_eq!(SoftwarePolicy::read("{\"version\": 7}").unwrap(), SoftwarePolicy::default());
    }
}
