//! Files that are damaged or made to harm: a reason each time, never a panic, never the memory they claim.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use proptest::prelude::*;
use splitscope::model::weights::Weights;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{GOLDEN, golden, load, message, spec, tiny};

#[test]
fn what_is_no_weights_file_is_told_by_its_first_bytes() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "starts with \"\""),
        (
            b"GIF89a!!!!",
            "starts with \"GIF89a!!!\": expected a PyTorch .pth (zip or legacy) or a .safetensors file",
        ),
        (
            b"\x80\x02K\x01.",
            "magic number: expected 0x1950a86a20f9469cfc6c, found 0x1",
        ),
        (
            b"PK\x03\x04 and no more",
            "expected a zip archive that torch.save wrote",
        ),
        (b"\x02\0\0\0\0\0\0\0{}garbage", "safetensors header"),
        (b"\x09\0\0\0\0\0\0\0{}garbage", "safetensors header"),
    ];
    for (bytes, expected) in cases {
        let told = message(load(bytes, &tiny()));
        assert!(told.contains(expected), "{told}");
    }
    let told = message(Weights::load(Path::new("/nowhere/model.pth"), &tiny()));
    assert!(
        told.starts_with("could not open /nowhere/model.pth: "),
        "{told}"
    );
}

/// What stands before a state dict's pickle in a legacy file: magic number, protocol, system.
const HEAD: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
/// What follows it: the key `0` and its storage of two floats.
const TAIL: &[u8] = b"\x80\x02]X\x01\0\0\x000a.\x02\0\0\0\0\0\0\0\0\0\x80?\0\0\0@";

fn legacy(state: &[u8]) -> Vec<u8> {
    [HEAD, state, TAIL].concat()
}

/// A legacy file of `{"w": tensor}` over that storage; count, offset, sizes and strides are opcodes.
fn tensor(count: &[u8], offset: &[u8], sizes: &[u8], strides: &[u8]) -> Vec<u8> {
    let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu";
    let parts: [&[u8]; 8] = [
        b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(",
        storage,
        count,
        b"tQ",
        offset,
        sizes,
        strides,
        b"tRs.",
    ];
    legacy(&parts.concat())
}

#[test]
fn a_hand_written_pickle_is_read() {
    let weights = load(
        &tensor(b"K\x02", b"K\0", b"(K\x02t", b"(K\x01t"),
        &[spec("w", &[2])],
    )
    .unwrap();
    assert_eq!(weights.get("w").unwrap().data[..], [1.0, 2.0]);
}

/// A file's bytes by what is wrong with it, and what its error says.
type Case = (&'static str, Vec<u8>, &'static str);

#[test]
fn programs_are_refused_by_the_name_of_what_they_would_run() {
    let state = |pickle: &[u8]| legacy(&[b"\x80\x02", pickle].concat());
    refused(&[
        (
            "a command",
            state(b"cos\nsystem\nX\x04\0\0\0true\x85R."),
            "refused to build os.system",
        ),
        (
            "protocol 4",
            state(b"\x8c\x02os\x8c\x06system\x93)R."),
            "refused to build os.system",
        ),
        (
            "a hidden name",
            state(b"c\x1b[2Jos\nrm\n."),
            "refused to build \\u{1b}[2Jos.rm",
        ),
        (
            "a whole model",
            state(b"ctimm.models\nVGG\n."),
            "refused to build timm.models.VGG",
        ),
        (
            "a class of torch",
            state(b"ctorch\nStorage\n."),
            "refused to build torch.Storage",
        ),
        (
            "an unknown opcode",
            state(b"i."),
            "unknown pickle opcode 0x69",
        ),
        (
            "a newer protocol",
            state(b"\x80\x06."),
            "asks for 6 protocol",
        ),
    ]);
}

#[test]
fn claims_that_the_file_cannot_hold_are_refused() {
    let state = |pickle: &[u8]| legacy(&[b"\x80\x02", pickle].concat());
    let long_name = [b"c".to_vec(), b"x".repeat(300)].concat();
    // Each level holds ten references to the one below: 10^40 values if anything followed them.
    let level = b"q\x01(h\x01h\x01h\x01h\x01h\x01h\x01h\x01h\x01h\x01h\x01t";
    let laughs = [b"]".to_vec(), level.repeat(40), b".".to_vec()].concat();
    let nested = [b"]".to_vec(), b"\x85".repeat(1_000_000), b".".to_vec()].concat();
    refused(&[
        (
            "2^60 bytes",
            state(b"\x8d\0\0\0\0\0\0\0\x10."),
            "asks for 1152921504606846976 bytes of text",
        ),
        (
            "text past the end",
            state(b"}X\xff\xff\x0f\0"),
            "the pickle ends at byte",
        ),
        (
            "an endless name",
            state(&long_name),
            "at most 256 are accepted",
        ),
        (
            "an integer of 255 bytes",
            state(b"\x8a\xff"),
            "at most 16 are accepted",
        ),
        (
            "a full stack",
            state(&b"K\0".repeat(70_000)),
            "values on the stack",
        ),
        (
            "endless opcodes",
            state(&b"N0".repeat(1_100_000)),
            "opcodes at byte",
        ),
        (
            "billion laughs",
            state(&laughs),
            "found a tuple, expected a state dict",
        ),
        (
            "deep nesting",
            state(&nested),
            "found a tuple, expected a state dict",
        ),
        (
            "an empty stack",
            state(b"tR."),
            "ends a group that was never begun",
        ),
        (
            "an unknown memo",
            state(b"h\x07."),
            "recalls value 7 that it never remembered",
        ),
        (
            "no tensors",
            state(b"}X\x01\0\0\0aK\x01s."),
            "a dict of 1 items with no tensor",
        ),
    ]);
}

#[test]
fn tensors_past_their_storage_are_refused() {
    let (one, two, minus) = (b"(K\x01t", b"(K\x02t", b"(J\xff\xff\xff\xfft");
    let negative = "negative or missing offset, sizes or strides";
    let huge = b"(J\0\0\0\x40J\0\0\0\x40t";
    let storage = "expected 1073741824 elements, found 2 elements";
    let at_one = "views [2] by strides [1] at 1 in a storage of 2 elements, past its end";
    // 2^60 elements through strides of zero over one float: well formed, and not what any graph wants.
    let expanded = "`w`: expected [2], found [1073741824, 1073741824]";
    refused(&[
        (
            "a negative size",
            tensor(b"K\x02", b"K\0", minus, one),
            negative,
        ),
        (
            "a negative stride",
            tensor(b"K\x02", b"K\0", two, minus),
            negative,
        ),
        (
            "a negative offset",
            tensor(b"K\x02", &minus[1..6], two, one),
            negative,
        ),
        (
            "an offset past the end",
            tensor(b"K\x02", b"K\x01", two, one),
            at_one,
        ),
        (
            "a stride past the end",
            tensor(b"K\x02", b"K\0", two, two),
            "past its end",
        ),
        (
            "a missing stride",
            tensor(b"K\x02", b"K\0", two, b")"),
            "past its end",
        ),
        (
            "a storage past the file",
            tensor(b"J\0\0\0\x40", b"K\0", two, one),
            storage,
        ),
        (
            "2^60 elements",
            tensor(b"K\x02", b"K\0", huge, b"(K\0K\0t"),
            expanded,
        ),
        (
            "2^60 elements apart",
            tensor(b"K\x02", b"K\0", huge, huge),
            "past its end",
        ),
    ]);
}

/// A zip file whose one storage, 16 MiB of zeros, is a thousand times its packed size.
#[test]
fn a_zip_bomb_is_not_unpacked() {
    let stream = tensor(b"J\0\0\x40\0", b"K\0", b"(J\0\0\x40\0t", b"(K\x01t");
    let state = &stream[HEAD.len()..stream.len() - TAIL.len()];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("m/data.pkl", state), ("m/data/0", &vec![0; 1 << 24])] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    let told = message(load(
        zip.finish().unwrap().get_ref(),
        &[spec("w", &[1 << 22])],
    ));
    assert!(told.contains("m/data/0: expected at most"), "{told}");
    assert!(told.contains("found a claim of 16777216"), "{told}");
}

/// Each case ends in its error, and no length that a file claims was allocated.
fn refused(cases: &[Case]) {
    let before = address_space_kib();
    for (what, file, expected) in cases {
        let told = message(load(file, &[spec("w", &[2])]));
        assert!(told.contains(expected), "{what}: {told}");
    }
    let grown = address_space_kib() - before;
    assert!(grown < 1 << 20, "the address space grew by {grown} KiB");
}

/// The highest address space this process has had; a large allocation shows here even when never touched.
fn address_space_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

#[test]
fn a_file_cut_short_anywhere_is_an_error() {
    let copy = tempfile::NamedTempFile::new().unwrap();
    for name in GOLDEN {
        let length = fs::copy(golden(name), copy.path()).unwrap();
        for length in (0..length).rev() {
            copy.as_file().set_len(length).unwrap();
            let cut = Weights::load(copy.path(), &tiny());
            assert!(cut.is_err(), "{name} cut at {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a damaged file holds, reading ends, with weights or with a reason.
    #[test]
    fn damaged_files_never_panic(
        file in 0..GOLDEN.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = fs::read(golden(GOLDEN[file])).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Err(error) = load(&bytes, &tiny()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    /// Opcodes at random, behind a true header.
    #[test]
    fn random_pickles_never_panic(state in prop::collection::vec(prop::sample::select(OPCODES.to_vec()), 0..200)) {
        let _ = load(&legacy(&state), &tiny());
    }
}

/// The machine's opcodes, digits and letters for their arguments, and a few it does not know.
const OPCODES: &[u8] = b"\x80\x95.(01qr\x94hj}])t\x85\x86\x87aesuc\x93QRbN\x88\x89KMJ\x8aGX\x8c\x8dUTBC\x8e\0\x01\x02\x03torch\nFloatStorage\n\xffi2";
