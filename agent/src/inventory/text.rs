//! Sections as text for a technician: aligned, and what could not be read with its reason.
//!
//! Sections are shown as they travel, by the names of their fields: types of their own for reading them back would make
//! up a twentieth of the program.

use serde_json::Value;
use serde_json::value::RawValue;

/// Width of the labels.
const LABEL: usize = 16;

/// A page being written.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Facts, one a line: label and place, such as `board maker:board/manufacturer`; those not known are left out.
    fn facts(&mut self, section: &Value, facts: &[&str]) {
        for fact in facts {
            let (label, place) = fact.split_once(':').unwrap_or((fact, fact));
            if let Some(value) = section.pointer(&format!("/{place}")).and_then(|value| cell(place, value)) {
                self.line(&format!("{label:LABEL$} {value}"));
            }
        }
    }

    fn line(&mut self, line: &str) {
        self.0.push_str("  ");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A list as a table. Columns are title and field, such as `max MHz:max_mhz`; absent values are a dash.
    fn table(&mut self, rows: &[Value], columns: &[&str]) {
        if rows.is_empty() {
            return;
        }
        let (titles, fields): (Vec<&str>, Vec<&str>) =
            columns.iter().map(|column| column.split_once(':').unwrap_or((column, column))).unzip();
        let mut all: Vec<Vec<String>> = vec![titles.into_iter().map(str::to_owned).collect()];
        for row in rows {
            let value = |field: &&str| row.get(*field).and_then(|value| cell(field, value));
            all.push(fields.iter().map(|field| value(field).unwrap_or_else(|| "-".into())).collect());
        }
        let mut widths = vec![0; fields.len()];
        for row in &all {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in all {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            self.line(&line);
        }
    }
}

/// Writes a section: its facts, then what could not be read.
fn page(raw: &RawValue, write: &dyn Fn(&Value, &mut Page)) -> String {
    let outcome: Value = match serde_json::from_str(raw.get()) {
        Ok(outcome) => outcome,
        Err(error) => return format!("  ! not readable: {error}\n"),
    };
    let mut page = Page::default();
    if let Some(data) = outcome.get("data") {
        write(data, &mut page);
    }
    for reason in list(&outcome, "reasons") {
        page.line(&format!("! {}", reason.as_str().unwrap_or_default()));
    }
    page.0
}

/// A list within a section.
fn list<'a>(section: &'a Value, name: &str) -> &'a [Value] {
    section.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A value in words; the name of its field ends with its unit. Nothing for what is empty.
fn cell(field: &str, value: &Value) -> Option<String> {
    let unit = field.rsplit('_').next().unwrap_or_default();
    Some(match (value, unit) {
        (Value::String(text), _) => text.clone(),
        (Value::Bool(value), _) => if *value { "yes" } else { "no" }.to_owned(),
        (Value::Number(bytes), "bytes") => size(bytes.as_u64().unwrap_or(0)),
        (Value::Number(speed), "mts") => format!("{speed} MT/s"),
        (Value::Number(speed), "mbps") => format!("{speed} Mb/s"),
        (Value::Number(number), _) => number.to_string(),
        (Value::Array(values), _) if !values.is_empty() => {
            values.iter().filter_map(|value| cell(field, value)).collect::<Vec<_>>().join(", ")
        }
        _ => return None,
    })
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

/// A section that is one list; `none` says that there is nothing in it.
fn listed(raw: &RawValue, name: &str, columns: &[&str], none: &str) -> String {
    page(raw, &|section, page| {
        let rows = list(section, name);
        page.table(rows, columns);
        if rows.is_empty() {
            page.line(none);
        }
    })
}

pub(super) fn system(raw: &RawValue, _whole: bool) -> String {
    const FACTS: &[&str] = &[
        "manufacturer",
        "product",
        "version",
        "serial",
        "uuid",
        "sku",
        "family",
        "virtualisation",
        "chassis:chassis/kind",
        "chassis serial:chassis/serial",
        "asset tag:chassis/asset_tag",
        "board maker:board/manufacturer",
        "board product:board/product",
        "board version:board/version",
        "board serial:board/serial",
        "bios vendor:bios/vendor",
        "bios version:bios/version",
        "bios date:bios/date",
    ];
    page(raw, &|system, page| page.facts(system, FACTS))
}

pub(super) fn processors(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "processors", &["name", "vendor", "cores", "threads", "max MHz:max_mhz"], "no processor")
}

pub(super) fn memory(raw: &RawValue, _whole: bool) -> String {
    const MODULE: &[&str] = &[
        "slot",
        "size:size_bytes",
        "kind",
        "form:form_factor",
        "speed:speed_mts",
        "manufacturer",
        "part:part_number",
        "serial",
    ];
    page(raw, &|section, page| {
        page.facts(section, &["usable:total_bytes", "at most:max_bytes", "slots", "free slots:free_slots"]);
        page.table(list(section, "modules"), MODULE);
    })
}

pub(super) fn storage(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "disks", &["name", "kind", "bus", "size:size_bytes", "model", "serial", "firmware"], "no disk")
}

pub(super) fn volumes(raw: &RawValue, _whole: bool) -> String {
    const COLUMNS: &[&str] =
        &["mount point:mount_point", "device", "file system:file_system", "size:total_bytes", "read-only:read_only"];
    listed(raw, "volumes", COLUMNS, "no volume of a fixed disk is mounted where it may be reported")
}

pub(super) fn graphics(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "adapters", &["slot", "id", "vendor", "name", "driver", "memory:memory_bytes"], "no graphics adapter")
}

pub(super) fn monitors(raw: &RawValue, _whole: bool) -> String {
    const COLUMNS: &[&str] = &[
        "connector",
        "kind",
        "manufacturer",
        "name:caption",
        "serial",
        "week",
        "year",
        "cm:width_cm",
        "x:height_cm",
        "bad checksum:bad_checksum",
    ];
    listed(raw, "monitors", COLUMNS, "no monitor")
}

pub(super) fn network(raw: &RawValue, _whole: bool) -> String {
    const COLUMNS: &[&str] = &[
        "name",
        "kind",
        "up",
        "speed:speed_mbps",
        "address:mac",
        "permanent:permanent_mac",
        "driver",
        "dhcp",
        "addresses",
    ];
    page(raw, &|section, page| {
        page.table(list(section, "interfaces"), COLUMNS);
        page.facts(section, &["gateways", "resolvers"]);
    })
}

pub(super) fn pci(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "devices", &["slot", "class", "kind", "id", "vendor", "name", "driver"], "no PCI device")
}

pub(super) fn usb(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "devices", &["port", "id", "kind", "vendor", "name", "serial"], "no USB device")
}

pub(super) fn sound(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "cards", &["slot", "id", "vendor", "name", "driver"], "no sound device")
}

pub(super) fn printers(raw: &RawValue, _whole: bool) -> String {
    listed(raw, "printers", &["name", "model", "serial", "location", "uri", "default", "shared"], "no printer")
}

pub(super) fn batteries(raw: &RawValue, _whole: bool) -> String {
    const COLUMNS: &[&str] = &["name", "manufacturer", "model", "serial", "chemistry", "mWh when new:design_mwh"];
    listed(raw, "batteries", COLUMNS, "no battery")
}

pub(super) fn operating_system(raw: &RawValue, _whole: bool) -> String {
    page(raw, &|section, page| {
        let name = if section.get("full_name").is_some() { "name:full_name" } else { "name" };
        page.facts(section, &[name, "version", "kernel", "architecture", "edition", "build"]);
        page.facts(section, &["installed on:install_date", "support ends:support_end", "host name:host_name"]);
    })
}

pub(super) fn software(raw: &RawValue, whole: bool) -> String {
    page(raw, &|section, page| {
        let packages = list(section, "packages");
        if whole {
            page.table(packages, &["name", "version", "architecture", "source", "size:size_bytes", "publisher"]);
        } else {
            page.line(&format!("{} packages (all of them: --section software)", packages.len()));
        }
    })
}

pub(super) fn updates(raw: &RawValue, whole: bool) -> String {
    page(raw, &|section, page| {
        page.facts(section, &["security", "in all:all", "restart needed:reboot_required", "lists of:lists_of"]);
        if whole {
            page.table(list(section, "packages"), &["name", "installed", "available"]);
        }
    })
}

pub(super) fn posture(raw: &RawValue, _whole: bool) -> String {
    page(raw, &|section, page| {
        page.facts(section, &["secure boot:secure_boot", "tpm", "administrators:local_administrators"]);
        page.table(list(section, "firewalls"), &["firewall:name", "enabled"]);
        page.table(list(section, "antivirus"), &["antivirus:name", "signatures of:signatures_of"]);
        page.table(list(section, "encrypted"), &["encrypted:device", "kind"]);
        page.table(list(section, "services"), &["service:name"]);
        page.table(list(section, "certificates"), &["certificate:place", "expires"]);
    })
}

pub(super) fn agent(raw: &RawValue, _whole: bool) -> String {
    page(raw, &|section, page| page.facts(section, &["version", "built for:target"]))
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
