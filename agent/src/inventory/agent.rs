//! The section `agent`: this program.

use crate::source::Source;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::Agent;

/// Reads the section. Of a captured machine too it tells the program that reads it.
pub fn collect(_source: &dyn Source) -> Outcome<Agent> {
    let environment = match () {
        () if cfg!(target_env = "gnu") => "-gnu",
        () if cfg!(target_env = "musl") => "-musl",
        () if cfg!(target_env = "msvc") => "-msvc",
        () => "",
    };
    let target = format!("{}-{}{environment}", std::env::consts::ARCH, std::env::consts::OS);
    Outcome::Complete { data: Agent { version: env!("CARGO_PKG_VERSION").into(), target } }
}
