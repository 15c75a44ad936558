use super::*;
use vigie_shared::check::{BACKUP_LINE, INTERNET, LINE_QUALITY, VOLUME_SPACE};
use vigie_shared::id::{MachineId, SchoolId};

fn facts<'a>(scope: &'a Scope, check: &'a str, cause: &'a str) -> Facts<'a> {
    Facts { scope, room: "", check, cause, reason: None, kind: None }
}

#[test]
fn the_shipped_policy_is_good_and_says_what_was_agreed() {
    let policy = TicketPolicy::default();
    assert_eq!(policy.problems(), []);
    let school = Scope::School(SchoolId::new());
    let terms = |facts: Facts<'_>| policy.rule(&facts).and_then(Rule::terms).cloned();

    for cause in ["undetermined", "line", "dns", "portal", "power"] {
        let cut = terms(facts(&school, INTERNET, cause)).unwrap();
        assert_eq!((cut.allowed_minutes, cut.wait_s, cut.priority()), (240, 120, 1), "{cause}");
    }
    for check in [LINE_QUALITY, BACKUP_LINE] {
        let weak = terms(facts(&school, check, "undetermined")).unwrap();
        assert!(weak.allowed_minutes > 240 && weak.wait_s == 900 && weak.priority() > 1, "{check}");
    }
    assert_eq!(terms(facts(&Scope::Collector, INTERNET, "collector")), None, "no school answers for the collector");
    let machine = Scope::Machine(MachineId::new());
    assert_eq!(terms(facts(&machine, VOLUME_SPACE, "machine")).unwrap().allowed_minutes, 20 * 60);
    assert_eq!(terms(facts(&machine, "flux-capacitor", "machine")), None);
}

#[test]
fn what_show_prints_can_be_read_again() {
    let policy = TicketPolicy { version: 7, ..TicketPolicy::default() };
    let text = serde_json::to_string_pretty(&policy).unwrap();
    assert_eq!(TicketPolicy::read(&text), Ok(TicketPolicy::default()), "the version is the store's to give");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let text = r#"{"rules":[
        {"name":"servers","check":"volume-space","kinds":["server"],"reasons":["space_critical"],
         "then":{"ticket":{"category":"storage","urgency":"high","impact":"high","allowed_minutes":60}}},
        {"name":"rooms","check":"volume-space","scopes":["room"],"then":"no_ticket"},
        {"name":"rest","check":"volume-space",
         "then":{"ticket":{"category":"storage","urgency":"low","impact":"low","allowed_minutes":90,"group":"machine"}}}]}"#;
    let policy = TicketPolicy::read(text).unwrap();
    let machine = Scope::Machine(MachineId::new());
    let server =
        Facts { kind: Some("server"), reason: Some("space_critical"), ..facts(&machine, VOLUME_SPACE, "machine") };
    let name = |facts: Facts<'_>| policy.rule(&facts).map(|rule| rule.name.as_str());
    assert_eq!(name(server), Some("servers"));
    assert_eq!(name(Facts { reason: Some("space_low"), ..server }), Some("rest"));
    assert_eq!(name(Facts { kind: None, ..server }), Some("rest"), "an unknown kind is no server");
    let terms = policy.rule(&Facts { kind: None, ..server }).and_then(Rule::terms).unwrap();
    assert_eq!((terms.priority(), terms.reopen_within_s, terms.wait_s), (5, 86_400, 0));
    assert_eq!(terms.group_key(&server), format!("volume-space@{machine}"));
}

#[test]
fn groups_are_what_shares_a_ticket() {
    let school = Scope::School(SchoolId::new());
    let key = |group| Terms { group, ..Terms::of_other_calls() }.group_key(&facts(&school, INTERNET, "line"));
    assert_eq!(key(Grouping::School), "internet");
    assert_eq!(key(Grouping::Room), "internet", "not in a room");
    let machine = Scope::Machine(MachineId::new());
    let in_room = Facts { room: "B12", ..facts(&machine, VOLUME_SPACE, "machine") };
    let by_room = Terms { group: Grouping::Room, ..Terms::of_other_calls() };
    assert_eq!(by_room.group_key(&in_room), "volume-space@room:B12");
    assert_eq!(key(Grouping::Cause), "internet#line");
    assert_eq!(key(Grouping::Machine), format!("internet@{school}"));
}

#[test]
fn a_call_takes_the_general_rule_of_its_subject() {
    let policy = TicketPolicy::default();
    assert_eq!(policy.subjects().first(), Some(&INTERNET));
    assert_eq!(policy.subjects().last(), Some(&OTHER));
    assert_eq!(policy.terms_of_call(INTERNET).unwrap().allowed_minutes, 240);
    assert_eq!(policy.terms_of_call(OTHER).unwrap().category, OTHER);
    assert_eq!(policy.terms_of_call("weather"), None);
}

#[test]
fn priorities_follow_the_usual_matrix() {
    use Level::{High, Low, Medium};
    let rows = [High, Medium, Low].map(|urgency| [High, Medium, Low].map(|impact| priority(urgency, impact)));
    assert_eq!(rows, [[1, 2, 3], [2, 3, 4], [3, 4, 5]]);
}

fn fields(text: &str) -> Vec<String> {
    TicketPolicy::read(text).unwrap_err().into_iter().map(|problem| problem.field).collect()
}

#[test]
fn each_bad_field_is_named_by_its_path() {
    let text = r#"{"rules":[
        {"name":"A b","check":"internet","causes":["line","gremlins"],"then":"no_ticket"},
        {"name":"x","check":"","reasons":["space_full"],"kinds":["toaster"],"scopes":["planet"],
         "then":{"ticket":{"category":"","urgency":"low","impact":"low","allowed_minutes":0,"wait_s":9999999,
         "quiet_s":9999999,"reopen_within_s":99999999}}},
        {"name":"x","check":"other","then":"no_ticket"}]}"#;
    let expected = [
        "rules[0].name",
        "rules[0].causes[1]",
        "rules[1].check",
        "rules[1].reasons[0]",
        "rules[1].kinds[0]",
        "rules[1].scopes[0]",
        "rules[1].then.ticket.category",
        "rules[1].then.ticket.allowed_minutes",
        "rules[1].then.ticket.wait_s",
        "rules[1].then.ticket.quiet_s",
        "rules[1].then.ticket.reopen_within_s",
        "rules[2].check",
        "rules[2].name",
    ];
    assert_eq!(fields(text), expected);
}

#[test]
fn misspelt_fields_wrong_types_and_what_is_no_json_are_named() {
    let rule = |fields: &str| format!(r#"{{"rules":[{{"name":"x","check":"y","then":"no_ticket"{fields}}}]}}"#);
    assert_eq!(fields(&rule(r#","cause":["line"]"#)), ["rules[0].cause"]);
    assert_eq!(fields(&rule(r#","causes":"line""#)), ["rules[0].causes"]);
    let terms = r#"{"rules":[{"name":"x","check":"y","then":{"ticket":{"category":"c","urgency":"low","impact":"low",
        "allowed_minutes":5,"wait":3}}}]}"#;
    assert_eq!(fields(terms), ["rules[0].then.ticket.wait"]);
    let urgent = r#"{"rules":[{"name":"x","check":"y","then":{"ticket":{"category":"c","urgency":"mad"}}}]}"#;
    assert_eq!(fields(urgent), ["rules[0].then.ticket.urgency"]);
    assert_eq!(TicketPolicy::read("rules: none").unwrap_err().len(), 1);
    assert_eq!(fields(r#"{"rule":[]}"#).len(), 1);
    let large = format!(r#"{{"rules":[],"x":"{}"}}"#, "x".repeat(JSON_MAX));
    assert!(TicketPolicy::read(&large).unwrap_err()[0].problem.contains("at most"));
    let many: Vec<String> =
        (0..=RULES_MAX).map(|n| format!(r#"{{"name":"r{n}","check":"y","then":"no_ticket"}}"#)).collect();
    assert_eq!(fields(&format!(r#"{{"rules":[{}]}}"#, many.join(","))), ["rules"]);
}

#[test]
fn how_checks_flap_is_policy_with_bounds() {
    let shipped = TicketPolicy::default();
    assert_eq!(shipped.flapping(INTERNET), Flapping::default());
    assert_eq!(shipped.flapping("never-heard-of"), Flapping::default());
    let with = |flapping: &str| TicketPolicy::read(&format!("{{\"rules\": [], \"flapping\": {{{flapping}}}}}"));
    let good = with(r#""internet": {"same_within_s": 0, "returns": 3, "window_s": 600, "calm_s": 60}"#).unwrap();
    assert_eq!(good.flapping(INTERNET), Flapping { same_within_s: 0, returns: 3, window_s: 600, calm_s: 60 });
    let wrong =
        with(r#""internet": {"same_within_s": 86401, "returns": 0, "window_s": 600, "calm_s": 60}"#).unwrap_err();
    let fields: Vec<_> = wrong.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["flapping.internet.same_within_s", "flapping.internet.returns"]);
    let misspelt = with(r#""internet": {"same_within": 0, "returns": 3, "window_s": 600, "calm_s": 60}"#).unwrap_err();
    assert!(misspelt[0].problem.contains("same_within"), "{misspelt:?}");
    let before: TicketPolicy = serde_json::from_str(r#"{"version": 3, "rules": []}"#).unwrap();
    assert_eq!(before.flapping(INTERNET), Flapping::default(), "a policy of before flapping was policy");
}
