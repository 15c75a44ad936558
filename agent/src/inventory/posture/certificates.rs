//! Until when the certificates last that this machine serves: the day alone, with the kind of place. Their names are
//! often those of persons or say how a file is called, so they are not read.

use crate::source::{Source, Unreadable};
use vigie_shared::section::Certificate;

/// Places of certificates that a machine serves, in PEM form: kind, file. Those that it only trusts are not its own.
const FILES: [(&str, &str); 6] = [
    ("system", "/etc/ssl/certs/ssl-cert-snakeoil.pem"),
    ("web", "/etc/pki/tls/certs/localhost.crt"),
    ("web", "/etc/apache2/ssl/server.crt"),
    ("web", "/etc/nginx/ssl/server.crt"),
    ("mail", "/etc/postfix/ssl/server.crt"),
    ("vpn", "/etc/openvpn/server.crt"),
];
/// Folders in which each has one: kind, folder, what follows the name of the child.
const FOLDERS: [(&str, &str, &str); 2] =
    [("letsencrypt", "/etc/letsencrypt/live", "/cert.pem"), ("cups", "/etc/cups/ssl", "")];
/// Most certificates of one folder.
const CERTIFICATES_MAX: usize = 50;
/// Most bytes of one file.
const FILE_MAX: usize = 64 << 10;

/// The certificates, sorted.
pub fn collect(source: &dyn Source, reasons: &mut Vec<String>) -> Vec<Certificate> {
    let mut certificates = Vec::new();
    let mut add = |place: &str, path: &str, reasons: &mut Vec<String>| match source.part(path, 0, FILE_MAX) {
        Ok(bytes) => match last_day(&bytes) {
            Some(expires) => certificates.push(Certificate { place: place.into(), expires }),
            None => reasons.push(format!("certificates: one of {place} cannot be read as a certificate")),
        },
        Err(Unreadable::Missing(_)) => {}
        Err(_) => reasons.push(format!("certificates: one of {place} may not be read by this user (run as root)")),
    };
    for (place, path) in FILES {
        add(place, path, reasons);
    }
    for (place, folder, rest) in FOLDERS {
        match source.list(folder) {
            Ok(names) => {
                let certificate = |name: &&String| name.ends_with(".crt") || !rest.is_empty() && *name != "README";
                for name in names.iter().filter(certificate).take(CERTIFICATES_MAX) {
                    add(place, &format!("{folder}/{name}{rest}"), reasons);
                }
            }
            Err(Unreadable::Missing(_)) => {}
            Err(_) => {
                reasons.push(format!("certificates: those of {place} may not be read by this user (run as root)"))
            }
        }
    }
    crate::sort::sort(&mut certificates);
    certificates.dedup();
    reasons.dedup();
    certificates
}

/// The last day of the first certificate of a PEM file (RFC 7468, RFC 5280 4.1.2.5), ISO 8601.
pub fn last_day(pem: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(pem).ok()?;
    let body = text.split("-----BEGIN CERTIFICATE-----").nth(1)?.split("-----END").next()?;
    let base64: String = body.split_whitespace().collect();
    let der = data_encoding::BASE64.decode(base64.as_bytes()).ok()?;
    let (certificate, _) = element(&der, 0x30)?;
    let (mut rest, _) = element(certificate, 0x30)?;
    // Version (absent in version 1), serial number, algorithm, issuer; then the validity.
    if rest.first() == Some(&0xA0) {
        rest = element(rest, 0xA0)?.1;
    }
    for tag in [0x02, 0x30, 0x30] {
        rest = element(rest, tag)?.1;
    }
    let (validity, _) = element(rest, 0x30)?;
    let (_, after) = time(validity)?;
    time(after).and_then(|(day, _)| day)
}

/// The content of an element that begins with this tag, and what follows it (X.690, 8.1).
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..=0x7F => (usize::from(*short), rest),
        long @ 0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if *first != tag {
        return None;
    }
    rest.split_at_checked(length)
}

/// The day of a time, and what follows it. UTCTime has two digits for the year: 50 is 1950.
fn time(bytes: &[u8]) -> Option<(Option<String>, &[u8])> {
    let short = bytes.first() == Some(&0x17);
    let (content, rest) = element(bytes, if short { 0x17 } else { 0x18 })?;
    let digits = std::str::from_utf8(content).ok()?;
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|digits| digits.parse::<i16>().ok());
    let (year, at) = if short {
        let year = number(0, 2)?;
        (if year < 50 { 2000 + year } else { 1900 + year }, 2)
    } else {
        (number(0, 4)?, 4)
    };
    let month = i8::try_from(number(at, at + 2)?).ok()?;
    let day = i8::try_from(number(at + 2, at + 4)?).ok()?;
    Some((jiff::civil::Date::new(year, month, day).ok().map(|date| date.to_string()), rest))
}
