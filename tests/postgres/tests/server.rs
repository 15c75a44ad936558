//! The server itself: what the tests of the store stand on.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vigie_test_postgres::{Durability, Options, Postgres, Tls, skipped};

fn waited(bound: Duration, holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() >= bound {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn databases_are_apart_and_their_urls_lead_to_them() {
    if skipped() {
        return;
    }
    let server = Postgres::start().unwrap();

    let first = server.create_database("first").unwrap();
    server.create_database("second \"story\"").unwrap();
    server.psql_in("first", "CREATE TABLE fact (n bigint); INSERT INTO fact VALUES (1), (2)").unwrap();

    assert_eq!(server.psql_in("first", "SELECT n, n * 2 FROM fact ORDER BY n").unwrap(), "1|2\n2|4");
    let elsewhere = server.psql_in("second \"story\"", "SELECT n FROM fact").unwrap_err();
    assert!(format!("{elsewhere:#}").contains("does not exist"), "{elsewhere:#}");
    let place = format!("@{}/first", server.address());
    assert!(first.starts_with("postgres://vigie:") && first.ends_with(&place), "{first}");
}

#[test]
fn nobody_enters_without_the_password() {
    if skipped() {
        return;
    }
    let server = Postgres::start().unwrap();
    let enter = |url: &str| {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-w", "-d", url, "-c", "SELECT current_user, inet_server_addr()"]);
        psql.env_remove("PGPASSWORD").output().unwrap()
    };

    let good = enter(&server.url());
    let wrong = enter(&server.url().replace(server.password(), "wrong"));
    let none = enter(&server.url().replace(&format!(":{}", server.password()), ""));
    let socket = enter(&format!(
        "host={} port={} user=vigie dbname=postgres",
        server.folder().display(),
        server.address().port()
    ));

    assert_eq!(String::from_utf8_lossy(&good.stdout).trim(), "vigie|127.0.0.1");
    for refused in [wrong, none, socket] {
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("password"), "{said}");
    }
}

#[test]
fn what_was_committed_survives_a_hard_stop_and_the_address_stays() {
    if skipped() {
        return;
    }
    for durability in [Durability::Fast, Durability::Real] {
        let mut server = Postgres::start_with(Options { durability, ..Options::default() }).unwrap();
        server.psql("CREATE TABLE fact (n bigint)").unwrap();
        let (url, pid) = (server.url(), server.pid());
        server.psql("INSERT INTO fact SELECT generate_series(1, 1000)").unwrap();

        server.stop_hard().unwrap();
        assert!(!server.is_running());
        assert!(server.psql("SELECT 1").is_err());
        server.start_again().unwrap();

        assert_eq!(server.psql("SELECT count(*) FROM fact").unwrap(), "1000", "{durability:?}");
        assert_eq!(server.url(), url);
        assert_ne!(server.pid(), pid);
        assert!(server.log().contains("automatic recovery in progress"), "it was a crash: {}", server.log());
        let fsync = if durability == Durability::Real { "on" } else { "off" };
        assert_eq!(server.psql("SHOW fsync").unwrap(), fsync);
    }
}

#[test]
fn an_orderly_stop_needs_no_recovery() {
    if skipped() {
        return;
    }
    let mut server = Postgres::start().unwrap();

    server.stop().unwrap();
    server.start_again().unwrap();

    assert!(!server.log().contains("recovery in progress"), "{}", server.log());
    assert_eq!(server.psql("SELECT 1").unwrap(), "1");
}

#[test]
fn two_servers_stand_side_by_side_and_leave_nothing_behind() {
    if skipped() {
        return;
    }
    let (first, second) = (Postgres::start().unwrap(), Postgres::start().unwrap());
    assert_ne!(first.address(), second.address());
    let (folder, pid) = (first.folder().to_owned(), process(first.pid().unwrap()));

    drop(first);

    assert!(!folder.exists());
    assert!(!pid.exists());
    assert_eq!(second.psql("SELECT 1").unwrap(), "1");
}

#[test]
fn a_server_with_a_certificate_is_reached_over_tls_by_who_trusts_it() {
    if skipped() {
        return;
    }
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, own.cert.pem()).unwrap();
    let foreign = folder.path().join("foreign.pem");
    std::fs::write(&foreign, rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem()).unwrap();
    let tls = Tls { certificate: own.cert.pem(), key: own.signing_key.serialize_pem() };
    let server = Postgres::start_with(Options { tls: Some(tls), ..Options::default() }).unwrap();
    let enter = |authority: &Path| {
        let url = format!("{}?sslmode=verify-full&sslrootcert={}", server.url(), authority.display());
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Command::new("psql").args(["-X", "-A", "-t", "-w", "-d", &url, "-c", sql]).output().unwrap()
    };

    assert_eq!(String::from_utf8_lossy(&enter(&trusted).stdout).trim(), "t");
    let refused = enter(&foreign);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("certificate"));
    assert_eq!(server.psql("SELECT 1").unwrap(), "1", "without TLS too");
}

/// A process of the program beside this test which has started a server, the server's process and its folder.
fn keeper() -> (Child, PathBuf, PathBuf) {
    let mut keeper = Command::new(env!("CARGO_BIN_EXE_postgres-for-tests"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let server = process(line.split_whitespace().nth(1).unwrap().parse().unwrap());
    let data = std::fs::read_link(server.join("cwd")).unwrap();
    (keeper, server, data.parent().unwrap().to_owned())
}

fn process(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

#[test]
fn the_server_and_its_folder_go_within_five_seconds_of_a_killed_test_process() {
    if skipped() {
        return;
    }
    let (mut keeper, server, folder) = keeper();
    assert!(server.exists() && folder.join("data").is_dir());

    keeper.kill().unwrap();
    keeper.wait().unwrap();

    assert!(waited(Duration::from_secs(5), || !server.exists()), "{} still runs", server.display());
    assert!(waited(Duration::from_secs(5), || !folder.exists()), "{} stays", folder.display());
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    if skipped() {
        return;
    }
    let server = std::thread::spawn(Postgres::start).join().unwrap().unwrap();

    assert_eq!(server.psql("SELECT 1").unwrap(), "1");
}
