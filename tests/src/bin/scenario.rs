//! `cargo run -p vigie-tests --bin scenario -- FILE…`: plays scenario files (folders: all `.scn` in them) on the real
//! store and engine. Exit code 1 with the differences, 2 for a file that cannot be read.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use vigie_tests::scenario::run::{Failure, file, files};
use vigie_tests::sim::drive::Options;

/// Plays scenarios and says what is not as wanted.
#[derive(Parser)]
#[command(name = "scenario")]
struct Arguments {
    /// Files, or folders with files that end in .scn.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Say what was found even when all is as wanted.
    #[arg(long)]
    verbose: bool,
    /// Look at every school whenever the ticker would, even if nothing can have changed. Slower, same result.
    #[arg(long)]
    every_look: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let paths = match files(&arguments.paths) {
        Ok(paths) => paths,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(2);
        }
    };
    if paths.is_empty() {
        eprintln!("no file that ends in .scn was found there");
        return ExitCode::from(2);
    }
    let options = Options { leap: !arguments.every_look, ..Options::default() };
    let mut worst = 0;
    for path in &paths {
        let began = Instant::now();
        match file(path, options) {
            Ok(outcome) => {
                let (days, took) = (outcome.simulated as f64 / 86_400_000.0, began.elapsed().as_millis());
                let good = outcome.differences.is_empty();
                println!(
                    "{} {} ({} wants, {days:.1} days in {took} ms)",
                    if good { "ok  " } else { "FAIL" },
                    path.display(),
                    outcome.wants
                );
                for difference in &outcome.differences {
                    print!("{difference}");
                }
                if good && arguments.verbose {
                    let tickets = outcome.found.tickets.iter().map(|ticket| ticket.shown());
                    let incidents = outcome.found.incidents.iter().map(|incident| incident.shown());
                    tickets.chain(incidents).for_each(|line| println!("    found: {line}"));
                }
                worst = worst.max(u8::from(!good));
            }
            Err(failure) => {
                println!("{failure}");
                worst = worst.max(match failure {
                    Failure::Unreadable(_) => 2,
                    Failure::Broken(_) => 2,
                });
            }
        }
    }
    ExitCode::from(worst)
}
