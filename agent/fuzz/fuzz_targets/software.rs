//! A machine whose every file holds the same bytes: dpkg, rpm's database, snap, flatpak, lists of apt, certificates.
#![no_main]

use vigie_agent::source::{Source, Unreadable, VolumeUse};

struct Same<'a>(&'a [u8]);

impl Source for Same<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        // A write-ahead log would only add a reason.
        if path.ends_with("-wal") { Err(Unreadable::Missing(path.into())) } else { Ok(self.0.to_vec()) }
    }
    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        match path {
            "/var/lib/dpkg/status.d" | "/snap" | "/var/lib/flatpak/app" => Ok(vec!["a".into()]),
            "/var/lib/apt/lists" => Ok(vec!["x-security_Packages".into()]),
            "/etc/cups/ssl" => Ok(vec!["a.crt".into()]),
            _ => Err(Unreadable::Missing(path.into())),
        }
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

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for section in vigie_agent::inventory::SECTIONS {
        let _ = section.collect(&Same(bytes));
    }
});
