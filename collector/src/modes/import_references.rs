//! `import-end-of-life FILE…` and `import-vulnerabilities FILE…`: tables for a collector without the internet.

use super::{BY, Data, block_on, clock};
use crate::fleet::{end_of_life, vulnerabilities};
use crate::store::{Reference, ReferenceKind};
use anyhow::{Context, bail};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Entries that go to the store at once.
const AT_ONCE: usize = 2000;

/// Arguments of `import-end-of-life`.
#[derive(clap::Args)]
pub struct EndOfLife {
    #[command(flatten)]
    data: Data,
    /// Name of the product, for one file that does not tell it; otherwise the name of the file without its ending.
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Files of endoflife.date: `api/PRODUCT.json`, one a product.
    #[arg(value_name = "FILE.json", required = true)]
    files: Vec<PathBuf>,
}

/// Arguments of `import-vulnerabilities`.
#[derive(clap::Args)]
pub struct Vulnerabilities {
    #[command(flatten)]
    data: Data,
    /// Files in the format of OSV: one entry, a list of them, or one a line.
    #[arg(value_name = "FILE.json", required = true)]
    files: Vec<PathBuf>,
}

fn text(path: &Path, most: usize) -> anyhow::Result<String> {
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let mut text = String::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_string(&mut text).with_context(|| format!("{} cannot be read", path.display()))?;
    if text.len() > most {
        bail!("{} has more than {most} bytes: split it", path.display());
    }
    Ok(text)
}

/// Brings in tables of endoflife.date. All files are read before anything is kept.
pub fn end_of_life(options: EndOfLife) -> anyhow::Result<ExitCode> {
    if options.product.is_some() && options.files.len() > 1 {
        bail!("--product names the product of one file: give the others apart");
    }
    let mut entries = Vec::new();
    for path in &options.files {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = options.product.as_deref().unwrap_or(stem);
        let product = end_of_life::read(&text(path, end_of_life::FILE_MAX)?, name)
            .with_context(|| format!("{}: nothing was kept", path.display()))?;
        entries.push(entry(ReferenceKind::EndOfLife, &product.name, &product)?);
    }
    let told: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    keep(&options.data, entries)?;
    eprintln!("the end of life of {} is known", told.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// Brings in OSV entries. All files are read before anything is kept.
pub fn vulnerabilities(options: Vulnerabilities) -> anyhow::Result<ExitCode> {
    let (mut entries, mut beside) = (Vec::new(), 0);
    for path in &options.files {
        let read = vulnerabilities::read(&text(path, vulnerabilities::FILE_MAX)?);
        let read = read.map_err(|why| anyhow::anyhow!("{}: {why}; nothing was kept", path.display()))?;
        beside += read.beside;
        for one in &read.kept {
            entries.push(entry(ReferenceKind::Vulnerability, &one.id, one)?);
        }
    }
    let kept = entries.len();
    keep(&options.data, entries)?;
    eprintln!("{kept} vulnerabilities are known; {beside} entries are about other software, or withdrawn: left out");
    Ok(ExitCode::SUCCESS)
}

fn entry<T: serde::Serialize>(kind: ReferenceKind, name: &str, body: &T) -> anyhow::Result<Reference> {
    let (name, body) = (name.to_owned(), serde_json::to_string(body)?);
    Ok(Reference { kind, name, body, since: clock().now(), by: BY.to_owned() })
}

fn keep(data: &Data, entries: Vec<Reference>) -> anyhow::Result<()> {
    block_on(async {
        let store = data.open()?;
        for some in entries.chunks(AT_ONCE) {
            store.put_references(some.to_vec(), BY, clock().now()).await?;
        }
        Ok(())
    })
}
