//! What the screen says of the state: of workers, themes, sizes, keys.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use splitscope::console::app::{Action, Effect, Key, Said, Screen};
use splitscope::console::connection::Refusal;
use splitscope::console::view::{Theme, draw};
use splitscope::units::Nanos;
use splitscope::wire::console::Role;
use splitscope::wire::{Level, Outcome, Record};

use crate::script::{self, frame, hello};
use crate::{Console, ROBOT, SERVER, SIZES, event, lease, live, snapshot, snapshots, text};

#[test]
fn no_worker_yet() {
    snapshots("no_worker_yet", &Console::new());
}

#[test]
fn no_worker_reachable() {
    let mut console = Console::new();
    console.wait(10);
    console.hear(ROBOT, Said::Lost("connection refused".to_owned()));
    console.hear(SERVER, Said::Lost("no route to host".to_owned()));
    console.wait(100);
    snapshots("no_worker_reachable", &console);
}

#[test]
fn live_split() {
    snapshots("live_split", &live());
}

#[test]
fn proposed_cut() {
    let mut console = live();
    console.keys(Key::Right, 3);
    snapshots("proposed_cut", &console);
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let mut console = Console::new();
    let mut other = hello(Role::Robot, 1, 1);
    other.protocol = 9;
    other.version = "3.0.0".to_owned();
    console.hear(ROBOT, Said::Hello(Box::new(other)));
    let what = Refusal::NotAWorker("HTTP 404 Not Found".to_owned());
    console.hear(SERVER, Said::Refused(what));
    console.wait(500);
    snapshots("refused", &console);
}

#[test]
fn help() {
    let mut console = live();
    console.key(Key::Char('?'));
    snapshots("help", &console);
    console.key(Key::Esc);
    assert_eq!(console.screen((80, 24)), live().screen((80, 24)));
}

#[test]
fn only_the_server_is_attached() {
    let mut console = live();
    console.key(Key::Char('n'));
    snapshot("server_shown_80x24", &console.screen((80, 24)));
}

#[test]
fn untrained_weights_have_no_labels() {
    let mut console = Console::new();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.model = Some(Box::new(script::model(false)));
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    console.records(ROBOT, vec![Record::Frame(Box::new(frame(1, 1, 28)))]);
    let screen = console.screen((80, 24));
    assert!(screen.contains("#967 0.93"), "{screen}");
    assert!(screen.contains("untrained weights"), "{screen}");
    assert!(!screen.contains("espresso"), "{screen}");
}

#[test]
fn a_long_picture_name_leaves_that_weights_are_untrained_and_what_limits_whole() {
    let mut console = Console::new();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.model = Some(Box::new(script::model(false)));
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    let frames = (1..20).map(|number| {
        let mut frame = frame(number, 1, 28);
        frame.outcome = Outcome::FinishedLocally;
        frame.picture = "motorcycle_left_of_the_garden_gate.png".to_owned();
        frame.top.clear();
        Record::Frame(Box::new(frame))
    });
    console.records(ROBOT, frames.collect());
    let screen = console.screen((80, 24));
    let line = screen.lines().find(|l| l.contains(" frame 19 "));
    let line = line.expect("the result's line");
    assert!(
        line.contains("(untrained weights)") && line.contains(" limited by "),
        "{line}"
    );
}

#[test]
fn a_screen_too_small_says_what_it_needs() {
    assert_eq!(live().screen((39, 12)).trim(), "needs 40x12, has 39x12");
    for (width, height) in [(1, 1), (40, 12), (79, 23), (200, 12), (40, 80), (300, 100)] {
        live().screen((width, height));
        Console::new().screen((width, height));
    }
}

#[test]
fn without_colour_there_is_none_and_every_word_is_still_there() {
    let mut console = live();
    console.keys(Key::Right, 3);
    for size in SIZES {
        let plain = console.buffer(size, Theme::PLAIN);
        let coloured = |c: &Cell| c.fg != Color::Reset || c.bg != Color::Reset;
        assert!(!plain.content.iter().any(coloured));
        assert_eq!(text(&plain), console.screen(size));
    }
}

#[test]
fn states_are_styled_words() {
    let console = live();
    let buffer = console.buffer((80, 24), Theme::COLOUR);
    let at = text(&buffer).lines().next().unwrap().find("LIVE").unwrap();
    let cell = &buffer[(at as u16, 0)];
    assert_eq!((cell.fg, cell.modifier), (Color::Green, Modifier::BOLD));
}

#[test]
fn a_silent_worker_is_stale_and_the_seconds_count() {
    let mut console = live();
    console.wait(2_100);
    assert!(console.row(0).contains("STALE 2 s"), "{}", console.row(0));
    console.records(ROBOT, Vec::new());
    assert!(console.row(0).contains("LIVE"), "{}", console.row(0));
}

#[test]
fn a_paused_display_stands_still_and_says_how_far_it_is_behind() {
    let mut console = live();
    console.key(Key::Char('p'));
    console.wait(1_500);
    console.records(
        ROBOT,
        (1042..=1050)
            .map(|n| Record::Frame(Box::new(frame(n, 7, 28))))
            .collect(),
    );
    let screen = console.screen((80, 24));
    assert!(screen.contains("PAUSED 1 s, 9 frames behind"), "{screen}");
    assert!(
        screen.contains("1041") && !screen.contains("1050"),
        "{screen}"
    );
    console.key(Key::Char(' '));
    let screen = console.screen((80, 24));
    assert!(
        screen.contains("1050") && screen.contains("LIVE"),
        "{screen}"
    );
}

#[test]
fn emulated_numbers_are_marked() {
    let mut console = Console::new();
    let mut robot = hello(Role::Robot, 1, 5);
    robot.emulated = true;
    console.hear(ROBOT, Said::Hello(Box::new(robot)));
    for size in SIZES {
        assert!(console.screen(size).contains("EMULATED"));
    }
}

#[test]
fn q_quits_in_every_state() {
    let mut paused = live();
    paused.key(Key::Char('p'));
    let mut asking = live();
    asking.records(ROBOT, vec![lease(Some((9, "ann@desk")))]);
    asking.key(Key::Char('c'));
    let mut helped = live();
    helped.key(Key::Char('?'));
    for mut console in [Console::new(), live(), paused, asking, helped] {
        console.effects.clear();
        for key in [Key::Char('q'), Key::Ctrl('c')] {
            console.key(key);
            assert_eq!(console.effects.pop(), Some(Effect::Quit));
        }
    }
}

#[test]
fn the_palette_finds_a_command_by_a_few_letters_and_does_it() {
    let mut console = live();
    console.key(Key::Char(':'));
    for letter in "time".chars() {
        console.key(Key::Char(letter));
    }
    let screen = console.screen((80, 24));
    assert!(screen.contains("▸ 3 t       screen-timeline"), "{screen}");
    console.key(Key::Enter);
    assert_eq!(console.app.screen(), Screen::Timeline);
    // Letters that are keys elsewhere only type here.
    console.keys(Key::Char(':'), 1);
    console.keys(Key::Char('q'), 3);
    assert!(console.screen((40, 12)).contains("nothing is called so"));
    assert!(!console.effects.contains(&Effect::Quit));
    console.key(Key::Esc);
    console.key(Key::Char(':'));
    console.key(Key::Ctrl('c'));
    assert_eq!(console.effects.pop(), Some(Effect::Quit));
}

#[test]
fn numbers_and_tab_show_every_screen_at_every_size() {
    for mut console in [Console::new(), live()] {
        for number in '1'..='8' {
            console.key(Key::Char(number));
            assert_eq!(console.app.screen() as u8, number as u8 - b'1');
            for size in SIZES {
                let screen = console.screen(size);
                assert!(screen.contains("quit"), "{number} {size:?}\n{screen}");
            }
        }
        console.key(Key::Tab);
        assert_eq!(console.app.screen(), Screen::Live);
        console.key(Key::BackTab);
        assert_eq!(console.app.screen(), Screen::Log);
        console.key(Key::Esc);
        assert_eq!(console.app.screen(), Screen::Live);
    }
}

#[test]
fn in_ascii_there_is_nothing_else_and_the_words_are_the_same() {
    let mut console = live();
    console.keys(Key::Right, 3);
    for size in SIZES {
        let ascii = text(&console.buffer(size, Theme::PLAIN.in_ascii(true)));
        assert!(ascii.is_ascii(), "{ascii}");
        let letters =
            |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
        let (a, b) = (letters(&ascii), letters(&console.screen(size)));
        // A few signs have a letter for their likeness.
        assert!(a.len() >= b.len(), "{ascii}");
    }
    let ascii = console.buffer((80, 24), Theme::PLAIN.in_ascii(true));
    snapshot("live_split_ascii_80x24", &text(&ascii));
}

#[test]
fn a_click_asks_for_what_is_written_there() {
    let console = live();
    let area = Rect::new(0, 0, 160, 48);
    let mut buffer = Buffer::empty(area);
    let hits = draw(&console.app, Theme::COLOUR, Nanos(0), area, &mut buffer);
    let screen = text(&buffer);
    let at = |row: usize, word: &str| {
        let line = screen.lines().nth(row).unwrap();
        let byte = line.find(word).unwrap();
        hits.at(line[..byte].chars().count() as u16, row as u16)
    };
    assert_eq!(at(1, "Layers"), Some(Action::Show(Screen::Layers)));
    assert_eq!(at(47, "quit"), Some(Action::Quit));
    assert_eq!(hits.at(159, 20), None);
}

#[test]
fn hostile_text_cannot_leave_its_place() {
    let mut console = live();
    let text = format!("\x1b[2J\x1b[H{}", "x".repeat(10_000));
    console.records(ROBOT, vec![event(Level::Error, &text)]);
    let screen = console.screen((160, 48));
    assert!(!screen.contains('\x1b'));
    assert!(screen.contains("splitscope"), "{screen}");
}
