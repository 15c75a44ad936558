//! Sections of the inventory: stable facts only. What varies (free space, temperature) is a sample.
//!
//! Two inventories in a row are byte-identical: lists are sorted, nothing is dated. Sizes are bytes. Optional facts
//! that are absent are left out. No user names, processes, file names or histories (invariant 11).

use crate::check::CheckStanding;
use serde::{Deserialize, Serialize};

macro_rules! facts {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)+ }
    };
}

mod installed;
mod peripherals;
mod posture;

pub use installed::{Package, PendingUpdate, Software, Updates};
pub use peripherals::*;
pub use posture::{Antivirus, Certificate, EncryptedDisk, Firewall, SecurityPosture, Service};

/// Names of the sections, in the order of a person's interest.
pub mod name {
    /// Board, BIOS, chassis: [`super::System`].
    pub const SYSTEM: &str = "system";
    /// [`super::Processors`].
    pub const PROCESSORS: &str = "processors";
    /// [`super::Memory`].
    pub const MEMORY: &str = "memory";
    /// [`super::Storage`].
    pub const STORAGE: &str = "storage";
    /// [`super::Volumes`].
    pub const VOLUMES: &str = "volumes";
    /// [`super::Graphics`].
    pub const GRAPHICS: &str = "graphics";
    /// [`super::Monitors`].
    pub const MONITORS: &str = "monitors";
    /// [`super::Network`].
    pub const NETWORK: &str = "network";
    /// [`super::Pci`].
    pub const PCI: &str = "pci";
    /// [`super::Usb`].
    pub const USB: &str = "usb";
    /// [`super::Sound`].
    pub const SOUND: &str = "sound";
    /// [`super::Printers`].
    pub const PRINTERS: &str = "printers";
    /// [`super::Batteries`].
    pub const BATTERIES: &str = "batteries";
    /// [`super::OperatingSystem`].
    pub const OPERATING_SYSTEM: &str = "operating-system";
    /// [`super::Software`].
    pub const SOFTWARE: &str = "software";
    /// [`super::Updates`].
    pub const UPDATES: &str = "updates";
    /// [`super::SecurityPosture`].
    pub const SECURITY_POSTURE: &str = "security-posture";
    /// [`super::Checks`].
    pub const CHECKS: &str = "checks";
    /// [`super::Agent`].
    pub const AGENT: &str = "agent";
}

facts!(
    /// The machine as its maker describes it (SMBIOS 3, types 0 to 3).
    System {
        /// Type 1 manufacturer.
        #[serde(skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Type 1 product name.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<String>,
        /// Type 1 version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Type 1 serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Type 1 UUID.
        #[serde(skip_serializing_if = "Option::is_none")]
        uuid: Option<String>,
        /// Type 1 SKU number.
        #[serde(skip_serializing_if = "Option::is_none")]
        sku: Option<String>,
        /// Type 1 family.
        #[serde(skip_serializing_if = "Option::is_none")]
        family: Option<String>,
        /// Type 2.
        #[serde(skip_serializing_if = "Option::is_none")]
        board: Option<Board>,
        /// Type 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        bios: Option<Bios>,
        /// Type 3.
        #[serde(skip_serializing_if = "Option::is_none")]
        chassis: Option<Chassis>,
        /// Virtualisation, when the firmware or the processor tells: `kvm`, `vmware`, `hyper-v`, `virtualbox`, `xen`.
        #[serde(skip_serializing_if = "Option::is_none")]
        virtualisation: Option<String>,
    }
);
facts!(
    /// The main board.
    Board {
        /// Manufacturer.
        #[serde(skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Product name.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<String>,
        /// Version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
    }
);
facts!(
    /// The firmware.
    Bios {
        /// Vendor.
        #[serde(skip_serializing_if = "Option::is_none")]
        vendor: Option<String>,
        /// Version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Release date as ISO 8601 (`2021-11-05`) when it could be read, else as written.
        #[serde(skip_serializing_if = "Option::is_none")]
        date: Option<String>,
    }
);
facts!(
    /// The case.
    Chassis {
        /// `desktop`, `laptop`, `all_in_one`, `tower`, … (SMBIOS 7.4.1, snake case).
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Manufacturer.
        #[serde(skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Asset tag.
        #[serde(skip_serializing_if = "Option::is_none")]
        asset_tag: Option<String>,
    }
);
facts!(
    /// All processors.
    Processors {
        /// One entry a package (socket).
        processors: Vec<Processor>,
    }
);
facts!(
    /// One processor package.
    Processor {
        /// Model name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Vendor.
        #[serde(skip_serializing_if = "Option::is_none")]
        vendor: Option<String>,
        /// Physical cores.
        #[serde(skip_serializing_if = "Option::is_none")]
        cores: Option<u32>,
        /// Logical processors.
        #[serde(skip_serializing_if = "Option::is_none")]
        threads: Option<u32>,
        /// Highest clock, MHz, from the firmware or cpufreq (never the current one: that varies).
        #[serde(skip_serializing_if = "Option::is_none")]
        max_mhz: Option<u32>,
    }
);
facts!(
    /// Memory.
    Memory {
        /// What the kernel can use, bytes, rounded down to a MiB.
        #[serde(skip_serializing_if = "Option::is_none")]
        total_bytes: Option<u64>,
        /// Number of slots, occupied or not (SMBIOS type 17).
        #[serde(skip_serializing_if = "Option::is_none")]
        slots: Option<u32>,
        /// Slots in which nothing is, as printed on the board.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        free_slots: Vec<String>,
        /// The most that the board takes, bytes (SMBIOS type 16).
        #[serde(skip_serializing_if = "Option::is_none")]
        max_bytes: Option<u64>,
        /// Occupied slots.
        modules: Vec<MemoryModule>,
    }
);
facts!(
    /// One memory module (SMBIOS type 17).
    MemoryModule {
        /// Slot, as printed on the board.
        #[serde(skip_serializing_if = "Option::is_none")]
        slot: Option<String>,
        /// Size, bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        /// `ddr4`, `ddr5`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// `dimm`, `sodimm`, `row_of_chips` (soldered), …
        #[serde(skip_serializing_if = "Option::is_none")]
        form_factor: Option<String>,
        /// Rated speed, MT/s.
        #[serde(skip_serializing_if = "Option::is_none")]
        speed_mts: Option<u32>,
        /// Manufacturer.
        #[serde(skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Part number.
        #[serde(skip_serializing_if = "Option::is_none")]
        part_number: Option<String>,
        /// Serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
    }
);
facts!(
    /// Disks.
    Storage {
        /// One entry a disk, sorted by name.
        disks: Vec<Disk>,
    }
);
facts!(
    /// One disk.
    Disk {
        /// Kernel name, such as `sda` or `nvme0n1`.
        name: String,
        /// Model.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Firmware revision.
        #[serde(skip_serializing_if = "Option::is_none")]
        firmware: Option<String>,
        /// `hdd`, `ssd`, `optical`, `virtual`, `card`, `usb`.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// `nvme`, `sata`, `usb`, `virtio`, `mmc`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        bus: Option<String>,
        /// Size, bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        /// Whether the medium can be taken out.
        removable: bool,
    }
);
facts!(
    /// Mounted volumes of fixed disks.
    Volumes {
        /// Sorted by mount point.
        volumes: Vec<Volume>,
    }
);
facts!(
    /// One mounted volume. Volumes mounted under a person's folder or as removable media are left out.
    Volume {
        /// Mount point or drive letter.
        mount_point: String,
        /// Device.
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// File system.
        file_system: String,
        /// Size, bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        total_bytes: Option<u64>,
        /// Whether it is mounted read-only.
        read_only: bool,
    }
);
facts!(
    /// Network.
    Network {
        /// Sorted by name.
        interfaces: Vec<Interface>,
        /// Addresses of the default gateways.
        gateways: Vec<String>,
        /// Addresses of the resolvers.
        resolvers: Vec<String>,
    }
);
facts!(
    /// One network interface (the loopback is left out).
    Interface {
        /// Name.
        name: String,
        /// `ethernet`, `wifi`, `bridge`, `virtual`, `tunnel`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Current hardware address, lower case with colons.
        #[serde(skip_serializing_if = "Option::is_none")]
        mac: Option<String>,
        /// Hardware address burnt in, where the kernel tells.
        #[serde(skip_serializing_if = "Option::is_none")]
        permanent_mac: Option<String>,
        /// Whether the carrier is there.
        up: bool,
        /// Speed, Mb/s.
        #[serde(skip_serializing_if = "Option::is_none")]
        speed_mbps: Option<u32>,
        /// Addresses with their prefix (`192.0.2.7/24`), temporary ones left out, sorted.
        addresses: Vec<String>,
        /// Whether its address was leased; absent where nothing tells.
        #[serde(skip_serializing_if = "Option::is_none")]
        dhcp: Option<bool>,
        /// Kernel driver.
        #[serde(skip_serializing_if = "Option::is_none")]
        driver: Option<String>,
    }
);
facts!(
    /// The operating system.
    OperatingSystem {
        /// `linux` or `windows`.
        family: String,
        /// Such as `Debian GNU/Linux`.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Such as `12`.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Such as `Debian GNU/Linux 12 (bookworm)`.
        #[serde(skip_serializing_if = "Option::is_none")]
        full_name: Option<String>,
        /// Kernel release or build number.
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel: Option<String>,
        /// `x86_64`, `aarch64`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        architecture: Option<String>,
        /// Edition or variant, such as `Workstation Edition` or `Professional`.
        #[serde(skip_serializing_if = "Option::is_none")]
        edition: Option<String>,
        /// Point release or build, such as `12.11`, `22631.4317`.
        #[serde(skip_serializing_if = "Option::is_none")]
        build: Option<String>,
        /// Day on which the system was installed, ISO 8601.
        #[serde(skip_serializing_if = "Option::is_none")]
        install_date: Option<String>,
        /// Last day of support as the system itself announces it (`SUPPORT_END` of `os-release(5)`), ISO 8601.
        #[serde(skip_serializing_if = "Option::is_none")]
        support_end: Option<String>,
        /// Name of the machine on its network.
        #[serde(skip_serializing_if = "Option::is_none")]
        host_name: Option<String>,
    }
);
facts!(
    /// The agent itself.
    Agent {
        /// Version of the program.
        version: String,
        /// What it was built for, such as `x86_64-linux-gnu`.
        target: String,
    }
);

/// Confirmed states of the checks, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checks {
    /// One entry an instance.
    pub checks: Vec<CheckStanding>,
}
