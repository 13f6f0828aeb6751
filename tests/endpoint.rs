//! A worker's endpoint against WebSocket consoles, well-behaved and not, over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests' helpers stop as tests do"
)]

#[path = "endpoint/commands.rs"]
mod commands;
#[path = "endpoint/slow.rs"]
mod slow;
#[path = "endpoint/strangers.rs"]
mod strangers;
#[path = "endpoint/support.rs"]
mod support;
#[path = "endpoint/sweeps.rs"]
mod sweeps;

use std::time::Duration;

use splitscope::units::BootId;
use splitscope::wire::console::{Encoding, Role, SUBPROTOCOL, SUBPROTOCOL_JSON, ToConsole};
use splitscope::wire::{LeaseRecord, Level, PROTOCOL, Record};
use splitscope::worker::endpoint::{CommandSink, Endpoint, EndpointError, EndpointOptions, Limits};
use splitscope::worker::telemetry::Hub;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error as SocketError;

use support::{Client, Worker, a_plan, event_text, hear, options, quick, shake};

#[tokio::test]
async fn a_console_gets_a_hello_and_the_present_state_in_either_encoding() {
    let worker = Worker::start(Role::Robot, Some("sesame"), quick());
    worker.hub.record(a_plan(1));
    worker.hub.record(a_plan(2));
    worker.hub.event(Level::Info, "the robot started");
    // What this one sees tells that the collector has taken the event in.
    let mut early = worker.connect(Encoding::Binary).await;
    early.greet("early@a").await;
    early.until(event_text).await;
    let mut nonces = vec![early.hello.nonce];
    for (before, encoding) in [Encoding::Binary, Encoding::Json].into_iter().enumerate() {
        let mut client = worker.connect(encoding).await;
        let hello = &client.hello;
        assert_eq!((hello.protocol, hello.role), (PROTOCOL, Role::Robot));
        assert_eq!(
            (hello.host.as_str(), hello.boot),
            ("field-robot", BootId(0xb007))
        );
        assert!(hello.needs_token && hello.emulated && hello.model.is_none());
        assert!(!nonces.contains(&hello.nonce));
        nonces.push(hello.nonce);
        client.greet("ann@a").await;
        let first = client.batch().await;
        assert_eq!((first.id.boot, first.lost_batches), (BootId(0xb007), 0));
        assert_eq!(first.records[0], a_plan(2));
        let free = LeaseRecord {
            session: None,
            name: None,
        };
        assert_eq!(first.records[1], Record::Lease(free));
        assert_eq!(event_text(&first.records[2]).unwrap(), "the robot started");
        assert_eq!(first.records.len(), 3 + before);
        assert_eq!(client.batch().await.id.seq, first.id.seq + 1);
        worker
            .hub
            .event(Level::Warning, format!("while {encoding:?} watches"));
        let text = client.until(event_text).await;
        assert_eq!(text, format!("while {encoding:?} watches"));
    }
}

#[tokio::test]
async fn the_binary_subprotocol_wins_and_an_unknown_one_is_refused_with_a_sentence() {
    let worker = Worker::robot();
    let dial = || TcpStream::connect(worker.endpoint.local_addr());
    let both = format!("{SUBPROTOCOL_JSON}, {SUBPROTOCOL}");
    let mut socket = shake(dial().await.unwrap(), Some(&both)).await.unwrap();
    let hello = hear(&mut socket, Encoding::Binary).await;
    assert!(matches!(hello, Some(ToConsole::Hello(_))));
    for offer in [None, Some("splitscope.v9")] {
        match shake(dial().await.unwrap(), offer).await {
            Err(SocketError::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_console_that_reads_gets_every_record_in_order_and_every_batch() {
    let worker = Worker::robot();
    let (mut client, first) = worker.attach("ann@a").await;
    let hub = worker.hub.clone();
    let producer = std::thread::spawn(move || {
        for n in 0..3_000_u32 {
            hub.event(Level::Info, n.to_string());
            if n % 100 == 0 {
                std::thread::sleep(Duration::from_millis(3));
            }
        }
    });
    let mut seq = first.id.seq;
    let mut seen = Vec::new();
    while seen.len() < 3_000 {
        let batch = client.batch().await;
        assert_eq!((batch.id.seq, batch.lost_batches), (seq + 1, 0));
        seq += 1;
        seen.extend(batch.records.iter().filter_map(event_text));
    }
    assert!(seen.iter().map(|t| t.parse::<u32>().unwrap()).eq(0..3_000));
    assert_eq!(worker.hub.dropped(), 0);
    producer.join().unwrap();
    // With nothing to tell, empty batches show that the worker lives.
    assert!(client.batch().await.records.is_empty());
}

#[tokio::test]
async fn one_console_too_many_is_told_so() {
    let limits = Limits {
        sessions: 2,
        ..quick()
    };
    let worker = Worker::start(Role::Robot, None, limits);
    let (mut ann, _) = worker.attach("ann@a").await;
    let (bob, _) = worker.attach("bob@b").await;
    let dial = || TcpStream::connect(worker.endpoint.local_addr());
    let mut third = shake(dial().await.unwrap(), Some(SUBPROTOCOL))
        .await
        .unwrap();
    match hear(&mut third, Encoding::Binary).await {
        Some(ToConsole::Refused { reason }) => assert!(reason.contains("2 consoles"), "{reason}"),
        other => panic!("{other:?}"),
    }
    drop(bob);
    // The seat is free as soon as the worker has seen it.
    loop {
        ann.batch().await;
        let mut next = shake(dial().await.unwrap(), Some(SUBPROTOCOL))
            .await
            .unwrap();
        if let Some(ToConsole::Hello(_)) = hear(&mut next, Encoding::Binary).await {
            break;
        }
    }
}

#[tokio::test]
async fn a_worker_that_ends_says_goodbye_with_its_last_records() {
    let worker = Worker::robot();
    let (mut ann, _) = worker.attach("ann@a").await;
    let Worker { endpoint, hub, .. } = worker;
    hub.event(Level::Info, "the experiment is over");
    let closed = std::thread::spawn(move || drop(endpoint));
    ann.until(|r| event_text(r).filter(|t| t == "the experiment is over"))
        .await;
    while ann.hear().await.is_some() {}
    closed.join().unwrap();
}

#[tokio::test]
async fn a_console_accepted_on_a_port_shared_with_robots_is_served_too() {
    let hub = Hub::new(BootId(5));
    let shared_port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let listen = shared_port.local_addr().unwrap();
    let (sink, _commands) = CommandSink::queue(1);
    let options = EndpointOptions {
        listen,
        ..options(&hub, Role::Server, None, sink)
    };
    let endpoint = Endpoint::start_adopting(options).unwrap();
    let stream = TcpStream::connect(listen).await.unwrap();
    endpoint.adopt(shared_port.accept().unwrap().0);
    let mut client = Client::over(stream, Encoding::Binary).await;
    client.greet("ann@a").await;
    assert_eq!(client.batch().await.id.boot, BootId(5));
}

#[test]
fn a_taken_port_an_empty_token_and_a_second_endpoint_are_errors_that_say_what_to_do() {
    let worker = Worker::robot();
    let address = worker.endpoint.local_addr();
    let (sink, _commands) = CommandSink::queue(1);
    let hub = Hub::new(BootId(2));
    let start = |options| Endpoint::start(options).err().unwrap();
    let taken = start(EndpointOptions {
        listen: address,
        ..options(&hub, Role::Robot, None, sink.clone())
    });
    assert_eq!(
        taken.to_string(),
        format!(
            "cannot listen on {address}: Address already in use (os error 98); another worker may be running there; choose another with \
             --listen"
        )
    );
    let empty = start(options(&hub, Role::Robot, Some(" \n"), sink.clone()));
    assert!(matches!(empty, EndpointError::EmptyToken));
    let second = start(options(&worker.hub, Role::Robot, None, sink));
    assert!(matches!(second, EndpointError::HubTaken));
}
