//! The software of the fleet and its machines as rows, read from what is stored anew each time: nothing is kept twice that
//! could contradict the sections. Inventories that are the same to the byte (machines of one image) are read once.

use super::super::{FleetRow, FleetRows, StoreError};
use super::engine::Sql;
use super::hand;
use super::row::{Bind, Row, params};
use crate::fleet::catalogue::{Catalogue, Holder, MACHINES_MOST, Part, SYSTEM};
use std::collections::BTreeMap;
use std::rc::Rc;
use vigie_shared::digest::Digest;
use vigie_shared::id::MachineId;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Memory, OperatingSystem, Package, Software, System, name};

/// Machines told in one list.
const ROWS_MOST: usize = 20_000;

/// The condition of a part of the fleet on `machine m` and `school s`, and its values.
fn condition(part: &Part) -> (String, Vec<&dyn Bind>) {
    let mut text = String::from("m.status IN ('trusted', 'quarantined')");
    let mut values: Vec<&dyn Bind> = Vec::new();
    if let Some(basin) = &part.basin {
        values.push(basin);
        text.push_str(&format!(" AND s.basin = ?{}", values.len()));
    }
    if let Some(school) = &part.school {
        values.push(school);
        text.push_str(&format!(" AND s.uai = ?{}", values.len()));
    }
    if let Some(machine) = &part.machine {
        values.push(machine);
        text.push_str(&format!(" AND m.id = ?{}", values.len()));
    }
    (text, values)
}

/// The software of a part of the fleet: of each machine by its last complete reading, else by what could be read.
pub fn software(sql: &Sql, part: &Part) -> Result<Catalogue, StoreError> {
    let (condition, values) = condition(part);
    let text = format!(
        "SELECT m.id, m.host_name, m.kind, s.uai, s.name, s.basin, sec.digest, sec.complete_body IS NULL \
         FROM machine m JOIN school s ON s.id = m.school \
         JOIN section sec ON sec.machine = m.id AND sec.name = 'software' \
         WHERE {condition} ORDER BY s.name, m.host_name, m.id LIMIT {}",
        MACHINES_MOST + 1
    );
    let read = |row: &Row<'_>| {
        let holder = Holder {
            id: row.get(0)?,
            host_name: row.get(1)?,
            kind: row.get(2)?,
            school: (row.get(3)?, row.get(4)?),
            basin: row.get(5)?,
        };
        // Only a body that is the latest is the one of the digest.
        Ok((holder, row.get::<Digest>(6)?, row.get::<bool>(7)?))
    };
    let mut found: Vec<(Holder, Digest, bool)> = sql.all(&text, &values, read)?;
    let mut catalogue = Catalogue { cut: found.len() > MACHINES_MOST, ..Catalogue::default() };
    found.truncate(MACHINES_MOST);
    let mut shared: BTreeMap<Digest, usize> = BTreeMap::new();
    found.iter().filter(|(_, _, latest)| *latest).for_each(|(_, digest, _)| *shared.entry(*digest).or_default() += 1);
    let mut kept: BTreeMap<Digest, Rc<Vec<Package>>> = BTreeMap::new();
    for (holder, digest, latest) in found {
        let packages = match kept.get(&digest).filter(|_| latest) {
            Some(packages) => packages.clone(),
            None => {
                let packages = Rc::new(packages(sql, holder.id)?);
                if latest && shared.get(&digest).is_some_and(|n| *n > 1) {
                    kept.insert(digest, packages.clone());
                }
                packages
            }
        };
        match system(sql, holder.id)? {
            Some(system) => {
                let all: Vec<Package> = packages.iter().cloned().chain([system]).collect();
                catalogue.add(holder, &all);
            }
            None => catalogue.add(holder, &packages),
        }
    }
    Ok(catalogue)
}

/// The operating system as a program: its name and version.
fn system(sql: &Sql, machine: MachineId) -> Result<Option<Package>, StoreError> {
    const SQL: &str =
        "SELECT coalesce(complete_body, body) FROM section WHERE machine = ?1 AND name = 'operating-system'";
    let body: Option<String> = sql.find(SQL, params![machine], |row| row.get(0))?;
    let system = body.and_then(|body| data::<OperatingSystem>(&body));
    Ok(system.and_then(|system| {
        let (name, version) = (system.name?, system.version?);
        Some(Package { name, version, source: SYSTEM.to_owned(), ..Package::default() })
    }))
}

fn packages(sql: &Sql, machine: MachineId) -> Result<Vec<Package>, StoreError> {
    const SQL: &str = "SELECT coalesce(complete_body, body) FROM section WHERE machine = ?1 AND name = 'software'";
    let body: Option<String> = sql.find(SQL, params![machine], |row| row.get(0))?;
    let outcome = body.and_then(|body| serde_json::from_str::<Outcome<Software>>(&body).ok());
    Ok(match outcome {
        Some(Outcome::Complete { data } | Outcome::Partial { data, .. }) => data.packages,
        Some(Outcome::Unavailable { .. }) | None => vec![],
    })
}

/// Machines of a part of the fleet with what people wrote about them and the main facts of their inventory.
pub fn rows(sql: &Sql, part: &Part) -> Result<FleetRows, StoreError> {
    let (condition, values) = condition(part);
    let text = format!(
        "SELECT m.room, h.version, h.inventory_number, h.warranty_end, h.state, h.note, h.changed, h.changed_by, \
            h.seen, h.seen_by, h.seen_room, m.id, m.host_name, m.kind, m.status, s.uai, s.name, s.town, s.basin, \
            l.last_seen, m.enrolled \
         FROM machine m JOIN school s ON s.id = m.school LEFT JOIN liveness l ON l.machine = m.id \
         LEFT JOIN machine_hand h ON h.machine = m.id \
         WHERE {condition} ORDER BY s.name, m.host_name, m.id LIMIT {}",
        ROWS_MOST + 1
    );
    let read = |row: &Row<'_>| {
        Ok(FleetRow {
            hand: hand::read(row, 0)?,
            id: row.get(11)?,
            host_name: row.get(12)?,
            kind: row.get(13)?,
            status: row.get(14)?,
            school: (row.get(15)?, row.get(16)?),
            town: row.get(17)?,
            basin: row.get(18)?,
            last_seen: row.get(19)?,
            enrolled: row.get(20)?,
            system: System::default(),
            os: OperatingSystem::default(),
            memory_bytes: None,
        })
    };
    let mut rows: Vec<FleetRow> = sql.all(&text, &values, read)?;
    let cut = rows.len() > ROWS_MOST;
    rows.truncate(ROWS_MOST);
    for row in &mut rows {
        facts(sql, row)?;
    }
    Ok(FleetRows { rows, cut })
}

/// The main facts of its inventory.
fn facts(sql: &Sql, machine: &mut FleetRow) -> Result<(), StoreError> {
    const SQL: &str = "SELECT name, coalesce(complete_body, body) FROM section \
                       WHERE machine = ?1 AND name IN ('system', 'operating-system', 'memory')";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let bodies: Vec<(String, String)> = sql.all(SQL, params![machine.id], read)?;
    for (section, body) in bodies {
        match section.as_str() {
            name::SYSTEM => machine.system = data(&body).unwrap_or_default(),
            name::OPERATING_SYSTEM => machine.os = data(&body).unwrap_or_default(),
            _ => machine.memory_bytes = data::<Memory>(&body).and_then(|memory| memory.total_bytes),
        }
    }
    Ok(())
}

fn data<T: serde::de::DeserializeOwned>(body: &str) -> Option<T> {
    match serde_json::from_str(body).ok()? {
        Outcome::Complete { data } | Outcome::Partial { data, .. } => Some(data),
        Outcome::Unavailable { .. } => None,
    }
}
