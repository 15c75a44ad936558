//! EDID blocks: recordings of real monitors, what makers' labels bear, and damaged blocks.

use super::*;
use crate::inventory::fixture::{mutations, recordings};
use serde_json::Value;

/// A block of an invented monitor, with a right checksum.
pub fn block(pnp: &str, product: u16, number: u32, texts: &[(u8, &str)]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    let packed = pnp.bytes().fold(0u16, |id, letter| (id << 5) | u16::from(letter - b'@'));
    bytes.extend(packed.to_be_bytes());
    bytes.extend(product.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend([12, 30, 1, 3, 0x80, 52, 29]);
    bytes.resize(DESCRIPTORS, 0);
    for (tag, text) in texts {
        bytes.extend([0, 0, 0, *tag, 0]);
        let mut line = format!("{text}\n");
        line.truncate(13);
        bytes.extend(format!("{line:13}").bytes());
    }
    bytes.resize(BLOCK - 1, 0);
    bytes.push(bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg());
    bytes
}

fn serials(pnp: &str, product: u16, number: u32, text: &str) -> (String, Option<String>) {
    let monitor = parse(&block(pnp, product, number, &[(SERIAL, text)])).unwrap();
    (monitor.serial.unwrap(), monitor.alternative_serial)
}

#[test]
fn every_recorded_block_is_read_as_expected() {
    let Some(folder) = recordings("edid") else { return };
    let expected: Value = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, expected) in expected.as_object().unwrap() {
        let monitor = parse(&std::fs::read(folder.join(format!("{name}.bin"))).unwrap()).unwrap();
        let read = [
            ("manufacturer", monitor.manufacturer.clone()),
            ("caption", monitor.caption.clone()),
            ("serial", monitor.serial.clone()),
            ("altserial", monitor.alternative_serial.clone()),
            ("description", date(&monitor)),
        ];
        for (key, value) in read {
            if expected.get(key).and_then(Value::as_str) != value.as_deref() {
                wrong.push(format!("{name}: {key} is {value:?}, expected {:?}", expected.get(key)));
            }
        }
        assert!(!monitor.bad_checksum, "{name}");
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_block_gives_name_date_and_size() {
    let monitor = parse(&block("DEL", 0xF046, 7, &[(NAME, "DELL U2413"), (SERIAL, "84K96386ACRL")])).unwrap();
    assert_eq!(monitor.manufacturer.as_deref(), Some("Dell Inc."));
    assert_eq!(monitor.caption.as_deref(), Some("DELL U2413"));
    assert_eq!(date(&monitor).as_deref(), Some("12/2020"));
    assert_eq!((monitor.width_cm, monitor.height_cm), (Some(52), Some(29)));
    assert_eq!(monitor.product_code.as_deref(), Some("DELf046"));
    assert_eq!((monitor.kind.as_deref(), monitor.bad_checksum), (Some("monitor"), false));
}

#[test]
fn a_wrong_checksum_is_marked_and_the_facts_are_kept() {
    let mut bytes = block("DEL", 1, 7, &[(NAME, "U1")]);
    bytes[127] ^= 1;
    let monitor = parse(&bytes).unwrap();
    assert!(monitor.bad_checksum);
    assert_eq!(monitor.caption.as_deref(), Some("U1"));
}

#[test]
fn what_is_no_block_is_said() {
    assert!(parse(&[]).unwrap_err().contains("0 bytes"));
    assert!(parse(&[0; 127]).unwrap_err().contains("shorter"));
    assert!(parse(&[0; 256]).unwrap_err().contains("header"));
}

#[test]
fn no_size_is_a_projector_and_one_side_alone_is_a_ratio() {
    let mut bytes = block("BNQ", 1, 7, &[]);
    (bytes[21], bytes[22]) = (0, 0);
    let projector = parse(&bytes).unwrap();
    assert_eq!((projector.kind.as_deref(), projector.width_cm), (Some("projector"), None));
    bytes[21] = 79;
    let wide = parse(&bytes).unwrap();
    assert_eq!((wide.kind.as_deref(), wide.width_cm), (Some("monitor"), None));
}

#[test]
fn a_model_year_has_no_week() {
    let mut bytes = block("DEL", 1, 7, &[]);
    bytes[16] = 0xFF;
    assert_eq!(date(&parse(&bytes).unwrap()).as_deref(), Some("2020"));
}

#[test]
fn without_text_the_number_is_the_serial_number() {
    let serial = |pnp| parse(&block(pnp, 1, 6456, &[])).unwrap().serial.unwrap();
    assert_eq!(serial("LEN"), "00001938");
    assert_eq!(serial("ENC"), "6456", "Eizo prints it in decimal");
    assert_eq!(serial("PHL"), "006456", "Philips as well, of six digits");
}

#[test]
fn the_number_stands_in_the_middle_of_acers_label() {
    assert_eq!(
        serials("ACR", 0x0999, 0x841063A6, "LBZ080424212"),
        ("LBZ08042841063a64212".into(), Some("LBZ080424212".into()))
    );
    assert_eq!(serials("ACR", 0x0999, 0x841063A6, "ETL2508043").0, "ETL2508043", "already that of the label");
}

#[test]
fn samsungs_letters_precede_the_text_unless_they_name_the_size() {
    let number = |letters: &[u8; 4]| u32::from_be_bytes(*letters);
    assert_eq!(
        serials("SAM", 0x0FFF, number(b"ZZHA"), "H4ZKA00739"),
        ("ZZHAH4ZKA00739".into(), Some("H4ZKA00739".into()))
    );
    assert_eq!(
        serials("SAM", 0x0FFF, number(b"KI24"), "H9XS933672"),
        ("H9XS933672".into(), Some("KI24H9XS933672".into()))
    );
    assert_eq!(serials("SAM", SAMSUNG_REVERSED, number(b"AHZZ"), "H4ZKA00739").0, "ZZHAH4ZKA00739");
    assert_eq!(serials("SAM", SAMSUNG_DECIMAL, 808_464_432, "H4ZKA00739").0, "808464432");
    assert_eq!(serials("SAM", 0x0FFF, 1, "H4ZKA00739"), ("H4ZKA00739".into(), None), "no letters at all");
}

#[test]
fn lg_has_digits_of_its_own() {
    assert_eq!(lg_label(52_846).as_deref(), Some("1J846"));
    assert_eq!(lg_label(338_676).as_deref(), Some("9Y676"));
    for number in [0, 999, 1_123_000, u32::MAX] {
        assert_eq!(lg_label(number), None, "{number}");
    }
    assert_eq!(lg_label(1_122_999).as_deref(), Some("Z0999"));
}

#[test]
fn ten_thousand_mutations_of_each_block_neither_panic_nor_hang() {
    let mut blocks = vec![block("ACR", 1, 0x841063A6, &[(NAME, "V193"), (SERIAL, "LBZ080424212"), (TEXT, "x")])];
    if let Some(folder) = recordings("edid") {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        blocks.extend(
            files.filter(|path| path.extension().is_some_and(|e| e == "bin")).map(|path| std::fs::read(path).unwrap()),
        );
    }
    // One half each: debug builds are slow.
    let numbered: Vec<(u64, Vec<u8>)> = (0..).zip(blocks).collect();
    std::thread::scope(|scope| {
        for half in numbered.chunks(numbered.len().div_ceil(2)) {
            scope.spawn(move || {
                for (seed, block) in half {
                    mutations(*seed, block, 10_000, |bytes| {
                        if let Ok(monitor) = decode(bytes) {
                            assert!(monitor.serial.unwrap().len() <= 32);
                        }
                    });
                }
            });
        }
    });
}
