//! The doors over real TLS on the loopback, before the embedded store.

mod balancers;
mod bodies;
mod bounds;
mod calls;
mod certificates;
mod client;
mod doors;
mod enrolment;
mod world;
