//! `check-store`.

use crate::program::{Folder, checked, content, good, meddle, on, refused, serve, stderr};
use std::fs;
use std::path::Path;

/// Damage, and the check that must name it.
const PLANTED: &[(&str, &str)] = &[
    ("UPDATE counter SET value = value + 1 WHERE name = 'event'", "counters"),
    ("UPDATE counter SET value = value - 1 WHERE name = 'gap'", "counters"),
    ("UPDATE counter SET value = 0 WHERE name = 'ticket'", "tickets"),
    (
        "DROP INDEX ticket_open; INSERT INTO ticket (id, number, school, group_key, name, instance, allowed_minutes, opened, \
         due) SELECT randomblob(16), number + 1000, school, group_key, name, instance, allowed_minutes, opened, due \
         FROM ticket WHERE resolved IS NULL",
        "tickets",
    ),
    (
        "DROP INDEX incident_open; INSERT INTO incident SELECT randomblob(16), school, scope, name, instance, cause, \
         confidence, started_after, started_by, detected, ended_after, ended_by, resolved, witnesses, votes, ticket, \
         machine, returns, calm FROM incident WHERE resolved IS NULL",
        "incidents",
    ),
    ("DROP INDEX incident_open", "structure"),
    ("DROP TRIGGER ticket_entry_stays", "structure"),
    ("UPDATE section SET body = body || ' ' WHERE name = 'software'", "sections"),
    ("UPDATE event SET body = replace(body, 'fine', 'fime') WHERE seq = 2", "events"),
    ("UPDATE event SET digest = zeroblob(16) WHERE seq = 1", "events"),
    ("UPDATE stream SET cursor = cursor - 1", "cursors"),
    ("INSERT INTO gap SELECT machine, stream, cursor + 1, cursor + 2, 1 FROM stream LIMIT 1", "cursors"),
    ("UPDATE machine SET school = zeroblob(16) WHERE host_name = 'CDI-02'", "references"),
    ("DELETE FROM school WHERE uai = '0959903Y'", "references"),
    ("INSERT INTO sample VALUES (1, zeroblob(16), 'm', '', 1, 1.0)", "references"),
    ("DELETE FROM liveness WHERE machine = (SELECT min(machine) FROM liveness)", "liveness"),
    ("UPDATE school_rollup SET online = online + 1", "rollups"),
    ("UPDATE school_rollup SET open_tickets = 77", "rollups"),
    ("DELETE FROM school_rollup", "rollups"),
    ("UPDATE machine SET hardware = '{' WHERE host_name = 'CDI-02'", "readable"),
    ("UPDATE check_state SET state = 'splendid' WHERE name = 'internet'", "readable"),
    ("UPDATE incident SET witnesses = '[1]'", "readable"),
    ("UPDATE liveness SET presence = 'asleep'", "readable"),
    ("INSERT INTO policy VALUES (1, '{\"heartbeat_s\": 60', 1)", "policy"),
    ("INSERT INTO policy VALUES (1, '{\"version\": 1, \"heartbeat_s\": 1}', 1)", "policy"),
    ("INSERT INTO policy VALUES (2, '{\"version\": 1}', 1)", "policy"),
    ("UPDATE authority SET certificate = x'3000'", "authority"),
    ("UPDATE authority SET wrapped_key = zeroblob(60)", "key"),
];

#[tokio::test]
async fn each_kind_of_damage_is_named_and_a_good_store_raises_no_alarm() {
    let folder = Folder::with_fleet().await;
    content(&folder.data);
    for (place, (damage, check)) in PLANTED.iter().enumerate() {
        let data = folder.twin(&format!("damaged-{place}"), true);
        meddle(&data.join("vigie.sqlite"), damage);
        let (_, wrong, said) = checked(&data);
        assert!(wrong.iter().any(|name| name == check), "{damage}: {wrong:?} {said:#}");
        fs::remove_dir_all(&data).unwrap();
    }
}

#[tokio::test]
async fn nothing_is_changed_even_where_something_is_wrong() {
    let folder = Folder::with_fleet().await;
    // A log that a killed collector left behind.
    let serving = serve(&folder.data, &[]);
    drop(serving);
    let files =
        |data: &Path| ["vigie.sqlite", "vigie.sqlite-wal"].map(|name| fs::read(data.join(name)).unwrap_or_default());
    let before = files(&folder.data);
    assert!(!before[1].is_empty(), "there is a log");

    content(&folder.data);
    assert!(files(&folder.data) == before);
    meddle(&folder.database(), "UPDATE counter SET value = value + 1");
    let before = files(&folder.data);
    assert!(!checked(&folder.data).0);
    assert!(files(&folder.data) == before);
}

#[tokio::test]
async fn a_store_that_is_served_can_be_looked_at() {
    let folder = Folder::with_fleet().await;
    let serving = serve(&folder.data, &[]);
    content(&folder.data);
    drop(serving);
}

#[tokio::test]
async fn lines_are_for_people_and_a_missing_store_is_said() {
    let folder = Folder::with_fleet().await;
    let (printed, said) = good(&folder.data, &["check-store"]);
    assert!(printed.lines().count() >= 14 && printed.lines().all(|line| line.starts_with("ok ")), "{printed}");
    assert!(said.contains("nothing is wrong"), "{said}");

    meddle(&folder.database(), "UPDATE stream SET cursor = 0; UPDATE counter SET value = 5 WHERE name = 'gap'");
    let output = on(&folder.data, &["check-store"]);
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(stderr(&output).contains("something is wrong; nothing was changed"));
    assert!(printed.contains("gap: counted 5, stored 0"), "{printed}");
    assert!(printed.contains("more") && printed.contains("what to do: keep the store as it is"), "{printed}");

    let nowhere = refused(&folder.file("nowhere"), &["check-store"]);
    assert!(nowhere.contains("there is no store") && !folder.file("nowhere").exists(), "{nowhere}");
}

#[tokio::test]
async fn a_backup_put_in_the_place_of_a_store_is_one() {
    let folder = Folder::with_fleet().await;
    let beside = folder.twin("beside", false);
    fs::copy(folder.backup(), beside.join("vigie.sqlite")).unwrap();
    content(&beside);
}
