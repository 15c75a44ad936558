//! What an engine is to the store: a connection that runs the texts of `sql/`. They are written once, for both engines.
//!
//! A text numbers its parameters `?1`, `?2`, …; an engine that writes them otherwise translates. Identifiers and digests
//! are bytes, instants and counts 64-bit integers, truths 0 and 1, words and JSON text.

use super::super::StoreError;
use super::apply::{Caller, Seen};
use super::calendars::Kept;
use super::row::{Bind, Column, Row};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use vigie_shared::id::{SchoolId, StreamId};

/// A connection to a database. Its methods are called by one thread at a time and may block.
pub trait Engine: Send {
    /// Runs a statement and answers how many rows it wrote.
    fn execute(&self, text: &str, values: &[&dyn Bind]) -> Result<usize, StoreError>;
    /// Runs a statement and hands its rows over until `each` answers that it has enough (`false`).
    fn query(&self, text: &str, values: &[&dyn Bind], each: &mut Each<'_>) -> Result<(), StoreError>;
    /// Runs several statements without parameters.
    fn script(&self, text: &str) -> Result<(), StoreError>;

    /// Begins a transaction that writes. A connection that was lost is made again first. [`StoreError::Away`] when the
    /// database cannot be reached or locked within a bounded time.
    fn begin(&self) -> Result<(), StoreError>;
    /// Begins a transaction that reads one snapshot; the connection is made again first if it was lost.
    fn begin_to_read(&self) -> Result<(), StoreError>;
    /// Why the transaction as a whole cannot go on, if it cannot: given up (disk full), connection lost, or others hold
    /// the same rows in another order.
    fn broken(&self) -> Option<StoreError>;

    /// What is done with a whole batch at once, where that pays.
    fn bulk(&self) -> Option<&dyn Bulk> {
        None
    }
    /// Locks schools until the end of the transaction, in ascending order. Nothing to do where a transaction that writes
    /// is alone anyway.
    fn lock_schools(&self, schools: &BTreeSet<SchoolId>) -> Result<(), StoreError>;
    /// Lets one at a time of what is seldom and touches everything (enrolment, approval, imports) pass, until the end of
    /// the transaction.
    fn lock_seldom(&self) -> Result<(), StoreError>;
    /// Appended to a `SELECT` whose rows are claimed: rows that others hold are passed over.
    fn skip_locked(&self) -> &'static str;
    /// Now, by the clock of the database, where it is a server with a clock of its own.
    fn clock(&self) -> Result<Option<Timestamp>, StoreError>;
    /// Which part of a counter this connection moves, so that those who count at the same time do not wait for each other.
    fn shard(&self) -> i64;
    /// Makes room for the samples of a day.
    fn open_day(&self, day: i64) -> Result<(), StoreError>;
    /// Drops the samples of whole days before this one, where days can be dropped; `None` where rows must be deleted.
    fn drop_days(&self, before: i64) -> Result<Option<u64>, StoreError>;
    /// Tells other processes, with the commit of this transaction, that there is something new to see.
    fn announce(&self) -> Result<(), StoreError>;
    /// A number that has changed whenever another process committed since; `None` where processes tell each other.
    fn others(&self) -> Result<Option<i64>, StoreError>;
}

/// Takes one row; answers whether more are wanted.
pub type Each<'a> = dyn FnMut(&Row<'_>) -> Result<bool, StoreError> + 'a;

/// What an engine does for a whole batch of calls with one statement each.
pub trait Bulk {
    /// What the store knows about callers, by certificate serial and stream, in the order asked.
    fn callers(&self, keys: &[(&[u8], StreamId)]) -> Result<Vec<Option<Caller>>, StoreError>;
    /// Writes the liveness rows of quiet heartbeats, each only if nothing that [`Bulk::callers`] told has changed since.
    /// Answers in order which were written.
    fn seen(&self, rows: &[Seen]) -> Result<Vec<bool>, StoreError>;
}

/// A connection, with what makes it pleasant to use.
pub struct Sql {
    engine: Box<dyn Engine>,
    calendars: Arc<Kept>,
}

impl Sql {
    /// A connection of this engine.
    pub fn new(engine: impl Engine + 'static) -> Self {
        Self { engine: Box::new(engine), calendars: Arc::default() }
    }

    /// Calendars that were worked out on this connection, or on one that shares them.
    pub fn calendars(&self) -> &Kept {
        &self.calendars
    }

    /// From now on both connections share the calendars that were worked out.
    pub fn share_calendars(&mut self, other: &Self) {
        self.calendars = other.calendars.clone();
    }

    /// The engine itself.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// Runs a statement and answers how many rows it wrote.
    pub fn execute(&self, text: &str, values: &[&dyn Bind]) -> Result<usize, StoreError> {
        self.engine.execute(text, values)
    }

    /// Runs several statements without parameters.
    pub fn script(&self, text: &str) -> Result<(), StoreError> {
        self.engine.script(text)
    }

    /// All rows, each read by `read`.
    pub fn all<T, C: FromIterator<T>>(
        &self,
        text: &str,
        values: &[&dyn Bind],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<C, StoreError> {
        let mut rows = Vec::new();
        self.engine.query(text, values, &mut |row| {
            rows.push(read(row)?);
            Ok(true)
        })?;
        Ok(rows.into_iter().collect())
    }

    /// The first row, if there is any.
    pub fn find<T>(
        &self,
        text: &str,
        values: &[&dyn Bind],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let (mut found, mut read) = (None, Some(read));
        self.engine.query(text, values, &mut |row| {
            if let Some(read) = read.take() {
                found = Some(read(row)?);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// The only column of the only row.
    pub fn value<T: Column>(&self, text: &str, values: &[&dyn Bind]) -> Result<T, StoreError> {
        let found = self.find(text, values, |row| row.get(0))?;
        found.ok_or_else(|| StoreError::Failed(format!("no row where there must be one: {text}")))
    }
}
