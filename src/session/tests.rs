//! What a tester must be able to rely on: nothing is lost, nothing is invented, whatever happens to the file.

use super::testing::{START_AT, entries, entry, open, session, start};
use super::*;
use crate::units::Nanos;

fn read(reader: &Reader) -> Vec<Entry> {
    reader.entries(..).map_while(Result::ok).collect()
}

#[test]
fn what_was_recorded_is_read_back_exactly_with_and_without_its_index() {
    let wanted = entries();
    for finish in [true, false] {
        let reader = open(session(&wanted, finish)).unwrap();
        assert_eq!(reader.is_whole(), finish);
        let all = read(&reader);
        assert_eq!(all[0].what, What::Start(Box::new(start())));
        assert_eq!(all[1..=wanted.len()], wanted);
        let rest = &all[1 + wanted.len()..];
        assert_eq!(rest.len(), usize::from(finish), "the card alone follows");

        let card = reader.summary();
        assert_eq!(card.start, Some(start()));
        assert_eq!((card.frames, card.latency_frames), (5, 4));
        assert_eq!(card.mean_latency_ms(), Some(60.0025));
        assert_eq!(card.modes, ["split"]);
        assert_eq!(card.workers.len(), 2);
        assert_eq!(card.markers[0].text, "behind the tree");
        assert_eq!((card.gap_batches, card.left_out), (2, 3));
        assert_eq!(card.duration_ns(), wanted.len() as i64 * 100_000_000);
        assert_eq!(card.meta.place.as_deref(), Some("the garden"));
        assert!(card.emulated);
    }
}

#[test]
fn a_range_gives_the_entries_of_that_time_and_no_others() {
    let wanted = entries();
    let reader = open(session(&wanted, true)).unwrap();
    let ms = |ms: i64| START_AT.shifted(ms * 1_000_000);
    for (from, to) in [(0, 100), (250, 1_000), (1_000, 1_000), (2_400, 9_000)] {
        let some: Vec<_> = reader
            .entries(ms(from)..ms(to))
            .map(Result::unwrap)
            .filter(|e| !matches!(e.what, What::Start(_) | What::Summary(_)))
            .collect();
        let expected = wanted.iter().filter(|e| e.at >= ms(from) && e.at < ms(to));
        assert_eq!(some, expected.cloned().collect::<Vec<_>>(), "{from}..{to}");
    }
    let frames = reader.entries_of_kinds(.., |kind| kind == "frame");
    assert_eq!(frames.count(), 5);
}

#[test]
fn what_came_late_is_read_in_its_place() {
    // A worker hands in after an outage what it measured during it.
    let wanted = entries();
    let mut told = wanted.clone();
    let late = told.remove(4);
    told.push(late);
    let reader = open(session(&told, true)).unwrap();
    assert_eq!(read(&reader)[1..=wanted.len()], wanted);
}

#[test]
fn no_proof_of_the_token_is_in_the_file() {
    let reader = open(session(&entries(), true)).unwrap();
    let commands: Vec<_> = reader
        .entries_of_kinds(.., |kind| kind == "command")
        .map(|e| format!("{:?}", e.unwrap().what))
        .collect();
    assert_eq!(commands.len(), 1);
    assert!(commands[0].contains("TakeControl") && commands[0].contains("proof: None"));
}

#[test]
fn a_file_of_a_later_format_is_refused_by_name() {
    let later = Start {
        format: FORMAT + 1,
        version: "9.9".to_owned(),
        ..start()
    };
    let what = What::Start(Box::new(later));
    let error = open(session(&[entry(1, what)], true)).err().unwrap();
    assert!(error.to_string().contains("splitscope 9.9"), "{error}");
}

/// Every entry read must be one that was written.
fn assert_nothing_invented(bytes: Vec<u8>, wanted: &[Entry], what: &str) -> usize {
    let Ok(reader) = open(bytes) else { return 0 };
    let mut found = 0;
    for entry in reader.entries(..) {
        let Ok(entry) = entry else { continue };
        match &entry.what {
            What::Start(s) => assert_eq!(**s, start(), "{what}"),
            What::Summary(card) => assert_eq!(card.frames, 2, "{what}"),
            other => {
                // Without the chunk of the start the times have no origin, but the content still stands.
                let known = wanted.iter().any(|w| w.what == *other);
                assert!(known, "{what}: {other:?}");
                found += 1;
            }
        }
    }
    found
}

/// As few as there can be for every byte to be tried.
fn few() -> Vec<Entry> {
    let all = entries();
    [0, 1, 7, 15, 16, 17].map(|i| all[i].clone()).into()
}

/// Whoever looks on sees how much of a file without its index has been walked through, and of how much.
#[test]
fn opening_and_repairing_tell_how_far_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.mcap");
    let half = session(&entries(), false);
    let (walked, mended) = (Watch::default(), Watch::default());
    for (watch, repairs) in [(&walked, false), (&mended, true)] {
        std::fs::write(&file, &half).unwrap();
        if repairs {
            repair_watched(&file, watch).unwrap();
        } else {
            Reader::open_watched(&file, watch).unwrap();
        }
        let (done, total) = watch.place();
        // Once to see what is there, once to go on behind it.
        assert_eq!(total, 2 * half.len() as u64);
        assert!(done >= total - total / 10, "{done} of {total}");
    }
    let whole = Watch::default();
    Reader::open_watched(&file, &whole).unwrap();
    assert_eq!(whole.place().1, 0, "nothing is walked through");
}

#[test]
fn cut_off_at_any_byte_the_file_opens_with_every_chunk_before_the_cut() {
    let wanted = few();
    let whole = session(&wanted, true);
    let mut most = 0;
    for end in 0..whole.len() {
        let found =
            assert_nothing_invented(whole[..end].to_vec(), &wanted, &format!("cut at {end}"));
        // Three entries to a chunk: never fewer than at an earlier cut, never a chunk's gap more.
        assert!(found >= most, "cut at {end}: {found} after {most}");
        most = found;
    }
    assert_eq!(most, wanted.len());
}

#[test]
fn a_changed_byte_anywhere_loses_data_at_most() {
    let wanted = few();
    for finish in [true, false] {
        let whole = session(&wanted, finish);
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            assert_nothing_invented(bytes, &wanted, &format!("byte {place}"));
        }
    }
}

#[test]
fn hostile_bytes_are_refused_without_much_memory() {
    let mut huge = session(&entries(), false);
    // A chunk that claims 2^60 bytes, and one that claims to unpack to them.
    for (place, claim) in [(1, 1_u64 << 60), (9 + 16, 1 << 60)] {
        let chunk = huge.iter().position(|&b| b == 0x06).unwrap();
        huge[chunk + place..chunk + place + 8].copy_from_slice(&claim.to_le_bytes());
        let _ = open(huge.clone()).map(|r| r.entries(Nanos(0)..).count());
    }
    for bytes in [
        &b""[..],
        b"\x89MCAP0\r\n",
        b"not a session at all, but long enough",
    ] {
        let error = open(bytes.to_vec()).err().unwrap();
        assert!(
            error.to_string().contains("is no splitscope session"),
            "{error}"
        );
    }
}

#[test]
fn what_is_said_afterwards_is_added_and_nothing_else_changes() {
    let wanted = entries();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edited.mcap");
    std::fs::write(&path, session(&wanted, true)).unwrap();
    let said = Meta {
        place: Some(String::new()),
        weather: Some("rain".to_owned()),
        ..Meta::default()
    };
    let mut writer = Writer::append(&path).unwrap();
    let newest = writer.meta().clone().with(&said);
    writer
        .add(&entry(9_000, What::Meta(Box::new(newest))))
        .unwrap();
    writer.finish().unwrap();
    let reader = Reader::open(&path).unwrap();
    let meta = &reader.summary().meta;
    assert_eq!(
        (meta.place.as_deref(), meta.weather.as_deref()),
        (None, Some("rain"))
    );
    assert_eq!(reader.summary().frames, 5);
    let all = read(&reader);
    assert_eq!(all[1..=wanted.len()], wanted, "what was recorded stays");

    // The power goes in the middle of such an edit.
    let edited = std::fs::read(&path).unwrap();
    let before = opened::Opened::read(&path, &session(&wanted, true), &Watch::default()).unwrap();
    for end in (before.data_end as usize..edited.len()).step_by(97) {
        let found = assert_nothing_invented_but_meta(&edited[..end], &wanted);
        assert!(found >= wanted.len(), "cut at {end}");
    }
}

fn assert_nothing_invented_but_meta(bytes: &[u8], wanted: &[Entry]) -> usize {
    let reader = open(bytes.to_vec()).unwrap();
    let all = reader.entries(..).map(|e| e.unwrap().what);
    all.filter(|what| wanted.iter().any(|w| w.what == *what))
        .count()
}

#[test]
fn one_recorder_at_a_time_and_no_repair_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.mcap");
    let mut writer = Writer::create(&path, start()).unwrap();
    for entry in entries() {
        writer.add(&entry).unwrap();
    }
    writer.flush().unwrap();
    // Another process may look, and change nothing.
    assert!(matches!(Writer::append(&path), Err(SessionError::Busy(_))));
    let before = std::fs::read(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.summary().frames, 5);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(
        Writer::create(&path, start()).is_err(),
        "never over another"
    );
}

#[test]
fn the_format_has_not_changed() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/session_v1.mcap");
    if std::env::var_os("SPLITSCOPE_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, session(&entries(), true)).unwrap();
    }
    let stored = std::fs::read(&path).unwrap();
    let reader = open(stored).unwrap();
    assert!(reader.is_whole());
    let all = read(&reader);
    assert_eq!(all[1..=entries().len()], entries());
    assert_eq!(reader.summary().meta.place.as_deref(), Some("the garden"));
}

#[test]
fn the_formats_own_library_reads_it() {
    let bytes = session(&entries(), true);
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    let all = entries().len() as u64 + 2;
    assert_eq!(summary.stats.as_ref().unwrap().message_count, all);
    assert!(summary.channels.values().all(|c| c.schema.is_some()));
    let mut by_index = 0;
    for chunk in &summary.chunk_indexes {
        for (channel, places) in summary.read_message_indexes(&bytes, chunk).unwrap() {
            for place in places {
                let message = summary.seek_message(&bytes, chunk, &place).unwrap();
                assert_eq!(message.channel.topic, channel.topic);
                assert_eq!(message.log_time, place.log_time);
                by_index += 1;
            }
        }
    }
    assert_eq!(by_index, all);
    let streamed = mcap::MessageStream::new(&bytes).unwrap();
    assert_eq!(streamed.map(Result::unwrap).count() as u64, all);
}

/// Waits until the recorder says so; a minute is a fault.
fn until(recorder: &Recorder, what: impl Fn(&Status) -> bool) {
    for _ in 0..6_000 {
        if what(&recorder.status()) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{:?}", recorder.status());
}

#[test]
fn a_disk_that_takes_nothing_for_a_while_costs_bulk_telemetry_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("stick");
    // Where the folder should be there is a file: nothing can be written below it.
    std::fs::write(&folder, "").unwrap();
    let settings = Settings {
        file: folder.join("s.mcap"),
        named: true,
        limit: crate::units::Bytes(1_000_000_000),
        meta: Meta::default(),
    };
    let mut recorder = Recorder::start(settings, &start()).unwrap();
    until(&recorder, |s| matches!(s.state, State::Waiting(_)));
    let trouble = recorder.status().trouble().unwrap();
    assert!(trouble.contains("not recording: cannot"), "{trouble}");
    let wanted = entries();
    let bulk = ["frame", "link", "power"];
    let bulk_entries = wanted
        .iter()
        .filter(|e| bulk.contains(&e.what.kind()))
        .count() as u64;
    for entry in &wanted {
        recorder.put(entry.clone());
    }
    until(&recorder, |s| s.left_out == bulk_entries);
    // Somebody plugs the stick in.
    std::fs::remove_file(&folder).unwrap();
    until(&recorder, |s| s.state == State::Recording);
    recorder.put(entry(9_000, testing::told(0, 99, testing::frame(99))));
    let status = recorder.stop();
    assert_eq!(status.state, State::Finished, "{status:?}");
    let reader = Reader::open(&folder.join("s.mcap")).unwrap();
    let all = read(&reader);
    for entry in &wanted {
        let there = all.iter().any(|e| e.what == entry.what);
        assert_eq!(there, !bulk.contains(&entry.what.kind()), "{entry:?}");
    }
    assert_eq!(reader.summary().frames, 1);
    let left = all.iter().filter_map(|e| match &e.what {
        What::Left(left) if left.reason == "the disk took nothing" => Some(left.entries),
        _ => None,
    });
    assert_eq!(left.sum::<u64>(), bulk_entries);
}

#[test]
fn a_recording_has_its_index_when_the_recorder_stops_and_is_named_later() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a/b/s.mcap");
    let settings = Settings {
        file: file.clone(),
        named: true,
        limit: crate::units::Bytes(1_000_000_000),
        meta: Meta {
            robot: Some("NX 2".to_owned()),
            ..Meta::default()
        },
    };
    let mut recorder = Recorder::start(settings, &start()).unwrap();
    let wanted = entries();
    for entry in &wanted {
        recorder.put(entry.clone());
    }
    let status = recorder.stop();
    assert!(
        status.last_words().contains("s.mcap"),
        "{}",
        status.last_words()
    );
    let reader = Reader::open(&file).unwrap();
    assert!(reader.is_whole());
    assert_eq!(reader.summary().frames, 5);
    assert_eq!(reader.summary().entries(), wanted.len() as u64 + 2);
}

#[test]
fn a_recording_is_read_while_it_goes_on_and_a_name_that_is_taken_gets_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s.mcap");
    std::fs::write(&file, "another console was faster").unwrap();
    let settings = Settings {
        file: file.clone(),
        named: false,
        limit: crate::units::Bytes(1_000_000_000),
        meta: Meta::default(),
    };
    let mut recorder = Recorder::start(settings.clone(), &start()).unwrap();
    let wanted = entries();
    for entry in &wanted {
        recorder.put(entry.clone());
    }
    let written = recorder.written();
    let has = |wanted: &Entry| {
        let reader = written.reader().ok();
        reader.is_some_and(|r| read(&r).iter().any(|e| e.what == wanted.what))
    };
    until(&recorder, |_| wanted.iter().all(has));
    let status = recorder.stop();
    assert_eq!(status.file, dir.path().join("s-2.mcap"));
    assert_eq!(Reader::open(&status.file).unwrap().summary().frames, 5);
    // A name that a person chose is not changed.
    let named = Settings {
        named: true,
        ..settings
    };
    let recorder = Recorder::start(named, &start()).unwrap();
    until(&recorder, |s| matches!(s.state, State::Waiting(_)));
}
