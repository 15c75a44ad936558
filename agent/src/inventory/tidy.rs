//! What every section does to texts and lists before they leave: tidied, bounded, placeholders of makers dropped.

use crate::source::{Source, Unreadable};
use vigie_shared::evidence::identifying;
use vigie_shared::outcome::Outcome;

/// Longest text kept, characters. Nothing that a maker or a packager writes on one line is longer.
pub const TEXT_MAX: usize = 256;

/// One line without control characters, blanks collapsed, cut at [`TEXT_MAX`]; nothing when empty.
pub fn text(raw: &str) -> Option<String> {
    let mut line = String::new();
    for word in raw.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > TEXT_MAX * 4 {
            break;
        }
    }
    if let Some((end, _)) = line.char_indices().nth(TEXT_MAX) {
        line.truncate(end);
    }
    (!line.is_empty()).then_some(line)
}

/// A text given by a maker, without what makers leave in the place of one (`To be filled by O.E.M.`).
pub fn maker(raw: &str) -> Option<String> {
    let line = text(raw)?;
    // Short names are real ("HP", "G7"); the rule for identifying texts wants four characters.
    let short = line.len() < 4 && line.chars().any(|c| c.is_alphanumeric()) && !line.eq_ignore_ascii_case("n/a");
    if short { Some(line) } else { identifying(&line) }
}

/// The first line of a small file of the kernel, tidied.
pub fn line(source: &dyn Source, path: &str) -> Option<String> {
    source.text(path).ok().as_deref().and_then(|content| content.lines().next()).and_then(text)
}

/// A whole number in a small file of the kernel.
pub fn number<T: std::str::FromStr>(source: &dyn Source, path: &str) -> Option<T> {
    line(source, path)?.parse().ok()
}

/// The kernel driver of a device: the name of what its link `driver` leads to.
pub fn driver(source: &dyn Source, device: &str) -> Option<String> {
    text(source.link(&format!("{device}/driver")).ok()?.rsplit('/').next()?)
}

/// What a folder of the kernel that cannot be listed means: a machine whose kernel tells of its devices has none of that
/// kind; where it tells nothing (a container, half a capture), nothing is known.
pub fn none_or_unknown<T: Default>(source: &dyn Source, why: &Unreadable) -> Outcome<T> {
    if matches!(why, Unreadable::Missing(_)) && source.list("/sys/class").is_ok() {
        Outcome::Complete { data: T::default() }
    } else {
        Outcome::unavailable(why.to_string())
    }
}

/// Whether a text names no folder of a person (invariant 11).
pub fn impersonal(text: &str) -> bool {
    let text = text.to_ascii_lowercase().replace('\\', "/");
    !["/home/", "/users/", "/root/", "/documents and settings/"].iter().any(|home| text.contains(home))
}

/// The day of a moment in seconds since 1970, ISO 8601, in universal time: the same wherever it is read.
pub fn day(seconds: i64) -> Option<String> {
    let moment = jiff::Timestamp::from_second(seconds).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_datetime(moment).date().to_string())
}

/// Cuts a list at its bound, and says so.
pub fn cap<T>(list: &mut Vec<T>, max: usize, what: &str, reasons: &mut Vec<String>) {
    if list.len() > max {
        reasons.push(format!("{what}: only the first {max} of {} are reported", list.len()));
        list.truncate(max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blanks_and_control_characters_are_collapsed() {
        assert_eq!(text("  Intel(R)\tCore\u{0}  i5 \n"), Some("Intel(R) Core i5".into()));
        assert_eq!(text(" \n\t"), None);
    }

    #[test]
    fn placeholders_are_dropped_and_short_names_kept() {
        for placeholder in ["Default string", "To Be Filled By O.E.M.", "N/A", "None", "--", "0000"] {
            assert_eq!(maker(placeholder), None, "{placeholder}");
        }
        assert_eq!(maker("HP"), Some("HP".into()));
        assert_eq!(maker("OptiPlex 7070"), Some("OptiPlex 7070".into()));
    }

    #[test]
    fn a_cut_list_says_so() {
        let (mut list, mut reasons) = (vec![1, 2, 3], vec![]);
        cap(&mut list, 3, "disks", &mut reasons);
        assert_eq!(reasons, Vec::<String>::new());
        cap(&mut list, 2, "disks", &mut reasons);
        assert_eq!((list, reasons), (vec![1, 2], vec!["disks: only the first 2 of 3 are reported".to_owned()]));
    }

    proptest! {
        #[test]
        fn a_text_is_one_bounded_line(raw in any::<String>()) {
            if let Some(line) = text(&raw) {
                prop_assert!(!line.is_empty() && line.chars().count() <= TEXT_MAX);
                prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}
