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
