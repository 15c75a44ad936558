//! Command line of the agent: one verb, one file in `modes/`.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use vigie_agent::modes;

/// Watches this machine for the technicians of its school.
#[derive(Parser)]
#[command(name = "vigie-agent", version)]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

/// One file each in `modes/`.
#[derive(Subcommand)]
enum Mode {
    /// Bring this machine into the fleet with a token.
    Enrol(modes::enrol::Options),
    /// Watch this machine and report, until stopped.
    Run(modes::run::Options),
    /// Read the inventory of this machine, or of a captured one, and print it.
    Inventory(modes::inventory::Options),
    /// Make the checks once and print them.
    Check(modes::check::Options),
    /// Say how this agent fares: identity, last contact, spool.
    Status(modes::status::Options),
    /// Print exactly what would be sent.
    ShowPayload(modes::show_payload::Options),
    /// Copy what the inventory reads of this machine into a folder, to report what is read wrongly.
    Capture(modes::capture::Options),
    /// Show what the agent understands of one captured file.
    Parse(modes::parse::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().mode {
        Mode::Enrol(options) => modes::enrol::run(options),
        Mode::Run(options) => modes::run::run(options),
        Mode::Inventory(options) => modes::inventory::run(options),
        Mode::Check(options) => modes::check::run(options),
        Mode::Status(options) => modes::status::run(options),
        Mode::ShowPayload(options) => modes::show_payload::run(options),
        Mode::Capture(options) => modes::capture::run(options),
        Mode::Parse(options) => modes::parse::run(options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vigie-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
