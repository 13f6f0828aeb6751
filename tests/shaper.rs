//! The shaped link on this machine's loopback: bytes intact, never faster than its rate, and cables pulled.

#![expect(clippy::unwrap_used, reason = "tests' helpers stop as tests do")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use splitscope::clock;
use splitscope::link::shaper::{Outage, Rates, Shaper, ShaperHandle, ShaperProfile};
use splitscope::link::trace::{AfterEnd, Trace};
use splitscope::units::BitsPerSecond;

const MB: usize = 1_000_000;
const MBPS: f64 = 80.0;

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn shaped(profile: ShaperProfile) -> (ShaperHandle, TcpListener) {
    let server = TcpListener::bind(any_port()).unwrap();
    let upstream = server.local_addr().unwrap();
    (
        Shaper::start(any_port(), upstream, profile).unwrap(),
        server,
    )
}

fn pair(profile: ShaperProfile) -> (ShaperHandle, TcpListener, TcpStream, TcpStream) {
    let (shaper, listener) = shaped(profile);
    let client = TcpStream::connect(shaper.local_addr()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
    }
    (shaper, listener, client, server)
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let key = blake3::hash(&seed.to_le_bytes());
    blake3::Hasher::new_keyed(key.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// What came, and megabits per second from the first byte that was sent to the last that came.
struct Received {
    bytes: Vec<u8>,
    mbps: f64,
    seconds: f64,
}

fn send(socket: &TcpStream, bytes: Vec<u8>) -> thread::JoinHandle<()> {
    let mut socket = socket.try_clone().unwrap();
    thread::spawn(move || {
        socket.write_all(&bytes).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
    })
}

fn receive(socket: &TcpStream) -> thread::JoinHandle<Received> {
    let mut socket = socket.try_clone().unwrap();
    let start = clock::now();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).unwrap();
        let seconds = clock::now().since(start) as f64 / 1e9;
        Received {
            mbps: bytes.len() as f64 * 8e-6 / seconds,
            bytes,
            seconds,
        }
    })
}

#[test]
fn both_directions_share_the_rate_and_arrive_intact() {
    let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(MBPS));
    let (shaper, _listener, client, server) = pair(profile);
    let (up, down) = (noise(1, 8 * MB), noise(2, 8 * MB));
    let start = clock::now();
    let (at_server, at_client) = (receive(&server), receive(&client));
    let senders = [send(&client, up.clone()), send(&server, down.clone())];
    let (at_server, at_client) = (at_server.join().unwrap(), at_client.join().unwrap());
    let seconds = clock::now().since(start) as f64 / 1e9;
    for sender in senders {
        sender.join().unwrap();
    }

    assert!(at_server.bytes == up && at_client.bytes == down);
    let total = 16.0 * 8.0 / seconds;
    println!(
        "half duplex at {MBPS} Mbps: both {total:.2} Mbps over {seconds:.2} s (up {:.2}, down {:.2})",
        at_server.mbps, at_client.mbps
    );
    assert!(seconds > 1.0 && total <= 1.05 * MBPS);
    let stats = shaper.stats();
    assert_eq!((stats.up.0, stats.down.0), (8_000_000, 8_000_000));
}

#[test]
fn servers_behind_one_relay_share_its_medium() {
    let upstreams = [(); 2].map(|()| TcpListener::bind(any_port()).unwrap());
    let ends = upstreams
        .each_ref()
        .map(|u| (any_port(), u.local_addr().unwrap()));
    let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(40.0));
    let shaper = Shaper::start_each(&ends, profile).unwrap();
    let clients = [0, 1].map(|i| TcpStream::connect(shaper.local_addrs()[i]).unwrap());
    let servers = [0, 1].map(|i| upstreams[i].accept().unwrap().0);
    let began = clock::now();
    let bytes = [noise(1, 500_000), noise(2, 500_000)];
    let senders = [0, 1].map(|i| send(&clients[i], bytes[i].clone()));
    for (server, sent) in servers.into_iter().zip(&bytes) {
        let mut server = server;
        let mut got = vec![0; sent.len()];
        server.read_exact(&mut got).unwrap();
        assert!(got == *sent, "each upstream gets what was meant for it");
    }
    let seconds = clock::now().since(began) as f64 / 1e9;
    // Alone, each would take 0.1 s; a medium each would be done then.
    assert!(
        seconds > 0.19,
        "{seconds} s for 8 Mbit over one medium of 40 Mbps"
    );
    for sender in senders {
        sender.join().unwrap();
    }
}

#[test]
fn telemetry_before_the_robot_takes_time_of_the_medium_that_data_has() {
    let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(40.0));
    let (shaper, _listener, robot_to_server, at_server) = pair(profile);
    let robot = TcpListener::bind(any_port()).unwrap();
    let consoles = shaper
        .before_robot(any_port(), robot.local_addr().unwrap())
        .unwrap();
    let console = TcpStream::connect(consoles).unwrap();
    let (telemetry, _) = robot.accept().unwrap();
    let began = clock::now();
    let (frames, records) = (noise(1, MB), noise(2, MB / 2));
    let senders = [
        send(&robot_to_server, frames.clone()),
        send(&telemetry, records.clone()),
    ];
    for (mut socket, sent) in [(at_server, &frames), (console, &records)] {
        let mut got = vec![0; sent.len()];
        socket.read_exact(&mut got).unwrap();
        assert!(got == *sent, "telemetry and data keep apart");
    }
    let seconds = clock::now().since(began) as f64 / 1e9;
    // The data alone would take 0.2 s.
    assert!(seconds > 0.29, "{seconds} s for 12 Mbit over 40 Mbps");
    for sender in senders {
        sender.join().unwrap();
    }
    let stats = shaper.stats();
    // A piece is counted when it has been written, which its reader does not wait for.
    assert!(stats.up.0 > 1_400_000 && stats.down.0 == 0, "{stats:?}");
}

#[test]
fn telemetry_goes_the_robots_way_up_where_the_ways_are_unlike() {
    let trace =
        Trace::parse(b"# splitscope link trace v1\ntime_s,up_mbps,down_mbps,delay_ms\n0,8,800,0\n");
    let rates = Rates::Trace(Arc::new(trace.unwrap()), AfterEnd::Hold);
    let profile = ShaperProfile {
        rates,
        ..ShaperProfile::constant(BitsPerSecond(0.0))
    };
    let (shaper, _listener) = shaped(profile);
    let robot = TcpListener::bind(any_port()).unwrap();
    let consoles = shaper
        .before_robot(any_port(), robot.local_addr().unwrap())
        .unwrap();
    let mut console = TcpStream::connect(consoles).unwrap();
    let (telemetry, _) = robot.accept().unwrap();
    let began = clock::now();
    let records = noise(2, 300_000);
    let sender = send(&telemetry, records.clone());
    let mut got = vec![0; records.len()];
    console.read_exact(&mut got).unwrap();
    let seconds = clock::now().since(began) as f64 / 1e9;
    assert!(
        got == records && seconds > 0.29,
        "{seconds} s for 2.4 Mbit at 8 Mbps up"
    );
    sender.join().unwrap();
}

#[test]
fn on_a_duplex_link_each_direction_has_the_rate() {
    let profile = ShaperProfile {
        duplex: true,
        delay: Duration::from_millis(20),
        ..ShaperProfile::constant(BitsPerSecond::from_mbps(MBPS))
    };
    let (_shaper, _listener, client, server) = pair(profile);
    let (up, down) = (noise(3, 12 * MB), noise(4, 12 * MB));
    let receivers = [receive(&server), receive(&client)];
    let senders = [send(&client, up.clone()), send(&server, down.clone())];
    let [at_server, at_client] = receivers.map(|r| r.join().unwrap());
    for sender in senders {
        sender.join().unwrap();
    }
    assert!(at_server.bytes == up && at_client.bytes == down);
    for r in [&at_server, &at_client] {
        println!("duplex at {MBPS} Mbps and 20 ms: {:.2} Mbps", r.mbps);
        assert!(r.seconds > 1.0 && r.mbps <= 1.05 * MBPS);
    }
}

#[test]
fn the_sender_feels_the_bottleneck() {
    let profile = ShaperProfile::constant(BitsPerSecond(0.0));
    let (shaper, _listener, client, mut server) = pair(profile);
    client
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    socket2::SockRef::from(&client)
        .set_send_buffer_size(16 * 1024)
        .unwrap();
    let mut swallowed = 0;
    let piece = noise(5, 16 * 1024);
    while let Ok(n) = (&client).write(&piece) {
        swallowed += n;
        assert!(swallowed < 2 * MB, "a dead link took {swallowed} bytes");
    }
    println!("a link at rate 0 took {swallowed} bytes");
    assert_eq!(shaper.stats().up.0, 0);

    shaper.set_rate(BitsPerSecond::from_mbps(400.0));
    client.shutdown(Shutdown::Write).unwrap();
    let mut bytes = Vec::new();
    server.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), swallowed, "what was held arrives");
}

#[test]
fn a_dropped_link_resets_connections_and_a_restored_one_takes_new_ones() {
    let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(MBPS));
    let (shaper, listener, mut client, mut server) = pair(profile);
    client.write_all(b"before").unwrap();
    let mut before = [0; 6];
    server.read_exact(&mut before).unwrap();
    assert_eq!(&before, b"before");

    shaper.cut(Outage::Drop);
    assert_eq!(shaper.stats().connections, 0);
    let mut rest = Vec::new();
    assert!(!matches!(client.read_to_end(&mut rest), Ok(n) if n > 0));
    assert!(!matches!(server.read_to_end(&mut rest), Ok(n) if n > 0));
    if let Ok(mut during) = TcpStream::connect(shaper.local_addr()) {
        during
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        assert!(!matches!(during.read(&mut [0; 1]), Ok(n) if n > 0));
    }
    assert_eq!(shaper.stats().refused, 1);

    shaper.restore();
    let mut client = TcpStream::connect(shaper.local_addr()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"after").unwrap();
    let mut after = [0; 5];
    server.read_exact(&mut after).unwrap();
    assert_eq!(&after, b"after");
}

#[test]
fn a_stalled_link_holds_every_byte() {
    let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(MBPS));
    let (shaper, _listener, client, mut server) = pair(profile);
    let bytes = noise(6, 2 * MB);
    let sender = send(&client, bytes.clone());
    let mut first = vec![0; MB / 10];
    server.read_exact(&mut first).unwrap();
    shaper.cut(Outage::Stall);
    // A write that had begun may still end.
    thread::sleep(Duration::from_millis(20));
    let held = shaper.stats().up;
    thread::sleep(Duration::from_millis(200));
    assert_eq!(shaper.stats().up, held);
    shaper.restore();
    server.read_to_end(&mut first).unwrap();
    sender.join().unwrap();
    assert!(first == bytes);
}

#[test]
fn a_silent_connection_stays_open() {
    let profile = ShaperProfile::constant(BitsPerSecond::from_mbps(MBPS));
    let (_shaper, _listener, mut client, mut server) = pair(profile);
    let mut got = [0; 4];
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(200));
        client.write_all(b"ping").unwrap();
        server.read_exact(&mut got).unwrap();
        server.write_all(&got).unwrap();
        client.read_exact(&mut got).unwrap();
    }
}

#[test]
fn a_dropped_shaper_leaves_nothing_behind() {
    let profile = ShaperProfile::constant(BitsPerSecond(0.0));
    let (shaper, _listener, mut client, _server) = pair(profile);
    let address = shaper.local_addr();
    client.write_all(b"held for ever").unwrap();
    drop(shaper);
    assert!(!matches!(client.read(&mut [0; 1]), Ok(n) if n > 0));
    assert!(
        TcpStream::connect(address).is_err(),
        "nobody listens any more"
    );
}
