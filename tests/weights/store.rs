//! The cache: transfers that break off, senders that lie, files that rot.

use std::fs;

use splitscope::model::weights::{
    ParamSpec, StoreError, WeightStore, Weights, transfer_limit_bytes,
};
use splitscope::units::Hash32;

use super::{spec, tiny};

/// A cache in a fresh directory, a seeded set and its bytes as a sender has them.
fn transfer() -> (
    tempfile::TempDir,
    WeightStore,
    Vec<ParamSpec>,
    Hash32,
    Vec<u8>,
) {
    let dir = tempfile::tempdir().unwrap();
    let store = WeightStore::open(dir.path().join("weights")).unwrap();
    let weights = Weights::seeded(1, &tiny());
    (
        dir,
        store,
        tiny(),
        weights.hash(),
        weights.to_safetensors().unwrap(),
    )
}

#[test]
fn a_broken_transfer_goes_on_where_it_stopped() {
    let (dir, store, wanted, hash, bytes) = transfer();
    let limit = transfer_limit_bytes(&wanted);
    assert_eq!(store.partial_len(&hash).unwrap(), 0);
    assert_eq!(store.append(&hash, 0, &bytes[..100], limit).unwrap(), 100);
    let told = store
        .append(&hash, 50, &bytes[50..], limit)
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("got a piece at byte 50") && told.contains("expected byte 100"),
        "{told}"
    );
    // The process restarts.
    let store = WeightStore::open(dir.path().join("weights")).unwrap();
    assert_eq!(store.partial_len(&hash).unwrap(), 100);
    assert!(store.find(&hash).is_none(), "a part is not a set");
    assert_eq!(
        store.append(&hash, 100, &bytes[100..], limit).unwrap(),
        bytes.len() as u64
    );
    assert_eq!(store.finish(&hash, &wanted).unwrap().hash(), hash);
    assert_eq!(fs::read(store.find(&hash).unwrap()).unwrap(), bytes);
    assert_eq!(store.partial_len(&hash).unwrap(), 0);
    assert_eq!(store.load(&hash, &wanted).unwrap().hash(), hash);
    assert_eq!(
        store.finish(&hash, &wanted).unwrap().hash(),
        hash,
        "finishing twice is finishing"
    );
}

#[test]
fn a_sender_cannot_fill_the_disk() {
    let (_dir, store, wanted, hash, _) = transfer();
    let limit = transfer_limit_bytes(&wanted);
    let told = store
        .append(&hash, 0, &vec![0; limit as usize + 1], limit)
        .unwrap_err();
    assert!(
        matches!(told, StoreError::TooLong { bytes, .. } if bytes == limit + 1),
        "{told}"
    );
    assert_eq!(store.partial_len(&hash).unwrap(), 0);
}

#[test]
fn a_transfer_that_is_not_what_was_asked_for_is_deleted() {
    let (_dir, store, wanted, hash, mut bytes) = transfer();
    *bytes.last_mut().unwrap() ^= 1;
    store
        .append(&hash, 0, &bytes, transfer_limit_bytes(&wanted))
        .unwrap();
    let told = store.finish(&hash, &wanted).unwrap_err();
    assert!(matches!(told, StoreError::Corrupt { .. }), "{told}");
    assert!(
        told.to_string().contains("deleted it, fetch them again"),
        "{told}"
    );
    assert_eq!(store.partial_len(&hash).unwrap(), 0);
    assert!(matches!(
        store.finish(&hash, &wanted),
        Err(StoreError::Missing { .. })
    ));
}

#[test]
fn a_cached_set_that_rotted_is_deleted_and_one_of_another_model_stays() {
    let (_dir, store, wanted, hash, bytes) = transfer();
    assert_eq!(store.insert(&Weights::seeded(1, &wanted)).unwrap(), hash);
    let path = store.find(&hash).unwrap();
    assert_eq!(
        fs::read(&path).unwrap(),
        bytes,
        "a cached file is what to_safetensors gives"
    );
    let other = [spec("head.weight", &[10])];
    for wanted in [&other[..], &wanted[..3]] {
        let told = store.load(&hash, wanted).unwrap_err();
        assert!(matches!(told, StoreError::OtherModel { .. }), "{told}");
    }
    for damage in [
        |bytes: &mut Vec<u8>| bytes[200] ^= 4,
        |bytes: &mut Vec<u8>| bytes.truncate(400),
    ] {
        let mut rotten = bytes.clone();
        damage(&mut rotten);
        fs::write(&path, rotten).unwrap();
        let told = store.load(&hash, &wanted).unwrap_err();
        assert!(matches!(told, StoreError::Corrupt { .. }), "{told}");
        assert!(store.find(&hash).is_none());
    }
}
