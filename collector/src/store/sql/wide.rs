//! Verdicts on more than one school: what the second engine looks at, and what it has written.
//!
//! Such a verdict lies with the school that was cut first, where its ticket is; schools find it by its scope.

use super::super::StoreError;
use super::effects;
use super::engine::Sql;
use super::row::{Row, bracket, cut, maybe_bracket, ms, params};
use super::view;
use super::writer::Tx;
use crate::engine::wide::{self, Stand, Wide, WideEffect};
use crate::engine::{Bracket, Effect, IncidentKey, Parent, Scope};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::INTERNET;
use vigie_shared::id::SchoolId;

/// The area of each school: its basin, and the operator of its first line that is no back-up.
const AREA: &str = "s.basin, (SELECT min(n.operator) FROM line n WHERE n.school = s.id AND n.backup = 0)";

/// Whether the second engine has something to look at.
pub fn is_due(sql: &Sql) -> Result<bool, StoreError> {
    sql.value("SELECT EXISTS (SELECT 1 FROM wide_due)", &[])
}

/// A school's way to the internet was judged anew: the second engine must look. Rows are only added, so that those who add
/// wait for nobody.
pub fn note(tx: &Tx<'_>, school: SchoolId) -> Result<(), StoreError> {
    tx.sql.execute("INSERT INTO wide_due (school) VALUES (?1)", params![school]).map(drop)
}

/// Looks at all schools, writes what follows, and has the schools looked at that it concerns. Passes one at a time.
pub fn look(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    tx.sql.engine().lock_seldom()?;
    let now = cut(now);
    if tx.sql.execute("DELETE FROM wide_due", &[])? == 0 {
        return Ok(());
    }
    let (mut stands, open) = (stands(tx.sql)?, open(tx.sql)?);
    let moments = wide::moments(&stands, now);
    for stand in &mut stands {
        if let Some(moment) = moments.get(&stand.area).filter(|moment| **moment < now) {
            stand.online = heard_since(tx.sql, stand.school, *moment)?;
        }
    }
    let somebody = match wide::moment_of_all(&stands, now) {
        Some(moment) if moment < now => anybody_since(tx.sql, moment)?,
        _ => true,
    };
    let effects = wide::decide(&stands, &open, somebody, now);
    let mut concerned = BTreeSet::new();
    for effect in &effects {
        let (key, wide) = effect.about();
        let here = |stand: &&Stand| key.scope == Scope::Collector || stand.area == key.instance;
        concerned.extend(stands.iter().filter(here).map(|stand| stand.school));
        concerned.insert(wide.anchor);
    }
    if !concerned.is_empty() {
        tx.sql.engine().lock_schools(&concerned)?;
    }
    for effect in &effects {
        let (_, wide) = effect.about();
        effects::write(tx, wide.anchor, &written(effect, now))?;
        tx.changed(wide.anchor)?;
    }
    for school in &concerned {
        const WAKE: &str = "UPDATE school_state SET next_wake = ?2 WHERE school = ?1";
        tx.sql.execute(WAKE, params![school, ms(now)])?;
    }
    Ok(())
}

fn written(effect: &WideEffect, now: Timestamp) -> Effect {
    match effect.clone() {
        WideEffect::Open { key, wide, confidence, note } => Effect::OpenIncident {
            key,
            cause: wide.cause,
            confidence,
            started: wide.started,
            detected: now,
            witnesses: vec![],
            votes: BTreeMap::new(),
            note,
        },
        WideEffect::Refine { key, wide, note } => Effect::AmendIncident {
            key,
            cause: wide.cause,
            confidence: crate::engine::Confidence::Probable,
            started: wide.started,
            ended: None,
            votes: BTreeMap::new(),
            at: now,
            note,
        },
        WideEffect::Close { key, wide, note } => {
            let ended = Bracket { after: wide.started.by.min(now), by: now };
            Effect::ResolveIncident { key, ended, at: now, note }
        }
    }
}

fn stands(sql: &Sql) -> Result<Vec<Stand>, StoreError> {
    let text = format!(
        "SELECT s.id, {AREA}, r.online, i.started_after, i.started_by, i.detected, i.cause \
         FROM school s JOIN school_rollup r ON r.school = s.id \
         LEFT JOIN incident i ON i.school = s.id AND i.resolved IS NULL AND i.name = ?1 AND i.scope LIKE 'school:%' \
         WHERE r.machines > 0 ORDER BY s.id"
    );
    sql.all(&text, params![INTERNET], |row| {
        let cut: Option<Timestamp> = row.get(4)?;
        let cut = match cut {
            Some(_) => Some((bracket(row, 4)?, row.get(6)?, row.get(7)?)),
            None => None,
        };
        Ok(Stand { school: row.get(0)?, area: area(row, 1)?, online: row.get(3)?, cut })
    })
}

/// Machines that may bear witness for their school; one that leaves it proves nothing, and is not missed for a day.
const WITNESS: &str = "m.status = 'trusted' AND m.kind <> 'nomade'";

/// How many witnesses of a school were heard since.
fn heard_since(sql: &Sql, school: SchoolId, since: Timestamp) -> Result<u64, StoreError> {
    let text = format!(
        "SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id \
         WHERE m.school = ?1 AND {WITNESS} AND l.last_seen > ?2"
    );
    sql.value(&text, params![school, ms(since)])
}

/// Whether anybody at all was heard since. In a large fleet somebody nearly always was, and is soon found.
fn anybody_since(sql: &Sql, since: Timestamp) -> Result<bool, StoreError> {
    sql.value("SELECT EXISTS (SELECT 1 FROM liveness WHERE last_seen > ?1)", params![ms(since)])
}

fn area(row: &Row<'_>, index: usize) -> Result<String, StoreError> {
    let (basin, operator): (Option<String>, Option<String>) = (row.get(index)?, row.get(index + 1)?);
    Ok(wide::area(basin.as_deref(), operator.as_deref()))
}

/// Which incidents are open verdicts on more than one school.
const OPEN: &str = "resolved IS NULL AND scope IN ('basin', 'collector')";

/// What holds for a school, and what did, with its end.
pub type Parents = (Vec<Parent>, Vec<(Parent, Bracket)>);

fn open(sql: &Sql) -> Result<BTreeMap<IncidentKey, Wide>, StoreError> {
    let text =
        format!("SELECT scope, name, instance, school, started_after, started_by, cause FROM incident WHERE {OPEN}");
    sql.all(&text, &[], |row| {
        let key = IncidentKey { scope: view::scope(row, 0)?, check: row.get(1)?, instance: row.get(2)? };
        Ok((key, Wide { anchor: row.get(3)?, started: bracket(row, 4)?, cause: row.get(6)? }))
    })
}

/// Open verdicts on more than one school, and those that ended lately.
pub const LATELY: &str = "scope IN ('basin', 'collector') AND (resolved IS NULL OR resolved >= ?2)";

/// The open verdicts that hold for a school, and those that did and ended since, each with its end.
pub fn parents(sql: &Sql, school: SchoolId, since: Timestamp) -> Result<Parents, StoreError> {
    let text = format!("SELECT {AREA} FROM school s WHERE s.id = ?1");
    let own = sql.find(&text, params![school], |row| area(row, 0))?.unwrap_or_default();
    let text = format!(
        "SELECT scope, name, instance, started_after, started_by, cause, ended_after, ended_by FROM incident \
         WHERE {LATELY} AND (scope = 'collector' OR instance = ?1)"
    );
    let read = |row: &Row<'_>| {
        let key = IncidentKey { scope: view::scope(row, 0)?, check: row.get(1)?, instance: row.get(2)? };
        let parent = Parent { key, cause: row.get(5)?, started: bracket(row, 3)? };
        Ok((parent, maybe_bracket(row, 6)?))
    };
    let (mut open, mut past) = Parents::default();
    let all: Vec<(Parent, Option<Bracket>)> = sql.all(&text, params![own, ms(since)], read)?;
    for (parent, ended) in all {
        match ended {
            Some(ended) => past.push((parent, ended)),
            None => open.push(parent),
        }
    }
    Ok((open, past))
}

/// Whether the basin of the school `?1` has enough others, two, for a verdict on all of them.
pub const SIBLINGS: &str = "(SELECT count(*) FROM (SELECT 1 FROM school own JOIN school s ON s.basin = own.basin \
    JOIN school_rollup r ON r.school = s.id WHERE own.id = ?1 AND s.id <> ?1 AND r.machines > 0 LIMIT 2) others) = 2";

/// Effects that make the second engine look: what is judged of a school's way to the internet.
pub fn concerns(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| match effect {
        Effect::OpenIncident { key, .. }
        | Effect::ReturnIncident { key, .. }
        | Effect::AmendIncident { key, .. }
        | Effect::ResolveIncident { key, .. } => matches!(key.scope, Scope::School(_)) && key.check == INTERNET,
        Effect::WidenIncident { to, .. } => to.check == INTERNET,
        _ => false,
    })
}
