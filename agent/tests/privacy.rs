//! Invariant 11: no user name, path under a home, process or file name in anything that is sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;
use vigie_agent::inventory;
use vigie_agent::source::{Captured, Live, Source};

/// A name that stands only where no inventory may take it from.
const MARK: &str = "jeannepersonne";

fn payload(source: &dyn Source) -> String {
    let sections = inventory::collect(source);
    let glpi = vigie_shared::glpi::inventory("salle-12-03", &sections);
    format!("{} {glpi}", serde_json::to_string(&(inventory::hardware_evidence(source), &sections)).unwrap())
}

fn plant(root: &Path, path: &str, content: &str) {
    let place = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, content).unwrap();
}

#[test]
fn a_name_planted_in_every_source_leaves_by_none() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let m = MARK;
    let home = format!("/home/{m}");
    for (path, content) in [
        (
            "/etc/passwd".to_owned(),
            format!("root:x:0:0:root:/root:/bin/sh\n{m}:x:1000:1000:{m} Dupont,,,:{home}:/bin/bash\n"),
        ),
        ("/etc/group".into(), format!("sudo:x:27:{m}\n{m}:x:1000:\n")),
        ("/etc/os-release".into(), format!("NAME=Debian\nVERSION_ID=12\nHOME_URL=\"{home}\"\n")),
        ("/etc/debian_version".into(), "12.11\n".into()),
        ("/proc/sys/kernel/hostname".into(), "salle-12-03\n".into()),
        ("/proc/4242/comm".into(), m.into()),
        ("/proc/4242/cmdline".into(), format!("{home}/{m}\0")),
        (
            "/proc/mounts".into(),
            format!(
                "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/{m}/CLE vfat rw 0 0\n/dev/mapper/{m} {home} ext4 rw 0 0\n"
            ),
        ),
        ("/etc/resolv.conf".into(), format!("# {m}\nnameserver 192.0.2.53\n")),
        (
            "/var/lib/dpkg/status".into(),
            format!(
                "Package: a\nStatus: install ok installed\nVersion: 1\nMaintainer: {m} <{m}@exemple.test>\nConffiles:\n {home}/x 0\n\n\
                 Package: b\nStatus: install ok installed\nVersion: 1\nMaintainer: {m} Dupont <x@exemple.test>\nHomepage: file:{home}\n\n\
                 Package: c\nStatus: install ok installed\nVersion: 1\nMaintainer: Equipe {home}/x\n\n"
            ),
        ),
        (format!("/var/lib/dpkg/info/{m}.list"), home.clone()),
        ("/snap/b/current/meta/snap.yaml".into(), format!("name: b\nversion: 1\ndescription: {m}\n")),
        (format!("{home}/snap/c/current/meta/snap.yaml"), format!("name: {m}\nversion: 1\n")),
        (
            "/var/lib/flatpak/app/org.exemple.D/current/active/metadata".into(),
            format!("[Application]\nname=org.exemple.D\ncommand={m}\n"),
        ),
        (
            "/var/lib/flatpak/app/org.exemple.D/current/active/deploy".into(),
            format!("appdata-version\0\x003\0{home}\0{m}"),
        ),
        (format!("{home}/.local/share/flatpak/app/x/current/active/metadata"), format!("[Application]\nname={m}\n")),
        (format!("/etc/systemd/system/multi-user.target.wants/{m}.service"), home.clone()),
        ("/etc/systemd/system/multi-user.target.wants/ssh.service".into(), format!("User={m}")),
        (format!("/etc/cups/ssl/{m}.crt"), format!("no certificate of {m}")),
        (format!("/etc/letsencrypt/live/{m}.exemple.test/cert.pem"), m.into()),
        ("/var/lib/clamav/daily.cld".into(), format!("ClamAV-VDB:16 Nov 2026 08-05 +0000:27824:1:90:x:x:{m}:1")),
        ("/sys/block/dm-0/dm/uuid".into(), format!("CRYPT-LUKS2-00-{m}\n")),
        ("/sys/block/dm-0/dm/name".into(), format!("{m}\n")),
        ("/sys/block/dm-0/slaves/sda3/x".into(), String::new()),
        (
            "/var/lib/apt/lists/x-security_Packages".into(),
            format!("Package: a\nVersion: 2\nMaintainer: {m}\n\nPackage: {m}\nVersion: 2\n\n"),
        ),
        ("/var/lib/update-notifier/updates-available".into(), format!("3 {m}\n")),
        ("/run/reboot-required.pkgs".into(), m.into()),
        (format!("{home}/{m}.odt"), m.into()),
        ("/var/log/wtmp".into(), m.into()),
    ] {
        plant(root, &path, &content);
    }

    let sent = payload(&Captured::new(root));

    for expected in [
        "salle-12-03",
        "org.exemple.D",
        "luks2",
        "ssh",
        "2026-11-16",
        "\"available\":\"2\"",
        "\"local_administrators\":1",
    ] {
        assert!(sent.contains(expected), "the machine itself is there: {expected} in {sent}");
    }
    for word in [MARK, "/home", "/media", "Dupont", "@"] {
        assert!(!sent.to_lowercase().contains(&word.to_lowercase()), "« {word} » in {sent}");
    }
}

#[test]
fn nobody_and_nothing_that_runs_on_this_machine_is_in_the_payload() {
    let sent = payload(&Live);
    let words: std::collections::BTreeSet<&str> =
        sent.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').collect();
    for account in fs::read_to_string("/etc/passwd").unwrap_or_default().lines() {
        let fields: Vec<&str> = account.split(':').collect();
        let [name, _, uid, _, _, home, ..] = fields.as_slice() else { continue };
        if uid.parse().is_ok_and(|uid: u32| (1000..60_000).contains(&uid)) {
            // A package may have the name of an account; it is a package all the same.
            let package = fs::metadata(format!("/usr/share/doc/{name}")).is_ok();
            assert!(package || !words.contains(name), "an account of a person is named");
            assert!(home.len() < 4 || !sent.contains(&format!("{home}/")), "the folder of a person is named");
        }
    }
    // What runs, as it was called: with its arguments, and the files it was given.
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        for argument in command.split('\0').filter(|argument| argument.len() >= 12 && argument.contains('/')) {
            let device = argument.starts_with("/dev/") || argument.starts_with("/var/lib/");
            assert!(device || !sent.contains(argument), "a process or a file is named: {argument}");
        }
    }
    let this_test = std::env::current_exe().unwrap();
    assert!(!sent.contains(this_test.file_name().unwrap().to_str().unwrap()), "a running program is named");
    assert!(!sent.contains("/home/") && !sent.contains("/Users/"), "a path under a home");
}
