//! Between columns and types: identifiers are 16 bytes, instants are milliseconds since 1970 (everything that enters
//! the store is cut to the millisecond first), words are the `as_str` of their enumeration.

use super::super::Probe;
use super::super::StoreError;
use crate::calendar::Pause;
use crate::engine::{Bracket, Cause, Confidence, NetworkKind, Note, Presence};
use crate::helpdesk::ticket_policy::Level;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use vigie_shared::check::{CheckState, Reason};
use vigie_shared::digest::Digest;
use vigie_shared::id::{
    BootId, ClosureId, IncidentId, LineId, MachineId, MaintenanceId, MessageId, RefusedId, ReplicaId, SchoolId,
    StreamId, TicketId,
};
use vigie_shared::uai::Uai;

/// What a column holds, or a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A number, an instant, a truth.
    Int(i64),
    /// A measured value.
    Real(f64),
    /// Words, JSON.
    Text(&'a str),
    /// An identifier, a digest, a key.
    Blob(&'a [u8]),
}

/// A value that can be bound to a parameter.
pub trait Bind {
    /// As a cell.
    fn cell(&self) -> Cell<'_>;
}

macro_rules! integers {
    ($($kind:ty),+) => {
        $(impl Bind for $kind {
            fn cell(&self) -> Cell<'_> {
                Cell::Int(i64::from(*self))
            }
        })+
    };
}

integers!(i64, u32, u16, bool);

impl Bind for f64 {
    fn cell(&self) -> Cell<'_> {
        Cell::Real(*self)
    }
}

impl Bind for str {
    fn cell(&self) -> Cell<'_> {
        Cell::Text(self)
    }
}

impl Bind for String {
    fn cell(&self) -> Cell<'_> {
        Cell::Text(self)
    }
}

impl Bind for [u8] {
    fn cell(&self) -> Cell<'_> {
        Cell::Blob(self)
    }
}

impl Bind for Vec<u8> {
    fn cell(&self) -> Cell<'_> {
        Cell::Blob(self)
    }
}

impl<const N: usize> Bind for [u8; N] {
    fn cell(&self) -> Cell<'_> {
        Cell::Blob(self)
    }
}

impl<T: Bind + ?Sized> Bind for &T {
    fn cell(&self) -> Cell<'_> {
        (*self).cell()
    }
}

impl<T: Bind> Bind for Option<T> {
    fn cell(&self) -> Cell<'_> {
        self.as_ref().map_or(Cell::Null, Bind::cell)
    }
}

/// The values of a statement, in the order of its parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::store::sql::row::Bind),*] };
}
pub(crate) use params;

/// A row as an engine hands it over.
pub trait Cells {
    /// The cell of a column.
    fn cell(&self, index: usize) -> Result<Cell<'_>, StoreError>;
}

/// A row.
pub struct Row<'a>(pub &'a dyn Cells);

impl Row<'_> {
    /// One column.
    pub fn get<T: Column>(&self, index: usize) -> Result<T, StoreError> {
        let cell = self.0.cell(index)?;
        T::read(cell).map_err(|why| StoreError::Failed(format!("column {index} as stored: {why}")))
    }

    /// The cell of a column as it is.
    pub fn cell(&self, index: usize) -> Result<Cell<'_>, StoreError> {
        self.0.cell(index)
    }
}

/// A type that one column holds.
pub trait Column: Sized {
    /// Reads it; an error says what is wrong with it.
    fn read(cell: Cell<'_>) -> Result<Self, String>;
}

fn not<T>(wanted: &str, cell: Cell<'_>) -> Result<T, String> {
    let found = match cell {
        Cell::Null => "nothing",
        Cell::Int(_) => "a whole number",
        Cell::Real(_) => "a number",
        Cell::Text(_) => "text",
        Cell::Blob(_) => "bytes",
    };
    Err(format!("{wanted} is wanted, {found} is there"))
}

fn text(cell: Cell<'_>) -> Result<&str, String> {
    if let Cell::Text(text) = cell { Ok(text) } else { not("text", cell) }
}

fn bytes(cell: Cell<'_>) -> Result<&[u8], String> {
    if let Cell::Blob(bytes) = cell { Ok(bytes) } else { not("bytes", cell) }
}

impl Column for i64 {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        if let Cell::Int(number) = cell { Ok(number) } else { not("a whole number", cell) }
    }
}

impl Column for bool {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        Ok(i64::read(cell)? != 0)
    }
}

impl Column for f64 {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        if let Cell::Real(number) = cell { Ok(number) } else { not("a number", cell) }
    }
}

impl Column for String {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        text(cell).map(str::to_owned)
    }
}

impl Column for Vec<u8> {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        bytes(cell).map(<[u8]>::to_vec)
    }
}

macro_rules! ids {
    ($($name:ident),+) => {
        $(impl Bind for $name {
            fn cell(&self) -> Cell<'_> {
                Cell::Blob(self.as_bytes())
            }
        }

        impl Column for $name {
            fn read(cell: Cell<'_>) -> Result<Self, String> {
                Self::from_slice(bytes(cell)?).map_err(|e| e.to_string())
            }
        })+
    };
}

ids!(
    BootId,
    ClosureId,
    Digest,
    IncidentId,
    LineId,
    MachineId,
    MaintenanceId,
    MessageId,
    RefusedId,
    ReplicaId,
    SchoolId,
    StreamId,
    TicketId
);

macro_rules! words {
    ($($name:ident),+) => {
        $(impl Column for $name {
            fn read(cell: Cell<'_>) -> Result<Self, String> {
                let word = text(cell)?;
                Self::parse(word).ok_or_else(|| format!("the word « {word} » is not known"))
            }
        })+
    };
}

words!(Presence, Cause, Confidence, CheckState, NetworkKind, Probe, Level);

impl Column for Reason {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        text(cell).map(Self::from)
    }
}

impl Bind for Uai {
    fn cell(&self) -> Cell<'_> {
        Cell::Text(self.as_str())
    }
}

impl Column for Uai {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        text(cell)?.parse().map_err(|e: vigie_shared::uai::UaiError| e.to_string())
    }
}

impl Column for IpAddr {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        text(cell)?.parse().map_err(|e: std::net::AddrParseError| e.to_string())
    }
}

impl Column for Timestamp {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        Self::from_millisecond(i64::read(cell)?).map_err(|e| e.to_string())
    }
}

macro_rules! counts {
    ($($kind:ty),+) => {
        $(impl Column for $kind {
            fn read(cell: Cell<'_>) -> Result<Self, String> {
                let number = i64::read(cell)?;
                Self::try_from(number).map_err(|_| format!("{number} is out of range"))
            }
        })+
    };
}

counts!(u64, u32, usize);

impl Column for BTreeMap<String, String> {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        serde_json::from_str(text(cell)?).map_err(|e| e.to_string())
    }
}

impl<T: Column> Column for Option<T> {
    fn read(cell: Cell<'_>) -> Result<Self, String> {
        if cell == Cell::Null { Ok(None) } else { T::read(cell).map(Some) }
    }
}

/// Two columns: the ends of a bracket.
pub fn bracket(row: &Row<'_>, after: usize) -> Result<Bracket, StoreError> {
    Ok(Bracket { after: row.get(after)?, by: row.get(after + 1)? })
}

/// Two columns: the ends of a bracket that may be missing.
pub fn maybe_bracket(row: &Row<'_>, after: usize) -> Result<Option<Bracket>, StoreError> {
    let (after, by): (Option<Timestamp>, Option<Timestamp>) = (row.get(after)?, row.get(after + 1)?);
    Ok(by.map(|by| Bracket { after: after.unwrap_or(by), by }))
}

/// Two columns: code and figures of a note.
pub fn note(row: &Row<'_>, code: usize) -> Result<Note, StoreError> {
    Ok(Note { code: row.get(code)?, with: row.get(code + 1)? })
}

/// A column of JSON.
pub fn parsed<T: serde::de::DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    let text: String = row.get(index)?;
    serde_json::from_str(&text).map_err(|e| StoreError::Failed(format!("column {index} as stored: {e}")))
}

/// A column of JSON that may hold nothing.
pub fn maybe_parsed<T: serde::de::DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.get(index)?;
    let read = |text: String| serde_json::from_str(&text);
    text.map(read).transpose().map_err(|e| StoreError::Failed(format!("column {index} as stored: {e}")))
}

/// A column of intervals: a JSON list of `[from, to]`, milliseconds.
pub fn pauses(row: &Row<'_>, index: usize) -> Result<Vec<Pause>, StoreError> {
    let stored: Vec<(i64, i64)> = parsed(row, index)?;
    let instant =
        |ms| Timestamp::from_millisecond(ms).map_err(|e| StoreError::Failed(format!("column {index} as stored: {e}")));
    stored.into_iter().map(|(from, to)| Ok(Pause { from: instant(from)?, to: instant(to)? })).collect()
}

/// Intervals as stored.
pub fn stored_pauses(pauses: &[Pause]) -> Result<String, StoreError> {
    json(&pauses.iter().map(|pause| (ms(pause.from), ms(pause.to))).collect::<Vec<_>>())
}

/// An instant as stored.
pub fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// An instant cut to what the store keeps, so that what is decided on and what is read back are the same.
pub fn cut(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// A count or number as stored; beyond 2^63 − 1 it stays there.
pub fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Figures as stored.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Failed(e.to_string()))
}
