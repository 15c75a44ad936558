//! The inventory of a school PC, and one that wants to be a page of its own.

use serde_json::{Value, json};

fn complete(data: Value) -> Value {
    json!({"outcome": "complete", "data": data})
}

/// Every section of a usual machine.
pub fn usual(host_name: &str) -> Vec<(&'static str, Value)> {
    let names = ["7zip", "bash", "firefox-esr", "gimp", "libreoffice-calc", "libreoffice-writer", "scratch", "vlc"];
    let packages: Vec<Value> = (0..180)
        .map(|n| {
            let name = names.get(n).map_or_else(|| format!("lib-école-{n:03}"), |name| (*name).to_owned());
            json!({"name": name, "version": format!("{}.{}-1", n % 7 + 1, n), "source": "dpkg",
                "architecture": "amd64", "publisher": "Debian Edu", "size_bytes": 100_000 + n * 73_000})
        })
        .collect();
    vec![
        (
            "system",
            json!({"outcome": "partial", "reasons": ["the serial number can only be read by root"],
                "data": {"manufacturer": "HP", "product": "ProDesk 400 G7", "uuid": "4c4c4544-0034-5110-8052-b4c04f4e3532",
                "bios": {"vendor": "HP", "version": "S14 Ver. 02.06", "date": "2021-11-05"},
                "board": {"manufacturer": "HP", "product": "870B"}, "chassis": {"kind": "desktop"}}}),
        ),
        (
            "operating-system",
            complete(
                json!({"family": "linux", "full_name": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0-27-amd64",
                "architecture": "x86_64", "host_name": host_name}),
            ),
        ),
        (
            "processors",
            complete(json!({"processors": [{"name": "Intel(R) Core(TM) i5-10500 CPU @ 3.10GHz", "vendor": "Intel",
                "cores": 6, "threads": 12, "max_mhz": 4500}]})),
        ),
        (
            "memory",
            complete(json!({"total_bytes": 16_571_695_104_u64, "slots": 2, "modules": [
                {"slot": "DIMM1", "size_bytes": 8_589_934_592_u64, "kind": "ddr4", "speed_mts": 3200, "manufacturer": "Kingston"},
                {"slot": "DIMM2", "size_bytes": 8_589_934_592_u64, "kind": "ddr4", "speed_mts": 3200, "manufacturer": "Kingston"}]})),
        ),
        (
            "storage",
            complete(json!({"disks": [{"name": "nvme0n1", "model": "KIOXIA KBG40ZNV256G", "serial": "Z0P1234567",
                "kind": "ssd", "bus": "nvme", "size_bytes": 256_060_514_304_u64, "removable": false}]})),
        ),
        (
            "volumes",
            complete(json!({"volumes": [{"mount_point": "C:", "device": "/dev/nvme0n1p2", "file_system": "ext4",
                "total_bytes": 248_000_000_000_u64, "read_only": false}]})),
        ),
        (
            "network",
            complete(
                json!({"interfaces": [{"name": "eth0", "kind": "ethernet", "mac": "00:00:5e:00:53:07", "up": true,
                "speed_mbps": 1000, "addresses": ["10.1.1.7/16"]}], "gateways": ["10.1.0.1"], "resolvers": ["10.1.0.2"]}),
            ),
        ),
        ("software", complete(json!({ "packages": packages }))),
        ("agent", complete(json!({"version": "0.1.0", "target": "x86_64-unknown-linux-gnu"}))),
        ("firmware-variables", complete(json!({"secure_boot": true, "entries": [{"name": "Debian", "active": true}]}))),
    ]
}
