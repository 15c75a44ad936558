//! What changed on machines, their records, stock-taking: on the pages and for programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod seeded;

use axum::http::StatusCode;
use seeded::browser::{Browser, Page};
use seeded::{Agent, World, all_well, fleet, started};
use serde_json::{Value, json};
use vigie_collector::store::{FleetStore, Reference, ReferenceKind, Role};
use vigie_shared::evidence::HardwareEvidence;

struct Here {
    world: World,
    agent: Agent,
    browser: Browser,
    path: String,
    _folder: tempfile::TempDir,
}

fn software(firefox: &str) -> Value {
    json!({"outcome": "complete", "data": {"packages": [
        {"name": "firefox-esr", "version": firefox, "source": "dpkg", "publisher": "Mozilla"},
        {"name": "=cmd|' /C calc'!A0", "version": "1", "source": "dpkg"}]}})
}

fn memory(gib: u64) -> Value {
    json!({"outcome": "complete", "data": {"total_bytes": gib << 30}})
}

async fn here() -> Here {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path(), fleet::NOW.parse().unwrap());
    world.user("technicien.a", Role::Technician).await;
    world.user("superviseur", Role::Supervisor).await;
    let school = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    let mut agent = world.machine(school, "TIL-B12-01", "workstation", true).await;
    let mut facts = vec![started()];
    facts.extend(all_well());
    let system = json!({"outcome": "complete", "data": {"manufacturer": "HP", "serial": "CZC1234567"}});
    let first = [("software", software("128.3.0")), ("memory", memory(8)), ("system", system.clone())];
    world.call(&mut agent, &facts, &first).await;
    let then = [("software", software("140.1.2")), ("memory", memory(4)), ("system", system)];
    world.clock.pass(jiff::SignedDuration::from_mins(5));
    world.call(&mut agent, &[], &then).await;
    let browser = Browser::signed_in(world.router(false), "technicien.a").await;
    let path = format!("/postes/{}", agent.id);
    Here { world, agent, browser, path, _folder: folder }
}

fn version(page: &Page) -> String {
    let after = page.text.split("name=\"version\" value=\"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_machine_is_exported_in_glpis_format_for_who_is_signed_in() {
    let mut here = here().await;
    let path = format!("/api/v1/machines/{}/inventory.glpi.json", here.agent.id);
    // What cannot be read this time is told from the last time it could.
    let gone = json!({"outcome": "unavailable", "reasons": ["hung"]});
    here.world.call(&mut here.agent, &[], &[("system", gone)]).await;
    let answer = here.browser.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    let document: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(document["deviceid"], here.agent.id.to_string());
    assert_eq!(document["content"]["bios"]["ssn"], "CZC1234567");
    assert_eq!(document["content"]["softwares"][0]["version"], "140.1.2");
    let mut stranger = Browser::new(here.world.router(false));
    assert_eq!(stranger.get(&path).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_page_says_what_changed_in_both_languages_and_programs_read_it() {
    let mut here = here().await;
    let page = here.browser.get(&here.path).await;
    assert!(
        page.says("Mémoire utilisable : 8 Go → 4 Go") && page.says("firefox-esr : 128.3.0 → 140.1.2"),
        "{}",
        page.text
    );
    assert!(page.says("La mémoire est passée de 8 à 4 Gio"), "a finding for the next visit");
    here.browser.language = "en";
    assert!(here.browser.get(&here.path).await.says("Usable memory: 8 GB → 4 GB"));

    let answer = here.browser.get(&format!("/api/v1/machines/{}/history", here.agent.id)).await;
    let said: Value = serde_json::from_str(&answer.text).unwrap();
    let changes = said["changes"].as_array().unwrap();
    assert_eq!((changes.len(), &changes[0]["kind"], &changes[0]["by"]), (2, &json!("changed"), &json!("vigie")));
    assert_eq!((&changes[1]["field"], &changes[1]["after"]), (&json!("version"), &json!("140.1.2")));
    let one = here.browser.get(&format!("/api/v1/machines/{}/history?limit=1", here.agent.id)).await;
    assert_eq!(serde_json::from_str::<Value>(&one.text).unwrap()["changes"].as_array().unwrap().len(), 1);
    let nobody = here.browser.get("/api/v1/machines/01a20921b53c76179620bccc32ba15dc/history").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_record_is_written_and_a_form_that_is_out_of_date_overwrites_nothing() {
    let mut here = here().await;
    let page = here.browser.get(&here.path).await;
    let (csrf, shown) = (page.csrf(), version(&page));
    let form = |version: &str, room: &str, date: &str| {
        let fields = [
            ("csrf", csrf.as_str()),
            ("version", version),
            ("salle", room),
            ("numero", "INV-42"),
            ("garantie", date),
            ("etat", "in_stock"),
            ("note", "<b>prêté</b>"),
        ];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let borrowed = |form: &[(String, String); 7]| form.iter().map(|(a, b)| (a.clone(), b.clone())).collect::<Vec<_>>();
    let send = async |browser: &mut Browser, path: &str, form: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = form.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        browser.post(&format!("{path}/fiche"), &fields).await
    };
    let done = send(&mut here.browser, &here.path, borrowed(&form(&shown, "B12", "2027-08-31"))).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, format!("{}#fiche", here.path).as_str()));
    let page = here.browser.get(&here.path).await;
    assert!(page.says("INV-42") && page.says("jusqu’au 31 août 2027") && page.says("en stock"), "{}", page.text);
    assert!(page.says("Salle : rien → B12") && page.says("État : en service → en stock"), "who changed what");
    assert!(page.text.contains("&#60;b&#62;prêté") && !page.text.contains("<b>prêté"));

    let late = send(&mut here.browser, &here.path, borrowed(&form(&shown, "C3", ""))).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.says("quelqu’un d’autre a modifié cette fiche") && late.says("Salle – B12"), "{}", late.text);
    assert!(late.text.contains("name=\"salle\" value=\"C3\""), "what was typed is still there");
    let bad = send(&mut here.browser, &here.path, borrowed(&form("1", "C3", "le 3 mai"))).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(bad.says("la fin de garantie est une date"));
    assert!(here.browser.get(&here.path).await.says("B12"));
    let forged = here.browser.post(&format!("{}/fiche", here.path), &[("csrf", "x"), ("version", "1")]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_scanned_label_answers_which_machine_it_is() {
    let mut here = here().await;
    let csrf = here.browser.get("/recensement").await.csrf();
    let done =
        here.browser.post("/recensement", &[("csrf", &csrf), ("etiquette", "czc1234567"), ("salle", "B 12")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let page = here.browser.get(done.location()).await;
    assert!(page.says("TIL-B12-01") && page.says("Salle B 12, avant : aucune salle"), "{}", page.text);
    assert!(page.text.contains("name=\"salle\" value=\"B 12\""), "the room stays for the next label");
    assert!(here.browser.get(&here.path).await.says("par technicien.a, salle B 12"));

    let none = here.browser.post("/recensement", &[("csrf", &csrf), ("etiquette", "<i>9"), ("salle", "B12")]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert!(none.says("Aucun poste ne porte") && !none.text.contains("<i>9"), "{}", none.text);
    drop(here.world);
}

#[tokio::test]
async fn exports_are_harmless_in_a_spreadsheet_and_the_same_for_programs() {
    let mut here = here().await;
    let page = here.browser.get("/api/v1/export/software.csv").await;
    assert_eq!(page.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = page.text.lines().collect();
    assert_eq!(
        lines[0],
        "\u{feff}\"name\";\"source\";\"publisher\";\"version\";\"newest_seen\";\"machines\";\"machines_of_program\""
    );
    assert_eq!(lines[1], "\"'=cmd|' /C calc'!A0\";\"dpkg\";;\"1\";1;1;1");
    assert_eq!(lines[2], "\"firefox-esr\";\"dpkg\";\"Mozilla\";\"140.1.2\";1;1;1");
    let json: Value = serde_json::from_str(&here.browser.get("/api/v1/export/software.json").await.text).unwrap();
    assert_eq!((json["rows"].as_array().unwrap().len(), &json["cut"]), (2, &json!(false)));
    assert_eq!(json["rows"][0]["name"], "=cmd|' /C calc'!A0", "as it is, for programs");

    let machines: Value = serde_json::from_str(&here.browser.get("/api/v1/export/machines.json").await.text).unwrap();
    let row = &machines["rows"][0];
    assert_eq!(
        (&row["name"], &row["serial"], &row["memory_bytes"]),
        (&json!("TIL-B12-01"), &json!("CZC1234567"), &json!(4_u64 << 30))
    );
    assert_eq!(row["state"], "in_service");
    let other = here.browser.get("/api/v1/export/machines.json?bassin=Sud").await;
    assert_eq!(serde_json::from_str::<Value>(&other.text).unwrap()["rows"], json!([]));
    for nothing in ["machines.xml", "people.csv", "machines", "machines.csv?etablissement=x"] {
        assert_eq!(
            here.browser.get(&format!("/api/v1/export/{nothing}")).await.status,
            StatusCode::NOT_FOUND,
            "{nothing}"
        );
    }
}

#[tokio::test]
async fn the_catalogue_says_the_newest_and_who_lags() {
    let mut here = here().await;
    let school = here.world.school("Collège des Acacias", "Bois-le-Val", "Sud").await;
    let mut other = here.world.machine(school, "ACA-01", "workstation", true).await;
    here.world.call(&mut other, &[started()], &[("software", software("128.3.0"))]).await;

    let page = here.browser.get("/logiciels").await;
    assert!(
        page.says("2 logiciels sur 2 postes") && page.says("140.1.2") && page.says("1 poste en retard"),
        "{}",
        page.text
    );
    let late = here.browser.get("/logiciels?retard=1&q=mozilla").await;
    assert!(late.says("1 logiciel sur") && !late.says("calc"), "{}", late.text);
    let one = here.browser.get("/logiciels/versions?nom=Firefox-ESR&source=dpkg").await;
    assert!(one.says("la plus récente vue") && one.says("ACA-01") && one.says("128.3.0"), "{}", one.text);
    assert!(!one.says("TIL-B12-01"), "it does not lag");
    let north = here.browser.get("/logiciels/versions?nom=firefox-esr&source=dpkg&bassin=Nord").await;
    assert!(north.says("Tous ont la version la plus récente"), "{}", north.text);
    assert_eq!(here.browser.get("/logiciels/versions?nom=x&source=dpkg").await.status, StatusCode::NOT_FOUND);
    here.browser.language = "en";
    assert!(here.browser.get("/logiciels").await.says("2 programs on 2 machines"));
}

#[tokio::test]
async fn rules_and_tables_find_what_is_to_be_put_right_and_only_supervisors_change_them() {
    let mut here = here().await;
    let school = here.world.school("Collège des Acacias", "Bois-le-Val", "Sud").await;
    let mut other = here.world.machine(school, "ACA-01", "workstation", true).await;
    let os = json!({"outcome": "complete", "data": {"name": "Debian GNU/Linux", "version": "11"}});
    let sections = [("software", software("128.3.0")), ("operating-system", os)];
    here.world.call(&mut other, &[started()], &sections).await;
    let policy = r#"{"rules": [{"name": "firefox", "program": "firefox*", "demand": {"minimum": "140"}},
        {"name": "vlc au Nord", "program": "vlc", "demand": "required", "basin": "Nord"}],
        "products": {"debian": ["Debian GNU/Linux"]}}"#;
    let csrf = here.browser.get("/recensement").await.csrf();
    let refused = here.browser.post("/logiciels/regles", &[("csrf", &csrf), ("regles", policy)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let mut browser = Browser::signed_in(here.world.router(false), "superviseur").await;
    let csrf = browser.get("/logiciels/regles").await.csrf();
    let bad = browser.post("/logiciels/regles", &[("csrf", &csrf), ("regles", "{\"rules\": [{}]}")]).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(bad.says("rules[0]") && bad.text.contains("&#34;rules&#34;: [{}]"), "{}", bad.text);
    let done = browser.post("/logiciels/regles", &[("csrf", &csrf), ("regles", policy)]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/logiciels/regles?version=1"));
    let body =
        r#"{"name": "debian", "cycles": [{"cycle": "11", "over": false, "until": "2024-08-14", "latest": null}]}"#;
    let table = Reference {
        kind: ReferenceKind::EndOfLife,
        name: "debian".into(),
        body: body.into(),
        since: here.world.now(),
        by: "superviseur".into(),
    };
    here.world.store.put_references(vec![table], "superviseur", here.world.now()).await.unwrap();

    let page = browser.get("/logiciels/regles?version=1").await;
    assert!(
        page.says("3 choses à corriger") && page.says("firefox-esr 128.3.0 : au moins 140 est exigé (règle firefox)."),
        "{}",
        page.text
    );
    assert!(page.says("vlc manque (règle vlc au Nord).") && page.says("n’est plus suivi depuis le 14 août 2024"));
    assert!(browser.get(&format!("/postes/{}", other.id)).await.says("Debian GNU/Linux 11 n’est plus suivi"));
    assert!(!browser.get(&here.path).await.says("n’est plus suivi"), "another machine");
    let told: Value = serde_json::from_str(&browser.get("/api/v1/software-findings?bassin=Sud").await.text).unwrap();
    let codes: Vec<_> = told["found"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["software_too_old", "end_of_life"]);
    let held: Value = serde_json::from_str(&browser.get("/api/v1/software-policy").await.text).unwrap();
    assert_eq!((&held["version"], held["rules"].as_array().unwrap().len()), (&json!(1), 2));
}

#[tokio::test]
async fn a_machine_that_enrolled_again_is_attached_by_a_supervisor_and_split_again() {
    let mut here = here().await;
    let school = here.world.school("Collège des Acacias", "Bois-le-Val", "Sud").await;
    let hardware = HardwareEvidence { board_serial: Some("PF1A2B3C".into()), ..HardwareEvidence::default() };
    let old = here.world.machine_with(school, "ACA-01", "workstation", true, hardware.clone()).await;
    here.world.clock.pass(jiff::SignedDuration::from_mins(5));
    let new = here.world.machine_with(school, "ACA-NEUF", "workstation", true, hardware).await;

    let page = here.browser.get("/quarantaine").await;
    assert!(
        page.says("Postes inscrits une deuxième fois") && page.says("n° de série de la carte mère"),
        "{}",
        page.text
    );
    let (machine, former) = (new.id.to_string(), old.id.to_string());
    let csrf = page.csrf();
    let refused =
        here.browser.post("/quarantaine/rattacher", &[("csrf", &csrf), ("poste", &machine), ("ancien", &former)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "a technician only looks");

    let mut browser = Browser::signed_in(here.world.router(false), "superviseur").await;
    let csrf = browser.get("/quarantaine").await.csrf();
    let done =
        browser.post("/quarantaine/rattacher", &[("csrf", &csrf), ("poste", &machine), ("ancien", &former)]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/quarantaine"));
    let page = browser.get("/quarantaine").await;
    assert!(page.says("ACA-NEUF continue ACA-01") && !page.says("une deuxième fois"), "{}", page.text);
    assert!(browser.get(&format!("/postes/{machine}")).await.says("Rattaché au poste connu sous le nom ACA-01"));
    assert_eq!(browser.get(&format!("/postes/{former}")).await.status, StatusCode::NOT_FOUND);
    let again =
        browser.post("/quarantaine/rattacher", &[("csrf", &csrf), ("poste", &machine), ("ancien", &former)]).await;
    assert_eq!(again.location(), "/quarantaine?refus=1");

    browser.post("/quarantaine/separer", &[("csrf", &csrf), ("poste", &machine)]).await;
    assert_eq!(browser.get(&format!("/postes/{former}")).await.status, StatusCode::OK);
    assert!(browser.get("/quarantaine").await.says("une deuxième fois"));
}
