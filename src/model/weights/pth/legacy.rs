//! The one-stream form: magic, protocol, system, state dict and storage keys as five pickles, then the storages.
//!
//! ```text
//! magic | protocol | system | state dict | keys | count, elements | count, elements | ...
//! ```

use std::collections::HashMap;
use std::io::{self, BufRead, Seek, SeekFrom};

use super::super::catalogue::{self, Catalogue, Entry};
use super::super::error::WeightsError;
use super::super::pickle::{Input, Object, Pickled, Storage, Value};
use super::super::{ParamSpec, Source, Weights};
use super::{big_endian, damaged, pickle, state_dict};

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const PROTOCOL: i128 = 1001;
/// The element count before each storage.
const COUNT_BYTES: u64 = 8;

/// Reads the wanted parameters; `source` stands at its start.
pub(in super::super) fn load<R: BufRead + Seek>(
    mut source: Source<R>,
    wanted: &[ParamSpec],
) -> Result<Weights, WeightsError> {
    let origin = source.origin.clone();
    let head = Head::read(&mut source)?;
    let tensors = state_dict(&head.state, &origin)?;
    let storages = storages(&head.state, &origin)?;
    let places = places(&mut source, &head, &storages)?;
    let mut catalogue = Catalogue::new();
    for (name, storage, layout) in tensors {
        let Some(&start) = places.get(storage.key.as_str()) else {
            return Err(damaged(
                &origin,
                format!("storage {}", storage.key.escape_debug()),
                "its elements",
                "none",
            ));
        };
        let place = start + layout.offset * storage.element.bytes;
        catalogue.insert(
            name.to_owned(),
            Entry {
                element: storage.element,
                layout: layout.clone(),
                place,
            },
        );
    }
    catalogue::fill(&origin, wanted, &catalogue, |_, entry, float, out| {
        let read = source.reader.seek(SeekFrom::Start(entry.place));
        read.and_then(|_| entry.layout.read(&mut source.reader, float, out))
            .map_err(|cause| source.io("read", cause))
    })
}

/// The pickles before the storages.
struct Head {
    state: Pickled,
    keys: Pickled,
    /// Where the first storage begins.
    end: u64,
}

impl Head {
    fn read<R: BufRead + Seek>(source: &mut Source<R>) -> Result<Self, WeightsError> {
        let origin = source.origin.as_str();
        let mut input = Input::new(&mut source.reader, source.length);
        expect(
            &pickle(&mut input, "magic number", origin)?,
            MAGIC,
            "magic number",
            origin,
        )?;
        expect(
            &pickle(&mut input, "protocol", origin)?,
            PROTOCOL,
            "protocol",
            origin,
        )?;
        let system = pickle(&mut input, "system information", origin)?;
        let big = |(key, value): &(Value, Value)| {
            system.text(*key) == Some("little_endian") && *value == Value::Bool(false)
        };
        if system
            .dict(system.root)
            .is_some_and(|pairs| pairs.iter().any(big))
        {
            return Err(big_endian(origin));
        }
        let state = pickle(&mut input, "state dict", origin)?;
        let keys = pickle(&mut input, "storage keys", origin)?;
        Ok(Self {
            state,
            keys,
            end: input.position(),
        })
    }

    fn keys(&self, origin: &str) -> Result<Vec<&str>, WeightsError> {
        let keys = match self.keys.object(self.keys.root) {
            Some(Object::List(keys)) => keys.iter().map(|&key| self.keys.text(key)).collect(),
            _ => None,
        };
        keys.ok_or_else(|| {
            damaged(
                origin,
                "storage keys",
                "a list of texts",
                self.keys.kind(self.keys.root),
            )
        })
    }
}

fn expect(pickled: &Pickled, number: i128, what: &str, origin: &str) -> Result<(), WeightsError> {
    match pickled.root {
        Value::Int(found) if found == number => Ok(()),
        Value::Int(found) => Err(damaged(
            origin,
            what,
            format!("{number:#x}"),
            format!("{found:#x}"),
        )),
        other => Err(damaged(
            origin,
            what,
            format!("{number:#x}"),
            pickled.kind(other),
        )),
    }
}

/// Every storage that the state dict's pickle refers to, by key.
fn storages<'a>(
    state: &'a Pickled,
    origin: &str,
) -> Result<HashMap<&'a str, &'a Storage>, WeightsError> {
    let mut storages = HashMap::new();
    for storage in state.storages() {
        let first = *storages.entry(storage.key.as_str()).or_insert(storage);
        if (first.element, first.count) != (storage.element, storage.count) {
            let told = |storage: &Storage| format!("{} {}", storage.count, storage.element.name);
            let what = format!("storage {}", storage.key.escape_debug());
            return Err(damaged(origin, what, told(first), told(storage)));
        }
    }
    Ok(storages)
}

/// Where each storage's elements begin, checked against the file's length.
fn places<'a, R: BufRead + Seek>(
    source: &mut Source<R>,
    head: &'a Head,
    storages: &HashMap<&str, &Storage>,
) -> Result<HashMap<&'a str, u64>, WeightsError> {
    let mut at = head.end;
    let mut places = HashMap::new();
    for key in head.keys(&source.origin)? {
        let what = || format!("storage {}", key.escape_debug());
        let Some(storage) = storages.get(key) else {
            return Err(damaged(
                &source.origin,
                what(),
                "a storage that the state dict refers to",
                "one that it does not",
            ));
        };
        let count = count_at(source, at)?;
        if count != storage.count {
            return Err(damaged(
                &source.origin,
                what(),
                format!("{} elements", storage.count),
                format!("{count} elements"),
            ));
        }
        let start = at + COUNT_BYTES;
        let left = source.length - start;
        at = match count.checked_mul(storage.element.bytes) {
            Some(bytes) if bytes <= left => start + bytes,
            _ => {
                let expected = format!("{count} elements of {} bytes", storage.element.bytes);
                return Err(damaged(
                    &source.origin,
                    what(),
                    expected,
                    format!("{left} bytes in all"),
                ));
            }
        };
        places.insert(key, start);
    }
    Ok(places)
}

/// The element count at byte `at`.
fn count_at<R: BufRead + Seek>(source: &mut Source<R>, at: u64) -> Result<u64, WeightsError> {
    let left = source.length - at;
    if left < COUNT_BYTES {
        return Err(damaged(
            &source.origin,
            "storages",
            "an element count of 8 bytes",
            format!("{left} bytes"),
        ));
    }
    let mut count = [0; COUNT_BYTES as usize];
    let read: io::Result<()> = source
        .reader
        .seek(SeekFrom::Start(at))
        .and_then(|_| source.reader.read_exact(&mut count));
    read.map_err(|cause| source.io("read", cause))?;
    Ok(u64::from_le_bytes(count))
}
