//! What a technician adds to a machine by hand. Kept apart from what agents send, never overwritten by it.

use super::changes::{Change, Key, State, changes};
use jiff::civil::Date;
use serde::Serialize;

/// Longest name of a room, characters.
pub const ROOM_MAX: usize = 60;
/// Longest inventory number, characters.
pub const NUMBER_MAX: usize = 60;
/// Longest note, characters.
pub const NOTE_MAX: usize = 2000;
/// The section under which its changes stand in a machine's history.
pub const SECTION: &str = "hand";

/// Where a machine is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// In use: what a machine is until somebody says something else.
    #[default]
    InService,
    /// In a cupboard.
    InStock,
    /// Given away or scrapped.
    Retired,
    /// Stolen.
    Stolen,
}

impl Life {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::InService, Self::InStock, Self::Retired, Self::Stolen];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InService => "in_service",
            Self::InStock => "in_stock",
            Self::Retired => "retired",
            Self::Stolen => "stolen",
        }
    }

    /// From what is stored.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|life| life.as_str() == word)
    }
}

/// What people wrote about a machine. Texts may be empty: not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Where it stands.
    pub room: String,
    /// The number on its label.
    pub inventory_number: String,
    /// Last day of its warranty.
    pub warranty_end: Option<Date>,
    /// Where it is in its life.
    pub state: Life,
    /// Anything else.
    pub note: String,
}

/// What is wrong with what somebody wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The room.
    #[error("a room is named with at most {ROOM_MAX} characters, on one line")]
    Room,
    /// The inventory number.
    #[error("an inventory number has at most {NUMBER_MAX} characters, on one line")]
    Number,
    /// The note.
    #[error("a note has at most {NOTE_MAX} characters")]
    Note,
}

fn one_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

impl Written {
    /// Without blanks around texts; refused where a bound is passed.
    pub fn clean(mut self) -> Result<Self, Problem> {
        for text in [&mut self.room, &mut self.inventory_number, &mut self.note] {
            *text = text.trim().to_owned();
        }
        self.note = self.note.replace("\r\n", "\n");
        if !one_line(&self.room, ROOM_MAX) {
            return Err(Problem::Room);
        }
        if !one_line(&self.inventory_number, NUMBER_MAX) {
            return Err(Problem::Number);
        }
        let breaks = |c: char| c.is_control() && c != '\n' && c != '\t';
        if self.note.chars().count() > NOTE_MAX || self.note.chars().any(breaks) {
            return Err(Problem::Note);
        }
        Ok(self)
    }

    /// Its fields, for histories.
    fn state(&self) -> State {
        let warranty = self.warranty_end.map(|date| date.to_string()).unwrap_or_default();
        let fields = [
            ("room", self.room.as_str()),
            ("inventory_number", &self.inventory_number),
            ("warranty_end", &warranty),
            ("state", self.state.as_str()),
            ("note", &self.note),
        ];
        let there = fields.into_iter().filter(|(_, value)| !value.is_empty());
        State::from([(Key::default(), there.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())])
    }

    /// What somebody changed, for the history.
    pub fn changes_to(&self, after: &Self) -> Vec<Change> {
        changes(SECTION, &self.state(), &after.state())
    }
}

/// A label as typed or scanned, made comparable: no blanks, capital letters. `None` if nothing is left.
pub fn label(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let plain = plain.to_uppercase();
    (!plain.is_empty() && plain.chars().count() <= 2 * NUMBER_MAX).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_trimmed_and_bounded() {
        let written = Written { room: "  B12 ".into(), note: "a\r\nb".into(), ..Written::default() }.clean().unwrap();
        assert_eq!((written.room.as_str(), written.note.as_str()), ("B12", "a\nb"));
        let long = |n: usize| "x".repeat(n);
        assert_eq!(Written { room: long(61), ..Written::default() }.clean(), Err(Problem::Room));
        assert_eq!(Written { room: "a\nb".into(), ..Written::default() }.clean(), Err(Problem::Room));
        assert_eq!(Written { inventory_number: long(61), ..Written::default() }.clean(), Err(Problem::Number));
        assert_eq!(Written { note: long(2001), ..Written::default() }.clean(), Err(Problem::Note));
        assert_eq!(Written { note: "a\0".into(), ..Written::default() }.clean(), Err(Problem::Note));
    }

    #[test]
    fn what_somebody_changed_is_told_field_by_field() {
        let before = Written { room: "B12".into(), note: "n".into(), ..Written::default() };
        let after = Written { room: "C3".into(), state: Life::Stolen, ..Written::default() };
        let told: Vec<_> = before.changes_to(&after).into_iter().map(|c| (c.field, c.before, c.after)).collect();
        let some = |text: &str| Some(text.to_owned());
        let expected = [
            ("note".to_owned(), some("n"), None),
            ("room".to_owned(), some("B12"), some("C3")),
            ("state".to_owned(), some("in_service"), some("stolen")),
        ];
        assert_eq!(told, expected);
        assert_eq!(before.changes_to(&before), []);
    }

    #[test]
    fn a_scanned_label_is_compared_without_blanks_and_case() {
        assert_eq!(label(" ab 12\t\r\n").as_deref(), Some("AB12"));
        assert_eq!(label(" \n"), None);
        assert_eq!(label(&"x".repeat(121)), None);
    }
}
