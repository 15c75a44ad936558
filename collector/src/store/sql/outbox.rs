//! What is to be told to people: written in the transaction of the verdict, handed to one collector at a time, repeated
//! until somebody was told (at least once).

use super::super::{Message, StoreError};
use super::engine::Sql;
use super::replicas::{UNLEASED, furthest, later};
use super::row::{Row, cut, json, ms, note, params};
use super::writer::Tx;
use crate::engine::Note;
use jiff::{SignedDuration, Timestamp};
use vigie_shared::id::{MessageId, ReplicaId, SchoolId, TicketId};

/// How long a message is somebody's to tell.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Attempts after which a message is given up.
const ATTEMPTS: u32 = 20;
/// A message this old is no news any more: it is given up.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Longest problem kept, characters.
const PROBLEM_MAX: usize = 500;

/// Puts a message about a ticket into the outbox.
pub fn put(tx: &Tx<'_>, school: SchoolId, ticket: TicketId, at: Timestamp, note: &Note) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO outbox (id, school, ticket, code, figures, created, due) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
    let row = params![MessageId::new(), school, ticket, note.code, json(&note.with)?, ms(at)];
    tx.sql.execute(SQL, row)?;
    Ok(())
}

/// Whether any message may be claimed.
pub fn any_due(sql: &Sql, now: Timestamp) -> Result<bool, StoreError> {
    let text = format!("SELECT id FROM outbox WHERE due <= ?1 AND {UNLEASED} LIMIT 1");
    Ok(sql.find(&text, params![ms(now), ms(now), furthest(now, LEASE)], |_| Ok(()))?.is_some())
}

/// Leases messages that are due, the oldest first; gives those up that were tried too often or are no news.
pub fn claim(tx: &mut Tx<'_>, replica: ReplicaId, now: Timestamp, limit: usize) -> Result<Vec<Message>, StoreError> {
    let now = cut(now);
    let text = format!(
        "WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE due <= ?1 AND {UNLEASED} ORDER BY due, id LIMIT ?4 {}) \
         UPDATE outbox SET leased_by = ?5, leased_until = ?6, attempts = outbox.attempts + 1 \
         WHERE id IN (SELECT id FROM due) RETURNING due, id",
        tx.sql.engine().skip_locked()
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let until = ms(later(now, LEASE));
    let values = params![ms(now), ms(now), furthest(now, LEASE), limit, replica, until];
    let read = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get(1)?));
    let mut claimed: Vec<(i64, MessageId)> = tx.sql.all(&text, values, read)?;
    claimed.sort_unstable();
    let mut messages = Vec::new();
    for (_, id) in claimed {
        let Some(message) = message(tx.sql, id)? else { continue };
        // Whoever had it before may have died of it without saying so.
        if message.attempt > ATTEMPTS || message.created.duration_until(now) > NEWS_FOR {
            give_up(tx.sql, &message, "nobody said why")?;
        } else {
            messages.push(message);
        }
    }
    Ok(messages)
}

fn message(sql: &Sql, id: MessageId) -> Result<Option<Message>, StoreError> {
    const SQL: &str = "SELECT o.id, o.ticket, t.number, s.uai, s.name, t.name, t.machine IS NOT NULL, m.host_name, \
            t.instance, o.code, o.figures, o.created, o.attempts \
        FROM outbox o JOIN ticket t ON t.id = o.ticket JOIN school s ON s.id = o.school \
        LEFT JOIN machine m ON m.id = t.machine WHERE o.id = ?1";
    let read = |row: &Row<'_>| {
        let about_machine: bool = row.get(6)?;
        let about = (row.get::<Option<String>>(7)?.unwrap_or_default(), row.get(8)?);
        Ok(Message {
            id: row.get(0)?,
            ticket: row.get(1)?,
            number: row.get(2)?,
            school: (row.get(3)?, row.get(4)?),
            check: row.get(5)?,
            about: about_machine.then_some(about),
            note: note(row, 9)?,
            created: row.get(11)?,
            attempt: row.get(12)?,
        })
    };
    sql.find(SQL, params![id], read)
}

/// A message was told.
pub fn done(tx: &mut Tx<'_>, id: MessageId, replica: ReplicaId) -> Result<(), StoreError> {
    tx.sql.execute("DELETE FROM outbox WHERE id = ?1 AND leased_by = ?2", params![id, replica])?;
    Ok(())
}

/// A message could not be told: it is due again later, or given up.
pub fn failed(
    tx: &mut Tx<'_>,
    id: MessageId,
    replica: ReplicaId,
    problem: &str,
    retry_at: Timestamp,
) -> Result<bool, StoreError> {
    let problem: String = problem.chars().filter(|c| *c != '\0').take(PROBLEM_MAX).collect();
    const SQL: &str = "UPDATE outbox SET problem = ?3, due = ?4, leased_by = NULL, leased_until = NULL \
                       WHERE id = ?1 AND leased_by = ?2";
    if tx.sql.execute(SQL, params![id, replica, problem, ms(retry_at)])? == 0 {
        return Ok(false);
    }
    match message(tx.sql, id)? {
        Some(message) if message.attempt >= ATTEMPTS || message.created.duration_until(retry_at) > NEWS_FOR => {
            give_up(tx.sql, &message, &problem)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn give_up(sql: &Sql, message: &Message, problem: &str) -> Result<(), StoreError> {
    sql.execute("DELETE FROM outbox WHERE id = ?1", params![message.id])?;
    tracing::warn!(
        ticket = message.number,
        school = message.school.0,
        what = message.note.code,
        attempts = message.attempt.min(ATTEMPTS),
        problem,
        "nobody could be told about this ticket: the message is given up; look at the ticket on the page"
    );
    Ok(())
}
