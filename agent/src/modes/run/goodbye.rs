//! Why we are being stopped, as far as the files of the system tell.

use crate::source::Source;
use vigie_shared::event::GoodbyeReason;

/// Written by systemd-logind for a planned stop: `MODE=poweroff`, `reboot`, `halt` or `kexec`.
const SCHEDULED: &str = "/run/systemd/shutdown/scheduled";
/// Made when the system goes down, and some minutes before a planned stop (pam_nologin(8)).
const NO_LOGIN: &str = "/run/nologin";

/// Shutdown or restart when the system is going down, else only the agent stops.
pub fn reason(source: &dyn Source) -> GoodbyeReason {
    if let Ok(text) = source.text(SCHEDULED) {
        let mode = text.lines().find_map(|line| line.strip_prefix("MODE="));
        match mode.map(str::trim) {
            Some("reboot" | "kexec" | "soft-reboot") => return GoodbyeReason::Restart,
            Some("poweroff" | "halt") => return GoodbyeReason::Shutdown,
            _ => {}
        }
    }
    if source.read(NO_LOGIN).is_ok() { GoodbyeReason::Shutdown } else { GoodbyeReason::AgentStopped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Unreadable, VolumeUse};
    use std::collections::BTreeMap;

    struct Files(BTreeMap<&'static str, &'static str>);

    impl Source for Files {
        fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
            self.0.get(path).map(|t| t.as_bytes().to_vec()).ok_or_else(|| Unreadable::Missing(path.into()))
        }
        fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
            Err(Unreadable::Missing(path.into()))
        }
        fn link(&self, path: &str) -> Result<String, Unreadable> {
            Err(Unreadable::Missing(path.into()))
        }
        fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
            Ok(vec![])
        }
        fn is_live(&self) -> bool {
            false
        }
    }

    #[test]
    fn the_files_of_systemd_tell_why() {
        let told = |files: &[(&'static str, &'static str)]| reason(&Files(files.iter().copied().collect()));
        assert_eq!(told(&[]), GoodbyeReason::AgentStopped);
        assert_eq!(told(&[(NO_LOGIN, "System is going down.")]), GoodbyeReason::Shutdown);
        let planned = "USEC=1795446879000000\nWARN_WALL=1\nMODE=reboot\n";
        assert_eq!(told(&[(SCHEDULED, planned), (NO_LOGIN, "")]), GoodbyeReason::Restart);
        assert_eq!(told(&[(SCHEDULED, "MODE=poweroff\n")]), GoodbyeReason::Shutdown);
    }
}
