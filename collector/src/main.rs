//! Command line of the collector: one verb, one file in `modes/`.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;
use vigie_collector::modes;

/// Receives what the agents of a school fleet report, opens and closes tickets, shows the fleet.
#[derive(Parser)]
#[command(name = "vigie-collector", version)]
struct Arguments {
    /// How much is logged to the standard error: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info", global = true)]
    log_level: LevelFilter,
    #[command(subcommand)]
    mode: Mode,
}

/// One file each in `modes/`.
#[derive(Subcommand)]
enum Mode {
    /// Listen for agents, enrolments and browsers, until stopped.
    Serve(modes::serve::Options),
    /// Make enrolment tokens.
    Token(modes::token::Options),
    /// Let machines in that wait in quarantine.
    Approve(modes::approve::Options),
    /// Refuse a machine from now on.
    Revoke(modes::revoke::Options),
    /// List the machines.
    Machines(modes::machines::Options),
    /// Say in which room a machine stands, and on which network it is.
    Place(modes::place_machine::Options),
    /// Bring in the list of schools.
    Schools(modes::schools::Options),
    /// Declare the address ranges of schools.
    Network(modes::network::Options),
    /// Declare the internet accesses of schools.
    Line(modes::line::Options),
    /// Show or change when the networks of schools are expected to work.
    Calendar(modes::calendar::Options),
    /// Show or change what agents are asked to do.
    Policy(modes::policy::Options),
    /// Show or change which incidents become tickets.
    TicketPolicy(modes::ticket_policy::Options),
    /// Show or change the rules for software.
    SoftwarePolicy(modes::software_policy::Options),
    /// Bring in tables of endoflife.date: when products go out of support.
    ImportEndOfLife(modes::import_references::EndOfLife),
    /// Bring in lists of vulnerabilities in the format of OSV.
    ImportVulnerabilities(modes::import_references::Vulnerabilities),
    /// Open a ticket for a call.
    Ticket(modes::ticket::Options),
    /// Plan maintenance, in which nothing opens a ticket.
    Maintenance(modes::maintenance::Options),
    /// List the calls that the collector failed on, or show one.
    Refused(modes::refused::Options),
    /// Manage those who may sign in.
    User(modes::user::Options),
    /// Write a backup of the store into a file, while it is served or not.
    Backup(modes::backup::Options),
    /// Bring a backup into an empty store.
    Restore(modes::restore::Options),
    /// Look for damage and contradictions in the store; changes nothing.
    CheckStore(modes::check_store::Options),
    /// Copy a store into an empty one of either engine.
    MigrateStore(modes::migrate_store::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(arguments.log_level)
        .init();
    let result = match arguments.mode {
        Mode::Serve(options) => modes::serve::run(options),
        Mode::Token(options) => modes::token::run(options),
        Mode::Approve(options) => modes::approve::run(options),
        Mode::Revoke(options) => modes::revoke::run(options),
        Mode::Machines(options) => modes::machines::run(options),
        Mode::Place(options) => modes::place_machine::run(options),
        Mode::Schools(options) => modes::schools::run(options),
        Mode::Network(options) => modes::network::run(options),
        Mode::Line(options) => modes::line::run(options),
        Mode::Calendar(options) => modes::calendar::run(options),
        Mode::Policy(options) => modes::policy::run(options),
        Mode::TicketPolicy(options) => modes::ticket_policy::run(options),
        Mode::SoftwarePolicy(options) => modes::software_policy::run(options),
        Mode::ImportEndOfLife(options) => modes::import_references::end_of_life(options),
        Mode::ImportVulnerabilities(options) => modes::import_references::vulnerabilities(options),
        Mode::Ticket(options) => modes::ticket::run(options),
        Mode::Maintenance(options) => modes::maintenance::run(options),
        Mode::Refused(options) => modes::refused::run(options),
        Mode::User(options) => modes::user::run(options),
        Mode::Backup(options) => modes::backup::run(options),
        Mode::Restore(options) => modes::restore::run(options),
        Mode::CheckStore(options) => modes::check_store::run(options),
        Mode::MigrateStore(options) => modes::migrate_store::run(options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vigie-collector: {error:#}");
            ExitCode::FAILURE
        }
    }
}
