//! The program itself, run on a captured machine and on this one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test program: what is not there fails the test")]

use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The uid of nobody.
const NOBODY: u32 = 65_534;

/// A captured machine with links as the kernel and distributions make them. World-readable, but for the table.
fn capture() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let at = |path: &str| dir.path().join(path);
    let file = |path: &str, content: &str| {
        fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        fs::write(at(path), content).unwrap();
    };
    let disk = "sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0";
    file(&format!("{disk}/model"), "DISQUE 2000\n");
    file(&format!("{disk}/block/sda/size"), "2048\n");
    file(&format!("{disk}/block/sda/queue/rotational"), "1\n");
    symlink("../..", at(&format!("{disk}/block/sda/device"))).unwrap();
    fs::create_dir_all(at("sys/block")).unwrap();
    symlink(format!("../../{disk}/block/sda"), at("sys/block/sda")).unwrap();
    let card = "sys/devices/pci0000:00/0000:00:1f.6";
    file(&format!("{card}/net/eno1/type"), "1\n");
    file(&format!("{card}/net/eno1/address"), "3c:52:82:aa:bb:01\n");
    file(&format!("{card}/net/eno1/addr_assign_type"), "0\n");
    symlink("../..", at(&format!("{card}/net/eno1/device"))).unwrap();
    fs::create_dir_all(at("sys/class/net")).unwrap();
    symlink(format!("../../../{card}/net/eno1"), at("sys/class/net/eno1")).unwrap();
    file("run/systemd/resolve/stub-resolv.conf", "nameserver 10.0.2.3\n");
    fs::create_dir_all(at("etc")).unwrap();
    symlink("/run/systemd/resolve/stub-resolv.conf", at("etc/resolv.conf")).unwrap();
    file("usr/lib/os-release", "NAME=Debian\nVERSION_ID=12\n");
    symlink("../usr/lib/os-release", at("etc/os-release")).unwrap();
    file(
        "vigie-volumes.json",
        r#"[{"mount_point":"/","device":"/dev/sda1","file_system":"ext4","total_bytes":1000,"free_bytes":1,"read_only":false}]"#,
    );
    file("sys/class/dmi/id/sys_vendor", "Fabricant SA\n");
    for secret in ["sys/firmware/dmi/tables/smbios_entry_point", "sys/class/dmi/id/product_serial"] {
        file(secret, "for root only");
        fs::set_permissions(at(secret), fs::Permissions::from_mode(0o400)).unwrap();
    }
    dir
}

/// The program in a place where nobody can run it too.
fn program(dir: &Path) -> PathBuf {
    let copy = dir.join("vigie-agent");
    fs::copy(env!("CARGO_BIN_EXE_vigie-agent"), &copy).unwrap();
    copy
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every text in a JSON value, with the name of its field.
fn texts<'a>(value: &'a Value, field: &'a str, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((field, text)),
        Value::Array(values) => values.iter().for_each(|value| texts(value, field, found)),
        Value::Object(fields) => fields.iter().for_each(|(field, value)| texts(value, field, found)),
        _ => {}
    }
}

#[test]
fn a_captured_machine_is_read_through_its_own_links() {
    let dir = capture();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-agent"));
    let read = json(&run(command.args(["inventory", "--json", "--root"]).arg(dir.path())));
    assert_eq!(read["storage"]["data"]["disks"][0]["model"], "DISQUE 2000");
    assert_eq!(read["storage"]["data"]["disks"][0]["bus"], "sata");
    assert_eq!(read["network"]["data"]["interfaces"][0]["permanent_mac"], "3c:52:82:aa:bb:01");
    assert_eq!(read["network"]["data"]["resolvers"][0], "10.0.2.3");
    assert_eq!(read["operating-system"]["data"]["name"], "Debian");
    assert_eq!(read["volumes"]["data"]["volumes"][0]["total_bytes"], 1000);
}

#[test]
fn without_root_each_section_says_what_it_could_not_read() {
    let (dir, place) = (capture(), tempfile::tempdir().unwrap());
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for secret in ["sys/firmware/dmi/tables/smbios_entry_point", "sys/class/dmi/id/product_serial"] {
        // Also refused to an ordinary owner who runs these tests.
        fs::set_permissions(dir.path().join(secret), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let mut command = Command::new(program(place.path()));
    command.args(["inventory", "--json", "--root"]).arg(dir.path());
    if fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        command.uid(NOBODY).gid(NOBODY);
    }
    let read = json(&run(&mut command));
    assert_eq!(read["system"]["outcome"], "partial");
    assert_eq!(read["system"]["data"]["manufacturer"], "Fabricant SA");
    let reasons = read["system"]["reasons"].to_string();
    assert!(reasons.contains("smbios_entry_point may not be read by this user"), "{reasons}");
    assert!(reasons.contains("product_serial may not be read by this user"), "{reasons}");
    assert!(read["memory"]["reasons"].to_string().contains("may not be read by this user"), "{read}");
}

#[test]
fn nothing_personal_of_this_machine_is_in_the_payload() {
    let payload = json(&run(Command::new(env!("CARGO_BIN_EXE_vigie-agent")).arg("show-payload")));
    let mut found = Vec::new();
    texts(&payload, "", &mut found);
    assert!(found.len() > 5, "{payload}");

    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let people: Vec<Vec<&str>> = passwd
        .lines()
        .map(|line| line.split(':').collect())
        .filter(|fields: &Vec<&str>| {
            fields.get(2).and_then(|uid| uid.parse::<u32>().ok()).is_some_and(|uid| (1000..65_000).contains(&uid))
        })
        .collect();
    let own_path = std::env::current_dir().unwrap().display().to_string();
    for (field, text) in found {
        // A packager's or a machine's name may be anybody's word; everything else must not be a person's.
        let free = ["publisher", "host_name", "name"].contains(&field);
        for person in &people {
            let words = [person[0], person.get(4).copied().unwrap_or_default()];
            assert!(free || !words.contains(&text), "{field}: {text}");
            assert!(!person.get(5).is_some_and(|home| home.len() > 1 && text.contains(home)), "{field}: {text}");
        }
        for folder in ["/home/", "/root", "/media/", "/tmp/", own_path.as_str()] {
            assert!(!text.contains(folder), "{field}: {text}");
        }
        assert!(!text.contains('@'), "{field}: {text}");
    }
}

#[test]
fn two_runs_print_the_same_bytes() {
    let dir = capture();
    let read =
        || run(Command::new(env!("CARGO_BIN_EXE_vigie-agent")).args(["inventory", "--json", "--root"]).arg(dir.path()));
    assert_eq!(read().stdout, read().stdout);
}

#[test]
fn one_section_can_be_asked_for_and_an_unknown_one_is_an_error() {
    let dir = capture();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-agent"));
    let read = json(&run(command.args(["inventory", "--json", "--section", "storage", "--root"]).arg(dir.path())));
    assert_eq!(read.as_object().unwrap().len(), 1);
    let output =
        Command::new(env!("CARGO_BIN_EXE_vigie-agent")).args(["inventory", "--section", "x"]).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no section « x »"));
}
