//! The inventory as a whole: privacy, determinism, sections that fail.

use super::fixture::{Fake, Table, entry_point};
use super::*;
use crate::source::{Unreadable, VolumeUse};
use proptest::prelude::*;

/// A machine whose every personal corner holds a word that must never leave.
fn school_machine() -> Fake {
    let volume = |device: &str, mount_point: &str, file_system: &str| VolumeUse {
        mount_point: mount_point.into(),
        device: device.into(),
        file_system: file_system.into(),
        total_bytes: 1 << 39,
        free_bytes: 1 << 35,
        read_only: false,
    };
    let machine = Fake {
        volumes: vec![
            volume("/dev/sda2", "/", "ext4"),
            volume("/dev/mapper/personne", "/home/personne", "ext4"),
            volume("/dev/sdb1", "/media/personne/SECRET", "vfat"),
            volume("personne@serveur:", "/srv/distant", "fuse.sshfs"),
        ],
        ..Fake::default()
    };
    machine
        .smbios(&entry_point(3, 2), &Table::desktop().end())
        .file("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Processeur 5\ncpu cores\t: 6\n\n")
        .file("/proc/meminfo", "MemTotal: 8000000 kB\n")
        .file("/proc/mounts", "/dev/sdb1 /media/personne/SECRET vfat rw 0 0\n")
        .file("/proc/4242/cmdline", "SECRET\0")
        .file("/proc/sys/kernel/osrelease", "6.1.0\n")
        .file("/proc/sys/kernel/hostname", "salle-12-03\n")
        .file("/etc/passwd", "personne:x:1000:1000:Personne SECRET:/home/personne:/bin/bash\n")
        .file("/etc/os-release", "NAME=Debian\nVERSION_ID=12\n")
        .file("/home/personne/SECRET", "SECRET")
        .file("/var/log/wtmp", "personne")
        .file("/etc/resolv.conf", "# SECRET\nnameserver 10.0.2.3\n")
        .file("/var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\nMaintainer: Équipe <personne@exemple.test>\nConffiles:\n /etc/SECRET 01\n\n")
        .symlink("/sys/block/sda", "../devices/pci0000:00/ata1/host0/block/sda")
        .file("/sys/block/sda/device/serial", "WD-0042-XY\n")
        .symlink("/sys/block/sdb", "../devices/pci0000:00/usb1/host2/block/sdb")
        .file("/sys/block/sdb/removable", "1\n")
        .file("/sys/block/sdb/device/model", "SECRET\n")
        .file("/sys/block/sdb/device/serial", "SECRET-0001\n")
        .file("/sys/class/net/lo/type", "772\n")
        .file(
            "/etc/cups/printers.conf",
            "<Printer Salle-12>\nInfo de Personne SECRET\nMakeModel Laser 300\nAllowUser personne\n\
            DeviceURI smb://personne:SECRET@serveur/copieur?SECRET\n</Printer>\n<Printer PDF>\nDeviceURI cups-pdf:/home/personne\n</Printer>\n",
        )
        .file("/sys/bus/usb/devices/1-2/idVendor", "0781\n")
        .file("/sys/bus/usb/devices/1-2/idProduct", "5567\n")
        .file("/sys/bus/usb/devices/1-2/bDeviceClass", "00\n")
        .file("/sys/bus/usb/devices/1-2/product", "SECRET\n")
        .file("/sys/bus/usb/devices/1-2/serial", "SECRET-0001\n")
        .file("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "08\n")
        .file("/etc/network/interfaces", "iface wlan0 inet dhcp\n  wpa-ssid SECRET\n  wpa-psk SECRET\n")
}

fn everything(source: &dyn Source) -> String {
    serde_json::to_string(&(hardware_evidence(source), collect(source))).unwrap()
}

#[test]
fn no_user_path_process_or_file_name_leaves() {
    let payload = everything(&school_machine());
    for word in ["personne", "SECRET", "/home", "/media", "passwd", "@"] {
        assert!(!payload.to_lowercase().contains(&word.to_lowercase()), "« {word} » in {payload}");
    }
    assert!(
        ["salle-12-03", "WD-0042-XY", "Laser 300", "smb://serveur/copieur"].iter().all(|word| payload.contains(word)),
        "the machine itself is there: {payload}"
    );
}

#[test]
fn two_readings_give_the_same_bytes() {
    assert_eq!(everything(&school_machine()), everything(&school_machine()));
}

#[test]
fn the_live_machine_reads_the_same_twice_and_every_section_reads_back() {
    let read = collect(&crate::source::Live);
    let names: Vec<&str> = read.keys().map(String::as_str).collect();
    assert_eq!(names.len(), SECTIONS.len());
    for (name, body) in &read {
        let outcome: Outcome<serde_json::Value> = serde_json::from_str(body.get()).unwrap();
        assert!(outcome.word() != "unavailable" || !outcome.reasons().is_empty(), "{name} says why");
    }
    let again = collect(&crate::source::Live);
    for name in [name::PROCESSORS, name::OPERATING_SYSTEM, name::AGENT] {
        assert_eq!(read[name].get(), again[name].get());
    }
}

#[test]
fn evidence_is_that_of_fixed_parts() {
    let evidence = hardware_evidence(&school_machine());
    assert_eq!(evidence.system_uuid.as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
    assert_eq!(evidence.system_serial.as_deref(), Some("CZC-00042"));
    assert_eq!(evidence.board_serial.as_deref(), Some("BRD-00042"));
    assert_eq!(evidence.disks.into_iter().collect::<Vec<_>>(), ["WD-0042-XY"]);
    assert!(hardware_evidence(&Fake::default()).is_empty());
}

#[test]
fn a_word_that_a_hypervisor_gives_to_every_disk_identifies_nothing() {
    let machine = Fake::default()
        .symlink("/sys/block/vda", "../devices/pci0000:00/virtio1/block/vda")
        .file("/sys/block/vda/serial", "rootdisk\n");
    assert!(hardware_evidence(&machine).is_empty());
}

#[test]
fn a_section_that_panics_is_said_and_never_hides_the_others() {
    struct Trap(Fake);
    impl Source for Trap {
        fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
            assert!(path != "/proc/meminfo", "a defect");
            self.0.read(path)
        }
        fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
            self.0.list(path)
        }
        fn link(&self, path: &str) -> Result<String, Unreadable> {
            self.0.link(path)
        }
        fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
            self.0.volumes()
        }
        fn is_live(&self) -> bool {
            false
        }
    }
    let read = collect(&Trap(school_machine()));
    let memory: Outcome<serde_json::Value> = serde_json::from_str(read[name::MEMORY].get()).unwrap();
    assert!(memory.data().is_none() && memory.reasons()[0].contains("a defect of the agent"), "{memory:?}");
    assert!(read[name::SYSTEM].get().starts_with(r#"{"outcome":"complete""#));
    assert_eq!(read.len(), SECTIONS.len());
}

#[test]
fn reasons_are_bounded_and_say_so() {
    let outcome = Outcome::from_parts((), (0..100).map(|n| format!("reason {n}")).collect());
    let read: Outcome<()> = serde_json::from_str(encode(outcome).get()).unwrap();
    assert_eq!(read.reasons().len(), REASONS_MAX + 1);
    assert_eq!(read.reasons().last().map(String::as_str), Some("and 84 more"));
}

#[test]
fn the_chassis_tells_the_kind_of_machine() {
    let machine = |chassis: u8| Fake::default().smbios(&entry_point(3, 2), &Table::default().chassis(chassis).end());
    for (chassis, kind) in [(0x0A, Some("laptop")), (0x03, Some("workstation")), (0x17, Some("server")), (0x12, None)] {
        assert_eq!(machine_kind(&machine(chassis)), kind, "{chassis}");
    }
    assert_eq!(machine_kind(&Fake::default()), None);
}

#[test]
fn a_section_beyond_the_bound_is_said_instead() {
    let outcome = Outcome::Complete { data: "x".repeat(SECTION_MAX) };
    assert!(encode(outcome).get().contains("is larger"));
}

#[test]
fn a_machine_where_nothing_may_be_read_gives_every_section_with_its_reason() {
    let mut machine = Fake::default();
    for path in ["/proc/cpuinfo", "/proc/meminfo", "/etc/os-release", "/var/lib/dpkg/status"] {
        machine = machine.denied(path);
    }
    for (name, body) in collect(&machine) {
        let outcome: Outcome<serde_json::Value> = serde_json::from_str(body.get()).unwrap();
        let alone = [name::AGENT, name::VOLUMES].contains(&name.as_str());
        assert!(alone || !outcome.reasons().is_empty(), "{name}: {}", body.get());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_the_files_hold_the_sections_are_there(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut machine = Fake::default().smbios(&bytes, &bytes);
        for path in ["/proc/cpuinfo", "/proc/meminfo", "/proc/net/fib_trie", "/proc/net/route", "/proc/net/if_inet6",
            "/proc/net/ipv6_route", "/etc/resolv.conf", "/etc/os-release", "/var/lib/dpkg/status", "/sys/class/net/eth0/type"] {
            machine = machine.file(path, &bytes);
        }
        for (name, body) in collect(&machine) {
            prop_assert!(!body.get().contains("a defect"), "{name}: {}", body.get());
        }
    }
}
