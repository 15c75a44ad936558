//! Between cells and PostgreSQL's types: whole numbers and truths are `bigint`, measured values `double precision`,
//! words and JSON `text`, identifiers, digests and keys `bytea`.

use super::super::StoreError;
use super::super::sql::row::{Bind, Cell, Cells};
use bytes::{BufMut, BytesMut};
use std::borrow::Cow;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A text with `?1` written as PostgreSQL does: `$1`. What stands in quotes stays.
pub fn translated(text: &str) -> String {
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    let mut translated = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        quoted ^= character == '\'';
        let parameter = character == '?' && !quoted && characters.peek().is_some_and(char::is_ascii_digit);
        translated.push(if parameter { '$' } else { character });
    }
    translated
}

/// A cell as a parameter.
#[derive(Debug)]
pub struct Value<'a>(Cell<'a>);

impl<'a> Value<'a> {
    /// Of something that can be bound.
    pub fn of(value: &'a dyn Bind) -> Self {
        Self(value.cell())
    }
}

/// PostgreSQL keeps no U+0000 in a text: where a machine sends one (a host name, a body) the replacement character
/// U+FFFD stands for it, so that one odd character does not refuse the call.
pub fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.0, wanted) {
            (Cell::Null, _) => return Ok(IsNull::Yes),
            (Cell::Int(number), &Type::INT8) => out.put_i64(number),
            (Cell::Int(number), &Type::INT4) => out.put_i32(i32::try_from(number)?),
            (Cell::Int(number), &Type::BOOL) => out.put_u8(u8::from(number != 0)),
            (Cell::Real(number), &Type::FLOAT8) => out.put_f64(number),
            (Cell::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME | &Type::UNKNOWN) => {
                out.put_slice(storable(text).as_bytes());
            }
            (Cell::Blob(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (cell, wanted) => return Err(format!("{} cannot be bound to {wanted}", kind(cell)).into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn kind(cell: Cell<'_>) -> &'static str {
    match cell {
        Cell::Null => "nothing",
        Cell::Int(_) => "a whole number",
        Cell::Real(_) => "a number",
        Cell::Text(_) => "a text",
        Cell::Blob(_) => "bytes",
    }
}

/// A column as a cell.
struct Read<'a>(Cell<'a>);

impl<'a> FromSql<'a> for Read<'a> {
    fn from_sql(found: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *found {
            Type::INT8 => Cell::Int(i64::from_sql(found, raw)?),
            Type::INT4 => Cell::Int(i32::from_sql(found, raw)?.into()),
            Type::INT2 => Cell::Int(i16::from_sql(found, raw)?.into()),
            Type::BOOL => Cell::Int(bool::from_sql(found, raw)?.into()),
            Type::FLOAT8 => Cell::Real(f64::from_sql(found, raw)?),
            Type::FLOAT4 => Cell::Real(f32::from_sql(found, raw)?.into()),
            Type::BYTEA => Cell::Blob(raw),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => Cell::Text(std::str::from_utf8(raw)?),
            _ => return Err(format!("the type {found} is not read here").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Cells for Row {
    fn cell(&self, index: usize) -> Result<Cell<'_>, StoreError> {
        let read: Read<'_> = self.try_get(index).map_err(|error| {
            StoreError::Failed(format!("column {index} as stored: {}", super::faults::words(&error)))
        })?;
        Ok(read.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_written_as_postgresql_does_but_not_in_words() {
        let text = "SELECT '?1 it''s ?2', ?1, ?12 FROM t WHERE a = ?2 AND b = 'what?' ?";
        assert_eq!(translated(text), "SELECT '?1 it''s ?2', $1, $12 FROM t WHERE a = $2 AND b = 'what?' ?");
    }

    #[test]
    fn what_cannot_be_stored_in_a_text_is_replaced() {
        assert_eq!(storable("PC\0-01"), "PC\u{FFFD}-01");
        assert!(matches!(storable("PC-01"), Cow::Borrowed(_)));
    }
}
