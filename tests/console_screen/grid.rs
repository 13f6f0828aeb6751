//! Every state at every size in every kind of theme, with a map of its styles. To keep the present screens:
//! `INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo nextest run --no-default-features --test console_screen grid`.
//!
//! Three files a size: `dark` has the text and, below it, the styles; `mono` the styles alone, as its text is the same;
//! `ascii` the text alone, as its styles are the same.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use splitscope::console::app::{App, Effect, Key, Reel, Said, Setup, Shot, Update};
use splitscope::console::view::Theme;
use splitscope::playback::Film;
use splitscope::session::{State, Status};
use splitscope::units::{Bytes, Nanos};
use splitscope::wire::Level;

use crate::styles::Legend;
use crate::sweep::sweeping;
use crate::{Console, MS, ROBOT, SERVER, SIZES, event, live, snapshot, text};

/// Ten seconds and two more, with both workers at work, so that there is something to rewind to.
fn watched() -> Console {
    let mut console = live();
    console.wait(1_000);
    console.records(ROBOT, vec![event(Level::Info, "the lights went on")]);
    console.records(SERVER, Vec::new());
    console
}

/// The robot has been silent for three seconds, the server has not.
fn stale() -> Console {
    let mut console = watched();
    console.wait(3_000);
    console.records(SERVER, Vec::new());
    console
}

/// The robot is gone, the disk is full, and something failed on the server.
fn error() -> Console {
    let mut console = watched();
    console.records(
        SERVER,
        vec![event(Level::Error, "operator 31: out of memory")],
    );
    console.hear(ROBOT, Said::Lost("connection refused".to_owned()));
    console.update(Update::Recording(Box::new(Status {
        file: PathBuf::from("recordings/garden.mcap"),
        began: Nanos(0),
        bytes: Bytes(4_200_000),
        state: State::Waiting("no space left on device".to_owned()),
        left_out: 12,
        nearly_full: false,
    })));
    console.wait(200);
    console
}

/// What the film answers goes back to the console, as the shell does it.
fn serve(console: &mut Console, film: &mut Film<App>, update: Update) {
    console.effects.clear();
    console.update(update);
    while let Some(effect) = console.effects.pop() {
        if let Effect::Show(moment) = effect {
            let state = film.show(moment).unwrap();
            let picture = Shot::Picture {
                at: state.replayed(),
                evidence: Box::new(state.evidence()),
            };
            console.update(Update::Film(picture));
        }
    }
}

/// What has been, as a film.
fn film(console: &Console) -> (Film<App>, Reel) {
    let (first, _) = App::new(Setup::default(), Nanos(0));
    let mut film = Film::in_memory(first);
    console
        .entries
        .iter()
        .for_each(|entry| film.add(entry.clone()));
    let (from, to) = film.span().unwrap();
    let reel = Reel {
        from,
        to,
        landmarks: Arc::new(film.landmarks().clone()),
        reading: None,
    };
    (film, reel)
}

/// Live, seen as it was a second before.
fn rewound() -> Console {
    let mut console = watched();
    let (mut film, reel) = film(&console);
    serve(&mut console, &mut film, Update::Film(Shot::Reel(reel)));
    serve(&mut console, &mut film, Update::Key(Key::Char('<')));
    console
}

/// The same as a recording, at its end.
fn replay() -> Console {
    let (mut film, reel) = film(&watched());
    let (from, to) = (reel.from, reel.to);
    let mut console = Console::new();
    let title = "garden.mcap".to_owned();
    console.app = App::replay(Setup::default(), title, from, to, Nanos(0));
    serve(&mut console, &mut film, Update::Film(Shot::Reel(reel)));
    serve(&mut console, &mut film, Update::Key(Key::End));
    console
}

/// With a crosshair half a second before the newest.
fn crossed(mut console: Console) -> Console {
    console.key(Key::Char('x'));
    console.keys(Key::Left, 5);
    console
}

/// Every state with the word that says so at any size.
fn states() -> Vec<(&'static str, &'static str, Console)> {
    let mut connecting = Console::new();
    connecting.wait(600);
    let mut sweep = sweeping(12);
    sweep.now += 20 * MS;
    vec![
        ("connecting", "CONNECTING", connecting),
        ("live", "LIVE", watched()),
        ("stale", "STALE", stale()),
        ("rewound", "REWOUND", rewound()),
        ("replay", "REPLAY", replay()),
        ("sweep", "weep", sweep),
        ("error", "RETRY", error()),
        ("crosshair", "-0.5 s", crossed(watched())),
        ("crosshair in a replay", "-0.5 s", crossed(replay())),
    ]
}

#[test]
fn grid_of_states_sizes_and_themes() {
    let states = states();
    for size in SIZES {
        let (dark, mono) = (Theme::COLOUR, Theme::PLAIN);
        let ascii = dark.in_ascii(true);
        let (mut bright, mut plain) = (Legend::new(dark), Legend::new(mono));
        let mut files = [String::new(), String::new(), String::new()];
        for (name, word, console) in &states {
            let screens = [dark, mono, ascii].map(|theme| console.buffer(size, theme));
            let words = screens.each_ref().map(text);
            assert!(words[1].contains(word), "{name} {size:?}:\n{}", words[1]);
            assert_eq!(words[0], words[1], "{name} {size:?}: words by colour alone");
            let styles = bright.map(&screens[0]);
            // What stands for a sign may be a blank or not: a sign has a look nevertheless.
            let looks = |i: usize| screens[i].content.iter().map(|c| (c.fg, c.bg, c.modifier));
            assert!(
                looks(0).eq(looks(2)),
                "{name} {size:?}: another look in ASCII"
            );
            assert!(words[2].is_ascii(), "{name} {size:?}:\n{}", words[2]);
            writeln!(files[0], "=== {name}\n{}\n--- styles\n{styles}", words[0]).unwrap();
            writeln!(files[1], "=== {name}\n{}", plain.map(&screens[1])).unwrap();
            writeln!(files[2], "=== {name}\n{}", words[2]).unwrap();
        }
        let (width, height) = size;
        let name = |theme: &str| format!("grid_{width}x{height}_{theme}");
        snapshot(&name("dark"), &format!("{}{}", bright.words(), files[0]));
        snapshot(&name("mono"), &format!("{}{}", plain.words(), files[1]));
        snapshot(&name("ascii"), &files[2]);
    }
}

/// A full disk is told in whole words on the narrowest screen, too.
#[test]
fn a_recording_that_does_not_go_on_is_told_at_every_size() {
    let error = error();
    for size in SIZES {
        let screen = text(&error.buffer(size, Theme::PLAIN));
        assert!(screen.contains("NOT RECORDING"), "{size:?}:\n{screen}");
    }
}

/// Without any colour each state is told from each other.
#[test]
fn no_two_states_differ_by_colour_alone() {
    let states = states();
    for size in SIZES {
        let screens = states.iter().map(|(name, _, console)| {
            let screen = text(&console.buffer(size, Theme::PLAIN));
            (name, screen)
        });
        let screens: Vec<_> = screens.collect();
        for (i, (name, screen)) in screens.iter().enumerate() {
            for (other, another) in &screens[i + 1..] {
                assert_ne!(screen, another, "{name} and {other} at {size:?}");
            }
        }
    }
}
