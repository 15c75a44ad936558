//! Calendars as programs meet them: `/api/v1/calendar`, closures and school holidays. Who may, who may not, bad input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod seeded;

use axum::http::StatusCode;
use seeded::browser::{Browser, Page};
use seeded::{World, fleet};
use serde_json::{Value, json};
use vigie_collector::calendar::{Day, NetworkKind, Zone};
use vigie_collector::store::{Role, Store};
use vigie_shared::uai::Uai;

const FLEET: &str = "/api/v1/calendar";
const CLOSURES: &str = "/api/v1/closures";
const HOLIDAYS: &str = "/api/v1/school-holidays";

struct Here {
    world: World,
    uai: Uai,
    browser: Browser,
    _folder: tempfile::TempDir,
}

/// A school, and a supervisor's program that holds the token of its session.
async fn here() -> Here {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path(), fleet::NOW.parse().unwrap());
    world.user("superviseur", Role::Supervisor).await;
    world.user("technicien.a", Role::Technician).await;
    let (uai, _) = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    let browser = program(&world, "superviseur").await;
    Here { world, uai, browser, _folder: folder }
}

async fn program(world: &World, login: &str) -> Browser {
    let mut browser = Browser::signed_in(world.router(false), login).await;
    let shown = browser.get(FLEET).await;
    assert_eq!((shown.status, &shown.headers["content-type"]), (StatusCode::OK, &"application/json".parse().unwrap()));
    browser.headers = vec![("x-csrf-token", shown.headers["x-csrf-token"].to_str().unwrap().to_owned().leak())];
    browser
}

impl Here {
    fn own(&self) -> String {
        format!("/api/v1/schools/{}/calendar", self.uai)
    }

    async fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> Page {
        self.browser.send(method, path, body.map(|body| body.to_string())).await
    }

    /// Sends what must be refused, and answers the first field that is named.
    async fn refused(&mut self, method: &str, path: &str, body: Value) -> String {
        let page = self.send(method, path, Some(body)).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.text);
        let said = read(&page);
        assert_eq!(said["error"]["code"], "body_invalid");
        assert!(!said["error"]["problems"][0]["problem"].as_str().unwrap().is_empty());
        said["error"]["problems"][0]["field"].as_str().unwrap().to_owned()
    }
}

fn read(page: &Page) -> Value {
    serde_json::from_str(&page.text).unwrap()
}

/// A school year that is whole.
fn year() -> Value {
    json!([
        {"first": "2027-10-23", "back": "2027-11-08", "name": "Toussaint"},
        {"first": "2027-12-18", "back": "2028-01-03", "name": "Noël"},
        {"first": "2028-02-12", "back": "2028-02-28", "name": "Hiver"},
        {"first": "2028-04-08", "back": "2028-04-24", "name": "Printemps"},
        {"first": "2028-07-08", "back": "2028-09-01", "name": "Été"},
    ])
}

#[tokio::test]
async fn a_technician_reads_calendars_and_only_a_supervisor_with_the_token_changes_them() {
    let mut here = here().await;
    let id = "01a20921b53c76179620bccc32ba15dc";
    let ways = [
        ("PUT", FLEET.to_owned()),
        ("DELETE", FLEET.to_owned()),
        ("PUT", here.own()),
        ("DELETE", here.own()),
        ("POST", CLOSURES.to_owned()),
        ("DELETE", format!("{CLOSURES}/{id}")),
        ("POST", HOLIDAYS.to_owned()),
        ("PUT", format!("{HOLIDAYS}/C/2027-2028")),
        ("DELETE", format!("{HOLIDAYS}/C/2027-2028")),
    ];
    let mut nobody = Browser::new(here.world.router(false));
    let mut technician = program(&here.world, "technicien.a").await;
    let token = std::mem::take(&mut here.browser.headers);
    for (method, path) in &ways {
        let body = Some(json!({"version": 1}).to_string());
        assert_eq!(nobody.send(method, path, body.clone()).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(technician.send(method, path, body.clone()).await.status, StatusCode::FORBIDDEN, "{method} {path}");
        // A form of another site carries the session, and no header of ours.
        for headers in [vec![], vec![("x-csrf-token", "guessed")]] {
            here.browser.headers = headers;
            let forged = here.browser.send(method, path, body.clone()).await;
            assert_eq!(forged.status, StatusCode::FORBIDDEN, "{method} {path}");
        }
    }
    assert_eq!(here.world.store.calendar_settings(None).await.unwrap(), None, "nothing was changed");
    here.browser.headers = token;
    for path in [FLEET, &here.own(), CLOSURES, HOLIDAYS, "/api/v1/school-holidays/C/2026-2027"] {
        assert_eq!(technician.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(nobody.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn the_documents_of_the_fleet_and_of_a_school_are_set_shown_and_taken_away() {
    let mut here = here().await;
    let own = here.own();
    assert_eq!(read(&here.send("GET", FLEET, None).await), json!({"version": 1}));
    let fleet = json!({"version": 1, "pedagogical": {"zone": "A", "hours": {"saturday": ["08:00-12:00"]}}});
    let school = json!({"version": 1, "pedagogical": {"zone": "B"}});
    assert_eq!(read(&here.send("PUT", FLEET, Some(fleet.clone())).await), fleet);
    assert_eq!(here.send("PUT", &own, Some(school.clone())).await.status, StatusCode::OK);
    assert_eq!(
        (read(&here.send("GET", FLEET, None).await), read(&here.send("GET", &own, None).await)),
        (fleet, school)
    );
    let calendars = here.world.store.calendars(here.uai).await.unwrap();
    assert_eq!(calendars.pedagogical.zone(), Some(Zone::B));
    assert!(matches!(calendars.pedagogical.day("2026-11-28".parse().unwrap()), Day::Open(_)), "a Saturday");

    for (body, field) in [
        (json!({"version": 1, "pedagogical": {"hours": {"monday": ["12:00-08:00"]}}}), "pedagogical.hours.monday[0]"),
        (json!({"version": 1, "administrative": {"zone": "Z"}}), "administrative.zone"),
        (json!({"version": 1, "pedagogical": {"zone": 3}}), "pedagogical.zone"),
        (json!({"version": 2}), "version"),
    ] {
        assert_eq!(here.refused("PUT", &own, body).await, field);
    }
    let misspelt = here.send("PUT", FLEET, Some(json!({"version": 1, "pedagogic": {}}))).await;
    assert!(misspelt.status == StatusCode::BAD_REQUEST && misspelt.says("pedagogic"), "{}", misspelt.text);
    let large = here.browser.send("PUT", FLEET, Some("x".repeat(70_000))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let elsewhere = here.send("PUT", "/api/v1/schools/0959999X/calendar", Some(json!({"version": 1}))).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);

    assert_eq!(here.send("DELETE", &own, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(here.world.store.calendars(here.uai).await.unwrap().pedagogical.zone(), Some(Zone::A));
    assert_eq!(here.send("DELETE", FLEET, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(here.send("POST", FLEET, None).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn closures_are_added_listed_and_taken_away() {
    let mut here = here().await;
    let uai = here.uai.to_string();
    let snow = json!({"school": uai, "from": "2026-11-26", "reason": "snow", "note": "routes coupées"});
    let added = here.send("POST", CLOSURES, Some(snow.clone())).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    let id = read(&added)["id"].as_str().unwrap().to_owned();
    assert_eq!(read(&here.send("POST", CLOSURES, Some(snow)).await)["id"], id, "the same is one");
    let exam = json!({"network": "pedagogical", "from": "2026-11-27T08:00:00+01:00", "to": "2026-11-27T12:00:00+01:00",
        "reason": "exam"});
    assert_eq!(here.send("POST", CLOSURES, Some(exam)).await.status, StatusCode::CREATED);

    let listed = read(&here.send("GET", &format!("{CLOSURES}?school={uai}"), None).await);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["to"], &listed[0]["by"]),
        (&json!(id), &json!("2026-11-26"), &json!("superviseur"))
    );
    assert_eq!((&listed[1]["school"], &listed[1]["network"]), (&Value::Null, &json!("pedagogical")));
    let calendars = here.world.store.calendars(here.uai).await.unwrap();
    for kind in NetworkKind::ALL {
        assert!(matches!(calendars.of(kind).day("2026-11-26".parse().unwrap()), Day::Closed(_)));
    }
    for (body, field) in [
        (json!({"from": "demain", "reason": "snow"}), "from"),
        (json!({"from": "2026-11-26", "to": "2026-11-25", "reason": "snow"}), "to"),
        (json!({"from": "2026-11-26", "reason": "ennui"}), "reason"),
        (json!({"from": "2026-11-26", "reason": "snow", "network": "wifi"}), "network"),
        (json!({"from": "2026-11-26", "reason": "snow", "school": "école"}), "school"),
        (json!({"from": "2026-11-26", "reason": "snow", "school": "0959999X"}), "school"),
        (json!({"from": "2026-11-26", "reason": "snow", "note": "x".repeat(300)}), "note"),
        (json!({"from": 3, "reason": "snow"}), "from"),
    ] {
        assert_eq!(here.refused("POST", CLOSURES, body).await, field);
    }
    assert_eq!(here.send("GET", &format!("{CLOSURES}?school=0959999X"), None).await.status, StatusCode::NOT_FOUND);

    let one = format!("{CLOSURES}/{id}");
    assert_eq!(here.send("DELETE", &one, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(here.send("DELETE", &one, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(read(&here.send("GET", CLOSURES, None).await).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn school_holidays_are_set_by_zone_and_year_imported_and_taken_away() {
    let mut here = here().await;
    let path = format!("{HOLIDAYS}/C/2027-2028");
    assert_eq!(here.send("GET", &path, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(here.send("PUT", &path, Some(year())).await.status, StatusCode::OK);
    assert_eq!(read(&here.send("GET", &format!("{HOLIDAYS}/c/2027"), None).await), year());
    assert_eq!(read(&here.send("GET", HOLIDAYS, None).await)["C"]["2027-2028"], year());

    let mut late = year();
    late[1]["back"] = json!("2027-12-01");
    assert_eq!(here.refused("PUT", &path, late).await, "[1].back");
    let mut odd = year();
    odd[0]["first"] = json!("2026-10-23");
    odd[0]["back"] = json!("2026-11-08");
    assert_eq!(here.refused("PUT", &path, odd).await, "[0].first");
    let part = json!([{"first": "2027-10-23", "back": "2027-11-08", "name": "Toussaint"}]);
    assert_eq!(here.refused("PUT", &path, part).await, "");
    for nowhere in ["Z/2027", "C/2027-2029", "C/lately", "C/1812"] {
        let page = here.send("PUT", &format!("{HOLIDAYS}/{nowhere}"), Some(year())).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{nowhere}");
    }

    assert_eq!(here.send("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(here.send("DELETE", &path, None).await.status, StatusCode::NOT_FOUND);
    let events: String = year().as_array().unwrap().iter().map(event).collect();
    let file = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//FR\r\n{events}END:VCALENDAR\r\n");
    let unread = here.browser.send("POST", &format!("{HOLIDAYS}?zone=Z"), Some(file.clone())).await;
    assert_eq!(read(&unread)["error"]["problems"][0]["field"], "zone");
    let read_in = here.browser.send("POST", &format!("{HOLIDAYS}?zone=C"), Some(file)).await;
    assert_eq!(read_in.status, StatusCode::OK, "{}", read_in.text);
    assert_eq!(read(&read_in)["set"], json!([{"zone": "C", "year": "2027-2028"}]));
    assert_eq!(read(&here.send("GET", &path, None).await)[4]["back"], "2028-09-01");
    let lines = here.browser.send("POST", HOLIDAYS, Some("C;2027-10-23;2027-11-08;Toussaint\nC;x".to_owned())).await;
    assert_eq!(read(&lines)["error"]["problems"][0]["field"], "line 2", "{}", lines.text);
    let in_part = here.browser.send("POST", HOLIDAYS, Some("C;2030-10-23;2030-11-08;Toussaint\n".to_owned())).await;
    assert!(in_part.status == StatusCode::BAD_REQUEST && in_part.says("C 2030-2031"), "{}", in_part.text);
}

/// A period as an event of whole days.
fn event(period: &Value) -> String {
    let day = |name: &str| period[name].as_str().unwrap().replace('-', "");
    let name = period["name"].as_str().unwrap();
    format!(
        "BEGIN:VEVENT\r\nUID:{name}\r\nDTSTART;VALUE=DATE:{}\r\nDTEND;VALUE=DATE:{}\r\nSUMMARY:Vacances : {name}\r\nEND:VEVENT\r\n",
        day("first"),
        day("back")
    )
}
