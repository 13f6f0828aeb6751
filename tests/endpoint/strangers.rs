//! Who connects and is no console of ours, or none that can be understood.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use splitscope::wire::PROTOCOL;
use splitscope::wire::console::{Encoding, Role};
use splitscope::worker::endpoint::Limits;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{LONG, Worker, quick};

#[tokio::test]
async fn another_protocol_version_is_refused_by_name() {
    let worker = Worker::robot();
    let mut client = worker.connect(Encoding::Json).await;
    client.greet_as("ann@a", 99).await;
    let reason = client.refusal().await;
    assert!(
        reason.contains(&format!("protocol {PROTOCOL} ")),
        "{reason}"
    );
    assert!(
        reason.contains("protocol 99 (splitscope 0.0.1-test)"),
        "{reason}"
    );
}

#[tokio::test]
async fn nonsense_ends_its_own_session_with_a_sentence_and_no_other() {
    let worker = Worker::robot();
    let (mut bystander, first) = worker.attach("ann@a").await;
    let nonsense = [
        (
            Message::Binary(vec![0xff; 40].into()),
            "cannot read a console's message",
        ),
        (Message::Text("{}".into()), "a text frame came"),
        (Message::Binary(vec![0; 2 << 20].into()), "too much at once"),
    ];
    for (message, sentence) in nonsense {
        for greeted in [false, true] {
            let mut client = worker.connect(Encoding::Binary).await;
            if greeted {
                client.greet("eve@e").await;
            }
            // The worker may close before the last of a long message is sent.
            let _ = client.socket.send(message.clone()).await;
            let reason = client.refusal().await;
            assert!(reason.contains(sentence), "{reason}");
        }
    }
    let mut client = worker.connect(Encoding::Json).await;
    client
        .socket
        .send(Message::Text("{\"hello\":{}}".into()))
        .await
        .unwrap();
    assert!(
        client
            .refusal()
            .await
            .contains("cannot read a console's message")
    );
    for seq in 1..20 {
        assert_eq!(bystander.batch().await.id.seq, first.id.seq + seq);
    }
}

/// Sends bytes over a plain socket and gives all that comes back.
fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_is_no_console_gets_an_http_answer_that_says_what_listens_here() {
    let worker = Worker::robot();
    let (mut bystander, _) = worker.attach("ann@a").await;
    let address = worker.endpoint.local_addr();
    let upgrade = "GET / HTTP/1.1\r\nHost: robot\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: splitscope.v1+json\r\n";
    let foreign = format!("{upgrade}Origin: https://evil.example\r\n\r\n");
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    let table: [(&[u8], &str, &str); 6] = [
        (
            b"GET / HTTP/1.1\r\nHost: robot\r\n\r\n",
            "HTTP/1.1 426 ",
            "splitscope attach",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: robot\r\n\r\n",
            "HTTP/1.1 400 ",
            "splitscope attach",
        ),
        (
            &[0x16, 3, 1, 0, 200, 1, 0, 0, 196],
            "HTTP/1.1 400 ",
            "splitscope attach",
        ),
        (&[0; 5_000], "HTTP/1.1 400 ", "splitscope attach"),
        (foreign.as_bytes(), "HTTP/1.1 403 ", "another site"),
        (endless.as_bytes(), "HTTP/1.1 431 ", "over 16384 bytes"),
    ];
    for (bytes, status, sentence) in table {
        let bytes = bytes.to_vec();
        let asked = std::thread::spawn(move || raw(address, &bytes));
        bystander.batch().await;
        let answer = asked.join().unwrap();
        assert!(answer.starts_with(status), "{answer}");
        assert!(answer.contains(sentence), "{answer}");
    }
    bystander.batch().await;
}

#[tokio::test]
async fn who_says_nothing_is_sent_away() {
    let limits = Limits {
        hello: Duration::from_millis(200),
        ..quick()
    };
    let worker = Worker::start(Role::Robot, None, limits);
    let answer = raw(worker.endpoint.local_addr(), b"GET / HTTP/1.1\r\n");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut silent = worker.connect(Encoding::Binary).await;
    assert!(
        silent
            .refusal()
            .await
            .contains("did not say hello within 0.2 s")
    );
}
