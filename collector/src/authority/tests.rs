use super::*;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rustls::pki_types::pem::PemObject;
use std::fs;
use vigie_shared::id::MachineId;

fn now() -> Timestamp {
    "2026-11-23T08:00:00.5Z".parse().unwrap()
}

fn authority() -> (tempfile::TempDir, Authority, AuthorityRow) {
    let data = tempfile::tempdir().unwrap();
    let key = FileKey::load_or_create(data.path()).unwrap();
    let (authority, row) = Authority::create(&key, now()).unwrap();
    (data, authority, row)
}

fn request(pair: &KeyPair, params: CertificateParams) -> String {
    params.serialize_request(pair).unwrap().pem().unwrap()
}

fn plain_request() -> CertificateRequest {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    CertificateRequest::from_pem(&request(&pair, CertificateParams::default())).unwrap()
}

#[test]
fn the_authority_may_sign_leaves_and_nothing_else_for_twenty_years() {
    let (_data, authority, _) = authority();
    let (_, read) = X509Certificate::from_der(authority.certificate()).unwrap();
    let basic = read.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca);
    assert_eq!(basic.value.path_len_constraint, Some(0));
    assert_eq!(read.key_usage().unwrap().unwrap().value.to_string(), "Key Cert Sign");
    let years = (read.validity().not_after.timestamp() - now().as_second()) / (8766 * 3600);
    assert_eq!(years, 20);
}

#[test]
fn it_opens_again_with_its_file_key_and_with_no_other() {
    let (data, authority, row) = authority();
    let again = Authority::open(&row, &FileKey::load(data.path()).unwrap()).unwrap();
    assert_eq!(again.spki_sha256(), authority.spki_sha256());

    let other = tempfile::tempdir().unwrap();
    let other = FileKey::load_or_create(other.path()).unwrap();
    assert!(matches!(Authority::open(&row, &other), Err(AuthorityError::WrongFileKey(_))));

    let mut altered = row.clone();
    *altered.wrapped_key.last_mut().unwrap() ^= 1;
    let key = FileKey::load(data.path()).unwrap();
    assert!(matches!(Authority::open(&altered, &key), Err(AuthorityError::WrongFileKey(_))));
}

#[test]
fn a_key_sealed_for_another_purpose_does_not_open() {
    let (data, _, _) = authority();
    let key = FileKey::load(data.path()).unwrap();
    let sealed = key.seal(b"something else", b"secret").unwrap();
    assert_eq!(key.open(b"something else", &sealed).as_deref(), Some(b"secret".as_slice()));
    assert_eq!(key.open(PURPOSE, &sealed), None);
}

#[test]
fn the_certificate_of_another_authority_is_not_taken_with_our_key() {
    let (data, _, row) = authority();
    let key = FileKey::load(data.path()).unwrap();
    let (_, other) = Authority::create(&key, now()).unwrap();
    let mixed = AuthorityRow { wrapped_key: row.wrapped_key, certificate: other.certificate };
    assert!(matches!(Authority::open(&mixed, &key), Err(AuthorityError::WrongFileKey(_))));
}

#[test]
fn the_file_key_is_for_its_owner_alone_and_is_never_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let data = data.path().join("new");
    let path = FileKey::load_or_create(&data).unwrap().path().to_owned();
    let bytes = fs::read(&path).unwrap();
    let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!((bytes.len(), mode(&path), mode(path.parent().unwrap()), mode(&data)), (32, 0o600, 0o700, 0o700));

    FileKey::load_or_create(&data).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left behind");
}

#[test]
fn a_file_key_that_others_may_read_is_refused_with_the_command_that_helps() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let path = FileKey::load_or_create(data.path()).unwrap().path().to_owned();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = FileKey::load(data.path()).unwrap_err();
    assert!(matches!(error, FileKeyError::Exposed { mode: 0o640, .. }));
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_missing_or_cut_file_key_says_so() {
    let data = tempfile::tempdir().unwrap();
    assert!(matches!(FileKey::load(data.path()), Err(FileKeyError::Missing(_))));
    let path = FileKey::load_or_create(data.path()).unwrap().path().to_owned();
    fs::write(&path, [1; 31]).unwrap();
    assert!(matches!(FileKey::load(data.path()), Err(FileKeyError::Malformed(_))));
}

#[test]
fn a_machine_certificate_says_what_the_authority_says_whatever_was_asked() {
    let (_data, authority, _) = authority();
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut asked = CertificateParams::new(vec!["collector.example".to_owned()]).unwrap();
    asked.distinguished_name.push(DnType::CommonName, MachineId::new().to_string());
    asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    asked.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    asked.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let asked = CertificateRequest::from_pem(&request(&pair, asked)).unwrap();
    let machine = MachineId::new();

    let issued = authority.issue_machine(machine, &asked, now()).unwrap();

    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    let (_, read) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(read.subject().to_string(), format!("CN={machine}"));
    assert!(read.basic_constraints().unwrap().is_none_or(|b| !b.value.ca));
    assert!(read.subject_alternative_name().unwrap().is_none());
    let usage = read.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert_eq!(read.key_usage().unwrap().unwrap().value.to_string(), "Digital Signature");
    assert_eq!((read.raw_serial(), issued.serial.len()), (issued.serial.as_slice(), 16));
    assert_eq!(sha256(read.public_key().raw), asked.key_sha256());
    assert_eq!(read.validity().not_before.timestamp(), now().as_second() - 300);
    assert_eq!(read.validity().not_after.timestamp(), now().as_second() + 400 * 86_400);
    assert_eq!(issued.not_after.as_second(), read.validity().not_after.timestamp());
}

#[test]
fn two_certificates_never_share_a_serial_number() {
    let (_data, authority, _) = authority();
    let request = plain_request();
    let serial = || authority.issue_machine(MachineId::new(), &request, now()).unwrap().serial;
    assert_ne!(serial(), serial());
}

#[test]
fn no_leaf_outlives_the_authority() {
    let (_data, authority, _) = authority();
    let late = authority.not_after.checked_sub(24.hours()).unwrap();
    let issued = authority.issue_machine(MachineId::new(), &plain_request(), late).unwrap();
    assert_eq!(issued.not_after, authority.not_after);
}

#[test]
fn a_request_not_signed_by_its_own_key_is_refused() {
    let pem = request(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), CertificateParams::default());
    let mut der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let altered = issue::pem("CERTIFICATE REQUEST", &der);
    assert_eq!(CertificateRequest::from_pem(&altered).unwrap_err(), RequestError::NotSigned);
}

#[test]
fn rubbish_requests_are_refused_without_panic() {
    let cut = request(&KeyPair::generate().unwrap(), CertificateParams::default()).replace('M', "");
    let long = "A".repeat(9 << 10);
    for text in
        ["", "hello", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", &cut, &long]
    {
        assert_eq!(CertificateRequest::from_pem(text).unwrap_err(), RequestError::Unreadable, "{text}");
    }
}

#[test]
fn ed25519_requests_are_accepted() {
    let pem = request(&KeyPair::generate_for(&PKCS_ED25519).unwrap(), CertificateParams::default());
    assert!(CertificateRequest::from_pem(&pem).is_ok());
}

#[test]
fn a_door_certificate_carries_names_and_addresses() {
    let (_data, authority, _) = authority();
    let names = ["collector.example", "192.0.2.7", "2001:db8::7"].map(|n| n.to_owned().try_into().unwrap());
    let issued = authority.issue_server(&names, now()).unwrap();
    let (_, read) = X509Certificate::from_der(&issued.certificate).unwrap();
    assert_eq!(read.subject_alternative_name().unwrap().unwrap().value.general_names.len(), 3);
    let usage = read.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);
    assert_eq!(read.validity().not_after.timestamp(), now().as_second() + 90 * 86_400);
}

#[test]
fn secrets_are_not_in_debug() {
    let (data, authority, _) = authority();
    let key = FileKey::load(data.path()).unwrap();
    let shown = format!("{authority:?} {key:?}");
    assert!(shown.contains("spki_sha256") && !shown.to_lowercase().contains("pkcs"), "{shown}");
}
