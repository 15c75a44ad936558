//! The way to the collector: its name, its port, and who answers there.
//!
//! The port is opened at each look; whose certificate stands behind it is what the conversation with the collector
//! learnt at its last attempt ([`LastAttempt`]): no handshake is made for the look alone.

use super::resolve::Resolver;
use super::step::{Failure, Step};
use super::tcp;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What an attempt to speak with the collector came to, as far as the way there is concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Attempt {
    /// None was made, or it tells nothing of the way.
    #[default]
    Unknown,
    /// The collector itself, by its certificate, at this address.
    Reached(IpAddr),
    /// Somebody showed a certificate that is not of our authority.
    Foreign,
    /// A connection was accepted, and cut or left silent before any certificate was shown.
    Cut,
}

/// The last attempt, shared between the conversation and the check.
#[derive(Debug, Clone, Default)]
pub struct LastAttempt(Arc<Mutex<Attempt>>);

impl LastAttempt {
    /// Notes an attempt.
    pub fn note(&self, attempt: Attempt) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = attempt;
    }

    /// The last one.
    pub fn get(&self) -> Attempt {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the collector is to be found, and what is known of it.
#[derive(Debug, Clone)]
pub struct Target {
    /// `host:port` as shown.
    pub shown: String,
    /// The name, or an address written out.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Where it was when it last proved itself.
    pub known: Vec<IpAddr>,
    /// What the last attempt came to.
    pub attempt: Attempt,
}

/// Looks once. Takes at most three times the patience.
pub async fn look(target: Target, resolver: &Resolver, patience: Duration) -> Step {
    let begun = Instant::now();
    match reach(&target, resolver, patience).await {
        Ok(()) => Step::ok(&target.shown, ""),
        Err(failure) => Step::failed(&target.shown, failure),
    }
    .took(begun.elapsed())
}

async fn reach(target: &Target, resolver: &Resolver, patience: Duration) -> Result<(), Failure> {
    let known = &target.known;
    let answers_where_it_was = async || !known.is_empty() && tcp::connect(known, target.port, patience).await.is_ok();
    let addresses = match resolver.addresses(&target.host, patience).await {
        Ok(addresses) => addresses,
        Err(why) if answers_where_it_was().await => {
            return Err(Failure::Misnamed(format!("{why}, but it answers where it was before")));
        }
        Err(why) => return Err(Failure::Unnamed(why)),
    };
    let answer = tcp::connect(&addresses, target.port, patience).await.map(drop);
    let spoilt = match target.attempt {
        Attempt::Unknown | Attempt::Reached(_) => None,
        Attempt::Foreign => Some(Failure::Foreign),
        Attempt::Cut => {
            Some(Failure::Refused("it accepts a connection and cuts it before it shows who it is".to_owned()))
        }
    };
    let answer = answer.and_then(|()| spoilt.map_or(Ok(()), Err));
    if answer.is_ok() {
        return Ok(());
    }
    let elsewhere = known.iter().all(|known| !addresses.contains(known));
    if elsewhere && answers_where_it_was().await {
        let to = addresses.first().map(ToString::to_string).unwrap_or_default();
        return Err(Failure::Misnamed(format!("the name leads to {to}, but it answers where it was before")));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(2);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    async fn look_at(host: &str, port: u16, known: &[IpAddr], attempt: Attempt) -> Step {
        let shown = format!("{host}:{port}");
        let target = Target { shown, host: host.to_owned(), port, known: known.to_vec(), attempt };
        look(target, &Resolver::default(), PATIENCE).await
    }

    async fn listening() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn a_port_that_opens_is_ok_unless_somebody_else_was_found_behind_it() {
        let (_listener, port) = listening().await;
        assert!(look_at("127.0.0.1", port, &[], Attempt::Unknown).await.is_ok());
        assert!(look_at("127.0.0.1", port, &[HERE], Attempt::Reached(HERE)).await.is_ok());
        let step = look_at("127.0.0.1", port, &[HERE], Attempt::Foreign).await;
        assert_eq!(step.failure(), Some(&Failure::Foreign));
        let step = look_at("127.0.0.1", port, &[HERE], Attempt::Cut).await;
        assert!(matches!(step.failure(), Some(Failure::Refused(_))), "{step:?}");
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_any_more_is_told_from_a_collector_that_is_gone() {
        let (listener, port) = listening().await;
        let step = look_at("collector.invalid", port, &[HERE], Attempt::Reached(HERE)).await;
        assert!(matches!(step.failure(), Some(Failure::Misnamed(_))), "{step:?}");
        drop(listener);
        let step = look_at("collector.invalid", port, &[HERE], Attempt::Reached(HERE)).await;
        assert!(matches!(step.failure(), Some(Failure::Unnamed(_))), "{step:?}");
        let step = look_at("127.0.0.1", port, &[HERE], Attempt::Reached(HERE)).await;
        assert!(matches!(step.failure(), Some(Failure::Refused(_))), "{step:?}");
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_is_told_when_the_collector_still_answers_where_it_was() {
        let (_listener, port) = listening().await;
        let step = look_at("127.0.0.2", port, &[HERE], Attempt::Reached(HERE)).await;
        assert!(matches!(step.failure(), Some(Failure::Misnamed(why)) if why.contains("127.0.0.2")), "{step:?}");
    }
}
