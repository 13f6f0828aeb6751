//! The calls that a state dict's pickle makes: dicts, storages, and tensors that view them.

use super::super::layout::Layout;
use super::Machine;
use super::input::Result;
use super::value::{Global, Object, Storage, Value};

/// Dimensions of a tensor: torch's own limit.
const MAX_RANK: usize = 64;

impl Machine<'_, '_> {
    /// Calls a function with a tuple of arguments.
    pub(super) fn reduce(&mut self) -> Result<()> {
        let [function, arguments] = self.pop_pair()?;
        let Value::Global(global) = function else {
            return Err(self.input.malformed("calls something that is no function"));
        };
        let Some(arguments) = self.tuple(arguments).map(<[Value]>::to_vec) else {
            return Err(self
                .input
                .malformed("calls a function without a tuple of arguments"));
        };
        match (global, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.build(Object::Dict(Vec::new())),
            (Global::OrderedDict, [pairs]) => self.ordered_dict(*pairs),
            (Global::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                self.rebuild_tensor(*storage, *offset, *shape, *strides)
            }
            (Global::RebuildParameter, [tensor, ..]) => self.push(*tensor),
            _ => Err(self.input.malformed(format!(
                "calls {global:?} with {} arguments",
                arguments.len()
            ))),
        }
    }

    /// `OrderedDict([(key, value), ...])`, as Python 2 wrote it.
    fn ordered_dict(&mut self, pairs: Value) -> Result<()> {
        let pair = |item: &Value| match self.object(*item) {
            Some(Object::Tuple(pair) | Object::List(pair)) => {
                <[Value; 2]>::try_from(pair.as_slice()).ok()
            }
            _ => None,
        };
        let pairs: Option<Vec<_>> = match self.object(pairs) {
            Some(Object::List(items)) => items
                .iter()
                .map(|item| pair(item).map(|[k, v]| (k, v)))
                .collect(),
            _ => None,
        };
        match pairs {
            Some(pairs) => self.build(Object::Dict(pairs)),
            None => Err(self
                .input
                .malformed("makes an OrderedDict of something that is no list of pairs")),
        }
    }

    /// Makes a storage of `("storage", type, key, device, count)`; the legacy form adds `None`.
    pub(super) fn persistent(&mut self) -> Result<()> {
        let id = self.pop()?;
        let storage = match self.tuple(id) {
            Some(
                &([kind, Value::Global(Global::Storage(element)), key, _, count]
                | [
                    kind,
                    Value::Global(Global::Storage(element)),
                    key,
                    _,
                    count,
                    Value::None,
                ]),
            ) if self.text(kind) == Some("storage") => {
                let key = self.text(key).map(str::to_owned);
                key.zip(natural(count)).map(|(key, count)| Storage {
                    key,
                    element,
                    count,
                })
            }
            _ => None,
        };
        match storage {
            Some(storage) => self.build(Object::Storage(storage)),
            None => Err(self.input.malformed(
                "refers to a storage by something else than type, key and element count",
            )),
        }
    }

    fn rebuild_tensor(
        &mut self,
        storage: Value,
        offset: Value,
        shape: Value,
        strides: Value,
    ) -> Result<()> {
        let (Value::Object(at), Some(Object::Storage(target))) = (storage, self.object(storage))
        else {
            return Err(self
                .input
                .malformed("makes a tensor of something that is no storage"));
        };
        let (Some(offset), Some(shape), Some(strides)) =
            (natural(offset), self.sizes(shape), self.sizes(strides))
        else {
            return Err(self
                .input
                .malformed("makes a tensor with negative or missing offset, sizes or strides"));
        };
        let described = format!("{shape:?} by strides {strides:?} at {offset}");
        match Layout::new(shape, strides, offset) {
            // Neither sum can overflow: `Layout::new` has checked it.
            Some(layout) if layout.offset + layout.span <= target.count => {
                self.build(Object::Tensor {
                    storage: at,
                    layout,
                })
            }
            _ => {
                let count = target.count;
                Err(self.input.malformed(format!(
                    "views {described} in a storage of {count} elements, past its end"
                )))
            }
        }
    }

    /// A tuple of naturals.
    fn sizes(&self, value: Value) -> Option<Vec<u64>> {
        let items = self.tuple(value).filter(|items| items.len() <= MAX_RANK)?;
        items.iter().copied().map(natural).collect()
    }

    fn pop_pair(&mut self) -> Result<[Value; 2]> {
        let second = self.pop()?;
        Ok([self.pop()?, second])
    }
}

/// A count that fits the machine; negative ones do not.
fn natural(value: Value) -> Option<u64> {
    match value {
        Value::Int(n) => u64::try_from(n).ok(),
        _ => None,
    }
}
