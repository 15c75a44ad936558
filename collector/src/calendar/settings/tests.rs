//! Documents that are good, and each way in which one is bad.

use super::*;
use jiff::civil::date;

fn refusal(text: &str) -> String {
    CalendarSettings::parse(text).unwrap_err().to_string()
}

fn of_pedagogical(fields: &str) -> String {
    refusal(&format!("{{\"version\":1,\"pedagogical\":{{{fields}}}}}"))
}

#[test]
fn the_usual_hours_are_those_of_a_college_and_an_office() {
    let hours = |kind, day| usual_hours(kind).on(day).iter().map(|o| (o.start(), o.end())).collect::<Vec<_>>();
    let t = |h, m| time(h, m, 0, 0);
    assert_eq!(hours(NetworkKind::Pedagogical, Weekday::Monday), [(t(8, 0), Some(t(17, 30)))]);
    assert_eq!(hours(NetworkKind::Pedagogical, Weekday::Wednesday), [(t(8, 0), Some(t(12, 30)))]);
    assert_eq!(hours(NetworkKind::Administrative, Weekday::Wednesday), [(t(8, 0), Some(t(18, 0)))]);
    for kind in NetworkKind::ALL {
        assert!(hours(kind, Weekday::Saturday).is_empty() && hours(kind, Weekday::Sunday).is_empty());
    }
}

#[test]
fn what_is_written_is_read_again() {
    let text = r#"{"version":1,"pedagogical":{"time_zone":"Indian/Reunion","public_holidays":"reunion","zone":"Réunion",
        "hours":{"saturday":["08:00-12:00"],"wednesday":[]},"bridges":["2027-05-07"],
        "closed_weeks":["2027-02-15/2027-02-19","12-24/01-01"]},"administrative":{"zone":"none"}}"#;
    let settings = CalendarSettings::parse(text).unwrap();
    let again = serde_json::to_string(&settings).unwrap();
    assert_eq!(CalendarSettings::parse(&again).unwrap(), settings);
    assert_eq!(CalendarSettings::parse(r#"{"version":1}"#).unwrap(), CalendarSettings::default());
}

#[test]
fn the_more_specific_wins_field_by_field() {
    let place = Territory { zone: Some(Zone::C), holidays: Region::France, time_zone: "Europe/Paris" };
    let fleet = CalendarSettings::parse(
        r#"{"version":1,"pedagogical":{"zone":"B","hours":{"monday":["09:00-16:00"],"friday":[]},"bridges":["2027-05-07"]}}"#,
    );
    let school =
        CalendarSettings::parse(r#"{"version":1,"pedagogical":{"hours":{"monday":["10:00-24:00"]},"bridges":[]}}"#);
    let rules = Rules::usual(NetworkKind::Pedagogical, &place);
    let rules = fleet.unwrap().pedagogical.over(rules, "").unwrap();
    let rules = school.unwrap().pedagogical.over(rules, "").unwrap();
    assert_eq!((rules.zone, rules.bridges.len()), (Some(Zone::B), 0));
    assert_eq!(rules.weekly.on(Weekday::Monday), [Opening::new(time(10, 0, 0, 0), Time::midnight()).unwrap()]);
    assert!(rules.weekly.on(Weekday::Friday).is_empty());
    assert_eq!(rules.weekly.on(Weekday::Tuesday).len(), 1);
}

#[test]
fn each_bad_field_is_named() {
    for (fields, field) in [
        (r#""time_zone":"Europe/Pariis""#, "pedagogical.time_zone"),
        (r#""public_holidays":"bretagne""#, "pedagogical.public_holidays"),
        (r#""zone":"D""#, "pedagogical.zone"),
        (r#""hours":{"lundi":[]}"#, "pedagogical.hours.lundi"),
        (r#""hours":{"monday":["8:00-12:00"]}"#, "pedagogical.hours.monday[0]"),
        (r#""hours":{"monday":["08:00-12:00","12:00-25:00"]}"#, "pedagogical.hours.monday[1]"),
        (r#""hours":{"monday":["12:00-08:00"]}"#, "pedagogical.hours.monday[0]"),
        (r#""hours":{"monday":["12:00-00:00"]}"#, "pedagogical.hours.monday[0]"),
        (r#""hours":{"monday":["08:00-12:00","11:00-13:00"]}"#, "pedagogical.hours.monday"),
        (r#""bridges":["2027-05-07","7 mai"]"#, "pedagogical.bridges[1]"),
        (r#""bridges":["1027-05-07"]"#, "pedagogical.bridges[0]"),
        (r#""closed_weeks":["2027-05-07"]"#, "pedagogical.closed_weeks[0]"),
        (r#""closed_weeks":["2027-05-07/2027-05-01"]"#, "pedagogical.closed_weeks[0]"),
        (r#""closed_weeks":["02-30/03-01"]"#, "pedagogical.closed_weeks[0]"),
    ] {
        let said = of_pedagogical(fields);
        assert!(said.starts_with(&format!("field « {field} »: ")), "{fields}: {said}");
    }
    assert!(of_pedagogical(r#""hour":{}"#).contains("`hour`"));
    assert!(of_pedagogical(r#""zone":3"#).contains("line 1"));
    let many = format!("\"bridges\":[{}]", vec!["\"2027-05-07\""; 201].join(","));
    assert!(of_pedagogical(&many).contains("at most 200"));
    assert!(refusal(r#"{"version":2}"#).contains("« version »"));
    assert!(refusal("{}").contains("version"));
    assert!(refusal(&" ".repeat(MAX_BYTES + 1)).contains("bytes"));
}

#[test]
fn closed_weeks_of_every_year_lead_over_new_year() {
    let weeks = ClosedWeeks::parse("12-24/01-01").unwrap();
    for (day, closed) in [((12, 23), false), ((12, 24), true), ((12, 31), true), ((1, 1), true), ((1, 2), false)] {
        assert_eq!(weeks.holds(date(2027, day.0, day.1)), closed, "{day:?}");
    }
    assert!(ClosedWeeks::parse("02-29/02-29").unwrap().holds(date(2028, 2, 29)));
}
