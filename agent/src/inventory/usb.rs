//! The section `usb`: what `/sys/bus/usb/devices` lists.
//!
//! Left out: hubs, and storage (sticks and disks that people plug in are theirs, and come and go); a disk for good shows in
//! `storage`. Phones have neither name nor number of their own here: only what their maker wrote.

use super::ids::{self, Id, Names};
use super::tidy;
use crate::source::Source;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Usb, UsbDevice};

const DEVICES: &str = "/sys/bus/usb/devices";
/// Most devices reported.
const DEVICES_MAX: usize = 128;
const PER_INTERFACE: u8 = 0;
const STORAGE: u8 = 8;
const HUB: u8 = 9;
const COMPOSITE: u8 = 0xEF;

/// Reads the section. A machine without USB has no such folder.
pub fn collect(source: &dyn Source) -> Outcome<Usb> {
    let names = match source.list(DEVICES) {
        Ok(names) => names,
        Err(why) => return tidy::none_or_unknown(source, &why),
    };
    let mut reasons = Vec::new();
    // Interfaces have a colon in their name.
    let ports = names.iter().filter(|name| !name.contains(':'));
    let mut found: Vec<(Id, UsbDevice)> = ports.filter_map(|port| device(source, port, &names)).collect();
    tidy::cap(&mut found, DEVICES_MAX, "USB devices", &mut reasons);
    let nameless = found.iter().filter(|(_, device)| device.vendor.is_none() || device.name.is_none());
    let list = Names::look_up(source, ids::USB, nameless.map(|(id, _)| *id));
    let named = found.into_iter().map(|(id, device)| UsbDevice {
        vendor: device.vendor.or_else(|| list.vendor(id)),
        name: device.name.or_else(|| list.device(id)),
        ..device
    });
    Outcome::from_parts(Usb { devices: named.collect() }, reasons)
}

/// One device; nothing for what is not to be reported.
fn device(source: &dyn Source, port: &str, names: &[String]) -> Option<(Id, UsbDevice)> {
    let at = |file: &str| tidy::line(source, &format!("{DEVICES}/{port}/{file}"));
    let byte = |line: String| u8::from_str_radix(&line, 16).ok();
    let id = (ids::hex(&at("idVendor")?)?, ids::hex(&at("idProduct")?)?);
    let own = at("bDeviceClass").and_then(byte)?;
    let prefix = format!("{port}:");
    let interfaces = names.iter().filter(|name| name.starts_with(&prefix));
    let classes: Vec<u8> =
        interfaces.filter_map(|name| byte(tidy::line(source, &format!("{DEVICES}/{name}/bInterfaceClass"))?)).collect();
    let class = if matches!(own, PER_INTERFACE | COMPOSITE) { classes.first().copied().unwrap_or(own) } else { own };
    if class == HUB || class == STORAGE || classes.contains(&STORAGE) {
        return None;
    }
    let device = UsbDevice {
        port: port.to_owned(),
        id: ids::written(id),
        kind: kind(class).map(str::to_owned),
        vendor: at("manufacturer").as_deref().and_then(tidy::maker),
        name: at("product").as_deref().and_then(tidy::maker),
        serial: at("serial").as_deref().and_then(tidy::maker),
        built_in: at("removable").as_deref() == Some("fixed"),
    };
    Some((id, device))
}

/// Classes (USB-IF, Defined Class Codes) that people have a word for.
fn kind(class: u8) -> Option<&'static str> {
    Some(match class {
        0x01 => "audio",
        0x02 | 0x0A => "communication",
        0x03 => "human_interface",
        0x06 => "image",
        0x07 => "printer",
        0x0B => "smart_card",
        0x0E => "video",
        0xE0 => "wireless",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    fn with(source: Fake, port: &str, id: (&str, &str), class: &str, interface: &str) -> Fake {
        let at = |file: &str| format!("{DEVICES}/{port}/{file}");
        source
            .file(&at("idVendor"), format!("{}\n", id.0))
            .file(&at("idProduct"), format!("{}\n", id.1))
            .file(&at("bDeviceClass"), format!("{class}\n"))
            .file(&format!("{DEVICES}/{port}:1.0/bInterfaceClass"), format!("{interface}\n"))
    }

    #[test]
    fn devices_are_told_and_hubs_and_sticks_are_not() {
        let source = with(Fake::default(), "1-4", ("046d", "c31c"), "00", "03")
            .file("/sys/bus/usb/devices/1-4/product", "Clavier\n")
            .file("/usr/share/misc/usb.ids", "046d  Fabricant\n\tc31c  Keyboard\n");
        let source =
            with(source, "1-5", ("05ac", "1234"), "ef", "0e").file("/sys/bus/usb/devices/1-5/removable", "fixed\n");
        let source = with(source, "1-6", ("0781", "5567"), "00", "08");
        let source = with(source, "usb1", ("1d6b", "0002"), "09", "09");
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        let keyboard = UsbDevice {
            port: "1-4".into(),
            id: "046d:c31c".into(),
            kind: Some("human_interface".into()),
            vendor: Some("Fabricant".into()),
            name: Some("Clavier".into()),
            ..UsbDevice::default()
        };
        assert_eq!(data.devices[0], keyboard);
        assert_eq!((data.devices[1].kind.as_deref(), data.devices[1].built_in), (Some("video"), true));
        assert_eq!(data.devices.len(), 2);
    }
}
