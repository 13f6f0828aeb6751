//! A bounded pickle machine: enough to read what `torch.save` writes of a state dict, and no more.
//!
//! A pickle is a program for a stack machine, and Python's runs whatever function the file names. This
//! one knows an allow-list of names ([`Global`]) and builds plain data for them; any other name ends
//! the reading with that name in the error. Objects live in a heap and are referred to by number, so
//! a file can nest or share them as it likes: nothing is copied, recursed into or dropped deeply.
//! Every limit is on what is read, so memory stays within a small multiple of the pickle's own bytes.

mod error;
mod input;
mod torch;
mod value;

use std::collections::HashMap;

pub use self::error::PickleError;
pub(super) use self::input::Input;
pub(super) use self::value::{Object, Pickled, Storage, Value};

use self::input::Result;
use self::value::Global;

/// The first opcode of every pickle of protocol 2 and above.
pub(super) const PROTO: u8 = 0x80;
const FRAME: u8 = 0x95;
const STOP: u8 = b'.';

/// Opcodes executed in one pickle: a model of a thousand parameters takes about 50 thousand.
const MAX_STEPS: u64 = 1 << 21;
/// Values on the stack: pickle writes containers in batches of a thousand.
const MAX_STACK: usize = 1 << 16;
/// Remembered values.
const MAX_MEMO: usize = 1 << 20;
/// The newest protocol whose framing and opcodes are known here.
const MAX_PROTOCOL: u8 = 5;

/// Reads one pickle and leaves `input` right behind it.
pub(super) fn read(input: &mut Input<'_>) -> Result<Pickled> {
    let mut machine = Machine {
        input,
        stack: Vec::new(),
        memo: HashMap::new(),
        heap: Vec::new(),
    };
    let root = machine.run()?;
    Ok(Pickled {
        root,
        heap: machine.heap,
    })
}

struct Machine<'a, 'b> {
    input: &'a mut Input<'b>,
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    heap: Vec<Object>,
}

impl Machine<'_, '_> {
    fn run(&mut self) -> Result<Value> {
        for _ in 0..MAX_STEPS {
            let opcode = self.input.byte()?;
            if opcode == STOP {
                return self.pop();
            }
            self.step(opcode)?;
        }
        Err(self.input.limit("opcodes", MAX_STEPS + 1, MAX_STEPS))
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            PROTO => self.protocol(),
            FRAME => self.input.array::<8>().map(drop),
            b'(' => self.push(Value::Mark),
            // Also the state set beside an object ('b'), such as a state dict's `_metadata`: no weights.
            b'0' | b'b' => self.pop().map(drop),
            b'1' => self.pop_to_mark().map(drop),
            b'q' | b'r' | 0x94 => self.remember(opcode),
            b'h' | b'j' => self.recall(opcode),
            b'}' => self.build(Object::Dict(Vec::new())),
            b']' => self.build(Object::List(Vec::new())),
            b')' => self.build(Object::Tuple(Vec::new())),
            b't' => self
                .pop_to_mark()
                .and_then(|items| self.build(Object::Tuple(items))),
            0x85..=0x87 => self.short_tuple(usize::from(opcode - 0x84)),
            b'a' => self.pop().and_then(|item| self.append(vec![item])),
            b'e' => self.pop_to_mark().and_then(|items| self.append(items)),
            b's' => self.pop_last(2).and_then(|pair| self.set_items(&pair)),
            b'u' => self.pop_to_mark().and_then(|pairs| self.set_items(&pairs)),
            b'c' | 0x93 => self.global(opcode),
            b'Q' => self.persistent(),
            b'R' => self.reduce(),
            _ => self.literal(opcode),
        }
    }

    /// Numbers and texts written out in the pickle.
    fn literal(&mut self, opcode: u8) -> Result<()> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.input.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.input.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            0x8a => self.long()?,
            b'G' => self
                .input
                .array()
                .map(f64::from_be_bytes)
                .map(Value::Float)?,
            b'X' | 0x8c | 0x8d | b'U' | b'T' => {
                let bytes = self.input.counted(opcode)?;
                return self.build(Object::Text(String::from_utf8_lossy(&bytes).into_owned()));
            }
            b'B' | b'C' | 0x8e => {
                self.input.counted(opcode)?;
                return self.build(Object::Bytes);
            }
            _ => return Err(self.input.unknown(opcode)),
        };
        self.push(value)
    }

    fn protocol(&mut self) -> Result<()> {
        let protocol = self.input.byte()?;
        if protocol > MAX_PROTOCOL {
            return Err(self
                .input
                .limit("protocol", protocol.into(), MAX_PROTOCOL.into()));
        }
        Ok(())
    }

    /// A signed integer of up to 16 bytes: the magic number of the legacy form has 10.
    fn long(&mut self) -> Result<Value> {
        let length = self.input.byte()?;
        let mut bytes = [0; 16];
        if usize::from(length) > bytes.len() {
            return Err(self
                .input
                .limit("bytes of an integer", length.into(), bytes.len() as u64));
        }
        for byte in &mut bytes[..length.into()] {
            *byte = self.input.byte()?;
        }
        let unused = 8 * (16 - u32::from(length));
        let value = i128::from_le_bytes(bytes);
        Ok(Value::Int(if length == 0 {
            0
        } else {
            value << unused >> unused
        }))
    }

    fn push(&mut self, value: Value) -> Result<()> {
        if self.stack.len() == MAX_STACK {
            return Err(self.input.limit(
                "values on the stack",
                MAX_STACK as u64 + 1,
                MAX_STACK as u64,
            ));
        }
        self.stack.push(value);
        Ok(())
    }

    fn build(&mut self, object: Object) -> Result<()> {
        let value = Value::Object(self.heap.len() as u32);
        self.heap.push(object);
        self.push(value)
    }

    fn pop(&mut self) -> Result<Value> {
        match self.stack.pop() {
            None | Some(Value::Mark) => {
                Err(self.input.malformed("takes a value from an empty stack"))
            }
            Some(value) => Ok(value),
        }
    }

    /// The last `count` values in the order they were pushed.
    fn pop_last(&mut self, count: usize) -> Result<Vec<Value>> {
        let start = self.stack.len().checked_sub(count);
        match start.map(|start| &self.stack[start..]) {
            Some(values) if !values.iter().any(Value::is_mark) => {
                Ok(self.stack.split_off(self.stack.len() - count))
            }
            _ => Err(self.input.malformed("takes values from an empty stack")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>> {
        let Some(mark) = self.stack.iter().rposition(Value::is_mark) else {
            return Err(self.input.malformed("ends a group that was never begun"));
        };
        let values = self.stack.split_off(mark + 1);
        self.stack.truncate(mark);
        Ok(values)
    }

    fn short_tuple(&mut self, count: usize) -> Result<()> {
        let items = self.pop_last(count)?;
        self.build(Object::Tuple(items))
    }

    fn remember(&mut self, opcode: u8) -> Result<()> {
        let key = match opcode {
            b'q' => self.input.byte()?.into(),
            b'r' => u32::from_le_bytes(self.input.array()?),
            _ => self.memo.len() as u32,
        };
        let Some(&value) = self.stack.last().filter(|value| !value.is_mark()) else {
            return Err(self.input.malformed("remembers a value of an empty stack"));
        };
        if self.memo.len() == MAX_MEMO {
            return Err(self.input.limit(
                "remembered values",
                MAX_MEMO as u64 + 1,
                MAX_MEMO as u64,
            ));
        }
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<()> {
        let key = if opcode == b'h' {
            self.input.byte()?.into()
        } else {
            u32::from_le_bytes(self.input.array()?)
        };
        match self.memo.get(&key) {
            Some(&value) => self.push(value),
            None => Err(self
                .input
                .malformed(format!("recalls value {key} that it never remembered"))),
        }
    }

    /// The container under the values that were just taken from the stack.
    fn container(&mut self) -> Option<&mut Object> {
        match self.stack.last() {
            Some(Value::Object(at)) => self.heap.get_mut(*at as usize),
            _ => None,
        }
    }

    fn append(&mut self, mut items: Vec<Value>) -> Result<()> {
        if let Some(Object::List(list)) = self.container() {
            list.append(&mut items);
            return Ok(());
        }
        Err(self.input.malformed("appends to something that is no list"))
    }

    fn set_items(&mut self, items: &[Value]) -> Result<()> {
        let (pairs, rest) = items.as_chunks();
        if let (Some(Object::Dict(dict)), []) = (self.container(), rest) {
            dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
            return Ok(());
        }
        Err(self
            .input
            .malformed("sets an item of no dict, or a key without a value"))
    }

    fn global(&mut self, opcode: u8) -> Result<()> {
        let (module, name) = if opcode == b'c' {
            (self.input.line()?, self.input.line()?)
        } else {
            let pair = self.pop_last(2)?;
            match [self.text(pair[0]), self.text(pair[1])] {
                [Some(module), Some(name)] => (module.to_owned(), name.to_owned()),
                _ => {
                    return Err(self
                        .input
                        .malformed("names a function by something that is no text"));
                }
            }
        };
        match Global::named(&module, &name) {
            Some(global) => self.push(Value::Global(global)),
            None => Err(self.input.refused(&module, &name)),
        }
    }

    fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(at) => self.heap.get(at as usize),
            _ => None,
        }
    }

    fn text(&self, value: Value) -> Option<&str> {
        match self.object(value) {
            Some(Object::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn tuple(&self, value: Value) -> Option<&[Value]> {
        match self.object(value) {
            Some(Object::Tuple(items)) => Some(items),
            _ => None,
        }
    }
}
