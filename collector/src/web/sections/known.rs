//! Each section that this version knows, as facts and tables.

use super::super::words;
use super::{Body, Reader, SoftwareList, whole};
use vigie_shared::section;

/// Programs shown at once unless the whole list is asked for.
const SOFTWARE_SHOWN: usize = 60;

impl Reader<'_> {
    pub(super) fn system(&self, s: &section::System) -> Body {
        let joined = |parts: [&Option<String>; 3]| {
            let text = parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
            (!text.is_empty()).then_some(text)
        };
        let board = s.board.as_ref();
        let bios = s.bios.as_ref();
        let chassis = s.chassis.as_ref();
        Body {
            facts: self.facts(&[
                ("fact-manufacturer", s.manufacturer.clone()),
                ("fact-product", s.product.clone()),
                ("fact-version", s.version.clone()),
                ("fact-family", s.family.clone()),
                ("fact-serial", s.serial.clone()),
                ("fact-sku", s.sku.clone()),
                ("fact-uuid", s.uuid.clone()),
                ("fact-chassis", chassis.and_then(|c| self.word("chassis", &c.kind))),
                ("fact-chassis-serial", chassis.and_then(|c| c.serial.clone())),
                ("fact-asset-tag", chassis.and_then(|c| c.asset_tag.clone())),
                ("fact-board", board.and_then(|b| joined([&b.manufacturer, &b.product, &b.version]))),
                ("fact-board-serial", board.and_then(|b| b.serial.clone())),
                ("fact-bios", bios.and_then(|b| joined([&b.vendor, &b.version, &b.date]))),
                ("fact-virtualisation", s.virtualisation.clone()),
            ]),
            ..Body::default()
        }
    }

    pub(super) fn operating_system(&self, os: &section::OperatingSystem) -> Body {
        let short = || match (&os.name, &os.version) {
            (Some(name), Some(version)) => Some(format!("{name} {version}")),
            (name, _) => name.clone(),
        };
        Body {
            facts: self.facts(&[
                ("fact-os", os.full_name.clone().or_else(short)),
                ("fact-os-family", Some(os.family.clone())),
                ("fact-kernel", os.kernel.clone()),
                ("fact-architecture", os.architecture.clone()),
                ("fact-host-name", os.host_name.clone()),
            ]),
            ..Body::default()
        }
    }

    pub(super) fn processors(&self, p: &section::Processors) -> Body {
        let row = |p: &section::Processor| {
            let mhz = p.max_mhz.map(|mhz| format!("{} GHz", words::number(self.lang, f64::from(mhz) / 1000.0)));
            let count = |n: Option<u32>| n.map(|n| n.to_string());
            vec![p.name.clone(), p.vendor.clone(), count(p.cores), count(p.threads), mhz]
        };
        let heads = ["column-model", "column-vendor", "column-cores", "column-threads", "column-clock-speed"];
        let rows = p.processors.iter().map(row).collect();
        Body { tables: self.table("section-processors", &heads, rows).into_iter().collect(), ..Body::default() }
    }

    pub(super) fn memory(&self, m: &section::Memory) -> Body {
        let size = |bytes: Option<u64>| bytes.map(|b| words::memory(self.lang, b));
        let used = m.slots.map(|slots| {
            let figures = [("used", m.modules.len().into()), ("slots", slots.into())];
            self.lang.tell("memory-slots", &figures)
        });
        let row = |module: &section::MemoryModule| {
            vec![
                module.slot.clone(),
                size(module.size_bytes),
                module.kind.as_ref().map(|k| k.to_uppercase()),
                module.speed_mts.map(|s| format!("{s} MT/s")),
                module.manufacturer.clone(),
                module.part_number.clone(),
                module.serial.clone(),
            ]
        };
        let heads = [
            "column-slot",
            "column-size",
            "column-kind",
            "column-speed",
            "column-vendor",
            "column-part",
            "column-serial",
        ];
        Body {
            facts: self.facts(&[("fact-memory", size(m.total_bytes)), ("fact-slots", used)]),
            tables: self.table("memory-modules", &heads, m.modules.iter().map(row).collect()).into_iter().collect(),
            ..Body::default()
        }
    }

    pub(super) fn storage(&self, s: &section::Storage) -> Body {
        let row = |d: &section::Disk| {
            vec![
                Some(d.name.clone()),
                d.model.clone(),
                self.size(d.size_bytes),
                self.word("disk", &d.kind),
                d.bus.clone(),
                d.serial.clone(),
                d.firmware.clone(),
                self.yes(d.removable),
            ]
        };
        let heads = [
            "column-name",
            "column-model",
            "column-size",
            "column-kind",
            "column-bus",
            "column-serial",
            "column-firmware",
            "column-removable",
        ];
        let rows = s.disks.iter().map(row).collect();
        Body { tables: self.table("section-storage", &heads, rows).into_iter().collect(), ..Body::default() }
    }

    pub(super) fn volumes(&self, v: &section::Volumes) -> Body {
        let row = |v: &section::Volume| {
            let free = self.free(&v.mount_point);
            let share = match (free, v.total_bytes) {
                (Some(free), Some(total)) if total > 0 => {
                    let percent = u128::from(free) * 100 / u128::from(total);
                    Some(format!("{} ({percent} %)", words::size(self.lang, free)))
                }
                (free, _) => self.size(free),
            };
            vec![
                Some(v.mount_point.clone()),
                self.size(v.total_bytes),
                share,
                Some(v.file_system.clone()),
                v.device.clone(),
                self.yes(v.read_only),
            ]
        };
        let heads =
            ["column-volume", "column-size", "column-free", "column-file-system", "column-device", "column-read-only"];
        let rows = v.volumes.iter().map(row).collect();
        Body { tables: self.table("section-volumes", &heads, rows).into_iter().collect(), ..Body::default() }
    }

    /// Free space of a volume by its latest sample.
    fn free(&self, mount_point: &str) -> Option<u64> {
        let sample = self.samples.iter().find(|(m, i, _, _)| m == "volume_free_bytes" && i == mount_point)?;
        whole(sample.2)
    }

    pub(super) fn network(&self, n: &section::Network) -> Body {
        let row = |i: &section::Interface| {
            vec![
                Some(i.name.clone()),
                Some(self.label(if i.up { "link-up" } else { "link-down" })),
                self.word("interface", &i.kind),
                i.mac.clone(),
                i.permanent_mac.clone().filter(|mac| Some(mac) != i.mac.as_ref()),
                i.speed_mbps.map(|s| format!("{s} Mb/s")),
                (!i.addresses.is_empty()).then(|| i.addresses.join(", ")),
            ]
        };
        let heads = [
            "column-interface",
            "column-link",
            "column-kind",
            "column-mac",
            "column-permanent-mac",
            "column-speed",
            "column-addresses",
        ];
        Body {
            facts: self.facts(&[
                ("fact-gateways", Some(n.gateways.join(", "))),
                ("fact-resolvers", Some(n.resolvers.join(", "))),
            ]),
            tables: self
                .table("network-interfaces", &heads, n.interfaces.iter().map(row).collect())
                .into_iter()
                .collect(),
            ..Body::default()
        }
    }

    pub(super) fn software(&self, s: &section::Software) -> Body {
        let wanted = self.filter.text.trim().to_lowercase();
        let fits = |p: &&section::Package| {
            let publisher = p.publisher.as_ref().is_some_and(|p| p.to_lowercase().contains(&wanted));
            wanted.is_empty() || publisher || p.name.to_lowercase().contains(&wanted)
        };
        let found: Vec<&section::Package> = s.packages.iter().filter(fits).collect();
        let shown = if self.filter.whole { found.len() } else { found.len().min(SOFTWARE_SHOWN) };
        let row = |p: &&section::Package| {
            vec![
                Some(p.name.clone()),
                Some(p.version.clone()),
                p.publisher.clone(),
                self.size(p.size_bytes),
                p.architecture.clone(),
                Some(p.source.clone()),
            ]
        };
        let heads = [
            "column-name",
            "column-version",
            "column-publisher",
            "column-size",
            "column-architecture",
            "column-source",
        ];
        let all = s.packages.len();
        let count = if wanted.is_empty() {
            self.lang.tell("software-count", &[("n", all.into())])
        } else {
            self.lang.tell("software-found", &[("n", found.len().into()), ("all", all.into())])
        };
        let cut = (shown < found.len()).then(|| self.lang.tell("software-cut", &[("n", shown.into())]));
        Body {
            tables: self
                .table("section-software", &heads, found.iter().take(shown).map(row).collect())
                .into_iter()
                .collect(),
            software: Some(SoftwareList {
                text: self.filter.text.clone(),
                query: super::super::page::encode(&self.filter.text),
                count,
                cut,
            }),
            ..Body::default()
        }
    }

    pub(super) fn agent(&self, a: &section::Agent) -> Body {
        let facts = [("fact-version", Some(a.version.clone())), ("fact-target", Some(a.target.clone()))];
        Body { facts: self.facts(&facts), ..Body::default() }
    }
}
