//! Calls that the collector itself failed on, kept so that somebody can look at them. An agent sends such a call again
//! and again: of one machine only the latest stay, so that it does not push those of others out.

use super::super::{RefusedItem, StoreError, SyncItem};
use super::engine::Sql;
use super::row::{Row, json, ms, params};
use super::writer::Tx;
use vigie_shared::id::{RefusedId, SchoolId};

/// Calls kept in all; the oldest go first.
const KEPT: i64 = 1000;
/// Calls kept of one machine.
const KEPT_OF_ONE: i64 = 10;
/// Longest body kept, bytes.
const BODY_MAX: usize = 256 << 10;
/// Longest reason kept, characters.
const WHY_MAX: usize = 1000;

/// Keeps a call, with why it could not be applied.
pub fn keep(tx: &mut Tx<'_>, item: &SyncItem, why: &str) -> Result<(), StoreError> {
    let machine = item.peer.machine;
    const SCHOOL: &str = "SELECT school FROM machine WHERE id = ?1";
    let school: Option<SchoolId> = tx.sql.find(SCHOOL, params![machine], |row| row.get(0))?;
    let mut body = json(&item.request)?;
    body.truncate(body.floor_char_boundary(BODY_MAX));
    let why: String = why.chars().filter(|c| *c != '\0').take(WHY_MAX).collect();
    const SQL: &str = "INSERT INTO refused (id, at, machine, school, why, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.sql.execute(SQL, params![RefusedId::new(), ms(item.received), machine, school, why, body])?;
    const BOUND_OF_ONE: &str = "DELETE FROM refused WHERE id IN \
        (SELECT id FROM refused WHERE machine = ?1 ORDER BY at DESC, id DESC LIMIT 1000000000 OFFSET ?2)";
    tx.sql.execute(BOUND_OF_ONE, params![machine, KEPT_OF_ONE])?;
    const BOUND: &str = "DELETE FROM refused WHERE id IN \
        (SELECT id FROM refused ORDER BY at DESC, id DESC LIMIT 1000000000 OFFSET ?1)";
    tx.sql.execute(BOUND, params![KEPT])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<RefusedItem, StoreError> {
    Ok(RefusedItem { id: row.get(0)?, at: row.get(1)?, machine: row.get(2)?, school: row.get(3)?, why: row.get(4)? })
}

/// The latest first.
pub fn latest(sql: &Sql, limit: usize) -> Result<Vec<RefusedItem>, StoreError> {
    const SQL: &str = "SELECT id, at, machine, school, why FROM refused ORDER BY at DESC, id DESC LIMIT ?1";
    sql.all(SQL, params![i64::try_from(limit).unwrap_or(i64::MAX)], read)
}

/// One with what was sent.
pub fn one(sql: &Sql, id: RefusedId) -> Result<Option<(RefusedItem, String)>, StoreError> {
    const SQL: &str = "SELECT id, at, machine, school, why, body FROM refused WHERE id = ?1";
    sql.find(SQL, params![id], |row| Ok((read(row)?, row.get(5)?)))
}
