//! What people wrote about machines. The room is a column of the machine, for the engine judges by it; the rest stands in
//! a table that no report touches.

use super::super::{Hand, HandSet, LABELLED_MOST, Labelled, StoreError};
use super::engine::Sql;
use super::history;
use super::row::{Row, cut, int, ms, params};
use super::writer::Tx;
use crate::fleet::changes::{Change, Kind};
use crate::fleet::hand::{self, Life, Written, label};
use jiff::Timestamp;
use jiff::civil::Date;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{MachineId, SchoolId};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::System;

/// What people wrote about a machine.
pub fn of(sql: &Sql, machine: MachineId) -> Result<Option<Hand>, StoreError> {
    const SQL: &str = "SELECT m.room, h.version, h.inventory_number, h.warranty_end, h.state, h.note, h.changed, \
            h.changed_by, h.seen, h.seen_by, h.seen_room \
        FROM machine m LEFT JOIN machine_hand h ON h.machine = m.id WHERE m.id = ?1 AND m.status <> 'deleted'";
    sql.find(SQL, params![machine], |row| read(row, 0))
}

/// From eleven columns of [`of`], the first of which is this one.
pub fn read(row: &Row<'_>, from: usize) -> Result<Hand, StoreError> {
    let text = |index: usize| Ok::<String, StoreError>(row.get::<Option<String>>(from + index)?.unwrap_or_default());
    let date = text(3)?;
    let warranty_end = if date.is_empty() {
        None
    } else {
        Some(date.parse::<Date>().map_err(|e| StoreError::Failed(format!("a date as stored: {e}")))?)
    };
    let changed: Option<Timestamp> = row.get(from + 6)?;
    let seen: Option<Timestamp> = row.get(from + 8)?;
    let (changed_by, seen_by, seen_room) = (text(7)?, text(9)?, text(10)?);
    Ok(Hand {
        version: row.get::<Option<u64>>(from + 1)?.unwrap_or_default(),
        written: Written {
            room: text(0)?,
            inventory_number: text(2)?,
            warranty_end,
            state: Life::parse(&text(4)?).unwrap_or_default(),
            note: text(5)?,
        },
        changed: changed.map(|at| (at, changed_by)),
        seen: seen.map(|at| (at, seen_by, seen_room)),
    })
}

/// A machine with its school locked, as the engine's decisions do: the room is theirs too.
fn locked(tx: &mut Tx<'_>, machine: MachineId) -> Result<(SchoolId, Hand), StoreError> {
    const SQL: &str = "SELECT school FROM machine WHERE id = ?1 AND status <> 'deleted'";
    let school: Option<SchoolId> = tx.sql.find(SQL, params![machine], |row| row.get(0))?;
    let missing = || StoreError::NotFound(format!("there is no machine {machine}"));
    let school = school.ok_or_else(missing)?;
    tx.sql.engine().lock_schools(&[school].into())?;
    Ok((school, of(tx.sql, machine)?.ok_or_else(missing)?))
}

/// Writes about a machine, if nobody wrote since.
pub fn set(
    tx: &mut Tx<'_>,
    machine: MachineId,
    version: u64,
    written: Written,
    by: &str,
    now: Timestamp,
) -> Result<HandSet, StoreError> {
    let now = cut(now);
    let written = written.clean().map_err(|problem| StoreError::Conflict(problem.to_string()))?;
    let (school, before) = locked(tx, machine)?;
    if before.version != version {
        return Ok(HandSet::Outdated(Box::new(before)));
    }
    let changes = before.written.changes_to(&written);
    if changes.is_empty() {
        return Ok(HandSet::Kept(version));
    }
    history::add(tx, machine, &changes, by, now)?;
    place(tx, machine, school, &before.written.room, &written.room, now)?;
    const SQL: &str = "INSERT INTO machine_hand (machine, version, inventory_number, warranty_end, state, note, changed, \
            changed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
        ON CONFLICT (machine) DO UPDATE SET version = excluded.version, inventory_number = excluded.inventory_number, \
            warranty_end = excluded.warranty_end, state = excluded.state, note = excluded.note, \
            changed = excluded.changed, changed_by = excluded.changed_by";
    let version = version + 1;
    let row = params![
        machine,
        int(version),
        written.inventory_number,
        written.warranty_end.map(|date| date.to_string()),
        written.state.as_str(),
        written.note,
        ms(now),
        by,
    ];
    tx.sql.execute(SQL, row)?;
    tx.changed(school)?;
    Ok(HandSet::Kept(version))
}

/// Says where it stands; verdicts on rooms are looked at again.
fn place(
    tx: &Tx<'_>,
    machine: MachineId,
    school: SchoolId,
    before: &str,
    room: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if before == room {
        return Ok(());
    }
    tx.sql.execute("UPDATE machine SET room = ?2 WHERE id = ?1", params![machine, room])?;
    const WAKE: &str = "UPDATE school_state SET next_wake = ?2 WHERE school = ?1 AND next_wake > ?2";
    tx.sql.execute(WAKE, params![school, ms(now)]).map(drop)
}

/// Somebody read its label.
pub fn seen(
    tx: &mut Tx<'_>,
    machine: MachineId,
    room: Option<String>,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let now = cut(now);
    let (school, before) = locked(tx, machine)?;
    let mut after = before.written.clone();
    if let Some(room) = &room {
        after.room.clone_from(room);
    }
    let after = after.clean().map_err(|problem| StoreError::Conflict(problem.to_string()))?;
    let mut changes = before.written.changes_to(&after);
    let moved = !changes.is_empty();
    let told = |at: &Timestamp| Some(at.to_string());
    changes.push(Change {
        section: hand::SECTION.to_owned(),
        list: String::new(),
        item: String::new(),
        field: "seen".to_owned(),
        kind: Kind::Changed,
        before: before.seen.as_ref().and_then(|(at, _, _)| told(at)),
        after: told(&now),
    });
    history::add(tx, machine, &changes, by, now)?;
    place(tx, machine, school, &before.written.room, &after.room, now)?;
    let version = before.version + u64::from(moved);
    const SQL: &str = "INSERT INTO machine_hand (machine, version, inventory_number, state, note, seen, seen_by, seen_room) \
        VALUES (?1, ?2, '', ?3, '', ?4, ?5, ?6) \
        ON CONFLICT (machine) DO UPDATE SET version = excluded.version, seen = excluded.seen, \
            seen_by = excluded.seen_by, seen_room = excluded.seen_room";
    let seen_room = room.map(|_| after.room.clone()).unwrap_or_default();
    let row = params![machine, int(version), before.written.state.as_str(), ms(now), by, seen_room];
    tx.sql.execute(SQL, row)?;
    tx.changed(school)
}

/// What people wrote about the former machine goes on for the one that continues it, where nothing is written about that.
pub fn go_on(tx: &Tx<'_>, machine: MachineId, former: MachineId) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO machine_hand (machine, version, inventory_number, warranty_end, state, note, changed, \
            changed_by, seen, seen_by, seen_room) \
        SELECT ?1, version, inventory_number, warranty_end, state, note, changed, changed_by, seen, seen_by, seen_room \
        FROM machine_hand WHERE machine = ?2 ON CONFLICT (machine) DO NOTHING";
    tx.sql.execute(SQL, params![machine, former])?;
    const ROOM: &str = "UPDATE machine SET room = (SELECT room FROM machine WHERE id = ?2) WHERE id = ?1 AND room = ''";
    tx.sql.execute(ROOM, params![machine, former]).map(drop)
}

/// Machines that bear this label.
pub fn labelled(sql: &Sql, wanted: &str) -> Result<Vec<Labelled>, StoreError> {
    let Some(wanted) = label(wanted) else { return Ok(vec![]) };
    const SQL: &str = "SELECT m.id, m.host_name, s.uai, s.name, m.room, h.inventory_number, m.hardware, sec.body, \
            sec.complete_body \
        FROM machine m JOIN school s ON s.id = m.school LEFT JOIN machine_hand h ON h.machine = m.id \
        LEFT JOIN section sec ON sec.machine = m.id AND sec.name = 'system' \
        WHERE m.status <> 'deleted' ORDER BY m.host_name, m.id";
    let read = |row: &Row<'_>| {
        let number: Option<String> = row.get(5)?;
        let by = if number.as_deref().and_then(label).as_deref() == Some(&wanted) {
            Some("inventory_number")
        } else {
            by_serial(row, &wanted)?
        };
        let found = |by| {
            Ok::<Labelled, StoreError>(Labelled {
                machine: row.get(0)?,
                host_name: row.get(1)?,
                school: (row.get(2)?, row.get(3)?),
                room: row.get(4)?,
                by,
            })
        };
        by.map(found).transpose()
    };
    let bearing: Vec<Option<Labelled>> = sql.all(SQL, params![], read)?;
    let mut found: Vec<Labelled> = bearing.into_iter().flatten().collect();
    // What somebody stuck on it says more than what its maker burnt in.
    if found.iter().any(|one| one.by == "inventory_number") {
        found.retain(|one| one.by == "inventory_number");
    }
    found.truncate(LABELLED_MOST);
    Ok(found)
}

/// Which serial number of a machine this is.
fn by_serial(row: &Row<'_>, wanted: &str) -> Result<Option<&'static str>, StoreError> {
    let is = |text: Option<&String>| text.and_then(|text| label(text)).as_deref() == Some(wanted);
    let hardware: String = row.get(6)?;
    let hardware: HardwareEvidence = serde_json::from_str(&hardware).unwrap_or_default();
    for body in [row.get::<Option<String>>(8)?, row.get::<Option<String>>(7)?].into_iter().flatten() {
        let Ok(outcome) = serde_json::from_str::<Outcome<System>>(&body) else { continue };
        let Some(system) = outcome.data() else { continue };
        let chassis = system.chassis.as_ref();
        let told = [
            ("serial", system.serial.as_ref()),
            ("chassis_serial", chassis.and_then(|c| c.serial.as_ref())),
            ("asset_tag", chassis.and_then(|c| c.asset_tag.as_ref())),
            ("board_serial", system.board.as_ref().and_then(|b| b.serial.as_ref())),
        ];
        if let Some((by, _)) = told.into_iter().find(|(_, text)| is(*text)) {
            return Ok(Some(by));
        }
    }
    let told = [("serial", hardware.system_serial.as_ref()), ("board_serial", hardware.board_serial.as_ref())];
    Ok(told.into_iter().find(|(_, text)| is(*text)).map(|(by, _)| by))
}
