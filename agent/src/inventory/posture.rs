//! The section `security-posture`: what guards the machine, from files that are there anyway; no program is run.
//!
//! Only what is on fixed lists leaves: names of services and firewalls, kinds of place of certificates, a count of
//! administrators. Names that somebody chose (units, encrypted volumes, files) stay.

use super::tidy;
use crate::source::{Source, Unreadable};
use std::collections::BTreeSet;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Antivirus, EncryptedDisk, Firewall, SecurityPosture, Service};

mod certificates;

/// Value and attributes of the variable SecureBoot of the global namespace (UEFI 2.10, 3.3).
const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
const UNITS: &str = "/etc/systemd/system";
/// Groups whose members may act as administrator. Members of `adm` may only read logs.
const ADMINISTRATORS: [&str; 3] = ["sudo", "wheel", "admin"];
/// Most block devices looked at.
const DEVICES_MAX: usize = 1000;

/// Services of interest: unit, kind.
const SERVICES: [(&str, &str); 41] = [
    ("anydesk", "remote_control"),
    ("rustdesk", "remote_control"),
    ("teamviewerd", "remote_control"),
    ("x11vnc", "remote_control"),
    ("vncserver-x11-serviced", "remote_control"),
    ("xrdp", "remote_control"),
    ("gnome-remote-desktop", "remote_control"),
    ("chrome-remote-desktop", "remote_control"),
    ("dwagent", "remote_control"),
    ("meshagent", "remote_control"),
    ("nxserver", "remote_control"),
    ("veyon", "remote_control"),
    ("ssh", "remote_access"),
    ("sshd", "remote_access"),
    ("openvpn", "remote_access"),
    ("smbd", "file_server"),
    ("nfs-server", "file_server"),
    ("vsftpd", "file_server"),
    ("apache2", "web_server"),
    ("httpd", "web_server"),
    ("nginx", "web_server"),
    ("mariadb", "database"),
    ("mysql", "database"),
    ("postgresql", "database"),
    ("cups", "printing"),
    ("clamav-daemon", "antivirus"),
    ("clamav-freshclam", "antivirus"),
    ("mdatp", "antivirus"),
    ("eea", "antivirus"),
    ("unattended-upgrades", "updates"),
    ("dnf-automatic", "updates"),
    ("puppet", "management"),
    ("salt-minion", "management"),
    ("glpi-agent", "management"),
    ("fusioninventory-agent", "management"),
    ("ocsinventory-agent", "management"),
    ("zabbix-agent", "management"),
    ("bareos-fd", "backup"),
    ("urbackupclientbackend", "backup"),
    ("docker", "containers"),
    ("systemd-timesyncd", "time"),
];

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<SecurityPosture> {
    let mut reasons = Vec::new();
    let enabled = enabled_units(source, &mut reasons);
    let posture = SecurityPosture {
        secure_boot: secure_boot(source, &mut reasons),
        tpm: tpm(source),
        firewalls: firewalls(source, &enabled),
        antivirus: clamav(source, &enabled).into_iter().collect(),
        encrypted: encrypted(source),
        local_administrators: administrators(source, &mut reasons),
        services: services(&enabled),
        certificates: certificates::collect(source, &mut reasons),
    };
    let nothing = SecurityPosture { secure_boot: posture.secure_boot.clone(), ..SecurityPosture::default() };
    if posture == nothing && !reasons.is_empty() {
        return Outcome::Unavailable { reasons };
    }
    Outcome::from_parts(posture, reasons)
}

/// Names of the units that a target wants, without their ending: a few hundred at most.
fn enabled_units(source: &dyn Source, reasons: &mut Vec<String>) -> BTreeSet<String> {
    let mut units = BTreeSet::new();
    let targets = match source.list(UNITS) {
        Ok(targets) => targets,
        Err(Unreadable::Missing(_)) => return units,
        Err(why) => {
            reasons.push(format!("services: {why}"));
            return units;
        }
    };
    for target in targets.iter().filter(|name| name.ends_with(".wants")) {
        let names = source.list(&format!("{UNITS}/{target}")).unwrap_or_default();
        units.extend(names.iter().filter_map(|name| name.strip_suffix(".service")).map(str::to_owned));
    }
    units
}

fn services(enabled: &BTreeSet<String>) -> Vec<Service> {
    let known = SERVICES.iter().filter(|(name, _)| enabled.contains(*name));
    let mut services: Vec<Service> =
        known.map(|(name, kind)| Service { name: (*name).into(), kind: (*kind).into() }).collect();
    crate::sort::sort(&mut services);
    services
}

fn secure_boot(source: &dyn Source, reasons: &mut Vec<String>) -> Option<String> {
    match source.read(SECURE_BOOT) {
        // Four bytes of attributes, then the value.
        Ok(bytes) => match bytes.get(4) {
            Some(1) => Some("enabled".into()),
            Some(0) => Some("disabled".into()),
            _ => None,
        },
        // A machine with UEFI that keeps its variables to itself says nothing; one without has no such folder.
        Err(Unreadable::Missing(_)) if source.list("/sys/class").is_ok() => {
            source.list("/sys/firmware/efi").is_err().then(|| "unsupported".into())
        }
        Err(Unreadable::Missing(_)) => None,
        Err(why) => {
            reasons.push(format!("secure boot: {why}"));
            None
        }
    }
}

fn tpm(source: &dyn Source) -> Option<String> {
    match tidy::line(source, "/sys/class/tpm/tpm0/tpm_version_major").as_deref() {
        Some("1") => Some("1.2".into()),
        Some("2") => Some("2.0".into()),
        _ if source.list("/sys/class/tpm/tpm0").is_ok() => Some("1.2".into()),
        _ => source.list("/sys/class").is_ok().then(|| "none".into()),
    }
}

fn firewalls(source: &dyn Source, enabled: &BTreeSet<String>) -> Vec<Firewall> {
    let mut firewalls = Vec::new();
    let mut add = |name: &str, enabled: bool| firewalls.push(Firewall { name: name.into(), enabled });
    if let Ok(text) = source.text("/etc/ufw/ufw.conf") {
        let on = |line: &str| {
            line.split_once('=').is_some_and(|(key, value)| {
                key.trim() == "ENABLED" && value.trim().trim_matches('"').eq_ignore_ascii_case("yes")
            })
        };
        add("ufw", text.lines().any(on));
    }
    // Unit, name, a file that is there when it is installed.
    for (unit, name, file) in [
        ("firewalld", "firewalld", "/etc/firewalld/firewalld.conf"),
        ("nftables", "nftables", "/etc/nftables.conf"),
        ("netfilter-persistent", "iptables", "/etc/iptables/rules.v4"),
    ] {
        if enabled.contains(unit) || source.part(file, 0, 1).is_ok() {
            add(name, enabled.contains(unit));
        }
    }
    crate::sort::sort(&mut firewalls);
    firewalls
}

/// ClamAV's state: the first 512 bytes of its signatures are a text (`ClamAV-VDB:16 Nov 2026 08-05 +0000:27824:…`).
fn clamav(source: &dyn Source, enabled: &BTreeSet<String>) -> Option<Antivirus> {
    let header = ["daily.cld", "daily.cvd"]
        .iter()
        .find_map(|name| source.part(&format!("/var/lib/clamav/{name}"), 0, 512).ok())?;
    let (signatures_of, signatures) = parse_clamav(&header);
    let watches = ["clamav-daemon", "clamav-clamonacc"].iter().any(|unit| enabled.contains(*unit));
    Some(Antivirus { name: "ClamAV".into(), enabled: Some(watches), signatures, signatures_of })
}

/// Day and version of ClamAV's signatures.
fn parse_clamav(header: &[u8]) -> (Option<String>, Option<String>) {
    let text = String::from_utf8_lossy(header);
    let mut fields = text.split(':').skip(1);
    let day = fields.next().and_then(|date| {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let mut words = date.split_whitespace();
        let (day, month, year) = (words.next()?, words.next()?, words.next()?);
        let month = MONTHS.find(month).filter(|at| month.len() == 3 && at % 3 == 0)? / 3 + 1;
        let date = jiff::civil::Date::new(year.parse().ok()?, i8::try_from(month).ok()?, day.parse().ok()?);
        date.ok().map(|date| date.to_string())
    });
    let number = |text: &&str| !text.is_empty() && text.len() < 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    (day, fields.next().filter(number).map(str::to_owned))
}

/// Open dm-crypt volumes by what is encrypted below. Their own names, which people choose, stay here.
fn encrypted(source: &dyn Source) -> Vec<EncryptedDisk> {
    let names = source.list("/sys/block").unwrap_or_default();
    let mut disks = BTreeSet::new();
    for name in names.iter().filter(|name| name.starts_with("dm-")).take(DEVICES_MAX) {
        let Some(uuid) = tidy::line(source, &format!("/sys/block/{name}/dm/uuid")) else { continue };
        let Some(kind) = uuid.strip_prefix("CRYPT-").and_then(|rest| rest.split('-').next()) else { continue };
        let kind = match kind {
            "LUKS1" => "luks1",
            "LUKS2" => "luks2",
            "BITLK" => "bitlocker",
            "PLAIN" => "plain",
            _ => "other",
        };
        let below = source.list(&format!("/sys/block/{name}/slaves")).unwrap_or_default();
        disks.extend(below.into_iter().map(|device| EncryptedDisk { device, kind: kind.into() }));
    }
    disks.into_iter().collect()
}

fn administrators(source: &dyn Source, reasons: &mut Vec<String>) -> Option<u32> {
    match (source.text("/etc/group"), source.text("/etc/passwd")) {
        (Ok(group), Ok(passwd)) => Some(count_administrators(&group, &passwd)),
        (Err(why), _) | (_, Err(why)) => {
            reasons.push(format!("administrators: {why}"));
            None
        }
    }
}

/// How many accounts may act as administrator (`group(5)`, `passwd(5)`): by name in a group, by their own group, or by
/// the identifier 0. Root itself is on every machine and does not count.
fn count_administrators(group: &str, passwd: &str) -> u32 {
    let mut names = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, gid, members] = fields.as_slice()
            && ADMINISTRATORS.contains(name)
        {
            groups.insert(*gid);
            names.extend(members.split(',').map(str::trim).filter(|member| !member.is_empty()));
        }
    }
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, uid, gid, ..] = fields.as_slice()
            && (*uid == "0" || groups.contains(gid))
        {
            names.insert(*name);
        }
    }
    names.remove("root");
    u32::try_from(names.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
