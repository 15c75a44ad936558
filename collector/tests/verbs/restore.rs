//! `restore`.

use crate::program::{Folder, content, good, meddle, number, refused, serve, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn a_backup_is_restored_into_an_empty_store_and_says_what_follows() {
    let folder = Folder::with_fleet().await;
    let restored = folder.twin("restored", false);

    let (_, said) = good(&restored, &["restore", text(&folder.backup())]);

    for words in ["opens the authority", "a gap", "machine_unknown", "revoke again", "9 schools"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    content(&restored);
    let database = restored.join("vigie.sqlite");
    assert_eq!(fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o600);
    let taken = number(&folder.backup(), "SELECT taken FROM vigie_backup");
    assert_eq!(number(&database, "SELECT restored_from FROM collector"), taken);
    drop(serve(&restored, &[]));
}

#[tokio::test]
async fn a_store_that_holds_something_is_not_restored_over() {
    let folder = Folder::with_fleet().await;
    let backup = folder.backup();
    let said = refused(&folder.data, &["restore", text(&backup)]);
    assert!(said.contains("school: 9") && said.contains("move") && said.contains("away"), "{said}");
    content(&folder.data);

    // Somebody served the new folder first: that made an authority.
    let other = Folder::empty();
    drop(serve(&other.data, &[]));
    let said = refused(&other.data, &["restore", text(&backup)]);
    assert!(said.contains("authority: 1"), "{said}");
    let user = Folder::empty();
    good(&user.data, &["user", "add", "technicien.a", "--role", "technician"]);
    assert!(refused(&user.data, &["restore", text(&backup)]).contains("user: 1"));
}

#[tokio::test]
async fn nothing_is_restored_while_a_collector_serves() {
    let folder = Folder::with_fleet().await;
    let backup = folder.backup();
    let serving = serve(&folder.data, &[]);
    let said = refused(&folder.data, &["restore", text(&backup)]);
    assert!(said.contains("already serves") && said.contains("stop it first"), "{said}");
    drop(serving);
}

#[tokio::test]
async fn what_is_no_sound_backup_is_refused_in_words_and_nothing_is_made() {
    let folder = Folder::with_fleet().await;
    let whole = fs::read(folder.backup()).unwrap();
    let make = |name: &str, bytes: &[u8]| {
        let file = folder.file(name);
        fs::write(&file, bytes).unwrap();
        file
    };
    let altered = |name: &str, sql: &str| {
        let file = make(name, &whole);
        meddle(&file, sql);
        file
    };
    let cut = make("cut", &whole[..whole.len() / 2]);
    let spoilt = make("spoilt", &whole);
    crate::damage::spoil_page_of(&spoilt, "machine");
    let one_text = "UPDATE event SET body = replace(body, 'fine', 'fime') WHERE seq = 2";
    let cases = [
        (folder.file("nowhere"), "there is no such file"),
        (make("empty", b""), "is empty"),
        (make("letter", &b"dear reader ".repeat(1000)), "no SQLite database"),
        (cut, "damaged"),
        (spoilt, "damaged"),
        (altered("text", one_text), "does not hold what was written (table event:"),
        (
            altered(
                "fewer",
                "DELETE FROM ticket_entry WHERE 0; DELETE FROM boot; DELETE FROM gap; DELETE FROM network",
            ),
            "table network: 9 rows",
        ),
        (altered("newer", "PRAGMA user_version = 99"), "newer Vigie"),
        (altered("foreign", "DROP TABLE school_state; DROP TABLE school; PRAGMA user_version = 0"), "not one of Vigie"),
        (folder.database(), "not a backup"),
    ];
    for (file, words) in cases {
        let target = folder.file("target");
        let said = refused(&target, &["restore", text(&file)]);
        assert!(said.contains(words), "{}: {said}", file.display());
        assert!(!target.exists(), "{}", file.display());
    }
}

#[tokio::test]
async fn a_key_that_is_missing_or_another_is_said_plainly() {
    let folder = Folder::with_fleet().await;
    let backup = folder.backup();

    let missing = folder.file("missing");
    let (_, said) = good(&missing, &["restore", text(&backup)]);
    assert!(said.contains("CANNOT START") && said.contains("authority.key is missing"), "{said}");
    let other = folder.twin("other", false);
    fs::write(other.join("keys/authority.key"), [7; 32]).unwrap();
    let (_, said) = good(&other, &["restore", text(&backup)]);
    assert!(said.contains("CANNOT START") && said.contains("does not open"), "{said}");

    // The key, put back, is all that was lacking.
    fs::copy(folder.data.join("keys/authority.key"), other.join("keys/authority.key")).unwrap();
    content(&other);
}

#[tokio::test]
async fn after_a_second_restore_the_earliest_backup_counts() {
    let folder = Folder::with_fleet().await;
    let first = folder.twin("first", false);
    good(&first, &["restore", text(&folder.backup())]);
    let later = folder.file("later.vigie");
    good(&first, &["backup", text(&later)]);
    let second = folder.twin("second", false);

    good(&second, &["restore", text(&later)]);

    let earliest = number(&folder.backup(), "SELECT taken FROM vigie_backup");
    assert_eq!(number(&second.join("vigie.sqlite"), "SELECT restored_from FROM collector"), earliest);
}
