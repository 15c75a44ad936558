//! Writings of exports, real ones, damaged ones.

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const TEXT: &str = "Windows Registry Editor Version 5.00\r\n\r\n; un commentaire\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\École [1]]\r\n\
    @=\"défaut\"\r\n\"A \\\"quoted\\\" name\"=\"C:\\\\Program Files\\\\X\"\r\n\"Number\"=dword:0000001f\r\n\
    \"Big\"=hex(b):ff,00,00,00,00,00,00,01\r\n\"Back\"=hex(5):00,00,01,02\r\n\"Expand\"=hex(2):25,00,41,00,\\\r\n  25,00,00,00\r\n\
    \"Many\"=hex(7):61,00,00,00,62,00,00,00,00,00\r\n\"Raw\"=hex:01,02\r\n\"None\"=hex(0):\r\n\"Lines\"=\"un\r\ndeux\"\r\n\
    \"Gone\"=-\r\nrubbish\r\n[-HKEY_LOCAL_MACHINE\\SOFTWARE\\Gone]\r\n\"Lost\"=dword:00000001\r\n";

fn utf16(text: &str, mark: &[u8], one: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.iter().copied().chain(text.encode_utf16().flat_map(one)).collect()
}

#[test]
fn every_type_is_read_in_every_writing_of_characters() {
    let writings = [
        utf16(TEXT, &[0xFF, 0xFE], u16::to_le_bytes),
        utf16(TEXT, &[0xFE, 0xFF], u16::to_be_bytes),
        utf16(TEXT, &[], u16::to_le_bytes),
        utf16(TEXT, &[], u16::to_be_bytes),
        TEXT.as_bytes().to_vec(),
        [b"\xEF\xBB\xBF", TEXT.as_bytes()].concat(),
    ];
    for bytes in writings {
        let export = parse(&bytes);
        assert_eq!(export.problems, ["1 lines are not understood"]);
        assert_eq!(export.keys.len(), 1);
        let key = &export.keys[0];
        assert_eq!(key.path, "HKEY_LOCAL_MACHINE\\SOFTWARE\\École [1]");
        assert_eq!(key.text(""), Some("défaut"));
        assert_eq!(key.text("a \"QUOTED\" name"), Some("C:\\Program Files\\X"));
        assert_eq!(key.number("Number"), Some(31));
        assert_eq!(key.number("Big"), Some(0x0100_0000_0000_00FF));
        assert_eq!(key.number("Back"), Some(0x0102));
        assert_eq!(key.text("Expand"), Some("%A%"));
        assert_eq!(key.value("Many"), Some(&Value::Texts(vec!["a".into(), "b".into()])));
        assert_eq!(key.value("Raw"), Some(&Value::Bytes(vec![1, 2])));
        assert_eq!(key.value("None"), Some(&Value::Bytes(vec![])));
        assert_eq!(key.text("Lines"), Some("un\ndeux"));
        assert_eq!(key.value("Gone"), None);
    }
}

#[test]
fn the_old_form_has_one_byte_a_character() {
    let export = parse(b"REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\A]\n\"E\"=\"\xE9t\xE9\"\n\"X\"=hex(2):61,62,00\n");
    assert_eq!(export.keys[0].text("E"), Some("été"));
    assert_eq!(export.keys[0].text("X"), Some("ab"));
    assert!(export.problems[0].contains("accents"), "{:?}", export.problems);
}

#[test]
fn an_odd_byte_and_a_foreign_file_are_said() {
    let mut bytes = utf16(TEXT, &[0xFF, 0xFE], u16::to_le_bytes);
    bytes.push(b'x');
    assert!(parse(&bytes).problems[0].contains("it is cut"));
    assert!(parse(b"%PDF-1.4\n").problems[0].contains("may be no export"));
    assert!(parse(b"").problems[0].contains("may be no export"));
}

#[test]
fn a_string_that_lost_its_quote_does_not_swallow_the_next_key() {
    let export = parse(
        format!("{HEADER}\n[HKEY_LOCAL_MACHINE\\A]\n\"X\"=\"open\n\n[HKEY_LOCAL_MACHINE\\B]\n\"Y\"=\"1\"\n").as_bytes(),
    );
    assert_eq!(export.keys.len(), 2);
    assert_eq!(export.keys[1].text("Y"), Some("1"));
    assert_eq!(export.problems, ["1 lines are not understood"]);
}

#[test]
fn exports_of_real_machines_are_read_whole() {
    let folder = std::env::var("VIGIE_FIXTURES").unwrap_or_else(|_| "../../shared/fixtures".into());
    let Ok(files) = std::fs::read_dir(format!("{folder}/windows-registry")) else {
        eprintln!("skipped: no recordings");
        return;
    };
    for file in files {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let export = parse(&bytes);
        assert_eq!(export.problems, Vec::<String>::new(), "{}", path.display());
        let text = decode(&bytes, &mut vec![]);
        let keys = text.lines().filter(|line| line.starts_with("[HKEY_")).count();
        assert_eq!(export.keys.len(), keys, "{}", path.display());
        let values = text.lines().filter(|line| line.starts_with(['"', '@'])).count();
        assert_eq!(export.keys.iter().map(|key| key.values.len()).sum::<usize>(), values, "{}", path.display());
    }
}

#[test]
fn a_long_export_is_read_in_little_time() {
    let mut text = format!("{HEADER}\n");
    for n in 0..30_000 {
        text.push_str(&format!("[HKEY_LOCAL_MACHINE\\K{n}]\n\"V\"=\"x\n"));
    }
    let begun = Instant::now();
    assert_eq!(parse(text.as_bytes()).keys.len(), 30_000);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_damaged_export_is_read_without_panic(
        changes in proptest::collection::vec((0..TEXT.len() * 2, any::<u8>()), 1..30), cut in 0..TEXT.len() * 2,
    ) {
        let mut bytes = utf16(TEXT, &[0xFF, 0xFE], u16::to_le_bytes);
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(cut);
        let _ = parse(&bytes);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }
}
