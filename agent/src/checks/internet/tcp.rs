//! Connections: to addresses outside, and to the collector. Opened and closed, nothing is said.

use super::step::{Failure, Step};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Most addresses of one name that are tried, beside each other.
const ADDRESSES_MAX: usize = 3;

/// Connects to the first of these addresses that accepts.
pub async fn connect(addresses: &[IpAddr], port: u16, patience: Duration) -> Result<TcpStream, Failure> {
    let mut attempts = JoinSet::new();
    for address in addresses.iter().take(ADDRESSES_MAX) {
        attempts.spawn(TcpStream::connect(SocketAddr::new(*address, port)));
    }
    let until = Instant::now() + patience;
    let mut failure = None;
    loop {
        match tokio::time::timeout_at(until, attempts.join_next()).await {
            Err(_) => return Err(Failure::Silent),
            Ok(None) => return Err(failure.unwrap_or(Failure::Silent)),
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => {
                // A refusal by the target tells more than a family of addresses that this machine has no route for.
                let better = failure.is_none() || error.kind() == ErrorKind::ConnectionRefused;
                failure = if better { Some(refusal(&error)) } else { failure };
            }
            Ok(Some(Err(_))) => {}
        }
    }
}

/// One connection as a step, closed at once.
pub async fn step(target: &str, addresses: &[IpAddr], port: u16, patience: Duration) -> Step {
    let begun = Instant::now();
    match connect(addresses, port, patience).await {
        Ok(_) => Step::ok(target, ""),
        Err(failure) => Step::failed(target, failure),
    }
    .took(begun.elapsed())
}

fn refusal(error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::TimedOut => Failure::Silent,
        kind => Failure::Refused(kind.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_listener_accepts_and_a_closed_port_refuses() {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(step("open", &[LOOPBACK], port, PATIENCE).await.is_ok());

        drop(listener);
        let step = step("closed", &[LOOPBACK], port, PATIENCE).await;

        assert_eq!(step.failure(), Some(&Failure::Refused("connection refused".into())));
    }

    #[tokio::test]
    async fn one_address_that_accepts_is_enough() {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let closed = "127.0.0.2".parse().unwrap();
        assert!(step("either", &[closed, LOOPBACK], port, PATIENCE).await.is_ok());
    }
}
