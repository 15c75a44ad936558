//! What the doors show, and how it is renewed.

use super::client::config;
use super::world::{days, now};
use crate::authority::{Authority, FileKey};
use crate::ingest::tls::{Door, Tls, TlsError, WebCertificate};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vigie_shared::limits::ALPN_ENROL;

fn authority(data: &Path) -> Authority {
    Authority::create(&FileKey::load_or_create(data).unwrap(), now()).unwrap().0
}

fn names() -> Vec<ServerName<'static>> {
    vec!["localhost".try_into().unwrap()]
}

/// The chain that a door shows to a client that trusts `root`.
async fn shown(tls: &Tls, door: Door, root: &CertificateDer<'static>) -> std::io::Result<Vec<CertificateDer<'static>>> {
    let alpn: &[u8] = if door == Door::Enrol { ALPN_ENROL } else { b"http/1.1" };
    let (ours, theirs) = tokio::io::duplex(16 << 10);
    let accepting = TlsAcceptor::from(tls.config(door)).accept(theirs);
    let connector = TlsConnector::from(Arc::new(config(root, alpn, None)));
    let (client, _server) = tokio::join!(connector.connect("localhost".try_into().unwrap(), ours), accepting);
    Ok(client?.get_ref().1.peer_certificates().unwrap().iter().map(|c| c.clone().into_owned()).collect())
}

#[tokio::test]
async fn the_enrolment_door_shows_the_authority_and_each_renewal_a_new_certificate() {
    let data = tempfile::tempdir().unwrap();
    let authority = authority(data.path());
    let tls = Tls::new(&authority, names(), WebCertificate::Own, now()).unwrap();
    let first = shown(&tls, Door::Enrol, authority.certificate()).await.unwrap();
    assert_eq!(first.last(), Some(authority.certificate()), "to be compared with the token");
    tls.renew(&authority, now().checked_add(days(1)).unwrap()).unwrap();
    let second = shown(&tls, Door::Enrol, authority.certificate()).await;
    assert!(second.is_err(), "not valid before tomorrow: it is the new one that is shown");
    tls.renew(&authority, now()).unwrap();
    let third = shown(&tls, Door::Enrol, authority.certificate()).await.unwrap();
    assert_ne!(first[0], third[0]);
}

#[tokio::test]
async fn a_certificate_of_files_is_shown_on_the_web_door_only_and_read_again_at_renewals() {
    let data = tempfile::tempdir().unwrap();
    let authority = authority(data.path());
    let (chain, key) = (data.path().join("web.pem"), data.path().join("web.key"));
    let write = || {
        let pair = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&pair).unwrap();
        fs::write(&chain, own.pem()).unwrap();
        fs::write(&key, pair.serialize_pem()).unwrap();
        own.der().clone()
    };
    let first = write();
    let files = WebCertificate::Files { chain: chain.clone(), key: key.clone() };
    let tls = Tls::new(&authority, names(), files, now()).unwrap();
    assert_eq!(shown(&tls, Door::Web, &first).await.unwrap(), vec![first.clone()]);
    assert!(shown(&tls, Door::Enrol, &first).await.is_err());
    assert!(shown(&tls, Door::Enrol, authority.certificate()).await.is_ok());

    let second = write();
    tls.renew(&authority, now()).unwrap();
    assert_eq!(shown(&tls, Door::Web, &second).await.unwrap(), vec![second.clone()]);

    fs::write(&chain, "half written").unwrap();
    assert!(matches!(tls.renew(&authority, now()), Err(TlsError::File { path, .. }) if path == chain));
    assert_eq!(shown(&tls, Door::Web, &second).await.unwrap(), vec![second], "the old one stays");
}

#[test]
fn files_that_do_not_go_together_are_refused_by_name() {
    let data = tempfile::tempdir().unwrap();
    let authority = authority(data.path());
    let (chain, key) = (data.path().join("web.pem"), data.path().join("web.key"));
    let certificate = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
    fs::write(&chain, certificate.pem()).unwrap();
    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let refusal = |chain: &Path, key: &Path| {
        let files = WebCertificate::Files { chain: chain.to_owned(), key: key.to_owned() };
        Tls::new(&authority, names(), files, now()).err().unwrap().to_string()
    };
    let other = refusal(&chain, &key);
    assert!(other.contains("web.key") && other.contains("does not go with"), "{other}");
    assert!(refusal(&key, &key).contains("there is no certificate"));
    assert!(refusal(&data.path().join("absent"), &key).contains("absent"));
}
