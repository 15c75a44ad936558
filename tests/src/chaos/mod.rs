//! Random faults under a workload with known truth, and the proof that nothing acknowledged was lost and nothing
//! counted twice (`./dev measure chaos`).
//!
//! [`plan`] throws the faults of a seed. [`scene`] is three schools of real networks whose agents ([`agent`]: the
//! product's spool, caller and checks, and a producer of numbered events that keeps a [`journal`]) reach the collector
//! through [`path`], a relay that cuts, delays, repeats, reorders and damages. [`run`] makes the faults happen within
//! the rules of [`ground`]; [`judge`] compares the journals with what is [`stored`].

pub mod agent;
pub mod ground;
pub mod inflict;
pub mod journal;
pub mod judge;
pub mod outages;
pub mod path;
pub mod plan;
pub mod run;
pub mod scene;
pub mod stored;
pub mod volume;
