//! Who gets what: every route without a session, roles, forged forms, sessions that end, sign-ins that are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod seeded;

use axum::http::StatusCode;
use jiff::SignedDuration;
use seeded::browser::Browser;
use seeded::{PASSWORD, World, fleet};
use vigie_collector::store::{Role, Store};
use vigie_collector::web::{self, password};

struct Here {
    world: World,
    _folder: tempfile::TempDir,
}

async fn here() -> Here {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), fleet::NOW.parse().unwrap());
    world.user("superviseur", Role::Supervisor).await;
    world.user("technicien.a", Role::Technician).await;
    Here { world, _folder: folder }
}

#[tokio::test]
async fn nobody_gets_past_the_door_without_a_session() {
    let here = here().await;
    let mut open = vec![];
    for (method, path) in web::ways_in() {
        let path = path.replace("{uai}", "0959901W").replace("{id}", "01a20921b53c76179620bccc32ba15dc");
        let path = path.replace("{zone}", "C").replace("{year}", "2026-2027");
        let path = path.replace("{code}", "en").replace("{name}", "vigie.css");
        let mut browser = Browser::new(here.world.router(false));
        let form = (method == "POST").then(|| "csrf=x".to_owned());
        let page = browser.send(method, &path, form).await;
        let to_sign_in = page.status == StatusCode::SEE_OTHER && page.location().starts_with("/connexion");
        let refused = page.status == StatusCode::UNAUTHORIZED || page.status == StatusCode::FORBIDDEN;
        if !to_sign_in && !refused {
            open.push(format!("{method} {path} {}", page.status.as_u16()));
        }
        let policy = page.headers.get("content-security-policy").unwrap().to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
    }
    let expected = ["GET /connexion 200", "GET /langue/en 303", "GET /static/vigie.css 200", "GET /healthz 200"];
    assert_eq!(open, expected, "these answer without a session");
}

#[tokio::test]
async fn a_technician_sees_the_quarantine_and_cannot_approve() {
    let mut here = here().await;
    let school = here.world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    here.world.machine(school, "NEUF-01", "workstation", false).await;

    let mut browser = Browser::signed_in(here.world.router(false), "technicien.a").await;
    let page = browser.get("/quarantaine").await;
    assert!(page.says("NEUF-01") && page.says("Seul un superviseur"), "{}", page.text);
    let refused = browser.post("/quarantaine", &[("csrf", &page.csrf()), ("poste", "tous")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(here.world.store.quarantine().await.unwrap().len(), 1, "nothing was approved");

    let mut browser = Browser::signed_in(here.world.router(false), "superviseur").await;
    let csrf = browser.get("/quarantaine").await.csrf();
    let done = browser.post("/quarantaine", &[("csrf", &csrf), ("poste", "tous")]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/quarantaine?fait=1"));
    assert!(browser.get("/quarantaine?fait=1").await.says("1 poste approuvé."));
    assert_eq!(here.world.store.quarantine().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_form_without_our_token_changes_nothing() {
    let mut here = here().await;
    let school = here.world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    here.world.machine(school, "NEUF-01", "workstation", false).await;
    let mut browser = Browser::signed_in(here.world.router(false), "superviseur").await;
    let mut other = Browser::signed_in(here.world.router(false), "technicien.a").await;
    let foreign = other.get("/").await.csrf();

    for token in ["", "x", &foreign] {
        let page = browser.post("/quarantaine", &[("csrf", token), ("poste", "tous")]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "token « {token} »");
        assert!(page.says("Rien n’a été changé"));
    }
    let page = browser.send("POST", "/deconnexion", None).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "a form of another kind");
    assert_eq!(here.world.store.quarantine().await.unwrap().len(), 1);
    assert_eq!(browser.get("/").await.status, StatusCode::OK, "still signed in");
}

#[tokio::test]
async fn the_sign_in_form_carries_a_token_too() {
    let here = here().await;
    let mut browser = Browser::new(here.world.router(false));
    let fields = [("login", "superviseur"), ("password", PASSWORD)];
    assert_eq!(browser.post("/connexion", &fields).await.status, StatusCode::FORBIDDEN);
    browser.get("/connexion").await;
    let guessed = [("csrf", "x"), ("login", "superviseur"), ("password", PASSWORD)];
    assert_eq!(browser.post("/connexion", &guessed).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_large_form_is_refused_before_it_is_read() {
    let here = here().await;
    let mut browser = Browser::new(here.world.router(false));
    let csrf = browser.get("/connexion").await.csrf();
    let page = browser.post("/connexion", &[("csrf", &csrf), ("login", &"x".repeat(20_000))]).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_session_ends_with_sign_out_a_new_sign_in_a_new_password_removal_and_its_twelve_hours() {
    let here = here().await;
    let world = &here.world;
    let out = |page: seeded::browser::Page| page.status == StatusCode::SEE_OTHER && page.location() == "/connexion";

    let mut browser = Browser::signed_in(world.router(false), "technicien.a").await;
    let stolen = browser.cookies.clone();
    let csrf = browser.get("/").await.csrf();
    assert!(out(browser.post("/deconnexion", &[("csrf", &csrf)]).await));
    browser.cookies = stolen;
    assert!(out(browser.get("/").await), "after sign-out the secret is worth nothing");

    let mut browser = Browser::signed_in(world.router(false), "technicien.a").await;
    let first = browser.cookies.clone();
    let mut again = Browser::new(world.router(false));
    let csrf = again.get("/connexion").await.csrf();
    again.cookies.insert("vigie".into(), first["vigie"].clone());
    let fields = [("csrf", csrf.as_str()), ("login", "technicien.a"), ("password", PASSWORD)];
    assert_eq!(again.post("/connexion", &fields).await.status, StatusCode::SEE_OTHER);
    assert_ne!(again.cookies["vigie"], first["vigie"]);
    assert!(out(browser.get("/").await), "the session the browser held before a sign-in is ended");

    let mut browser = Browser::signed_in(world.router(false), "technicien.a").await;
    world.store.set_password("technicien.a", &password::hash("another good password").unwrap()).await.unwrap();
    assert!(out(browser.get("/").await), "after a change of password");
    assert_eq!(browser.sign_in("technicien.a", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.sign_in("technicien.a", "another good password").await.status, StatusCode::SEE_OTHER);

    world.store.remove_user("technicien.a").await.unwrap();
    assert!(out(browser.get("/").await), "after removal");

    let mut browser = Browser::signed_in(world.router(false), "superviseur").await;
    world.clock.pass(SignedDuration::from_hours(12) - SignedDuration::from_secs(1));
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    world.clock.pass(SignedDuration::from_secs(2));
    assert!(out(browser.get("/").await), "after twelve hours");
}

#[tokio::test]
async fn unknown_logins_and_wrong_passwords_get_the_same_answer_and_an_account_takes_five() {
    let here = here().await;
    let mut answers = vec![];
    here.world.user("connue", Role::Technician).await;
    for login in ["connue", "inconnue"] {
        let mut browser = Browser::new(here.world.router(false));
        let mut texts = vec![];
        for _ in 0..6 {
            let page = browser.sign_in(login, "wrong password").await;
            let main = page.element("main");
            let text = page
                .text
                .replace(&format!("value=\"{login}\""), "LOGIN")
                .replace(&browser.cookies["vigie-avant"], "TOKEN");
            texts.push((page.status.as_u16(), main, vigie_shared::digest::Digest::of(text.as_bytes())));
        }
        answers.push(texts);
    }
    assert_eq!(answers[0], answers[1]);
    let statuses: Vec<u16> = answers[0].iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);

    let mut browser = Browser::new(here.world.router(false));
    let page = browser.sign_in("connue", PASSWORD).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "even the right password waits");
    assert!(page.says("Attendez un quart d’heure"));
    here.world.clock.pass(SignedDuration::from_mins(16));
    assert_eq!(browser.sign_in("connue", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_sign_in_leads_to_own_pages_only() {
    let here = here().await;
    let mut browser = Browser::new(here.world.router(false));
    let page = browser.get("/tickets?x=1").await;
    assert_eq!(page.location(), "/connexion?suite=/tickets%3Fx%3D1");
    for (next, lands) in [("/tickets?x=1", "/tickets?x=1"), ("//evil.example/", "/"), ("https://evil.example", "/")] {
        let mut browser = Browser::new(here.world.router(false));
        let csrf = browser.get("/connexion").await.csrf();
        let fields = [("csrf", csrf.as_str()), ("login", "superviseur"), ("password", PASSWORD), ("suite", next)];
        assert_eq!(browser.post("/connexion", &fields).await.location(), lands, "{next}");
        assert_eq!(browser.get("/langue/en?retour=//evil.example").await.location(), "/");
    }
}

#[tokio::test]
async fn cookies_behind_tls_are_of_this_host_secure_and_closed_to_scripts() {
    let here = here().await;
    let mut browser = Browser::new(here.world.router(true));
    let page = browser.get("/connexion").await;
    assert_eq!(page.headers["strict-transport-security"], "max-age=31536000");
    let csrf = page.csrf();
    let fields = [("csrf", csrf.as_str()), ("login", "superviseur"), ("password", PASSWORD)];
    let page = browser.post("/connexion", &fields).await;
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-vigie=")
            && cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    let plain = Browser::new(here.world.router(false)).get("/connexion").await;
    assert!(!plain.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn figures_are_for_this_host_or_people_signed_in() {
    let here = here().await;
    let mut browser = Browser::new(here.world.router(false));
    assert_eq!(browser.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    browser.from = ([127, 0, 0, 1], 50_000).into();
    let page = browser.get("/metrics").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("\nvigie_machines_quarantined 0\n"), "{}", page.text);
    browser.headers.push(("x-forwarded-for", "203.0.113.5"));
    assert_eq!(browser.get("/metrics").await.status, StatusCode::UNAUTHORIZED, "a proxy speaks for somebody else");
    let mut browser = Browser::signed_in(here.world.router(false), "technicien.a").await;
    assert_eq!(browser.get("/metrics").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_health_check_says_that_the_store_answers() {
    let here = here().await;
    let page = Browser::new(here.world.router(false)).get("/healthz").await;
    let said: serde_json::Value = serde_json::from_str(&page.text).unwrap();
    assert_eq!((page.status, &said["status"], &said["store"]), (StatusCode::OK, &"ok".into(), &"ok".into()));
}
