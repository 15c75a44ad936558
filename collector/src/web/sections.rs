//! Sections of the inventory as tables. An unknown or unreadable section is shown as it came: nothing is hidden.

use super::lang::Lang;
use super::{reasons, words};
use crate::store::SectionRow;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{self, name};

/// Programs shown at once unless the whole list is asked for.
const SOFTWARE_SHOWN: usize = 60;
/// Characters of an unknown section that are shown.
const RAW_MAX: usize = 20_000;

/// What to show of the software.
#[derive(Default)]
pub struct Filter {
    /// Text looked for in names and publishers, any case.
    pub text: String,
    /// The whole list.
    pub whole: bool,
}

/// One section as shown.
pub struct SectionView {
    /// Place in the order of interest.
    pub rank: usize,
    /// Name, for anchors.
    pub name: String,
    /// Title in words.
    pub title: String,
    /// When it came, in words.
    pub received: String,
    /// `complete`, `partial`, `unavailable` or `unreadable`.
    pub outcome: &'static str,
    /// The outcome in words; empty when complete.
    pub warning: String,
    /// Why something is missing.
    pub reasons: Vec<String>,
    /// What was read.
    pub body: Body,
    /// The last complete reading, when the latest is not: when, and what it said.
    pub last: Option<(String, Body)>,
}

/// Content of a section: facts, then tables, then whatever could not be understood.
#[derive(Default)]
pub struct Body {
    /// Label and value.
    pub facts: Vec<(String, String)>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Raw JSON.
    pub raw: Option<String>,
    /// The list of software, which can be searched.
    pub software: Option<SoftwareList>,
}

/// One table.
pub struct Table {
    /// Caption.
    pub caption: String,
    /// Heads of its columns.
    pub heads: Vec<String>,
    /// Rows; the first cell names the row.
    pub rows: Vec<Vec<String>>,
}

/// What is said around the list of software.
pub struct SoftwareList {
    /// Text looked for.
    pub text: String,
    /// The same, as one value of a query.
    pub query: String,
    /// « 812 logiciels », « 3 sur 812 ».
    pub count: String,
    /// Whether the list was cut, in words.
    pub cut: Option<String>,
}

const ORDER: &[&str] = &[
    name::SYSTEM,
    name::OPERATING_SYSTEM,
    name::PROCESSORS,
    name::MEMORY,
    name::STORAGE,
    name::VOLUMES,
    name::NETWORK,
    name::SOFTWARE,
    name::AGENT,
];

/// Samples of a machine: `(metric, instance, value, at)`.
type Samples = [(String, String, f64, Timestamp)];

/// A section in words.
pub fn view(lang: Lang, row: &SectionRow, samples: &Samples, filter: &Filter, now: Timestamp) -> SectionView {
    let reader = Reader { lang, samples, filter };
    let read = reader.read(&row.name, &row.body);
    let warning = if read.outcome == "complete" { String::new() } else { reasons::word(lang, "outcome", read.outcome) };
    let last = row.last_complete.as_ref().filter(|_| read.outcome != "complete").map(|(body, at)| {
        let when = lang.tell("section-last-complete", &[("moment", words::moment(lang, *at, now).into())]);
        (when, reader.read(&row.name, body).body)
    });
    SectionView {
        rank: ORDER.iter().position(|n| *n == row.name).unwrap_or(ORDER.len()),
        name: row.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect(),
        title: reasons::word(lang, "section", &row.name),
        received: words::moment(lang, row.received, now),
        outcome: read.outcome,
        warning,
        reasons: read.reasons,
        body: read.body,
        last,
    }
}

struct Read {
    outcome: &'static str,
    reasons: Vec<String>,
    body: Body,
}

struct Reader<'a> {
    lang: Lang,
    samples: &'a Samples,
    filter: &'a Filter,
}

impl Reader<'_> {
    fn read(&self, section: &str, body: &str) -> Read {
        match section {
            name::SYSTEM => self.typed(body, Self::system),
            name::OPERATING_SYSTEM => self.typed(body, Self::operating_system),
            name::PROCESSORS => self.typed(body, Self::processors),
            name::MEMORY => self.typed(body, Self::memory),
            name::STORAGE => self.typed(body, Self::storage),
            name::VOLUMES => self.typed(body, Self::volumes),
            name::NETWORK => self.typed(body, Self::network),
            name::SOFTWARE => self.typed(body, Self::software),
            name::AGENT => self.typed(body, Self::agent),
            _ => self.unknown(body),
        }
    }

    fn typed<T: DeserializeOwned>(&self, body: &str, show: impl Fn(&Self, &T) -> Body) -> Read {
        match serde_json::from_str::<Outcome<T>>(body) {
            Ok(outcome) => Read {
                outcome: outcome.word(),
                reasons: outcome.reasons().to_vec(),
                body: outcome.data().map(|data| show(self, data)).unwrap_or_default(),
            },
            Err(_) => Read { outcome: "unreadable", reasons: vec![], body: raw(body) },
        }
    }

    fn unknown(&self, body: &str) -> Read {
        match serde_json::from_str::<Outcome<serde_json::Value>>(body) {
            Ok(outcome) => {
                let text = outcome.data().and_then(|data| serde_json::to_string_pretty(data).ok());
                let body = Body { raw: text.map(cut), ..Body::default() };
                Read { outcome: outcome.word(), reasons: outcome.reasons().to_vec(), body }
            }
            Err(_) => Read { outcome: "unreadable", reasons: vec![], body: raw(body) },
        }
    }

    fn label(&self, key: &str) -> String {
        self.lang.say(key)
    }

    /// Facts that are there, labelled.
    fn facts(&self, facts: &[(&str, Option<String>)]) -> Vec<(String, String)> {
        let there = |(key, value): &(&str, Option<String>)| {
            value.clone().filter(|v| !v.is_empty()).map(|value| (self.label(key), value))
        };
        facts.iter().filter_map(there).collect()
    }

    /// A table without the columns that are empty in every row.
    fn table(&self, caption: &str, heads: &[&str], rows: Vec<Vec<Option<String>>>) -> Option<Table> {
        if rows.is_empty() {
            return None;
        }
        let kept: Vec<usize> = (0..heads.len())
            .filter(|n| *n == 0 || rows.iter().any(|row| row.get(*n).is_some_and(Option::is_some)))
            .collect();
        let pick = |row: Vec<Option<String>>| -> Vec<String> {
            kept.iter().map(|n| row.get(*n).cloned().flatten().unwrap_or_else(|| "–".to_owned())).collect()
        };
        Some(Table {
            caption: self.label(caption),
            heads: kept.iter().filter_map(|n| heads.get(*n)).map(|key| self.label(key)).collect(),
            rows: rows.into_iter().map(pick).collect(),
        })
    }

    fn size(&self, bytes: Option<u64>) -> Option<String> {
        bytes.map(|b| words::size(self.lang, b))
    }

    fn word(&self, prefix: &str, value: &Option<String>) -> Option<String> {
        value.as_ref().map(|v| reasons::word(self.lang, prefix, v))
    }

    fn yes(&self, value: bool) -> Option<String> {
        value.then(|| self.label("yes"))
    }

    fn system(&self, s: &section::System) -> Body {
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

    fn operating_system(&self, os: &section::OperatingSystem) -> Body {
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

    fn processors(&self, p: &section::Processors) -> Body {
        let row = |p: &section::Processor| {
            let mhz = p.max_mhz.map(|mhz| format!("{} GHz", words::number(self.lang, f64::from(mhz) / 1000.0)));
            let count = |n: Option<u32>| n.map(|n| n.to_string());
            vec![p.name.clone(), p.vendor.clone(), count(p.cores), count(p.threads), mhz]
        };
        let heads = ["column-model", "column-vendor", "column-cores", "column-threads", "column-clock-speed"];
        let rows = p.processors.iter().map(row).collect();
        Body { tables: self.table("section-processors", &heads, rows).into_iter().collect(), ..Body::default() }
    }

    fn memory(&self, m: &section::Memory) -> Body {
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

    fn storage(&self, s: &section::Storage) -> Body {
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

    fn volumes(&self, v: &section::Volumes) -> Body {
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

    fn network(&self, n: &section::Network) -> Body {
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

    fn software(&self, s: &section::Software) -> Body {
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
                query: super::page::encode(&self.filter.text),
                count,
                cut,
            }),
            ..Body::default()
        }
    }

    fn agent(&self, a: &section::Agent) -> Body {
        let facts = [("fact-version", Some(a.version.clone())), ("fact-target", Some(a.target.clone()))];
        Body { facts: self.facts(&facts), ..Body::default() }
    }
}

/// A measured value as a whole number, when it is one that a number of bytes can be.
pub fn whole(value: f64) -> Option<u64> {
    // Through text: Rust writes a whole f64 without exponent, and a lossy cast would say nothing.
    (value.is_finite() && value >= 0.0).then(|| format!("{:.0}", value).parse().ok()).flatten()
}

fn raw(body: &str) -> Body {
    Body { raw: Some(cut(body.to_owned())), ..Body::default() }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(RAW_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
