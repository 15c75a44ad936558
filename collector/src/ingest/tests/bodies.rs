//! Bodies that machines should not send, over the wire.

use super::client::{Identity, connect, post, raw};
use super::world::World;
use vigie_shared::limits::{ALPN_AGENT, BODY_INFLATED_MAX, BODY_MAX};
use vigie_shared::sync::PATH;

async fn code(world: &World, machine: &Identity, headers: &str, body: &[u8]) -> (u16, String) {
    world.agent(machine, &post(PATH, headers, body)).await.refusal()
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_is_sent() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", BODY_MAX + 1);
    let answer = world.agent(&machine, head.as_bytes()).await;
    assert_eq!(answer.refusal(), is(413, "body_too_large"));
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let mut request =
        format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
    let chunk = [format!("{:x}\r\n", 64 << 10).as_bytes(), &vec![b' '; 64 << 10], b"\r\n"].concat();
    for _ in 0..=BODY_MAX >> 16 {
        request.extend_from_slice(&chunk);
    }
    let answer = world.agent(&machine, &request).await;
    assert_eq!(answer.refusal(), is(413, "body_too_large"));
}

#[tokio::test]
async fn bad_bodies_are_refused_by_code_and_the_connection_goes_on() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let zstd = "content-encoding: zstd\r\n";
    let bomb = zstd::bulk::compress(&vec![b' '; BODY_INFLATED_MAX + 1], 3).unwrap();
    let deep = format!("{{\"v\":1,\"x\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    let packed = zstd::bulk::compress(deep.as_bytes(), 3).unwrap();
    let cases: [(&str, &[u8], u16, &str); 9] = [
        ("", b"", 400, "body_invalid"),
        ("", b"hello", 400, "body_invalid"),
        ("", b"\xff\xfe\x00", 400, "body_invalid"),
        ("", deep.as_bytes(), 400, "body_too_deep"),
        (zstd, &packed, 400, "body_too_deep"),
        (zstd, b"{\"v\":1}", 400, "body_not_zstd"),
        (zstd, &bomb, 413, "body_too_large"),
        ("content-encoding: gzip\r\n", b"{\"v\":1}", 400, "body_not_zstd"),
        ("", b"{\"v\":99}", 426, "schema_unsupported"),
    ];
    for (headers, body, status, word) in cases {
        assert_eq!(code(&world, &machine, headers, body).await, is(status, word));
    }

    let mut stream = connect(world.address, &world.config(ALPN_AGENT, Some(&machine))).await.unwrap();
    for _ in 0..3 {
        assert_eq!(raw(&mut stream, &post(PATH, "", b"hello")).await.unwrap().refusal(), is(400, "body_invalid"));
    }
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let answer = world.agent(&machine, &post(PATH, "", br#"{"v":1,"up_ms":-4}"#)).await;
    assert_eq!(answer.refusal(), is(400, "body_invalid"));
    assert!(answer.message().contains("« up_ms »") && answer.message().contains("line 1 column"), "{answer:?}");
}
