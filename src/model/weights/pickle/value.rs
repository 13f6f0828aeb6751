//! What a pickle builds here: numbers on the stack, everything larger on a heap, referred to by number.

use super::super::dtype::Element;
use super::super::layout::Layout;

/// A value on the stack; small enough to copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Value {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Global(Global),
    /// The object of this number on the heap.
    Object(u32),
    /// The start of a group of values.
    Mark,
}

/// An object on the heap.
#[derive(Debug)]
pub(in super::super) enum Object {
    Text(String),
    /// A byte string: read past, never needed.
    Bytes,
    Tuple(Vec<Value>),
    List(Vec<Value>),
    /// Pairs in the order of setting; the last of equal keys counts.
    Dict(Vec<(Value, Value)>),
    Storage(Storage),
    /// A view of the storage of this number on the heap.
    Tensor {
        storage: u32,
        layout: Layout,
    },
}

/// A run of elements that the file keeps outside the pickle.
#[derive(Debug)]
pub(in super::super) struct Storage {
    pub(in super::super) key: String,
    pub(in super::super) element: Element,
    /// How many elements it has, as the pickle claims.
    pub(in super::super) count: u64,
}

/// A class or function that a state dict needs: the whole list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Element),
}

impl Global {
    pub(super) fn named(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch", _) => storage_element(name).map(Self::Storage),
            _ => None,
        }
    }
}

fn storage_element(name: &str) -> Option<Element> {
    Some(match name {
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::BF16,
        "DoubleStorage" => Element::F64,
        "LongStorage" => Element::other("i64", 8),
        "IntStorage" => Element::other("i32", 4),
        "ShortStorage" => Element::other("i16", 2),
        "CharStorage" => Element::other("i8", 1),
        "ByteStorage" => Element::other("u8", 1),
        "BoolStorage" => Element::other("bool", 1),
        _ => return None,
    })
}

impl Value {
    pub(super) fn is_mark(&self) -> bool {
        matches!(self, Self::Mark)
    }
}

/// One pickle, read.
#[derive(Debug)]
pub(in super::super) struct Pickled {
    pub(in super::super) root: Value,
    pub(super) heap: Vec<Object>,
}

impl Pickled {
    /// The object that a value refers to.
    pub(in super::super) fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(at) => self.heap.get(at as usize),
            _ => None,
        }
    }

    pub(in super::super) fn text(&self, value: Value) -> Option<&str> {
        match self.object(value) {
            Some(Object::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(in super::super) fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.object(value) {
            Some(Object::Dict(pairs)) => Some(pairs),
            _ => None,
        }
    }

    /// The storage and layout of a tensor.
    pub(in super::super) fn tensor(&self, value: Value) -> Option<(&Storage, &Layout)> {
        let Some(Object::Tensor { storage, layout }) = self.object(value) else {
            return None;
        };
        match self.heap.get(*storage as usize) {
            Some(Object::Storage(storage)) => Some((storage, layout)),
            _ => None,
        }
    }

    /// Every storage that the pickle refers to.
    pub(in super::super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.heap.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// What a value is, in a tester's words.
    pub(in super::super) fn kind(&self, value: Value) -> &'static str {
        match value {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Global(_) => "a class",
            Value::Mark => "nothing",
            Value::Object(_) => match self.object(value) {
                Some(Object::Text(_)) => "a text",
                Some(Object::Bytes) => "bytes",
                Some(Object::Tuple(_)) => "a tuple",
                Some(Object::List(_)) => "a list",
                Some(Object::Dict(_)) => "a dict",
                Some(Object::Storage(_)) => "a storage",
                Some(Object::Tensor { .. }) => "a single tensor",
                None => "nothing",
            },
        }
    }
}
