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
use std::sync::{Arc, LazyLock};
use vigie_shared::id::{MachineId, SchoolId};

/// How long a resolved incident stays in the view,
const RESOLVED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// and among what is past.
const PAST_FOR: SignedDuration = SignedDuration::from_hours(9 * 24);
/// Somebody heard within this time,
const HEARD_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// and since this long, shows that the collector can be reached, and could be.
const HEARD_FOR: SignedDuration = SignedDuration::from_mins(10);

/// The view of a school as it is in this transaction.
pub fn load(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<View, StoreError> {
    let there = There::look(sql, school, now)?;
    let lines = if there.lines { lines::of_school(sql, school)? } else { BTreeMap::new() };
    let ranges = if there.ranges { lines::ranges(sql, school)? } else { vec![] };
    let (tickets, ended_tickets) = if there.tickets { tickets::of_view(sql, school, now)? } else { Default::default() };
    let (incidents, past) = if there.incidents { incidents(sql, school, now)? } else { Default::default() };
    let (parents, past_parents) =
        if there.parents { wide::parents(sql, school, ago(now, PAST_FOR))? } else { Default::default() };
    let machines = machines(sql, school, &lines::known(&lines, ranges))?;
    let silent_server = machines.values().any(|row| row.kind == Kind::Server && row.presence == Presence::Silent);
    Ok(View {
        school,
        elsewhere: !silent_server || elsewhere(sql, school, now)?,
        checks: checks(sql, school, &machines)?,
        machines,
        incidents,
        past,
        tickets,
        ended_tickets,
        calendars: calendars::of_school_at(sql, school, &there.calendars)?,
        parents,
        past_parents,
        siblings: there.siblings,
        maintenance: if there.maintenance { maintenance::of_view(sql, school, now)? } else { vec![] },
        ticket_policy: if there.ticket_policy { ticket_policy::in_force(sql)? } else { Arc::default() },
        absence: there.absence,
        lines,
    })
}

/// What there is at all of what a school seldom has: one look instead of one for each.
struct There {
    lines: bool,
    ranges: bool,
    tickets: bool,
    incidents: bool,
    parents: bool,
    maintenance: bool,
    ticket_policy: bool,
    siblings: bool,
    calendars: Vec<u8>,
    absence: Option<CollectorAbsence>,
}

impl There {
    fn look(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<Self, StoreError> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            format!(
                "SELECT EXISTS (SELECT 1 FROM line WHERE school = ?1), EXISTS (SELECT 1 FROM network WHERE school = ?1), \
                    EXISTS (SELECT 1 FROM ticket WHERE school = ?1), EXISTS (SELECT 1 FROM incident WHERE school = ?1), \
                    EXISTS (SELECT 1 FROM incident WHERE {LATELY}), EXISTS (SELECT 1 FROM maintenance WHERE ends > ?3), \
                    EXISTS (SELECT 1 FROM ticket_policy), {SIBLINGS}, \
                    (SELECT version FROM calendar_state WHERE id = 1), c.absent_from, c.absent_until \
                 FROM (SELECT 1) one LEFT JOIN collector c ON c.absent_until IS NOT NULL",
                LATELY = wide::LATELY,
                SIBLINGS = wide::SIBLINGS,
            )
        });
        let read = |row: &Row<'_>| {
            let absence: (Option<Timestamp>, Option<Timestamp>) = (row.get(9)?, row.get(10)?);
            Ok(Self {
                lines: row.get(0)?,
                ranges: row.get(1)?,
                tickets: row.get(2)?,
                incidents: row.get(3)?,
                parents: row.get(4)?,
                maintenance: row.get(5)?,
                ticket_policy: row.get(6)?,
                siblings: row.get(7)?,
                calendars: row.get::<Option<Vec<u8>>>(8)?.unwrap_or_default(),
                absence: absence.0.zip(absence.1).map(|(from, until)| CollectorAbsence { from, until }),
            })
        };
        let since = ms(now.saturating_sub(maintenance::OVER_FOR).unwrap_or(Timestamp::MIN));
        let found = sql.find(&SQL, params![school, ms(ago(now, PAST_FOR)), since], read)?;
        found.ok_or_else(|| StoreError::Failed(format!("nothing can be told of the school {school}")))
    }
}

/// What is in service: nobody waits for a machine in stock, retired or stolen.
fn machines(sql: &Sql, school: SchoolId, known: &Known) -> Result<BTreeMap<MachineId, MachineRow>, StoreError> {
    const SQL: &str = "SELECT m.id, m.status, m.kind, l.last_seen, l.presence, l.interval_s, l.backoff_cap_s, \
            l.address, l.address_since, l.usual_address, l.network, m.room, l.since, l.habit, m.network, m.enrolled \
        FROM machine m JOIN liveness l ON l.machine = m.id \
        WHERE m.school = ?1 AND m.status IN ('trusted', 'quarantined') \
          AND NOT EXISTS (SELECT 1 FROM machine_hand h WHERE h.machine = m.id AND h.state <> 'in_service')";
    let read = |row: &Row<'_>| {
        let egress = lines::egress(row, 7, row.get(3)?)?;
        let machine = MachineRow {
            trusted: row.get::<String>(1)? == "trusted",
            kind: Kind::parse(&row.get::<String>(2)?),
            last_seen: row.get(3)?,
            presence: row.get::<Presence>(4)?,
            interval_s: row.get(5)?,
            backoff_cap_s: row.get(6)?,
            address: egress.map(|egress| egress.address),
            address_since: egress.and_then(|egress| egress.since),
            usual_address: egress.map(|egress| egress.usual()),
            network: row.get::<Option<NetworkKind>>(14)?.or_else(|| egress.and_then(|egress| egress.network(known))),
            room: row.get(11)?,
            enrolled: row.get(15)?,
            since: row.get(12)?,
            habit: maybe_parsed(row, 13)?.unwrap_or_default(),
        };
        Ok((row.get(0)?, machine))
    };
    sql.all(SQL, params![school.as_bytes()], read)
}

type Checks = BTreeMap<(MachineId, String, String), CheckRow>;

/// The checks of these machines.
fn checks(sql: &Sql, school: SchoolId, machines: &BTreeMap<MachineId, MachineRow>) -> Result<Checks, StoreError> {
    const SQL: &str = "SELECT machine, name, instance, state, reason, since FROM check_state WHERE school = ?1";
    let read = |row: &Row<'_>| {
        let check = CheckRow { state: row.get(3)?, reason: row.get(4)?, since: row.get(5)? };
        Ok(((row.get(0)?, row.get(1)?, row.get(2)?), check))
    };
    let mut all: Checks = sql.all(SQL, params![school.as_bytes()], read)?;
    all.retain(|(machine, ..), _| machines.contains_key(machine));
    Ok(all)
}

type Incidents = (BTreeMap<IncidentKey, IncidentRow>, Vec<(IncidentKey, IncidentRow)>);

/// Open incidents with the latest of each key among those resolved lately; and all others not long past.
fn incidents(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<Incidents, StoreError> {
    // Open ones come last, so that they replace a resolved one of the same key. Two ranges of one index: the incidents of
    // years past are not looked at.
    const SQL: &str = "WITH i AS (SELECT * FROM incident WHERE school = ?1 AND resolved IS NULL \
            UNION ALL SELECT * FROM incident WHERE school = ?1 AND resolved >= ?2) \
        SELECT i.scope, i.name, i.instance, i.cause, i.confidence, i.started_after, i.started_by, \
            i.detected, i.ended_after, i.ended_by, i.witnesses, i.votes, t.group_key, \
            i.returns, i.calm, i.resolved \
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
        let key = IncidentKey { scope: scope(row, 0)?, check: row.get(1)?, instance: row.get(2)? };
        Ok((key, incident, row.get(15)?))
    };
    let rows: Vec<(IncidentKey, IncidentRow, Option<Timestamp>)> =
        sql.all(SQL, params![school.as_bytes(), ms(ago(now, PAST_FOR))], read)?;
    let (mut latest, mut past) = Incidents::default();
    for (key, row, resolved) in rows {
        if resolved.is_some_and(|resolved| resolved < ago(now, RESOLVED_FOR)) {
            past.push((key, row));
        } else if let Some(before) = latest.insert(key.clone(), row) {
            past.push((key, before));
        }
    }
    Ok((latest, past))
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

/// Whether somebody of another school is heard, and has been for a while, or there is no other school.
fn elsewhere(sql: &Sql, school: SchoolId, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM liveness l JOIN machine m ON m.id = l.machine \
            WHERE l.last_seen > ?2 AND l.since <= ?3 AND l.presence = 'online' AND m.school <> ?1 \
              AND m.kind <> 'nomade') \
        OR NOT EXISTS (SELECT 1 FROM machine WHERE school <> ?1 AND status = 'trusted')";
    sql.value(SQL, params![school, ms(ago(now, HEARD_WITHIN)), ms(ago(now, HEARD_FOR))])
}

fn ago(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.saturating_sub(time).unwrap_or(Timestamp::MIN)
}

/// The collector's last absence.
pub fn absence(sql: &Sql) -> Result<Option<CollectorAbsence>, StoreError> {
    const SQL: &str = "SELECT absent_from, absent_until FROM collector WHERE absent_until IS NOT NULL";
    let read = |row: &Row<'_>| Ok(CollectorAbsence { from: row.get(0)?, until: row.get(1)? });
    sql.find(SQL, &[], read)
}
