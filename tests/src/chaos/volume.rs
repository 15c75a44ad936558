//! A small volume of its own, to be filled to the last byte; and a wall clock of its own, to be set.

use crate::machine::faketime;
use crate::process::output_of;
use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const BALLAST: &str = "ballast";

/// A tmpfs; gone when dropped.
#[derive(Debug)]
pub struct Volume {
    path: PathBuf,
}

impl Volume {
    /// Makes `path` a volume of this many KiB.
    pub fn mount(path: &Path, kib: u32) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        let options = format!("size={kib}k,mode=700");
        output_of(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(path))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Takes all that is free. Again and again: what others give back would be theirs to use.
    pub fn fill(&self) -> Result<()> {
        let mut file = self.ballast()?;
        let mut size = 1 << 20;
        let zeros = vec![0u8; size];
        while size > 0 {
            match file.write(&zeros[..size]) {
                Ok(wrote) if wrote > 0 => {}
                // Full for this much.
                _ => size /= 2,
            }
        }
        Ok(())
    }

    /// Gives it back.
    pub fn empty(&self) -> Result<()> {
        std::fs::remove_file(self.path.join(BALLAST)).with_context(|| self.path.display().to_string())
    }

    fn ballast(&self) -> Result<File> {
        OpenOptions::new().create(true).append(true).open(self.path.join(BALLAST)).context("ballast")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = output_of(Command::new("umount").arg("--lazy").arg(&self.path));
    }
}

/// The wall clock of one program, moved by libfaketime; clocks that count from the boot stay true.
#[derive(Debug)]
pub struct WallClock {
    file: PathBuf,
}

impl WallClock {
    /// A true clock that can be moved by the file `file`.
    pub fn new(file: PathBuf) -> Result<Self> {
        let clock = Self { file };
        clock.set(0)?;
        Ok(clock)
    }

    /// Moves it this many seconds from the truth, within a second.
    pub fn set(&self, offset_s: i64) -> Result<()> {
        let beside = self.file.with_extension("new");
        std::fs::write(&beside, format!("{offset_s:+}\n"))?;
        std::fs::rename(&beside, &self.file).context("clock")
    }

    /// Variables for the program.
    pub fn environment(&self) -> Result<Vec<(String, String)>> {
        let library = faketime().context("the clock faults need the Debian package libfaketime")?;
        // Its variant for programs with threads.
        let library = library.replace("libfaketime.so", "libfaketimeMT.so");
        let file = self.file.to_string_lossy().into_owned();
        Ok([
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec())
    }
}
