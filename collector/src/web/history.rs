//! What changed on a machine, in words: its part of the machine's page, and `/api/v1/machines/{id}/history`.

use super::Web;
use super::guard::Ask;
use super::lang::Lang;
use super::page::{PageError, json};
use super::{notes, reasons, words};
use crate::fleet::changes::{Change, Fields, Kind};
use crate::fleet::hand;
use crate::store::HistoryRow;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vigie_shared::section::name;

/// Lines read for the page.
pub const SHOWN: usize = 300;
/// Lines answered to a program unless it asks for fewer.
const ANSWERED: usize = 2500;
/// Lines of one moment that are shown at once; more are folded.
const UNFOLDED: usize = 8;

/// What changed at one moment.
pub struct Moment {
    /// When, in words.
    pub at: String,
    /// When, RFC 3339.
    pub iso: String,
    /// Who, in words.
    pub by: String,
    /// The first lines.
    pub lines: Vec<Line>,
    /// The others, and the words that unfold them.
    pub more: Vec<Line>,
    /// « 12 autres changements ».
    pub unfold: String,
}

/// One change in words.
pub struct Line {
    /// `added`, `removed`, `replaced`, `changed` or `more`: the class of its tag.
    pub kind: &'static str,
    /// Its tag in words.
    pub tag: String,
    /// What it is about.
    pub text: String,
}

/// A history by moments, the newest first.
pub fn moments(lang: Lang, rows: &[HistoryRow], now: Timestamp) -> Vec<Moment> {
    let same = |a: &HistoryRow, b: &HistoryRow| a.at == b.at && a.by == b.by;
    let moment = |rows: &[HistoryRow]| {
        let first = rows.first()?;
        let mut rows: Vec<&HistoryRow> = rows.iter().collect();
        rows.sort_by_key(|row| rank(&row.change));
        let mut lines: Vec<Line> = rows.iter().map(|row| line(lang, &row.change, now)).collect();
        let more = lines.split_off(lines.len().min(UNFOLDED));
        Some(Moment {
            at: words::full(lang, first.at, now),
            iso: first.at.to_string(),
            by: notes::by(lang, &first.by),
            lines,
            unfold: lang.tell("history-more", &[("n", more.len().into())]),
            more,
        })
    };
    rows.chunk_by(same).filter_map(moment).collect()
}

/// What is worth more comes first: hardware before programs, what came and went before what was updated.
fn rank(change: &Change) -> (bool, u8) {
    let kind = match change.kind {
        Kind::Replaced => 0,
        Kind::Removed => 1,
        Kind::Added => 2,
        Kind::Changed => 3,
        Kind::More => 4,
    };
    (change.section == name::SOFTWARE, kind)
}

fn line(lang: Lang, change: &Change, now: Timestamp) -> Line {
    let text = match change.kind {
        Kind::Added => about(lang, change, change.after.as_ref()),
        Kind::Removed => about(lang, change, change.before.as_ref()),
        Kind::Replaced => {
            let item = |text| described(lang, change, &Change::fields(text));
            from_to(lang, &thing(lang, change), Some(item(change.before.as_ref())), Some(item(change.after.as_ref())))
        }
        Kind::Changed => {
            let value = |text: &Option<String>| text.as_ref().map(|v| value(lang, change, &change.field, v, now));
            from_to(lang, &subject(lang, change), value(&change.before), value(&change.after))
        }
        Kind::More => {
            let n = change.after.as_ref().and_then(|n| n.parse::<u32>().ok()).unwrap_or_default();
            let section = reasons::word(lang, "section", &change.section);
            lang.tell("history-beside", &[("n", n.into()), ("section", section.into())])
        }
    };
    Line { kind: change.kind.as_str(), tag: lang.say(&format!("change-{}", change.kind.as_str())), text }
}

fn from_to(lang: Lang, what: &str, before: Option<String>, after: Option<String>) -> String {
    let none = || lang.say("history-nothing");
    let (before, after) = (before.unwrap_or_else(none), after.unwrap_or_else(none));
    lang.tell("history-from-to", &[("what", what.into()), ("before", before.into()), ("after", after.into())])
}

fn about(lang: Lang, change: &Change, fields: Option<&String>) -> String {
    let item = described(lang, change, &Change::fields(fields));
    lang.tell("history-about", &[("what", thing(lang, change).into()), ("item", item.into())])
}

/// What kind of thing: « Disque », « Logiciel ».
fn thing(lang: Lang, change: &Change) -> String {
    let word = reasons::word(lang, "thing", &change.list);
    if word == change.list { reasons::word(lang, "section", &change.section) } else { word }
}

/// What a field that changed belongs to: « Mémoire utilisable », « firefox-esr », « Disque Z0P1, micrologiciel ».
fn subject(lang: Lang, change: &Change) -> String {
    let item = change.item.split(" · ").next().unwrap_or_default();
    if change.list == "packages" && change.field == "version" {
        return item.to_owned();
    }
    let field = field(lang, &change.field);
    match (change.section.as_str(), change.item.is_empty()) {
        (hand::SECTION, _) => field,
        (_, false) => format!("{} {item}, {}", thing(lang, change), uncapital(&field)),
        (section, true) if section == name::MEMORY => field,
        (section, true) => format!("{}, {}", reasons::word(lang, "section", section), uncapital(&field)),
    }
}

/// Its first letter small, unless the word is an abbreviation.
fn uncapital(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// A field's name in words, from whichever part of the pages has one.
pub fn field(lang: Lang, field: &str) -> String {
    let prefixes = ["field", "fact", "column"];
    prefixes
        .iter()
        .map(|p| reasons::word(lang, p, field))
        .find(|word| word != field)
        .unwrap_or_else(|| field.to_owned())
}

fn value(lang: Lang, change: &Change, field: &str, text: &str, now: Timestamp) -> String {
    match (change.section.as_str(), field) {
        (hand::SECTION, "state") => return reasons::word(lang, "life", text),
        (hand::SECTION, "warranty_end") => {
            return text.parse().map_or_else(|_| text.to_owned(), |date| words::date(lang, date));
        }
        (hand::SECTION, "seen") => {
            return text.parse().map_or_else(|_| text.to_owned(), |at| words::full(lang, at, now));
        }
        _ => {}
    }
    match (text, text.parse::<u64>()) {
        (_, Ok(bytes)) if field.ends_with("_bytes") && change.section == name::MEMORY => words::memory(lang, bytes),
        (_, Ok(bytes)) if field.ends_with("_bytes") => words::size(lang, bytes),
        ("true", _) => lang.say("yes"),
        ("false", _) => lang.say("history-no"),
        _ => text.to_owned(),
    }
}

/// Fields that tell an item, in this order.
const TELLING: &[&str] =
    &["slot", "name", "model", "manufacturer", "product", "version", "size_bytes", "serial", "mount_point"];

/// An item in words: « KIOXIA KBG40ZNV256G, 256 Go, Z0P1234567 ».
fn described(lang: Lang, change: &Change, fields: &Fields) -> String {
    let telling: &[&str] = match change.list.as_str() {
        "packages" => &["name", "version"],
        "disks" => &["model", "size_bytes", "serial"],
        "modules" => &["slot", "size_bytes", "manufacturer", "part_number"],
        "interfaces" => &["name", "permanent_mac"],
        "volumes" => &["mount_point", "file_system", "total_bytes"],
        _ => TELLING,
    };
    let told = telling.iter().filter_map(|name| {
        let text = fields.get(*name)?;
        Some(value(lang, change, name, text, Timestamp::UNIX_EPOCH))
    });
    let told: Vec<String> = told.take(4).collect();
    if told.is_empty() { change.item.clone() } else { told.join(", ") }
}

/// How much is asked for.
#[derive(Deserialize)]
pub struct Asked {
    /// Lines at most; 2,500 is all that is kept.
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Answer<'a> {
    changes: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    n: u64,
    at: String,
    by: &'a str,
    #[serde(flatten)]
    change: &'a Change,
}

impl<'a> From<&'a HistoryRow> for Told<'a> {
    fn from(row: &'a HistoryRow) -> Self {
        Self { n: row.n, at: row.at.to_string(), by: &row.by, change: &row.change }
    }
}

/// The history of a machine for programs, the newest first.
pub async fn api(
    State(web): State<Web>,
    Extension(_ask): Extension<Ask>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    let store = &web.context.store;
    store.hand(id).await?.ok_or(PageError::NotFound)?;
    let rows = store.history(id, asked.limit.unwrap_or(ANSWERED).min(ANSWERED)).await?;
    json(&Answer { changes: rows.iter().map(Told::from).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::changes::between;
    use serde_json::{Value, json};

    fn said(lang: Lang, section: &str, before: &Value, after: &Value) -> Vec<String> {
        let body = |data: &Value| json!({"outcome": "complete", "data": data}).to_string();
        let found = between(section, &body(before), &body(after));
        let one = |change: &Change| {
            let line = line(lang, change, Timestamp::UNIX_EPOCH);
            format!("{} – {}", line.tag, line.text).replace('\u{a0}', " ")
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn changes_are_said_as_a_technician_says_them() {
        let memory = |gib: u64| json!({"total_bytes": gib << 30});
        assert_eq!(said(Lang::Fr, "memory", &memory(8), &memory(4)), ["Changement – Mémoire utilisable : 8 Go → 4 Go"]);
        let firefox = |v: &str| json!({"packages": [{"name": "firefox-esr", "version": v, "source": "dpkg"}]});
        assert_eq!(
            said(Lang::Fr, "software", &firefox("128"), &firefox("140")),
            ["Changement – firefox-esr : 128 → 140"]
        );
        let disk = |model: &str, serial: &str| json!({"disks": [{"name": "sda", "model": model, "serial": serial, "size_bytes": 256_060_514_304_u64, "firmware": "1"}]});
        assert_eq!(
            said(Lang::Fr, "storage", &disk("KIOXIA", "Z1"), &disk("Crucial", "C2")),
            ["Remplacement – Disque : KIOXIA, 256 Go, Z1 → Crucial, 256 Go, C2"]
        );
        assert_eq!(said(Lang::En, "storage", &json!({"disks": [{"name": "a"}]}), &disk("K", "Z")).len(), 2);
        let none = json!({"packages": []});
        assert_eq!(said(Lang::En, "software", &none, &firefox("128")), ["Added – Software: firefox-esr, 128"]);
        assert_eq!(said(Lang::Fr, "software", &firefox("128"), &none), ["Retrait – Logiciel : firefox-esr, 128"]);
        let bios = |v: &str| json!({"bios": {"version": v}});
        assert_eq!(said(Lang::Fr, "system", &bios("1"), &bios("2")), ["Changement – Système, version du BIOS : 1 → 2"]);
        let odd = |n: u8| json!({"gizmos": [{"id": "x", "colour": n}]});
        assert_eq!(said(Lang::Fr, "gizmos", &odd(1), &odd(2)), ["Changement – gizmos x, colour : 1 → 2"]);
    }
}
