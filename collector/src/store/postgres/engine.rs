//! A connection to PostgreSQL as the store uses it: lost ones are made again where a transaction begins, and what a lost
//! or contended transaction comes to is kept until the next one.

use super::super::StoreError;
use super::super::sql::engine::{Bulk, Each, Engine as Connected};
use super::super::sql::row::{Bind, Row};
use super::days::{self, Days};
use super::faults::Fault;
use super::session::{Parameter, SHORT, Session, Use};
use super::settings::Settings;
use super::value::Value;
use jiff::Timestamp;
use std::cell::{RefCell, RefMut};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vigie_shared::id::SchoolId;

/// A server that is starting or restarting is waited for this long, once.
const RETURN: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(50);
/// Parts of a counter.
const SHARDS: i64 = 16;
/// Where changes are told.
pub const CHANNEL: &str = "vigie_changes";
/// The advisory lock of what is seldom.
const SELDOM: i64 = 0x7669_6769_6501;

/// A connection.
pub struct Engine {
    settings: Arc<Settings>,
    /// The name of this process in notifications.
    own: Arc<str>,
    purpose: Use,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// Why the transaction cannot go on.
    broken: Option<StoreError>,
    /// Whether the server was away when it was looked for last.
    away: bool,
    in_transaction: bool,
    shard: i64,
    days: Days,
}

impl Engine {
    /// Connects.
    pub fn connect(settings: Arc<Settings>, own: Arc<str>, purpose: Use) -> Result<Self, StoreError> {
        let shard = i64::from(own.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))) % SHARDS;
        let engine = Self { settings, own, purpose, state: RefCell::new(State { shard, ..State::default() }) };
        let mut state = engine.state()?;
        engine.connected(&mut state)?;
        drop(state);
        Ok(engine)
    }

    fn state(&self) -> Result<RefMut<'_, State>, StoreError> {
        let busy = "a statement was run while the rows of another were read";
        self.state.try_borrow_mut().map_err(|_| StoreError::Failed(busy.to_owned()))
    }

    /// Makes the connection again if there is none. A server that just went is waited for; one that stays away is not.
    fn connected<'a>(&self, state: &'a mut State) -> Result<&'a mut Session, StoreError> {
        if state.session.is_none() {
            let until = Instant::now() + if state.away { Duration::ZERO } else { RETURN };
            let made = loop {
                match Session::open(&self.settings, self.purpose) {
                    Err(fault) if fault.passing() && Instant::now() < until => std::thread::sleep(STEP),
                    made => break made,
                }
            };
            state.away = made.is_err();
            state.session = Some(made.map_err(|fault| fault.told(&self.settings))?);
        }
        state.session.as_mut().ok_or_else(|| Fault::Closed.told(&self.settings))
    }

    fn start(&self, text: &str) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let state = &mut *state;
        if std::mem::take(&mut state.in_transaction) {
            // Somebody left without ending it.
            state.session = None;
        }
        state.broken = None;
        state.days.clear();
        let begun = self.connected(state)?.script_within(text, SHORT);
        let begun = match begun {
            // Nothing was lost with a connection that went while nobody used it.
            Err(fault) if fault.ends_the_connection() => {
                state.session = None;
                self.connected(state)?.script_within(text, SHORT)
            }
            begun => begun,
        };
        begun.map_err(|fault| self.note(state, &fault))?;
        state.in_transaction = true;
        Ok(())
    }

    /// Keeps what a fault means for the connection and the transaction.
    fn note(&self, state: &mut State, fault: &Fault) -> StoreError {
        let mut error = fault.told(&self.settings);
        if fault.outdated() {
            error = StoreError::Contended(format!("prepared statements are out of date: {error}"));
            state.session.iter_mut().for_each(Session::forget);
        }
        if fault.ends_the_connection() {
            state.session = None;
        }
        if matches!(error, StoreError::Away(_) | StoreError::Contended(_)) {
            state.broken.get_or_insert_with(|| error.clone());
        }
        error
    }

    /// Runs one statement.
    pub(super) fn run(
        &self,
        text: &str,
        values: &[Parameter<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<u64, StoreError> {
        let mut state = self.state()?;
        let state = &mut *state;
        // A connection that was lost in a transaction is not made again in the middle of it.
        if state.in_transaction && state.session.is_none() {
            return Err(state.broken.clone().unwrap_or_else(|| Fault::Closed.told(&self.settings)));
        }
        let session = self.connected(state)?;
        let result = session.query(text, values, |row| each(&Row(row)).map_err(Halt::Reader));
        result.map_err(|halt| match halt {
            Halt::Reader(error) => error,
            Halt::Fault(fault) => self.note(state, &fault),
        })
    }

    /// Ends, saves, goes back: words of which the server makes no plan.
    fn control(&self, text: &str) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let state = &mut *state;
        let ending = text == "COMMIT" || text == "ROLLBACK";
        if text.starts_with("ROLLBACK") {
            state.days.clear();
        }
        state.in_transaction &= !ending;
        let Some(session) = &mut state.session else {
            let lost = || Fault::Closed.told(&self.settings);
            return if text == "ROLLBACK" { Ok(()) } else { Err(state.broken.clone().unwrap_or_else(lost)) };
        };
        // A transaction that failed would answer COMMIT by rolling back, without an error: the look before tells.
        let text = if text == "COMMIT" { "SELECT 1; COMMIT" } else { text };
        session.script(text).map_err(|fault| self.note(state, &fault))
    }
}

/// Why rows are no longer read.
enum Halt {
    Reader(StoreError),
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Whether a text is one of [`Engine::control`].
fn is_control(text: &str) -> bool {
    ["COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"].iter().any(|word| text.starts_with(word))
}

fn none(_: &Row<'_>) -> Result<bool, StoreError> {
    Ok(true)
}

impl Connected for Engine {
    fn execute(&self, text: &str, values: &[&dyn Bind]) -> Result<usize, StoreError> {
        if values.is_empty() && is_control(text) {
            return self.control(text).map(|()| 0);
        }
        let values: Vec<Value<'_>> = values.iter().map(|value| Value::of(*value)).collect();
        let values: Vec<Parameter<'_>> = values.iter().map(|value| value as Parameter<'_>).collect();
        Ok(usize::try_from(self.run(text, &values, &mut none)?).unwrap_or(usize::MAX))
    }

    fn query(&self, text: &str, values: &[&dyn Bind], each: &mut Each<'_>) -> Result<(), StoreError> {
        let values: Vec<Value<'_>> = values.iter().map(|value| Value::of(*value)).collect();
        let values: Vec<Parameter<'_>> = values.iter().map(|value| value as Parameter<'_>).collect();
        self.run(text, &values, each).map(drop)
    }

    fn script(&self, text: &str) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let state = &mut *state;
        let done = self.connected(state)?.script(text);
        done.map_err(|fault| self.note(state, &fault))
    }

    fn begin(&self) -> Result<(), StoreError> {
        self.start("BEGIN")
    }

    fn begin_to_read(&self) -> Result<(), StoreError> {
        self.start("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    fn broken(&self) -> Option<StoreError> {
        self.state.try_borrow().ok().and_then(|state| state.broken.clone())
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }

    fn lock_schools(&self, schools: &BTreeSet<SchoolId>) -> Result<(), StoreError> {
        if schools.is_empty() {
            return Ok(());
        }
        const SQL: &str = "SELECT school FROM school_state WHERE school = ANY(?1) ORDER BY school FOR UPDATE";
        let schools: Vec<&[u8]> = schools.iter().map(|school| school.as_bytes().as_slice()).collect();
        self.run(SQL, &[&schools], &mut none).map(drop)
    }

    fn lock_seldom(&self) -> Result<(), StoreError> {
        self.run("SELECT pg_advisory_xact_lock(?1)", &[&SELDOM], &mut none).map(drop)
    }

    fn skip_locked(&self) -> &'static str {
        " FOR UPDATE SKIP LOCKED"
    }

    fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let mut now = None;
        self.run(SQL, &[], &mut |row| {
            now = Some(row.get(0)?);
            Ok(true)
        })?;
        Ok(now)
    }

    fn shard(&self) -> i64 {
        self.state.try_borrow().map_or(0, |state| state.shard)
    }

    fn open_day(&self, day: i64) -> Result<(), StoreError> {
        if self.state()?.days.holds(day) {
            return Ok(());
        }
        days::open(self, day)?;
        self.state()?.days.add(day);
        Ok(())
    }

    fn drop_days(&self, before: i64) -> Result<Option<u64>, StoreError> {
        self.state()?.days.clear();
        days::drop_before(self, before).map(Some)
    }

    fn announce(&self) -> Result<(), StoreError> {
        let own: &str = &self.own;
        self.run("SELECT pg_notify('vigie_changes', ?1)", &[&own], &mut none).map(drop)
    }

    fn others(&self) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }
}
