//! A cluster just made by `initdb`, kept in the temporary folder and copied for every server: a copy takes a tenth of the
//! time. Whoever comes first makes it under a lock; it appears whole or not at all.

use crate::install::Install;
use anyhow::{Context, Result, bail};
use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The superuser of every cluster.
pub const SUPERUSER: &str = "vigie";

/// A template is made again after this time: programs that tidy the temporary folder take single files out of it, the
/// usual ones after ten days.
const FRESH: Duration = Duration::from_secs(3 * 86_400);

/// Copies the template to `to`, which must not exist; gives the password of the superuser.
pub fn copy(install: &Install, to: &Path) -> Result<String> {
    let owner = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("vigie-postgres-{}-{owner}", install.version));
    let lock_path = folder.with_extension("lock");
    let open = || File::create(&lock_path).with_context(|| lock_path.display().to_string());
    {
        let lock = open()?;
        lock.lock_shared().context("waiting for the template of PostgreSQL clusters")?;
        if is_good(install, &folder)? {
            return copy_locked(&folder, to);
        }
    }
    let lock = open()?;
    lock.lock().context("waiting for the template of PostgreSQL clusters")?;
    if !is_good(install, &folder)? {
        make(install, &folder)?;
    }
    copy_locked(&folder, to)
}

/// Whether the template is there, whole and not too old. One that somebody else put there is an error.
fn is_good(install: &Install, folder: &Path) -> Result<bool> {
    let Ok(metadata) = std::fs::symlink_metadata(folder) else { return Ok(false) };
    let owner = install.user.map_or(rustix::process::geteuid().as_raw(), |user| user.uid);
    if !metadata.is_dir() || metadata.uid() != owner || metadata.mode() & 0o077 != 0 {
        bail!("{} is not a folder of user {owner} alone: look who made it and remove it", folder.display());
    }
    Ok(metadata.modified()?.elapsed().is_ok_and(|age| age < FRESH) && folder.join("password").is_file())
}

fn copy_locked(folder: &Path, to: &Path) -> Result<String> {
    run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(folder.join("data")).arg(to))?;
    std::fs::read_to_string(folder.join("password")).context("password of the template")
}

fn make(install: &Install, folder: &Path) -> Result<()> {
    let made = folder.with_extension("new");
    for left in [&made, &folder.to_owned()] {
        if left.exists() {
            std::fs::remove_dir_all(left).with_context(|| left.display().to_string())?;
        }
    }
    DirBuilder::new().mode(0o700).create(&made).with_context(|| made.display().to_string())?;
    install.give(&made)?;
    let password = made.join("password");
    std::fs::write(&password, random_word()?)?;
    install.give(&password)?;

    let mut initdb = install.command("initdb");
    initdb.current_dir(&made).arg("-D").arg(made.join("data")).arg("--pwfile").arg(&password);
    initdb.args(["-U", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    run(&mut initdb)?;
    let doors = "local all all scram-sha-256\nhost all all all scram-sha-256\n";
    std::fs::write(made.join("data/pg_hba.conf"), doors).context("pg_hba.conf")?;
    std::fs::rename(&made, folder).with_context(|| folder.display().to_string())
}

/// 128 bits of the kernel's randomness in hexadecimal.
pub fn random_word() -> Result<String> {
    let mut bytes = [0_u8; 16];
    random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Fills `bytes` from the kernel.
pub fn random(bytes: &mut [u8]) -> Result<()> {
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(bytes)).context("/dev/urandom")
}

/// Runs a command to its end; its standard output, or an error with what it said.
pub fn run(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?} could not be started"))?;
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        bail!("{command:?} ended with {}: {out}{}", done.status, String::from_utf8_lossy(&done.stderr));
    }
    Ok(out)
}

/// Where servers live: short enough for the name of a Unix socket, which holds 107 bytes.
pub fn parent_folder() -> PathBuf {
    let chosen = std::env::temp_dir();
    if chosen.as_os_str().len() <= 60 { chosen } else { PathBuf::from("/tmp") }
}
