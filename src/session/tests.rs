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
            What::Summary(card) => assert_eq!(card.frames, 5, "{what}"),
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

#[test]
fn cut_off_at_any_byte_the_file_opens_with_every_chunk_before_the_cut() {
    let wanted = entries();
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
    let wanted = entries();
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
