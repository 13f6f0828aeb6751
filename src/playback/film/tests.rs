use super::*;
use crate::session::{FORMAT, Marker, Start, Writer};

/// Remembers what it was fed, and how far time went.
#[derive(Debug, Clone, Default, PartialEq)]
struct Heard {
    times: Vec<i64>,
    passed: i64,
}

impl Scene for Heard {
    fn feed(&mut self, entry: &Entry) {
        if matches!(entry.what, What::Marker(_)) {
            self.times.push(entry.at.0);
        }
    }

    fn pass(&mut self, to: Nanos) {
        self.passed = to.0;
    }
}

fn entry(at: i64, text: &str) -> Entry {
    Entry {
        at: Nanos(at),
        unix_ms: 0,
        what: What::Marker(Marker {
            text: text.to_owned(),
        }),
    }
}

#[test]
fn any_moment_is_what_feeding_from_the_beginning_makes_of_it_whichever_way_it_is_reached() {
    let mut film = Film::in_memory(Heard::default());
    // Two entries at every moment.
    let times: Vec<i64> = (0..6_000).map(|n| n / 2 * 10).collect();
    for &at in &times {
        film.add(entry(at, ""));
    }
    assert!(film.checkpoints() > 3);
    for at in [29_990, 3, 15_000, 15_001, 14_999, 0, 20_005, 20_010, 70_000] {
        let shown = film.show(Nanos(at)).unwrap();
        let expected: Vec<i64> = times.iter().copied().filter(|&t| t <= at).collect();
        assert_eq!(shown.times, expected, "at {at}");
        assert_eq!(shown.passed, at);
    }
}

#[test]
fn checkpoints_stay_few_however_long_it_goes_on() {
    let mut film = Film::in_memory(());
    for at in 0..40_000 {
        film.add(entry(at, ""));
    }
    assert!((2..=MOST_IN_MEMORY).contains(&film.checkpoints()));
}

impl Scene for () {
    fn feed(&mut self, _: &Entry) {}
    fn pass(&mut self, _: Nanos) {}
}

#[test]
fn memory_forgets_the_oldest_and_what_is_left_is_still_right() {
    let mut film = Film::in_memory(0_u64);
    let most = (MEMORY_BYTES / 512) as i64;
    for at in 0..2 * most {
        film.add(entry(at, ""));
    }
    let Store::Memory(memory) = &film.store else {
        panic!("it is in memory");
    };
    assert!(memory.bytes <= MEMORY_BYTES && memory.entries.len() > 1_000);
    let (from, to) = film.span().unwrap();
    assert!(from.0 > 0 && to.0 == 2 * most - 1);
    for at in [from.0, from.0 + 700, to.0] {
        assert_eq!(*film.show(Nanos(at)).unwrap(), at as u64 + 1);
    }
}

#[test]
fn what_memory_let_go_is_read_from_the_recording_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, written) = recording(folder.path());
    let mut film = Film::recorded(Heard::default(), written.clone());
    let most = (MEMORY_BYTES / 512) as i64;
    // Two entries at every moment; the recorder writes now and then, and lags behind.
    for n in 0..3 * most {
        let entry = entry(n / 2, "");
        film.add(entry.clone());
        writer.add(&entry).unwrap();
        if n % 5_000 == 4_999 {
            writer.flush().unwrap();
            writer.publish(&written);
        }
    }
    let end = (3 * most - 1) / 2;
    assert_eq!(film.span(), Some((Nanos(0), Nanos(end))));
    let memory = memory(&film);
    assert!(memory.bytes <= MEMORY_BYTES && memory.begins().unwrap().0 > most / 2);
    let held = memory.begins().unwrap().0;
    for at in [0, 1, most / 2, held - 1, held, held + 1, 77, 78, end] {
        let shown = film.show(Nanos(at)).unwrap();
        assert_eq!(shown.times.len() as i64, 2 * (at + 1), "at {at}");
        assert!(shown.times.is_sorted(), "at {at}");
    }
}

impl Scene for u64 {
    fn feed(&mut self, _: &Entry) {
        *self += 1;
    }
    fn pass(&mut self, _: Nanos) {}
}

fn recording(folder: &std::path::Path) -> (Writer, Written) {
    let start = Start {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        at: Nanos(0),
        unix_ms: 1_795_616_400_000,
        console: "ada@laptop".to_owned(),
    };
    let writer = Writer::create(&folder.join("live.mcap"), start).unwrap();
    let written = writer.reads_along();
    (writer, written)
}

fn memory<S>(film: &Film<S>) -> &Memory {
    match &film.store {
        Store::Recorded(memory, _) => memory,
        _ => panic!("it is recorded"),
    }
}

/// Everything up to a moment, where an entry happened at each.
fn up_to(at: i64) -> Vec<i64> {
    (0..=at).collect()
}

/// The recording has reached its limit, and the experiment goes on.
#[test]
fn what_is_neither_recorded_nor_in_memory_is_a_gap_and_what_is_around_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, written) = recording(folder.path());
    let mut film = Film::recorded(Heard::default(), written.clone());
    let most = (MEMORY_BYTES / 512) as i64;
    for n in 0..5 * most {
        let entry = entry(n, "");
        film.add(entry.clone());
        if n < most {
            writer.add(&entry).unwrap();
        }
        if n == most - 1 {
            writer.flush().unwrap();
            writer.publish(&written);
        }
    }
    let end = 5 * most - 1;
    assert!(memory(&film).bytes <= MEMORY_BYTES);
    assert_eq!(film.span(), Some((Nanos(0), Nanos(end))));
    let held = memory(&film).begins().unwrap().0;
    let &[(from, to)] = film.landmarks().gaps() else {
        panic!("{:?}", film.landmarks().gaps());
    };
    // Of the last moment written nobody knows whether it is whole.
    assert_eq!((from.0, to.0), (most - 2, held - 1));
    for at in [0, 77, from.0, held - 1, held, held + 1, end, 78, held + 9] {
        assert_eq!(film.show(Nanos(at)).unwrap().times, up_to(at), "at {at}");
    }
    for at in [from.0 + 1, 3 * most, held - 2, 2 * most] {
        let shown = film.show(Nanos(at)).unwrap();
        assert_eq!(shown.times, up_to(from.0), "the last state known at {at}");
        assert_eq!(shown.passed, at);
    }
}

/// The disk was full for a while.
#[test]
fn a_recording_that_goes_on_again_is_read_on_both_sides_of_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, written) = recording(folder.path());
    let mut film = Film::recorded(Heard::default(), written.clone());
    let most = (MEMORY_BYTES / 512) as i64;
    let mut resumed = 0;
    for n in 0..6 * most {
        let entry = entry(n, "");
        film.add(entry.clone());
        if n == 3 * most {
            // There is room again: what the recorder had kept is written first.
            let held = &memory(&film).entries;
            resumed = held.front().unwrap().at.0;
            for entry in held {
                writer.add(entry).unwrap();
            }
            writer.flush().unwrap();
            writer.publish(&written);
        } else if n < most || n > 3 * most {
            writer.add(&entry).unwrap();
        }
        if n % 1_000 == 0 && !(most..3 * most).contains(&n) {
            writer.flush().unwrap();
            writer.publish(&written);
        }
    }
    let &[(from, to)] = film.landmarks().gaps() else {
        panic!("{:?}", film.landmarks().gaps());
    };
    assert!(from.0 < most && to.0 == resumed - 1, "{from:?} {to:?}");
    assert!(memory(&film).bytes <= RECORDED_BYTES + (1_000 << 9));
    for at in [5, from.0, to.0, to.0 + 1, 4 * most, 6 * most - 1, 3 * most] {
        assert_eq!(film.show(Nanos(at)).unwrap().times, up_to(at), "at {at}");
    }
    let inside = film.show(Nanos(2 * most)).unwrap();
    assert_eq!(inside.times, up_to(from.0));
}

/// The disk never took anything.
#[test]
fn where_nothing_was_ever_written_the_film_begins_with_what_memory_has() {
    let folder = tempfile::tempdir().unwrap();
    let (_writer, written) = recording(folder.path());
    let mut film = Film::recorded(0_u64, written);
    let most = (MEMORY_BYTES / 512) as i64;
    for n in 0..3 * most {
        film.add(entry(n, ""));
    }
    let (from, to) = film.span().unwrap();
    assert_eq!(from.0 + 1, memory(&film).begins().unwrap().0);
    assert!(film.landmarks().gaps().is_empty() && film.landmarks().markers()[0].at >= from);
    for at in [from.0, from.0 + 5, to.0] {
        assert_eq!(*film.show(Nanos(at)).unwrap(), at as u64 + 1);
    }
}

/// What the recorder had no time for is in memory for a while, and a gap afterwards.
#[test]
fn what_the_recorder_left_out_is_a_gap_once_memory_has_let_it_go() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, written) = recording(folder.path());
    let mut film = Film::recorded((), written.clone());
    let gap = (Nanos(100), Nanos(200));
    written.leave(gap.0, gap.1);
    let most = (MEMORY_BYTES / 512) as i64;
    for n in 0..most {
        film.add(entry(n, ""));
        writer.add(&entry(n, "")).unwrap();
        if n == most / 2 {
            assert!(film.landmarks().gaps().is_empty());
            writer.flush().unwrap();
            writer.publish(&written);
        }
    }
    assert_eq!(film.landmarks().gaps(), [gap]);
}
