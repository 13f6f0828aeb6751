//! Live that is rewound in place: a real console that records, with a worker that goes on telling.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::player::Player;
use crate::scenario::{Hello, Scenario, Step, Telemetry};
use crate::terminal::{Start, Terminal, WIDE};
use crate::{PROGRAM, only_session};

/// The key that goes live.
const END: &[u8] = b"\x1b[F";

static STOP: AtomicBool = AtomicBool::new(false);

/// What a robot tells: a flood, which memory has no room for, and then frames until nobody wants more.
fn go_on(mut player: Player) -> JoinHandle<Player> {
    std::thread::spawn(move || {
        player.play(&Step::Hello(Hello {
            protocol: None,
            version: None,
        }));
        let told = |batches, samples| {
            Step::Send(Telemetry {
                batches,
                every_ms: 50,
                frames: 1,
                samples,
                sensors: false,
            })
        };
        player.play(&told(20, 1));
        player.play(&told(60, 400));
        while !STOP.load(Ordering::Relaxed) {
            player.play(&told(1, 1));
        }
        player
    })
}

/// The frame that the foot of the screen names: `0:01.3 of 0:25.7  frame 12`.
fn frame(screen: &vt100::Screen) -> Option<u64> {
    number_after(&screen.contents(), "  frame ")
}

fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, after) = text.rsplit_once(words)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// How long there is something to see, in tenths of a second.
fn length(screen: &vt100::Screen) -> Option<u64> {
    let text = screen.contents();
    let (_, after) = text.rsplit_once(" of ")?;
    let (minutes, rest) = after.split_once(':')?;
    let (seconds, rest) = rest.split_once('.')?;
    let tenths = rest.chars().next()?.to_digit(10)?;
    Some(minutes.parse::<u64>().ok()? * 600 + seconds.parse::<u64>().ok()? * 10 + u64::from(tenths))
}

/// What stands between the head of the screen, which says which time it is, and the scrubber.
fn body(terminal: &Terminal) -> Vec<String> {
    let text = terminal.text();
    let lines: Vec<&str> = text.lines().collect();
    let foot = lines.len() - 5;
    lines[1..foot].iter().map(|&line| line.to_owned()).collect()
}

/// How often the process has the session open.
fn times_open(terminal: &Terminal, data: &Path) -> usize {
    let id = terminal.child.process_id().unwrap();
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    let open = open.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    open.filter(|file| file.starts_with(data) && file.extension().is_some_and(|e| e == "mcap"))
        .count()
}

/// Takes in the rest of a picture; the next one is a tenth of a second away at least.
fn whole(terminal: &mut Terminal) {
    terminal.settle(Duration::from_millis(60));
}

/// Goes to a frame, and gives the picture of it.
fn at_frame(terminal: &mut Terminal, number: u64) -> Vec<String> {
    terminal.press(format!("g#{number}\r").as_bytes());
    terminal.read_until("that frame", |s| frame(s) == Some(number));
    whole(terminal);
    assert_eq!(frame(terminal.screen()), Some(number), "it stands");
    body(terminal)
}

#[test]
fn live_is_rewound_in_place_from_the_recording_while_it_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let script = Scenario::parse("about = \"a robot\"\n[[steps]]\nhello = {}\n").unwrap();
    let player = Player::new(&script);
    let address = player.address();
    let mut terminal = Start::new(PROGRAM, &["attach", &address])
        .size(WIDE)
        .var("SPLITSCOPE_DATA", data.path())
        .run();
    let robot = go_on(player);
    terminal.shows(&["LIVE", "split 28/153"]);
    terminal.press(b"kthe hedge\r");
    // All of the flood has come.
    terminal.read_until("frame 90", |s| {
        number_after(&s.contents(), "frame ").is_some_and(|n| n >= 90)
    });

    assert_eq!(times_open(&terminal, data.path()), 1, "it is only written");

    // A second back, and then to a frame: its moment stands, what there is to see grows, and nothing is commanded.
    terminal.press(b"<");
    terminal.shows(&["◀ REWOUND", "paused"]);
    let seen = at_frame(&mut terminal, 70);
    let there = length(terminal.screen());
    terminal.read_until("that live goes on", |s| length(s) > there.map(|t| t + 10));
    whole(&mut terminal);
    assert_eq!(frame(terminal.screen()), Some(70));
    assert_eq!(body(&terminal), seen);
    terminal.press(b"\r");
    terminal.shows(&["REWOUND: nothing is sent"]);

    // The beginning lies in the file alone by now.
    let seen = at_frame(&mut terminal, 5);
    assert_eq!(times_open(&terminal, data.path()), 2, "it is read, too");
    terminal.press(b"}");
    terminal.shows(&["◆ the hedge"]);
    // It plays, at the speed of then.
    let before = frame(terminal.screen());
    terminal.press(b" ");
    terminal.shows(&["playing 1x"]);
    terminal.read_until("the frames after it", |s| frame(s) > before.map(|n| n + 5));

    // End is live at once, with all that came meanwhile.
    terminal.press(END);
    terminal.read_until("live", |s| {
        let text = s.contents();
        let newest = number_after(&text, "frame ");
        !text.contains("REWOUND") && text.contains("LIVE") && newest > Some(90)
    });
    STOP.store(true, Ordering::Relaxed);
    let mut player = robot.join().unwrap();
    let told_last = player.made;
    player.play(&Step::Event("that was all".to_owned()));
    terminal.shows(&["that was all"]);
    terminal.press(b"q");
    let left = terminal.ends_and_gives_the_terminal_back();
    assert!(left.starts_with("session "), "{left}");

    // Nothing is missing from the recording, and its replay shows the same picture of the same frame.
    let reader = only_session(data.path());
    let card = reader.summary();
    assert_eq!((card.gap_batches, card.left_out), (0, 0));
    let told = card.counts["frame"] + card.counts["link"];
    assert_eq!(told, told_last);
    let file = reader.path().to_string_lossy().into_owned();
    let mut terminal = Start::new(PROGRAM, &["replay", &file]).size(WIDE).run();
    terminal.shows(&["▶ REPLAY", "  frame "]);
    assert_eq!(at_frame(&mut terminal, 5), seen);
    terminal.press(b"q");
    terminal.ends_and_gives_the_terminal_back();
}
