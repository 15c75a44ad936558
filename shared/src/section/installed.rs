//! What is installed, and what waits to be.

use serde::{Deserialize, Serialize};

facts!(
    /// Installed software.
    Software {
        /// Sorted by name, version, architecture.
        packages: Vec<Package>,
    }
);
facts!(
    /// One installed program.
    Package {
        /// Name.
        name: String,
        /// Version, in the writing of its source.
        version: String,
        /// Architecture, as its source names it.
        #[serde(skip_serializing_if = "Option::is_none")]
        architecture: Option<String>,
        /// `dpkg`, `rpm`, `snap`, `flatpak`, `windows`, `appx`: also tells by which rules versions are compared
        /// ([`crate::version::Rules::of`]).
        source: String,
        /// Publisher, without the mail address.
        #[serde(skip_serializing_if = "Option::is_none")]
        publisher: Option<String>,
        /// Installed size, bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        /// What stays the same from version to version where the name does not: the uninstall key of Windows, the
        /// identifier of a Flatpak, the family name of an Appx package.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Day of the installation (of this version, for rpm), ISO 8601. dpkg keeps none.
        #[serde(skip_serializing_if = "Option::is_none")]
        install_date: Option<String>,
        /// What it is, of what people ask about: `browser`, `office`, `remote_control`, `antivirus`
        /// ([`crate::program::category`]).
        #[serde(skip_serializing_if = "Option::is_none")]
        category: Option<String>,
    }
);
facts!(
    /// Updates that wait, as far as the machine itself knows without asking anybody.
    Updates {
        /// How many security updates wait, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        security: Option<u32>,
        /// How many updates wait in all, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        all: Option<u32>,
        /// The security updates, sorted; at most 1,000.
        packages: Vec<PendingUpdate>,
        /// Whether an update asks for a restart, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        reboot_required: Option<bool>,
        /// Day on which the list of what is available was last fetched, ISO 8601.
        #[serde(skip_serializing_if = "Option::is_none")]
        lists_of: Option<String>,
    }
);
facts!(
    /// One update that waits.
    PendingUpdate {
        /// Name of the package.
        name: String,
        /// Version that is installed.
        installed: String,
        /// Newest version on offer.
        available: String,
    }
);
