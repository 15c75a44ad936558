//! Sections of the inventory as tables. An unknown or unreadable section is shown as it came: nothing is hidden.

use super::lang::Lang;
use super::{reasons, words};
use crate::store::SectionRow;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::name;

mod known;

/// Rows up to which a narrow screen stacks a table.
const STACKED_ROWS: usize = 12;
/// Characters of an unknown section that are shown.
const RAW_MAX: usize = 20_000;

/// What to show of the software.
#[derive(Default)]
pub struct Filter {
    /// Text looked for in names and publishers, any case.
    pub text: String,
    /// The whole list.
    pub whole: bool,
}

/// One section as shown.
pub struct SectionView {
    /// Place in the order of interest.
    pub rank: usize,
    /// Name, for anchors.
    pub name: String,
    /// Title in words.
    pub title: String,
    /// When it came, in words.
    pub received: String,
    /// `complete`, `partial`, `unavailable` or `unreadable`.
    pub outcome: &'static str,
    /// The outcome in words; empty when complete.
    pub warning: String,
    /// Why something is missing.
    pub reasons: Vec<String>,
    /// What was read.
    pub body: Body,
    /// The last complete reading, when the latest is not: when, and what it said.
    pub last: Option<(String, Body)>,
}

/// Content of a section: facts, then tables, then whatever could not be understood.
#[derive(Default)]
pub struct Body {
    /// Label and value.
    pub facts: Vec<(String, String)>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Raw JSON.
    pub raw: Option<String>,
    /// The list of software, which can be searched.
    pub software: Option<SoftwareList>,
}

/// One table.
pub struct Table {
    /// Caption.
    pub caption: String,
    /// Heads of its columns.
    pub heads: Vec<String>,
    /// Rows of head and value; the first cell names the row.
    pub rows: Vec<Vec<(String, String)>>,
    /// Whether a narrow screen stacks the cells of a row; long tables scroll instead.
    pub stacks: bool,
}

/// What is said around the list of software.
pub struct SoftwareList {
    /// Text looked for.
    pub text: String,
    /// The same, as one value of a query.
    pub query: String,
    /// « 812 logiciels », « 3 sur 812 ».
    pub count: String,
    /// Whether the list was cut, in words.
    pub cut: Option<String>,
}

const ORDER: &[&str] = &[
    name::SYSTEM,
    name::OPERATING_SYSTEM,
    name::PROCESSORS,
    name::MEMORY,
    name::STORAGE,
    name::VOLUMES,
    name::NETWORK,
    name::SOFTWARE,
    name::AGENT,
];

/// Samples of a machine: `(metric, instance, value, at)`.
type Samples = [(String, String, f64, Timestamp)];

/// A section in words.
pub fn view(lang: Lang, row: &SectionRow, samples: &Samples, filter: &Filter, now: Timestamp) -> SectionView {
    let reader = Reader { lang, samples, filter };
    let read = reader.read(&row.name, &row.body);
    let warning = if read.outcome == "complete" { String::new() } else { reasons::word(lang, "outcome", read.outcome) };
    let last = row.last_complete.as_ref().filter(|_| read.outcome != "complete").map(|(body, at)| {
        let when = lang.tell("section-last-complete", &[("moment", words::moment(lang, *at, now).into())]);
        (when, reader.read(&row.name, body).body)
    });
    SectionView {
        rank: ORDER.iter().position(|n| *n == row.name).unwrap_or(ORDER.len()),
        name: row.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect(),
        title: reasons::word(lang, "section", &row.name),
        received: words::moment(lang, row.received, now),
        outcome: read.outcome,
        warning,
        reasons: read.reasons,
        body: read.body,
        last,
    }
}

struct Read {
    outcome: &'static str,
    reasons: Vec<String>,
    body: Body,
}

struct Reader<'a> {
    lang: Lang,
    samples: &'a Samples,
    filter: &'a Filter,
}

impl Reader<'_> {
    fn read(&self, section: &str, body: &str) -> Read {
        match section {
            name::SYSTEM => self.typed(body, Self::system),
            name::OPERATING_SYSTEM => self.typed(body, Self::operating_system),
            name::PROCESSORS => self.typed(body, Self::processors),
            name::MEMORY => self.typed(body, Self::memory),
            name::STORAGE => self.typed(body, Self::storage),
            name::VOLUMES => self.typed(body, Self::volumes),
            name::NETWORK => self.typed(body, Self::network),
            name::SOFTWARE => self.typed(body, Self::software),
            name::AGENT => self.typed(body, Self::agent),
            _ => self.unknown(body),
        }
    }

    fn typed<T: DeserializeOwned>(&self, body: &str, show: impl Fn(&Self, &T) -> Body) -> Read {
        match serde_json::from_str::<Outcome<T>>(body) {
            Ok(outcome) => Read {
                outcome: outcome.word(),
                reasons: outcome.reasons().to_vec(),
                body: outcome.data().map(|data| show(self, data)).unwrap_or_default(),
            },
            Err(_) => Read { outcome: "unreadable", reasons: vec![], body: raw(body) },
        }
    }

    fn unknown(&self, body: &str) -> Read {
        match serde_json::from_str::<Outcome<serde_json::Value>>(body) {
            Ok(outcome) => {
                let text = outcome.data().and_then(|data| serde_json::to_string_pretty(data).ok());
                let body = Body { raw: text.map(cut), ..Body::default() };
                Read { outcome: outcome.word(), reasons: outcome.reasons().to_vec(), body }
            }
            Err(_) => Read { outcome: "unreadable", reasons: vec![], body: raw(body) },
        }
    }

    fn label(&self, key: &str) -> String {
        self.lang.say(key)
    }

    /// Facts that are there, labelled.
    fn facts(&self, facts: &[(&str, Option<String>)]) -> Vec<(String, String)> {
        let there = |(key, value): &(&str, Option<String>)| {
            value.clone().filter(|v| !v.is_empty()).map(|value| (self.label(key), value))
        };
        facts.iter().filter_map(there).collect()
    }

    /// A table without the columns that are empty in every row.
    fn table(&self, caption: &str, heads: &[&str], rows: Vec<Vec<Option<String>>>) -> Option<Table> {
        if rows.is_empty() {
            return None;
        }
        let kept: Vec<usize> = (0..heads.len())
            .filter(|n| *n == 0 || rows.iter().any(|row| row.get(*n).is_some_and(Option::is_some)))
            .collect();
        let heads: Vec<String> = kept.iter().filter_map(|n| heads.get(*n)).map(|key| self.label(key)).collect();
        let pick = |row: Vec<Option<String>>| -> Vec<(String, String)> {
            let values = kept.iter().map(|n| row.get(*n).cloned().flatten().unwrap_or_else(|| "–".to_owned()));
            heads.iter().cloned().zip(values).collect()
        };
        let stacks = rows.len() <= STACKED_ROWS;
        let rows = rows.into_iter().map(pick).collect();
        Some(Table { caption: self.label(caption), heads, rows, stacks })
    }

    fn size(&self, bytes: Option<u64>) -> Option<String> {
        bytes.map(|b| words::size(self.lang, b))
    }

    fn word(&self, prefix: &str, value: &Option<String>) -> Option<String> {
        value.as_ref().map(|v| reasons::word(self.lang, prefix, v))
    }

    fn yes(&self, value: bool) -> Option<String> {
        value.then(|| self.label("yes"))
    }
}

/// A measured value as a whole number, when it is one that a number of bytes can be.
pub fn whole(value: f64) -> Option<u64> {
    // Through text: Rust writes a whole f64 without exponent, and a lossy cast would say nothing.
    (value.is_finite() && value >= 0.0).then(|| format!("{:.0}", value).parse().ok()).flatten()
}

fn raw(body: &str) -> Body {
    Body { raw: Some(cut(body.to_owned())), ..Body::default() }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(RAW_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
