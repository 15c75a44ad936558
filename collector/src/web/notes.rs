//! Lines of a history in words. A code we do not know shows itself with its figures: nothing is hidden.

use super::lang::Lang;
use super::{reasons, words};
use crate::engine::Note;
use crate::modes;
use crate::store::HistoryLine;
use fluent_bundle::FluentValue;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One line as shown.
pub struct Line {
    /// When, in words.
    pub at: String,
    /// When, RFC 3339.
    pub iso: String,
    /// Who, in words.
    pub by: String,
    /// What it is about, where the place does not tell: a machine, a network. May be empty.
    pub about: String,
    /// What, in words.
    pub text: String,
}

/// Codes whose figures are free: they are listed after the sentence.
const FREE: &[&str] = &["late_evidence", "reopened", "joined"];

/// What the store adds where a line lies in a ticket, and evidence: said beside the sentence, not in it.
const BESIDE: &[&str] = &["about", "network", "who", "more"];
/// How figures begin that are evidence of a check.
const EVIDENCE: &str = "evidence.";

fn is_beside(name: &str) -> bool {
    BESIDE.contains(&name) || name.starts_with(EVIDENCE)
}

/// Whether a line of a ticket's history is this line of an incident of it: the ticket then tells it already.
pub fn is_told(ticket: &[HistoryLine], line: &HistoryLine) -> bool {
    let sentence = |note: &Note| {
        note.with.iter().filter(|(name, _)| !is_beside(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
    };
    let figures: BTreeMap<String, String> = sentence(&line.note);
    let same = |told: &HistoryLine| told.at == line.at && told.note.code == line.note.code;
    ticket.iter().any(|told| same(told) && sentence(&told.note) == figures)
}

/// A history in words.
pub fn lines(lang: Lang, history: &[HistoryLine], now: Timestamp) -> Vec<Line> {
    history
        .iter()
        .map(|line| Line {
            at: words::precise(lang, line.at, now),
            iso: line.at.to_string(),
            by: by(lang, &line.by),
            about: about(lang, &line.note),
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

fn about(lang: Lang, note: &Note) -> String {
    let network = note.with.get("network").map(|kind| reasons::word(lang, "network", kind));
    network.or_else(|| note.with.get("about").cloned()).unwrap_or_default()
}

/// One note in words: the sentence, then who bears witness and what was measured, where it is known.
pub fn sentence(lang: Lang, note: &Note, now: Timestamp) -> String {
    let mut parts = vec![told(lang, note, now)];
    if let Some(who) = note.with.get("who") {
        let more: u32 = note.with.get("more").and_then(|more| more.parse().ok()).unwrap_or_default();
        parts.push(lang.tell("note-who", &[("who", who.as_str().into()), ("more", more.into())]));
    }
    let evidence = note.with.iter().filter_map(|(name, value)| Some((name.strip_prefix(EVIDENCE)?.to_owned(), value)));
    let evidence: BTreeMap<String, String> = evidence.map(|(name, value)| (name, value.clone())).collect();
    if !evidence.is_empty() {
        let figures = reasons::evidence(lang, &evidence)
            .into_iter()
            .map(|(name, value)| format!("{} {value}", words::small(&name)));
        let figures = figures.collect::<Vec<_>>().join(", ");
        parts.push(lang.tell("note-measured", &[("figures", figures.into())]));
    }
    parts.join(" ")
}

fn told(lang: Lang, note: &Note, now: Timestamp) -> String {
    let mut figures: Vec<(String, FluentValue<'_>)> =
        own(note).map(|(name, value)| (name.clone(), figure(lang, name, value, now))).collect();
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

/// The figures of the sentence itself.
fn own(note: &Note) -> impl Iterator<Item = (&String, &String)> {
    note.with.iter().filter(|(name, _)| !is_beside(name))
}

fn listed(lang: Lang, note: &Note, now: Timestamp) -> String {
    let part = |(name, value): (&String, &String)| {
        let shown = match figure(lang, name, value, now) {
            FluentValue::String(text) => text.into_owned(),
            _ => value.clone(),
        };
        format!("{} : {shown}", reasons::word(lang, "figure", name))
    };
    own(note).map(part).collect::<Vec<_>>().join(", ")
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
    fn witnesses_and_measures_follow_the_sentence() {
        let now = "2026-11-23T10:52:00Z".parse().unwrap();
        let note = Note::new("late_evidence").with("witnesses", 3).with("who", "CDI-01, CDI-02").with("more", 1);
        let said = sentence(Lang::En, &note, now);
        assert!(said.ends_with("(witnesses : 3) Witnesses: CDI-01, CDI-02 and one other."), "{said}");
        let note = Note::new("opened_by_check").with("reason", "space_critical").with("state", "critical");
        let note = note.with("evidence.free_bytes", "6200000000").with("about", "CDI-01, C:");
        let said = sentence(Lang::Fr, &note, now).replace('\u{a0}', " ");
        assert!(said.contains("Mesuré : ") && said.contains("6,2 Go") && !said.contains("CDI-01"), "{said}");
        assert_eq!(about(Lang::Fr, &note), "CDI-01, C:");
    }

    /// Who saw what, by which rule, and what would change it: every text of a verdict says so, in both languages.
    #[test]
    fn every_verdict_says_its_rule_and_what_would_change_it() {
        let figures = ["witnesses", "online", "others", "lines", "schools", "machines", "school_days"];
        let words = ["last_seen", "opened", "reason", "state", "rooms", "area"];
        for code in [
            "opened_by_silence",
            "opened_by_network_silence",
            "opened_by_reports",
            "opened_by_absence",
            "opened_by_probe",
            "opened_by_part_silence",
            "opened_by_quality",
            "opened_by_address",
            "opened_by_server_silence",
            "opened_by_unseen",
            "opened_by_schools",
            "opened_by_all_schools",
            "opened_by_own_report",
            "opened_by_own_reports",
            "opened_by_check",
        ] {
            let note = figures.iter().fold(Note::new(code), |note, name| note.with(name, 3));
            let note = words.iter().fold(note, |note, name| note.with(name, "x"));
            let now = "2026-11-23T10:52:00Z".parse().unwrap();
            for (lang, rule, change) in [
                (Lang::Fr, "Règle : ", ["changerai", "tombe"]),
                (Lang::En, "Rule: ", ["would change", "no longer holds"]),
            ] {
                let said = sentence(lang, &note, now).replace('\u{a0}', " ");
                assert!(said.contains(rule) && change.iter().any(|words| said.contains(words)), "{code}: {said}");
            }
        }
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
