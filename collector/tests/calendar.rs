//! Calendars as people meet them: the page of a school, and the verbs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod seeded;

use axum::http::StatusCode;
use seeded::browser::{Browser, Page};
use seeded::{World, fleet};
use std::path::Path;
use std::process::{Command, Output};
use vigie_collector::calendar::{Closed, ClosureReason, Day, NetworkKind};
use vigie_collector::store::{Role, Store};
use vigie_shared::uai::Uai;

struct Here {
    world: World,
    uai: Uai,
    _folder: tempfile::TempDir,
}

impl Here {
    /// A school of the académie of Versailles on Wednesday 25 November 2026, 11 h 52.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path(), fleet::NOW.parse().unwrap());
        world.user("superviseur", Role::Supervisor).await;
        world.user("technicien.a", Role::Technician).await;
        let (uai, _) = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
        Self { world, uai, _folder: folder }
    }

    async fn browser(&self, login: &str) -> Browser {
        Browser::signed_in(self.world.router(false), login).await
    }

    fn path(&self) -> String {
        format!("/etablissements/{}/calendrier", self.uai)
    }

    async fn close(&self, browser: &mut Browser, fields: &[(&str, &str)]) -> Page {
        let csrf = browser.get(&self.path()).await.csrf();
        let mut all = vec![("csrf", csrf.as_str()), ("action", "fermer"), ("mois", "2026-11")];
        all.extend(fields);
        browser.post(&self.path(), &all).await
    }

    async fn closures(&self) -> usize {
        self.world.store.closures(Some(self.uai)).await.unwrap().len()
    }
}

#[tokio::test]
async fn the_page_says_what_is_open_this_month_and_why_not() {
    let here = Here::new().await;
    let mut browser = here.browser("technicien.a").await;
    let school = browser.get(&format!("/etablissements/{}", here.uai)).await;
    assert!(school.says(&format!("href=\"{}\"", here.path())));

    let page = browser.get(&here.path()).await;

    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.element("h1"), "Calendrier");
    for words in [
        "Novembre 2026",
        "ouvert jusqu’à 12 h 30",
        "ouvert jusqu’à 18 h 00",
        "vacances de la zone C",
        "travaille pendant les vacances scolaires",
        "8 h 00 – 17 h 30",
        "jour férié (armistice de 1918)",
        "Aucune fermeture",
        "Seul un superviseur",
    ] {
        assert!(page.says(words), "{words}: {}", page.text);
    }
    assert!(!page.says("name=\"motif\""), "a technician has no form");
    let october = browser.get(&format!("{}?mois=2026-10", here.path())).await;
    assert!(october.says("vacances scolaires (Toussaint)") && october.says("mois=2026-09"));
    let unknown = browser.get(&format!("{}?mois=2027-09", here.path())).await;
    assert!(unknown.says("2027-2028 de la zone C ne sont pas connues"));
    for odd in ["", "2026-13", "9999-99", "1800-01", "x", "2026-11-01"] {
        let page = browser.get(&format!("{}?mois={odd}", here.path())).await;
        assert!(page.says("Novembre 2026"), "{odd}");
    }
    browser.language = "en";
    assert!(browser.get(&here.path()).await.says("open until 12:30"));
}

#[tokio::test]
async fn a_supervisor_closes_a_school_and_opens_it_again() {
    let here = Here::new().await;
    let mut browser = here.browser("superviseur").await;
    let fields = [("du", "2026-11-26"), ("motif", "snow"), ("reseau", ""), ("note", "<b>routes</b>")];

    let page = here.close(&mut browser, &fields).await;

    assert_eq!(
        (page.status, page.location()),
        (StatusCode::SEE_OTHER, &*format!("{}?mois=2026-11&fait=ferme", here.path()))
    );
    let location = page.location().to_owned();
    let page = browser.get(&location).await;
    assert!(page.says("La fermeture est enregistrée.") && page.says("Jeudi 26 novembre 2026"), "{}", page.text);
    assert!(page.says("neige ou intempéries (") && !page.says("<b>routes"), "what people type stays text");
    let calendars = here.world.store.calendars(here.uai).await.unwrap();
    for kind in NetworkKind::ALL {
        let day = calendars.of(kind).day("2026-11-26".parse().unwrap());
        assert!(matches!(day, Day::Closed(Closed::Exceptional { reason: ClosureReason::Snow, .. })), "{kind:?}");
    }

    let id = page.text.split("name=\"fermeture\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let csrf = page.csrf();
    let reopen = [("csrf", csrf.as_str()), ("action", "rouvrir"), ("mois", "2026-11"), ("fermeture", id.as_str())];
    assert_eq!(browser.post(&here.path(), &reopen).await.status, StatusCode::SEE_OTHER);
    assert_eq!(here.closures().await, 0);
    assert_eq!(browser.post(&here.path(), &reopen).await.status, StatusCode::NOT_FOUND, "it is gone");
}

#[tokio::test]
async fn hours_are_those_of_the_school() {
    let here = Here::new().await;
    let mut browser = here.browser("superviseur").await;
    let fields = [("du", "2026-11-26"), ("de", "10:00"), ("a", "12:00"), ("motif", "exam"), ("reseau", "pedagogical")];
    assert_eq!(here.close(&mut browser, &fields).await.status, StatusCode::SEE_OTHER);
    let page = browser.get(&here.path()).await;
    assert!(page.says("Jeudi 26 novembre 2026, 10 h 00 à 12 h 00"), "{}", page.text);
    assert!(page.says("8 h 00 – 10 h 00, 12 h 00 – 17 h 30"));
}

#[tokio::test]
async fn each_bad_field_is_said_and_what_was_typed_stays() {
    let here = Here::new().await;
    let mut browser = here.browser("superviseur").await;
    let long = "x".repeat(201);
    for (fields, said) in [
        (vec![("motif", "snow")], "Le premier jour manque"),
        (vec![("du", "demain"), ("motif", "snow")], "Le premier jour manque"),
        (vec![("du", "2026-11-26"), ("au", "x"), ("motif", "snow")], "Le dernier jour n’est pas une date"),
        (vec![("du", "2026-11-26"), ("au", "2026-11-25"), ("motif", "snow")], "La fin vient avant le début"),
        (vec![("du", "2026-11-26"), ("au", "2028-11-25"), ("motif", "snow")], "400 jours"),
        (vec![("du", "1026-11-26"), ("motif", "snow")], "Le premier jour"),
        (vec![("du", "2026-11-26"), ("de", "10:00"), ("motif", "snow")], "Donnez les deux heures"),
        (vec![("du", "2026-11-26"), ("de", "x"), ("a", "y"), ("motif", "snow")], "Donnez les deux heures"),
        (vec![("du", "2026-11-26"), ("motif", "rain")], "Choisissez un motif"),
        (vec![("du", "2026-11-26"), ("motif", "snow"), ("note", &long)], "200 caractères"),
    ] {
        let page = here.close(&mut browser, &fields).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{fields:?}");
        assert!(page.says(said), "{fields:?}: {}", page.text);
        if let Some((_, from)) = fields.iter().find(|(name, _)| *name == "du") {
            assert!(page.says(&format!("name=\"du\" type=\"date\" value=\"{from}\"")), "{fields:?}");
        }
    }
    let csrf = browser.get(&here.path()).await.csrf();
    for (action, id) in [("", ""), ("rouvrir", "x"), ("exploser", "")] {
        let fields = [("csrf", csrf.as_str()), ("action", action), ("fermeture", id)];
        assert_eq!(browser.post(&here.path(), &fields).await.status, StatusCode::BAD_REQUEST, "{action}");
    }
    assert_eq!(here.closures().await, 0);
}

#[tokio::test]
async fn a_technician_or_a_forged_form_changes_nothing() {
    let here = Here::new().await;
    let fields = [("action", "fermer"), ("du", "2026-11-26"), ("motif", "snow")];
    let mut technician = here.browser("technicien.a").await;
    let csrf = technician.get("/").await.csrf();
    let with_token = [&[("csrf", csrf.as_str())], &fields[..]].concat();
    assert_eq!(technician.post(&here.path(), &with_token).await.status, StatusCode::FORBIDDEN);
    let mut supervisor = here.browser("superviseur").await;
    assert_eq!(supervisor.post(&here.path(), &with_token).await.status, StatusCode::FORBIDDEN, "another's token");
    assert_eq!(supervisor.post(&here.path(), &fields).await.status, StatusCode::FORBIDDEN, "no token");
    let mut nobody = Browser::new(here.world.router(false));
    for page in [nobody.get(&here.path()).await, nobody.post(&here.path(), &fields).await] {
        assert!(page.status == StatusCode::SEE_OTHER && page.location().starts_with("/connexion"));
    }
    assert_eq!(here.closures().await, 0);
    for unknown in ["/etablissements/0959999Z/calendrier", "/etablissements/x/calendrier"] {
        assert_eq!(supervisor.get(unknown).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-collector"));
    command.args(arguments).arg("--data").arg(data).output().unwrap()
}

fn good(data: &Path, arguments: &[&str]) -> (String, String) {
    let output = run(data, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

const SCHOOL: &str = "0959901W";

/// A data folder with one school.
fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("schools.csv");
    std::fs::write(&list, format!("uai;name;town;basin\n{SCHOOL};Collège Alpha;Trifouillis;Nord\n")).unwrap();
    good(folder.path(), &["schools", "import", list.to_str().unwrap()]);
    folder
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_verbs_show_close_and_reopen() {
    let folder = data();
    let data = folder.path();
    let week = ["calendar", "show", "--school", SCHOOL, "--from", "2026-11-09", "--days", "7"];
    let (shown, _) = good(data, &week);
    let line = |text: &str, day: &str| text.lines().find(|line| line.contains(day)).unwrap_or_default().to_owned();
    assert!(shown.contains("pedagogical: school holidays of zone C, public holidays france, Europe/Paris"), "{shown}");
    assert_eq!(line(&shown, "2026-11-09"), format!("Mon 2026-11-09 {:38}{}", "08:00-17:30", "08:00-18:00"));
    assert!(line(&shown, "2026-11-11").contains("closed: public holiday (armistice)"), "{shown}");
    assert!(line(&shown, "2026-11-14").contains("closed: no hours"));

    let close =
        ["calendar", "close", "--school", SCHOOL, "--from", "2026-11-09", "--reason", "strike", "--note", "cars"];
    let (id, said) = good(data, &close);
    assert!(said.contains("calendar reopen"), "{said}");
    let (shown, _) = good(data, &week);
    assert!(line(&shown, "Mon 2026-11-09").contains("closed: strike (cars)"), "{shown}");
    assert!(line(&shown, id.trim()).contains("2026-11-09 (cars)"), "{shown}");
    good(
        data,
        &[
            "calendar",
            "close",
            "--all",
            "--from",
            "2026-11-10",
            "--to",
            "2026-11-12",
            "--reason",
            "snow",
            "--network",
            "pedagogical",
        ],
    );
    let (shown, _) = good(data, &["calendar", "show"]);
    assert!(shown.contains("2026-11-10 to 2026-11-12") && shown.contains("2024-2025, 2025-2026, 2026-2027"), "{shown}");
    good(data, &["calendar", "reopen", id.trim()]);
    assert!(refused(data, &["calendar", "reopen", id.trim()]).contains("there is no closure"));
    assert!(line(&good(data, &week).0, "Mon 2026-11-09").contains("08:00-17:30"));

    let close = |more: &[&str]| refused(data, &[&["calendar", "close", "--reason", "snow"], more].concat());
    assert!(close(&["--all", "--from", "soon"]).contains("from « soon »"));
    assert!(close(&["--all", "--from", "2026-11-10", "--to", "2026-11-09"]).contains("before"));
    assert!(close(&["--from", "2026-11-10"]).contains("--school"));
    assert!(close(&["--school", "0959902X", "--from", "2026-11-10"]).contains("0959902X"));
    assert!(close(&["--all", "--from", "2026-11-10", "--network", "wifi"]).contains("« wifi »"));
    assert!(
        refused(data, &["calendar", "close", "--all", "--from", "2026-11-10", "--reason", "rain"]).contains("« rain »")
    );
    assert!(refused(data, &["calendar", "show", "--school", SCHOOL, "--from", "2026-11"]).contains("« 2026-11 »"));
}

#[test]
fn the_verbs_set_calendars_and_bring_in_holidays() {
    let folder = data();
    let data = folder.path();
    let settings =
        file(&folder, "fleet.json", r#"{"version":1,"pedagogical":{"hours":{"saturday":["08:00-12:00"]},"zone":"A"}}"#);
    good(data, &["calendar", "set", &settings]);
    let own = file(&folder, "own.json", r#"{"version":1,"pedagogical":{"zone":"Corse"}}"#);
    good(data, &["calendar", "set", &own, "--school", SCHOOL]);
    let saturday = ["calendar", "show", "--school", SCHOOL, "--from", "2026-11-28", "--days", "1"];
    let (shown, warned) = good(data, &saturday);
    assert!(shown.contains("zone Corse") && shown.contains("Sat 2026-11-28 08:00-12:00"), "{shown}");
    assert!(warned.contains("zone Corse are not known for 2026-2027"), "{warned}");
    let (json, _) = good(data, &["calendar", "show", "--settings"]);
    assert!(json.contains("\"zone\": \"A\"") && json.contains("08:00-12:00"));

    let bad = file(&folder, "bad.json", r#"{"version":1,"pedagogical":{"hours":{"saturday":["8-12"]}}}"#);
    assert!(refused(data, &["calendar", "set", &bad]).contains("pedagogical.hours.saturday[0]"));
    assert!(refused(data, &["calendar", "set"]).contains("FILE.json"));
    good(data, &["calendar", "set", "--clear", "--school", SCHOOL]);
    assert!(good(data, &saturday).0.contains("zone A"));

    let event = |start: &str, end: &str, name: &str| {
        format!(
            "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{start}\r\nDTEND;VALUE=DATE:{end}\r\nSUMMARY:{name}\r\nEND:VEVENT\r\n"
        )
    };
    let events = [
        event("20261017", "20261102", "Vacances d'automne"),
        event("20261219", "20270104", "Vacances de Noël"),
        event("20270220", "20270308", "Vacances d'hiver"),
        event("20270417", "20270503", "Vacances de printemps"),
        event("20270703", "20270704", "Vacances d’été"),
        event("20260901", "20260902", "Rentrée scolaire"),
    ];
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.concat());
    let corse = file(&folder, "corse.ics", &text);
    assert!(refused(data, &["calendar", "import-holidays", &corse]).contains("LOCATION"));
    let (_, said) = good(data, &["calendar", "import-holidays", &corse, "--zone", "corse"]);
    assert!(said.contains("set: Corse 2026-2027") && said.contains("passed over: Rentrée scolaire"), "{said}");
    assert!(good(data, &["calendar", "show"]).0.contains("Corse      2024-2025, 2025-2026, 2026-2027"));
    let part = file(&folder, "part.txt", "# one only\nA;2027-10-23;2027-11-08;Toussaint\n");
    let said = refused(data, &["calendar", "import-holidays", &part]);
    assert!(said.contains("in part only") && said.contains("A 2027-2028"), "{said}");
    let broken = file(&folder, "broken.txt", "A;2027-10-23;Toussaint\n");
    assert!(refused(data, &["calendar", "import-holidays", &broken]).contains("broken.txt: line 1: 3 fields"));
}
