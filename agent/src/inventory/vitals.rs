//! What varies of the hardware, as samples: temperatures the kernel measures (`/sys/class/hwmon`), the state of disks that
//! `smartd` keeps in files, health of batteries.
//!
//! No command is run: asking a disk itself takes powers over the whole machine (`CAP_SYS_RAWIO`, `CAP_SYS_ADMIN`) which
//! the agent's unit has given up. `smartd` (smartmontools) has them and writes down what it sees.

use super::smart::{self, Smart};
use super::{batteries, storage, tidy};
use crate::source::Source;
use vigie_shared::event::Sample;
use vigie_shared::section::Disk;

const HWMON: &str = "/sys/class/hwmon";
/// Where `smartd` keeps its state, by distribution.
const SMARTD: [&str; 2] = ["/var/lib/smartmontools", "/var/lib/smartd"];
/// Drivers of the sensor in the processor.
const PROCESSOR: [&str; 5] = ["coretemp", "k10temp", "zenpower", "cpu_thermal", "via_cputemp"];
/// Most values handed out.
const SAMPLES_MAX: usize = 200;
/// Most sensors looked at.
const SENSORS_MAX: usize = 64;

/// All values that this machine gives without being asked for more than files.
pub fn samples(source: &dyn Source) -> Vec<Sample> {
    let disks = storage::collect(source).data().map(|storage| storage.disks.clone()).unwrap_or_default();
    let mut samples = temperatures(source, &disks);
    for (disk, smart) in kept_by_smartd(source, &disks) {
        let known =
            |sample: &Sample| samples.iter().any(|s| (&s.metric, &s.instance) == (&sample.metric, &sample.instance));
        // What the kernel has just measured is fresher than the file.
        let more: Vec<Sample> = smart.samples(&disk).into_iter().filter(|sample| !known(sample)).collect();
        samples.extend(more);
    }
    samples.extend(batteries::samples(source));
    samples.truncate(SAMPLES_MAX);
    samples
}

fn temperatures(source: &dyn Source, disks: &[Disk]) -> Vec<Sample> {
    let mut samples = Vec::new();
    let sensors = source.list(HWMON).unwrap_or_default();
    for sensor in sensors.iter().take(SENSORS_MAX).map(|name| format!("{HWMON}/{name}")) {
        let Some(driver) = tidy::line(source, &format!("{sensor}/name")) else { continue };
        // Thousandths of a degree; the first one is that of the whole.
        let Some(celsius) = tidy::number::<i32>(source, &format!("{sensor}/temp1_input")).map(|milli| milli / 1000)
        else {
            continue;
        };
        if !(-40..=150).contains(&celsius) {
            continue;
        }
        let value = f64::from(celsius);
        if PROCESSOR.contains(&driver.as_str()) {
            samples.push(batteries::sample("processor_temperature_celsius", &driver, value));
        } else if matches!(driver.as_str(), "drivetemp" | "nvme") {
            let disk = measured_disk(source, &sensor, disks);
            samples.extend(disk.map(|disk| batteries::sample("disk_temperature_celsius", &disk, value)));
        }
    }
    // Two sockets have one name: one value each.
    samples.dedup_by(|b, a| a.metric == b.metric && a.instance == b.instance);
    samples
}

/// The disk that a sensor belongs to: the kernel lists it below the sensor's device (SATA), or the device is the disk's
/// controller (`nvme0` of `nvme0n1`).
fn measured_disk(source: &dyn Source, sensor: &str, disks: &[Disk]) -> Option<String> {
    let block = source.list(&format!("{sensor}/device/block")).unwrap_or_default();
    if let Some(name) = block.into_iter().next() {
        return Some(name);
    }
    let place = source.link(&format!("{sensor}/device")).ok()?;
    let controller = format!("{}n", place.rsplit('/').next()?);
    disks.iter().find(|disk| disk.name.starts_with(&controller)).map(|disk| disk.name.clone())
}

/// State files of `smartd`, which are named after model and serial number.
fn kept_by_smartd(source: &dyn Source, disks: &[Disk]) -> Vec<(String, Smart)> {
    let mut found = Vec::new();
    for folder in SMARTD {
        let files = source.list(folder).unwrap_or_default();
        for disk in disks {
            // What is no letter or digit is written as an underscore there.
            let Some(serial) = disk.serial.as_ref() else { continue };
            let serial: String = serial.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let of_it = |file: &&String| file.ends_with(".state") && file.contains(&format!("-{serial}."));
            if let Some(text) = files.iter().find(of_it).and_then(|file| source.text(&format!("{folder}/{file}")).ok())
            {
                found.push((disk.name.clone(), smart::parse_smartd_state(&text)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    fn machine() -> Fake {
        Fake::default()
            .symlink("/sys/block/sda", "../devices/pci0000:00/ata1/host0/block/sda")
            .file("/sys/block/sda/device/serial", "WD-42/00042\n")
            .symlink("/sys/block/nvme0n1", "../devices/pci0000:00/nvme/nvme0/nvme0n1")
            .file("/sys/class/hwmon/hwmon0/name", "coretemp\n")
            .file("/sys/class/hwmon/hwmon0/temp1_input", "47000\n")
            .file("/sys/class/hwmon/hwmon1/name", "nvme\n")
            .file("/sys/class/hwmon/hwmon1/temp1_input", "38850\n")
            .symlink("/sys/class/hwmon/hwmon1/device", "../../nvme0")
            .file("/sys/class/hwmon/hwmon2/name", "drivetemp\n")
            .file("/sys/class/hwmon/hwmon2/temp1_input", "31000\n")
            .file("/sys/class/hwmon/hwmon2/device/block/sda/size", "1\n")
            .file("/sys/class/hwmon/hwmon3/name", "acpitz\n")
            .file("/sys/class/hwmon/hwmon3/temp1_input", "27800\n")
            .file(
                "/var/lib/smartmontools/smartd.DISQUE_2000-WD_42_00042.ata.state",
                "# smartd state file\nata-smart-attribute.0.id = 5\nata-smart-attribute.0.val = 100\nata-smart-attribute.0.raw = 8\n\
                ata-smart-attribute.1.id = 9\nata-smart-attribute.1.val = 77\nata-smart-attribute.1.raw = 21034\n\
                ata-smart-attribute.2.id = 194\nata-smart-attribute.2.val = 113\nata-smart-attribute.2.raw = 34\n",
            )
    }

    #[test]
    fn temperatures_and_the_state_of_disks_are_told_once_each() {
        let told: Vec<_> = samples(&machine()).into_iter().map(|s| (s.metric, s.instance, s.value)).collect();
        let expected = [
            ("processor_temperature_celsius", "coretemp", 47.0),
            ("disk_temperature_celsius", "nvme0n1", 38.0),
            ("disk_temperature_celsius", "sda", 31.0),
            ("disk_power_on_hours", "sda", 21_034.0),
            ("disk_reallocated_sectors", "sda", 8.0),
        ];
        assert_eq!(told, expected.map(|(metric, instance, value)| (metric.to_owned(), instance.to_owned(), value)));
    }

    #[test]
    fn a_machine_that_measures_nothing_has_no_values_and_a_broken_sensor_none_either() {
        assert_eq!(samples(&Fake::default()), []);
        let broken = Fake::default()
            .file("/sys/class/hwmon/hwmon0/name", "coretemp\n")
            .file("/sys/class/hwmon/hwmon0/temp1_input", "-128000\n");
        assert_eq!(samples(&broken), []);
    }
}
