//! Schools, their networks, the policy in force, the authority.

use super::super::{AuthorityRow, Imported, NewNetwork, StoreError};
use super::calendars;
use super::engine::Sql;
use super::replicas;
use super::rollup;
use super::row::{Row, int, json, ms, params};
use super::writer::Tx;
use crate::directory::SchoolRow;
use jiff::Timestamp;
use std::collections::BTreeMap;
use vigie_shared::id::SchoolId;
use vigie_shared::policy::Policy;
use vigie_shared::uai::Uai;

/// The school of a UAI.
pub fn find(sql: &Sql, uai: Uai) -> Result<SchoolId, StoreError> {
    const SQL: &str = "SELECT id FROM school WHERE uai = ?1";
    let found = sql.find(SQL, params![uai.as_str()], |row| row.get(0))?;
    found.ok_or_else(|| {
        StoreError::NotFound(format!(
            "school {uai} is not in the store: import it first (vigie-collector schools import)"
        ))
    })
}

/// Creates or updates schools by UAI. A file that names no basin leaves the known one.
pub fn import(tx: &mut Tx<'_>, rows: &[SchoolRow], now: Timestamp) -> Result<Imported, StoreError> {
    let mut done = Imported { added: 0, updated: 0, unchanged: 0 };
    const ALL: &str = "SELECT uai, id FROM school";
    let mut known: BTreeMap<Uai, SchoolId> = tx.sql.all(ALL, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let ours = rows.iter().filter_map(|school| known.get(&school.uai)).copied().collect();
    tx.sql.engine().lock_schools(&ours)?;
    for school in rows {
        let (id, new) = match known.get(&school.uai) {
            Some(id) => (*id, false),
            None => (SchoolId::new(), true),
        };
        const SQL: &str = "INSERT INTO school \
            (id, uai, name, kind, town, postcode, academy, department, basin, created, updated) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) \
            ON CONFLICT (uai) DO UPDATE SET name = excluded.name, kind = excluded.kind, town = excluded.town, \
                postcode = excluded.postcode, academy = excluded.academy, department = excluded.department, \
                basin = coalesce(excluded.basin, school.basin), updated = excluded.updated \
            WHERE (school.name, school.kind, school.town, school.postcode, school.academy, school.department) \
                <> (excluded.name, excluded.kind, excluded.town, excluded.postcode, excluded.academy, \
                excluded.department) \
                OR (excluded.basin IS NOT NULL AND excluded.basin IS DISTINCT FROM school.basin)";
        let written = tx.sql.execute(
            SQL,
            params![
                id.as_bytes(),
                school.uai.as_str(),
                school.name,
                school.kind,
                school.town,
                school.postcode,
                school.academy,
                school.department,
                school.basin,
                ms(now),
            ],
        )?;
        match (new, written) {
            (true, _) => done.added += 1,
            (false, 0) => done.unchanged += 1,
            (false, _) => done.updated += 1,
        }
        if new {
            tx.sql.execute("INSERT INTO school_state (school) VALUES (?1)", params![id.as_bytes()])?;
            rollup::of_new_school(tx, id)?;
            known.insert(school.uai, id);
        } else if written > 0 {
            tx.changed(id)?;
        }
    }
    if done.updated > 0 {
        // Where a school lies decides its holidays.
        calendars::touch(tx)?;
    }
    Ok(done)
}

/// Adds an address range; the same range again changes its kind.
pub fn add_network(tx: &mut Tx<'_>, network: &NewNetwork) -> Result<(), StoreError> {
    if !["pedagogical", "administrative"].contains(&network.kind.as_str()) {
        let message = format!("network kind « {} » is unknown: pedagogical or administrative is wanted", network.kind);
        return Err(StoreError::Conflict(message));
    }
    let school = find(tx.sql, network.school)?;
    tx.sql.engine().lock_schools(&[school].into())?;
    const SQL: &str = "INSERT INTO network (school, cidr, kind) VALUES (?1, ?2, ?3) \
                       ON CONFLICT (school, cidr) DO UPDATE SET kind = excluded.kind";
    tx.sql.execute(SQL, params![school.as_bytes(), network.cidr.trunc().to_string(), network.kind])?;
    tx.changed(school)
}

/// Puts a policy in force under the next version.
pub fn set_policy(tx: &mut Tx<'_>, policy: &Policy, now: Timestamp) -> Result<u64, StoreError> {
    let problems: Vec<String> = policy.problems().iter().map(ToString::to_string).collect();
    if !problems.is_empty() {
        return Err(StoreError::Conflict(format!("the policy is not put in force: {}", problems.join("; "))));
    }
    let version = tx.policy()?.version + 1;
    let policy = Policy { version, ..policy.clone() };
    const SQL: &str = "INSERT INTO policy (version, body, since) VALUES (?1, ?2, ?3)";
    tx.sql.execute(SQL, params![int(version), json(&policy)?, ms(now)])?;
    tx.forget_policy();
    // When a school is to be looked at was reckoned with the heartbeat that was in force.
    replicas::wake_all(tx.sql, now)?;
    Ok(version)
}

/// The authority, if one was made.
pub fn authority(sql: &Sql) -> Result<Option<AuthorityRow>, StoreError> {
    const SQL: &str = "SELECT wrapped_key, certificate FROM authority";
    let read = |row: &Row<'_>| Ok(AuthorityRow { wrapped_key: row.get(0)?, certificate: row.get(1)? });
    sql.find(SQL, &[], read)
}

/// Keeps the authority, once.
pub fn create_authority(tx: &mut Tx<'_>, authority: &AuthorityRow) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO authority (id, wrapped_key, certificate) VALUES (1, ?1, ?2) ON CONFLICT (id) DO NOTHING";
    let written = tx.sql.execute(SQL, params![authority.wrapped_key, authority.certificate])?;
    if written == 0 {
        return Err(StoreError::Conflict("there is an authority already: it is kept".to_owned()));
    }
    Ok(())
}
