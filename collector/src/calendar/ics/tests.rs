//! Files as they are published, and files that are broken.

use super::*;
use jiff::civil::date;
use proptest::prelude::*;

fn event(start: &str, end: &str, summary: &str, location: &str) -> String {
    format!(
        "BEGIN:VEVENT\r\nDTSTAMP:20250114T124531Z\r\nDTSTART;VALUE=DATE:{start}\r\nDTEND;VALUE=DATE:{end}\r\n\
         SUMMARY:{summary}\r\nUID:1@data.education.gouv.fr\r\nLOCATION:{location}\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT\r\n"
    )
}

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y\r\n{events}END:VCALENDAR\r\n")
}

fn read(events: &str) -> Read {
    parse(calendar(events).as_bytes(), None).unwrap()
}

fn refusal(text: &str) -> String {
    let errors = parse(text.as_bytes(), None).unwrap_err();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_layout_of_the_ministry_comes_to_the_shipped_table() {
    // Arrange: 2025-2026 as the ministry's file splits it.
    let all = "Zones A/B/C";
    let zones = [
        ("20260704", "20260704", "Début des Vacances d'Été", all),
        ("20260514", "20260518", "Pont de l'Ascension", all),
        ("20260427", "20260504", "Vacances de Printemps", "Zone C"),
        ("20260420", "20260427", "Vacances de Printemps", "Zones B/C"),
        ("20260418", "20260420", "Vacances de Printemps", all),
        ("20260411", "20260418", "Vacances de Printemps", "Zones A/B"),
        ("20260404", "20260411", "Vacances de Printemps", "Zone A"),
        ("20260302", "20260309", "Vacances d'Hiver", "Zone C"),
        ("20260223", "20260302", "Vacances d'Hiver", "Zones B/C"),
        ("20260221", "20260223", "Vacances d'Hiver", all),
        ("20260214", "20260221", "Vacances d'Hiver", "Zones A/B"),
        ("20260207", "20260214", "Vacances d'Hiver", "Zone A"),
        ("20251220", "20260105", "Vacances de Noël", all),
        ("20251018", "20251103", "Vacances de la Toussaint", all),
        ("20250829", "20250901", "Vacances d'Été(prérentrée Enseignants)", all),
        ("20250705", "20250901", "Vacances d'Été", "Zones A/B/C - Corse"),
        ("20250609", "20250609", "Lundi de Pentecôte", "Corse"),
    ];
    let events: String =
        zones.iter().map(|(a, b, name, place)| event(a, b, &format!("{name} - {place}"), place)).collect();

    // Act
    let read = read(&events);

    // Assert
    let shipped = HolidayTable::shipped();
    for zone in [Zone::A, Zone::B, Zone::C] {
        assert!(read.table.is_whole(zone, 2025) && !read.table.is_whole(zone, 2024));
        let long = |table: &HolidayTable| -> Vec<(Date, Date)> {
            table.of(zone, 2025).iter().filter(|p| p.days() >= 7).map(|p| (p.first, p.back)).collect()
        };
        assert_eq!(long(&read.table), long(&shipped), "{zone:?}");
        let bridge = read.table.find(zone, date(2026, 5, 15)).unwrap();
        assert_eq!((bridge.name.as_str(), bridge.days()), ("Pont de l'Ascension", 4));
    }
    assert_eq!(read.table.of(Zone::Corse, 2024).len(), 1);
    assert_eq!(read.table.of(Zone::A, 2025)[0].name, "Vacances de la Toussaint");
    assert_eq!(read.passed_over, ["Lundi de Pentecôte - Corse"]);
}

#[test]
fn folded_lines_are_joined_and_escapes_resolved() {
    let events = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:2026\n 1017\nDTEND;VALUE=DATE:20261102\nSUMMARY:Vacances de la \n\
                  \tToussaint\\, automne\nDESCRIPTION:Zone\n  B\nEND:VEVENT\n";
    let table = read(events).table;
    assert_eq!(table.of(Zone::B, 2026)[0].name, "Vacances de la Toussaint, automne");
}

#[test]
fn a_file_that_names_no_zone_needs_one_for_the_whole() {
    let events = event("20251208", "20251209", "La journée du 8 décembre : banalisée", "");
    assert!(refusal(&calendar(&events)).starts_with("line 4: LOCATION: no zone"));
    let read = parse(calendar(&events).as_bytes(), Some(Zone::Corse)).unwrap();
    assert_eq!(read.table.find(Zone::Corse, date(2025, 12, 8)).unwrap().days(), 1);
}

#[test]
fn what_is_inside_an_event_and_around_it_is_passed_over() {
    let zone = "BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    let alarm = "BEGIN:VALARM\r\nSUMMARY:Rentrée\r\nDTSTART:19700101T000000Z\r\nEND:VALARM\r\nEND:VEVENT";
    let events = event("20261017", "20261102", "Vacances", "Zone A").replace("END:VEVENT", alarm);
    assert_eq!(read(&format!("{zone}{events}")).table.of(Zone::A, 2026).len(), 1);
}

#[test]
fn each_bad_field_is_named_with_its_line() {
    let bad = |start: &str, end: &str| refusal(&calendar(&event(start, end, "Vacances", "Zone A")));
    assert!(bad("20261317", "20261102").starts_with("line 6: DTSTART: « 20261317 »"));
    assert!(bad("20261017", "2026").starts_with("line 7: DTEND: « 2026 »"));
    assert!(bad("20261017", "20261016").starts_with("line 7: DTEND: 2026-10-16 does not come after"));
    assert!(bad("20261017", "20271016").contains("DTEND: 2026-10-17 to 2027-10-16 is longer"));
    assert!(bad("19261017", "19261020").contains("DTSTART: 1926-10-17"));
    let timed = event("20261017", "20261102", "Vacances", "Zone A")
        .replace("DTSTART;VALUE=DATE:20261017", "DTSTART:20261017T080000Z");
    assert!(refusal(&calendar(&timed)).contains("line 6: DTSTART: « 20261017T080000Z (a time of day) »"));
    let endless =
        event("20261017", "20261102", "Vacances", "Zone A").replace("DTEND;VALUE=DATE:20261102", "DURATION:P3D");
    assert!(refusal(&calendar(&endless)).starts_with("line 7: DURATION"));
    let nameless = event("20261017", "20261102", &format!("Vacances {}", "x".repeat(90)), "Zone A");
    assert!(refusal(&calendar(&nameless)).contains("SUMMARY"));
    assert!(refusal(&calendar("what is this\r\n")).starts_with("line 4: a property"));
    assert!(refusal("zone;first\n").contains("BEGIN:VCALENDAR"));
    assert!(refusal("BEGIN:VCALENDAR\n").contains("cut off"));
    assert!(refusal(&calendar("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261017\r\n")).contains("not ended"));
    assert!(refusal("").contains("BEGIN:VCALENDAR"));
}

#[test]
fn bounds_are_errors() {
    assert!(refusal(&" ".repeat(MAX_BYTES + 1)).contains("bytes"));
    assert!(refusal(&calendar(&format!("X:{}\r\n", "x".repeat(MAX_LINE)))).contains("longer than"));
    let folded = format!("X:{}", "\r\n xxxxxxxxxxxxxxx".repeat(1000));
    assert!(refusal(&calendar(&format!("{folded}\r\n"))).contains("longer than"));
    let many = event("20261017", "20261102", "Rentrée", "Zone A").repeat(MAX_EVENTS + 1);
    assert!(refusal(&calendar(&many)).contains("more than 2000 events"));
    let bad = event("2026", "20261102", "Vacances", "Zone A").repeat(100);
    assert_eq!(refusal(&calendar(&bad)).lines().count(), MAX_ERRORS + 1);
    assert!(parse(&[0xff, 0xfe], None).unwrap_err()[0].message.contains("UTF-8"));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}") {
        let _ = parse(&bytes, None);
        let _ = parse(calendar(&text).as_bytes(), Some(Zone::A));
    }
}
