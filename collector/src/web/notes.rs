//! Lines of a history in words. A code we do not know shows itself with its figures: nothing is hidden.

use super::lang::Lang;
use super::{reasons, words};
use crate::engine::Note;
use crate::modes;
use crate::store::HistoryLine;
use fluent_bundle::FluentValue;
use jiff::Timestamp;

/// One line as shown.
pub struct Line {
    /// When, in words.
    pub at: String,
    /// When, RFC 3339.
    pub iso: String,
    /// Who, in words.
    pub by: String,
    /// What, in words.
    pub text: String,
}

/// Codes whose figures are free: they are listed after the sentence.
const FREE: &[&str] = &["late_evidence", "reopened", "joined"];

/// A history in words.
pub fn lines(lang: Lang, history: &[HistoryLine], now: Timestamp) -> Vec<Line> {
    history
        .iter()
        .map(|line| Line {
            at: words::precise(lang, line.at, now),
            iso: line.at.to_string(),
            by: by(lang, &line.by),
            text: sentence(lang, &line.note, now),
        })
        .collect()
}

/// Who, in words.
pub fn by(lang: Lang, by: &str) -> String {
    match by {
        "vigie" => lang.say("by-vigie"),
        modes::BY => lang.say("by-command-line"),
        login => login.to_owned(),
    }
}

/// One note as a sentence.
pub fn sentence(lang: Lang, note: &Note, now: Timestamp) -> String {
    let mut figures: Vec<(String, FluentValue<'_>)> =
        note.with.iter().map(|(name, value)| (name.clone(), figure(lang, name, value, now))).collect();
    if let Some(instance) = note.with.get("instance") {
        let on = if instance.is_empty() { String::new() } else { format!(", {instance}") };
        figures.push(("on".to_owned(), on.into()));
    }
    let borrowed: Vec<(&str, FluentValue<'_>)> = figures.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    let code = note.code.replace('_', "-");
    let plain = code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let known = plain.then(|| lang.find(&format!("note-{code}"), &borrowed)).flatten();
    let free = FREE.contains(&note.code.as_str());
    match known {
        Some(text) if !free || figures.is_empty() => text,
        Some(text) => lang.tell("note-with", &[("text", text.into()), ("figures", listed(lang, note, now).into())]),
        None if figures.is_empty() => note.code.clone(),
        None => {
            let figures = [("text", note.code.clone().into()), ("figures", listed(lang, note, now).into())];
            lang.tell("note-with", &figures)
        }
    }
}

fn listed(lang: Lang, note: &Note, now: Timestamp) -> String {
    let part = |(name, value): (&String, &String)| {
        let shown = match figure(lang, name, value, now) {
            FluentValue::String(text) => text.into_owned(),
            _ => value.clone(),
        };
        format!("{} : {shown}", reasons::word(lang, "figure", name))
    };
    note.with.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// A figure of a note: instants at the time of Paris, our own words translated, whole numbers as numbers (plurals).
fn figure(lang: Lang, name: &str, value: &str, now: Timestamp) -> FluentValue<'static> {
    if let Ok(number) = value.parse::<u32>() {
        return number.into();
    }
    if value.len() >= 20
        && let Ok(at) = value.parse::<Timestamp>()
    {
        return words::precise(lang, at, now).into();
    }
    let prefixes: &[&str] = match name {
        "from" | "to" | "cause" => &["cause"],
        // A school's verdict names its cause here, a machine's own its reason.
        "reason" => &["reason", "cause"],
        "state" => &["state"],
        "check" => &["problem"],
        _ => &[],
    };
    let translated = prefixes.iter().map(|prefix| reasons::word(lang, prefix, value)).find(|text| text != value);
    translated.unwrap_or_else(|| value.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_words_and_numbers_of_a_note_are_said() {
        let now = "2026-11-23T10:52:00Z".parse().unwrap();
        let note = Note::new("opened_by_silence").with("witnesses", 14).with("last_seen", "2026-11-23T09:02:07Z");
        let said = sentence(Lang::Fr, &note, now).replace('\u{a0}', " ");
        assert!(said.contains("14 postes") && said.contains("10 h 02 min 07 s"), "{said}");

        let note = Note::new("cause_refined").with("from", "undetermined").with("to", "line").with("witnesses", 1);
        assert!(sentence(Lang::Fr, &note, now).contains("ligne"), "{}", sentence(Lang::Fr, &note, now));
    }

    #[test]
    fn an_unknown_code_or_a_lacking_figure_hides_nothing() {
        let now = "2026-11-23T10:52:00Z".parse().unwrap();
        let note = Note::new("flux_capacitor").with("jigowatts", "1.21");
        assert_eq!(sentence(Lang::Fr, &note, now), "flux_capacitor (jigowatts : 1.21)");
        let note = Note::new("opened_by_silence").with("witnesses", 3);
        assert_eq!(sentence(Lang::En, &note, now), "opened_by_silence (witnesses : 3)");
        assert_eq!(sentence(Lang::En, &Note::new("<script>"), now), "<script>");
    }
}
