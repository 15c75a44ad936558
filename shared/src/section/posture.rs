//! How well the machine is guarded. Counts instead of persons, kinds of place instead of paths (invariant 11).

use serde::{Deserialize, Serialize};

facts!(
    /// The state of what guards the machine. What is absent is not known, never well.
    SecurityPosture {
        /// `enabled`, `disabled`, or `unsupported` (the machine did not start by UEFI).
        #[serde(skip_serializing_if = "Option::is_none")]
        secure_boot: Option<String>,
        /// Version of the trusted platform module, `1.2` or `2.0`; `none` where the kernel has no driver for one.
        #[serde(skip_serializing_if = "Option::is_none")]
        tpm: Option<String>,
        /// Firewalls that are installed, sorted; empty when none of those known is there.
        firewalls: Vec<Firewall>,
        /// Antivirus programs whose state is known, sorted.
        antivirus: Vec<Antivirus>,
        /// Encrypted disks and partitions that are open, sorted.
        encrypted: Vec<EncryptedDisk>,
        /// How many accounts may act as administrator: members of `sudo`, `wheel` and `admin`, and accounts with
        /// identifier 0 beside root. Never who.
        #[serde(skip_serializing_if = "Option::is_none")]
        local_administrators: Option<u32>,
        /// Services of interest that start with the machine, sorted.
        services: Vec<Service>,
        /// Certificates that the machine serves, sorted.
        certificates: Vec<Certificate>,
    }
);
facts!(
    /// One firewall.
    Firewall {
        /// `ufw`, `firewalld`, `nftables`, `iptables`; on Windows the profile.
        name: String,
        /// Whether it starts with the machine.
        enabled: bool,
    }
);
facts!(
    /// One antivirus program.
    Antivirus {
        /// Name.
        name: String,
        /// Whether it watches.
        #[serde(skip_serializing_if = "Option::is_none")]
        enabled: Option<bool>,
        /// Version of its signatures.
        #[serde(skip_serializing_if = "Option::is_none")]
        signatures: Option<String>,
        /// Day on which its signatures were made, ISO 8601.
        #[serde(skip_serializing_if = "Option::is_none")]
        signatures_of: Option<String>,
    }
);
facts!(
    /// One encrypted disk or partition.
    EncryptedDisk {
        /// Kernel name of what is encrypted, such as `nvme0n1p3`.
        device: String,
        /// `luks1`, `luks2`, `bitlocker`, `plain`, …
        kind: String,
    }
);
facts!(
    /// A service of interest that starts with the machine.
    Service {
        /// Its name, from a fixed list.
        name: String,
        /// What it is for: `remote_control`, `remote_access`, `file_server`, `web_server`, `database`, `printing`,
        /// `antivirus`, `updates`, `management`, `backup`, `time`, `containers`.
        kind: String,
    }
);
facts!(
    /// A certificate that the machine serves; neither its names nor its file.
    Certificate {
        /// Who serves it: `cups`, `web`, `mail`, `vpn`, `letsencrypt`, `system`.
        place: String,
        /// Last day, ISO 8601.
        expires: String,
    }
);
