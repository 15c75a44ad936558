//! The accept loop: TCP, the ClientHello, the door it asks for, the handshake, then [`connection`].
//!
//! Everything is bounded: handshakes in all and from one address, their time, connections of each door. What one
//! connection does never stops the loop.

use super::balancer::{self, Balancers};
use super::connection::{self, Caller, Handler, stopped};
use super::seldom::Seldom;
use super::tls::{Door, Tls};
use super::verifier;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use vigie_shared::error::ErrorCode;
use vigie_shared::limits::ALPN_AGENT;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// In handshake, in all.
    pub handshakes: u32,
    /// In handshake, from one address. Many schools may sit behind one, so it is generous.
    pub handshakes_of_one: u32,
    /// Time from TCP connection to the end of the handshake.
    pub handshake_time: Duration,
    /// On the agents' door.
    pub agents: u32,
    /// On the enrolment door.
    pub enrolments: u32,
    /// On the web door, plain listener included.
    pub web: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshakes: 2048,
            handshakes_of_one: 512,
            handshake_time: Duration::from_secs(10),
            agents: 100_000,
            enrolments: 256,
            web: 1024,
        }
    }
}

impl Bounds {
    /// Bounds that fit into so many open files, so that a crowd of agents never leaves none for the pages or the store.
    pub fn for_files(files: u32) -> Self {
        let most = Self::default();
        let (handshakes, web, enrolments) = (files / 8, files / 8, files / 16);
        let own = files / 16;
        Self {
            handshakes: most.handshakes.min(handshakes).max(1),
            handshakes_of_one: most.handshakes_of_one.min(handshakes / 2).max(1),
            web: most.web.min(web).max(1),
            enrolments: most.enrolments.min(enrolments).max(1),
            agents: most.agents.min(files.saturating_sub(handshakes + web + enrolments + own)).max(1),
            ..most
        }
    }

    /// Bounds that fit into the open files this process may have (`/proc/self/limits`; elsewhere the default).
    pub fn of_this_process() -> Self {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        open_files(&limits).map_or_else(Self::default, Self::for_files)
    }
}

/// The soft limit of open files, from the text of proc_pid_limits(5).
fn open_files(limits: &str) -> Option<u32> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What a socket serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// All three doors.
    All,
    /// The agents' and the enrolment door.
    Machines,
    /// The web door.
    Web,
    /// The web door without TLS: loopback only.
    PlainWeb,
}

impl Serves {
    fn has(self, door: Door) -> bool {
        match self {
            Self::All => true,
            Self::Machines => door != Door::Web,
            Self::Web => door == Door::Web,
            Self::PlainWeb => false,
        }
    }
}

/// Stands behind all sockets of the collector.
pub struct Gate<H> {
    tls: Arc<Tls>,
    handler: Arc<H>,
    web: axum::Router,
    plain_web: axum::Router,
    bounds: Bounds,
    balancers: Balancers,
    handshakes: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, u32>>>,
    agents: Arc<Semaphore>,
    enrolments: Arc<Semaphore>,
    people: Arc<Semaphore>,
    full: Seldom,
    unaccepted: Seldom,
    stop: watch::Receiver<bool>,
}

/// One handshake from an address; gives its place back when dropped.
struct OneOf(Arc<Mutex<HashMap<IpAddr, u32>>>, IpAddr);

impl Drop for OneOf {
    fn drop(&mut self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

impl<H: Handler> Gate<H> {
    /// A gate; `web` answers behind TLS, `plain_web` on the plain listener. Balancers are believed whom they speak for. It
    /// closes when `stop` says true.
    pub fn new(
        tls: Arc<Tls>,
        handler: Arc<H>,
        web: axum::Router,
        plain_web: axum::Router,
        bounds: Bounds,
        balancers: Balancers,
        stop: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let places = |n: u32| Arc::new(Semaphore::new(usize::try_from(n).unwrap_or(usize::MAX)));
        Arc::new(Self {
            tls,
            handler,
            web,
            plain_web,
            bounds,
            balancers,
            handshakes: places(bounds.handshakes),
            by_address: Arc::default(),
            agents: places(bounds.agents),
            enrolments: places(bounds.enrolments),
            people: places(bounds.web),
            full: Seldom::default(),
            unaccepted: Seldom::default(),
            stop,
        })
    }

    /// What answers on the machines' doors.
    pub fn handler(&self) -> Arc<H> {
        self.handler.clone()
    }

    /// Accepts connections on a socket until the stop.
    pub async fn accept(self: Arc<Self>, socket: TcpListener, serves: Serves) {
        let mut stop = self.stop.clone();
        loop {
            let next = async {
                // When all places are taken new connections wait in the kernel's queue.
                let place = self.handshakes.clone().acquire_owned().await;
                (place, socket.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = stopped(&mut stop) => return,
            };
            match (place, accepted) {
                (Ok(place), Ok((stream, from))) => self.greet(stream, from, place, serves),
                (_, Err(error)) => {
                    // Out of file descriptors (EMFILE) the same error would come back at once: let others end first.
                    if let Some(count) = self.unaccepted.count() {
                        tracing::warn!(%error, count, "connections could not be accepted; trying again every 100 ms");
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                (Err(_), _) => return,
            }
        }
    }

    /// Waits until what is in flight is answered, at most `patience`; pages that stream are not waited for.
    pub async fn finish(&self, patience: Duration) {
        let machines = async {
            let _ = self.handshakes.acquire_many(self.bounds.handshakes).await;
            let _ = self.agents.acquire_many(self.bounds.agents).await;
            let _ = self.enrolments.acquire_many(self.bounds.enrolments).await;
        };
        if timeout(patience, machines).await.is_err() {
            tracing::warn!("some calls of machines were still unanswered at the end; they will be sent again");
        }
        let _ = timeout(Duration::from_secs(1).min(patience), self.people.acquire_many(self.bounds.web)).await;
    }

    fn greet(self: &Arc<Self>, stream: TcpStream, from: SocketAddr, place: OwnedSemaphorePermit, serves: Serves) {
        // Answers are small and complete: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        if !self.balancers.hold(from.ip()) {
            return self.welcome(stream, from, place, serves);
        }
        let gate = self.clone();
        tokio::spawn(async move {
            let mut stream = stream;
            match timeout(gate.bounds.handshake_time, balancer::origin(&mut stream)).await {
                Ok(Ok(origin)) => gate.welcome(stream, origin, place, serves),
                Ok(Err(error)) => tracing::warn!(balancer = %from, %error, "a balancer did not say whom it speaks for"),
                Err(_) => tracing::debug!(balancer = %from, "a balancer said nothing"),
            }
        });
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, from: SocketAddr, place: OwnedSemaphorePermit, serves: Serves) {
        let address = from.ip().to_canonical();
        let Some(one) = self.one_of(address) else {
            tracing::debug!(%address, "too many handshakes at once from this address; connection closed");
            return;
        };
        let gate = self.clone();
        tokio::spawn(async move {
            let deadline = Instant::now() + gate.bounds.handshake_time;
            if serves == Serves::PlainWeb {
                drop((one, place));
                return gate.serve_web(stream, from, gate.plain_web.clone());
            }
            let shaken = timeout_at(deadline, gate.handshake(stream, serves)).await;
            drop((one, place));
            match shaken {
                Ok(Ok((Door::Agent, stream))) => gate.serve_agent(stream, address),
                Ok(Ok((Door::Enrol, stream))) => gate.serve_enrol(stream, address),
                Ok(Ok((Door::Web, stream))) => gate.serve_web(stream, from, gate.web.clone()),
                Ok(Err(error)) => tracing::debug!(%address, %error, "handshake refused"),
                Err(_) => tracing::debug!(%address, "handshake took too long"),
            }
        });
    }

    fn one_of(&self, address: IpAddr) -> Option<OneOf> {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.bounds.handshakes_of_one {
            return None;
        }
        *count += 1;
        Some(OneOf(self.by_address.clone(), address))
    }

    async fn handshake(&self, stream: TcpStream, serves: Serves) -> std::io::Result<(Door, TlsStream<TcpStream>)> {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        let door = Door::of(&start.client_hello());
        if !serves.has(door) {
            return Err(std::io::Error::other(format!("the door {door:?} is not served on this address")));
        }
        let stream = start.into_stream(self.tls.config(door)).await?;
        if door == Door::Agent && stream.get_ref().1.alpn_protocol() != Some(ALPN_AGENT) {
            return Err(std::io::Error::other("the agents' door was not agreed upon"));
        }
        Ok((door, stream))
    }

    fn serve_agent(&self, stream: TlsStream<TcpStream>, address: IpAddr) {
        let Some(place) = self.place(&self.agents, "agent") else { return };
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let peer = match shown {
            None => Err(ErrorCode::CertificateMissing),
            Some(certificate) => verifier::peer(certificate).ok_or(ErrorCode::MachineUnknown),
        };
        let caller = Arc::new(Caller { peer, address });
        let serving = Box::pin(connection::agent(stream, caller, self.handler.clone(), self.stop.clone()));
        tokio::spawn(async move {
            serving.await;
            drop(place);
        });
    }

    fn serve_enrol(&self, stream: TlsStream<TcpStream>, address: IpAddr) {
        let Some(place) = self.place(&self.enrolments, "enrol") else { return };
        let serving = connection::enrol(stream, address, self.handler.clone(), self.stop.clone());
        tokio::spawn(async move {
            serving.await;
            drop(place);
        });
    }

    fn serve_web<S>(&self, stream: S, from: SocketAddr, router: axum::Router)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let Some(place) = self.place(&self.people, "web") else { return };
        let serving = connection::web(stream, from, router, self.stop.clone());
        tokio::spawn(async move {
            serving.await;
            drop(place);
        });
    }

    /// A place on a door; when it is full the connection is closed, and that is said.
    fn place(&self, places: &Arc<Semaphore>, door: &'static str) -> Option<OwnedSemaphorePermit> {
        let place = places.clone().try_acquire_owned().ok();
        if place.is_none()
            && let Some(count) = self.full.count()
        {
            tracing::warn!(door, count, "all connections of a door are taken; new ones were closed");
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_fit_into_the_open_files() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(text), Some(1024));
        assert_eq!(open_files("Max open files            unlimited            unlimited            files"), None);
        for files in [16, 1024, 65_536, 1_000_000] {
            let bounds = Bounds::for_files(files);
            assert!(bounds.handshakes + bounds.web + bounds.enrolments + bounds.agents < files, "{files}: {bounds:?}");
        }
        assert_eq!(Bounds::for_files(1_000_000).agents, Bounds::default().agents);
        assert!(Bounds::for_files(65_536).agents > 40_000);
    }
}
