//! The program itself: what it prints, what it refuses, how it ends.

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Output, Stdio};
    use std::time::{Duration, Instant};
    use vigie_shared::token::EnrolmentToken;

    fn program(data: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-collector"));
        command.args(arguments).arg("--data").arg(data);
        command
    }

    fn run(data: &Path, arguments: &[&str]) -> Output {
        program(data, arguments).output().unwrap()
    }

    fn good(data: &Path, arguments: &[&str]) -> String {
        let output = run(data, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(data: &Path, arguments: &[&str]) -> String {
        let output = run(data, arguments);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    struct Serving(Child, Value);

    impl Drop for Serving {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn serve(data: &Path) -> Serving {
        let ready = data.with_extension("ready");
        let _ = fs::remove_file(&ready);
        let mut command = program(data, &["serve", "--listen", "127.0.0.1:0", "--plain-listen", "127.0.0.1:0"]);
        command.args(["--name", "localhost", "--ready-file"]).arg(&ready).stderr(Stdio::null());
        let mut serving = Serving(command.spawn().unwrap(), Value::Null);
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(text) = fs::read_to_string(&ready) {
                serving.1 = serde_json::from_str(&text).unwrap();
                return serving;
            }
            assert!(Instant::now() < end, "the collector is not ready within 20 s");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A data folder with one school.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let csv = parent.path().join("schools.csv");
        fs::write(&csv, "uai;name;town;basin\n0959901W;Collège des Tilleuls;Ville-Exemple;Nord\n").unwrap();
        good(&data, &["schools", "import", csv.to_str().unwrap()]);
        (parent, data)
    }

    #[test]
    fn a_token_alone_is_on_the_standard_output() {
        use std::os::unix::fs::PermissionsExt;
        let (_parent, data) = folder();
        let printed = good(&data, &["token", "create", "--school", "0959901W"]);
        let token: EnrolmentToken = printed.strip_suffix('\n').unwrap().parse().unwrap();
        assert_eq!(token.school().as_str(), "0959901W");
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn lines_are_added_listed_and_removed() {
        let (_parent, data) = folder();
        let line = ["line", "add", "--school", "0959901W", "--operator", "Opérateur", "--address"];
        let add = |more: &[&'static str]| [&line[..], more].concat();
        let id =
            good(&data, &add(&["203.0.113.10", "--reference", "REF-1", "--carries", "pedagogical", "--probe", "ping"]));
        good(&data, &add(&["198.51.100.77", "--backup"]));
        let list = good(&data, &["line", "list"]);
        let lines: Vec<&str> = list.lines().collect();
        assert!(
            lines[1].starts_with(id.trim()) && lines[1].contains("pedagogical ") && lines[1].ends_with("ping"),
            "{list}"
        );
        assert!(lines[2].contains("pedagogical,administrative  yes") && lines[2].ends_with("none"), "{list}");
        assert!(refused(&data, &add(&["nowhere"])).contains("--address"));
        assert!(refused(&data, &add(&["203.0.113.11", "--probe", "knock"])).contains("ping or none"));
        good(&data, &["line", "remove", id.trim()]);
        assert!(refused(&data, &["line", "remove", id.trim()]).contains("there is no line"));
        assert_eq!(good(&data, &["line", "list", "--school", "0959901W"]).lines().count(), 2);
    }

    #[test]
    fn wrong_arguments_name_what_is_wrong() {
        let (_parent, data) = folder();
        let create = |more: &[&str]| refused(&data, &[&["token", "create"], more].concat());
        assert!(create(&["--school", "0959901A"]).contains("W is expected"));
        assert!(create(&["--school", "0959902X"]).contains("0959902X"));
        assert!(create(&["--school", "0959901W", "--expires", "soon"]).contains("--expires"));
        assert!(create(&["--school", "0959901W", "--uses", "0"]).contains("--uses"));
        let network = ["network", "add", "--school", "0959901W", "--kind", "pedagogical", "--cidr", "10.0.0.0/33"];
        assert!(refused(&data, &network).contains("--cidr"));
        assert!(refused(&data, &["approve"]).contains("--all"));
    }

    #[test]
    fn a_policy_is_shown_set_and_refused_by_field() {
        let (parent, data) = folder();
        let file = parent.path().join("policy.json");
        let mut policy: Value = serde_json::from_str(&good(&data, &["policy", "show"])).unwrap();
        policy["heartbeat_s"] = 5.into();
        fs::write(&file, policy.to_string()).unwrap();
        good(&data, &["policy", "set", file.to_str().unwrap()]);
        let shown: Value = serde_json::from_str(&good(&data, &["policy", "show"])).unwrap();
        assert_eq!((shown["heartbeat_s"].as_u64(), shown["version"].as_u64()), (Some(5), Some(1)));
        fs::write(&file, r#"{"heartbeat":5}"#).unwrap();
        assert!(refused(&data, &["policy", "set", file.to_str().unwrap()]).contains("« heartbeat »"));
    }

    #[test]
    fn a_ticket_policy_is_shown_set_and_refused_by_field() {
        let (parent, data) = folder();
        let file = parent.path().join("tickets.json");
        let mut policy: Value = serde_json::from_str(&good(&data, &["ticket-policy", "show"])).unwrap();
        policy["rules"][0]["then"]["ticket"]["wait_s"] = 77.into();
        fs::write(&file, policy.to_string()).unwrap();
        good(&data, &["ticket-policy", "set", file.to_str().unwrap()]);
        let shown: Value = serde_json::from_str(&good(&data, &["ticket-policy", "show"])).unwrap();
        assert_eq!(shown["rules"][0]["then"]["ticket"]["wait_s"].as_u64(), Some(77));
        assert_eq!(shown["version"].as_u64(), Some(1));
        fs::write(&file, r#"{"rules":[{"name":"a","check":"b","then":"no_ticket","wait_s":1}]}"#).unwrap();
        let said = refused(&data, &["ticket-policy", "set", file.to_str().unwrap()]);
        assert!(said.contains("« rules[0].wait_s »") && said.contains("stays as it was"), "{said}");
    }

    #[test]
    fn a_call_opens_a_ticket_and_the_next_one_joins_it() {
        let (_parent, data) = folder();
        good(&data, &["user", "add", "technicien.a", "--role", "technician"]);
        let call = |subject, by| {
            ["ticket", "open", "--school", "0959901W", "--subject", subject, "--text", "Plus rien", "--by", by]
        };
        assert_eq!(good(&data, &call("internet", "technicien.a")), "ticket 1 is open\n");
        let joined = good(&data, &call("internet", "technicien.a"));
        assert_eq!(joined, "ticket 1 was open already: the call joined it\n");
        assert!(refused(&data, &call("weather", "technicien.a")).contains("internet"));
        assert!(refused(&data, &call("internet", "nobody")).contains("« nobody »"));
    }

    #[test]
    fn maintenance_is_planned_listed_and_ended() {
        let (_parent, data) = folder();
        let add = |scope: &[&'static str], to: &'static str| {
            [&["maintenance", "add", "--to", to, "--reason", "Baie remplacée"], scope].concat()
        };
        let id = good(&data, &add(&["--school", "0959901W"], "+1h")).trim().to_owned();
        let list = good(&data, &["maintenance", "list"]);
        assert!(list.starts_with(&id) && list.contains("now") && list.contains("school 0959901W"), "{list}");
        good(&data, &["maintenance", "end", &id]);
        assert!(good(&data, &["maintenance", "list"]).contains("over"));
        assert!(refused(&data, &["maintenance", "end", &id]).contains("over already"));
        assert!(refused(&data, &add(&[], "+1h")).contains("--fleet"));
        assert!(refused(&data, &add(&["--room", "B12"], "+1h")).contains("--school"));
        assert!(refused(&data, &add(&["--fleet", "--basin", "Nord"], "+1h")).contains("cannot be used"));
        assert!(refused(&data, &add(&["--fleet"], "2020-01-01T00:00")).contains("is not after"));
        assert!(refused(&data, &add(&["--fleet"], "soon")).contains("2026-11-24T18:00"));
        assert!(refused(&data, &add(&["--basin", "Ouest"], "+1h")).contains("« Ouest »"));
    }

    #[test]
    fn one_collector_serves_a_folder_and_other_verbs_run_beside_it() {
        let (_parent, data) = folder();
        let serving = serve(&data);
        assert!(serving.1["listen"].as_str().unwrap().starts_with("127.0.0.1:"));
        let second = refused(&data, &["serve", "--listen", "127.0.0.1:0", "--name", "localhost"]);
        assert!(second.contains("another collector"), "{second}");
        good(&data, &["token", "create", "--school", "0959901W"]);
        assert!(good(&data, &["machines"]).starts_with("MACHINE"));
        drop(serving);
        drop(serve(&data)); // A killed collector leaves no lock behind.
    }

    #[test]
    fn the_shared_store_is_named_by_an_option_or_the_variable() {
        if vigie_test_postgres::skipped() {
            return;
        }
        let server = vigie_test_postgres::Postgres::start().unwrap();
        let (parent, here) = folder();
        let (there, password) = (parent.path().join("there"), parent.path().join("password"));
        fs::write(&password, format!("{}\n", server.password())).unwrap();
        let csv = parent.path().join("schools.csv");
        let store = server.url().replace(server.password(), "hushhush");
        let with_file = ["--store", &store, "--store-password-file", password.to_str().unwrap()];
        good(&here, &[["schools", "import", csv.to_str().unwrap()].as_slice(), &with_file].concat());

        // Another folder, the same store.
        let mut beside = program(&there, &["policy", "show"]);
        assert!(beside.env("VIGIE_STORE", server.url()).output().unwrap().status.success());
        let mut again = program(&there, &["schools", "import", csv.to_str().unwrap()]);
        let output = again.env("VIGIE_STORE", server.url()).output().unwrap();
        assert!(String::from_utf8(output.stderr).unwrap().contains("unchanged 1"));
        assert!(!there.join("vigie.sqlite").exists());

        let wrong = refused(&there, &["policy", "show", "--store", &store]);
        assert!(wrong.contains("--store-password-file") && !wrong.contains("hushhush"), "{wrong}");
    }

    #[test]
    fn a_store_that_is_not_known_is_refused_with_those_that_are() {
        let (_parent, data) = folder();
        let unknown = refused(&data, &["policy", "show", "--store", "mysql://vigie:hushhush@localhost/x"]);
        assert!(unknown.contains("postgres://") && unknown.contains("vigie.sqlite"), "{unknown}");
        assert!(!unknown.contains("hushhush"), "{unknown}");
        let alone = refused(&data, &["policy", "show", "--store-ca", "ca.pem"]);
        assert!(alone.contains("--store-ca") && alone.contains("name the database"), "{alone}");
    }

    #[test]
    fn it_ends_by_itself_when_asked_to() {
        let (_parent, data) = folder();
        let mut serving = serve(&data);
        let pid = serving.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let end = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = serving.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "still running 20 s after SIGTERM");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success());
    }

    #[test]
    fn it_does_not_serve_what_it_cannot_protect() {
        use std::os::unix::fs::PermissionsExt;
        let (_parent, data) = folder();
        let serve = ["serve", "--listen", "127.0.0.1:0", "--name", "localhost"];
        let plain = refused(&data, &[serve.as_slice(), &["--plain-listen", "192.0.2.1:0"]].concat());
        assert!(plain.contains("loopback"), "{plain}");

        good(&data, &["token", "create", "--school", "0959901W"]);
        let key = data.join("keys/authority.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(refused(&data, &serve).contains("chmod 600"));
        fs::remove_file(&key).unwrap();
        assert!(refused(&data, &serve).contains("is missing while the database holds an authority"));
        assert!(!key.exists(), "no other key is made in its place");
    }
}
