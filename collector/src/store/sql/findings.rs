//! What was noticed about a machine's identity and about the quality of what it sends: bounded, each counted once.

use super::super::StoreError;
use super::engine::Sql;
use super::row::{json, ms, params};
use crate::engine::Note;
use jiff::Timestamp;
use vigie_shared::id::MachineId;

/// Findings kept a machine; the oldest go first.
const KEPT: i64 = 200;

/// Adds a finding unless the same code was found on the same subject before. `raw` is what was sent, where keeping it
/// matters. Answers whether it is new.
pub fn add(
    sql: &Sql,
    machine: MachineId,
    at: Timestamp,
    by: &str,
    note: &Note,
    subject: &str,
    raw: Option<&str>,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO finding (machine, n, at, by, code, subject, figures, raw) \
        VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM finding WHERE machine = ?1), ?2, ?3, ?4, ?5, ?6, ?7) \
        ON CONFLICT (machine, code, subject) DO NOTHING";
    let row = params![machine.as_bytes(), ms(at), by, note.code, subject, json(&note.with)?, raw];
    if sql.execute(SQL, row)? == 0 {
        return Ok(false);
    }
    const BOUND: &str = "DELETE FROM finding WHERE machine = ?1 \
                         AND n <= (SELECT max(n) FROM finding WHERE machine = ?1) - ?2";
    sql.execute(BOUND, params![machine.as_bytes(), KEPT])?;
    Ok(true)
}
