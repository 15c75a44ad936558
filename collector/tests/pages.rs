//! What the pages say about a real store: the words matter, not the markup.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod seeded;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use seeded::browser::{Browser, Page};
use seeded::{World, all_well, check, fleet, started};
use serde_json::json;
use vigie_collector::clock::Clock;
use vigie_collector::engine::NetworkKind;
use vigie_collector::store::{Item, NewLine, Probe, ProbeResult, Role, Store};

async fn world(folder: &tempfile::TempDir) -> World {
    let world = World::new(folder.path(), fleet::NOW.parse().unwrap());
    world.user("technicien.a", Role::Technician).await;
    world
}

async fn browser(world: &World) -> Browser {
    Browser::signed_in(world.router(false), "technicien.a").await
}

/// The address of the first link to a page of this kind.
fn link(page: &Page, start: &str) -> String {
    let rest = page.text.split(&format!("href=\"{start}")).nth(1).expect("a link");
    format!("{start}{}", rest.split('"').next().unwrap())
}

#[tokio::test]
async fn an_empty_fleet_says_what_to_do_first() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let page = browser(&world).await.get("/").await;
    assert_eq!(page.element("h1"), "Bienvenue. Aucun poste n’est encore inscrit.");
    assert!(page.says("vigie-collector schools import") && page.says("vigie-collector token create"));
}

#[tokio::test]
async fn a_supervisor_is_told_what_to_do_about_incidents_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.user("superviseur", Role::Supervisor).await;
    let mut supervisor = Browser::signed_in(world.router(false), "superviseur").await;
    assert!(!supervisor.get("/").await.says("défaut de Vigie"));
    world.in_doubt.store(2, std::sync::atomic::Ordering::Relaxed);
    let page = supervisor.get("/").await;
    assert!(page.says("2 cas) : c’est un défaut de Vigie ; vérifiez par téléphone"), "{}", page.text);
    assert!(!browser(&world).await.get("/").await.says("défaut de Vigie"), "a technician can do nothing about it");
}

#[tokio::test]
async fn the_headline_names_the_outage_and_its_due_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let fleet = fleet::make(&mut world).await;
    let mut browser = browser(&world).await;

    let page = browser.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    let headline = "2 établissements ont besoin de vous, dont 1 coupure internet à rétablir avant 14 h 05.";
    assert_eq!(page.element("h1"), headline);
    assert_eq!(page.element("em"), "1 coupure internet");
    assert!(page.says("Mercredi 25 novembre, 11 h 52") && page.says("111 postes en ligne sur 125 attendus"));
    assert!(page.says("vue par 14 postes") && page.says("18 postes : 14 silencieux, 4 éteints"));
    assert!(page.says("7 établissements") && page.says("2 à voir") && page.says("rien à signaler"));
    assert!(page.says("3 postes attendent votre approbation"));
    assert!(page.says("coupée depuis 10 h 01"), "the strip says in words what it draws");

    let ticket = browser.get(&link(&page, "/tickets/")).await;
    assert_eq!(ticket.element("h1"), "Coupure internet");
    assert!(ticket.says("À rétablir avant 14 h 05 : il reste 2 h 13."), "{}", ticket.text);
    assert!(ticket.says("Mercredi 25 novembre : 4 h") && ticket.says("cause indéterminée"));
    assert!(
        ticket.says("14 postes se sont tus ensemble et sans adieu")
            && ticket.says("Ticket n° 1 ouvert : Coupure internet.")
    );
    assert_eq!(ticket.text.matches("se sont tus ensemble").count(), 1, "the ticket tells it, its incident not again");
    assert!(ticket.says("Témoins : B12-01, ") && ticket.says(" et 6 autres."), "{}", ticket.text);

    let school = browser.get(&format!("/etablissements/{}", fleet.cut)).await;
    assert_eq!(school.element("h1"), "Collège des Tilleuls");
    assert!(school.says("silencieux : plus de nouvelles, sans adieu") && school.says("10.1.0.0/16"));
    let list = browser.get("/tickets").await;
    assert_eq!(list.element("h1"), "2 tickets ouverts, aucun en retard.");

    world.clock.pass(SignedDuration::from_hours(3));
    let late = browser.get("/tickets").await;
    assert_eq!(late.element("h1"), "2 tickets ouverts, 1 en retard.");
    assert!(late.says("en retard de 47 min"));
    assert!(browser.get("/").await.element("h1").ends_with("en retard depuis 14 h 05."));
}

#[tokio::test]
async fn a_resolved_outage_is_told_from_start_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let school = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    let mut agents = vec![];
    for n in 1..=4 {
        agents.push(world.machine(school, &format!("CDI-{n:02}"), "workstation", true).await);
    }
    let hello: Vec<_> = [started()].into_iter().chain(all_well()).collect();
    for agent in &mut agents {
        world.call(agent, &hello, &[]).await;
    }
    world.clock.pass(SignedDuration::from_mins(4));
    world.tick(school.0).await;
    let mut browser = browser(&world).await;
    let headline = browser.get("/").await.element("h1");
    assert_eq!(headline, "Coupure internet : Collège des Tilleuls à rétablir avant 15 h 56.");

    world.clock.pass(SignedDuration::from_mins(20));
    for agent in &mut agents {
        world.call(agent, &[], &[]).await;
    }
    let page = browser.get("/").await;
    assert_eq!(
        page.element("h1"),
        "Rien n’est en panne ; des tickets restent ouverts.",
        "until it was quiet for 5 min"
    );
    world.clock.pass(SignedDuration::from_mins(5));
    for agent in &mut agents {
        world.call(agent, &[], &[]).await;
    }
    world.tick(school.0).await;
    let page = browser.get("/").await;
    assert_eq!(page.element("h1"), "Tout va bien. Rien ne demande votre attention.");
    let list = browser.get("/tickets").await;
    let ticket = browser.get(&link(&list, "/tickets/")).await;
    assert!(
        ticket.says("Résolu")
            && ticket.says("revenus sans plainte : le service est rétabli. Si la panne revient bientôt"),
        "{}",
        ticket.text
    );
}

#[tokio::test]
async fn a_machine_shows_every_section_every_check_and_what_could_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let fleet = fleet::make(&mut world).await;
    let mut browser = browser(&world).await;
    let path = format!("/postes/{}", fleet.server.id);
    let page = browser.get(&path).await;
    for words in [
        "ProDesk 400 G7",
        "Debian GNU/Linux 12 (bookworm)",
        "Intel(R) Core(TM) i5-10500",
        "15,4 Go",
        "2 occupés sur 2",
        "KIOXIA KBG40ZNV256G",
        "256 Go",
        "181 Go (72 %)",
        "00:00:5e:00:53:07",
        "180 logiciels",
        "Les 60 premiers sont montrés.",
        "Lecture incomplète",
        "the serial number can only be read by root",
        "répond, 21 ms",
        "il y a 20 s",
        // A section this version does not know.
        "firmware-variables",
        "&#34;secure_boot&#34;: true",
    ] {
        assert!(page.says(words), "{words}");
    }
    let found = browser.get(&format!("{path}?q=LibreOffice")).await;
    assert!(found.says("2 logiciels sur 180") && found.says("libreoffice-writer") && !found.says("firefox-esr"));
    let whole = browser.get(&format!("{path}?tout=1")).await;
    assert!(whole.says("lib-école-179"));

    let full = browser.get(&format!("/postes/{}", fleet.full.id)).await;
    assert!(full.says("presque plus d’espace libre") && full.says("7,9 Go") && full.says("depuis 11 h 20"));
    assert_eq!(browser.get("/postes/0123").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/etablissements/0959901A").await.status, StatusCode::NOT_FOUND, "a wrong check letter");
}

#[tokio::test]
async fn whatever_a_machine_says_is_text() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'{{ 7 }}";
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let school = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    let mut agent = world.machine(school, HOSTILE, HOSTILE, true).await;
    let hostile = check(HOSTILE, HOSTILE, "critical", HOSTILE, json!({HOSTILE: HOSTILE}));
    let package = json!({"name": HOSTILE, "version": HOSTILE, "source": HOSTILE, "publisher": HOSTILE});
    let sections = [
        ("software", json!({"outcome": "partial", "reasons": [HOSTILE], "data": {"packages": [package]}})),
        ("unheard-of", json!({"outcome": "complete", "data": {HOSTILE: HOSTILE}})),
        ("memory", json!({"outcome": "complete", "data": {"modules": HOSTILE}})),
    ];
    let full = check("volume-space", HOSTILE, "critical", "space_critical", json!({HOSTILE: HOSTILE}));
    world.call(&mut agent, &[started(), hostile, full], &sections).await;
    let other = world.machine(school, HOSTILE, "workstation", false).await;

    let mut browser = browser(&world).await;
    let mut pages = vec![format!("/postes/{}", agent.id), format!("/postes/{}", other.id)];
    pages.extend(["/", "/tickets", "/quarantaine"].map(str::to_owned));
    pages.push(format!("/etablissements/{}", school.0));
    pages.push("/recherche?q=%3Cscript%3E".to_owned());
    pages.push(format!("/postes/{}?q=%22%3E%3Cscript%3E", agent.id));
    pages.push(link(&browser.get("/tickets").await, "/tickets/"));
    let mut shown = 0;
    for path in pages {
        let page = browser.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        shown += page.text.matches("&#60;script&#62;").count();
        let scripts: Vec<&str> = page.text.split("<script").skip(1).collect();
        assert_eq!(scripts.len(), 1, "{path}: only our own script");
        assert!(scripts[0].starts_with(" src=\"/static/live.js?v="), "{path}");
        assert!(!page.text.contains(" style=") && !page.text.contains(" onclick="), "{path}");
    }
    assert!(shown > 20, "the hostile text is shown as text, {shown} times");
    let unreadable = browser.get(&format!("/postes/{}", agent.id)).await;
    assert!(unreadable.says("Contenu que cette version ne sait pas lire"));
}

#[tokio::test]
async fn an_unavailable_section_keeps_its_last_complete_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let school = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    let mut agent = world.machine(school, "CDI-01", "workstation", true).await;
    let disk = json!({"name": "sda", "model": "Vieux disque"});
    let complete = json!({"outcome": "complete", "data": {"disks": [disk]}});
    world.call(&mut agent, &[started()], &[("storage", complete)]).await;
    world.clock.pass(SignedDuration::from_mins(60));
    let unavailable = json!({"outcome": "unavailable", "reasons": ["lsblk did not answer"]});
    world.call(&mut agent, &[], &[("storage", unavailable)]).await;

    let page = browser(&world).await.get(&format!("/postes/{}", agent.id)).await;
    assert!(page.says("Lecture impossible") && page.says("lsblk did not answer"));
    assert!(page.says("Dernière lecture complète : 11 h 52") && page.says("Vieux disque"));
}

#[tokio::test]
async fn every_page_is_there_in_english_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let fleet = fleet::make(&mut world).await;
    let mut browser = browser(&world).await;
    let french = browser.get("/").await;
    let ticket = link(&french, "/tickets/");
    let machine = format!("/postes/{}", fleet.server.id);
    let school = format!("/etablissements/{}", fleet.cut);
    let switched = browser.get("/langue/en?retour=/tickets").await;
    assert_eq!((switched.status, switched.location()), (StatusCode::SEE_OTHER, "/tickets"));

    let page = browser.get("/").await;
    let headline = "2 schools need you, 1 internet outage among them, to restore before 14:05.";
    assert_eq!(page.element("h1"), headline);
    let french_words = ["établissement", "poste", "échéance", "depuis", "Réseau", "Témoins", "octet", "Déconne"];
    for path in ["/", "/tickets", "/quarantaine", "/recherche?q=cdi", "/absent", &ticket, &machine, &school] {
        let page = browser.get(path).await;
        assert!(page.text.contains("<html lang=\"en\">"), "{path}");
        let text = page.element("main");
        for word in french_words {
            assert!(!text.to_lowercase().contains(&word.to_lowercase()), "{path} says « {word} »: {text}");
        }
    }
}

#[tokio::test]
async fn pages_have_a_title_landmarks_and_named_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let fleet = fleet::make(&mut world).await;
    let mut browser = browser(&world).await;
    let first = browser.get("/").await;
    let paths = [
        "/".to_owned(),
        "/tickets".to_owned(),
        "/quarantaine".to_owned(),
        link(&first, "/tickets/"),
        format!("/postes/{}", fleet.server.id),
        format!("/etablissements/{}", fleet.cut),
    ];
    for path in paths {
        let page = browser.get(&path).await;
        assert!(page.element("title").ends_with(" · Vigie"), "{path}");
        assert_eq!(page.text.matches("<h1").count(), 1, "{path}");
        assert!(page.text.contains("<main id=\"contenu\"") && page.text.contains("href=\"#contenu\""), "{path}");
        let tables = page.text.matches("<table").count();
        assert_eq!(page.text.matches("<thead").count(), tables, "{path}: every table has heads");
        let ids: Vec<&str> = page.text.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{path}: {ids:?}");
    }
}

#[tokio::test]
async fn a_school_shows_its_lines_and_what_their_probe_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let (uai, _) = world.school("Collège du Lac", "Ville-Exemple", "Nord").await;
    let line = |address: &str, backup: bool, probe: Probe| NewLine {
        school: uai,
        operator: "Opérateur".to_owned(),
        reference: "REF-123".to_owned(),
        address: address.parse().unwrap(),
        carries: [NetworkKind::Pedagogical].into(),
        backup,
        probe,
    };
    let main = world.store.add_line(line("203.0.113.10", false, Probe::Ping), world.now()).await.unwrap();
    world.store.add_line(line("198.51.100.77", true, Probe::None), world.now()).await.unwrap();
    let school = world.store.school(uai.as_str(), world.now()).await.unwrap().unwrap().school.id;
    let mut browser = browser(&world).await;
    let path = format!("/etablissements/{uai}");
    let page = browser.get(&path).await;
    assert!(page.says("REF-123") && page.says("203.0.113.10") && page.says("Opérateur"), "{}", page.text);
    assert!(page.says("pédagogique, secours") && page.says("non surveillée d’ici") && page.says("pas encore sondée"));

    let (since, last_answer, at) = (world.now(), None, world.now());
    let result = ProbeResult { school, line: main, answers: true, ours: false, since, last_answer, at };
    let silent = ProbeResult { answers: false, ours: true, ..result };
    for (result, words) in [
        (result, "son routeur répond depuis"),
        (silent, "peut-être notre propre ligne"),
        (ProbeResult { ours: false, ..silent }, "son routeur se tait depuis"),
    ] {
        let applied = world.store.apply(vec![Item::Probe(result)], world.engine.clone()).await;
        assert!(applied.iter().all(Result::is_ok), "{applied:?}");
        let page = browser.get(&path).await;
        assert!(page.says(words), "{words}: {}", page.text);
    }
}

#[tokio::test]
async fn a_search_finds_schools_and_machines() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    fleet::make(&mut world).await;
    let mut browser = browser(&world).await;
    let page = browser.get("/recherche?q=tilleuls").await;
    assert!(page.says("1 résultat pour « tilleuls »") && page.says("Valmont-le-Bois"));
    assert!(browser.get("/recherche?q=techno-01").await.says("9 résultats"));
    assert!(browser.get("/recherche?q=").await.says("Tapez un nom de poste"));
}

#[tokio::test]
async fn a_change_is_told_to_open_pages() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    let school = world.school("Collège des Tilleuls", "Valmont-le-Bois", "Nord").await;
    let mut browser = browser(&world).await;
    let response = browser.open("GET", "/live", None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let before: Timestamp = world.clock.now();
    world.machine(school, "CDI-01", "workstation", true).await;

    let mut told = String::new();
    let deadline = std::time::Duration::from_secs(10);
    let heard = tokio::time::timeout(deadline, async {
        while !told.contains("event: changed") {
            let frame = http_body_util::BodyExt::frame(&mut body).await.expect("the stream goes on").unwrap();
            told.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    });
    heard.await.unwrap_or_else(|_| panic!("nothing was told: {told}"));
    assert!(told.contains("\"schools\":{\""), "{told}");
    assert_eq!(world.clock.now(), before, "the clock of the world was not needed");
}
