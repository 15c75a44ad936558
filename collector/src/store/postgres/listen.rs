//! Hears what other processes tell with their commits, on a connection of its own, and has the versions of schools
//! compared. The thread ends soon after the store is dropped.

use super::super::StoreError;
use super::super::sql::engine::Sql;
use super::super::sql::published::{Published, Watching};
use super::engine::{CHANNEL, Engine};
use super::faults::Fault;
use super::session::{SHORT, Session, Use};
use super::settings::Settings;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it looks whether the store is still there.
const LOOK: Duration = Duration::from_millis(500);
/// Least time between two comparisons.
const PAUSE: Duration = Duration::from_millis(250);
/// A connection on which nothing is heard for this long is tried.
const TRY: Duration = Duration::from_secs(10);
/// Longest time between two attempts to connect.
const BACKOFF: Duration = Duration::from_secs(5);

/// Starts the thread. Everything until now counts as told.
pub fn start(settings: Arc<Settings>, own: Arc<str>, published: &Published) -> Result<(), StoreError> {
    let watching = published.watching();
    // Connected before the store is handed out, so that nothing is missed between.
    let session = connect(&settings).map_err(|fault| fault.told(&settings))?;
    let listener = Listener { settings, own, watching };
    let started = std::thread::Builder::new().name("store-listen".to_owned()).spawn(move || listener.serve(session));
    started.map(drop).map_err(|e| StoreError::Failed(format!("the thread that listens did not start: {e}")))
}

fn connect(settings: &Settings) -> Result<Session, Fault> {
    let mut session = Session::open(settings, Use::Serve)?;
    session.script_within(&format!("LISTEN {CHANNEL}"), SHORT)?;
    Ok(session)
}

struct Listener {
    settings: Arc<Settings>,
    own: Arc<str>,
    watching: Watching,
}

impl Listener {
    fn serve(self, session: Session) {
        let (mut session, mut reader, mut backoff) = (Some(session), None, LOOK);
        // The first look tells what came between the opening of the store and this.
        let mut news = true;
        while self.watching.is_wanted() {
            let heard = match &mut session {
                // What is known to be new is looked at first.
                Some(_) if news => Some(Ok(())),
                Some(session) => Some(self.hear(session, &mut news)),
                None => None,
            };
            match heard {
                Some(Ok(())) => {}
                Some(Err(fault)) => {
                    tracing::warn!(error = %fault.told(&self.settings), "changes by other processes are not heard for now");
                    session = None;
                }
                None => match connect(&self.settings) {
                    Ok(made) => {
                        tracing::info!(database = self.settings.place(), "changes by other processes are heard again");
                        (session, news, backoff) = (Some(made), true, LOOK);
                    }
                    Err(_) => {
                        std::thread::sleep(backoff);
                        backoff = (backoff * 2).min(BACKOFF);
                    }
                },
            }
            if news && session.is_some() {
                news = !self.compare(&mut reader);
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Waits a moment; a connection on which nothing came for long is asked whether it is still there.
    fn hear(&self, session: &mut Session, news: &mut bool) -> Result<(), Fault> {
        let until = Instant::now() + TRY;
        while Instant::now() < until {
            let told = session.notifications(LOOK)?;
            if !told.is_empty() {
                *news |= told.iter().any(|who| **who != *self.own);
                return Ok(());
            }
            if !self.watching.is_wanted() {
                return Ok(());
            }
        }
        session.script_within("SELECT 1", SHORT)
    }

    /// Answers whether versions could be compared. A transaction, so that a connection that went while it was idle is
    /// made again.
    fn compare(&self, reader: &mut Option<Sql>) -> bool {
        if reader.is_none() {
            *reader = Engine::connect(self.settings.clone(), self.own.clone(), Use::Serve).map(Sql::new).ok();
        }
        let (Some(sql), Some(published)) = (&*reader, self.watching.published()) else { return false };
        if sql.engine().begin_to_read().is_err() {
            return false;
        }
        published.compare(sql);
        let lost = sql.engine().broken().is_some();
        // Nothing was written.
        drop(sql.execute("ROLLBACK", &[]));
        !lost
    }
}
