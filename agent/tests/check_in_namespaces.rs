//! `vigie-agent check internet` on a machine of its own: two network namespaces, the machine and its gateway, behind
//! which lies an address "outside". Each way of breaking it must get its own name and exit code.
//!
//! Needs root and `ip` (iproute2); says so and passes without, unless `VIGIE_WORLDS=required` (`./dev test`).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Two namespaces and a cable; gone when dropped.
struct School {
    machine: String,
    gateway: String,
}

impl School {
    /// Machine 192.0.2.2 — gateway 192.0.2.1, outside 198.51.100.7; none where namespaces cannot be made.
    fn build() -> Option<Self> {
        let id = std::process::id();
        let school = Self { machine: format!("vigie-m{id}"), gateway: format!("vigie-g{id}") };
        if !ip(&["netns", "add", &school.machine]) || !ip(&["netns", "add", &school.gateway]) {
            return None;
        }
        let built = [
            &[
                "link",
                "add",
                "eth0",
                "netns",
                &school.machine,
                "type",
                "veth",
                "peer",
                "name",
                "lan0",
                "netns",
                &school.gateway,
            ][..],
            &["-n", &school.gateway, "addr", "add", "192.0.2.1/24", "dev", "lan0"],
            &["-n", &school.gateway, "addr", "add", "198.51.100.7/32", "dev", "lo"],
            &["-n", &school.gateway, "link", "set", "lo", "up"],
            &["-n", &school.gateway, "link", "set", "lan0", "up"],
            &["-n", &school.machine, "addr", "add", "192.0.2.2/24", "dev", "eth0"],
            &["-n", &school.machine, "link", "set", "eth0", "up"],
            &["-n", &school.machine, "route", "add", "default", "via", "192.0.2.1"],
        ]
        .iter()
        .all(|step| ip(step));
        assert!(built, "the namespaces exist but cannot be wired");
        Some(school)
    }

    fn on_machine(&self, arguments: &[&str]) {
        assert!(ip(&[&["-n", &self.machine], arguments].concat()), "{arguments:?}");
    }

    fn on_gateway(&self, arguments: &[&str]) {
        assert!(ip(&[&["-n", &self.gateway], arguments].concat()), "{arguments:?}");
    }

    /// Exit code, state and reason of the check.
    fn check(&self, policy: &str) -> (i32, String, String) {
        let begun = Instant::now();
        let output: Output = Command::new("ip")
            .args(["netns", "exec", &self.machine, env!("CARGO_BIN_EXE_vigie-agent"), "check", "internet", "--json"])
            .args(["--policy", policy])
            .output()
            .unwrap();
        // Three times the patience of the policies below, and the start of two programs.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let seen: serde_json::Value = serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        let word = |key: &str| seen[0][key].as_str().unwrap().to_owned();
        (output.status.code().unwrap(), word("state"), word("reason"))
    }
}

impl Drop for School {
    fn drop(&mut self) {
        for name in [&self.machine, &self.gateway] {
            ip(&["netns", "del", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn each_break_on_the_way_out_has_its_own_name_and_exit_code() {
    let Some(school) = School::build() else {
        let required = std::env::var_os("VIGIE_WORLDS").is_some_and(|word| word == "required");
        assert!(!required, "network namespaces are required and cannot be made");
        eprintln!("skipped: network namespaces need root and iproute2");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, r#"{"internet":{"timeout_ms":700,"icmp":["198.51.100.7"]}}"#).unwrap();
    let policy = file.to_str().unwrap();
    let seen = |code: i32, state: &str, reason: &str| (code, state.to_owned(), reason.to_owned());

    assert_eq!(school.check(policy), seen(0, "ok", "fine"));

    school.on_gateway(&["addr", "del", "198.51.100.7/32", "dev", "lo"]);
    assert_eq!(school.check(policy), seen(2, "critical", "outside_unreachable"));

    school.on_gateway(&["link", "set", "lan0", "down"]);
    assert_eq!(school.check(policy), seen(2, "critical", "link_down"));

    school.on_gateway(&["addr", "del", "192.0.2.1/24", "dev", "lan0"]);
    school.on_gateway(&["link", "set", "lan0", "up"]);
    assert_eq!(school.check(policy), seen(2, "critical", "gateway_unreachable"));

    school.on_machine(&["route", "del", "default"]);
    assert_eq!(school.check(policy), seen(2, "critical", "no_route"));

    school.on_machine(&["addr", "flush", "dev", "eth0"]);
    assert_eq!(school.check(policy), seen(2, "critical", "no_address"));

    school.on_machine(&["addr", "add", "192.0.2.2/24", "dev", "eth0"]);
    school.on_machine(&["route", "add", "default", "via", "192.0.2.1"]);
    school.on_gateway(&["addr", "add", "192.0.2.1/24", "dev", "lan0"]);
    school.on_gateway(&["addr", "add", "198.51.100.7/32", "dev", "lo"]);
    assert_eq!(school.check(policy), seen(0, "ok", "fine"), "it heals");

    std::fs::write(&file, r#"{"internet":{"timeout_ms":700}}"#).unwrap();
    assert_eq!(school.check(policy), seen(3, "unknown", "not_configured"));
}
