//! Debian's PostgreSQL on this machine: where its programs are, and which user they run as.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const VERSIONS: &str = "/usr/lib/postgresql";

/// The newest installed version.
#[derive(Debug, Clone)]
pub struct Install {
    programs: PathBuf,
    /// Major version.
    pub version: u32,
    /// Whom the server runs as, when this process is root, which PostgreSQL refuses.
    pub user: Option<User>,
}

/// A user and its first group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Number of the user.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
}

impl Install {
    /// Looks for it; the error says what to install.
    pub fn find() -> Result<Self> {
        let (version, programs) = newest(Path::new(VERSIONS)).with_context(|| {
            format!("no {VERSIONS}/*/bin with initdb, postgres and psql: apt-get install postgresql")
        })?;
        let user = rustix::process::geteuid().is_root().then(server_user).transpose()?;
        Ok(Self { programs, version, user })
    }

    /// Path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A command that runs one of its programs as the server's user.
    pub fn command(&self, name: &str) -> Command {
        let program = self.program(name);
        let Some(user) = self.user else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)]);
        command.args([OsStr::new("--clear-groups"), OsStr::new("--"), program.as_os_str()]);
        command
    }

    /// Makes the server's user the owner of `path`.
    pub fn give(&self, path: &Path) -> Result<()> {
        let Some(user) = self.user else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).with_context(|| path.display().to_string())
    }
}

fn newest(versions: &Path) -> Option<(u32, PathBuf)> {
    let found = std::fs::read_dir(versions).ok()?.flatten().filter_map(|entry| {
        let version = entry.file_name().to_str()?.parse().ok()?;
        let programs = entry.path().join("bin");
        let whole = ["initdb", "postgres", "psql"].iter().all(|name| programs.join(name).is_file());
        whole.then_some((version, programs))
    });
    found.max()
}

fn server_user() -> Result<User> {
    let tried = Command::new("setpriv").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        bail!("no setpriv, which runs the server as another user than root: apt-get install util-linux");
    }
    let users = std::fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
    parse_user(&users, "postgres").context("no user « postgres » to run the server: apt-get install postgresql")
}

/// One user of passwd(5).
fn parse_user(users: &str, name: &str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some(User { uid: fields.nth(1)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_with_the_name_is_found_not_one_that_begins_like_it() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";

        assert_eq!(parse_user(users, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(parse_user(users, "nobody"), None);
    }

    #[test]
    fn the_newest_whole_version_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for (version, programs) in
            [("9", &["initdb", "postgres", "psql"][..]), ("15", &["initdb", "postgres", "psql"]), ("17", &["psql"])]
        {
            let bin = folder.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            for program in programs {
                std::fs::write(bin.join(program), "").unwrap();
            }
        }

        let (version, programs) = newest(folder.path()).unwrap();

        assert_eq!(version, 15);
        assert_eq!(programs, folder.path().join("15/bin"));
    }
}
