//! Ends a server and removes its folder when the one who started it is gone, however it went.
//!
//! A shell waits for the end of its standard input, whose other end is held by this process alone: the kernel closes it
//! at the latest when the process dies, by SIGKILL too. (`PR_SET_PDEATHSIG` would end the server with the *thread* that
//! started it, and leave the folder and a System V segment.) What belongs to the server is known by its working
//! directory, so that a number that was given to another process since is never signalled.

use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `$1` folder of the data, `$2` folder to remove. SIGQUIT is PostgreSQL's immediate end; SIGKILL follows after 3 s.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
read -r _
try=0
while [ $try -lt 200 ]; do
  try=$((try + 1))
  ours=$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1" 2>/dev/null | cut -d / -f 3)
  if [ -z "$ours" ]; then
    rm -rf "$2" && exit
  elif [ $try -eq 1 ]; then
    kill -s QUIT $ours
  elif [ $try -ge 60 ]; then
    kill -s KILL $ours
  fi
  sleep 0.05
done 2>/dev/null
"#;

/// The waiting shell.
#[derive(Debug)]
pub struct Guard(Child);

impl Guard {
    /// From now on `folder` is removed and what runs in `data` is ended with this process, or by [`Guard::end`].
    pub fn over(folder: &Path, data: &Path) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "sh"]).arg(data).arg(folder).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C on the terminal is for the tests, and what ends their group is not for this one.
        shell.process_group(0).spawn().map(Self).context("the shell that ends the server could not be started")
    }

    /// Ends what runs and removes the folder now; returns when that is done, after 10 s at most.
    pub fn end(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
