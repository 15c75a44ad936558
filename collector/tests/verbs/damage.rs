//! Files that disks and crashes spoilt: words, never a panic, never a silent repair.

use crate::program::{Folder, checked, number, refused, serve};
use rusqlite::Connection;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Overwrites the root page of a table.
pub fn spoil_page_of(database: &Path, table: &str) {
    let root = number(database, &format!("SELECT rootpage FROM sqlite_master WHERE name = '{table}'"));
    let size = number(database, "PRAGMA page_size");
    overwrite(database, u64::try_from((root - 1) * size).unwrap(), &[0xAA; 4096]);
}

fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn cut(file: &Path, to: u64) {
    fs::OpenOptions::new().write(true).open(file).unwrap().set_len(to).unwrap();
}

/// Spoils a file.
type Spoil = fn(&Path);

const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--name", "localhost"];

#[tokio::test]
async fn a_damaged_file_is_refused_at_the_start_with_what_to_do_and_left_as_it_is() {
    let folder = Folder::with_fleet().await;
    let spoils: [(&str, Spoil); 5] = [
        ("the first bytes", |file| overwrite(file, 0, b"not a database")),
        ("the header", |file| overwrite(file, 16, &[0xFF; 80])),
        ("a page", |file| spoil_page_of(file, "event")),
        ("cut in the middle", |file| cut(file, fs::metadata(file).unwrap().len() / 2)),
        ("emptied", |file| cut(file, 0)),
    ];
    for (what, spoil) in spoils {
        let data = folder.twin("spoilt", true);
        let file = data.join("vigie.sqlite");
        spoil(&file);
        let before = fs::read(&file).unwrap();

        let said = refused(&data, &SERVE);
        assert!(said.contains("vigie.sqlite") && said.contains("vigie-collector restore"), "{what}: {said}");
        let (good, wrong, looked) = checked(&data);
        assert!(!good && wrong[0] == "structure", "{what}: {looked:#}");
        assert!(fs::read(&file).unwrap() == before, "{what}: the evidence is kept");
        fs::remove_dir_all(&data).unwrap();
    }
}

#[tokio::test]
async fn bytes_flipped_anywhere_never_make_a_verb_panic() {
    let folder = Folder::with_fleet().await;
    let length = fs::metadata(folder.database()).unwrap().len();
    let mut found = 0;
    for step in 1..24 {
        let data = folder.twin("flipped", true);
        overwrite(&data.join("vigie.sqlite"), length / 24 * step, &[0x5A; 64]);
        let (good, _, _) = checked(&data);
        found += usize::from(!good);
        fs::remove_dir_all(&data).unwrap();
    }
    assert!(found > 12, "most of it is seen: {found} of 23 (the rest fell on free space or unread texts)");
}

#[tokio::test]
async fn a_torn_end_of_the_log_is_what_a_crash_leaves_and_is_served() {
    let folder = Folder::with_fleet().await;
    let data = folder.twin("crashed", false);
    // Two commits that are only in the log yet; the last is torn.
    let connection = Connection::open(folder.database()).unwrap();
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = full").unwrap();
    connection.execute_batch("UPDATE school SET basin = 'Un'").unwrap();
    let whole = fs::metadata(folder.data.join("vigie.sqlite-wal")).unwrap().len();
    connection.execute_batch("UPDATE school SET basin = 'Deux'").unwrap();
    for name in ["vigie.sqlite", "vigie.sqlite-wal"] {
        fs::copy(folder.data.join(name), data.join(name)).unwrap();
    }
    cut(&data.join("vigie.sqlite-wal"), whole + 1000);

    drop(serve(&data, &[]));

    assert_eq!(number(&data.join("vigie.sqlite"), "SELECT count(*) FROM school WHERE basin = 'Un'"), 9);
    crate::program::content(&data);
    drop(connection);
}
