//! The three doors: TLS and its configurations ([`tls`], [`verifier`]), the accept loop ([`listener`], [`connection`]),
//! bounded bodies ([`body`]), the calls of agents ([`sync`], [`enrol`]), the queue before the store ([`queue`]), the life of
//! this collector among others ([`life`]) and the passage of time ([`ticker`]).

pub mod api;
pub mod attempts;
pub mod balancer;
pub mod body;
pub mod connection;
pub mod enrol;
pub(crate) mod json_path;
pub mod life;
pub mod listener;
pub mod queue;
pub mod reconciler;
pub mod refusal;
pub(crate) mod seldom;
pub mod sync;
pub mod ticker;
pub mod tls;
pub mod verifier;
pub mod watermark;

#[cfg(test)]
mod tests;
