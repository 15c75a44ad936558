//! A guarded machine, one of which nothing is known, damaged files.

use super::*;
use crate::inventory::fixture::Fake;
use proptest::prelude::*;

fn certificate() -> String {
    let mut parameters = rcgen::CertificateParams::new(vec!["personne.exemple.test".into()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(2031, 5, 17);
    parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}

fn guarded() -> Fake {
    Fake::default()
        .file(SECURE_BOOT, [6, 0, 0, 0, 1])
        .file("/sys/class/tpm/tpm0/tpm_version_major", "2\n")
        .file("/etc/ufw/ufw.conf", "# ENABLED=no\nENABLED=yes\nLOGLEVEL=low\n")
        .file("/etc/nftables.conf", "")
        .symlink("/etc/systemd/system/multi-user.target.wants/ssh.service", "/lib/systemd/system/ssh.service")
        .symlink("/etc/systemd/system/multi-user.target.wants/personne-perso.service", "/x")
        .symlink("/etc/systemd/system/multi-user.target.wants/anydesk.service", "/x")
        .file("/var/lib/clamav/daily.cld", "ClamAV-VDB:16 Nov 2026 08-05 +0000:27824:2075000:90:X:X:personne:1763280000")
        .file("/sys/block/dm-0/dm/uuid", "CRYPT-LUKS2-0123456789abcdef-coffre_personne\n")
        .symlink("/sys/block/dm-0/slaves/nvme0n1p3", "../x")
        .file("/sys/block/dm-1/dm/uuid", "LVM-abc\n")
        .file("/etc/group", "root:x:0:\nsudo:x:27:personne,autre\nwheel:x:10:personne\nadm:x:4:lecteur\n")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\npersonne:x:1000:1000::/home/personne:/bin/sh\nlocal:x:1001:27::/h:/x\n")
        .file("/etc/ssl/certs/ssl-cert-snakeoil.pem", certificate())
        .file("/etc/cups/ssl/poste-de-personne.crt", certificate())
        .file("/etc/cups/ssl/poste-de-personne.key", "secret")
}

#[test]
fn a_guarded_machine_is_told_without_a_name_that_somebody_chose() {
    let Outcome::Complete { data } = collect(&guarded()) else { panic!("complete: {:?}", collect(&guarded())) };
    assert_eq!((data.secure_boot.as_deref(), data.tpm.as_deref()), (Some("enabled"), Some("2.0")));
    let firewalls: Vec<_> = data.firewalls.iter().map(|f| (f.name.as_str(), f.enabled)).collect();
    assert_eq!(firewalls, [("nftables", false), ("ufw", true)]);
    assert_eq!(data.antivirus[0].signatures_of.as_deref(), Some("2026-11-16"));
    assert_eq!(data.antivirus[0].signatures.as_deref(), Some("27824"));
    assert_eq!(data.encrypted, [EncryptedDisk { device: "nvme0n1p3".into(), kind: "luks2".into() }]);
    assert_eq!(data.local_administrators, Some(4), "personne, autre, toor, local");
    let services: Vec<_> = data.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(services, ["anydesk", "ssh"]);
    let certificates: Vec<_> = data.certificates.iter().map(|c| (c.place.as_str(), c.expires.as_str())).collect();
    assert_eq!(certificates, [("cups", "2031-05-17"), ("system", "2031-05-17")]);
    assert!(!serde_json::to_string(&data).unwrap().contains("personne"));
}

#[test]
fn what_may_not_be_read_is_said_and_an_unknown_machine_is_not_well() {
    let denied = guarded().denied("/etc/cups/ssl/poste-de-personne.crt").denied("/etc/group");
    let reasons = collect(&denied).reasons().join("; ");
    assert!(reasons.contains("run as root") && reasons.contains("administrators: /etc/group"), "{reasons}");
    assert!(!reasons.contains("personne"), "{reasons}");
    assert_eq!(collect(&Fake::default()).word(), "unavailable");
}

#[test]
fn a_machine_that_started_without_uefi_cannot_have_secure_boot() {
    let machine = Fake::default().file("/sys/class/net/lo/type", "772\n");
    let posture = collect(&machine).data().cloned().unwrap_or_default();
    assert_eq!((posture.secure_boot.as_deref(), posture.tpm.as_deref()), (Some("unsupported"), Some("none")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_damaged_certificate_has_no_day_or_a_day(at in 0usize..700, byte in any::<u8>()) {
        let mut der = data_encoding::BASE64.decode(b"MIIBszCCAVmgAwIBAgIUAQ==").unwrap();
        let place = at % der.len();
        der[place] = byte;
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", data_encoding::BASE64.encode(&der));
        let _ = certificates::last_day(pem.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        let _ = (parse_clamav(&bytes), certificates::last_day(&bytes), count_administrators(&text, &text));
    }
}
