//! Slow, many, stopping: what connections cannot do to the collector.

use super::client::{BOUND, answer, connect, get, post, raw};
use super::world::World;
use crate::ingest::connection::AGENT_IDLE;
use crate::ingest::listener::{Bounds, Serves};
use crate::ingest::queue::QueueBounds;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use vigie_shared::limits::ALPN_AGENT;
use vigie_shared::policy::HEARTBEAT_MAX_S;
use vigie_shared::sync::RENEW_PATH;

async fn world(bounds: Bounds) -> World {
    World::with(bounds, QueueBounds::default(), Serves::All).await
}

/// Waits until the other end closes.
async fn closed(stream: &mut TcpStream) {
    let mut byte = [0];
    match timeout(BOUND, stream.read(&mut byte)).await.expect("the connection stays open") {
        Ok(0) | Err(_) => {}
        Ok(_) => panic!("something was answered"),
    }
}

#[test]
fn the_idle_limit_is_three_times_the_longest_heartbeat() {
    assert!(AGENT_IDLE >= 3 * Duration::from_secs(HEARTBEAT_MAX_S.into()));
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut() {
    let world = world(Bounds { handshake_time: Duration::from_millis(200), ..Bounds::default() }).await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    slow.write_all(&[22, 3, 1]).await.unwrap();
    closed(&mut silent).await;
    closed(&mut slow).await;
}

#[tokio::test]
async fn handshakes_of_one_address_are_bounded_and_places_come_back() {
    let bounds = Bounds { handshake_time: Duration::from_millis(500), handshakes_of_one: 2, ..Bounds::default() };
    let world = world(bounds).await;
    let mut first = TcpStream::connect(world.address).await.unwrap();
    let mut second = TcpStream::connect(world.address).await.unwrap();
    let mut third = TcpStream::connect(world.address).await.unwrap();
    let start = std::time::Instant::now();
    closed(&mut third).await;
    assert!(start.elapsed() < bounds.handshake_time, "refused at once, not by the time limit");
    closed(&mut first).await;
    closed(&mut second).await;
    assert_eq!(world.call(b"http/1.1", None, &get("/")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_full_door_refuses_and_the_others_still_serve() {
    let world = world(Bounds { web: 1, ..Bounds::default() }).await;
    let config = world.config(b"http/1.1", None);
    let mut visitor = connect(world.address, &config).await.unwrap();
    assert_eq!(raw(&mut visitor, &get("/")).await.unwrap().status, 200);
    let refused = async { raw(&mut connect(world.address, &config).await?, &get("/")).await };
    assert!(refused.await.is_err());
    let (_, machine) = world.machine().await;
    assert_eq!(world.agent(&machine, &get("/")).await.status, 404);
    assert_eq!(raw(&mut visitor, &get("/")).await.unwrap().status, 200, "who is in stays in");
}

#[tokio::test]
async fn rubbish_on_one_connection_does_not_stop_the_loop() {
    let world = world(Bounds::default()).await;
    for rubbish in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0; 100], &[22, 3, 1, 255, 255, 1, 2, 3]] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(rubbish).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = timeout(BOUND, stream.read_to_end(&mut Vec::new())).await.expect("the connection stays open");
    }
    assert_eq!(world.call(b"http/1.1", None, &get("/")).await.unwrap().status, 200);
}

#[tokio::test]
async fn at_the_stop_a_call_in_flight_is_answered_and_idle_connections_close() {
    let world = world(Bounds::default()).await;
    let (_, machine) = world.machine().await;
    let config = world.config(ALPN_AGENT, Some(&machine));
    let mut idle = connect(world.address, &config).await.unwrap();
    assert_eq!(raw(&mut idle, &get("/")).await.unwrap().status, 404);
    // A call whose body is still on its way: the head is here once the first bytes of the body are asked for.
    let mut busy = connect(world.address, &config).await.unwrap();
    let request = post(RENEW_PATH, "expect: 100-continue\r\n", b"rubbish");
    let (head, body) = request.split_at(request.len() - 7);
    let head = raw(&mut busy, head).await.unwrap();
    assert_eq!(head.status, 100);

    world.stop.send(true).unwrap();
    timeout(BOUND, world.accepting).await.unwrap().unwrap();
    assert_eq!(timeout(BOUND, idle.read(&mut [0])).await.unwrap().unwrap_or(0), 0, "idle: closed");
    busy.write_all(body).await.unwrap();
    assert_eq!(timeout(BOUND, answer(&mut busy)).await.unwrap().unwrap().refusal().0, 400);
    timeout(BOUND, world.gate.finish(BOUND)).await.unwrap();
    assert!(TcpStream::connect(world.address).await.is_err(), "nobody listens any more");
}
