//! The program, and a fleet for it to work on.

use crate::seeded::{World, fleet};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A command of the program.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-collector"));
    command.args(arguments).env_remove("VIGIE_STORE");
    command
}

/// Runs it on a data folder.
pub fn on(data: &Path, arguments: &[&str]) -> Output {
    program(arguments).arg("--data").arg(data).output().unwrap()
}

pub fn stderr(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// Runs it, and it must go well; both outputs.
pub fn good(data: &Path, arguments: &[&str]) -> (String, String) {
    let output = on(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    (printed, stderr(&output))
}

/// Runs it, and it must refuse; what it says.
pub fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = on(data, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    stderr(&output)
}

/// What `check-store --json` says: whether all is well, and the checks that found something.
pub fn checked(data: &Path) -> (bool, Vec<String>, Value) {
    let output = on(data, &["check-store", "--json"]);
    stderr(&output);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let wrong = |check: &&Value| check["problems"].as_u64() != Some(0);
    let names = said["checks"].as_array().unwrap().iter().filter(wrong);
    let names = names.map(|check| check["check"].as_str().unwrap().to_owned()).collect();
    let good = said["ok"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(if good { 0 } else { 1 }));
    (good, names, said)
}

/// Asserts that nothing is wrong.
pub fn content(data: &Path) {
    let (good, _, said) = checked(data);
    assert!(good, "{said:#}");
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A data folder with a fleet, its authority and key, nobody at work on it. `parent` is where other files may lie.
pub struct Folder {
    pub parent: tempfile::TempDir,
    pub data: PathBuf,
}

impl Folder {
    pub async fn with_fleet() -> Self {
        let folder = Self::empty();
        fs::create_dir(&folder.data).unwrap();
        let mut world = World::new(&folder.data, fleet::NOW.parse().unwrap());
        fleet::make(&mut world).await;
        drop(world);
        good(&folder.data, &["token", "create", "--school", "0959901W"]);
        // The threads of the store may still be closing it: nothing stays in the log alone.
        let connection = Connection::open(folder.database()).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        folder
    }

    pub fn empty() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        Self { parent, data }
    }

    pub fn database(&self) -> PathBuf {
        self.data.join("vigie.sqlite")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.parent.path().join(name)
    }

    /// Its backup.
    pub fn backup(&self) -> PathBuf {
        let file = self.file("good.vigie");
        if !file.exists() {
            good(&self.data, &["backup", text(&file)]);
        }
        file
    }

    /// Another data folder beside it, with the same key and, if wanted, the same database.
    pub fn twin(&self, name: &str, with_database: bool) -> PathBuf {
        let data = self.file(name);
        fs::create_dir_all(data.join("keys")).unwrap();
        fs::copy(self.data.join("keys/authority.key"), data.join("keys/authority.key")).unwrap();
        if with_database {
            fs::copy(self.database(), data.join("vigie.sqlite")).unwrap();
        }
        data
    }
}

/// Changes a database as nobody should: neither references nor our triggers hold.
pub fn meddle(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// One number.
pub fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A collector that serves.
pub struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn serve(data: &Path, more: &[&str]) -> Serving {
    let ready = data.with_extension("ready");
    let _ = fs::remove_file(&ready);
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--name", "localhost", "--ready-file"]);
    command.arg(&ready).arg("--data").arg(data).args(more).stderr(Stdio::null());
    let mut serving = Serving(command.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(30);
    while !ready.exists() {
        assert!(serving.0.try_wait().unwrap().is_none(), "the collector ended at once");
        assert!(Instant::now() < end, "the collector is not ready within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
    serving
}
