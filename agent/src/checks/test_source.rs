//! A machine made of texts, for tests.

use crate::source::{Source, Unreadable, VolumeUse};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// Files by path; a folder is whatever lies between the slashes. Can be changed while it is being watched.
#[derive(Default)]
pub struct TestSource {
    files: Mutex<BTreeMap<String, String>>,
    volumes: Mutex<Option<Vec<VolumeUse>>>,
}

impl TestSource {
    /// A machine with one hardware interface, an address, and a default route over the loopback address 127.0.0.1.
    pub fn connected() -> Self {
        let machine = Self::default();
        for (path, text) in [
            ("/sys/class/net/lo/carrier", "1\n"),
            ("/sys/class/net/test0/carrier", "1\n"),
            ("/sys/class/net/test0/ifindex", "2\n"),
            ("/sys/class/net/test0/device/vendor", "0x1af4\n"),
            (
                "/proc/net/route",
                "Iface\tDestination\tGateway\ntest0\t00000000\t0100007F\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
            ),
            (
                "/proc/net/fib_trie",
                "Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.7\n        /32 host LOCAL\n",
            ),
            ("/proc/net/if_inet6", ""),
        ] {
            machine.write(path, text);
        }
        machine
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        self.files.lock().unwrap().insert(path.to_owned(), text.to_owned());
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(path);
    }

    /// Sets the volumes; none: they cannot be read.
    pub fn mount(&self, volumes: Option<Vec<VolumeUse>>) {
        *self.volumes.lock().unwrap() = volumes;
    }
}

impl TestSource {
    /// A dead network mount: reading the volumes hangs until the guard is dropped.
    pub fn hang(&self) -> MutexGuard<'_, Option<Vec<VolumeUse>>> {
        self.volumes.lock().unwrap()
    }
}

impl Source for TestSource {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let files = self.files.lock().unwrap();
        files.get(path).map(|text| text.as_bytes().to_vec()).ok_or_else(|| Unreadable::Missing(path.into()))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let files = self.files.lock().unwrap();
        let inside = format!("{path}/");
        let mut names: Vec<String> = files
            .keys()
            .filter_map(|file| file.strip_prefix(&inside))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        names.dedup();
        if names.is_empty() { Err(Unreadable::Missing(path.into())) } else { Ok(names) }
    }

    fn link(&self, path: &str) -> Result<String, Unreadable> {
        self.list(path).map(|_| "../elsewhere".to_owned())
    }

    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        self.volumes.lock().unwrap().clone().ok_or_else(|| Unreadable::Denied("/proc/self/mounts".into()))
    }

    fn is_live(&self) -> bool {
        true
    }
}
