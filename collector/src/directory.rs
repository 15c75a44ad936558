//! The schools, read from a CSV file: the national directory "annuaire de l'éducation" as it is published, or a simple
//! list with `uai;name;town;basin`. Pure: bytes in, rows or errors out, all or nothing.
//!
//! UTF-8 with or without BOM, UTF-16 with BOM, else Windows-1252 (what spreadsheets save). Separators `,` `;` and tab,
//! quoted fields (RFC 4180). Columns may stand in any order; those that are not known are ignored.

mod columns;

use columns::{Columns, Field};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use vigie_shared::uai::{Uai, UaiError};

/// The largest file accepted, in bytes: room for the whole national directory, about 70,000 long lines.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The most schools accepted; France has about 70,000.
pub const MAX_ROWS: usize = 200_000;
/// The longest value kept of a field, in characters.
pub const MAX_FIELD_CHARS: usize = 200;
/// After so many errors reading stops: the file is not what was meant.
pub const MAX_ERRORS: usize = 100;

/// One school of the directory. Text is trimmed and never longer than [`MAX_FIELD_CHARS`]; it is empty where the file
/// says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolRow {
    /// National number, check letter verified.
    pub uai: Uai,
    /// Name, never empty.
    pub name: String,
    /// Kind, such as `Collège`.
    pub kind: String,
    /// Town.
    pub town: String,
    /// Postcode, as written.
    pub postcode: String,
    /// Académie.
    pub academy: String,
    /// Département: its name, else its number.
    pub department: String,
    /// Basin, when the file names one.
    pub basin: Option<String>,
}

/// Stable codes of what can be wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// No bytes, or no header line.
    FileEmpty,
    /// More than [`MAX_BYTES`].
    FileTooLarge,
    /// More than [`MAX_ROWS`] schools.
    TooManyRows,
    /// A header, and no school below it.
    NoRows,
    /// A column that is needed is missing.
    ColumnsMissing,
    /// Two columns for the same thing.
    ColumnTwice,
    /// A line with more values than the header has columns.
    LineTooLong,
    /// A quote that is opened and never closed.
    QuoteOpen,
    /// A value that is needed is empty.
    ValueMissing,
    /// A value longer than [`MAX_FIELD_CHARS`].
    ValueTooLong,
    /// A value with a line break or another control character inside.
    ValueInvalid,
    /// Not seven digits and a letter.
    UaiShape,
    /// The check letter does not fit the digits.
    UaiLetter,
    /// A school number that stands twice in the file.
    UaiTwice,
    /// More than [`MAX_ERRORS`] errors: the rest is not listed.
    TooManyErrors,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LineError {
    /// The line of the file as an editor counts it, from 1; 0 where the whole file is meant.
    pub line: u64,
    /// The column, as the header of the file names it; `None` where no single one is meant.
    pub column: Option<String>,
    /// The stable code.
    pub code: Code,
    /// What is wrong and what to do.
    pub message: String,
}

/// Reads a file of schools. Rows come in the order of the file; with any error there are no rows at all.
pub fn parse(bytes: &[u8]) -> Result<Vec<SchoolRow>, Vec<LineError>> {
    let file_error = |code, message| vec![LineError { line: 0, column: None, code, message }];
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than the {MAX_BYTES} that are read: split it", bytes.len());
        return Err(file_error(Code::FileTooLarge, message));
    }
    let text = decode(bytes);
    if text.trim().is_empty() {
        return Err(file_error(
            Code::FileEmpty,
            "the file is empty: a header line and one line a school are wanted".into(),
        ));
    }
    let columns = Columns::detect(&text).map_err(|error| vec![error])?;
    let mut reading = Reading::new(&columns);
    reading.read(&text);
    if reading.errors.is_empty() && reading.rows.is_empty() {
        let message = "the file has a header and no school below it".into();
        return Err(file_error(Code::NoRows, message));
    }
    if reading.errors.is_empty() { Ok(reading.rows) } else { Err(reading.errors) }
}

/// UTF-8 or UTF-16 where a BOM says so, UTF-8 where it is valid, else Windows-1252, in which any bytes are a text.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let by_mark = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let encoding = by_mark.unwrap_or(if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 });
    let (text, _, _) = encoding.decode(bytes);
    text
}

/// The lines below the header, being read.
struct Reading<'a> {
    columns: &'a Columns,
    rows: Vec<SchoolRow>,
    errors: Vec<LineError>,
    seen: BTreeMap<Uai, u64>,
}

impl<'a> Reading<'a> {
    fn new(columns: &'a Columns) -> Self {
        Self { columns, rows: Vec::new(), errors: Vec::new(), seen: BTreeMap::new() }
    }

    fn read(&mut self, text: &str) {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.columns.separator())
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut lines = LineCounter::new(text);
        let mut record = csv::StringRecord::new();
        let mut header = true;
        // Reading from memory that is valid UTF-8 with any number of values a line cannot fail.
        while reader.read_record(&mut record).unwrap_or(false) {
            let start = record.position().map_or(0, csv::Position::byte);
            let end = reader.position().byte();
            let line = lines.line_of(start);
            if quote_is_open(lines.between(start, end)) {
                let message = "a quote opened in this line is never closed: close it, or double it inside a value";
                return self.error(line, None, Code::QuoteOpen, message.into());
            }
            if std::mem::take(&mut header) || record.iter().all(|value| value.trim().is_empty()) {
                continue;
            }
            self.row(line, &record);
            if self.rows.len() > MAX_ROWS {
                let message = format!("more than {MAX_ROWS} schools: split the file");
                return self.error(line, None, Code::TooManyRows, message);
            }
            if self.errors.len() >= MAX_ERRORS {
                let message = format!("reading stopped here, after {MAX_ERRORS} errors: is this the right file?");
                return self.error(line, None, Code::TooManyErrors, message);
            }
        }
    }

    fn row(&mut self, line: u64, record: &csv::StringRecord) {
        let width = self.columns.width();
        if record.iter().skip(width).any(|value| !value.trim().is_empty()) {
            let message = format!(
                "{} values where the header has {width} columns: quote values that hold the separator « {} »",
                record.len(),
                char::from(self.columns.separator()).escape_debug(),
            );
            return self.error(line, None, Code::LineTooLong, message);
        }
        let before = self.errors.len();
        let uai = self.uai(line, record);
        let mut text = |field| self.text(line, record, field);
        let (name, kind, town) = (text(Field::Name), text(Field::Kind), text(Field::Town));
        let (postcode, academy) = (text(Field::Postcode), text(Field::Academy));
        let (department, number) = (text(Field::Department), text(Field::DepartmentNumber));
        let basin = Some(text(Field::Basin)).filter(|basin| !basin.is_empty());
        if name.is_empty() && before == self.errors.len() {
            self.missing(line, Field::Name);
        }
        let department = if department.is_empty() { number } else { department };
        if let Some(uai) = uai.filter(|_| before == self.errors.len()) {
            self.rows.push(SchoolRow { uai, name, kind, town, postcode, academy, department, basin });
        }
    }

    fn uai(&mut self, line: u64, record: &csv::StringRecord) -> Option<Uai> {
        let text = self.columns.value(record, Field::Uai);
        if text.is_empty() {
            self.missing(line, Field::Uai);
            return None;
        }
        let uai = match text.parse::<Uai>() {
            Ok(uai) => uai,
            Err(error) => {
                let code = match error {
                    UaiError::Shape(_) => Code::UaiShape,
                    UaiError::Letter { .. } => Code::UaiLetter,
                };
                self.error(line, Some(Field::Uai), code, error.to_string());
                return None;
            }
        };
        if let Some(first) = self.seen.get(&uai) {
            let message = format!("school {uai} stands in lines {first} and {line}: keep one of them");
            self.error(line, Some(Field::Uai), Code::UaiTwice, message);
            return None;
        }
        self.seen.insert(uai, line);
        Some(uai)
    }

    fn text(&mut self, line: u64, record: &csv::StringRecord, field: Field) -> String {
        let text = self.columns.value(record, field);
        if text.chars().count() > MAX_FIELD_CHARS {
            let message = format!("the value is longer than {MAX_FIELD_CHARS} characters: shorten it");
            self.error(line, Some(field), Code::ValueTooLong, message);
        } else if text.chars().any(char::is_control) {
            let message = "the value holds a line break or another control character: remove it".into();
            self.error(line, Some(field), Code::ValueInvalid, message);
        }
        text.to_owned()
    }

    fn missing(&mut self, line: u64, field: Field) {
        self.error(line, Some(field), Code::ValueMissing, "the value is empty and is needed".into());
    }

    fn error(&mut self, line: u64, field: Option<Field>, code: Code, message: String) {
        let column = field.and_then(|field| self.columns.name(field)).map(str::to_owned);
        self.errors.push(LineError { line, column, code, message });
    }
}

/// A record over several lines in which quotes do not pair: its last quote swallowed the rest of the file.
fn quote_is_open(record: &str) -> bool {
    record.trim_matches(['\r', '\n']).contains(['\r', '\n']) && record.matches('"').count() % 2 == 1
}

/// Counts lines as an editor does; the CSV reader places a record at the blank lines before it.
struct LineCounter<'a> {
    text: &'a str,
    counted: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, counted: 0, line: 1 }
    }

    /// The line of the first character at or after a byte that is not a line end. Bytes come in growing order.
    fn line_of(&mut self, start: u64) -> u64 {
        let from = usize::try_from(start).unwrap_or(usize::MAX);
        let rest = self.text.get(from..).unwrap_or_default();
        let at = from + (rest.len() - rest.trim_start_matches(['\r', '\n']).len());
        let passed = self.text.get(self.counted..at).unwrap_or_default();
        let ends = passed.matches('\n').count().max(passed.matches('\r').count());
        self.line = self.line.saturating_add(u64::try_from(ends).unwrap_or(u64::MAX));
        self.counted = at;
        self.line
    }

    fn between(&self, start: u64, end: u64) -> &'a str {
        let byte = |at| usize::try_from(at).unwrap_or(usize::MAX);
        self.text.get(byte(start)..byte(end)).unwrap_or_default()
    }
}

impl Code {
    /// The word that programs decide on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileEmpty => "file_empty",
            Self::FileTooLarge => "file_too_large",
            Self::TooManyRows => "too_many_rows",
            Self::NoRows => "no_rows",
            Self::ColumnsMissing => "columns_missing",
            Self::ColumnTwice => "column_twice",
            Self::LineTooLong => "line_too_long",
            Self::QuoteOpen => "quote_open",
            Self::ValueMissing => "value_missing",
            Self::ValueTooLong => "value_too_long",
            Self::ValueInvalid => "value_invalid",
            Self::UaiShape => "uai_shape",
            Self::UaiLetter => "uai_letter",
            Self::UaiTwice => "uai_twice",
            Self::TooManyErrors => "too_many_errors",
        }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}", self.line)?;
            if let Some(column) = &self.column {
                write!(f, ", column « {column} »")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{} [{}]", self.message, self.code.as_str())
    }
}

#[cfg(test)]
mod tests;
