//! Sections of what is plugged into the machine or built into it beside its core: monitors, graphics, PCI, USB, sound,
//! printers, batteries.

use serde::{Deserialize, Serialize};

facts!(
    /// Monitors and projectors.
    Monitors {
        /// Sorted by connector.
        monitors: Vec<Monitor>,
    }
);
facts!(
    /// One monitor or projector, as its EDID block (VESA E-EDID 1.4) describes it.
    Monitor {
        /// Connector of the machine, such as `HDMI-A-1`.
        #[serde(skip_serializing_if = "Option::is_none")]
        connector: Option<String>,
        /// `internal` (panel of a laptop), `projector` (its picture has no fixed size) or `monitor`.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Maker's name, or its PNP id where the name is not known.
        #[serde(skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Name as the block gives it, inner and trailing blanks kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
        /// Serial number as on the maker's label, where the block lets it be worked out; else text, else number in hexadecimal.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// What other programs may show as the serial number of the same monitor.
        #[serde(skip_serializing_if = "Option::is_none")]
        alternative_serial: Option<String>,
        /// PNP id and product code, such as `ACR0024`.
        #[serde(skip_serializing_if = "Option::is_none")]
        product_code: Option<String>,
        /// Week of manufacture; 0 where only the year is given.
        #[serde(skip_serializing_if = "Option::is_none")]
        week: Option<u8>,
        /// Year of manufacture, or of the model.
        #[serde(skip_serializing_if = "Option::is_none")]
        year: Option<u16>,
        /// Width of the picture, centimetres.
        #[serde(skip_serializing_if = "Option::is_none")]
        width_cm: Option<u8>,
        /// Height of the picture, centimetres.
        #[serde(skip_serializing_if = "Option::is_none")]
        height_cm: Option<u8>,
        /// The checksum of the block is wrong: a bad cable or a bad chip; the facts may be too.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        bad_checksum: bool,
    }
);
facts!(
    /// PCI devices.
    Pci {
        /// Sorted by slot.
        devices: Vec<PciDevice>,
    }
);
facts!(
    /// One PCI device.
    PciDevice {
        /// Domain, bus, device and function, such as `0000:00:1f.3`.
        slot: String,
        /// Class and subclass, four hexadecimal digits: `0300`.
        class: String,
        /// Class in words: `storage`, `network`, `display`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Vendor and device, such as `8086:a370`.
        id: String,
        /// Vendor and device of the board, in the same writing.
        #[serde(skip_serializing_if = "Option::is_none")]
        subsystem: Option<String>,
        /// Vendor's name, where the machine has the list of names (`pci.ids`).
        #[serde(skip_serializing_if = "Option::is_none")]
        vendor: Option<String>,
        /// Device's name, where the machine has the list of names (`pci.ids`).
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Kernel driver.
        #[serde(skip_serializing_if = "Option::is_none")]
        driver: Option<String>,
    }
);
facts!(
    /// Graphics adapters.
    Graphics {
        /// Sorted by slot.
        adapters: Vec<GraphicsAdapter>,
    }
);
facts!(
    /// One graphics adapter (PCI class 03).
    GraphicsAdapter {
        /// PCI slot.
        slot: String,
        /// Vendor and device, such as `8086:3e92`.
        id: String,
        /// Vendor's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        vendor: Option<String>,
        /// Name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Kernel driver.
        #[serde(skip_serializing_if = "Option::is_none")]
        driver: Option<String>,
        /// Memory of its own, bytes, where the driver tells.
        #[serde(skip_serializing_if = "Option::is_none")]
        memory_bytes: Option<u64>,
    }
);
facts!(
    /// Sound devices.
    Sound {
        /// Sorted by slot, then by name.
        cards: Vec<SoundCard>,
    }
);
facts!(
    /// One sound device.
    SoundCard {
        /// PCI slot; absent for one on another bus.
        #[serde(skip_serializing_if = "Option::is_none")]
        slot: Option<String>,
        /// Vendor and device, such as `8086:a348`.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Vendor's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        vendor: Option<String>,
        /// Name: the kernel's, else that of the PCI device.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Kernel driver.
        #[serde(skip_serializing_if = "Option::is_none")]
        driver: Option<String>,
    }
);
facts!(
    /// USB devices, hubs and storage left out.
    Usb {
        /// Sorted by port.
        devices: Vec<UsbDevice>,
    }
);
facts!(
    /// One USB device.
    UsbDevice {
        /// Bus and ports on the way, such as `1-4.2`.
        port: String,
        /// Vendor and product, such as `046d:c31c`.
        id: String,
        /// Class in words: `human_interface`, `printer`, `video`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Vendor, as the device tells, else from the list of names.
        #[serde(skip_serializing_if = "Option::is_none")]
        vendor: Option<String>,
        /// Product, as the device tells, else from the list of names.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Fixed in the machine, as the firmware tells.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        built_in: bool,
    }
);
facts!(
    /// Print queues and printers plugged in.
    Printers {
        /// Sorted by name.
        printers: Vec<Printer>,
    }
);
facts!(
    /// One print queue (CUPS), or a USB printer that no queue uses.
    Printer {
        /// Name of the queue, or of the printer.
        name: String,
        /// Make and model.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Where it stands, as somebody wrote it.
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// Where it is reached, without user, password and options.
        #[serde(skip_serializing_if = "Option::is_none")]
        uri: Option<String>,
        /// Whether it is the default printer.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        default: bool,
        /// Whether this machine shares it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        shared: bool,
    }
);
facts!(
    /// Batteries of the machine.
    Batteries {
        /// Sorted by name.
        batteries: Vec<Battery>,
    }
);
facts!(
    /// One battery. Health and cycles vary: they are samples.
    Battery {
        /// Kernel name, such as `BAT0`.
        name: String,
        /// Maker.
        #[serde(skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Model.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Serial number.
        #[serde(skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// `li_ion`, `li_poly`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        chemistry: Option<String>,
        /// Capacity when new, milliwatt hours.
        #[serde(skip_serializing_if = "Option::is_none")]
        design_mwh: Option<u32>,
    }
);
