//! A SQLite connection as the store uses it.

use super::super::StoreError;
use super::super::sql::engine::{Each, Engine as Connected};
use super::super::sql::row::{Bind, Cell, Cells, Row};
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql};
use std::collections::BTreeSet;
use vigie_shared::id::SchoolId;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Failed(super::file::damaged(&error.to_string()))
            }
            Some(ErrorCode::DiskFull) => Self::Failed(format!("the disk is full ({error}): make room")),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// A connection.
pub struct Engine(Connection);

impl Engine {
    /// On a connection that is set up.
    pub fn new(connection: Connection) -> Self {
        Self(connection)
    }

    fn prepared(&self, text: &str, values: &[&dyn Bind]) -> Result<CachedStatement<'_>, StoreError> {
        let mut statement = self.0.prepare_cached(text)?;
        for (index, value) in values.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, Value(value.cell()))?;
        }
        Ok(statement)
    }
}

struct Value<'a>(Cell<'a>);

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Cell::Null => ValueRef::Null,
            Cell::Int(number) => ValueRef::Integer(number),
            Cell::Real(number) => ValueRef::Real(number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Cells for rusqlite::Row<'_> {
    fn cell(&self, index: usize) -> Result<Cell<'_>, StoreError> {
        Ok(match self.get_ref(index)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Int(number),
            ValueRef::Real(number) => Cell::Real(number),
            ValueRef::Text(bytes) => Cell::Text(
                std::str::from_utf8(bytes)
                    .map_err(|e| StoreError::Failed(format!("column {index} as stored is not UTF-8: {e}")))?,
            ),
            ValueRef::Blob(bytes) => Cell::Blob(bytes),
        })
    }
}

impl Connected for Engine {
    fn execute(&self, text: &str, values: &[&dyn Bind]) -> Result<usize, StoreError> {
        Ok(self.prepared(text, values)?.raw_execute()?)
    }

    fn query(&self, text: &str, values: &[&dyn Bind], each: &mut Each<'_>) -> Result<(), StoreError> {
        let mut statement = self.prepared(text, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if !each(&Row(row))? {
                break;
            }
        }
        Ok(())
    }

    fn script(&self, text: &str) -> Result<(), StoreError> {
        Ok(self.0.execute_batch(text)?)
    }

    fn begin(&self) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }

    fn begin_to_read(&self) -> Result<(), StoreError> {
        self.execute("BEGIN", &[]).map(drop)
    }

    fn broken(&self) -> Option<StoreError> {
        let given_up = || StoreError::Failed("the database gave the transaction up (disk full?)".to_owned());
        self.0.is_autocommit().then(given_up)
    }

    fn lock_schools(&self, _schools: &BTreeSet<SchoolId>) -> Result<(), StoreError> {
        Ok(())
    }

    fn lock_seldom(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn skip_locked(&self) -> &'static str {
        ""
    }

    fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    fn shard(&self) -> i64 {
        0
    }

    fn open_day(&self, _day: i64) -> Result<(), StoreError> {
        Ok(())
    }

    fn drop_days(&self, _before: i64) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn announce(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// SQLite counts commits of other connections.
    fn others(&self) -> Result<Option<i64>, StoreError> {
        Ok(Some(self.0.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?))
    }
}
