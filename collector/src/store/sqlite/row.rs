//! Between columns and types: identifiers are 16 bytes, instants are milliseconds since 1970 (everything that enters
//! the store is cut to the millisecond first), words are the `as_str` of their enumeration.

use super::super::StoreError;
use crate::engine::{Bracket, Cause, Confidence, Note, Presence};
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSqlError, FromSqlResult, ValueRef};
use std::collections::BTreeMap;
use vigie_shared::check::{CheckState, Reason};
use vigie_shared::digest::Digest;
use vigie_shared::id::{BootId, IncidentId, MachineId, SchoolId, StreamId, TicketId};
use vigie_shared::uai::Uai;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A type that one column holds.
pub trait Column: Sized {
    /// Reads it.
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self>;
}

/// Reads one column.
pub fn col<T: Column>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    let value = row.get_ref(index)?;
    let kind = value.data_type();
    T::read(value).map_err(|e| rusqlite::Error::FromSqlConversionFailure(index, kind, Box::new(e)))
}

fn other<E: std::error::Error + Send + Sync + 'static>(error: E) -> FromSqlError {
    FromSqlError::Other(Box::new(error))
}

macro_rules! ids {
    ($($name:ident),+) => {
        $(impl Column for $name {
            fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::from_slice(value.as_blob()?).map_err(other)
            }
        })+
    };
}

ids!(BootId, Digest, IncidentId, MachineId, SchoolId, StreamId, TicketId);

macro_rules! words {
    ($($name:ident),+) => {
        $(impl Column for $name {
            fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        })+
    };
}

words!(Presence, Cause, Confidence, CheckState);

impl Column for Reason {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::from(value.as_str()?))
    }
}

impl Column for Uai {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(other)
    }
}

impl Column for Timestamp {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_millisecond(value.as_i64()?).map_err(other)
    }
}

impl Column for u64 {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        Self::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

impl Column for u32 {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        Self::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

impl Column for usize {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        Self::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

impl Column for BTreeMap<String, String> {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map_err(other)
    }
}

impl<T: Column> Column for Option<T> {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        if matches!(value, ValueRef::Null) { Ok(None) } else { T::read(value).map(Some) }
    }
}

/// Two columns: the ends of a bracket.
pub fn bracket(row: &Row<'_>, after: usize) -> rusqlite::Result<Bracket> {
    Ok(Bracket { after: col(row, after)?, by: col(row, after + 1)? })
}

/// Two columns: the ends of a bracket that may be missing.
pub fn maybe_bracket(row: &Row<'_>, after: usize) -> rusqlite::Result<Option<Bracket>> {
    let (after, by): (Option<Timestamp>, Option<Timestamp>) = (col(row, after)?, col(row, after + 1)?);
    Ok(by.map(|by| Bracket { after: after.unwrap_or(by), by }))
}

/// Two columns: code and figures of a note.
pub fn note(row: &Row<'_>, code: usize) -> rusqlite::Result<Note> {
    Ok(Note { code: row.get(code)?, with: col(row, code + 1)? })
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
