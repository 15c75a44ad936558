//! Several collectors on one store: who lives, up to when silence may be judged, who looks at which school.
//!
//! A sign of life that finds nothing to say writes one row, its own. What touches others (giving one up, an absence)
//! is judged one at a time, and the rows are read again when the turn came.

use super::super::{CLOCKS_APART, ReplicaState, SignOfLife, Signed, StoreError};
use super::engine::Sql;
use super::row::{Row, cut, ms, params};
use super::writer::Tx;
use super::{set_back, view};
use crate::engine::CollectorAbsence;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use vigie_shared::id::{ReplicaId, SchoolId};

/// Not having been alive ourselves for longer than this is an absence. Signs come every second, and a machine with the
/// shortest heartbeat counts as silent after fifteen: much less than that must be told.
const ABSENT_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// Another collector that was not alive for longer than this is given up: until then it holds the watermark.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_secs(15);
/// Whoever has our name and was not alive for longer than this is the process whose place we took.
const SUCCEEDED_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// How far the common row may lag behind: it tells the last life of all when no collector left a row of its own.
const COMMON_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// A clock this much behind what it once said was set back (`ingest::watermark` waits for a smaller step).
const SET_BACK: SignedDuration = SignedDuration::from_secs(60);
/// How long a school that is due is ours to look at.
const LEASE: SignedDuration = SignedDuration::from_secs(10);

/// One collector as it last wrote.
struct Replica {
    id: ReplicaId,
    name: String,
    started: Timestamp,
    alive: Timestamp,
    low: Timestamp,
}

/// What a sign of life finds.
struct Found {
    /// When the common row was written; `None` before the first sign of all.
    common: Option<Timestamp>,
    /// Others that live.
    live: Vec<Replica>,
    /// Others whose clock is so far ahead that nothing they say can be believed.
    unbelievable: Vec<Replica>,
    /// Whether our clock was set back.
    set_back: bool,
    /// Others that are given up.
    gone: Vec<Replica>,
    /// Earlier processes whose place we took.
    succeeded: Vec<Replica>,
    /// The absence to keep, joined with the one kept before.
    absence: Option<CollectorAbsence>,
}

impl Found {
    /// Whether more than our own row must be written.
    fn is_serious(&self, sign: &SignOfLife) -> bool {
        sign.state != ReplicaState::Running
            || self.absence.is_some()
            || !self.gone.is_empty()
            || !self.succeeded.is_empty()
    }
}

/// Writes a sign of life and answers up to when silence may be judged.
pub fn sign(tx: &mut Tx<'_>, sign: &SignOfLife) -> Result<Signed, StoreError> {
    // A host whose clock was set would take all others for dead, and their machines for silent.
    let shared = if sign.by_database { tx.sql.engine().clock()? } else { None };
    let now = cut(shared.unwrap_or(sign.now));
    let sign = SignOfLife { now, low: cut(sign.low).min(now), ..sign.clone() };
    let mut found = look(tx.sql, &sign)?;
    if found.is_serious(&sign) {
        tx.sql.engine().lock_seldom()?;
        found = look(tx.sql, &sign)?;
    }
    for other in found.gone.iter().chain(&found.succeeded) {
        tx.sql.execute("DELETE FROM replica WHERE id = ?1", params![other.id])?;
    }
    write_own(tx.sql, &sign)?;
    write_common(tx.sql, &sign, &found)?;
    if found.set_back {
        set_back::believe(tx.sql, now)?;
    }
    if sign.state == ReplicaState::Starting || found.absence.is_some() {
        wake_all(tx.sql, now)?;
    }
    let furthest = found.live.iter().chain(&found.unbelievable).max_by_key(|other| other.alive);
    let ahead = furthest.map(|other| (other.name.clone(), now.duration_until(other.alive)));
    Ok(Signed {
        low: found.live.iter().map(|other| other.low).fold(sign.low, Timestamp::min),
        others: found.live.len(),
        gone: found.gone.into_iter().map(|other| (other.name, other.alive)).collect(),
        absence: found.absence,
        ahead: ahead.filter(|(_, by)| *by > CLOCKS_APART),
        shared,
    })
}

fn look(sql: &Sql, sign: &SignOfLife) -> Result<Found, StoreError> {
    let now = sign.now;
    const COMMON: &str = "SELECT alive FROM collector";
    let common: Option<Timestamp> = sql.find(COMMON, &[], |row| row.get(0))?;
    const ALL: &str = "SELECT id, name, started, alive, low FROM replica ORDER BY id";
    let read = |row: &Row<'_>| {
        let (id, name, started) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Replica { id, name, started, alive: row.get(3)?, low: row.get(4)? })
    };
    let all: Vec<Replica> = sql.all(ALL, &[], read)?;

    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|replica| replica.id == sign.replica);
    let last = own.iter().chain(&others).map(|replica| replica.alive.min(now)).chain(common).max();
    let long_ago = |alive: Timestamp| alive.duration_until(now) > ABSENT_AFTER;
    let mut absent_since: Vec<Timestamp> = last.filter(|alive| long_ago(*alive)).into_iter().collect();
    match own.first() {
        Some(own) => absent_since.extend(Some(own.alive).filter(|alive| sign.failed_before || long_ago(*alive))),
        // We were given up meanwhile: our agents had nobody until now.
        None if sign.state == ReplicaState::Running && common.is_some() => {
            absent_since.extend(now.checked_sub(GIVEN_UP_AFTER));
        }
        None => {}
    }
    let (mut live, mut unbelievable, mut gone, mut succeeded) = (vec![], vec![], vec![], vec![]);
    let mut furthest = own.iter().map(|own| own.alive).chain(common).max();
    for other in others {
        let unheard = other.alive.duration_until(now);
        let was_here = other.name == sign.name;
        if unheard > GIVEN_UP_AFTER {
            absent_since.push(other.alive);
            gone.push(other);
        } else if was_here && (unheard > SUCCEEDED_AFTER || -unheard >= SET_BACK) {
            furthest = furthest.max(Some(other.alive));
            // From its last sign until we started its agents had nobody.
            let started = own.first().map_or(now, |own| own.started);
            absent_since.extend(Some(other.alive).filter(|alive| alive.duration_until(started) > ABSENT_AFTER));
            succeeded.push(other);
        } else if -unheard > GIVEN_UP_AFTER {
            unbelievable.push(other);
        } else {
            live.push(other);
        }
    }
    // Our clock or what it said before was wrong. Beside somebody who lives in that future nobody knows which.
    let ahead = furthest.is_some_and(|furthest| now.duration_until(furthest) >= SET_BACK);
    let set_back = ahead && unbelievable.is_empty();
    if set_back {
        absent_since.push(now);
    }
    let absence = match absent_since.into_iter().min() {
        None => None,
        Some(from) => {
            let mut before = view::absence(sql)?;
            if let Some(before) = before.as_mut().filter(|_| set_back) {
                (before.from, before.until) = (before.from.min(now), before.until.min(now));
            }
            Some(joined(before, CollectorAbsence { from, until: now }))
        }
    };
    Ok(Found { common, live, unbelievable, set_back, gone, succeeded, absence })
}

/// Collectors whose last sign of life is not long past.
pub fn living(sql: &Sql, now: Timestamp) -> Result<u64, StoreError> {
    let since = now.saturating_sub(GIVEN_UP_AFTER).unwrap_or(Timestamp::MIN);
    sql.value("SELECT count(*) FROM replica WHERE alive >= ?1", params![ms(since)])
}

/// Two absences as one: what touches is one absence, and the end of the latest counts.
fn joined(before: Option<CollectorAbsence>, next: CollectorAbsence) -> CollectorAbsence {
    match before {
        Some(before) if before.until >= next.from => {
            CollectorAbsence { from: before.from.min(next.from), until: before.until.max(next.until) }
        }
        _ => next,
    }
}

fn write_own(sql: &Sql, sign: &SignOfLife) -> Result<(), StoreError> {
    if sign.state == ReplicaState::Leaving {
        sql.execute("DELETE FROM replica WHERE id = ?1", params![sign.replica])?;
        return Ok(());
    }
    const SQL: &str = "INSERT INTO replica (id, name, started, alive, low) VALUES (?1, ?2, ?3, ?3, ?4) \
                       ON CONFLICT (id) DO UPDATE SET alive = excluded.alive, low = excluded.low";
    sql.execute(SQL, params![sign.replica, sign.name, ms(sign.now), ms(sign.low)])?;
    Ok(())
}

fn write_common(sql: &Sql, sign: &SignOfLife, found: &Found) -> Result<(), StoreError> {
    let late = found.common.is_none_or(|alive| alive.duration_until(sign.now) >= COMMON_EVERY);
    if late || sign.state == ReplicaState::Leaving {
        const SQL: &str = "INSERT INTO collector (id, alive) VALUES (1, ?1) \
            ON CONFLICT (id) DO UPDATE SET alive = excluded.alive WHERE excluded.alive > collector.alive";
        sql.execute(SQL, params![ms(sign.now)])?;
    }
    if found.set_back {
        sql.execute("UPDATE collector SET alive = ?1", params![ms(sign.now)])?;
    }
    if let Some(absence) = found.absence {
        const ABSENCE: &str = "UPDATE collector SET absent_from = ?1, absent_until = ?2";
        sql.execute(ABSENCE, params![ms(absence.from), ms(absence.until)])?;
    }
    Ok(())
}

/// Has all schools with machines looked at.
pub fn wake_all(sql: &Sql, now: Timestamp) -> Result<(), StoreError> {
    const ASLEEP: &str = "SELECT school FROM school_state \
        WHERE (next_wake IS NULL OR next_wake > ?1) AND school IN (SELECT school FROM machine)";
    let asleep: BTreeSet<SchoolId> = sql.all(ASLEEP, params![ms(now)], |row| row.get(0))?;
    sql.engine().lock_schools(&asleep)?;
    const WAKE: &str = "UPDATE school_state SET next_wake = ?1 \
        WHERE (next_wake IS NULL OR next_wake > ?1) AND school IN (SELECT school FROM machine)";
    sql.execute(WAKE, params![ms(now)])?;
    Ok(())
}

/// A lease that does not hold: none, run out, or so far ahead that no clock of ours gave it. Parameters: now, and the
/// furthest end that is believed.
pub const UNLEASED: &str = "(leased_until IS NULL OR leased_until <= ?2 OR leased_until > ?3)";

/// The furthest end of a lease given for so long that is believed, as stored.
pub fn furthest(now: Timestamp, lease: SignedDuration) -> i64 {
    ms(later(later(now, lease), GIVEN_UP_AFTER))
}

/// An instant some time after another, or the last of all.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// Whether any school may be claimed.
pub fn any_due(sql: &Sql, upto: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
    let text = format!(
        "SELECT school FROM school_state WHERE next_wake IS NOT NULL AND next_wake <= ?1 AND {UNLEASED} LIMIT 1"
    );
    let found = sql.find(&text, params![ms(upto), ms(now), furthest(now, LEASE)], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Leases schools to look at, earliest first.
pub fn claim_due(
    tx: &mut Tx<'_>,
    replica: ReplicaId,
    upto: Timestamp,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<SchoolId>, StoreError> {
    let text = format!(
        "WITH due AS MATERIALIZED (SELECT school FROM school_state \
             WHERE next_wake IS NOT NULL AND next_wake <= ?1 AND {UNLEASED} ORDER BY next_wake, school LIMIT ?4 {}) \
         UPDATE school_state SET leased_by = ?5, leased_until = ?6 WHERE school IN (SELECT school FROM due) \
         RETURNING next_wake, school",
        tx.sql.engine().skip_locked()
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let until = ms(later(now, LEASE));
    let values = params![ms(upto), ms(now), furthest(now, LEASE), limit, replica, until];
    let read = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get(1)?));
    let mut claimed: Vec<(i64, SchoolId)> = tx.sql.all(&text, values, read)?;
    claimed.sort_unstable();
    Ok(claimed.into_iter().map(|(_, school)| school).collect())
}
