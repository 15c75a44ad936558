//! Loads the rows of one school that the engine may look at.

use super::super::StoreError;
use super::engine::Sql;
use super::row::{Row, bracket, maybe_bracket, maybe_parsed, ms, params, parsed};
use super::{calendars, lines, maintenance, ticket_policy, tickets, wide};
use crate::engine::{
    Cause, CheckRow, CollectorAbsence, IncidentKey, IncidentRow, Kind, MachineRow, NetworkKind, Presence, Scope, View,
};
use crate::facts::egress::Known;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::{MachineId, SchoolId};

/// How long a resolved incident stays in the view.
const RESOLVED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The view of a school as it is in this transaction.
pub fn load(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<View, StoreError> {
    let lines = lines::of_school(sql, school)?;
    let known = lines::known(sql, school, &lines)?;
    let ticket_policy = ticket_policy::in_force(sql)?;
    let (tickets, ended_tickets) = tickets::of_view(sql, school, now)?;
    Ok(View {
        school,
        machines: machines(sql, school, &known, now)?,
        checks: checks(sql, school)?,
        incidents: incidents(sql, school, now)?,
        tickets,
        ended_tickets,
        lines,
        calendars: calendars::of_school(sql, school)?,
        parents: wide::parents(sql, school)?,
        siblings: wide::has_siblings(sql, school)?,
        maintenance: maintenance::of_view(sql, school, now)?,
        ticket_policy,
        absence: absence(sql)?,
    })
}

fn machines(
    sql: &Sql,
    school: SchoolId,
    known: &Known,
    now: Timestamp,
) -> Result<BTreeMap<MachineId, MachineRow>, StoreError> {
    const SQL: &str = "SELECT m.id, m.status, m.kind, l.last_seen, l.presence, l.interval_s, l.backoff_cap_s, \
            l.address, l.address_since, l.usual_address, l.network, m.room, l.since, l.habit, m.network \
        FROM machine m JOIN liveness l ON l.machine = m.id \
        WHERE m.school = ?1 AND m.status IN ('trusted', 'quarantined')";
    let read = |row: &Row<'_>| {
        let egress = lines::egress(row, 7)?;
        let machine = MachineRow {
            trusted: row.get::<String>(1)? == "trusted",
            kind: Kind::parse(&row.get::<String>(2)?),
            last_seen: row.get(3)?,
            presence: row.get::<Presence>(4)?,
            interval_s: row.get(5)?,
            backoff_cap_s: row.get(6)?,
            address: egress.map(|egress| egress.address),
            address_since: egress.and_then(|egress| egress.since),
            usual_address: egress.map(|egress| egress.usual_at(now)),
            network: row.get::<Option<NetworkKind>>(14)?.or_else(|| egress.and_then(|egress| egress.network(known))),
            room: row.get(11)?,
            since: row.get(12)?,
            habit: maybe_parsed(row, 13)?.unwrap_or_default(),
        };
        Ok((row.get(0)?, machine))
    };
    sql.all(SQL, params![school.as_bytes()], read)
}

type Checks = BTreeMap<(MachineId, String, String), CheckRow>;

fn checks(sql: &Sql, school: SchoolId) -> Result<Checks, StoreError> {
    const SQL: &str = "SELECT c.machine, c.name, c.instance, c.state, c.reason, c.since FROM check_state c \
        JOIN machine m ON m.id = c.machine WHERE c.school = ?1 AND m.status IN ('trusted', 'quarantined')";
    let read = |row: &Row<'_>| {
        let check = CheckRow { state: row.get(3)?, reason: row.get(4)?, since: row.get(5)? };
        Ok(((row.get(0)?, row.get(1)?, row.get(2)?), check))
    };
    sql.all(SQL, params![school.as_bytes()], read)
}

/// Open incidents, and the latest of each key among those resolved lately.
fn incidents(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<BTreeMap<IncidentKey, IncidentRow>, StoreError> {
    // Open ones come last, so that they replace a resolved one of the same key. Two ranges of one index: the incidents of
    // years past are not looked at.
    const SQL: &str = "WITH i AS (SELECT * FROM incident WHERE school = ?1 AND resolved IS NULL \
            UNION ALL SELECT * FROM incident WHERE school = ?1 AND resolved >= ?2) \
        SELECT i.scope, i.name, i.instance, i.cause, i.confidence, i.started_after, i.started_by, \
            i.detected, i.ended_after, i.ended_by, i.witnesses, i.votes, t.group_key, \
            i.returns, i.calm \
        FROM i LEFT JOIN ticket t ON t.id = i.ticket ORDER BY i.resolved IS NULL, i.resolved, i.detected";
    let read = |row: &Row<'_>| {
        let incident = IncidentRow {
            cause: row.get(3)?,
            confidence: row.get(4)?,
            started: bracket(row, 5)?,
            detected: row.get(7)?,
            ended: maybe_bracket(row, 8)?,
            witnesses: witnesses(row, 10)?,
            votes: votes(row, 11)?,
            ticket: row.get(12)?,
            returns: parsed(row, 13)?,
            calm: maybe_parsed(row, 14)?,
        };
        Ok((IncidentKey { scope: scope(row, 0)?, check: row.get(1)?, instance: row.get(2)? }, incident))
    };
    let since = now.saturating_sub(RESOLVED_FOR).unwrap_or(Timestamp::MIN);
    sql.all(SQL, params![school.as_bytes(), ms(since)], read)
}

/// The scope column.
pub fn scope(row: &Row<'_>, index: usize) -> Result<Scope, StoreError> {
    let text: String = row.get(index)?;
    text.parse().map_err(|e| StoreError::Failed(format!("column {index} as stored: {e}")))
}

/// The witnesses column: a JSON list of machines.
pub fn witnesses(row: &Row<'_>, index: usize) -> Result<BTreeSet<MachineId>, StoreError> {
    parsed(row, index)
}

/// The votes column: a JSON object of machine → cause.
fn votes(row: &Row<'_>, index: usize) -> Result<BTreeMap<MachineId, Cause>, StoreError> {
    parsed(row, index)
}

/// The collector's last absence.
pub fn absence(sql: &Sql) -> Result<Option<CollectorAbsence>, StoreError> {
    const SQL: &str = "SELECT absent_from, absent_until FROM collector WHERE absent_until IS NOT NULL";
    let read = |row: &Row<'_>| Ok(CollectorAbsence { from: row.get(0)?, until: row.get(1)? });
    sql.find(SQL, &[], read)
}
