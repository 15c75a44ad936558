//! The section `batteries` (`/sys/class/power_supply`, linux/Documentation/ABI/testing/sysfs-class-power), and the samples
//! of their health. Batteries of mice and other devices are not the machine's.

use super::tidy;
use crate::source::{Source, Unreadable};
use vigie_shared::event::Sample;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Batteries, Battery};

const SUPPLIES: &str = "/sys/class/power_supply";
/// Most batteries reported.
const BATTERIES_MAX: usize = 8;

/// Reads the section. A machine without power supplies to speak of has no batteries.
pub fn collect(source: &dyn Source) -> Outcome<Batteries> {
    match names(source) {
        Ok(names) => {
            let batteries = names.iter().map(|name| battery(source, name)).collect();
            Outcome::Complete { data: Batteries { batteries } }
        }
        Err(why) => tidy::none_or_unknown(source, &why),
    }
}

/// Health (what a full charge holds, of what it held when new) and charge cycles.
pub fn samples(source: &dyn Source) -> Vec<Sample> {
    let mut samples = Vec::new();
    for name in names(source).unwrap_or_default() {
        let at = |file: &str| tidy::number::<u32>(source, &format!("{SUPPLIES}/{name}/{file}"));
        let pair = |full: &str, design: &str| Some((at(full)?, at(design).filter(|design| *design > 0)?));
        if let Some((full, design)) =
            pair("energy_full", "energy_full_design").or_else(|| pair("charge_full", "charge_full_design"))
        {
            let percent = (f64::from(full) * 100.0 / f64::from(design)).round();
            samples.push(sample("battery_health_percent", &name, percent));
        }
        // Zero is what firmware says that does not count.
        if let Some(cycles) = at("cycle_count").filter(|cycles| *cycles > 0) {
            samples.push(sample("battery_cycles", &name, f64::from(cycles)));
        }
    }
    samples
}

/// One value.
pub fn sample(metric: &str, instance: &str, value: f64) -> Sample {
    Sample { metric: metric.to_owned(), instance: instance.to_owned(), value }
}

fn names(source: &dyn Source) -> Result<Vec<String>, Unreadable> {
    let is = |name: &str, file: &str, word: &str| {
        tidy::line(source, &format!("{SUPPLIES}/{name}/{file}")).as_deref() == Some(word)
    };
    let own = |name: &String| is(name, "type", "Battery") && !is(name, "scope", "Device") && !is(name, "present", "0");
    Ok(source.list(SUPPLIES)?.into_iter().filter(own).take(BATTERIES_MAX).collect())
}

fn battery(source: &dyn Source, name: &str) -> Battery {
    let at = |file: &str| tidy::line(source, &format!("{SUPPLIES}/{name}/{file}"));
    let text = |file: &str| tidy::maker(&at(file)?);
    let number = |file: &str| at(file)?.parse::<u64>().ok();
    // Microwatt hours, else microampere hours times microvolts.
    let energy = number("energy_full_design").map(|uwh| uwh / 1000);
    let charge = || Some(number("charge_full_design")?.checked_mul(number("voltage_min_design")?)? / 1_000_000_000);
    Battery {
        name: name.to_owned(),
        manufacturer: text("manufacturer"),
        model: text("model_name"),
        serial: text("serial_number"),
        chemistry: at("technology").filter(|word| word != "Unknown").map(|word| word.replace('-', "_").to_lowercase()),
        design_mwh: energy.or_else(charge).and_then(|mwh| u32::try_from(mwh).ok()).filter(|mwh| *mwh > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    fn laptop() -> Fake {
        let files = [
            ("AC/type", "Mains"),
            ("BAT0/type", "Battery"),
            ("BAT0/present", "1"),
            ("BAT0/technology", "Li-ion"),
            ("BAT0/manufacturer", "SMP"),
            ("BAT0/model_name", "02DL007"),
            ("BAT0/serial_number", " 1234"),
            ("BAT0/charge_full_design", "4400000"),
            ("BAT0/voltage_min_design", "11400000"),
            ("BAT0/charge_full", "3300000"),
            ("BAT0/cycle_count", "212"),
            ("hid-mouse/type", "Battery"),
            ("hid-mouse/scope", "Device"),
        ];
        files
            .into_iter()
            .fold(Fake::default(), |fake, (path, text)| fake.file(&format!("{SUPPLIES}/{path}"), format!("{text}\n")))
    }

    #[test]
    fn a_battery_is_told_and_a_mouse_is_not() {
        let Outcome::Complete { data } = collect(&laptop()) else { panic!("complete") };
        let expected = Battery {
            name: "BAT0".into(),
            manufacturer: Some("SMP".into()),
            model: Some("02DL007".into()),
            serial: Some("1234".into()),
            chemistry: Some("li_ion".into()),
            design_mwh: Some(50_160),
        };
        assert_eq!(data.batteries, [expected]);
    }

    #[test]
    fn health_and_cycles_are_samples() {
        let expected = [sample("battery_health_percent", "BAT0", 75.0), sample("battery_cycles", "BAT0", 212.0)];
        assert_eq!(samples(&laptop()), expected);
        let without = laptop()
            .file("/sys/class/power_supply/BAT0/charge_full_design", "0\n")
            .file("/sys/class/power_supply/BAT0/cycle_count", "0\n");
        assert_eq!(samples(&without), [], "no design and no count are no values");
    }
}
