//! Planned maintenance: kept for ever, read by the engine while it matters.

use super::super::{MaintenanceView, NewMaintenance, PlannedFor, StoreError};
use super::engine::Sql;
use super::row::{Row, cut, ms, params};
use super::writer::Tx;
use super::{replicas, schools};
use crate::engine::{Maintenance, MaintenanceScope};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use vigie_shared::id::{MachineId, MaintenanceId, SchoolId};

/// How long one that is over matters to the engine: an incident that it covered gets its ticket when it ends, or as soon
/// as a collector is there to give it.
pub const OVER_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Longest maintenance.
const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Longest reason and name of a room, characters.
const TEXT_MAX: usize = 200;

/// Those of a school that have begun, the ones that ended lately included.
pub fn of_view(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<Vec<Maintenance>, StoreError> {
    const SQL: &str = "SELECT m.id, m.scope, m.school, m.machine, m.subject, m.starts, coalesce(m.ended, m.ends), m.reason \
        FROM maintenance m WHERE m.ends > ?2 AND m.starts <= ?3 AND (m.scope = 'fleet' OR m.school = ?1 \
            OR (m.scope = 'basin' AND m.subject = (SELECT basin FROM school WHERE id = ?1))) ORDER BY m.starts, m.id";
    let since = now.saturating_sub(OVER_FOR).unwrap_or(Timestamp::MIN);
    let read = |row: &Row<'_>| {
        let scope = scope(row, 1)?;
        Ok(Maintenance { id: row.get(0)?, scope, from: row.get(5)?, to: row.get(6)?, reason: row.get(7)? })
    };
    sql.all(SQL, params![school, ms(since), ms(now)], read)
}

/// Columns: scope, school, machine, subject.
fn scope(row: &Row<'_>, first: usize) -> Result<MaintenanceScope, StoreError> {
    let word: String = row.get(first)?;
    Ok(match word.as_str() {
        "fleet" => MaintenanceScope::Fleet,
        "basin" => MaintenanceScope::Basin(row.get(first + 3)?),
        "school" => MaintenanceScope::School(row.get(first + 1)?),
        "room" => MaintenanceScope::Room(row.get(first + 1)?, row.get(first + 3)?),
        "machine" => MaintenanceScope::Machine(row.get(first + 2)?),
        _ => return Err(StoreError::Failed(format!("the scope « {word} » of a maintenance is not known"))),
    })
}

/// Plans one. It may have begun already; what is open stays as it is, what comes is not ticketed before its end.
pub fn add(tx: &mut Tx<'_>, new: &NewMaintenance, now: Timestamp) -> Result<MaintenanceId, StoreError> {
    let (from, to) = (cut(new.from), cut(new.to));
    let refuse = |why: String| Err(StoreError::Conflict(why));
    if to <= from {
        return refuse(format!("« to » ({to}) is not after « from » ({from})"));
    }
    if to <= now {
        return refuse(format!("« to » ({to}) is past: nothing would be suppressed"));
    }
    if from.duration_until(to) > LONGEST {
        return refuse(format!("a maintenance lasts at most {} days", LONGEST.as_hours() / 24));
    }
    let reason = new.reason.trim();
    if reason.is_empty() || reason.chars().count() > TEXT_MAX || reason.contains('\0') {
        return refuse(format!("« reason » takes 1 to {TEXT_MAX} characters"));
    }
    let (kind, school, machine, subject) = found(tx.sql, &new.planned_for)?;
    let id = MaintenanceId::new();
    const SQL: &str = "INSERT INTO maintenance (id, scope, school, machine, subject, starts, ends, reason, by, created) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values = params![id, kind, school, machine, subject, ms(from), ms(to), reason, new.by, ms(now)];
    tx.sql.execute(SQL, values)?;
    Ok(id)
}

type Found = (&'static str, Option<SchoolId>, Option<MachineId>, Option<String>);

/// What a person named, as it is stored. What is not there is refused: it would suppress nothing.
fn found(sql: &Sql, planned_for: &PlannedFor) -> Result<Found, StoreError> {
    Ok(match planned_for {
        PlannedFor::Fleet => ("fleet", None, None, None),
        PlannedFor::Basin(basin) => {
            const KNOWN: &str = "SELECT id FROM school WHERE basin = ?1 LIMIT 1";
            if sql.find(KNOWN, params![basin], |_| Ok(()))?.is_none() {
                return Err(StoreError::NotFound(format!("no school is in a basin « {basin} »")));
            }
            ("basin", None, None, Some(basin.clone()))
        }
        PlannedFor::School(uai) => ("school", Some(schools::find(sql, *uai)?), None, None),
        PlannedFor::Room(uai, room) => {
            let room = room.trim();
            if room.is_empty() || room.chars().count() > TEXT_MAX || room.contains('\0') {
                return Err(StoreError::Conflict(format!("« room » takes 1 to {TEXT_MAX} characters")));
            }
            ("room", Some(schools::find(sql, *uai)?), None, Some(room.to_owned()))
        }
        PlannedFor::Machine(machine) => {
            const SCHOOL: &str = "SELECT school FROM machine WHERE id = ?1 AND status <> 'deleted'";
            let school = sql.find(SCHOOL, params![machine], |row| row.get(0))?;
            let school = school.ok_or_else(|| StoreError::NotFound(format!("no machine {machine} is known")))?;
            ("machine", Some(school), Some(*machine), None)
        }
    })
}

/// Ends one before its time. What is still open in it is looked at at once. One that has not begun never will.
pub fn end(tx: &mut Tx<'_>, id: MaintenanceId, by: &str, now: Timestamp) -> Result<(), StoreError> {
    let now = cut(now);
    const LOOK: &str = "SELECT scope, school, machine, subject, starts, ends, ended FROM maintenance WHERE id = ?1";
    let read = |row: &Row<'_>| {
        let ends: Timestamp = row.get(5)?;
        let ended: Option<Timestamp> = row.get(6)?;
        Ok((scope(row, 0)?, row.get::<Option<SchoolId>>(1)?, row.get::<Timestamp>(4)?, ended.unwrap_or(ends)))
    };
    let known = tx.sql.find(LOOK, params![id], read)?;
    let (scope, school, starts, ends) =
        known.ok_or_else(|| StoreError::NotFound(format!("no maintenance {id} is known")))?;
    if ends <= now {
        return Err(StoreError::Conflict("this maintenance is over already".to_owned()));
    }
    const SQL: &str = "UPDATE maintenance SET ended = ?2, ended_by = ?3 WHERE id = ?1";
    // One that never begins ends where it would have begun: it covers nothing.
    tx.sql.execute(SQL, params![id, ms(now.max(starts)), by])?;
    wake(tx.sql, &scope, school, now)
}

/// Has the schools looked at that a maintenance was about.
fn wake(sql: &Sql, scope: &MaintenanceScope, school: Option<SchoolId>, now: Timestamp) -> Result<(), StoreError> {
    let schools: BTreeSet<SchoolId> = match (scope, school) {
        (MaintenanceScope::Fleet, _) => return replicas::wake_all(sql, now),
        (MaintenanceScope::Basin(basin), _) => {
            sql.all("SELECT id FROM school WHERE basin = ?1", params![basin], |row| row.get(0))?
        }
        (_, school) => school.into_iter().collect(),
    };
    sql.engine().lock_schools(&schools)?;
    const WAKE: &str = "UPDATE school_state SET next_wake = ?2 \
                        WHERE school = ?1 AND (next_wake IS NULL OR next_wake > ?2)";
    for school in schools {
        sql.execute(WAKE, params![school, ms(now)])?;
    }
    Ok(())
}

/// Those that go on or are to come, the next first, then the latest that are over; at most `limit`.
pub fn list(sql: &Sql, now: Timestamp, limit: usize) -> Result<Vec<MaintenanceView>, StoreError> {
    const SQL: &str = "SELECT m.id, m.scope, s.uai, s.name, m.machine, h.host_name, m.subject, m.starts, m.ends, m.reason, \
            m.by, m.created, m.ended, m.ended_by \
        FROM maintenance m LEFT JOIN school s ON s.id = m.school LEFT JOIN machine h ON h.id = m.machine \
        ORDER BY coalesce(m.ended, m.ends) <= ?1, CASE WHEN coalesce(m.ended, m.ends) <= ?1 THEN 0 ELSE m.starts END, \
            coalesce(m.ended, m.ends) DESC, m.id LIMIT ?2";
    let read = |row: &Row<'_>| {
        let uai: Option<vigie_shared::uai::Uai> = row.get(2)?;
        let name: Option<String> = row.get(3)?;
        let machine: Option<MachineId> = row.get(4)?;
        let host: Option<String> = row.get(5)?;
        Ok(MaintenanceView {
            id: row.get(0)?,
            kind: row.get(1)?,
            school: uai.zip(name),
            machine: machine.zip(host),
            subject: row.get(6)?,
            from: row.get(7)?,
            to: row.get(8)?,
            reason: row.get(9)?,
            by: row.get(10)?,
            created: row.get(11)?,
            ended: row.get(12)?,
            ended_by: row.get(13)?,
        })
    };
    sql.all(SQL, params![ms(now), i64::try_from(limit).unwrap_or(i64::MAX)], read)
}
