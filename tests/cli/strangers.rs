//! Who connects and is no robot, or no console: an answer where one can be read, and frames that go on as planned.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use splitscope::model::zoo;
use splitscope::units::{BootId, DeviceId};
use splitscope::wire::PROTOCOL;
use splitscope::wire::data::{
    Control, HEADER_BYTES, Kind, MAGIC, MAX_BODY_BYTES, RobotHello, WeightsRef, decode_control,
    encode_control, header, pack_graph, parse_header,
};

use crate::live::{Console, Frame, Worker};
use crate::support::PATIENCE;

/// A server, a robot that uses it, and a console that has seen it do so.
struct Field {
    server: Worker,
    robot: Worker,
    console: Console,
}

fn planned(frame: &Frame) -> bool {
    frame.outcome == "ok" && frame.mode == "split" && frame.cut == Some(30)
}

impl Field {
    fn start() -> Self {
        let server = Worker::start(&["server"]);
        let to = server.address.to_string();
        let robot = Worker::start(&[
            "robot", "--size", "32", "--fps", "50", "--cut", "30", "--server", &to,
        ]);
        let mut console = Console::attach(robot.address);
        console.until_in_a_row(10, planned);
        Self {
            server,
            robot,
            console,
        }
    }

    /// Nothing of what came before disturbed a frame, and nothing does now.
    fn goes_on(&mut self) {
        self.console.all_so_far(planned);
        self.console.all(10, planned);
        self.console.none_is_missing_or_twice();
    }
}

/// Sends bytes, and gives all that comes until the worker closes.
fn answer(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .unwrap_or_else(|e| panic!("{e} after {}", answer.escape_ascii()));
    answer
}

/// What a server says last to who began with the right magic.
fn refusal(to: SocketAddr, after_magic: &[u8]) -> String {
    let said = answer(to, &[&MAGIC, after_magic].concat());
    let seen = said.escape_ascii().to_string();
    let Some(mut rest) = said.strip_prefix(&MAGIC) else {
        panic!("no magic in {seen}");
    };
    let mut reason = None;
    while let Some((head, body)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let (kind, len) = parse_header(*head, MAX_BODY_BYTES).unwrap();
        assert_eq!(kind, Kind::Control);
        match decode_control(&body[..len]).unwrap() {
            Control::ServerHello(_) => {}
            Control::Refused { reason: said } => reason = Some(said),
            other => panic!("{other:?}"),
        }
        rest = &body[len..];
    }
    reason.unwrap_or_else(|| panic!("no refusal in {seen}"))
}

fn say_hello(protocol: u32) -> Vec<u8> {
    let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
    encode_control(&Control::RobotHello(Box::new(RobotHello {
        protocol,
        version: "9.9.9-test".to_owned(),
        host: "stranger".to_owned(),
        boot: BootId(7),
        device: DeviceId::SERVER,
        graph: pack_graph(&graph.spec()),
        graph_hash: graph.hash(),
        weights: WeightsRef::Seed(1),
        weights_name: "seed 1".to_owned(),
        trained: false,
        peers: Vec::new(),
    })))
}

#[test]
fn who_speaks_something_else_to_a_server_disturbs_no_robot() {
    let mut field = Field::start();
    let server = field.server.address;
    let watcher = Console::attach(server);
    for garbage in [&[0xff; 64][..], &[0; 5000], b"SSH-2.0-OpenSSH_9.6\r\n"] {
        // Our magic says what listens here; more would be words in a protocol that the peer does not speak.
        let said = answer(server, garbage);
        assert_eq!(
            said.escape_ascii().to_string(),
            MAGIC.escape_ascii().to_string()
        );
        field.goes_on();
    }
    watcher.notice("does not speak splitscope's data protocol: it began with \"SSH-2.0-\"");

    let said = answer(server, b"GET / HTTP/1.1\r\nHost: server\r\n\r\n");
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 426 "), "{said}");
    assert!(said.contains("splitscope attach"), "{said}");
    field.goes_on();
}

#[test]
fn a_hello_that_cannot_be_is_refused_in_words_and_disturbs_no_robot() {
    let mut field = Field::start();
    let server = field.server.address;

    let another = refusal(server, &say_hello(99));
    let ours = format!("speaks protocol {PROTOCOL}, the robot (9.9.9-test) speaks 99");
    assert!(another.contains(&ours), "{another}");
    assert!(another.contains("install the same version"), "{another}");
    field.goes_on();

    // So long that no buffer may be made for it, and with bytes behind it that nobody reads.
    let mut long = header(Kind::Control, usize::MAX).to_vec();
    long.resize(300_000, 7);
    let too_long = refusal(server, &long);
    assert!(
        too_long.contains("4294967295 bytes is over the limit of 1048576"),
        "{too_long}"
    );
    field.goes_on();

    let other_form = [&header(Kind::Control, 3)[..], &[0x81, 0xa1, b'x']].concat();
    let unread = refusal(server, &other_form);
    assert!(
        unread.contains("cannot read a robot's hello")
            && unread.contains(&format!("protocol {PROTOCOL}")),
        "{unread}"
    );
    let no_kind = refusal(server, &[0, 0, 0, 0, 9]);
    assert!(no_kind.contains("kind 9"), "{no_kind}");
    let not_first = encode_control(&Control::Retire {
        oldest: splitscope::units::Epoch(0),
    });
    let not_first = refusal(server, &not_first);
    assert!(not_first.contains("did not say hello first"), "{not_first}");

    let busy = refusal(server, &say_hello(PROTOCOL));
    assert!(busy.contains("this server works for the robot"), "{busy}");
    field.goes_on();
}

#[test]
fn a_hello_that_stops_in_the_middle_is_given_up_with_a_sentence() {
    let mut field = Field::start();
    let server = field.server.address;
    let whole = say_hello(PROTOCOL);
    let half = whole[..whole.len() / 2].to_vec();
    let waiting = std::thread::spawn(move || refusal(server, &half));
    // It holds its connection and says no more; the robot's frames go on meanwhile.
    while !waiting.is_finished() {
        assert!(planned(&field.console.next()));
    }
    let reason = waiting.join().unwrap();
    assert!(reason.contains("did not end within 5 s"), "{reason}");
    field.goes_on();

    // And one that leaves in the middle.
    let mut stream = TcpStream::connect(server).unwrap();
    stream
        .write_all(&[&MAGIC, &whole[..whole.len() / 2]].concat())
        .unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    field.goes_on();
}

#[test]
fn who_is_no_console_disturbs_none() {
    let mut field = Field::start();
    let robot = field.robot.address;
    let upgrade = "GET / HTTP/1.1\r\nHost: robot\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: chat\r\n\r\n";
    let table: [(&[u8], &[&str]); 4] = [
        (&[0xff; 5000], &["HTTP/1.1 400 ", "splitscope attach"]),
        (
            b"GET / HTTP/1.1\r\nHost: robot\r\n\r\n",
            &["HTTP/1.1 426 ", "splitscope attach"],
        ),
        (
            upgrade.as_bytes(),
            &["HTTP/1.1 400 ", "splitscope.v1", "splitscope.v1+json"],
        ),
        // A robot that was given the wrong port.
        (&MAGIC, &["HTTP/1.1 408 ", "no complete WebSocket request"]),
    ];
    for (bytes, parts) in table {
        let said = String::from_utf8_lossy(&answer(robot, bytes)).into_owned();
        for part in parts {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
        field.goes_on();
    }
}

#[test]
fn a_second_robot_is_told_who_has_the_server_and_runs_by_itself() {
    let mut field = Field::start();
    let to = field.server.address.to_string();
    let second = Worker::start(&[
        "robot", "--size", "32", "--fps", "50", "--cut", "30", "--server", &to,
    ]);
    let mut console = Console::attach(second.address);
    console.notice("refused: this server works for the robot");
    console.all(10, |f| f.outcome == "finished_locally");
    console.none_is_missing_or_twice();
    field.goes_on();
}
