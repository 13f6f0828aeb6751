//! Device profiles: the stored format, what a reader hears of a bad one, what times follow, and how close the shipped
//! ones are to what was measured.

use std::path::Path;

use proptest::prelude::*;
use splitscope::model::{Region, Span, zoo};
use splitscope::profile::{
    FieldData, Profile, SHIPPED, compare_local, compare_offload, compare_power,
    forward_without_normalize_ns,
};

/// Every field of the format.
const GOLDEN: &str = include_str!("profiles/golden.toml");

#[test]
fn a_profile_is_written_as_it_is_stored() {
    for (name, text) in SHIPPED.iter().chain(&[("golden", GOLDEN)]) {
        let profile = Profile::parse(name, text).unwrap();
        assert_eq!(profile.to_toml().unwrap(), *text, "{name}");
    }
}

#[test]
fn a_bad_profile_is_refused_with_the_place_what_was_read_and_what_was_expected() {
    let told = |from: &str, to: &str| {
        assert!(GOLDEN.contains(from), "{from}");
        let text = GOLDEN.replacen(from, to, 1);
        Profile::parse("mine", &text).unwrap_err().to_string()
    };
    for (from, to, parts) in [
        ("format = 1", "format = 2", ["format is 2", "expected 1"]),
        (
            "compute_w = 14.5",
            "compute_w = \"much\"",
            ["line 13", "expected f64"],
        ),
        (
            "compute_w = 14.5",
            "compute_w = -1.0",
            ["power.compute_w is -1", "from 0 to"],
        ),
        (
            "overhead_ns = 50000.0",
            "overhead_ns = nan",
            ["conv2d.overhead_ns is NaN", "nanoseconds"],
        ),
        (
            "bytes_per_s = 1000000000.0",
            "bytes_per_s = 0.0",
            ["other.bytes_per_s is 0", "rate"],
        ),
        (
            "[operators.other]",
            "[operators.others]",
            ["operators.other", "not listed"],
        ),
        (
            "scaling = [0.25, ",
            "scaling = [0.75, ",
            ["conv2d.scaling is 0.5", "from 0.75"],
        ),
        ("who = ", "whom = ", ["line 5", "unknown field `whom`"]),
        (
            "size = [",
            "size = [0, ",
            ["models.vgg19.size is 0", "rows or columns"],
        ),
        (
            "rows_ns = [",
            "rows_ns = [-5, ",
            ["vgg19.table.features.1 is -5", "nanoseconds"],
        ),
        (
            "relu = 1.5",
            "relu = inf",
            ["vgg19.scale.relu is inf", "a factor"],
        ),
        (
            "name = \"test\"",
            "name = \"\"",
            ["name is 0 bytes", "between 1"],
        ),
    ] {
        let told = told(from, to);
        for part in ["mine", parts[0], parts[1]] {
            assert!(told.contains(part), "{to}: {told}");
        }
    }
    let long = " ".repeat(splitscope::profile::MAX_FILE_BYTES + 1);
    assert!(Profile::parse("mine", &long).is_err());
}

#[test]
fn a_profile_nested_without_end_is_refused_like_any_other() {
    let deep = |open: &str| format!("{GOLDEN}\nmore = {}", open.repeat(1 << 18));
    for text in [
        deep("["),
        deep("{a="),
        "[".repeat(1 << 19),
        "a.".repeat(1 << 18),
    ] {
        assert!(Profile::parse("mine", &text).is_err());
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(
        at in 0..GOLDEN.len(), len in 0_usize..40, put in "[ -~\\n]{0,20}", noise in ".{0,200}"
    ) {
        // The profile is ASCII.
        let end = (at + len).min(GOLDEN.len());
        let text = format!("{}{put}{}", &GOLDEN[..at], &GOLDEN[end..]);
        for text in [text, noise] {
            if let Ok(profile) = Profile::parse("mine", &text) {
                let graph = zoo::build("vgg19", 1, 64, 64).unwrap();
                prop_assert!(profile.forward_ns(&graph) >= 0);
            }
        }
    }

    #[test]
    fn a_part_takes_no_longer_than_the_whole_and_never_less_than_its_launch(
        node in 0_usize..40, a in 0_u32..64, b in 1_u32..64, rows in any::<bool>()
    ) {
        let profile = Profile::open("jetson-xavier-nx").unwrap();
        let graph = zoo::build("mobilenet_v2", 1, 224, 224).unwrap();
        let node = &graph.operators()[node];
        let whole = Region::whole(&node.shape);
        let len = if rows { node.shape.rows } else { node.shape.channels };
        let span = Span::new(a.min(len - 1), (a + b).min(len).max(a.min(len - 1) + 1));
        let part = if rows { Region { row: span, ..whole } } else { Region { channel: span, ..whole } };
        let (part, whole) = (
            profile.time_ns(&graph, node, &part, None),
            profile.time_ns(&graph, node, &whole, None),
        );
        prop_assert!(part <= whole, "{part} {whole}");
        let launch = profile.cost(splitscope::profile::kind(&graph, node)).overhead_ns;
        prop_assert!(part as f64 >= launch - 1.0, "{part} {launch}");
    }
}

#[test]
fn times_follow_the_format() {
    let profile = Profile::parse("golden", GOLDEN).unwrap();
    let graph = zoo::build("resnet50", 1, 224, 224).unwrap();
    let node = |kind: &str| {
        let mut found = graph.operators().iter();
        found
            .find(|n| splitscope::profile::kind(&graph, n) == kind)
            .unwrap()
    };
    // 2 x 3 x 49 x 64 x 112 x 112 operations at 1e9 per second, and the launch.
    let conv = node("conv2d");
    let whole = Region::whole(&conv.shape);
    let ns = profile.time_ns(&graph, conv, &whole, None);
    assert_eq!(ns, 50_000 + 2 * 3 * 49 * 64 * 112 * 112);
    // A quarter of its channels takes half of the work's time here.
    let quarter = Region {
        channel: Span::new(0, 16),
        ..whole
    };
    let part = profile.time_ns(&graph, conv, &quarter, None);
    assert_eq!(part, 50_000 + 3 * 49 * 64 * 112 * 112);
    // Pooling is not listed: the cost of others, read and written at 1e9 bytes per second.
    let pool = node("max_pool2d");
    let whole = Region::whole(&pool.shape);
    let bytes = 4 * 64 * (112 * 112 + 56 * 56);
    assert_eq!(profile.time_ns(&graph, pool, &whole, None), 10_000 + bytes);
    // A measured model at its size: what was measured; at another: the costs, times the model's factor.
    let relu_ns = |size: u32| {
        let graph = zoo::build("vgg19", 1, size, size).unwrap();
        let relu = graph
            .operators()
            .iter()
            .find(|n| n.name == "features.1")
            .unwrap();
        profile.time_ns(&graph, relu, &Region::whole(&relu.shape), None)
    };
    assert_eq!(relu_ns(64), 777_000);
    assert_eq!(relu_ns(32), (10_000 + 2 * 4 * 64 * 32 * 32) * 3 / 2);
}

#[test]
fn the_shipped_devices_take_as_long_as_the_real_ones_and_know_other_models() {
    for (name, _) in SHIPPED {
        let profile = Profile::open(name).unwrap();
        assert_eq!(profile.provenance.cudnn, "off");
        assert_eq!(profile.models.len(), 3, "{name}");
        for model in &profile.models {
            let graph = zoo::build(&model.name, 1, 224, 224).unwrap();
            let off =
                forward_without_normalize_ns(&profile, &graph) as f64 / model.measured_ns as f64;
            assert!((off - 1.0).abs() < 1e-3, "{name} {} {off}", model.name);
        }
        for other in ["vgg19", "resnet50", "mobilenet_v2"] {
            let graph = zoo::build(other, 1, 224, 224).unwrap();
            let ms = profile.forward_ns(&graph) as f64 / 1e6;
            assert!((0.5..500.0).contains(&ms), "{name} {other}: {ms} ms");
        }
    }
}

/// The folder is not part of the project: `SPLITSCOPE_FIELD_DATA` says where it is.
#[test]
fn emulated_devices_are_within_5_percent_of_the_measured_system() {
    let Some(dir) = std::env::var_os("SPLITSCOPE_FIELD_DATA") else {
        println!("skipped: SPLITSCOPE_FIELD_DATA names no folder of measured figures");
        return;
    };
    let field = FieldData::new(Path::new(&dir));
    assert!(field.is_there(), "{}", dir.display());
    let robot = Profile::open("jetson-xavier-nx").unwrap();
    let server = Profile::open("gpu-server").unwrap();
    let local = compare_local(&robot, &field).unwrap();
    assert_eq!(local.len(), 3);
    for row in local {
        assert!(row.error_pct().abs() < 5.0, "{row:?}");
    }
    let offload = compare_offload(&server, &field).unwrap();
    assert!(offload.len() > 90, "{} buckets", offload.len());
    for row in offload {
        assert!(row.error_pct().abs() < 5.0, "{row:?}");
    }
    let power = compare_power(&robot, &field).unwrap();
    assert_eq!(power.len(), 9);
    for row in power {
        assert!(row.error_pct().abs() < 10.0, "{row:?}");
    }
}
