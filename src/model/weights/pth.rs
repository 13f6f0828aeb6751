//! PyTorch's own files: a pickled state dict beside raw storages, in a zip archive or, before torch 1.6, in one stream.

pub(super) mod archive;
pub(super) mod legacy;

use super::error::WeightsError;
use super::layout::Layout;
use super::pickle::{Input, Pickled, Storage, Value};

const SAVE_STATE_DICT: &str = "save the weights alone with torch.save(model.state_dict(), path)";

/// Keys under which training scripts keep the state dict beside epochs and optimizer.
const NESTED: [&str; 2] = ["state_dict", "model"];

/// The tensors of a state dict by name, at the top or one level down.
fn state_dict<'a>(
    pickled: &'a Pickled,
    origin: &str,
) -> Result<Vec<(&'a str, &'a Storage, &'a Layout)>, WeightsError> {
    let unsupported = |found: String| WeightsError::Unsupported {
        origin: origin.to_owned(),
        found,
        expected: "a state dict (a dict of tensors, or one under `state_dict` or `model`)",
        advice: SAVE_STATE_DICT,
    };
    let Some(pairs) = pickled.dict(pickled.root) else {
        return Err(unsupported(pickled.kind(pickled.root).to_owned()));
    };
    let nested = pairs
        .iter()
        .filter(|(key, _)| pickled.text(*key).is_some_and(|key| NESTED.contains(&key)));
    let candidates = nested
        .filter_map(|(_, value)| pickled.dict(*value))
        .chain([pairs]);
    let mut tensors = candidates.map(|pairs| tensors(pickled, pairs));
    match tensors.find(|tensors| !tensors.is_empty()) {
        Some(tensors) => Ok(tensors),
        None => Err(unsupported(format!(
            "a dict of {} items with no tensor among them",
            pairs.len()
        ))),
    }
}

fn tensors<'a>(
    pickled: &'a Pickled,
    pairs: &[(Value, Value)],
) -> Vec<(&'a str, &'a Storage, &'a Layout)> {
    let named = |(key, value): &(Value, Value)| {
        let (storage, layout) = pickled.tensor(*value)?;
        Some((pickled.text(*key)?, storage, layout))
    };
    pairs.iter().filter_map(named).collect()
}

/// Reads one pickle and says in errors which part of the file it is.
fn pickle(
    input: &mut Input<'_>,
    part: &'static str,
    origin: &str,
) -> Result<Pickled, WeightsError> {
    super::pickle::read(input).map_err(|cause| WeightsError::Pickle {
        origin: origin.to_owned(),
        part,
        cause,
    })
}

/// Big-endian machines wrote their storages in their own order.
fn big_endian(origin: &str) -> WeightsError {
    WeightsError::Unsupported {
        origin: origin.to_owned(),
        found: "storages in big-endian byte order".to_owned(),
        expected: "little-endian",
        advice: "save the weights again on an x86 or ARM machine",
    }
}

fn damaged(
    origin: &str,
    what: impl Into<String>,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> WeightsError {
    WeightsError::Damaged {
        origin: origin.to_owned(),
        what: what.into(),
        expected: expected.into(),
        found: found.into(),
    }
}
