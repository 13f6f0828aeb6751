//! Weights from files, from a seed and in the cache: the same values from every form, and no harm from bad files.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests' helpers stop as tests do"
)]

#[path = "weights/hostile.rs"]
mod hostile;
#[path = "weights/store.rs"]
mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use splitscope::model::weights::{
    Init, ParamSpec, WeightTensor, Weights, WeightsError, transfer_limit_bytes,
};
use splitscope::model::zoo;
use splitscope::units::Hash32;

const GOLDEN: [&str; 4] = [
    "legacy.pth",
    "zip.pth",
    "checkpoint.pth",
    "tiny.safetensors",
];
const GOLDEN_HASH: &str = "19c469a2e023ecc1f531051b75b3a1469e30e5166ec789564fd95059d7dccd1c";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/weights")
        .join(name)
}

fn spec(name: &str, shape: &[u32]) -> ParamSpec {
    ParamSpec {
        name: name.into(),
        shape: shape.into(),
        init: Init {
            low: -0.5,
            high: 0.5,
        },
    }
}

/// The parameters of the golden files that a graph would ask for.
fn tiny() -> Vec<ParamSpec> {
    vec![
        spec("conv.weight", &[2, 3, 2, 2]),
        spec("tied", &[12]),
        spec("turned", &[3, 2]),
        spec("expanded", &[2, 3]),
        spec("half", &[3]),
        spec("brain", &[3]),
        spec("double", &[3]),
        spec("scale", &[]),
    ]
}

/// Reads bytes as a file.
fn load(bytes: &[u8], wanted: &[ParamSpec]) -> Result<Weights, WeightsError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    Weights::load(file.path(), wanted)
}

fn message(result: Result<Weights, WeightsError>) -> String {
    result.expect_err("the file is bad").to_string()
}

#[test]
fn every_form_of_the_same_model_gives_the_same_weights() {
    let ramp = |from: i16, count: i16| {
        (from..from + count)
            .map(|i| f32::from(i) / 4.0 - 1.0)
            .collect::<Vec<f32>>()
    };
    let expected: [(&str, Vec<f32>); 8] = [
        ("conv.weight", ramp(0, 24)),
        ("tied", ramp(12, 12)),
        ("turned", vec![0., 3., 1., 4., 2., 5.]),
        ("expanded", vec![4., 4., 4., 5., 5., 5.]),
        ("half", vec![1., -2., 65504.]),
        ("brain", vec![1., -3.125, 0.5]),
        ("double", vec![0.1, -1.5, f32::INFINITY]),
        ("scale", vec![3.5]),
    ];
    for file in GOLDEN {
        let weights = Weights::load(&golden(file), &tiny()).unwrap_or_else(|e| panic!("{e}"));
        for (name, values) in &expected {
            assert_eq!(
                &weights.get(name).unwrap().data[..],
                values,
                "{name} in {file}"
            );
        }
        assert_eq!(
            weights.tensor_count(),
            8,
            "the counter is not asked for and stays out"
        );
        assert_eq!(weights.parameter_count(), 24 + 12 + 6 + 6 + 3 * 3 + 1);
        assert_eq!(weights.hash().to_string(), GOLDEN_HASH, "{file}");
    }
}

#[test]
fn what_does_not_fit_is_listed_with_expected_and_found() {
    let mut wanted = vec![spec("bn.num_batches_tracked", &[]), spec("tied", &[3, 4])];
    wanted.extend((0..5).map(|i| spec(&format!("module.{i}"), &[7])));
    for file in GOLDEN {
        let told = message(Weights::load(&golden(file), &wanted));
        for part in [
            "7 of 7 wanted parameters do not fit",
            "`bn.num_batches_tracked`: expected f32, f16, bf16 or f64, found i64",
            "`tied`: expected [3, 4], found [12]",
            "`module.0`: expected [7], found nothing",
            "and 3 more",
            "The file holds 9 tensors, first `bn.num_batches_tracked`, `brain`",
        ] {
            assert!(told.contains(part), "{file}: {told}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every bit pattern survives, NaN payloads too, and the bytes do not depend on how the set was made.
    #[test]
    fn safetensors_round_trip(tensors in prop::collection::btree_map(".{0,12}", tensor_strategy(), 0..5)) {
        let weights: Weights = tensors.clone().into_iter().collect();
        let wanted: Vec<_> = tensors.iter().map(|(name, tensor)| spec(name, &tensor.shape)).collect();
        let bytes = weights.to_safetensors().unwrap();
        prop_assert!(bytes.len() as u64 <= transfer_limit_bytes(&wanted));
        prop_assert!(safetensors::SafeTensors::deserialize(&bytes).is_ok(), "other readers agree");
        let back = Weights::from_safetensors(&bytes, &wanted, "memory").unwrap();
        prop_assert_eq!(back.hash(), weights.hash());
        let reversed: Weights = tensors.into_iter().rev().collect();
        prop_assert_eq!(reversed.to_safetensors().unwrap(), bytes);
    }
}

fn tensor_strategy() -> impl Strategy<Value = WeightTensor> {
    let shape = prop::collection::vec(0u32..4, 0..4);
    shape.prop_flat_map(|shape| {
        let count = shape.iter().product::<u32>() as usize;
        let bits = prop::collection::vec(any::<u32>(), count);
        bits.prop_map(move |bits| WeightTensor {
            shape: shape.clone(),
            data: bits.into_iter().map(f32::from_bits).collect(),
        })
    })
}

#[test]
fn seeded_weights_have_the_same_bits_on_every_machine() {
    let wanted = [
        spec("features.0.weight", &[4, 3, 3, 3]),
        ParamSpec {
            init: Init {
                low: 0.0,
                high: 1.0,
            },
            ..spec("unit", &[5])
        },
        ParamSpec {
            init: Init {
                low: 1.0,
                high: 1.0,
            },
            ..spec("ones", &[2])
        },
    ];
    let weights = Weights::seeded(42, &wanted);
    let bits = |name: &str| -> Vec<u32> {
        weights
            .get(name)
            .unwrap()
            .data
            .iter()
            .take(4)
            .map(|x| x.to_bits())
            .collect()
    };
    assert_eq!(
        bits("features.0.weight"),
        [0x3eb5_291a, 0xbe13_df00, 0xbeed_5c3a, 0xbe34_494c]
    );
    assert_eq!(
        bits("unit"),
        [0x3f68_8492, 0x3ecc_82b4, 0x3efe_7b70, 0x3f76_7d04]
    );
    assert_eq!(weights.get("ones").unwrap().data[..], [1.0, 1.0]);
    assert_eq!(
        weights.hash().to_string(),
        "eeffded3302f691c4ff2ef97589293e96a5eb39a4561c5d3ce1d7df1638cbe13"
    );
    assert_ne!(weights.hash(), Weights::seeded(43, &wanted).hash());
}

#[test]
fn a_seeded_element_depends_on_seed_name_and_index_alone() {
    let long = Weights::seeded(7, &[spec("a", &[3, 500_000]), spec("b", &[9])]);
    let (a, short) = (
        long.get("a").unwrap(),
        Weights::seeded(7, &[spec("a", &[1000])]),
    );
    assert_eq!(a.data[..1000], short.get("a").unwrap().data[..]);
    assert_eq!(
        long.get("b"),
        Weights::seeded(7, &[spec("b", &[9])]).get("b")
    );
    assert!(a.data.iter().all(|x| (-0.5..0.5).contains(x)));
    // The mean of n uniform values of width 1 has standard deviation sqrt(1 / 12 n); five of them here.
    let mean = a.data.iter().map(|&x| f64::from(x)).sum::<f64>() / a.data.len() as f64;
    assert!(
        mean.abs() < 5.0 * (1.0 / (12.0 * a.data.len() as f64)).sqrt(),
        "{mean}"
    );
}

#[test]
fn a_hash_is_read_back_from_its_text() {
    let hash: Hash32 = GOLDEN_HASH.parse().unwrap();
    assert_eq!(
        serde_json::to_string(&hash).unwrap(),
        format!("\"{GOLDEN_HASH}\"")
    );
    assert_eq!(
        serde_json::from_str::<Hash32>(&format!("\"{GOLDEN_HASH}\"")).unwrap(),
        hash
    );
    let told = "12ab".parse::<Hash32>().unwrap_err();
    assert!(
        told.contains("read \"12ab\"") && told.contains("expected 64 hex digits"),
        "{told}"
    );
}

/// torchvision's trained `MobileNetV2`, which `cargo xtask data` puts into the cache.
#[test]
fn the_real_mobilenet_v2_is_read() {
    let file = "weights/mobilenet_v2-b0353104.pth";
    let folders = cache_folders();
    let Some(path) = folders
        .iter()
        .map(|dir| dir.join(file))
        .find(|path| path.is_file())
    else {
        println!("skipped: no {file} in {folders:?}; fetch it with `cargo xtask data`");
        return;
    };
    let wanted = zoo::build("mobilenet_v2", 1, 224, 224)
        .unwrap()
        .parameters();
    let weights = Weights::load(&path, &wanted).unwrap_or_else(|e| panic!("{e}"));
    // 314 keys, of which 52 are counters of batches.
    assert_eq!(weights.tensor_count(), 262);
    assert_eq!(
        weights.get("classifier.1.weight").unwrap().shape,
        [1000, 1280]
    );
    assert_eq!(
        weights.hash().to_string(),
        "5b0ff6f460bd119a88b5f7fff7aca19124326918d2b1bce542b8f04c34436f82",
        "the values that Python's pickle and numpy read from the same file"
    );
    let told = message(Weights::load(&path, &[spec("classifier.0.weight", &[1])]));
    assert!(told.contains("The file holds 314 tensors"), "{told}");
}

/// Where `cargo xtask data` may have put its files.
fn cache_folders() -> Vec<PathBuf> {
    match std::env::var_os("SPLITSCOPE_CACHE")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
    {
        Some(dir) => vec![dir.join("splitscope"), dir],
        None => directories::BaseDirs::new()
            .map(|dirs| dirs.cache_dir().join("splitscope"))
            .into_iter()
            .collect(),
    }
}

#[test]
fn tensors_are_shared_and_not_copied() {
    let weights = Weights::seeded(3, &tiny());
    let copy = weights.clone();
    assert!(Arc::ptr_eq(
        &weights.get("tied").unwrap().data,
        &copy.get("tied").unwrap().data
    ));
    assert_eq!(weights.iter().map(|(name, _)| name).next(), Some("brain"));
    assert_eq!(weights.total_bytes(), 58 * 4);
}
