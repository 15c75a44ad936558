//! One connection to the server while it lasts: made, signed in and set up; statements prepared once.

use super::faults::Fault;
use super::link::{Control, Drive, Link, Loop, Socket};
use super::settings::Settings;
use super::tls::{Connect, Secured};
use futures_core::Stream;
use socket2::{SockRef, TcpKeepalive};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_postgres::config::Host;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Row, RowStream, Statement};

/// A peer that acknowledges nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(10);
/// For what takes no time (begin, ping).
pub const SHORT: Duration = Duration::from_secs(10);
/// Statements kept prepared; beyond, all are made again.
const PREPARED: usize = 256;

const SET_UP: &str = "SET lock_timeout = '10s'; SET synchronous_commit = 'on'; SET client_min_messages = 'warning'; \
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; SET timezone = 'UTC'";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Short transactions: neither a dead network nor a frozen collector holds locks for long.
    Serve,
    /// The store as a whole, read in one transaction, however long that takes.
    Copy,
}

impl Use {
    fn set_up(self) -> String {
        let bounds = match self {
            Self::Serve => "SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '15s'",
            Self::Copy => "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0",
        };
        format!("{SET_UP}; {bounds}")
    }

    /// For one answer. A network that is cut is noticed sooner, by the kernel.
    fn patience(self, settings: &Settings) -> Duration {
        if self == Self::Serve { settings.patience } else { settings.patience.max(Duration::from_secs(3600)) }
    }
}

/// A parameter of a statement.
pub type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection that is signed in.
pub struct Session {
    client: Client,
    wire: Wire,
    turns: Loop,
    statements: HashMap<String, Statement>,
    patience: Duration,
}

/// The messages of a connection.
struct Wire {
    connection: Option<Connection<Link, Secured>>,
    /// Why it ended, where the server said so.
    end: Option<tokio_postgres::Error>,
    notifications: VecDeque<String>,
}

impl Drive for Wire {
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(connection) = &mut self.connection {
            match connection.poll_message(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(AsyncMessage::Notification(told)))) => {
                    self.notifications.push_back(told.payload().to_owned());
                }
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    tracing::debug!(notice = notice.message(), "the database says");
                }
                Poll::Ready(Some(Ok(_))) => {}
                // Dropped, so that whoever waits for an answer learns that none will come.
                Poll::Ready(Some(Err(error))) => (self.connection, self.end) = (None, Some(error)),
                Poll::Ready(None) => self.connection = None,
            }
        }
        Poll::Ready(())
    }
}

impl Session {
    /// Connects to the first host that answers, signs in and sets the session up.
    pub fn open(settings: &Settings, purpose: Use) -> Result<Self, Fault> {
        let mut last = Fault::Unreachable("no address".to_owned());
        for (host, name, port) in hosts(settings) {
            let socket = match reach(settings, &host, port) {
                Ok(socket) => socket,
                Err(why) => {
                    last = why;
                    continue;
                }
            };
            match Self::sign_in(settings, socket, name, purpose) {
                Ok(session) => return Ok(session),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    fn sign_in(settings: &Settings, socket: Socket, host: String, purpose: Use) -> Result<Self, Fault> {
        socket.set_write_timeout(SILENCE).map_err(|e| Fault::Unreachable(e.to_string()))?;
        let (link, control) = Link::new(socket);
        let turns = Loop::new(Control::clone(&control));
        let tls = Connect { tls: settings.tls.clone(), host };
        let connected =
            turns.run(settings.config.connect_raw(link, tls), settings.to_connect).map_err(|_| Fault::Stalled)?;
        let (client, connection) = connected.map_err(Fault::Told)?;
        let wire = Wire { connection: Some(connection), end: None, notifications: VecDeque::new() };
        let mut session =
            Self { client, wire, turns, statements: HashMap::new(), patience: purpose.patience(settings) };
        session.script_within(&purpose.set_up(), settings.to_connect)?;
        Ok(session)
    }

    /// Runs statements without parameters.
    pub fn script(&mut self, text: &str) -> Result<(), Fault> {
        self.script_within(text, self.patience)
    }

    /// Runs statements that take no time.
    pub fn script_within(&mut self, text: &str, patience: Duration) -> Result<(), Fault> {
        let Self { client, wire, turns, .. } = self;
        let done = turns.run_on(wire, client.batch_execute(text), patience);
        self.told(done)
    }

    /// Runs a statement; hands its rows over until `each` has enough. Answers how many rows were touched.
    pub fn query<E: From<Fault>>(
        &mut self,
        text: &str,
        values: &[Parameter<'_>],
        mut each: impl FnMut(&Row) -> Result<bool, E>,
    ) -> Result<u64, E> {
        let statement = self.prepared(text)?;
        let Self { client, wire, turns, patience, .. } = self;
        let started = turns.run_on(wire, client.query_raw(&statement, values.iter().copied()), *patience);
        let mut rows = pin!(self.told(started)?);
        while let Some(row) = self.next(rows.as_mut())? {
            if !each(&row)? {
                return Ok(0);
            }
        }
        Ok(rows.rows_affected().unwrap_or_default())
    }

    fn next(&mut self, mut rows: Pin<&mut RowStream>) -> Result<Option<Row>, Fault> {
        let next = poll_fn(|cx| rows.as_mut().poll_next(cx).map(Option::transpose));
        let next = self.turns.run_on(&mut self.wire, next, self.patience);
        self.told(next)
    }

    fn prepared(&mut self, text: &str) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.get(text) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= PREPARED {
            self.forget();
        }
        let Self { client, wire, turns, patience, .. } = self;
        let translated = super::value::translated(text);
        let made = turns.run_on(wire, client.prepare(&translated), *patience);
        let made = self.told(made)?;
        self.statements.insert(text.to_owned(), made.clone());
        Ok(made)
    }

    /// Forgets prepared statements: the tables under them changed.
    pub fn forget(&mut self) {
        self.statements.clear();
    }

    /// Waits for notifications at most this long; answers their payloads.
    pub fn notifications(&mut self, wait: Duration) -> Result<Vec<String>, Fault> {
        if self.wire.notifications.is_empty() {
            let _nothing_said = self.turns.wait(&mut self.wire, wait);
        }
        if self.wire.connection.is_none() && self.wire.notifications.is_empty() {
            return Err(self.wire.end.take().map_or(Fault::Closed, Fault::Told));
        }
        Ok(self.wire.notifications.drain(..).collect())
    }

    /// What came of a wait. The reason that the server gave for closing is told rather than that it closed.
    fn told<T>(&mut self, result: Result<Result<T, tokio_postgres::Error>, super::link::Stalled>) -> Result<T, Fault> {
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if error.is_closed() => Err(self.wire.end.take().map_or(Fault::Closed, Fault::Told)),
            Ok(Err(error)) => Err(Fault::Told(error)),
            Err(_) if self.wire.connection.is_none() => Err(self.wire.end.take().map_or(Fault::Closed, Fault::Told)),
            Err(_) => Err(Fault::Stalled),
        }
    }
}

/// Hosts to try in turn: where to go, the name that the certificate must bear, the port.
fn hosts(settings: &Settings) -> Vec<(Host, String, u16)> {
    let config = &settings.config;
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let host = |index: usize| -> Option<(Host, String, u16)> {
        let name = names.get(index);
        let place = match addresses.get(index) {
            Some(address) => Host::Tcp(address.to_string()),
            None => name?.clone(),
        };
        let called = match name.unwrap_or(&place) {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(_) => String::new(),
        };
        Some((place, called, ports.get(index).or(ports.first()).copied().unwrap_or(5432)))
    };
    (0..names.len().max(addresses.len())).filter_map(host).collect()
}

fn reach(settings: &Settings, host: &Host, port: u16) -> Result<Socket, Fault> {
    let unreachable = |e: std::io::Error| Fault::Unreachable(e.to_string());
    match host {
        Host::Tcp(name) => {
            let mut last = Fault::Unreachable(format!("{name} has no address"));
            for address in resolve(name, port, settings.to_connect)? {
                match TcpStream::connect_timeout(&address, settings.to_connect) {
                    Ok(socket) => return Ok(Socket::Tcp(watched(socket).map_err(unreachable)?)),
                    Err(error) => last = unreachable(error),
                }
            }
            Err(last)
        }
        #[cfg(unix)]
        Host::Unix(folder) => {
            let socket = std::os::unix::net::UnixStream::connect(folder.join(format!(".s.PGSQL.{port}")));
            Ok(Socket::Unix(socket.map_err(unreachable)?))
        }
    }
}

/// The addresses of a name. A name server that does not answer is waited for in another thread.
fn resolve(name: &str, port: u16, wait: Duration) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (answer, answers) = mpsc::channel();
    let asked = name.to_owned();
    let asking = std::thread::Builder::new().name("store-names".to_owned()).spawn(move || {
        let found = (asked.as_str(), port).to_socket_addrs().map(Vec::from_iter);
        // Whoever asked may have given up.
        drop(answer.send(found));
    });
    asking.map_err(|e| Fault::Unreachable(e.to_string()))?;
    match answers.recv_timeout(wait) {
        Ok(found) => found.map_err(|e| Fault::Unreachable(format!("{name}: {e}"))),
        Err(_) => Err(Fault::Unreachable(format!("no name server answered for {name}"))),
    }
}

/// A connection over a network that was cut is noticed while a statement runs and while nothing is said.
fn watched(socket: TcpStream) -> std::io::Result<TcpStream> {
    socket.set_nodelay(true)?;
    let settings = SockRef::from(&socket);
    let alive = TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(2));
    settings.set_tcp_keepalive(&alive.with_retries(3))?;
    #[cfg(target_os = "linux")]
    settings.set_tcp_user_timeout(Some(SILENCE))?;
    Ok(socket)
}
