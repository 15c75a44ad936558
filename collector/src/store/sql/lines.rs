//! Internet accesses of schools, what the probe of their routers comes to, and from where machines call.

use super::super::{LineState, LineSummary, NewLine, Probe, ProbeResult, ProbedLine, StoreError, SyncItem};
use super::engine::Sql;
use super::row::{Row, cut, ms, params};
use super::writer::Tx;
use super::{decide, replicas, schools};
use crate::engine::{Decide, Input, LineRow, NetworkKind};
use crate::facts::egress::{Egress, Known};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::{LineId, MachineId, ReplicaId, SchoolId};
use vigie_shared::uai::Uai;

/// Most lines of one school.
const LINES_MAX: u64 = 8;
/// Longest operator and reference, characters.
const WORDS_MAX: usize = 100;
/// How long a collector that probes is the one that does: it may miss two of its rounds.
const DUTY: SignedDuration = SignedDuration::from_secs(45);
/// The duty of probing.
const PROBING: &str = "probe";
/// Most lines probed.
const PROBED_MAX: i64 = 5000;

/// The networks of a line as stored.
fn carries_text(carries: &BTreeSet<NetworkKind>) -> String {
    carries.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
}

/// The networks of a line from how they are stored; none when a word is not known, or there is none.
pub fn carries(text: &str) -> Option<BTreeSet<NetworkKind>> {
    text.split(',').map(NetworkKind::parse).collect()
}

fn carries_of(row: &Row<'_>, index: usize) -> Result<BTreeSet<NetworkKind>, StoreError> {
    let text: String = row.get(index)?;
    carries(&text)
        .ok_or_else(|| StoreError::Failed(format!("column {index} as stored: « {text} » is no list of networks")))
}

/// Adds a line; the same address again changes what is known of it.
pub fn add(tx: &mut Tx<'_>, line: &NewLine, now: Timestamp) -> Result<LineId, StoreError> {
    let good = |words: &str, least: usize| (least..=WORDS_MAX).contains(&words.chars().count());
    if !good(&line.operator, 1) || !good(&line.reference, 0) || line.carries.is_empty() {
        let message =
            format!("a line needs an operator, of at most {WORDS_MAX} characters like its reference, and a network");
        return Err(StoreError::Conflict(message));
    }
    let school = schools::find(tx.sql, line.school)?;
    tx.sql.engine().lock_schools(&[school].into())?;
    let address = line.address.to_canonical().to_string();
    const KNOWN: &str = "SELECT id FROM line WHERE school = ?1 AND address = ?2";
    let known: Option<LineId> = tx.sql.find(KNOWN, params![school, address], |row| row.get(0))?;
    let lines: u64 = tx.sql.value("SELECT count(*) FROM line WHERE school = ?1", params![school])?;
    if known.is_none() && lines >= LINES_MAX {
        return Err(StoreError::Conflict(format!("{} has {LINES_MAX} lines already: remove one first", line.school)));
    }
    let id = known.unwrap_or_default();
    const SQL: &str = "INSERT INTO line (id, school, operator, reference, address, carries, backup, probe, created) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET operator = excluded.operator, \
            reference = excluded.reference, carries = excluded.carries, backup = excluded.backup, probe = excluded.probe";
    let carries = carries_text(&line.carries);
    tx.sql.execute(
        SQL,
        params![id, school, line.operator, line.reference, address, carries, line.backup, line.probe.as_str(), ms(now)],
    )?;
    if line.probe == Probe::None {
        tx.sql.execute("DELETE FROM line_state WHERE line = ?1", params![id])?;
    }
    looked_at_again(tx, school, now)?;
    Ok(id)
}

/// Removes a line and what its probe came to.
pub fn remove(tx: &mut Tx<'_>, line: LineId, now: Timestamp) -> Result<(), StoreError> {
    const SCHOOL: &str = "SELECT school FROM line WHERE id = ?1";
    let school: Option<SchoolId> = tx.sql.find(SCHOOL, params![line], |row| row.get(0))?;
    let school = school.ok_or_else(|| StoreError::NotFound(format!("there is no line {line}")))?;
    tx.sql.engine().lock_schools(&[school].into())?;
    tx.sql.execute("DELETE FROM line_state WHERE line = ?1", params![line])?;
    tx.sql.execute("DELETE FROM line WHERE id = ?1", params![line])?;
    looked_at_again(tx, school, now)
}

/// The engine judged by what was known of the lines: it looks again.
fn looked_at_again(tx: &mut Tx<'_>, school: SchoolId, now: Timestamp) -> Result<(), StoreError> {
    const WAKE: &str = "UPDATE school_state SET next_wake = ?2 WHERE school = ?1 AND (next_wake IS NULL OR next_wake > ?2) \
                        AND school IN (SELECT school FROM machine)";
    tx.sql.execute(WAKE, params![school, ms(now)])?;
    tx.changed(school)
}

const STATE: &str = "s.answers, s.ours, s.since, s.last_answer, s.ever_answered";

/// Columns [`STATE`] from this one on.
fn state(row: &Row<'_>, first: usize) -> Result<Option<LineState>, StoreError> {
    let Some(answers) = row.get(first)? else { return Ok(None) };
    Ok(Some(LineState {
        answers,
        ours: row.get(first + 1)?,
        since: row.get(first + 2)?,
        last_answer: row.get(first + 3)?,
        ever_answered: row.get(first + 4)?,
    }))
}

/// Lines of one school, or all, the main ones first.
pub fn list(sql: &Sql, school: Option<Uai>) -> Result<Vec<LineSummary>, StoreError> {
    let text = format!(
        "SELECT l.id, c.uai, l.operator, l.reference, l.address, l.carries, l.backup, l.probe, {STATE} \
         FROM line l JOIN school c ON c.id = l.school LEFT JOIN line_state s ON s.line = l.id WHERE {} \
         ORDER BY c.uai, l.backup, l.operator, l.address",
        school.map_or("TRUE", |_| "c.uai = ?1")
    );
    let read = |row: &Row<'_>| {
        Ok(LineSummary {
            id: row.get(0)?,
            school: row.get(1)?,
            operator: row.get(2)?,
            reference: row.get(3)?,
            address: row.get(4)?,
            carries: carries_of(row, 5)?,
            backup: row.get(6)?,
            probe: row.get(7)?,
            state: state(row, 8)?,
        })
    };
    match school {
        None => sql.all(&text, &[], read),
        Some(school) => sql.all(&text, params![school.as_str()], read),
    }
}

/// Lines of a school as the engine sees them.
pub fn of_school(sql: &Sql, school: SchoolId) -> Result<BTreeMap<LineId, LineRow>, StoreError> {
    let text = format!(
        "SELECT l.id, l.operator, l.address, l.backup, l.carries, {STATE} \
         FROM line l LEFT JOIN line_state s ON s.line = l.id WHERE l.school = ?1"
    );
    let read = |row: &Row<'_>| {
        let state = state(row, 5)?;
        let line = LineRow {
            operator: row.get(1)?,
            address: row.get(2)?,
            backup: row.get(3)?,
            carries: carries_of(row, 4)?,
            answers: state.and_then(|state| state.evidence()),
            since: state.map(|state| state.since),
            last_answer: state.and_then(|state| state.last_answer),
            ever_answered: state.is_some_and(|state| state.ever_answered),
        };
        Ok((row.get(0)?, line))
    };
    sql.all(&text, params![school], read)
}

/// Address ranges of a school and the networks that they are.
pub fn ranges(sql: &Sql, school: SchoolId) -> Result<Vec<(IpNet, NetworkKind)>, StoreError> {
    const RANGES: &str = "SELECT cidr, kind FROM network WHERE school = ?1";
    let ranges: Vec<(String, NetworkKind)> = sql.all(RANGES, params![school], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(ranges.into_iter().filter_map(|(cidr, kind)| Some((cidr.parse().ok()?, kind))).collect())
}

/// What is known of the addresses of a school.
pub fn known(lines: &BTreeMap<LineId, LineRow>, ranges: Vec<(IpNet, NetworkKind)>) -> Known {
    Known { lines: lines.values().map(|line| (line.address, line.carries.clone())).collect(), ranges }
}

/// Four columns, from this one on: address, since when, the usual one, network. `heard`: when the machine was heard last.
pub fn egress(row: &Row<'_>, first: usize, heard: Option<Timestamp>) -> Result<Option<Egress>, StoreError> {
    let address: Option<String> = row.get(first)?;
    // An address that cannot be read tells nothing; the next call writes another.
    let Some(address) = address.and_then(|text| text.parse().ok()) else { return Ok(None) };
    let usual: Option<String> = row.get(first + 2)?;
    let usual = usual.and_then(|text| text.parse().ok());
    Ok(Some(Egress { address, since: row.get(first + 1)?, heard, usual, network: row.get(first + 3)? }))
}

/// A machine calls from elsewhere than before, or for the first time: keeps what was known, and what to tell the engine.
/// Called before the liveness row gets the new address.
pub fn moved(
    tx: &Tx<'_>,
    item: &SyncItem,
    machine: MachineId,
    school: SchoolId,
    received: Timestamp,
) -> Result<Option<Input>, StoreError> {
    const BEFORE: &str =
        "SELECT address, address_since, usual_address, network, last_seen FROM liveness WHERE machine = ?1";
    let before = tx.sql.find(BEFORE, params![machine], |row| egress(row, 0, row.get(4)?))?.flatten();
    let to = item.address.to_canonical();
    let after = match before {
        None => Egress::first(to, received),
        Some(before) => before.moved(to, received, &known(&of_school(tx.sql, school)?, ranges(tx.sql, school)?)),
    };
    const SQL: &str = "UPDATE liveness SET address_since = ?2, usual_address = ?3, network = ?4 WHERE machine = ?1";
    let usual = after.usual.map(|usual| usual.to_string());
    let network = after.network.map(NetworkKind::as_str);
    tx.sql.execute(SQL, params![machine, after.since.map(ms), usual, network])?;
    Ok(before.map(|before| Input::AddressChanged { machine, from: before.address, to, at: received }))
}

/// Keeps what a probe came to and tells the engine, when it is something else than what is known. A line that is not
/// probed any more is passed over.
pub fn probed(tx: &mut Tx<'_>, result: &ProbeResult, decider: &dyn Decide) -> Result<(), StoreError> {
    let text = format!(
        "SELECT l.id, {STATE} FROM line l LEFT JOIN line_state s ON s.line = l.id \
         WHERE l.id = ?1 AND l.school = ?2 AND l.probe = 'ping'"
    );
    let found = tx.sql.find(&text, params![result.line, result.school], |row| state(row, 1))?;
    let Some(before) = found else { return Ok(()) };
    let after = LineState {
        answers: result.answers,
        ours: result.ours && !result.answers,
        since: cut(result.since),
        last_answer: result.last_answer.map(cut).or(before.and_then(|before| before.last_answer)),
        ever_answered: result.answers || before.is_some_and(|before| before.ever_answered),
    };
    if before == Some(after) {
        return Ok(());
    }
    const SQL: &str = "INSERT INTO line_state (line, answers, ours, since, last_answer, ever_answered) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (line) DO UPDATE SET answers = excluded.answers, \
            ours = excluded.ours, since = excluded.since, last_answer = excluded.last_answer, \
            ever_answered = excluded.ever_answered";
    let LineState { answers, ours, since, last_answer, ever_answered } = after;
    tx.sql.execute(SQL, params![result.line, answers, ours, ms(since), last_answer.map(ms), ever_answered])?;
    tx.changed(result.school)?;
    let input = Input::Probe { line: result.line, answers, ours, at: since };
    decide::run(tx, result.school, &[input], cut(result.at), decider)
}

/// Whether there is a line to probe, and nobody else who does it.
pub fn probing_is_free(sql: &Sql, replica: ReplicaId, now: Timestamp) -> Result<bool, StoreError> {
    let any = sql.find("SELECT id FROM line WHERE probe = 'ping' LIMIT 1", &[], |_| Ok(()))?;
    if any.is_none() {
        return Ok(false);
    }
    const TAKEN: &str = "SELECT holder FROM duty WHERE name = ?1 AND until > ?2 AND until <= ?3";
    let taken: Option<ReplicaId> =
        sql.find(TAKEN, params![PROBING, ms(now), replicas::furthest(now, DUTY)], |row| row.get(0))?;
    Ok(taken.is_none_or(|holder| holder == replica))
}

/// Takes the duty of probing, or keeps it, and answers what is to be probed; `None` when another collector has it.
pub fn claim_probing(
    tx: &mut Tx<'_>,
    replica: ReplicaId,
    now: Timestamp,
) -> Result<Option<Vec<ProbedLine>>, StoreError> {
    const SQL: &str = "INSERT INTO duty (name, holder, until) VALUES (?1, ?2, ?3) \
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
        WHERE duty.holder = excluded.holder OR duty.until <= ?4 OR duty.until > ?5";
    let until = ms(replicas::later(now, DUTY));
    if tx.sql.execute(SQL, params![PROBING, replica, until, ms(now), replicas::furthest(now, DUTY)])? == 0 {
        return Ok(None);
    }
    let text = format!(
        "SELECT l.id, l.school, l.address, {STATE} FROM line l LEFT JOIN line_state s ON s.line = l.id \
         WHERE l.probe = 'ping' ORDER BY l.id LIMIT ?1"
    );
    let read = |row: &Row<'_>| {
        Ok(ProbedLine { id: row.get(0)?, school: row.get(1)?, address: row.get(2)?, state: state(row, 3)? })
    };
    tx.sql.all(&text, params![PROBED_MAX], read).map(Some)
}

/// Whether a machine of a school other than these was heard last between two instants: the collector's own line carried.
pub fn heard_elsewhere(
    sql: &Sql,
    than: &BTreeSet<SchoolId>,
    after: Timestamp,
    upto: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT DISTINCT m.school FROM liveness l JOIN machine m ON m.id = l.machine \
                       WHERE l.last_seen > ?1 AND l.last_seen <= ?2";
    let heard: Vec<SchoolId> = sql.all(SQL, params![ms(after), ms(upto)], |row| row.get(0))?;
    Ok(heard.iter().any(|school| !than.contains(school)))
}
