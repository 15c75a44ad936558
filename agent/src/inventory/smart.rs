//! What smartmontools say of a disk, ATA or NVMe: answers of `smartctl --json` (version 7) and the state that `smartd`
//! keeps in files. Bytes in, facts out.

use super::batteries::sample;
use serde::Serialize;
use serde_json::Value;
use vigie_shared::event::Sample;

/// Longest answer read.
pub const ANSWER_MAX: usize = 1 << 20;
/// More hours than any disk has run.
const HOURS_MAX: u64 = 1_000_000;
/// ATA attributes (the numbers that makers agree on).
const REALLOCATED: u64 = 5;
const PENDING: u64 = 197;
const HOURS: u64 = 9;
const TEMPERATURE: u64 = 194;
/// Attributes whose normalised value is the life that is left, in percent: wear levelling (Samsung), lifetime (Crucial),
/// life left (Kingston and others), media wear-out (Intel).
const LIFE_LEFT: [u64; 4] = [177, 202, 231, 233];

/// What was read of one disk. What a disk does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Smart {
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Firmware revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// `ATA`, `NVMe`, `SCSI`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The disk's own verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    /// Hours in operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_on_hours: Option<u64>,
    /// Temperature, °C.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_celsius: Option<i64>,
    /// Sectors that were replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reallocated_sectors: Option<u64>,
    /// Sectors that could not be read and wait to be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_sectors: Option<u64>,
    /// Part of the rated life that is used, percent; may exceed 100 (NVMe).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wear_percent: Option<u64>,
    /// Errors that the disk could not correct (NVMe).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_errors: Option<u64>,
    /// What `smartctl` complained about, and fields that were dropped because they are impossible.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// Reads an answer of `smartctl --json`. An error says why it is none.
pub fn parse(answer: &[u8]) -> Result<Smart, String> {
    if answer.len() > ANSWER_MAX {
        return Err(format!("{} bytes, more than is read of an answer of smartctl ({ANSWER_MAX})", answer.len()));
    }
    let answer: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    if answer.get("smartctl").is_none() {
        return Err("JSON, but no answer of smartctl".into());
    }
    let text = |pointer: &str| super::tidy::maker(answer.pointer(pointer)?.as_str()?);
    let number = |pointer: &str| answer.pointer(pointer)?.as_u64();
    let table = answer.pointer("/ata_smart_attributes/table").and_then(Value::as_array);
    let attribute = |id: u64| table?.iter().find(|row| row.get("id").and_then(Value::as_u64) == Some(id));
    let raw = |id: u64| attribute(id)?.pointer("/raw/value")?.as_u64();
    let life_left = || LIFE_LEFT.iter().find_map(|id| attribute(*id)?.get("value")?.as_u64());
    let mut smart = Smart {
        model: text("/model_name").or_else(|| text("/scsi_model_name")),
        serial: text("/serial_number"),
        firmware: text("/firmware_version"),
        protocol: text("/device/protocol"),
        passed: answer.pointer("/smart_status/passed").and_then(Value::as_bool),
        power_on_hours: number("/power_on_time/hours"),
        temperature_celsius: answer.pointer("/temperature/current").and_then(Value::as_i64),
        reallocated_sectors: raw(REALLOCATED).or_else(|| number("/scsi_grown_defect_list")),
        pending_sectors: raw(PENDING),
        wear_percent: number("/nvme_smart_health_information_log/percentage_used")
            .or_else(|| number("/endurance_used/current_percent"))
            .or_else(|| life_left().map(|left| 100u64.saturating_sub(left))),
        media_errors: number("/nvme_smart_health_information_log/media_errors"),
        problems: Vec::new(),
    };
    let messages = answer.pointer("/smartctl/messages").and_then(Value::as_array);
    let said = messages.into_iter().flatten().filter_map(|message| message.get("string")?.as_str());
    smart.problems.extend(said.take(8).filter_map(super::tidy::text));
    smart.drop_impossible();
    Ok(smart)
}

/// Reads a state file of `smartd` (smartmontools): `ata-smart-attribute.0.id = 5`, then `.val` and `.raw` of the same.
pub fn parse_smartd_state(text: &str) -> Smart {
    let mut smart = Smart::default();
    let (mut id, mut value) = (0, None);
    for line in text.lines() {
        let Some((key, number)) = line.split_once(" = ") else { continue };
        let Ok(number) = number.trim().parse::<u64>() else { continue };
        match key.strip_prefix("ata-smart-attribute.").and_then(|rest| rest.split_once('.')).map(|(_, field)| field) {
            Some("id") => (id, value) = (number, None),
            Some("val") => value = Some(number),
            Some("raw") => match id {
                REALLOCATED => smart.reallocated_sectors = Some(number),
                HOURS => smart.power_on_hours = Some(number),
                // The other bytes hold the lowest and highest so far.
                TEMPERATURE => smart.temperature_celsius = Some(i64::try_from(number & 0xFF).unwrap_or(0)),
                PENDING => smart.pending_sectors = Some(number),
                id if LIFE_LEFT.contains(&id) => {
                    smart.wear_percent = smart.wear_percent.or(value.map(|left| 100u64.saturating_sub(left)));
                }
                _ => {}
            },
            _ => {}
        }
    }
    smart.drop_impossible();
    smart
}

impl Smart {
    /// One impossible field is dropped and named, never the disk.
    fn drop_impossible(&mut self) {
        if self.power_on_hours.is_some_and(|hours| hours > HOURS_MAX) {
            self.power_on_hours = None;
            self.problems.push("power-on hours: more than any disk has run, dropped".into());
        }
        // Zero is what disks say that do not measure it.
        if self.temperature_celsius.is_some_and(|degrees| !(-40..=150).contains(&degrees) || degrees == 0) {
            self.temperature_celsius = None;
            self.problems.push("temperature: impossible, dropped".into());
        }
        if self.wear_percent.is_some_and(|percent| percent > 255) {
            self.wear_percent = None;
            self.problems.push("wear: impossible, dropped".into());
        }
    }

    /// The values as samples of a disk.
    pub fn samples(&self, disk: &str) -> Vec<Sample> {
        let number = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok()).map(f64::from);
        [
            ("disk_health_passed", self.passed.map(|passed| f64::from(u8::from(passed)))),
            ("disk_power_on_hours", number(self.power_on_hours)),
            ("disk_temperature_celsius", self.temperature_celsius.and_then(|c| i16::try_from(c).ok()).map(f64::from)),
            ("disk_reallocated_sectors", number(self.reallocated_sectors)),
            ("disk_pending_sectors", number(self.pending_sectors)),
            ("disk_wear_percent", number(self.wear_percent)),
            ("disk_media_errors", number(self.media_errors)),
        ]
        .into_iter()
        .filter_map(|(metric, value)| Some(sample(metric, disk, value?)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::mutations;
    use super::*;

    const ATA: &str = r#"{"json_format_version":[1,0],"smartctl":{"version":[7,3],"exit_status":4,"messages":[{"string":"Warning: x","severity":"warning"}]},
        "device":{"name":"/dev/sda","type":"sat","protocol":"ATA"},"model_name":"DISQUE 2000","serial_number":"WD-42-00042","firmware_version":"CC45",
        "smart_status":{"passed":false},"ata_smart_attributes":{"table":[
        {"id":5,"name":"Reallocated_Sector_Ct","value":100,"worst":100,"thresh":10,"raw":{"value":8,"string":"8"}},
        {"id":177,"name":"Wear_Leveling_Count","value":93,"raw":{"value":60,"string":"60"}},
        {"id":197,"name":"Current_Pending_Sector","value":100,"raw":{"value":2,"string":"2"}}]},
        "power_on_time":{"hours":21034},"temperature":{"current":34}}"#;
    const NVME: &str = r#"{"smartctl":{"exit_status":0},"device":{"name":"/dev/nvme0","protocol":"NVMe"},"model_name":"SSD 512","serial_number":"S4EVNX0M",
        "smart_status":{"passed":true,"nvme":{"value":0}},"nvme_smart_health_information_log":{"critical_warning":0,"temperature":41,
        "available_spare":100,"percentage_used":103,"power_on_hours":900,"media_errors":1},"temperature":{"current":41},"power_on_time":{"hours":900}}"#;

    #[test]
    fn an_ata_disk_is_understood() {
        let smart = parse(ATA.as_bytes()).unwrap();
        assert_eq!(
            (smart.passed, smart.power_on_hours, smart.temperature_celsius),
            (Some(false), Some(21_034), Some(34))
        );
        assert_eq!((smart.reallocated_sectors, smart.pending_sectors, smart.wear_percent), (Some(8), Some(2), Some(7)));
        assert_eq!((smart.serial.as_deref(), smart.media_errors), (Some("WD-42-00042"), None));
        assert_eq!(smart.problems, ["Warning: x"]);
    }

    #[test]
    fn an_nvme_disk_is_understood() {
        let smart = parse(NVME.as_bytes()).unwrap();
        assert_eq!((smart.passed, smart.wear_percent, smart.media_errors), (Some(true), Some(103), Some(1)));
        let metrics: Vec<_> = smart.samples("nvme0n1").into_iter().map(|s| (s.metric, s.value)).collect();
        assert_eq!(metrics[0], ("disk_health_passed".to_owned(), 1.0));
        assert_eq!(metrics.len(), 5);
    }

    #[test]
    fn an_impossible_field_is_dropped_and_named() {
        let smart = parse(ATA.replace("21034", "99999999999").replace("\"current\":34", "\"current\":4000").as_bytes())
            .unwrap();
        assert_eq!((smart.power_on_hours, smart.temperature_celsius, smart.reallocated_sectors), (None, None, Some(8)));
        assert_eq!(smart.problems.len(), 3);
    }

    #[test]
    fn what_is_no_answer_is_said() {
        for text in ["", "{", "[]", "{\"a\":1}", &"[".repeat(5_000)] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(&vec![b' '; ANSWER_MAX + 1]).unwrap_err().contains("more than is read"));
    }

    #[test]
    fn damaged_answers_neither_panic_nor_hang() {
        for (seed, text) in [ATA, NVME].into_iter().enumerate() {
            mutations(seed as u64, text.as_bytes(), 2_500, |bytes| drop(parse(bytes)));
        }
    }
}
