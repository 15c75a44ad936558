//! A clock that was set back leaves rows from what is the future now. Nothing would end, begin or be missed there until the
//! clock gets there again: what they tell counts as told now. Histories stay as they were written.

use super::super::StoreError;
use super::engine::Sql;
use super::row::{ms, params};
use jiff::Timestamp;

/// Tables and their instants that must not lie in the future; each row is found by any of them.
const INSTANTS: &[(&str, &[&str])] = &[
    ("liveness", &["last_seen", "since"]),
    ("check_state", &["since"]),
    ("incident", &["started_after", "started_by", "detected", "ended_after", "ended_by", "resolved"]),
    ("ticket", &["opened", "restored", "resolved"]),
];

/// Moves what lies after `now` to `now`.
pub fn believe(sql: &Sql, now: Timestamp) -> Result<(), StoreError> {
    for (table, columns) in INSTANTS {
        let set: Vec<_> = columns.iter().map(|c| format!("{c} = CASE WHEN {c} > ?1 THEN ?1 ELSE {c} END")).collect();
        let which: Vec<_> = columns.iter().map(|c| format!("{c} > ?1")).collect();
        let text = format!("UPDATE {table} SET {} WHERE {}", set.join(", "), which.join(" OR "));
        sql.execute(&text, params![ms(now)])?;
    }
    Ok(())
}
