//! Calendars of schools: what is set, exceptional closures, school holidays, and the calendars that they come to, which
//! are kept until something changes.

use super::super::{ClosureRow, HolidaysSet, NewClosure, StoreError};
use super::engine::Sql;
use super::row::{Row, json, ms, params};
use super::writer::Tx;
use super::{replicas, schools};
use crate::calendar::school_holidays::Period;
use crate::calendar::{
    CalendarSettings, Closure, ClosureReason, HolidayTable, NetworkKind, Rules, SchoolCalendar, SchoolCalendars,
    Stretch, Territory, Zone,
};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;
use vigie_shared::id::{ClosureId, SchoolId};
use vigie_shared::uai::Uai;

/// Closures of one school, and those of all schools, at most.
const CLOSURES: i64 = 500;
/// Schools whose calendars are kept; beyond that they are worked out again.
const KEPT: usize = 100_000;
/// Scope of what is set for all schools.
const FLEET: &str = "fleet";

/// Calendars that were worked out, shared by the connections of a store.
#[derive(Default)]
pub struct Kept(Mutex<Worked>);

#[derive(Default)]
struct Worked {
    /// The version they hold for.
    version: Vec<u8>,
    fleet: Option<Arc<Fleet>>,
    schools: HashMap<SchoolId, SchoolCalendars>,
    /// Most schools differ in nothing: they share one calendar.
    alike: HashMap<String, Arc<SchoolCalendar>>,
}

/// What all schools have in common.
struct Fleet {
    table: Arc<HolidayTable>,
    settings: CalendarSettings,
    closures: Vec<ClosureRow>,
}

/// The calendars of a school. One small look at the database where nothing has changed since they were worked out.
pub fn of_school(sql: &Sql, school: SchoolId) -> Result<SchoolCalendars, StoreError> {
    of_school_at(sql, school, &version(sql)?)
}

/// The version of what calendars are made of. It changes with everything that changes them, and never comes back: a
/// transaction that was given up cannot leave calendars behind that look valid.
pub fn version(sql: &Sql) -> Result<Vec<u8>, StoreError> {
    const SQL: &str = "SELECT version FROM calendar_state WHERE id = 1";
    Ok(sql.find(SQL, &[], |row| row.get(0))?.unwrap_or_default())
}

/// The same for whoever has read the version in this transaction.
pub fn of_school_at(sql: &Sql, school: SchoolId, version: &[u8]) -> Result<SchoolCalendars, StoreError> {
    let fleet = {
        let worked = sql.calendars().lock();
        if worked.version == version {
            if let Some(found) = worked.schools.get(&school) {
                return Ok(found.clone());
            }
            worked.fleet.clone()
        } else {
            None
        }
    };
    let fleet = match fleet {
        Some(fleet) => fleet,
        None => Arc::new(load_fleet(sql)?),
    };
    let parts = load_school(sql, school, &fleet)?;
    let mut worked = sql.calendars().lock();
    if worked.version != version || worked.schools.len() >= KEPT {
        *worked = Worked { version: version.to_vec(), ..Worked::default() };
    }
    worked.fleet = Some(fleet.clone());
    let [pedagogical, administrative] = parts.map(|(rules, closures)| worked.one(rules, closures, &fleet.table));
    let calendars = SchoolCalendars { pedagogical, administrative };
    worked.schools.insert(school, calendars.clone());
    Ok(calendars)
}

impl Kept {
    fn lock(&self) -> std::sync::MutexGuard<'_, Worked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worked {
    fn one(&mut self, rules: Rules, closures: Vec<Closure>, table: &Arc<HolidayTable>) -> Arc<SchoolCalendar> {
        let key = format!("{rules:?} {closures:?}");
        let make = || Arc::new(SchoolCalendar::new(rules, table.clone(), closures));
        self.alike.entry(key).or_insert_with(make).clone()
    }
}

fn load_fleet(sql: &Sql) -> Result<Fleet, StoreError> {
    const OF_ALL: &str = "SELECT c.id, NULL, c.network, c.starts, c.ends, c.reason, c.note, c.by, c.created \
        FROM closure c WHERE c.school IS NULL";
    Ok(Fleet {
        table: Arc::new(holidays(sql)?),
        settings: stored(sql, FLEET)?.unwrap_or_default(),
        closures: readable(sql.all(OF_ALL, &[], |row| Ok(read_closure(row)))?),
    })
}

/// Rules and closures of both networks.
fn load_school(sql: &Sql, school: SchoolId, fleet: &Fleet) -> Result<[(Rules, Vec<Closure>); 2], StoreError> {
    const PLACE: &str = "SELECT uai, academy, department FROM school WHERE id = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<Uai>(0)?, row.get::<String>(1)?, row.get::<String>(2)?));
    let found = sql.find(PLACE, params![school], read)?;
    let (uai, academy, department) =
        found.ok_or_else(|| StoreError::NotFound(format!("there is no school {school}")))?;
    let place = Territory::of(&academy, &department, uai);
    let own = stored(sql, &scope(school))?.unwrap_or_default();
    const OWN: &str = "SELECT c.id, NULL, c.network, c.starts, c.ends, c.reason, c.note, c.by, c.created \
        FROM closure c WHERE c.school = ?1";
    let closures = readable(sql.all(OWN, params![school], |row| Ok(read_closure(row)))?);
    let of = |kind: NetworkKind| {
        let rules = Rules::usual(kind, &place);
        let rules = over(rules, &fleet.settings, kind, FLEET);
        let rules = over(rules, &own, kind, uai.as_str());
        let touched = fleet.closures.iter().chain(&closures).filter(|row| row.network.is_none_or(|of| of == kind));
        (rules, touched.map(|row| row.closure.clone()).collect())
    };
    Ok(NetworkKind::ALL.map(of))
}

/// What is set was validated when it came; should it make no sense all the same, the school keeps what is usual: better
/// a calendar that is a little wrong than a school that nobody looks at.
fn over(rules: Rules, settings: &CalendarSettings, kind: NetworkKind, whose: &str) -> Rules {
    settings.network(kind).over(rules.clone(), kind.as_str()).unwrap_or_else(|error| {
        tracing::warn!(%error, whose, "a calendar as stored makes no sense: it does not count (« check-store »)");
        rules
    })
}

fn scope(school: SchoolId) -> String {
    format!("school:{school}")
}

fn scope_of(sql: &Sql, school: Option<Uai>) -> Result<String, StoreError> {
    school.map_or_else(|| Ok(FLEET.to_owned()), |uai| Ok(scope(schools::find(sql, uai)?)))
}

fn stored(sql: &Sql, scope: &str) -> Result<Option<CalendarSettings>, StoreError> {
    const SQL: &str = "SELECT body FROM calendar WHERE scope = ?1";
    let body: Option<String> = sql.find(SQL, params![scope], |row| row.get(0))?;
    Ok(body.and_then(|body| {
        let read = CalendarSettings::parse(&body);
        read.inspect_err(
            |error| tracing::warn!(%error, scope, "a calendar as stored cannot be read: it does not count"),
        )
        .ok()
    }))
}

/// What is set for a school, or for the fleet.
pub fn settings(sql: &Sql, school: Option<Uai>) -> Result<Option<CalendarSettings>, StoreError> {
    stored(sql, &scope_of(sql, school)?)
}

/// Sets that, or takes it away.
pub fn set(
    tx: &mut Tx<'_>,
    school: Option<Uai>,
    settings: Option<&CalendarSettings>,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let scope = scope_of(tx.sql, school)?;
    match settings {
        Some(settings) => {
            settings.check().map_err(|error| StoreError::Conflict(format!("the calendar stays as it was: {error}")))?;
            const SQL: &str = "INSERT INTO calendar (scope, body, since, by) VALUES (?1, ?2, ?3, ?4) \
                ON CONFLICT (scope) DO UPDATE SET body = excluded.body, since = excluded.since, by = excluded.by";
            tx.sql.execute(SQL, params![scope, json(settings)?, ms(now), by])?;
        }
        None => {
            tx.sql.execute("DELETE FROM calendar WHERE scope = ?1", params![scope])?;
        }
    }
    changed(tx, school, now)
}

/// What calendars are made of was changed.
pub fn touch(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.forget_calendars();
    const SQL: &str = "INSERT INTO calendar_state (id, version) VALUES (1, ?1) \
        ON CONFLICT (id) DO UPDATE SET version = excluded.version";
    tx.sql.execute(SQL, params![Uuid::now_v7().as_bytes()])?;
    Ok(())
}

/// The same for one school or all of them, which are looked at again: who is expected has changed.
fn changed(tx: &mut Tx<'_>, school: Option<Uai>, now: Timestamp) -> Result<(), StoreError> {
    touch(tx)?;
    let Some(uai) = school else { return replicas::wake_all(tx.sql, now) };
    let school = schools::find(tx.sql, uai)?;
    tx.sql.engine().lock_schools(&[school].into())?;
    const WAKE: &str = "UPDATE school_state SET next_wake = ?2 WHERE school = ?1 \
        AND (next_wake IS NULL OR next_wake > ?2) AND school IN (SELECT school FROM machine)";
    tx.sql.execute(WAKE, params![school, ms(now)])?;
    tx.changed(school)
}

fn read_closure(row: &Row<'_>) -> Result<ClosureRow, StoreError> {
    let (starts, ends): (String, String) = (row.get(3)?, row.get(4)?);
    let stored = |why: String| StoreError::Failed(format!("a closure as stored: {why}"));
    let network: Option<String> = row.get(2)?;
    let reason: String = row.get(5)?;
    let note: String = row.get(6)?;
    let stretch = Stretch::parse(&starts, &ends).map_err(|error| stored(error.to_string()))?;
    // A reason of a later version closes all the same.
    let reason = ClosureReason::parse(&reason).unwrap_or(ClosureReason::Other);
    Ok(ClosureRow {
        id: row.get(0)?,
        school: row.get(1)?,
        network: network.as_deref().and_then(NetworkKind::parse),
        closure: Closure::new(stretch, reason, &note).map_err(|error| stored(error.to_string()))?,
        by: row.get(7)?,
        created: row.get(8)?,
    })
}

/// What makes no sense as stored does not count, for the same reason as in [`over`].
fn readable(rows: Vec<Result<ClosureRow, StoreError>>) -> Vec<ClosureRow> {
    let warned = |row: Result<ClosureRow, StoreError>| {
        row.inspect_err(|error| tracing::warn!(%error, "a closure does not count (« check-store »)")).ok()
    };
    rows.into_iter().filter_map(warned).collect()
}

/// Closures by their start: those that touch a school, or all.
pub fn closures(sql: &Sql, school: Option<Uai>) -> Result<Vec<ClosureRow>, StoreError> {
    const ALL: &str = "SELECT c.id, s.uai, c.network, c.starts, c.ends, c.reason, c.note, c.by, c.created \
        FROM closure c LEFT JOIN school s ON s.id = c.school ORDER BY c.starts, c.id";
    const OF: &str = "SELECT c.id, s.uai, c.network, c.starts, c.ends, c.reason, c.note, c.by, c.created \
        FROM closure c LEFT JOIN school s ON s.id = c.school WHERE c.school IS NULL OR c.school = ?1 \
        ORDER BY c.starts, c.id";
    match school {
        None => sql.all(ALL, &[], read_closure),
        Some(uai) => sql.all(OF, params![schools::find(sql, uai)?], read_closure),
    }
}

/// Adds a closure, unless it is there.
pub fn add_closure(tx: &mut Tx<'_>, new: &NewClosure) -> Result<ClosureId, StoreError> {
    let made = Closure::new(new.closure.stretch, new.closure.reason, &new.closure.note);
    let closure = made.map_err(|error| StoreError::Conflict(error.to_string()))?;
    let school = new.school.map(|uai| schools::find(tx.sql, uai)).transpose()?;
    let network = new.network.map(NetworkKind::as_str);
    let (starts, ends) = closure.stretch.words();
    const SAME: &str = "SELECT id FROM closure WHERE school IS NOT DISTINCT FROM ?1 \
        AND network IS NOT DISTINCT FROM ?2 AND starts = ?3 AND ends = ?4 AND reason = ?5";
    if let Some(id) =
        tx.sql.find(SAME, params![school, network, starts, ends, closure.reason.as_str()], |row| row.get(0))?
    {
        return Ok(id);
    }
    const COUNT: &str = "SELECT count(*) FROM closure WHERE school IS NOT DISTINCT FROM ?1";
    if tx.sql.value::<i64>(COUNT, params![school])? >= CLOSURES {
        let message = format!("there are {CLOSURES} closures already: take away some of those that are past");
        return Err(StoreError::Conflict(message));
    }
    let id = ClosureId::new();
    const SQL: &str = "INSERT INTO closure (id, school, network, starts, ends, reason, note, by, created) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let reason = closure.reason.as_str();
    tx.sql.execute(SQL, params![id, school, network, starts, ends, reason, closure.note, new.by, ms(new.now)])?;
    changed(tx, new.school, new.now)?;
    Ok(id)
}

/// Takes a closure away; with a school, only one of its own.
pub fn remove_closure(
    tx: &mut Tx<'_>,
    id: ClosureId,
    of: Option<Uai>,
    now: Timestamp,
) -> Result<ClosureRow, StoreError> {
    const FIND: &str = "SELECT c.id, s.uai, c.network, c.starts, c.ends, c.reason, c.note, c.by, c.created \
        FROM closure c LEFT JOIN school s ON s.id = c.school WHERE c.id = ?1";
    let found = tx.sql.find(FIND, params![id], read_closure)?;
    let row = found.filter(|row| of.is_none() || row.school == of).ok_or_else(|| {
        StoreError::NotFound(format!(
            "there is no closure {id}: « vigie-collector calendar show » lists those that are"
        ))
    })?;
    tx.sql.execute("DELETE FROM closure WHERE id = ?1", params![id])?;
    changed(tx, row.school, now)?;
    Ok(row)
}

/// The school holidays in force.
pub fn holidays(sql: &Sql) -> Result<HolidayTable, StoreError> {
    let mut table = (*HolidayTable::shipped()).clone();
    const SQL: &str = "SELECT zone, year, body FROM school_holiday ORDER BY zone, year";
    let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?));
    let rows: Vec<(String, i64, String)> = sql.all(SQL, &[], read)?;
    for (zone, year, body) in rows {
        let periods = serde_json::from_str::<Vec<Period>>(&body);
        match (Zone::parse(&zone), i16::try_from(year), periods) {
            (Some(zone), Ok(year), Ok(periods)) => table.set(zone, year, periods),
            _ => tracing::warn!(zone, year, "school holidays as stored cannot be read: they do not count"),
        }
    }
    Ok(table)
}

/// Sets the school years that a table has whole.
pub fn set_holidays(
    tx: &mut Tx<'_>,
    table: &HolidayTable,
    by: &str,
    now: Timestamp,
) -> Result<HolidaysSet, StoreError> {
    let mut done = HolidaysSet::default();
    for (zone, year) in table.years() {
        if !table.is_whole(zone, year) {
            done.partial.push((zone, year));
            continue;
        }
        const SQL: &str = "INSERT INTO school_holiday (zone, year, body, since, by) VALUES (?1, ?2, ?3, ?4, ?5) \
            ON CONFLICT (zone, year) DO UPDATE SET body = excluded.body, since = excluded.since, by = excluded.by";
        let body = json(&table.of(zone, year))?;
        tx.sql.execute(SQL, params![zone.as_str(), i64::from(year), body, ms(now), by])?;
        done.set.push((zone, year));
    }
    if !done.set.is_empty() {
        changed(tx, None, now)?;
    }
    Ok(done)
}

/// Takes away what was set for a zone and school year.
pub fn clear_holidays(tx: &mut Tx<'_>, zone: Zone, year: i16, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM school_holiday WHERE zone = ?1 AND year = ?2";
    if tx.sql.execute(SQL, params![zone.as_str(), i64::from(year)])? == 0 {
        let which = format!("{} {year}", zone.as_str());
        return Err(StoreError::NotFound(format!("no school holidays were set for {which}: those shipped hold")));
    }
    changed(tx, None, now)
}

#[cfg(test)]
pub mod tests {
    //! What the story needs to look inside a transaction.

    use super::*;

    /// A unit of work in the transaction that was begun on a connection.
    pub fn transaction(sql: &Sql) -> Tx<'_> {
        Tx::new(sql)
    }
}
