//! One connection, from the end of its handshake to its end.
//!
//! Connections of agents live for months and there are thousands: HTTP/1 only (20 KB each; `auto` takes 24, HTTP/2 28),
//! boxed calls so that an idle one holds no room for a call, no `date` header, and an idle limit of three times the
//! longest heartbeat, for each reconnection costs what five heartbeats do.

use super::refusal::Answer;
use crate::store::Peer;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use vigie_shared::error::ErrorCode;
use vigie_shared::policy::HEARTBEAT_MAX_S;

/// How long an agent's connection may be idle.
pub const AGENT_IDLE: Duration = Duration::from_secs(3 * HEARTBEAT_MAX_S as u64);
/// How long whoever enrols may take for the head of the request.
const ENROL_HEAD: Duration = Duration::from_secs(10);
/// How long a browser's connection may be idle.
const WEB_IDLE: Duration = Duration::from_secs(75);
/// Buffer of a machine's connection, bytes: also the longest head.
const MACHINE_BUFFER: usize = 16 << 10;
/// Buffer of a browser's connection, bytes.
const WEB_BUFFER: usize = 64 << 10;

/// Who is at the other end of an agent's connection.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The machine of its certificate, or the code that it is refused with.
    pub peer: Result<Peer, ErrorCode>,
    /// From where.
    pub address: IpAddr,
}

/// What answers on the machines' doors.
pub trait Handler: Send + Sync + 'static {
    /// A request on the agents' door.
    fn agent(
        self: Arc<Self>,
        caller: Arc<Caller>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Answer> + Send + 'static;
    /// A request on the enrolment door.
    fn enrol(
        self: Arc<Self>,
        address: IpAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Answer> + Send + 'static;
}

/// Resolves when the collector stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can say stop any more: the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves a connection until its end; at a stop the call in flight is answered first.
macro_rules! serve {
    ($connection:expr, $stop:expr, $door:literal, $from:expr) => {{
        // In a box: a future keeps each place through which a value was moved, and a connection with its TLS is large.
        let mut connection = Box::pin($connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = stopped(&mut $stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(door = $door, from = %$from, %error, "connection ended");
        }
    }};
}

/// Serves the agents' door.
pub(super) async fn agent<H: Handler, S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    caller: Arc<Caller>,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
) {
    let from = caller.address;
    let service = service_fn(move |request| {
        let answer = handler.clone().agent(caller.clone(), request);
        Box::pin(async move { Ok::<_, Infallible>(answer.await) })
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(AGENT_IDLE)
        .auto_date_header(false)
        // An agent that hangs up while its call is written is noticed when it is answered: listening for it meanwhile
        // costs a read of the socket and a buffer at every heartbeat.
        .half_close(true)
        .max_buf_size(MACHINE_BUFFER);
    serve!(builder.serve_connection(TokioIo::new(stream), service), stop, "agent", from);
}

/// Serves the enrolment door: one call, then it closes.
pub(super) async fn enrol<H: Handler, S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    from: IpAddr,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let answer = handler.clone().enrol(from, request);
        Box::pin(async move { Ok::<_, Infallible>(answer.await) })
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(ENROL_HEAD).auto_date_header(false);
    builder.keep_alive(false).max_buf_size(MACHINE_BUFFER);
    serve!(builder.serve_connection(TokioIo::new(stream), service), stop, "enrol", from);
}

/// Serves the web door; requests know where they come from.
pub(super) async fn web<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    from: SocketAddr,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        router.call(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(WEB_IDLE).max_buf_size(WEB_BUFFER);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(64).keep_alive_interval(WEB_IDLE);
    serve!(builder.serve_connection(TokioIo::new(stream), service), stop, "web", from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::refusal::refuse_of_store;
    use crate::store::StoreError;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A collector whose store fails as told.
    struct Fails(StoreError);

    impl Handler for Fails {
        async fn agent(self: Arc<Self>, _caller: Arc<Caller>, _request: Request<Incoming>) -> Answer {
            refuse_of_store(self.0.clone(), "test")
        }

        async fn enrol(self: Arc<Self>, _address: IpAddr, _request: Request<Incoming>) -> Answer {
            refuse_of_store(self.0.clone(), "test")
        }
    }

    /// What comes back on one connection for two calls, until the collector closes it or two answers are there.
    async fn answers(error: StoreError) -> String {
        let (mut ours, theirs) = tokio::io::duplex(64 << 10);
        let (_stop, stopping) = watch::channel(false);
        let caller =
            Arc::new(Caller { peer: Err(ErrorCode::CertificateMissing), address: IpAddr::from([192, 0, 2, 7]) });
        tokio::spawn(agent(theirs, caller, Arc::new(Fails(error)), stopping));
        const CALL: &[u8] = b"POST /agent/v1/sync HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
        let mut said = String::new();
        for _ in 0..2 {
            if ours.write_all(CALL).await.is_err() {
                break;
            }
            let before = said.matches("HTTP/1.1").count();
            let mut some = [0; 4096];
            while said.matches("HTTP/1.1").count() == before || !said.ends_with('}') {
                match ours.read(&mut some).await.unwrap() {
                    0 => return said,
                    n => said.push_str(std::str::from_utf8(&some[..n]).unwrap()),
                }
            }
        }
        said
    }

    #[tokio::test]
    async fn a_collector_without_its_database_sends_agents_back_through_the_balancer() {
        let said = answers(StoreError::Away("gone".to_owned())).await;
        assert_eq!(said.matches("HTTP/1.1 503").count(), 1, "closed after the answer: {said}");
        assert!(said.contains("connection: close\r\n") && said.contains("retry-after: "), "{said}");

        let said = answers(StoreError::Contended("others".to_owned())).await;
        assert_eq!(said.matches("HTTP/1.1 503").count(), 2, "the connection is kept: {said}");
        assert!(!said.contains("connection: close"), "{said}");
    }
}
