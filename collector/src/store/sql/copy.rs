//! Copies a whole store from one engine to another, and says in figures whether two stores hold the same.
//!
//! Rows are read by pages in the order of their primary key, so memory is bounded. The digest of a table is the sum
//! (modulo 2^256) of the SHA-256 of its rows: it does not depend on the order of rows, which two databases with other
//! collations do not share.

use super::super::StoreError;
use super::engine::Sql;
use super::row::{Bind, Cell, Row};
use super::tables::{Column, Kind, TABLES, Table};
use ring::digest::{Context, SHA256};
use std::collections::BTreeSet;
use std::fmt;

/// Rows written by one statement.
const ROWS: usize = 40;

/// What a cell held.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A measured value.
    Real(f64),
    /// Words.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    fn of(cell: Cell<'_>, column: &Column) -> Result<Self, StoreError> {
        let value = match cell {
            Cell::Null => Self::Null,
            Cell::Int(number) => Self::Int(number),
            Cell::Real(number) => Self::Real(number),
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Blob(bytes) => Self::Blob(bytes.to_vec()),
        };
        let fits = match value {
            Self::Null => true,
            Self::Int(_) => column.kind == Kind::Int,
            Self::Real(_) => column.kind == Kind::Real,
            Self::Text(_) => column.kind == Kind::Text,
            Self::Blob(_) => column.kind == Kind::Blob,
        };
        if fits { Ok(value) } else { Err(StoreError::Failed(format!("column {} holds another kind", column.name))) }
    }
}

impl Bind for Value {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(number) => Cell::Int(*number),
            Self::Real(number) => Cell::Real(*number),
            Self::Text(text) => Cell::Text(text),
            Self::Blob(bytes) => Cell::Blob(bytes),
        }
    }
}

/// How many rows a table has, and the sum of their digests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// Sum of the rows' SHA-256, little-endian words.
    words: [u64; 4],
}

impl Sum {
    fn add(&mut self, row: &[Value]) {
        let mut context = Context::new(&SHA256);
        for value in row {
            absorb(&mut context, value);
        }
        let digest = context.finish();
        let mut carry = false;
        for (word, bytes) in self.words.iter_mut().zip(digest.as_ref().chunks_exact(8)) {
            let (sum, over) = word.overflowing_add(u64::from_le_bytes(bytes.try_into().unwrap_or_default()));
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, over || again);
        }
        self.rows += 1;
    }

    /// The sum as 32 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// From a count and 32 bytes.
    pub fn from_parts(rows: u64, bytes: &[u8]) -> Option<Self> {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        (bytes.len() == 32).then_some(Self { rows, words })
    }
}

impl fmt::Display for Sum {
    /// The first 64 bits: enough to be told apart by a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.words.first().copied().unwrap_or_default())
    }
}

/// The same bytes for the same value in both engines. No two rows of one table give the same bytes.
fn absorb(context: &mut Context, value: &Value) {
    let (tag, bytes): (u8, &[u8]) = match value {
        Value::Null => return context.update(&[0]),
        Value::Int(number) => {
            context.update(&[1]);
            return context.update(&number.to_be_bytes());
        }
        // SQLite keeps no negative zero.
        Value::Real(number) => {
            context.update(&[2]);
            return context.update(&(number + 0.0).to_bits().to_be_bytes());
        }
        Value::Text(text) => (3, text.as_bytes()),
        Value::Blob(bytes) => (4, bytes),
    };
    context.update(&[tag]);
    context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(bytes);
}

/// Figures of every table that a copy carries, in the order of [`TABLES`].
pub type Sums = Vec<(&'static str, Sum)>;

/// Told now and then: the table at work and how many of its rows are done.
pub type Progress<'a> = dyn FnMut(&'static str, u64) + 'a;

/// Takes the rows of a page.
pub(super) type Page<'a> = dyn FnMut(&[Vec<Value>]) -> Result<(), StoreError> + 'a;

/// Reads a table by pages, in the order of its key, each page handed over as it is.
pub(super) fn pages(sql: &Sql, table: &'static Table, each: &mut Page<'_>) -> Result<(), StoreError> {
    let columns: Vec<&Column> = table.carried().collect();
    let list = Table::list(columns.iter().copied());
    let key = Table::list(columns.iter().copied().take(table.key));
    let places: Vec<String> = (1..=table.key).map(|place| format!("?{place}")).collect();
    let begin = format!("SELECT {list} FROM \"{}\"", table.name);
    let end = format!("ORDER BY {key} LIMIT {}", table.page);
    let (first, next) = (format!("{begin} {end}"), format!("{begin} WHERE ({key}) > ({}) {end}", places.join(", ")));
    let read = |row: &Row<'_>| {
        let cells = columns.iter().enumerate().map(|(place, column)| Value::of(row.cell(place)?, column));
        cells.collect::<Result<Vec<Value>, StoreError>>()
    };
    let mut last: Vec<Value> = Vec::new();
    loop {
        let text = if last.is_empty() { &first } else { &next };
        let after: Vec<&dyn Bind> = last.iter().map(|value| value as &dyn Bind).collect();
        let page: Vec<Vec<Value>> = sql.all(text, &after, read).map_err(|error| at(table, error))?;
        let Some(end) = page.last() else { return Ok(()) };
        each(&page)?;
        if page.len() < table.page {
            return Ok(());
        }
        last = end.iter().take(table.key).cloned().collect();
    }
}

fn at(table: &Table, error: StoreError) -> StoreError {
    match error {
        StoreError::Failed(why) => StoreError::Failed(format!("table {}: {why}", table.name)),
        other => other,
    }
}

/// Figures of all tables as they are in this transaction.
pub fn sums(sql: &Sql, progress: &mut Progress<'_>) -> Result<Sums, StoreError> {
    let mut sums = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        let mut sum = Sum::default();
        pages(sql, table, &mut |page| {
            page.iter().for_each(|row| sum.add(row));
            progress(table.name, sum.rows);
            Ok(())
        })?;
        sums.push((table.name, sum));
    }
    Ok(sums)
}

/// Copies all tables from a transaction that reads to one that writes, on a store whose tables are empty. Answers the
/// figures of what was read.
pub fn copy(from: &Sql, to: &Sql, progress: &mut Progress<'_>) -> Result<Sums, StoreError> {
    // The migrations begin the counters; those of the source come instead.
    to.execute("DELETE FROM counter", &[])?;
    let mut sums = Vec::with_capacity(TABLES.len());
    let mut days = BTreeSet::new();
    for table in TABLES {
        let mut sum = Sum::default();
        let insert = Insert::into(table);
        pages(from, table, &mut |page| {
            if table.name == "sample" {
                open_days(to, page, &mut days)?;
            }
            insert.write(to, page).map_err(|error| at(table, error))?;
            page.iter().for_each(|row| sum.add(row));
            progress(table.name, sum.rows);
            Ok(())
        })?;
        sums.push((table.name, sum));
    }
    Ok(sums)
}

fn open_days(to: &Sql, page: &[Vec<Value>], open: &mut BTreeSet<i64>) -> Result<(), StoreError> {
    for row in page {
        if let Some(Value::Int(day)) = row.first()
            && open.insert(*day)
        {
            to.engine().open_day(*day)?;
        }
    }
    Ok(())
}

/// The statements that write rows of a table: several at once, and one.
struct Insert {
    many: String,
    one: String,
}

impl Insert {
    fn into(table: &Table) -> Self {
        let width = table.carried().count();
        let rows = |count: usize| {
            let row = |row: usize| {
                let places: Vec<String> = (1..=width).map(|place| format!("?{}", row * width + place)).collect();
                format!("({})", places.join(", "))
            };
            let rows: Vec<String> = (0..count).map(row).collect();
            let list = Table::list(table.carried());
            format!("INSERT INTO \"{}\" ({list}) VALUES {}", table.name, rows.join(", "))
        };
        Self { many: rows(ROWS), one: rows(1) }
    }

    fn write(&self, to: &Sql, page: &[Vec<Value>]) -> Result<(), StoreError> {
        for rows in page.chunks(ROWS) {
            if rows.len() == ROWS {
                let values: Vec<&dyn Bind> = rows.iter().flatten().map(|value| value as &dyn Bind).collect();
                to.execute(&self.many, &values)?;
                continue;
            }
            for row in rows {
                let values: Vec<&dyn Bind> = row.iter().map(|value| value as &dyn Bind).collect();
                to.execute(&self.one, &values)?;
            }
        }
        Ok(())
    }
}

/// Tables in which two stores differ, each with the figures of both.
pub fn differences(ours: &Sums, theirs: &Sums) -> Vec<String> {
    let pairs = ours.iter().zip(theirs).filter(|((_, ours), (_, theirs))| ours != theirs);
    let line = |((name, ours), (_, theirs)): (&(&str, Sum), &(&str, Sum))| {
        format!("table {name}: {} rows ({ours}) here, {} rows ({theirs}) there", ours.rows, theirs.rows)
    };
    pairs.map(line).collect()
}

/// What an empty store holds already, in words; nothing if it is empty.
pub fn contents(sql: &Sql) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for table in TABLES {
        // Counters stand at zero in a new store.
        let condition = if table.name == "counter" { "WHERE value <> 0" } else { "" };
        let text = format!("SELECT count(*) FROM \"{}\" {condition}", table.name);
        let rows: u64 = sql.value(&text, &[])?;
        if rows > 0 {
            found.push(format!("{}: {rows}", table.name));
        }
    }
    Ok(found)
}

/// Figures of a store that was copied whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// Of what was read.
    pub read: Sums,
    /// Of what was then found in the target: the same.
    pub written: Sums,
}

/// Rows of a table.
pub fn rows(sums: &Sums, table: &str) -> u64 {
    sums.iter().find(|(name, _)| *name == table).map_or(0, |(_, sum)| sum.rows)
}

/// Rows of all tables.
pub fn all_rows(sums: &Sums) -> u64 {
    sums.iter().map(|(_, sum)| sum.rows).sum()
}

/// Copies a whole store into an empty one: one snapshot of the source, one transaction on the target. What was written is
/// read again and compared before it is committed; whatever fails leaves the target as it was. `finish` may write more.
pub fn transfer(
    from: &Sql,
    to: &Sql,
    progress: &mut Progress<'_>,
    finish: &mut Finish<'_>,
) -> Result<Transferred, StoreError> {
    in_transactions(from, to, &mut || {
        let held = contents(to)?;
        if !held.is_empty() {
            let message = format!("the target is not empty ({}): nothing was written to it", held.join(", "));
            return Err(StoreError::Conflict(message));
        }
        let read = copy(from, to, progress)?;
        let written = sums(to, &mut |_, _| {})?;
        let differ = differences(&read, &written);
        if !differ.is_empty() {
            let message = format!("the copy differs from what was read: {}", differ.join("; "));
            return Err(StoreError::Failed(message));
        }
        finish(to, &read)?;
        Ok(Transferred { read, written })
    })
}

/// The same into a new file that is read again as a whole later: not compared here.
pub fn draw(from: &Sql, to: &Sql, progress: &mut Progress<'_>, finish: &mut Finish<'_>) -> Result<Sums, StoreError> {
    in_transactions(from, to, &mut || {
        let read = copy(from, to, progress)?;
        finish(to, &read)?;
        Ok(read)
    })
}

/// Writes what belongs to the copy, before it is committed; told the figures of what was read.
pub type Finish<'a> = dyn FnMut(&Sql, &Sums) -> Result<(), StoreError> + 'a;

/// One snapshot of the source, one transaction on the target.
fn in_transactions<T>(from: &Sql, to: &Sql, work: &mut dyn FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    from.engine().begin_to_read()?;
    let done = to.engine().begin().and_then(|()| {
        let done = work().and_then(|done| to.execute("COMMIT", &[]).map(|_| done));
        if done.is_err() {
            // A transaction that the database gave up by itself is no longer there.
            drop(to.execute("ROLLBACK", &[]));
        }
        done
    });
    // Nothing was written here.
    drop(from.execute("ROLLBACK", &[]));
    done
}

#[cfg(test)]
#[path = "copy/tests.rs"]
mod tests;
