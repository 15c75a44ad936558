//! Samples lie in a partition a day: made when the first sample of that day comes, dropped whole.

use super::super::StoreError;
use super::super::sql::engine::Engine as Connected;
use super::super::sql::row::Row;
use super::engine::Engine;
use std::collections::BTreeSet;

/// One at a time makes or drops partitions.
const LOCK: i64 = 0x7669_6769_6502;
/// How the table of a day is called.
const PREFIX: &str = "sample_day_";

/// Days whose partitions are known to be there in this transaction.
#[derive(Default)]
pub struct Days(BTreeSet<i64>);

impl Days {
    /// Whether this day is known.
    pub fn holds(&self, day: i64) -> bool {
        self.0.contains(&day)
    }

    /// This day's partition is there.
    pub fn add(&mut self, day: i64) {
        self.0.insert(day);
    }

    /// Nothing is known any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// The table of a day; days before 1970 are written with `m`.
fn table(day: i64) -> String {
    if day < 0 { format!("{PREFIX}m{}", day.unsigned_abs()) } else { format!("{PREFIX}{day}") }
}

fn day(table: &str) -> Option<i64> {
    let number = table.strip_prefix(PREFIX)?;
    match number.strip_prefix('m') {
        Some(number) => number.parse::<i64>().ok().map(|day| -day),
        None => number.parse().ok(),
    }
}

/// Makes the partition of a day if it is not there. It is made apart and attached: attaching, unlike making in place,
/// does not wait for those who write samples, nor they for it.
pub fn open(engine: &Engine, day: i64) -> Result<(), StoreError> {
    let name = table(day);
    let there = |engine: &Engine| -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
            WHERE i.inhparent = 'sample'::regclass AND c.relname = ?1";
        let mut found = false;
        engine.query(SQL, &[&name], &mut |_| {
            found = true;
            Ok(false)
        })?;
        Ok(found)
    };
    if there(engine)? {
        return Ok(());
    }
    engine.run("SELECT pg_advisory_xact_lock(?1)", &[&LOCK], &mut |_| Ok(true))?;
    if there(engine)? {
        return Ok(());
    }
    let until = day.saturating_add(1);
    engine.script(&format!(
        "CREATE TABLE {name} (LIKE sample INCLUDING ALL, CHECK (day >= {day} AND day < {until})); \
         ALTER TABLE sample ATTACH PARTITION {name} FOR VALUES FROM ({day}) TO ({until})"
    ))
}

/// Drops days before this one; answers how many rows went, about: a table that was analysed is not counted again.
pub fn drop_before(engine: &Engine, before: i64) -> Result<u64, StoreError> {
    const SQL: &str = "SELECT c.relname, CAST(c.reltuples AS BIGINT) FROM pg_inherits i \
        JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'sample'::regclass ORDER BY c.relname";
    let mut past: Vec<(String, i64)> = Vec::new();
    engine.query(SQL, &[], &mut |row| {
        let (name, rows): (String, i64) = (row.get(0)?, row.get(1)?);
        if day(&name).is_some_and(|day| day < before) {
            past.push((name, rows));
        }
        Ok(true)
    })?;
    let mut gone = 0u64;
    for (name, estimated) in past {
        let rows = if estimated > 0 { estimated } else { count(engine, &name)? };
        engine.script(&format!("DROP TABLE {name}"))?;
        gone = gone.saturating_add(u64::try_from(rows).unwrap_or_default());
    }
    Ok(gone)
}

fn count(engine: &Engine, table: &str) -> Result<i64, StoreError> {
    let mut rows = 0;
    engine.query(&format!("SELECT count(*) FROM {table}"), &[], &mut |row: &Row<'_>| {
        rows = row.get(0)?;
        Ok(true)
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_known_from_its_table() {
        for number in [-1, 0, 20_781] {
            assert_eq!(day(&table(number)), Some(number));
        }
        assert_eq!(day("sample_day_old"), None);
        assert_eq!(day("sample_latest"), None);
    }
}
