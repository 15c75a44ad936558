//! A simulated world under the real store and the real engine, on a virtual clock.
//!
//! [`world`] holds schools, lines, networks and machines; [`action`] says what can happen to them; [`sight`] is what a
//! machine sees of it; [`agent`] behaves on the wire as the product's agent does (its own judge, confirmation and memory
//! are used); [`drive`] moves the clock and hands calls and ticks to the store exactly as the ingest does, minus sockets.
//! Everything that touches the store is in [`store_port`] and, for reading what came of it, in [`found`].
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use vigie_tests::sim::{action::*, drive::*, time, world::*};
//! let mut world = World::new(7);
//! world.schools.push(School::simple("0959901W"));
//! for n in 1..=14 {
//!     world.machines.push(Machine::new("0959901W", &format!("PC{n:02}"), Kind::Workstation));
//! }
//! let start = time::paris("2026-10-06", "09:00")?;
//! let mut drive = Drive::new(world, start, Options::default())?;
//! drive.plan(time::paris("2026-10-06", "08:00")?, Action::On { machines: Machines::all("0959901W"), within_s: 600 });
//! drive.plan(time::paris("2026-10-06", "10:02")?, Action::CutLine { line: LineRef::first("0959901W") });
//! drive.run_to(time::paris("2026-10-06", "10:10")?)?;
//! for ticket in drive.found()?.tickets {
//!     println!("{ticket:?}");
//! }
//! # Ok(()) }
//! ```

pub mod action;
pub mod agent;
mod calls;
mod decider;
pub mod drive;
pub mod found;
mod happen;
mod looks;
mod machines;
mod prober;
pub mod rng;
pub mod sight;
pub mod spool;
pub mod store_port;
mod ticker;
pub mod time;
pub mod world;

/// Milliseconds since 1970, virtual. Every instant of the simulation.
pub type Ms = i64;
