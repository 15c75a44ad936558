//! `./dev demo`: a school of four machines, its line cut and restored, the page to watch it on. Everything is real but
//! the school: networks are namespaces, programs are the ones that are installed.

use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;
use vigie_tests::agreement::in_paris;
use vigie_tests::fake::now_ms;
use vigie_tests::stage::{Stage, policy};
use vigie_tests::wait::{end_waits_on_signals, interrupted, stays_true};
use vigie_tests::world;

const MACHINES: usize = 4;
/// The page stays for this long at most.
const FOREVER: Duration = Duration::from_secs(8 * 3600);

/// Shows an outage from the first minute to the last, in a school made of network namespaces. Needs root.
#[derive(Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Heartbeat of the machines, seconds: 5 is quick to watch, 60 is what schools use.
    #[arg(long, default_value_t = 5)]
    heartbeat: u32,
    /// Seconds before the line is cut.
    #[arg(long, default_value_t = 30)]
    cut_after: u64,
    /// End when the ticket is resolved instead of waiting for Ctrl-C.
    #[arg(long)]
    end: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if world::skipped() {
        return ExitCode::FAILURE;
    }
    match end_waits_on_signals().and_then(|()| show(&arguments)) {
        Err(error) if !interrupted() => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
        _ => {
            say("Tout est rangé.", "Everything is cleaned up.");
            ExitCode::SUCCESS
        }
    }
}

fn show(arguments: &Arguments) -> Result<()> {
    let policy = policy(arguments.heartbeat);
    say(
        &format!("Un collège de {MACHINES} postes, une passerelle, une ligne, un collecteur."),
        &format!("A school of {MACHINES} machines, a gateway, a line, a collector."),
    );
    let mut stage = Stage::enrolled(MACHINES, &policy)?;
    let password = stage.collector.admin(&["user", "add", "superviseur.a", "--role", "supervisor"])?;
    for machine in &mut stage.machines {
        machine.start()?;
    }
    println!("\n    http://{}/\n    superviseur.a / {}\n", stage.collector.plain()?, password.trim());
    stage.wait_all_well(&policy)?;
    say("Les quatre postes sont là, internet répond.", "All four machines are there, the internet answers.");
    say(
        &format!("La ligne sera coupée dans {} s.", arguments.cut_after),
        &format!("The line will be cut in {} s.", arguments.cut_after),
    );
    pass(Duration::from_secs(arguments.cut_after))?;

    let cut = now_ms();
    stage.cut()?;
    say("✂ La ligne est coupée.", "✂ The line is cut.");
    let bound = Duration::from_secs(u64::from(arguments.heartbeat) * 5 + 60);
    let ticket = stage.wait_ticket(bound)?;
    let after = seconds(now_ms() - cut);
    say(
        &format!("Le ticket n° {} s'est ouvert tout seul, {after} s après la coupure.", ticket.number),
        &format!("Ticket {} opened by itself, {after} s after the cut.", ticket.number),
    );
    let due = in_paris(jiff::Timestamp::from_millisecond(ticket.due_ms)?)?;
    say(
        &format!("À rétablir avant le {} (4 h ouvrées).", due.strftime("%d/%m à %H h %M")),
        &format!("Due by {} in Paris (4 business hours).", due.strftime("%Y-%m-%d %H:%M")),
    );
    pass(Duration::from_secs(10))?;

    let restored = now_ms();
    stage.restore()?;
    say("La ligne est rétablie.", "The line is restored.");
    stage.wait_resolved(bound)?;
    let after = seconds(now_ms() - restored);
    say(
        &format!("Le ticket s'est résolu tout seul, {after} s après."),
        &format!("The ticket was resolved by itself, {after} s later."),
    );
    if !arguments.end {
        say("La page reste ouverte. Ctrl-C pour finir.", "The page stays open. Ctrl-C to end.");
        pass(FOREVER)?;
    }
    Ok(())
}

fn say(french: &str, english: &str) {
    println!("{french}\n  {english}");
}

fn pass(time: Duration) -> Result<()> {
    stays_true("time", time, || true)
}

fn seconds(milliseconds: i64) -> String {
    let tenths = milliseconds / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}
