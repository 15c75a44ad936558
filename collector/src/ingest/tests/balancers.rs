//! Whom a balancer speaks for is believed of balancers that were named, and of nobody else.

use super::client::{BOUND, config, key_and_request, over, post, raw};
use super::world::World;
use crate::ingest::listener::{Bounds, Serves};
use crate::ingest::queue::QueueBounds;
use crate::store::NewNetwork;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use vigie_shared::enrol::{EnrolAnswer, EnrolRequest, PATH};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::limits::ALPN_ENROL;

/// A header that names 203.0.113.9:40000.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\x01\x9c\x40\x01\xbb";

async fn world(balancers: &[&str]) -> World {
    let world = World::behind(balancers, Bounds::default(), QueueBounds::default(), Serves::All).await;
    let cidr = "203.0.113.0/24".parse().unwrap();
    let network = NewNetwork { school: super::world::school(), kind: "pedagogical".to_owned(), cidr };
    world.store.add_network(network).await.unwrap();
    world
}

/// Enrols after `first` bytes in clear.
async fn enrol(world: &World, first: &[u8]) -> std::io::Result<EnrolAnswer> {
    let request = EnrolRequest {
        v: 1,
        token: world.good_token().await,
        certificate_request: key_and_request().1,
        host_name: "salle-12".to_owned(),
        machine_kind: None,
        hardware: HardwareEvidence::default(),
    };
    let mut stream = TcpStream::connect(world.address).await?;
    stream.write_all(first).await?;
    let tls = Arc::new(config(world.authority.certificate(), ALPN_ENROL, None));
    let body = serde_json::to_vec(&request)?;
    let call = async { raw(&mut over(stream, &tls).await?, &post(PATH, "", &body)).await };
    Ok(timeout(BOUND, call).await??.json())
}

#[tokio::test]
async fn a_named_balancer_is_believed() {
    let world = world(&["127.0.0.1/32"]).await;
    assert!(!enrol(&world, HEADER).await.unwrap().quarantined, "the address behind the balancer is expected");
    let itself = enrol(&world, b"").await.unwrap();
    assert!(itself.quarantined, "without a header it speaks for itself, and is expected nowhere");
}

#[tokio::test]
async fn others_cannot_say_where_they_are() {
    for balancers in [&[][..], &["192.0.2.10/32"]] {
        let world = world(balancers).await;
        assert!(enrol(&world, HEADER).await.is_err(), "a header of a stranger is a broken handshake");
        assert!(enrol(&world, b"").await.unwrap().quarantined);
    }
}

#[tokio::test]
async fn a_header_that_never_ends_is_not_waited_for() {
    let bounds = Bounds { handshake_time: std::time::Duration::from_millis(200), ..Bounds::default() };
    let world = World::behind(&["127.0.0.1/32"], bounds, QueueBounds::default(), Serves::All).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(&HEADER[..20]).await.unwrap();
    let mut rest = Vec::new();
    let closed = timeout(BOUND, tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)).await;
    assert!(closed.is_ok() && rest.is_empty());
}
