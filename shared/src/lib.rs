//! What the Vigie agent and the collector both say: wire messages, inventory sections, checks, identifiers, digests.
//!
//! Nothing here reads a clock, a file or a socket: everything is data and pure functions, so that both ends agree by
//! construction. The wire is JSON over HTTP/1.1 (`POST /agent/v1/sync`), zstd level 3 above [`limits::COMPRESS_ABOVE`].

pub mod check;
pub mod digest;
pub mod enrol;
pub mod error;
pub mod event;
pub mod evidence;
pub mod glpi;
pub mod id;
pub mod limits;
mod open_enum;
pub mod outcome;
pub mod policy;
pub mod program;
pub mod section;
pub mod sync;
pub mod token;
pub mod uai;
pub mod version;
