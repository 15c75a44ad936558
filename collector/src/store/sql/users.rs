//! People who sign in, their sessions, and failed tries to sign in.

use super::super::{NewSession, NewUser, Role, SessionRow, StoreError, UserRow};
use super::engine::Sql;
use super::row::{Row, ms, params};
use super::writer::Tx;
use jiff::{SignedDuration, Timestamp};

/// Failed tries kept in all; the oldest go first. Far above what throttling needs.
const FAILED_MAX: i64 = 10_000;
/// A session's last use is written at most this often.
pub const LAST_USE_EVERY: SignedDuration = SignedDuration::from_secs(60);

fn role(row: &Row<'_>, index: usize) -> Result<Role, StoreError> {
    let word: String = row.get(index)?;
    Role::parse(&word).ok_or_else(|| StoreError::Failed(format!("role « {word} » as stored is not known")))
}

/// Adds a user.
pub fn add(tx: &mut Tx<'_>, user: &NewUser) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO \"user\" (login, password_hash, role, created) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT (login) DO NOTHING";
    let row = params![user.login, user.password_hash, user.role.as_str(), ms(user.created)];
    if tx.sql.execute(SQL, row)? == 0 {
        return Err(StoreError::Conflict(format!("login « {} » is taken: choose another", user.login)));
    }
    Ok(())
}

/// A user by login.
pub fn user(sql: &Sql, login: &str) -> Result<Option<UserRow>, StoreError> {
    const SQL: &str = "SELECT login, password_hash, role FROM \"user\" WHERE login = ?1";
    let read = |row: &Row<'_>| Ok(UserRow { login: row.get(0)?, password_hash: row.get(1)?, role: role(row, 2)? });
    sql.find(SQL, params![login], read)
}

/// Gives a user another password, ends all sessions and forgets failed tries.
pub fn set_password(tx: &mut Tx<'_>, login: &str, password_hash: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE \"user\" SET password_hash = ?2 WHERE login = ?1";
    if tx.sql.execute(SQL, params![login, password_hash])? == 0 {
        return Err(nobody(login));
    }
    end_sessions_of(tx, login)?;
    clear_failed(tx, login)
}

/// Removes a user; the sessions go with the row.
pub fn remove(tx: &mut Tx<'_>, login: &str) -> Result<(), StoreError> {
    if tx.sql.execute("DELETE FROM \"user\" WHERE login = ?1", params![login])? == 0 {
        return Err(nobody(login));
    }
    clear_failed(tx, login)
}

fn nobody(login: &str) -> StoreError {
    StoreError::NotFound(format!("there is no user « {login} »"))
}

/// Whether any user exists.
pub fn any(sql: &Sql) -> Result<bool, StoreError> {
    sql.value("SELECT EXISTS (SELECT 1 FROM \"user\")", &[])
}

/// Keeps a session.
pub fn create_session(tx: &mut Tx<'_>, session: &NewSession) -> Result<(), StoreError> {
    if user(tx.sql, &session.login)?.is_none() {
        return Err(nobody(&session.login));
    }
    const SQL: &str = "INSERT INTO session (secret_sha256, login, csrf, created, expires, last_used) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?4)";
    let row = params![session.secret_sha256, session.login, session.csrf, ms(session.created), ms(session.expires)];
    tx.sql.execute(SQL, row)?;
    Ok(())
}

/// A session in force, and when its last use was written.
pub fn session(
    sql: &Sql,
    secret_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(SessionRow, Timestamp)>, StoreError> {
    const SQL: &str = "SELECT s.login, u.role, s.csrf, s.last_used FROM session s JOIN \"user\" u ON u.login = s.login \
                       WHERE s.secret_sha256 = ?1 AND s.expires > ?2";
    let read = |row: &Row<'_>| {
        let session = SessionRow { login: row.get(0)?, role: role(row, 1)?, csrf: row.get(2)? };
        Ok((session, row.get(3)?))
    };
    sql.find(SQL, params![secret_sha256, ms(now)], read)
}

/// Moves the last use of a session.
pub fn use_session(tx: &mut Tx<'_>, secret_sha256: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE session SET last_used = ?2 WHERE secret_sha256 = ?1 AND last_used < ?2";
    tx.sql.execute(SQL, params![secret_sha256, ms(now)])?;
    Ok(())
}

/// Ends a session.
pub fn end_session(tx: &mut Tx<'_>, secret_sha256: &[u8; 32]) -> Result<(), StoreError> {
    tx.sql.execute("DELETE FROM session WHERE secret_sha256 = ?1", params![secret_sha256])?;
    Ok(())
}

/// Ends all sessions of a user.
pub fn end_sessions_of(tx: &mut Tx<'_>, login: &str) -> Result<u64, StoreError> {
    let ended = tx.sql.execute("DELETE FROM session WHERE login = ?1", params![login])?;
    Ok(u64::try_from(ended).unwrap_or(u64::MAX))
}

/// Counts failed tries of a login since `since`, after adding one if asked.
pub fn failed(tx: &mut Tx<'_>, login: &str, add: bool, since: Timestamp, now: Timestamp) -> Result<u32, StoreError> {
    if add {
        const INSERT: &str = "INSERT INTO failed_sign_in (login, at) VALUES (?1, ?2)";
        tx.sql.execute(INSERT, params![key(login), ms(now)])?;
        const BOUND: &str = "DELETE FROM failed_sign_in WHERE n <= (SELECT max(n) FROM failed_sign_in) - ?1";
        tx.sql.execute(BOUND, params![FAILED_MAX])?;
    }
    const COUNT: &str = "SELECT count(*) FROM failed_sign_in WHERE login = ?1 AND at >= ?2";
    tx.sql.value(COUNT, params![key(login), ms(since)])
}

/// Forgets failed tries of a login.
pub fn clear_failed(tx: &mut Tx<'_>, login: &str) -> Result<(), StoreError> {
    tx.sql.execute("DELETE FROM failed_sign_in WHERE login = ?1", params![key(login)])?;
    Ok(())
}

/// What strangers type as a login has a bound here.
fn key(login: &str) -> String {
    login.chars().take(128).collect()
}
