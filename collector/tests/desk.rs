//! What people do at the desk, through the pages: calls, work on tickets, rules of tickets, planned maintenance; who may,
//! and what bad input comes to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod seeded;

use axum::http::StatusCode;
use jiff::SignedDuration;
use seeded::browser::{Browser, Page};
use seeded::{Agent, World, all_well, check, fleet, started};
use serde_json::{Value, json};
use vigie_collector::store::{Role, Store};
use vigie_shared::uai::Uai;

struct Here {
    world: World,
    school: (Uai, u8),
    agent: Agent,
    _folder: tempfile::TempDir,
}

/// A school with one machine that is well.
async fn here() -> Here {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path(), fleet::NOW.parse().unwrap());
    world.user("superviseur", Role::Supervisor).await;
    world.user("technicien.a", Role::Technician).await;
    let school = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    let mut agent = world.machine(school, "CDI-01", "workstation", true).await;
    let hello: Vec<_> = [started()].into_iter().chain(all_well()).collect();
    world.call(&mut agent, &hello, &[]).await;
    Here { world, school, agent, _folder: folder }
}

impl Here {
    async fn browser(&self, login: &str) -> Browser {
        Browser::signed_in(self.world.router(false), login).await
    }

    async fn disk(&mut self, state: &str, reason: &str) {
        self.world.clock.pass(SignedDuration::from_secs(30));
        let fact = check("volume-space", "C:", state, reason, json!({}));
        self.world.call(&mut self.agent, &[fact], &[]).await;
    }
}

async fn follow(browser: &mut Browser, answer: &Page) -> Page {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let to = answer.location().to_owned();
    browser.get(&to).await
}

#[tokio::test]
async fn a_call_is_reported_on_the_page_of_its_school_and_joins_what_is_open() {
    let mut here = here().await;
    let mut browser = here.browser("technicien.a").await;
    let path = format!("/etablissements/{}", here.school.0);
    let page = browser.get(&path).await;
    assert!(page.says("Signaler un appel") && page.says("Disque presque plein") && page.says("Autre demande"));
    let csrf = page.csrf();
    let call = async |browser: &mut Browser, text: &str| {
        let fields = [("csrf", csrf.as_str()), ("sujet", "volume-space"), ("texte", text)];
        browser.post(&format!("{path}/appel"), &fields).await
    };

    let answer = call(&mut browser, "Le disque <b>C:</b> est plein").await;
    let ticket = follow(&mut browser, &answer).await;
    assert!(ticket.says("Ticket ouvert.") && ticket.says("ouvert par un appel, Disque presque plein"));
    assert!(ticket.says("&#60;b&#62;") && !ticket.says("<b>C:"), "{}", ticket.text);
    let answer = call(&mut browser, "Toujours plein").await;
    let ticket = follow(&mut browser, &answer).await;
    assert!(ticket.says("Un ticket était déjà ouvert sur ce sujet") && ticket.says("Appel : « Toujours plein »"));

    here.disk("critical", "space_critical").await;
    let list = browser.get("/tickets").await;
    assert_eq!(list.element("h1"), "1 ticket ouvert, aucun en retard.");
    assert_eq!(call(&mut browser, "").await.status, StatusCode::BAD_REQUEST);
    let fields = [("csrf", csrf.as_str()), ("sujet", "météo"), ("texte", "Il pleut")];
    assert_eq!(browser.post(&format!("{path}/appel"), &fields).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.post("/etablissements/0959999X/appel", &fields).await.status, StatusCode::NOT_FOUND);
    let forged = [("csrf", "x"), ("sujet", "other"), ("texte", "Allô")];
    assert_eq!(browser.post(&format!("{path}/appel"), &forged).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_ticket_that_somebody_took_waits_for_them_and_says_so() {
    let mut here = here().await;
    here.disk("critical", "space_critical").await;
    let mut browser = here.browser("technicien.a").await;
    let id = here.world.store.tickets(1).await.unwrap()[0].id;
    let path = format!("/tickets/{id}");
    let page = browser.get(&path).await;
    assert!(page.says("Priorité") && page.says("stockage") && page.says("Prendre en charge"));
    let csrf = page.csrf();
    let act = async |browser: &mut Browser, act: &str, text: &str| {
        let answer = browser.post(&path, &[("csrf", &csrf), ("acte", act), ("texte", text)]).await;
        follow(browser, &answer).await
    };

    let page = act(&mut browser, "prendre", "").await;
    assert!(page.says("Pris en charge par") && page.says("technicien.a"));
    assert!(act(&mut browser, "noter", "Je passe demain").await.says("Je passe demain"));
    assert!(act(&mut browser, "noter", " ").await.says("Rien n’a été changé"));
    here.disk("ok", "fine").await;
    here.world.clock.pass(SignedDuration::from_mins(10));
    here.world.tick(here.school.0).await;
    let page = browser.get(&path).await;
    assert!(page.says("Rétabli, à clore") && page.says("l’échéance ne court plus"), "{}", page.text);
    here.world.clock.pass(SignedDuration::from_hours(24 * 30));
    // The session has ended meanwhile.
    let mut browser = here.browser("superviseur").await;
    assert_eq!(browser.get("/tickets").await.element("h1"), "1 ticket ouvert, aucun en retard.");
    let csrf = browser.get(&path).await.csrf();
    let act = async |browser: &mut Browser, act: &str, text: &str| {
        let answer = browser.post(&path, &[("csrf", &csrf), ("acte", act), ("texte", text)]).await;
        follow(browser, &answer).await
    };
    assert!(act(&mut browser, "resoudre", "Nettoyé").await.says("Résolu : Nettoyé"));
    assert!(act(&mut browser, "resoudre", "").await.says("Rien n’a été changé"));
    let page = act(&mut browser, "rouvrir", "").await;
    assert!(page.says("Rouvert.") && page.says("Pourquoi cette échéance"));
    let odd = browser.post(&path, &[("csrf", &csrf), ("acte", "détruire")]).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    let forged = browser.post(&path, &[("csrf", "x"), ("acte", "resoudre")]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let nowhere = browser.post(&format!("/tickets/{}", here.agent.id), &[("csrf", &csrf), ("acte", "prendre")]).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn everybody_reads_the_rules_and_supervisors_change_them() {
    let here = here().await;
    let mut technician = here.browser("technicien.a").await;
    let page = technician.get("/regles").await;
    assert_eq!(page.element("h1"), "Règles des tickets");
    for words in ["Coupure internet", "très haute", "4 h", "2 min", "Ligne dégradée", "Seul un superviseur"] {
        assert!(page.says(words), "{words}: {}", page.text);
    }
    assert!(!page.says("<textarea"));
    let csrf = page.csrf();
    let refused = technician.post("/regles", &[("csrf", &csrf), ("regles", r#"{"rules":[]}"#)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(technician.get("/api/v1/ticket-policy").await.status, StatusCode::FORBIDDEN);

    let mut browser = here.browser("superviseur").await;
    let page = browser.get("/regles").await;
    let csrf = page.csrf();
    let bad = r#"{"rules":[{"name":"a","check":"b","then":"no_ticket","wait":1}]}"#;
    let refused = browser.post("/regles", &[("csrf", &csrf), ("regles", bad)]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.says("rules[0].wait") && refused.says("&#34;wait&#34;:1"), "what was typed is kept");
    assert_eq!(here.world.store.ticket_policy().await.unwrap().version, 0);

    let good = r#"{"rules":[{"name":"tout","check":"internet","then":"no_ticket"}]}"#;
    let forged = browser.post("/regles", &[("csrf", "x"), ("regles", good)]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let answer = browser.post("/regles", &[("csrf", &csrf), ("regles", good)]).await;
    let page = follow(&mut browser, &answer).await;
    assert!(page.says("La version 1 est en vigueur") && page.says("Pas de ticket") && page.says("superviseur"));
    let large = "x".repeat(70_000);
    let refused = browser.post("/regles", &[("csrf", &csrf), ("regles", &large)]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    browser.language = "en";
    assert_eq!(browser.get("/regles").await.element("h1"), "Ticket rules");
}

#[tokio::test]
async fn programs_change_the_rules_with_the_token_of_their_session_only() {
    let here = here().await;
    let path = "/api/v1/ticket-policy";
    let mut nobody = Browser::new(here.world.router(false));
    assert_eq!(nobody.get(path).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.send("PUT", path, Some("{}".to_owned())).await.status, StatusCode::UNAUTHORIZED);

    let mut browser = here.browser("superviseur").await;
    let shown = browser.get(path).await;
    assert_eq!((shown.status, &shown.headers["content-type"]), (StatusCode::OK, &"application/json".parse().unwrap()));
    let token: &'static str = shown.headers["x-csrf-token"].to_str().unwrap().to_owned().leak();
    let mut policy: Value = serde_json::from_str(&shown.text).unwrap();
    policy["rules"][0]["then"]["ticket"]["wait_s"] = json!(60);

    let forged = browser.send("PUT", path, Some(policy.to_string())).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    browser.headers = vec![("x-csrf-token", "guessed")];
    assert_eq!(browser.send("PUT", path, Some(policy.to_string())).await.status, StatusCode::FORBIDDEN);
    assert_eq!(here.world.store.ticket_policy().await.unwrap().version, 0);

    browser.headers = vec![("x-csrf-token", token)];
    let taken = browser.send("PUT", path, Some(policy.to_string())).await;
    assert_eq!((taken.status, taken.text.as_str()), (StatusCode::OK, r#"{"version":1}"#));
    policy["rules"][0]["then"]["ticket"]["wait_s"] = json!(-1);
    policy["rules"][1]["then"]["ticket"]["wait_s"] = json!(-1);
    let bad = browser.send("PUT", path, Some(policy.to_string())).await;
    let said: Value = serde_json::from_str(&bad.text).unwrap();
    assert_eq!((bad.status, &said["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("body_invalid")));
    assert_eq!(said["error"]["problems"][0]["field"], "rules[0].then.ticket.wait_s");
    let large = browser.send("PUT", path, Some("x".repeat(70_000))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(browser.send("DELETE", path, None).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn supervisors_plan_maintenance_and_end_it() {
    let mut here = here().await;
    let mut technician = here.browser("technicien.a").await;
    let page = technician.get("/maintenances").await;
    assert!(page.says("Aucune maintenance.") && page.says("Seul un superviseur"));
    let csrf = page.csrf();
    let uai = here.school.0.to_string();
    let fields = |csrf: &str, uai: &str, to: &str| {
        let fields = [("csrf", csrf), ("genre", "school"), ("lequel", uai), ("debut", "2026-11-25T11:00"), ("fin", to)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut fields: Vec<(String, String)> = fields.into();
        fields.push(("motif".to_owned(), "Baie <remplacée>".to_owned()));
        fields
    };
    let post = async |browser: &mut Browser, fields: Vec<(String, String)>| {
        let borrowed: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.post("/maintenances", &borrowed).await
    };
    let refused = post(&mut technician, fields(&csrf, &uai, "2026-11-25T18:00")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let mut browser = here.browser("superviseur").await;
    let csrf = browser.get("/maintenances").await.csrf();
    for (uai, to, words) in [
        ("0959999X", "2026-11-25T18:00", "n’est pas connu"),
        (uai.as_str(), "2026-11-25T10:00", "La fin doit venir après le début"),
        (uai.as_str(), "bientôt", "n’est pas une date"),
        (uai.as_str(), "2027-11-25T10:00", "au plus 90 jours"),
    ] {
        let page = post(&mut browser, fields(&csrf, uai, to)).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.says(words), "{words}: {}", page.text);
        assert!(page.says("Baie &#60;remplacée&#62;"), "what was typed is kept");
    }
    let answer = post(&mut browser, fields(&csrf, &uai, "2026-11-25T18:00")).await;
    let page = follow(&mut browser, &answer).await;
    assert!(page.says("en cours") && page.says("Collège des Tilleuls") && page.says("18 h 00"), "{}", page.text);

    here.disk("critical", "space_critical").await;
    assert_eq!(here.world.store.tickets(1).await.unwrap(), []);
    let call = [("csrf", csrf.as_str()), ("sujet", "other"), ("texte", "Allô")];
    let answer = browser.post(&format!("/etablissements/{uai}/appel"), &call).await;
    assert!(follow(&mut browser, &answer).await.says("Une maintenance planifiée est en cours"));
    let id = here.world.store.maintenances(here.world.now(), 1).await.unwrap()[0].id;
    let end = format!("/maintenances/{id}/fin");
    let csrf_t = technician.get("/maintenances").await.csrf();
    assert_eq!(technician.post(&end, &[("csrf", &csrf_t)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post(&end, &[("csrf", "x")]).await.status, StatusCode::FORBIDDEN);
    let answer = browser.post(&end, &[("csrf", &csrf)]).await;
    assert!(follow(&mut browser, &answer).await.says("finie par superviseur"));
    here.world.tick(here.school.0).await;
    assert_eq!(here.world.store.tickets(9).await.unwrap().len(), 2, "the call's, and that of the disk");
    let nowhere = format!("/maintenances/{}/fin", here.agent.id);
    assert_eq!(browser.post(&nowhere, &[("csrf", &csrf)]).await.status, StatusCode::NOT_FOUND);
}
