//! `vigie-agent capture DIR`: what the inventory reads of this machine, as a folder that `inventory --root DIR` reads back
//! to the same sections. That is how a machine that is read wrongly is reported.
//!
//! Taken is what the sections ask for and nothing else; of files that also speak of people only the lines that the
//! sections use ([`clean`]).

use crate::inventory::{self, printers, volumes};
use crate::source::{Live, Recorded, Source, Taken, parse_mounts};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Nothing below these is taken, whoever asks for it.
const PERSONAL: [&str; 7] = ["/home", "/root", "/media", "/mnt", "/tmp", "/run/user", "/run/media"];

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// Folder to make: it must not exist yet, or be empty.
    dir: PathBuf,
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let taken = capture(Box::new(Live), &options.dir)?;
    print!("{}", told(&taken, &options.dir));
    Ok(ExitCode::SUCCESS)
}

/// Reads a machine and writes what was read.
fn capture(machine: Box<dyn Source>, dir: &Path) -> anyhow::Result<Taken> {
    match std::fs::read_dir(dir).map(|mut names| names.next().is_some()) {
        Ok(true) => bail!("{} is not empty; give a folder that is, or that does not exist", dir.display()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} cannot be used", dir.display()));
        }
        _ => {}
    }
    let recorded = Recorded::new(machine, clean);
    let _ = inventory::collect(&recorded);
    let architecture = "/proc/sys/kernel/arch";
    let told = recorded.read(architecture).is_ok() || !recorded.is_live();
    let mut taken = recorded.taken();
    if !told {
        // Older kernels do not say it in a file.
        taken.files.insert(architecture.to_owned(), format!("{}\n", std::env::consts::ARCH).into_bytes());
    }
    if let Some(listed) = taken.volumes.take() {
        taken.volumes = Some(volumes::reportable(&listed).into_iter().cloned().collect());
    }
    taken.names.retain(|path| !is_personal(path));
    taken.links.retain(|path, target| !is_personal(path) && !is_personal(target));
    taken.folders.retain(|path| !is_personal(path));
    taken.write(dir).with_context(|| format!("the capture cannot be written to {}", dir.display()))?;
    Ok(taken)
}

/// What was taken, for the person who is about to hand it on.
fn told(taken: &Taken, dir: &Path) -> String {
    let mut text = String::new();
    for (path, content) in &taken.files {
        text.push_str(&format!("{:>10}  {path}\n", content.len()));
    }
    for why in &taken.missing {
        text.push_str(&format!("         !  {why}\n"));
    }
    let bytes: usize = taken.files.values().map(Vec::len).sum();
    text.push_str(&format!(
        "{} files, {bytes} bytes, and the names in {} folders are in {}.\nLook through them before you hand them on: \
         they hold serial numbers, addresses and the name of this machine.\nRead them with: vigie-agent inventory --root {}\n",
        taken.files.len(),
        taken.folders.len(),
        dir.display(),
        dir.display()
    ));
    text
}

fn is_personal(path: &str) -> bool {
    PERSONAL.iter().any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What of a file is taken.
fn clean(path: &str, content: Vec<u8>) -> Option<Vec<u8>> {
    if is_personal(path) {
        return None;
    }
    let begins =
        |words: &'static [&str]| move |line: &str| words.iter().any(|word| line.trim_start().starts_with(word));
    let text = || String::from_utf8_lossy(&content).into_owned();
    let lines = |keep: &dyn Fn(&str) -> bool| {
        Some(text().split_inclusive('\n').filter(|line| keep(line)).collect::<String>().into_bytes())
    };
    match path {
        "/proc/mounts" => lines(&|line| !volumes::reportable(&parse_mounts(line)).is_empty()),
        printers::QUEUES => Some(printers::without_people(&text()).into_bytes()),
        "/etc/network/interfaces" => lines(&begins(&["iface ", "auto ", "source"])),
        _ if path.ends_with("resolv.conf") => lines(&begins(&["nameserver"])),
        _ if path.starts_with("/run/udev/data/") => lines(&begins(&["E:ID_SERIAL_SHORT="])),
        // An answer of a DHCP server as it came: its address is within the first 20 bytes, names come later.
        _ if path.contains("dhcpcd") => Some(content.into_iter().take(24).collect()),
        _ if path.contains(".lease") || path.contains("/leases/") => {
            lines(&begins(&["ADDRESS=", "lease ", "interface ", "fixed-address ", "}"]))
        }
        _ => Some(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Captured;

    #[test]
    fn a_capture_of_this_machine_reads_back_to_the_same_sections() {
        let dir = tempfile::tempdir().unwrap();
        let taken = capture(Box::new(Live), dir.path()).unwrap();
        assert!(told(&taken, dir.path()).contains("/proc/cpuinfo"));
        let (live, again) = (inventory::collect(&Live), inventory::collect(&Captured::new(dir.path())));
        for (name, body) in live {
            assert_eq!(again[&name].get(), body.get(), "{name}");
        }
    }

    #[test]
    fn links_folders_and_names_are_kept_and_a_capture_of_a_capture_is_the_same() {
        let (dir, first) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |path: &str| dir.path().join(path);
        std::fs::create_dir_all(at("sys/devices/pci0000:00/ata1/block/sda/device")).unwrap();
        std::fs::write(at("sys/devices/pci0000:00/ata1/block/sda/device/serial"), "WD-42-00042\n").unwrap();
        std::fs::create_dir_all(at("sys/block")).unwrap();
        std::os::unix::fs::symlink("../devices/pci0000:00/ata1/block/sda", at("sys/block/sda")).unwrap();
        std::fs::create_dir_all(at("proc")).unwrap();
        std::fs::write(at("proc/mounts"), "/dev/sda2 / ext4 rw 0 0\n/dev/sdb1 /media/personne/CLE vfat rw 0 0\n")
            .unwrap();
        let taken = capture(Box::new(Captured::new(dir.path())), first.path()).unwrap();
        let volumes: Vec<_> = taken.volumes.iter().flatten().map(|volume| volume.mount_point.as_str()).collect();
        assert_eq!(volumes, ["/"]);
        let (before, after) =
            (inventory::collect(&Captured::new(dir.path())), inventory::collect(&Captured::new(first.path())));
        for name in ["storage", "volumes", "system"] {
            assert_eq!(after[name].get(), before[name].get(), "{name}");
        }
        assert!(before["storage"].get().contains("WD-42-00042"));
        let error = capture(Box::new(Captured::new(dir.path())), first.path()).unwrap_err().to_string();
        assert!(error.contains("is not empty"), "{error}");
    }

    #[test]
    fn what_speaks_of_people_is_not_taken() {
        let of =
            |path: &str, text: &str| clean(path, text.as_bytes().to_vec()).map(|kept| String::from_utf8(kept).unwrap());
        let mounts = "/dev/sda2 / ext4 rw 0 0\n/dev/sdb1 /media/personne/CLE vfat rw 0 0\n";
        assert_eq!(of("/proc/mounts", mounts).as_deref(), Some("/dev/sda2 / ext4 rw 0 0\n"));
        let queue = "<Printer A>\nInfo SECRET\nDeviceURI smb://personne:SECRET@serveur/copieur?user=SECRET\nAllowUser personne\n</Printer>\n";
        let kept = of("/etc/cups/printers.conf", queue).unwrap();
        assert_eq!(printers::parse_queues(&kept), printers::parse_queues(queue));
        let wifi = of("/etc/network/interfaces", "iface wlan0 inet dhcp\n  wpa-psk SECRET\n").unwrap();
        let lease = of(
            "/var/lib/dhcp/dhclient.leases",
            "lease {\n  fixed-address 10.0.2.7;\n  option host-name \"SECRET\";\n}\n",
        )
        .unwrap();
        let udev = of("/run/udev/data/b8:16", "E:ID_FS_LABEL=SECRET\nE:ID_SERIAL_SHORT=0042\n").unwrap();
        for text in [&kept, &wifi, &lease, &udev] {
            assert!(!text.contains("SECRET") && !text.contains("personne"), "{text}");
        }
        assert_eq!(udev, "E:ID_SERIAL_SHORT=0042\n");
        assert_eq!(of("/home/personne/x", "SECRET"), None);
        assert_eq!(of("/homework", "x").as_deref(), Some("x"));
    }
}
