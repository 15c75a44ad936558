//! `schools import FILE.csv`: the national directory, or a simple list (see [`crate::directory`]). All or nothing.

use super::{Data, block_on, clock};
use crate::directory;
use anyhow::Context;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Bring in schools from a CSV file; those that are known are updated.
    Import {
        #[command(flatten)]
        data: Data,
        /// The file: columns of « annuaire de l'éducation », or uai, name, town, basin.
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
    },
}

/// Imports; each problem of the file is said with its line, and then nothing is kept.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Verb::Import { data, file } = options.verb;
    let name = file.display();
    let limit = u64::try_from(directory::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(&file).with_context(|| format!("{name} cannot be opened"))?;
    opened.take(limit).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read"))?;
    let rows = match directory::parse(&bytes) {
        Ok(rows) => rows,
        Err(errors) => {
            for error in &errors {
                eprintln!("{name}: {error}");
            }
            anyhow::bail!("nothing was imported from {name}: correct what is said above and import it again");
        }
    };
    let done = block_on(async {
        let store = data.open()?;
        Ok(store.import_schools(rows, clock().now()).await?)
    })?;
    eprintln!("{name}: schools added {}, updated {}, unchanged {}", done.added, done.updated, done.unchanged);
    Ok(ExitCode::SUCCESS)
}
