//! Sections as text for a technician: aligned, and what could not be read with its reason.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::Write;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Agent, Memory, Network, OperatingSystem, Processors, Software, Storage, System, Volumes};

/// Width of the labels.
const LABEL: usize = 16;

/// A page being written.
#[derive(Default)]
struct Page(String);

impl Page {
    /// One fact; nothing when it is not known.
    fn fact(&mut self, label: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.line(&format!("{label:LABEL$} {}", value.to_string()));
        }
    }

    fn line(&mut self, line: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "  {}", line.trim_end());
    }

    /// A table: the first row holds the titles; absent values are a dash.
    fn table<const N: usize>(&mut self, titles: [&str; N], rows: Vec<[Option<String>; N]>) {
        if rows.is_empty() {
            return;
        }
        let mut all = vec![titles.map(str::to_owned).to_vec()];
        all.extend(rows.into_iter().map(|row| row.map(|cell| cell.unwrap_or_else(|| "-".into())).to_vec()));
        self.rows(all);
    }

    /// Rows of cells, aligned; the first holds the titles.
    fn rows(&mut self, all: Vec<Vec<String>>) {
        let mut widths = vec![0; all.first().map_or(0, Vec::len)];
        for row in &all {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in all {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
            self.line(&cells.join("  "));
        }
    }
}

/// Writes a section: its facts, then what could not be read.
fn page<T: DeserializeOwned>(raw: &RawValue, write: impl FnOnce(&T, &mut Page)) -> String {
    let outcome: Outcome<T> = match serde_json::from_str(raw.get()) {
        Ok(outcome) => outcome,
        Err(error) => return format!("  ! not readable: {error}\n"),
    };
    let mut page = Page::default();
    if let Some(data) = outcome.data() {
        write(data, &mut page);
    }
    for reason in outcome.reasons() {
        page.line(&format!("! {reason}"));
    }
    page.0
}

/// Bytes in the largest binary unit that keeps a digit before the point.
fn size(bytes: u64) -> String {
    let mut unit = 0u32;
    while unit < 5 && bytes >> (10 * (unit + 1)) > 0 {
        unit += 1;
    }
    let name = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].get(usize::try_from(unit).unwrap_or(0)).unwrap_or(&"B");
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    if unit == 0 { format!("{bytes} B") } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}

fn list(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(", "))
}

fn yes_no(value: bool) -> Option<String> {
    Some(if value { "yes" } else { "no" }.to_owned())
}

pub(super) fn system(raw: &RawValue, _whole: bool) -> String {
    page(raw, |system: &System, page| {
        page.fact("manufacturer", system.manufacturer.as_ref());
        page.fact("product", system.product.as_ref());
        page.fact("version", system.version.as_ref());
        page.fact("serial", system.serial.as_ref());
        page.fact("uuid", system.uuid.as_ref());
        page.fact("sku", system.sku.as_ref());
        page.fact("family", system.family.as_ref());
        page.fact("virtualisation", system.virtualisation.as_ref());
        if let Some(chassis) = &system.chassis {
            page.fact("chassis", chassis.kind.as_ref());
            page.fact("chassis serial", chassis.serial.as_ref());
            page.fact("asset tag", chassis.asset_tag.as_ref());
        }
        if let Some(board) = &system.board {
            page.fact("board maker", board.manufacturer.as_ref());
            page.fact("board product", board.product.as_ref());
            page.fact("board version", board.version.as_ref());
            page.fact("board serial", board.serial.as_ref());
        }
        if let Some(bios) = &system.bios {
            page.fact("bios vendor", bios.vendor.as_ref());
            page.fact("bios version", bios.version.as_ref());
            page.fact("bios date", bios.date.as_ref());
        }
    })
}

pub(super) fn processors(raw: &RawValue, _whole: bool) -> String {
    page(raw, |section: &Processors, page| {
        let number = |value: Option<u32>| value.map(|n| n.to_string());
        let rows = section
            .processors
            .iter()
            .map(|p| [p.name.clone(), p.vendor.clone(), number(p.cores), number(p.threads), number(p.max_mhz)]);
        page.table(["name", "vendor", "cores", "threads", "max MHz"], rows.collect());
    })
}

pub(super) fn memory(raw: &RawValue, _whole: bool) -> String {
    page(raw, |section: &Memory, page| {
        page.fact("usable", section.total_bytes.map(size));
        page.fact("slots", section.slots.map(|slots| format!("{slots}, {} in use", section.modules.len())));
        let rows = section.modules.iter().map(|m| {
            let speed = m.speed_mts.map(|speed| format!("{speed} MT/s"));
            let size = m.size_bytes.map(size);
            [
                m.slot.clone(),
                size,
                m.kind.clone(),
                speed,
                m.manufacturer.clone(),
                m.part_number.clone(),
                m.serial.clone(),
            ]
        });
        page.table(["slot", "size", "kind", "speed", "manufacturer", "part", "serial"], rows.collect());
    })
}

pub(super) fn storage(raw: &RawValue, _whole: bool) -> String {
    page(raw, |section: &Storage, page| {
        let rows = section.disks.iter().map(|d| {
            let size = d.size_bytes.map(size);
            [
                Some(d.name.clone()),
                d.kind.clone(),
                d.bus.clone(),
                size,
                d.model.clone(),
                d.serial.clone(),
                d.firmware.clone(),
            ]
        });
        page.table(["name", "kind", "bus", "size", "model", "serial", "firmware"], rows.collect());
        if section.disks.is_empty() {
            page.line("no disk");
        }
    })
}

pub(super) fn volumes(raw: &RawValue, _whole: bool) -> String {
    page(raw, |section: &Volumes, page| {
        let rows = section.volumes.iter().map(|v| {
            let size = v.total_bytes.map(size);
            [Some(v.mount_point.clone()), v.device.clone(), Some(v.file_system.clone()), size, yes_no(v.read_only)]
        });
        page.table(["mount point", "device", "file system", "size", "read-only"], rows.collect());
        if section.volumes.is_empty() {
            page.line("no volume of a fixed disk is mounted where it may be reported");
        }
    })
}

pub(super) fn network(raw: &RawValue, _whole: bool) -> String {
    page(raw, |section: &Network, page| {
        let rows = section.interfaces.iter().map(|i| {
            let speed = i.speed_mbps.map(|speed| format!("{speed} Mb/s"));
            let permanent = i.permanent_mac.clone();
            [Some(i.name.clone()), i.kind.clone(), yes_no(i.up), speed, i.mac.clone(), permanent, list(&i.addresses)]
        });
        page.table(["name", "kind", "up", "speed", "address", "permanent", "addresses"], rows.collect());
        page.fact("gateways", list(&section.gateways));
        page.fact("resolvers", list(&section.resolvers));
    })
}

pub(super) fn operating_system(raw: &RawValue, _whole: bool) -> String {
    page(raw, |section: &OperatingSystem, page| {
        page.fact("name", section.full_name.as_ref().or(section.name.as_ref()));
        page.fact("version", section.version.as_ref());
        page.fact("kernel", section.kernel.as_ref());
        page.fact("architecture", section.architecture.as_ref());
        page.fact("host name", section.host_name.as_ref());
    })
}

pub(super) fn software(raw: &RawValue, whole: bool) -> String {
    page(raw, |section: &Software, page| {
        if !whole {
            page.line(&format!("{} packages (all of them: --section software)", section.packages.len()));
            return;
        }
        let rows = section.packages.iter().map(|p| {
            let size = p.size_bytes.map(size);
            [Some(p.name.clone()), Some(p.version.clone()), p.architecture.clone(), size, p.publisher.clone()]
        });
        page.table(["name", "version", "architecture", "size", "publisher"], rows.collect());
    })
}

pub(super) fn agent(raw: &RawValue, _whole: bool) -> String {
    page(raw, |section: &Agent, page| {
        page.fact("version", Some(&section.version));
        page.fact("built for", Some(&section.target));
    })
}

/// A list of a section as a table: the columns are fields. What a list has not is said.
fn listed(raw: &RawValue, list: &str, columns: &[&str]) -> String {
    page(raw, |section: &Value, page| {
        let rows = section.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if rows.is_empty() {
            page.line("none");
            return;
        }
        let cell = |row: &Value, column: &&str| match row.get(*column) {
            None | Some(Value::Null) => "-".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(value)) => if *value { "yes" } else { "no" }.to_owned(),
            Some(Value::Number(bytes)) if column.ends_with("_bytes") => size(bytes.as_u64().unwrap_or(0)),
            Some(other) => other.to_string(),
        };
        let titles = columns.iter().map(|column| column.replace('_', " ")).collect();
        let rows = rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect());
        page.rows(std::iter::once(titles).chain(rows).collect());
    })
}

pub(super) fn monitors(raw: &RawValue, _whole: bool) -> String {
    let columns =
        ["connector", "kind", "manufacturer", "caption", "serial", "week", "year", "width_cm", "bad_checksum"];
    listed(raw, "monitors", &columns)
}

pub(super) fn graphics(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "adapters", &["slot", "id", "vendor", "name", "driver", "memory_bytes"])
}

pub(super) fn pci(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "devices", &["slot", "class", "kind", "id", "vendor", "name", "driver"])
}

pub(super) fn usb(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "devices", &["port", "id", "kind", "vendor", "name", "serial"])
}

pub(super) fn sound(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "cards", &["slot", "id", "vendor", "name", "driver"])
}

pub(super) fn printers(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "printers", &["name", "model", "serial", "location", "uri", "default", "shared"])
}

pub(super) fn batteries(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "batteries", &["name", "manufacturer", "model", "serial", "chemistry", "design_mwh"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_down_in_the_largest_unit() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 40, "1.0 TiB"), (u64::MAX, "16383.9 PiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn tables_are_aligned_and_reasons_are_shown() {
        let raw = r#"{"outcome":"partial","reasons":["/x may not be read"],"data":{"disks":[
            {"name":"sda","kind":"hdd","removable":false},{"name":"nvme0n1","model":"SSD","removable":false}]}}"#;
        let shown = storage(&serde_json::from_str::<Box<RawValue>>(raw).unwrap(), false);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0].find("kind"), lines[1].find("hdd"));
        assert_eq!(lines[0].find("model"), lines[2].find("SSD"));
        assert_eq!(lines[3], "  ! /x may not be read");
    }
}
