//! Reads for the pages of the fleet, a school, a machine, the quarantine, and the figures for `/metrics`. Each is one
//! snapshot and a number of queries that does not grow with machines (only with open incidents: one history each).

use super::super::{
    CheckView, Counts, Fleet, MachinePage, MachineSummary, QuarantinedMachine, SchoolPage, SchoolSummary, SectionRow,
    StoreError,
};
use super::engine::Sql;
use super::row::{Bind, Row, ms, note, params};
use super::{incidents, lines, replicas, rollup, tickets, view};
use crate::engine::CollectorAbsence;
use crate::facts::presence;
use crate::store::HistoryLine;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use vigie_shared::check::{CheckState, INTERNET, Reason};
use vigie_shared::id::{MachineId, SchoolId};
use vigie_shared::uai::Uai;

/// Tickets on the page of a school.
const TICKETS_OF_SCHOOL: usize = 20;
/// Outages that touch this long before now are shown.
const OUTAGES_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The whole fleet.
pub fn fleet(sql: &Sql, now: Timestamp) -> Result<Fleet, StoreError> {
    let mut machines = machines(sql, None, now)?;
    let mut open = incidents::open_by_school(sql, None)?;
    let mut outages = outages(sql, None, now)?;
    let known: Vec<SchoolSummary> = schools(
        sql,
        "WHERE EXISTS (SELECT 1 FROM machine m WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined'))",
        &[],
    )?;
    let schools = known
        .into_iter()
        .map(|school| SchoolSummary {
            machines: machines.remove(&school.id).unwrap_or_default(),
            open: open.remove(&school.id).unwrap_or_default(),
            outages: outages.remove(&school.id).unwrap_or_default(),
            ..school
        })
        .collect::<Vec<_>>();
    let all: usize = sql.value("SELECT count(*) FROM school", &[])?;
    const WAITING: &str = "SELECT count(*) FROM machine WHERE status = 'quarantined'";
    let quarantined = sql.value(WAITING, &[])?;
    let empty_schools = all.saturating_sub(schools.len());
    Ok(Fleet { schools, empty_schools, tickets: tickets::open(sql)?, quarantined })
}

/// One school.
pub fn school(sql: &Sql, uai: &str, now: Timestamp) -> Result<Option<SchoolPage>, StoreError> {
    let Ok(uai) = uai.parse::<Uai>() else { return Ok(None) };
    let Some(found) = schools(sql, "WHERE s.uai = ?1", params![uai.as_str()])?.pop() else { return Ok(None) };
    let id = found.id;
    let school = SchoolSummary {
        machines: machines(sql, Some(id), now)?.remove(&id).unwrap_or_default(),
        open: incidents::open_by_school(sql, Some(id))?.remove(&id).unwrap_or_default(),
        outages: outages(sql, Some(id), now)?.remove(&id).unwrap_or_default(),
        ..found
    };
    const NETWORKS: &str = "SELECT kind, cidr FROM network WHERE school = ?1 ORDER BY kind, cidr";
    let networks = sql.all(NETWORKS, params![id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let tickets = tickets::of_school(sql, id, TICKETS_OF_SCHOOL)?;
    Ok(Some(SchoolPage { school, tickets, networks, lines: lines::list(sql, Some(uai))? }))
}

/// Schools by name, without what hangs on them.
fn schools(sql: &Sql, condition: &str, parameters: &[&dyn Bind]) -> Result<Vec<SchoolSummary>, StoreError> {
    let text = format!(
        "SELECT s.id, s.uai, s.name, s.town, s.basin, coalesce(st.version, 0) \
         FROM school s LEFT JOIN school_state st ON st.school = s.id {condition} ORDER BY s.name, s.uai"
    );
    let read = |row: &Row<'_>| {
        Ok(SchoolSummary {
            id: row.get(0)?,
            uai: row.get(1)?,
            name: row.get(2)?,
            town: row.get(3)?,
            basin: row.get(4)?,
            version: row.get(5)?,
            machines: vec![],
            open: vec![],
            outages: vec![],
        })
    };
    sql.all(&text, parameters, read)
}

/// A condition on the school of some rows, whose parameter is the first and only: one school (by its index) or all.
pub fn of(school: Option<SchoolId>, column: &str) -> String {
    school.map_or_else(|| "TRUE".to_owned(), |_| format!("{column} = ?1"))
}

/// The values of [`of`].
pub fn only(school: &Option<SchoolId>) -> Vec<&dyn Bind> {
    school.iter().map(|school| school as &dyn Bind).collect()
}

/// What a cell shows, by school; all schools or one.
fn machines(
    sql: &Sql,
    school: Option<SchoolId>,
    now: Timestamp,
) -> Result<BTreeMap<SchoolId, Vec<MachineSummary>>, StoreError> {
    let text = format!(
        "SELECT m.id, m.host_name, m.kind, m.status, l.presence, l.last_seen, l.interval_s, l.backoff_cap_s, m.school \
         FROM machine m JOIN liveness l ON l.machine = m.id \
         WHERE {} AND m.status IN ('trusted', 'quarantined') ORDER BY m.host_name, m.id",
        of(school, "m.school")
    );
    let absence = view::absence(sql)?;
    let mut worst = worst(sql, school)?;
    let read = |row: &Row<'_>| Ok((row.get(8)?, summary(row, absence, now)?));
    let rows: Vec<(SchoolId, MachineSummary)> = sql.all(&text, &only(&school), read)?;
    let mut all: BTreeMap<SchoolId, Vec<MachineSummary>> = BTreeMap::new();
    for (school, machine) in rows {
        all.entry(school).or_default().push(with_worst(machine, &mut worst));
    }
    Ok(all)
}

/// Columns: id, host name, kind, status, presence, last seen, interval, back-off cap.
fn summary(row: &Row<'_>, absence: Option<CollectorAbsence>, now: Timestamp) -> Result<MachineSummary, StoreError> {
    let last_seen = row.get(5)?;
    Ok(MachineSummary {
        id: row.get(0)?,
        host_name: row.get(1)?,
        kind: row.get(2)?,
        status: row.get(3)?,
        presence: presence::shown(row.get(4)?, last_seen, row.get(6)?, row.get(7)?, absence, now),
        last_seen,
        worst: None,
        worst_check: None,
    })
}

type Worst = BTreeMap<MachineId, (CheckState, (String, String, Reason))>;

/// What needs somebody first: broken, then about to be, then not measured. (As an order of knowledge, unknown comes
/// last; it must not hide that something else is known to be broken.)
fn urgency(state: CheckState) -> u8 {
    match state {
        CheckState::Ok => 0,
        CheckState::Unknown => 1,
        CheckState::Warning => 2,
        CheckState::Critical => 3,
    }
}

fn worst(sql: &Sql, school: Option<SchoolId>) -> Result<Worst, StoreError> {
    let text = format!(
        "SELECT machine, state, name, instance, reason FROM check_state WHERE {} ORDER BY machine, since, name, instance",
        of(school, "school")
    );
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, (row.get(2)?, row.get(3)?, row.get(4)?)));
    let rows: Vec<(MachineId, CheckState, _)> = sql.all(&text, &only(&school), read)?;
    let mut worst = Worst::new();
    for (machine, state, check) in rows {
        // Of equals the one that has lasted longest.
        if worst.get(&machine).is_none_or(|(known, _)| urgency(state) > urgency(*known)) {
            worst.insert(machine, (state, check));
        }
    }
    Ok(worst)
}

fn with_worst(machine: MachineSummary, worst: &mut Worst) -> MachineSummary {
    match worst.remove(&machine.id) {
        None => machine,
        Some((state, check)) => MachineSummary { worst: Some(state), worst_check: Some(check), ..machine },
    }
}

type Outages = BTreeMap<SchoolId, Vec<(Timestamp, Option<Timestamp>)>>;

/// Internet outages of schools that touch the last 24 hours, oldest first.
fn outages(sql: &Sql, school: Option<SchoolId>, now: Timestamp) -> Result<Outages, StoreError> {
    let text = format!(
        "WITH touching AS (SELECT * FROM incident WHERE resolved IS NULL \
             UNION ALL SELECT * FROM incident WHERE ended_by >= ?2) \
         SELECT school, started_after, started_by, ended_after, ended_by FROM touching \
         WHERE {} AND name = ?1 AND scope LIKE 'school:%' ORDER BY school, started_by",
        school.map_or("TRUE", |_| "school = ?3")
    );
    let since = now.saturating_sub(OUTAGES_FOR).unwrap_or(Timestamp::MIN);
    let read = |row: &Row<'_>| {
        let ended = super::row::maybe_bracket(row, 3)?;
        Ok((row.get(0)?, (super::row::bracket(row, 1)?.estimate(), ended.map(|ended| ended.estimate()))))
    };
    let since = ms(since);
    let mut values: Vec<&dyn Bind> = vec![&INTERNET, &since];
    values.extend(only(&school));
    let rows: Vec<(SchoolId, _)> = sql.all(&text, &values, read)?;
    let mut all = Outages::new();
    for (school, outage) in rows {
        all.entry(school).or_default().push(outage);
    }
    Ok(all)
}

/// One machine with its sections and checks; revoked ones too.
pub fn machine(sql: &Sql, machine: MachineId, now: Timestamp) -> Result<Option<MachinePage>, StoreError> {
    const SQL: &str = "SELECT m.id, m.host_name, m.kind, m.status, l.presence, l.last_seen, l.interval_s, \
            l.backoff_cap_s, s.uai, s.name, m.enrolled, coalesce(l.address, m.enrolled_from), m.school \
        FROM machine m JOIN liveness l ON l.machine = m.id JOIN school s ON s.id = m.school \
        WHERE m.id = ?1 AND m.status <> 'deleted'";
    let absence = view::absence(sql)?;
    let read = |row: &Row<'_>| {
        let page = MachinePage {
            machine: summary(row, absence, now)?,
            school: (row.get(8)?, row.get(9)?),
            enrolled: row.get(10)?,
            address: row.get(11)?,
            sections: vec![],
            checks: vec![],
            samples: vec![],
            open: vec![],
            findings: vec![],
        };
        Ok((page, row.get(12)?))
    };
    let found = sql.find(SQL, params![machine.as_bytes()], read)?;
    let Some((page, school)) = found else { return Ok(None) };
    let mut worst = worst(sql, Some(school))?;
    Ok(Some(MachinePage {
        machine: with_worst(page.machine, &mut worst),
        sections: sections(sql, machine)?,
        checks: checks(sql, school, machine)?,
        samples: samples(sql, machine)?,
        open: incidents::open_of_machine(sql, machine)?,
        findings: findings(sql, machine)?,
        ..page
    }))
}

fn sections(sql: &Sql, machine: MachineId) -> Result<Vec<SectionRow>, StoreError> {
    const SQL: &str = "SELECT name, body, received, complete_body, complete_received FROM section \
                       WHERE machine = ?1 ORDER BY name";
    let read = |row: &Row<'_>| {
        let complete: (Option<String>, Option<Timestamp>) = (row.get(3)?, row.get(4)?);
        let last_complete = complete.0.zip(complete.1);
        Ok(SectionRow { name: row.get(0)?, body: row.get(1)?, received: row.get(2)?, last_complete })
    };
    sql.all(SQL, params![machine.as_bytes()], read)
}

fn checks(sql: &Sql, school: SchoolId, machine: MachineId) -> Result<Vec<CheckView>, StoreError> {
    const SQL: &str = "SELECT name, instance, state, reason, since, evidence FROM check_state \
                       WHERE school = ?1 AND machine = ?2 ORDER BY name, instance";
    let read = |row: &Row<'_>| {
        Ok(CheckView {
            check: row.get(0)?,
            instance: row.get(1)?,
            state: row.get(2)?,
            reason: row.get(3)?,
            since: row.get(4)?,
            evidence: row.get(5)?,
        })
    };
    sql.all(SQL, params![school.as_bytes(), machine.as_bytes()], read)
}

fn samples(sql: &Sql, machine: MachineId) -> Result<Vec<(String, String, f64, Timestamp)>, StoreError> {
    const SQL: &str = "SELECT metric, instance, value, at FROM sample_latest WHERE machine = ?1 \
                       ORDER BY metric, instance LIMIT 1000";
    sql.all(SQL, params![machine.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
}

fn findings(sql: &Sql, machine: MachineId) -> Result<Vec<HistoryLine>, StoreError> {
    const SQL: &str = "SELECT at, by, code, figures FROM finding WHERE machine = ?1 ORDER BY n DESC";
    let read = |row: &Row<'_>| Ok(HistoryLine { at: row.get(0)?, by: row.get(1)?, note: note(row, 2)? });
    sql.all(SQL, params![machine.as_bytes()], read)
}

/// Machines that wait for approval, those that wait longest first.
pub fn quarantine(sql: &Sql) -> Result<Vec<QuarantinedMachine>, StoreError> {
    const SQL: &str = "SELECT m.id, m.host_name, s.uai, s.name, m.enrolled_from, m.enrolled, \
            coalesce(m.why, 'address_not_expected') FROM machine m JOIN school s ON s.id = m.school \
        WHERE m.status = 'quarantined' ORDER BY m.enrolled, m.id";
    let read = |row: &Row<'_>| {
        Ok(QuarantinedMachine {
            id: row.get(0)?,
            host_name: row.get(1)?,
            school: (row.get(2)?, row.get(3)?),
            address: row.get(4)?,
            enrolled: row.get(5)?,
            why: row.get(6)?,
        })
    };
    sql.all(SQL, &[], read)
}

/// Figures for `/metrics`: sums over schools, and counts of what is few.
pub fn counts(sql: &Sql, now: Timestamp) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    rollup::add_up(sql, &mut counts)?;
    const OPEN: &str = "SELECT name, count(*) FROM incident WHERE resolved IS NULL GROUP BY name";
    counts.open_incidents = sql.all(OPEN, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let one = |text: &str| sql.value::<u64>(text, &[]);
    counts.events = one("SELECT CAST(coalesce(sum(value), 0) AS BIGINT) FROM counter WHERE name = 'event'")?;
    counts.gaps = one("SELECT CAST(coalesce(sum(value), 0) AS BIGINT) FROM counter WHERE name = 'gap'")?;
    counts.messages_waiting = one("SELECT count(*) FROM outbox")?;
    counts.refused_kept = one("SELECT count(*) FROM refused")?;
    counts.replicas = replicas::living(sql, now)?;
    Ok(counts)
}
