//! People who sign in, their sessions, and failed tries to sign in.

use super::super::{NewSession, NewUser, Role, SessionRow, StoreError, UserRow};
use super::row::{col, ms};
use super::writer::Tx;
use jiff::{SignedDuration, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Failed tries kept in all; the oldest go first. Far above what throttling needs.
const FAILED_MAX: i64 = 10_000;
/// A session's last use is written at most this often.
pub const LAST_USE_EVERY: SignedDuration = SignedDuration::from_secs(60);

fn role(row: &Row<'_>, index: usize) -> rusqlite::Result<Role> {
    let word: String = row.get(index)?;
    Role::parse(&word).ok_or_else(|| rusqlite::Error::InvalidColumnType(index, word, Type::Text))
}

/// Adds a user.
pub fn add(tx: &mut Tx<'_>, user: &NewUser) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO user (login, password_hash, role, created) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT (login) DO NOTHING";
    let row = params![user.login, user.password_hash, user.role.as_str(), ms(user.created)];
    if tx.sql.prepare_cached(SQL)?.execute(row)? == 0 {
        return Err(StoreError::Conflict(format!("login « {} » is taken: choose another", user.login)));
    }
    Ok(())
}

/// A user by login.
pub fn user(sql: &Connection, login: &str) -> Result<Option<UserRow>, StoreError> {
    const SQL: &str = "SELECT login, password_hash, role FROM user WHERE login = ?1";
    let read = |row: &Row<'_>| Ok(UserRow { login: row.get(0)?, password_hash: row.get(1)?, role: role(row, 2)? });
    Ok(sql.prepare_cached(SQL)?.query_row([login], read).optional()?)
}

/// Gives a user another password, ends all sessions and forgets failed tries.
pub fn set_password(tx: &mut Tx<'_>, login: &str, password_hash: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE user SET password_hash = ?2 WHERE login = ?1";
    if tx.sql.prepare_cached(SQL)?.execute([login, password_hash])? == 0 {
        return Err(nobody(login));
    }
    end_sessions_of(tx, login)?;
    clear_failed(tx, login)
}

/// Removes a user; the sessions go with the row.
pub fn remove(tx: &mut Tx<'_>, login: &str) -> Result<(), StoreError> {
    if tx.sql.prepare_cached("DELETE FROM user WHERE login = ?1")?.execute([login])? == 0 {
        return Err(nobody(login));
    }
    clear_failed(tx, login)
}

fn nobody(login: &str) -> StoreError {
    StoreError::NotFound(format!("there is no user « {login} »"))
}

/// Whether any user exists.
pub fn any(sql: &Connection) -> Result<bool, StoreError> {
    Ok(sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM user)")?.query_row([], |row| row.get(0))?)
}

/// Keeps a session.
pub fn create_session(tx: &mut Tx<'_>, session: &NewSession) -> Result<(), StoreError> {
    if user(tx.sql, &session.login)?.is_none() {
        return Err(nobody(&session.login));
    }
    const SQL: &str = "INSERT INTO session (secret_sha256, login, csrf, created, expires, last_used) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?4)";
    let row = params![session.secret_sha256, session.login, session.csrf, ms(session.created), ms(session.expires)];
    tx.sql.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// A session in force, and when its last use was written.
pub fn session(
    sql: &Connection,
    secret_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(SessionRow, Timestamp)>, StoreError> {
    const SQL: &str = "SELECT s.login, u.role, s.csrf, s.last_used FROM session s JOIN user u ON u.login = s.login \
                       WHERE s.secret_sha256 = ?1 AND s.expires > ?2";
    let read = |row: &Row<'_>| {
        let session = SessionRow { login: row.get(0)?, role: role(row, 1)?, csrf: row.get(2)? };
        Ok((session, col(row, 3)?))
    };
    Ok(sql.prepare_cached(SQL)?.query_row(params![secret_sha256, ms(now)], read).optional()?)
}

/// Moves the last use of a session.
pub fn use_session(tx: &mut Tx<'_>, secret_sha256: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE session SET last_used = max(last_used, ?2) WHERE secret_sha256 = ?1";
    tx.sql.prepare_cached(SQL)?.execute(params![secret_sha256, ms(now)])?;
    Ok(())
}

/// Ends a session.
pub fn end_session(tx: &mut Tx<'_>, secret_sha256: &[u8; 32]) -> Result<(), StoreError> {
    tx.sql.prepare_cached("DELETE FROM session WHERE secret_sha256 = ?1")?.execute([secret_sha256])?;
    Ok(())
}

/// Ends all sessions of a user.
pub fn end_sessions_of(tx: &mut Tx<'_>, login: &str) -> Result<u64, StoreError> {
    let ended = tx.sql.prepare_cached("DELETE FROM session WHERE login = ?1")?.execute([login])?;
    Ok(u64::try_from(ended).unwrap_or(u64::MAX))
}

/// Counts failed tries of a login since `since`, after adding one if asked.
pub fn failed(tx: &mut Tx<'_>, login: &str, add: bool, since: Timestamp, now: Timestamp) -> Result<u32, StoreError> {
    if add {
        const INSERT: &str = "INSERT INTO failed_sign_in (login, at) VALUES (?1, ?2)";
        tx.sql.prepare_cached(INSERT)?.execute(params![key(login), ms(now)])?;
        const BOUND: &str = "DELETE FROM failed_sign_in WHERE n <= (SELECT max(n) FROM failed_sign_in) - ?1";
        tx.sql.prepare_cached(BOUND)?.execute([FAILED_MAX])?;
    }
    const COUNT: &str = "SELECT count(*) FROM failed_sign_in WHERE login = ?1 AND at >= ?2";
    Ok(tx.sql.prepare_cached(COUNT)?.query_row(params![key(login), ms(since)], |row| col(row, 0))?)
}

/// Forgets failed tries of a login.
pub fn clear_failed(tx: &mut Tx<'_>, login: &str) -> Result<(), StoreError> {
    tx.sql.prepare_cached("DELETE FROM failed_sign_in WHERE login = ?1")?.execute([key(login)])?;
    Ok(())
}

/// What strangers type as a login has a bound here.
fn key(login: &str) -> String {
    login.chars().take(128).collect()
}
