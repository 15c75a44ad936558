//! `backup`.

use crate::program::{Folder, good, meddle, number, refused, text};
use crate::seeded::{World, check, fleet};
use jiff::SignedDuration;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_others_write_is_one_instant() {
    let folder = Folder::with_fleet().await;
    let world = World::new(&folder.data, fleet::NOW.parse().unwrap());
    let number_of_events = "SELECT count(*) FROM event";
    let before = number(&folder.database(), number_of_events);
    let ended = Arc::new(AtomicBool::new(false));
    let file = folder.file("b.vigie");
    let backing_up = {
        let (data, file, ended) = (folder.data.clone(), file.clone(), ended.clone());
        tokio::task::spawn_blocking(move || {
            let said = good(&data, &["backup", text(&file)]);
            ended.store(true, Ordering::SeqCst);
            said
        })
    };

    // Each call writes an event, its counter, its cursor, an incident with its ticket or their end, in one transaction.
    let mut agent = world.machine(("0959902X".parse().unwrap(), 2), "ÉCRIVAIN", "server", true).await;
    let mut calls = 0;
    while !ended.load(Ordering::SeqCst) {
        let (state, reason) = if calls % 2 == 0 { ("critical", "space_critical") } else { ("ok", "fine") };
        world.clock.pass(SignedDuration::from_secs(60));
        let space = json!({"free_bytes": calls.to_string()});
        world.call(&mut agent, &[check("volume-space", "D:", state, reason, space)], &[]).await;
        calls += 1;
    }
    let (_, said) = backing_up.await.unwrap();
    let after = number(&folder.database(), number_of_events);

    assert!(calls > 10, "{calls} calls while it was taken");
    let copied = number(&file, number_of_events);
    assert!(before <= copied && copied < after, "{before} ≤ {copied} < {after}");
    let restored = folder.twin("restored", false);
    good(&restored, &["restore", text(&file)]);
    crate::program::content(&restored);
    assert!(said.contains("written and verified in") && said.contains("authority.key too"), "{said}");
}

#[tokio::test]
async fn a_backup_appears_whole_under_its_name_and_replaces_nothing_unasked() {
    let folder = Folder::with_fleet().await;
    let file = folder.file("b.vigie");
    let draft = folder.file("b.vigie.draft");
    // What a backup that was killed leaves behind.
    fs::write(&draft, "half").unwrap();

    good(&folder.data, &["backup", text(&file)]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!draft.exists() && !folder.file("b.vigie-wal").exists() && !folder.file("b.vigie-journal").exists());

    let first = fs::read(&file).unwrap();
    let said = refused(&folder.data, &["backup", text(&file)]);
    assert!(said.contains("--replace") && said.contains("exists"), "{said}");
    assert_eq!(fs::read(&file).unwrap(), first);
    meddle(&folder.database(), "UPDATE school SET basin = 'Sud'");
    good(&folder.data, &["backup", text(&file), "--replace"]);
    assert_eq!(number(&file, "SELECT count(*) FROM school WHERE basin = 'Sud'"), 9);
    assert!(!draft.exists());
}

#[tokio::test]
async fn what_is_no_backup_is_never_replaced() {
    let folder = Folder::with_fleet().await;
    let letter = folder.file("letter.txt");
    fs::write(&letter, "dear reader").unwrap();
    let replace = |file: &std::path::Path| refused(&folder.data, &["backup", text(file), "--replace"]);

    assert!(replace(&letter).contains("not a sound backup"));
    assert_eq!(fs::read_to_string(&letter).unwrap(), "dear reader");
    assert!(replace(&folder.database()).contains("the store itself"));
    assert!(replace(folder.parent.path()).contains("is a folder"));
    let nobody = refused(&folder.file("elsewhere"), &["backup", text(&folder.file("x.vigie"))]);
    assert!(nobody.contains("there is no store"), "{nobody}");
    assert!(!folder.file("x.vigie").exists() && !folder.file("elsewhere").exists());
    let nowhere = refused(&folder.data, &["backup", text(&folder.file("no/such/folder/b.vigie"))]);
    assert!(nowhere.contains("no/such/folder"), "{nowhere}");
}

#[tokio::test]
async fn a_damaged_store_gives_no_backup() {
    let folder = Folder::with_fleet().await;
    crate::damage::spoil_page_of(&folder.database(), "event");
    let said = refused(&folder.data, &["backup", text(&folder.file("b.vigie"))]);
    assert!(said.contains("there is no new backup") && said.contains("damaged"), "{said}");
    assert!(!folder.file("b.vigie").exists() && !folder.file("b.vigie.draft").exists());
}
