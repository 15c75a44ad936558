//! EDID blocks of monitors and projectors (VESA Enhanced EDID, releases 1.0 to 1.4), bytes in, facts out.
//!
//! Only the first block of 128 bytes is read: it names the monitor; extensions are about its pictures. There are two
//! serial numbers, a mandatory number and an optional text. The text is taken where it is, else the number in
//! hexadecimal. Some makers print something else on the label, made of both: those rules are in [`Numbers::of`], so that
//! what is shown is what a technician reads on the back of the monitor.

use super::makers;
use vigie_shared::section::Monitor;

/// Length of a block.
const BLOCK: usize = 128;
/// What every block begins with.
const HEADER: [u8; 8] = [0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0];
/// Where the four descriptors of 18 bytes begin.
const DESCRIPTORS: usize = 54;
/// Tags of the descriptors that are text.
const SERIAL: u8 = 0xFF;
const TEXT: u8 = 0xFE;
const NAME: u8 = 0xFC;
/// The week that says "the year is that of the model".
const MODEL_YEAR: u8 = 0xFF;

/// Samsung: models whose label bears the four letters of the number before the text.
const SAMSUNG_JOINED: [u16; 17] = [
    0x0572, 0x0694, 0x06B9, 0x0833, 0x0835, 0x0978, 0x09C6, 0x09C7, 0x0B66, 0x0BC9, 0x0C7B, 0x0CA3, 0x0CA5, 0x0D1A,
    0x0E0F, 0x0E1E, 0x7096,
];
/// Samsung: the same with the letters the other way round.
const SAMSUNG_REVERSED: u16 = 0x0E5A;
/// Samsung: the label bears the number in decimal.
const SAMSUNG_DECIMAL: u16 = 0x0C18;
/// LG: the label bears the number in the maker's own digits ([`lg_label`]).
const LG_CODED: u16 = 0x4B21;

/// Reads a block. What comes after its first 128 bytes is not looked at. An error says why it is no EDID block.
pub fn parse(bytes: &[u8]) -> Result<Monitor, String> {
    let mut monitor = decode(bytes)?;
    if let Some(name) = monitor.manufacturer.as_deref().and_then(makers::name) {
        monitor.manufacturer = Some(name.to_owned());
    }
    Ok(monitor)
}

/// `week/year` of manufacture, or the year alone, as inventories write it.
pub fn date(monitor: &Monitor) -> Option<String> {
    let year = monitor.year?;
    Some(monitor.week.map_or_else(|| year.to_string(), |week| format!("{week}/{year}")))
}

/// The same as [`parse`] with the maker as its PNP id.
fn decode(bytes: &[u8]) -> Result<Monitor, String> {
    let Some(block) = bytes.first_chunk::<BLOCK>() else {
        return Err(format!("{} bytes, shorter than an EDID block ({BLOCK})", bytes.len()));
    };
    let [h0, h1, h2, h3, h4, h5, h6, h7, m0, m1, p0, p1, n0, n1, n2, n3, week, year, _, _, _, width, height, ..] =
        block;
    if [*h0, *h1, *h2, *h3, *h4, *h5, *h6, *h7] != HEADER {
        return Err("it does not begin with the header of an EDID block".into());
    }
    let pnp = pnp_id(*m0, *m1);
    let product = u16::from_le_bytes([*p0, *p1]);
    let texts = Texts::of(block);
    let numbers = Numbers::of(&pnp, product, u32::from_le_bytes([*n0, *n1, *n2, *n3]), texts.serial.as_deref());
    // Nothing at all is a projector, whose picture is as large as the wall; one side alone is a ratio.
    let sized = *width > 0 && *height > 0;
    let kind = if *width == 0 && *height == 0 { "projector" } else { "monitor" };
    Ok(Monitor {
        connector: None,
        kind: Some(kind.to_owned()),
        product_code: Some(format!("{pnp}{product:04x}")),
        manufacturer: Some(pnp),
        caption: texts.caption(),
        serial: Some(numbers.label),
        alternative_serial: numbers.other,
        week: Some(*week).filter(|week| *week != MODEL_YEAR),
        year: Some(1990 + u16::from(*year)),
        width_cm: Some(*width).filter(|_| sized),
        height_cm: Some(*height).filter(|_| sized),
        bad_checksum: block.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) != 0,
    })
}

/// Three letters of five bits each, after a bit that is nothing.
fn pnp_id(first: u8, second: u8) -> String {
    let letters = [first >> 2, (first << 3) | (second >> 5), second];
    letters.map(|bits| char::from(b'@' + (bits & 0x1F))).iter().collect()
}

/// The texts of a block.
#[derive(Default)]
struct Texts {
    names: Vec<String>,
    texts: Vec<String>,
    serial: Option<String>,
}

impl Texts {
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut found = Self::default();
        for descriptor in block.get(DESCRIPTORS..).unwrap_or_default().chunks_exact(18).take(4) {
            let [0, 0, 0, tag, _, text @ ..] = descriptor else { continue };
            match *tag {
                NAME => found.names.push(descriptor_text(text)),
                TEXT => found.texts.push(descriptor_text(text)),
                SERIAL if found.serial.is_none() => found.serial = Some(descriptor_text(text)),
                _ => {}
            }
        }
        // A lone zero is a number that nobody filled in.
        found.serial = found.serial.map(|text| printable(&text)).filter(|text| !text.is_empty() && text != "0");
        found
    }

    /// The name, else the free text; a name too long for one descriptor goes on in the next.
    fn caption(&self) -> Option<String> {
        let joined = |parts: &[String]| Some(printable(&parts.join(" "))).filter(|text| !text.trim().is_empty());
        let named = self.names.iter().any(|name| !name.is_empty());
        joined(if named { &self.names } else { &self.texts })
    }
}

/// Thirteen bytes of text: it ends with a line feed, and trailing blanks are filling.
fn descriptor_text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text: String = text.iter().map(|byte| char::from(*byte)).collect();
    text.trim_end_matches(|c: char| c == '\0' || c.is_ascii_whitespace()).to_owned()
}

/// What precedes the first character that is not printable ASCII.
fn printable(text: &str) -> String {
    text.chars().take_while(|c| matches!(c, ' '..='~')).collect()
}

/// The serial number on the label, and what other programs may take for it.
#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    label: String,
    other: Option<String>,
}

impl Numbers {
    /// From maker, product code, the number and the text of the block.
    fn of(pnp: &str, product: u16, number: u32, text: Option<&str>) -> Self {
        let hex = format!("{number:08x}");
        let plain = text.unwrap_or(&hex).to_owned();
        let (label, other) = match (pnp, text) {
            // Acer: the label has 20 characters; the number goes into the text, which has the first 8 and the last 4.
            ("ACR", Some(text)) => {
                let joined = text.split_at_checked(8).map(|(first, last)| format!("{first}{hex}{last}"));
                if text.len() == 12 { (joined, Some(plain.clone())) } else { (None, joined) }
            }
            // BenQ: the number holds the first letters of the label.
            ("BNQ", Some(text)) => {
                let letters: String = letters(number.to_le_bytes()).unwrap_or_default();
                (Some(format!("{letters}{text}")), Some(plain.clone()).filter(|_| !letters.is_empty()))
            }
            ("SAM", Some(text)) => samsung(product, number, text),
            // LG: 1,122 lots of two characters, then three digits.
            ("GSM", _) if product == LG_CODED => (lg_label(number), Some(plain.clone())),
            ("GSM", _) => (None, lg_label(number)),
            // Philips: by HDMI the text is missing, and the label has the number in decimal.
            ("PHL", None) => (Some(format!("{number:06}")), Some(hex)),
            ("PHL", Some(text)) => {
                (None, Some(format!("{number:06}")).filter(|decimal| !text.ends_with(decimal.as_str())))
            }
            ("ENC", None) => (Some(number.to_string()), None),
            _ => (None, None),
        };
        let label = label.unwrap_or(plain);
        Self { other: other.filter(|other| *other != label), label }
    }
}

/// Samsung: four letters in the number, then the text. Of older models the four are a mark of the model and its size
/// (`KI24`), which is not on the label.
fn samsung(product: u16, number: u32, text: &str) -> (Option<String>, Option<String>) {
    let joined = |bytes: [u8; 4]| {
        let good = bytes.iter().all(u8::is_ascii_alphanumeric);
        good.then(|| bytes.iter().map(|byte| char::from(*byte)).chain(text.chars()).collect::<String>())
    };
    let whole = joined(number.to_be_bytes());
    let plain = Some(text.to_owned());
    let sized = matches!(number.to_be_bytes(), [_, _, b'0'..=b'9', b'0'..=b'9']);
    match product {
        SAMSUNG_REVERSED => (joined(number.to_le_bytes()), plain),
        SAMSUNG_DECIMAL => (Some(number.to_string()), whole),
        _ if SAMSUNG_JOINED.contains(&product) || !sized => (whole, plain),
        _ => (None, whole),
    }
}

/// The capital letters at the beginning of a number; nothing when there is anything else.
fn letters(bytes: [u8; 4]) -> Option<String> {
    let text: String = bytes.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(text)
}

/// LG's writing of a number: its last three digits as they are, what precedes them in two digits of base 34 (no I, no
/// O). Nothing when it is too small or too large for that.
fn lg_label(number: u32) -> Option<String> {
    const DIGITS: &[u8; 34] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let (high, low) = (number / 1000, number % 1000);
    let digit = |n: u32| DIGITS.get(usize::try_from(n).ok()?).map(|byte| char::from(*byte));
    if !(1..=33 * 34).contains(&high) {
        return None;
    }
    Some(format!("{}{}{low:03}", digit(high / 34)?, digit(high % 34)?))
}

#[cfg(test)]
#[path = "edid_tests.rs"]
pub mod tests;
