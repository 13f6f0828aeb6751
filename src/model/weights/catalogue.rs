//! What a file holds, and the choice of what a graph wants from it: the same for every format.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dtype::{Element, Float};
use super::error::{Misfit, Misfits, WeightsError};
use super::layout::Layout;
use super::{ParamSpec, WeightTensor, Weights};

/// One tensor of a file; `place` says in the format's own terms where its storage is.
pub(super) struct Entry<P> {
    pub(super) element: Element,
    pub(super) layout: Layout,
    pub(super) place: P,
}

/// The tensors of a file by name.
pub(super) type Catalogue<P> = BTreeMap<String, Entry<P>>;

/// Fills every wanted parameter through `read`, after checking that all of them fit.
pub(super) fn fill<P>(
    origin: &str,
    wanted: &[ParamSpec],
    catalogue: &Catalogue<P>,
    mut read: impl FnMut(&str, &Entry<P>, Float, &mut [f32]) -> Result<(), WeightsError>,
) -> Result<Weights, WeightsError> {
    let chosen = choose(origin, wanted, catalogue)?;
    let mut weights = Weights::default();
    for (spec, entry, float) in chosen {
        let mut tensor = WeightTensor::zeros(&spec.shape);
        read(&spec.name, entry, float, Arc::make_mut(&mut tensor.data))?;
        weights.tensors.insert(spec.name.clone(), tensor);
    }
    Ok(weights)
}

/// A wanted parameter, the tensor that fills it and how to read that.
type Choice<'a, P> = (&'a ParamSpec, &'a Entry<P>, Float);

/// The entry of every wanted parameter, or all that do not fit.
fn choose<'a, P>(
    origin: &str,
    wanted: &'a [ParamSpec],
    catalogue: &'a Catalogue<P>,
) -> Result<Vec<Choice<'a, P>>, WeightsError> {
    let mut chosen = Vec::with_capacity(wanted.len());
    let mut list = Vec::new();
    for spec in wanted {
        match fit(spec, catalogue.get(&spec.name)) {
            Ok((entry, float)) => chosen.push((spec, entry, float)),
            Err(misfit) => list.push(misfit),
        }
    }
    if list.is_empty() {
        return Ok(chosen);
    }
    let names = catalogue.keys().take(3).cloned().collect();
    let misfits = Misfits {
        list,
        wanted: wanted.len(),
        tensors: catalogue.len(),
        names,
    };
    Err(WeightsError::Misfit {
        origin: origin.to_owned(),
        misfits,
    })
}

fn fit<'a, P>(
    spec: &ParamSpec,
    entry: Option<&'a Entry<P>>,
) -> Result<(&'a Entry<P>, Float), Misfit> {
    let (name, expected) = (spec.name.clone(), spec.shape.clone());
    let Some(entry) = entry else {
        return Err(Misfit::Missing { name, expected });
    };
    let found = &entry.layout.shape;
    if !found
        .iter()
        .copied()
        .eq(expected.iter().map(|&size| u64::from(size)))
    {
        return Err(Misfit::Shape {
            name,
            expected,
            found: found.clone(),
        });
    }
    match entry.element.float {
        Some(float) => Ok((entry, float)),
        None => Err(Misfit::Type {
            name,
            found: entry.element.name,
        }),
    }
}
