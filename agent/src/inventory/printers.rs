//! The section `printers`: the queues of CUPS (`printers.conf`, for root only) and USB printers that no queue uses.
//!
//! What a queue says of people is left out: users who may print, passwords, the user in an address, and addresses that
//! name files.

use super::{tidy, usb};
use crate::source::{Source, Unreadable};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Printer, Printers};

/// The queues of CUPS.
pub const QUEUES: &str = "/etc/cups/printers.conf";
/// Most printers reported.
const PRINTERS_MAX: usize = 128;
/// Schemes of addresses that name a printer; of any other only the scheme is told.
const SCHEMES: [&str; 12] =
    ["usb", "ipp", "ipps", "http", "https", "lpd", "socket", "smb", "dnssd", "hp", "hpfax", "implicitclass"];

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Printers> {
    let mut reasons = Vec::new();
    let mut printers = match source.text(QUEUES) {
        Ok(text) => parse_queues(&text),
        Err(Unreadable::Missing(_)) => vec![],
        Err(why) => {
            reasons.push(format!("print queues: {why}"));
            vec![]
        }
    };
    let usb = usb::collect(source);
    if usb.data().is_none() && printers.is_empty() {
        reasons.extend(usb.reasons().iter().cloned());
        return Outcome::Unavailable { reasons };
    }
    for device in usb.data().into_iter().flat_map(|usb| &usb.devices) {
        let queued = |printer: &Printer| match (&printer.serial, &device.serial) {
            (Some(queue), Some(own)) => queue == own,
            _ => printer.uri.as_ref().is_some_and(|uri| uri.starts_with("usb:") || uri.starts_with("hp:/usb")),
        };
        if device.kind.as_deref() == Some("printer") && !printers.iter().any(queued) {
            let words: Vec<&str> = device.vendor.iter().chain(&device.name).map(String::as_str).collect();
            printers.push(Printer {
                name: device.name.clone().unwrap_or_else(|| device.id.clone()),
                model: tidy::text(&words.join(" ")),
                serial: device.serial.clone(),
                ..Printer::default()
            });
        }
    }
    crate::sort::sort(&mut printers);
    tidy::cap(&mut printers, PRINTERS_MAX, "printers", &mut reasons);
    Outcome::from_parts(Printers { printers }, reasons)
}

/// Reads `printers.conf(5)`: blocks `<Printer NAME>` or `<DefaultPrinter NAME>`, one `Key value` a line.
pub fn parse_queues(text: &str) -> Vec<Printer> {
    let mut printers: Vec<Printer> = Vec::new();
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if let Some(tag) = line.strip_prefix('<') {
            let opened = tag.trim_end_matches('>').split_once(' ').filter(|(kind, _)| kind.ends_with("Printer"));
            within = opened.is_some() && printers.len() <= PRINTERS_MAX;
            if let Some((kind, name)) = opened.filter(|_| within) {
                let name = tidy::text(name).unwrap_or_default();
                printers.push(Printer { name, default: kind.starts_with("Default"), ..Printer::default() });
            }
        } else if let (true, Some(printer), Some((key, value))) = (within, printers.last_mut(), line.split_once(' ')) {
            match key {
                "MakeModel" => printer.model = tidy::text(value),
                "Location" => printer.location = tidy::text(value),
                "Shared" => printer.shared = value.eq_ignore_ascii_case("yes"),
                "DeviceURI" => (printer.uri, printer.serial) = address(value.trim()),
                _ => {}
            }
        }
    }
    printers
}

/// A file of queues with the lines that are understood and nothing else, addresses without user and password.
pub fn without_people(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines().map(str::trim) {
        let key = line.split_once(' ').map_or("", |(key, _)| key);
        if let Some(uri) = line.strip_prefix("DeviceURI ") {
            let (address, serial) = address(uri.trim());
            // A scheme alone keeps its colon.
            let address = address.map(|uri| if uri.contains(':') { uri } else { uri + ":" }).unwrap_or_default();
            let serial = serial.map(|serial| format!("?serial={serial}")).unwrap_or_default();
            kept.push_str(&format!("DeviceURI {address}{serial}\n"));
        } else if line.starts_with('<') || matches!(key, "MakeModel" | "Location" | "Shared") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// An address without user, password and options, and the serial number that was among the options.
fn address(uri: &str) -> (Option<String>, Option<String>) {
    let Some((scheme, rest)) = uri.split_once(':') else { return (None, None) };
    if !SCHEMES.contains(&scheme) {
        return (tidy::text(scheme), None);
    }
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let serial = options.split('&').find_map(|option| option.strip_prefix("serial="));
    let place = match place.strip_prefix("//") {
        Some(named) => {
            let (host, path) = named.find('/').map_or((named, ""), |at| named.split_at(at));
            // A password may hold an @; a host never does.
            format!("//{}{path}", host.rsplit('@').next().unwrap_or_default())
        }
        None => place.to_owned(),
    };
    (tidy::text(&format!("{scheme}:{place}")), serial.and_then(tidy::maker))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fake, mutations};
    use super::*;

    const QUEUES_TEXT: &str = "# Printer configuration file\nNextPrinterId 3\n<DefaultPrinter Laser-12>\nPrinterId 1\nUUID urn:uuid:1\n\
        AuthInfoRequired username,password\nInfo Imprimante de Personne SECRET\nLocation Salle 12\nMakeModel HP LaserJet P2015\n\
        DeviceURI usb://HP/LaserJet%20P2015?serial=CNB0042\nState Idle\nShared Yes\nAllowUser personne\n</DefaultPrinter>\n\
        <Printer Bureau>\nDeviceURI smb://personne:SE@CRET@ECOLE/serveur/copieur\nMakeModel Copieur 300\nShared No\n</Printer>\n\
        <Printer PDF>\nDeviceURI cups-pdf:/home/personne\n</Printer>\n<Class Toutes>\nPrinter Laser-12\nDeviceURI x:y\n</Class>\n";

    #[test]
    fn queues_are_told_without_people() {
        let printers = parse_queues(QUEUES_TEXT);
        let laser = Printer {
            name: "Laser-12".into(),
            model: Some("HP LaserJet P2015".into()),
            serial: Some("CNB0042".into()),
            location: Some("Salle 12".into()),
            uri: Some("usb://HP/LaserJet%20P2015".into()),
            default: true,
            shared: true,
        };
        assert_eq!(printers[0], laser);
        assert_eq!(printers[1].uri.as_deref(), Some("smb://ECOLE/serveur/copieur"));
        assert_eq!(printers[2].uri.as_deref(), Some("cups-pdf"));
        assert_eq!(printers.len(), 3, "classes are no printers");
        let all = format!("{printers:?}");
        assert!(!all.contains("personne") && !all.contains("SECRET") && !all.contains("CRET"), "{all}");
    }

    #[test]
    fn a_usb_printer_without_queue_is_told() {
        let port = |file: &str| format!("/sys/bus/usb/devices/1-1/{file}");
        let source = Fake::default()
            .file(&port("idVendor"), "04f9\n")
            .file(&port("idProduct"), "0042\n")
            .file(&port("bDeviceClass"), "00\n")
            .file(&port("manufacturer"), "Fabricant\n")
            .file(&port("product"), "Jet 3\n")
            .file(&port("serial"), "CNB0042\n")
            .file("/sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "07\n");
        let alone = collect(&source);
        assert_eq!(alone.data().unwrap().printers[0].model.as_deref(), Some("Fabricant Jet 3"));
        let queued = collect(&source.file(QUEUES, QUEUES_TEXT));
        assert_eq!(queued.data().unwrap().printers.len(), 3, "the queue has the same serial number");
    }

    #[test]
    fn queues_that_may_not_be_read_are_said() {
        let outcome = collect(&Fake::default().denied(QUEUES));
        assert!(outcome.reasons()[0].contains("run as root"), "{outcome:?}");
    }

    #[test]
    fn damaged_queues_neither_panic_nor_hang() {
        mutations(1, QUEUES_TEXT.as_bytes(), 2_000, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let read = parse_queues(&text);
            assert!(read.len() <= PRINTERS_MAX + 1);
            assert_eq!(parse_queues(&without_people(&text)), read, "{text}");
        });
    }
}
