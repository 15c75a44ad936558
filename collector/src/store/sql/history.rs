//! What changed on a machine and when: written in the transaction that stores a section, bounded, read for its page.

use super::super::{HistoryRow, StoreError};
use super::engine::Sql;
use super::row::{Row, int, ms, params};
use super::writer::Tx;
use super::{effects, findings, kin};
use crate::engine::Note;
use crate::fleet::changes::{self, Change, Kind, Loss};
use jiff::Timestamp;
use vigie_shared::id::MachineId;

/// Lines kept of a machine that reports made; the oldest go first.
const KEPT: i64 = 2000;
/// Lines kept of a machine that people made: no report pushes them out.
const KEPT_OF_PEOPLE: i64 = 500;

/// Compares a body that is about to be stored with the last complete one (or, where there is none, with the latest), and
/// keeps what changed. What vanished and was not announced is a finding. Call it before the new body is written.
pub fn compare(
    tx: &Tx<'_>,
    machine: MachineId,
    section: &str,
    body: &str,
    received: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "SELECT CASE WHEN outcome = 'complete' THEN body ELSE coalesce(complete_body, body) END \
                       FROM section WHERE machine = ?1 AND name = ?2";
    let before: Option<String> = tx.sql.find(SQL, params![machine, section], |row| row.get(0))?;
    let Some(before) = before else { return Ok(()) };
    let found = changes::between(section, &before, body);
    for loss in changes::losses(&found) {
        lost(tx, machine, &loss, received)?;
    }
    add(tx, machine, &found, effects::MACHINE, received)
}

fn lost(tx: &Tx<'_>, machine: MachineId, loss: &Loss, at: Timestamp) -> Result<(), StoreError> {
    let note = Note::new(loss.code);
    let (before, after) = (gibibytes(&loss.before), gibibytes(&loss.after));
    let note = match before.zip(after) {
        Some((before, after)) => note.with("before", before).with("after", after),
        _ => note.with("what", &loss.before),
    };
    let subject = format!("{}→{} {}", loss.before, loss.after, ms(at));
    findings::add(tx.sql, machine, at, effects::MACHINE, &note, &subject, None).map(drop)
}

/// Bytes as GiB, rounded up: the kernel tells a little less than what is plugged in.
fn gibibytes(bytes: &str) -> Option<u64> {
    Some(bytes.parse::<u64>().ok()?.div_ceil(1 << 30))
}

/// Adds lines to a machine's history.
pub fn add(tx: &Tx<'_>, machine: MachineId, found: &[Change], by: &str, at: Timestamp) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    const LAST: &str = "SELECT coalesce(max(n), 0) FROM machine_change WHERE machine = ?1";
    let last: i64 = tx.sql.value(LAST, params![machine])?;
    const SQL: &str = "INSERT INTO machine_change (machine, n, at, by, section, list, item, field, kind, before, after) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    for (n, one) in (last + 1..).zip(found) {
        let row = params![
            machine,
            n,
            ms(at),
            by,
            one.section,
            one.list,
            one.item,
            one.field,
            one.kind.as_str(),
            one.before,
            one.after,
        ];
        tx.sql.execute(SQL, row)?;
    }
    const BOUND_OF_PEOPLE: &str = "DELETE FROM machine_change WHERE machine = ?1 AND n IN (SELECT n FROM machine_change \
        WHERE machine = ?1 AND by <> ?2 ORDER BY n DESC LIMIT 1000000000 OFFSET ?3)";
    const BOUND_OF_REPORTS: &str = "DELETE FROM machine_change WHERE machine = ?1 AND n IN (SELECT n FROM machine_change \
        WHERE machine = ?1 AND by = ?2 ORDER BY n DESC LIMIT 1000000000 OFFSET ?3)";
    let (bound, kept) =
        if by == effects::MACHINE { (BOUND_OF_REPORTS, KEPT) } else { (BOUND_OF_PEOPLE, KEPT_OF_PEOPLE) };
    tx.sql.execute(bound, params![machine, effects::MACHINE, kept]).map(drop)
}

/// The latest lines of a machine's history and of those that it continues, the newest first; those of one moment in
/// their order.
pub fn latest(sql: &Sql, machine: MachineId, limit: usize) -> Result<Vec<HistoryRow>, StoreError> {
    let mut all = Vec::new();
    for one in kin::chain(sql, machine)? {
        all.extend(of_one(sql, one, limit)?);
    }
    all.sort_by_key(|row| std::cmp::Reverse(row.at));
    all.truncate(limit);
    Ok(all)
}

fn of_one(sql: &Sql, machine: MachineId, limit: usize) -> Result<Vec<HistoryRow>, StoreError> {
    const SQL: &str = "SELECT n, at, by, section, list, item, field, kind, before, after FROM machine_change \
                       WHERE machine = ?1 ORDER BY at DESC, n LIMIT ?2";
    let read = |row: &Row<'_>| {
        let word: String = row.get(7)?;
        let kind =
            Kind::parse(&word).ok_or_else(|| StoreError::Failed(format!("the change « {word} » is not known")))?;
        Ok(HistoryRow {
            n: row.get(0)?,
            at: row.get(1)?,
            by: row.get(2)?,
            change: Change {
                section: row.get(3)?,
                list: row.get(4)?,
                item: row.get(5)?,
                field: row.get(6)?,
                kind,
                before: row.get(8)?,
                after: row.get(9)?,
            },
        })
    };
    sql.all(SQL, params![machine, int(u64::try_from(limit).unwrap_or(u64::MAX))], read)
}
