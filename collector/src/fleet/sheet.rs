//! Tables for other programs: CSV (RFC 4180 with `;`, as a French Excel opens it: UTF-8 with a byte order mark) and JSON,
//! from the same rows.

use serde_json::{Map, Value};

/// A table: heads, and rows of as many cells.
pub struct Sheet {
    /// Names of the columns.
    pub heads: &'static [&'static str],
    /// Rows.
    pub rows: Vec<Vec<Cell>>,
    /// Whether a bound was hit: there is more than is told.
    pub cut: bool,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Not known.
    Empty,
    /// Words, from machines or people: never a formula.
    Text(String),
    /// A count or a size in bytes.
    Number(u64),
    /// Yes or no.
    Truth(bool),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// What begins like this is run as a formula by spreadsheets, blanks before it or not.
fn is_formula(text: &str) -> bool {
    let dangerous = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠');
    text.starts_with(dangerous) || text.trim_start().starts_with(dangerous)
}

fn quoted(text: &str) -> String {
    let harmless = if is_formula(text) { "'" } else { "" };
    format!("\"{harmless}{}\"", text.replace('"', "\"\""))
}

impl Sheet {
    /// As CSV. Cells that a spreadsheet would run as a formula get an apostrophe before them.
    pub fn csv(&self) -> String {
        let mut out = String::from('\u{feff}');
        let mut line = |cells: &mut dyn Iterator<Item = String>| {
            out.push_str(&cells.collect::<Vec<_>>().join(";"));
            out.push_str("\r\n");
        };
        line(&mut self.heads.iter().map(|head| quoted(head)));
        for row in &self.rows {
            line(&mut row.iter().map(|cell| match cell {
                Cell::Empty => String::new(),
                Cell::Text(text) => quoted(text),
                Cell::Number(number) => number.to_string(),
                Cell::Truth(truth) => u8::from(*truth).to_string(),
            }));
        }
        out
    }

    /// As JSON: `{"cut": false, "rows": [{head: value, …}, …]}`, what is not known left out.
    pub fn json(&self) -> Value {
        let row = |row: &Vec<Cell>| {
            let mut object = Map::new();
            for (head, cell) in self.heads.iter().zip(row) {
                let value = match cell {
                    Cell::Empty => continue,
                    Cell::Text(text) => Value::from(text.as_str()),
                    Cell::Number(number) => Value::from(*number),
                    Cell::Truth(truth) => Value::from(*truth),
                };
                object.insert((*head).to_owned(), value);
            }
            Value::Object(object)
        };
        serde_json::json!({"cut": self.cut, "rows": self.rows.iter().map(row).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> String {
        let sheet = Sheet { heads: &["a"], rows: vec![vec![text.into()]], cut: false };
        sheet.csv().strip_prefix("\u{feff}\"a\"\r\n").unwrap().trim_end_matches("\r\n").to_owned()
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_harmless() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=cmd|' /C calc'!A0", "＝1"] {
            assert!(one(bad).starts_with("\"'"), "{bad:?}");
        }
        for good in ["a=b", "1-2", "Collège d’Alembert", "'"] {
            assert!(!one(good).starts_with("\"'") || good == "'", "{good:?}");
        }
        assert_eq!(one("a\"b;c\r\nd"), "\"a\"\"b;c\r\nd\"");
    }

    #[test]
    fn json_leaves_out_what_is_not_known_and_keeps_texts_as_they_are() {
        let rows = vec![vec![Cell::from("=1"), Cell::Number(3), Cell::Truth(true), Cell::from("")]];
        let sheet = Sheet { heads: &["text", "number", "truth", "nothing"], rows, cut: true };
        let expected = serde_json::json!({"cut": true, "rows": [{"text": "=1", "number": 3, "truth": true}]});
        assert_eq!(sheet.json(), expected);
    }

    proptest! {
        #[test]
        fn no_cell_begins_like_a_formula_and_every_row_stays_one(cells in proptest::collection::vec("[=+@\\-\t\r\n\";a ]{0,6}", 1..4)) {
            let rows = vec![cells.iter().map(|c| Cell::from(c.as_str())).collect()];
            let csv = Sheet { heads: &["a", "b", "c"], rows, cut: false }.csv();
            let body = csv.split_once("\r\n").unwrap().1;
            let (mut inside, mut ends, mut fields) = (false, 0, vec![String::new()]);
            let mut rest = body.chars().peekable();
            while let Some(c) = rest.next() {
                match c {
                    '"' if inside && rest.next_if_eq(&'"').is_some() => fields.last_mut().unwrap().push('"'),
                    '"' => inside = !inside,
                    ';' if !inside => fields.push(String::new()),
                    '\n' if !inside => ends += 1,
                    other => fields.last_mut().unwrap().push(other),
                }
            }
            prop_assert_eq!((ends, fields.len()), (1, cells.len()));
            for field in fields {
                prop_assert!(!field.trim_end_matches('\r').starts_with(['=', '+', '-', '@', '\t']), "{field:?}");
            }
        }
    }
}
