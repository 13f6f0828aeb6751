//! A device that is not there: times from a profile, values without elements.
//!
//! The program, the sockets and the bytes on them are real. A payload is nothing; exported, it is noise that no codec
//! can shrink. The lane takes [`Engine::duration_ns`] for the time of each operator, see `worker::runtime`.

use std::collections::HashMap;

use super::{EMULATED_PREFIX, Engine, EngineError};
use crate::model::{Graph, Node, Region, Span};
use crate::plan::{Piece, Term, Value, Work};
use crate::power::EmulatedState;
use crate::profile::Profile;
use crate::simulate::work_ns;
use crate::units::NodeId;

/// Times remembered at most: those of some plans.
const MAX_REMEMBERED: usize = 1 << 16;

/// A value that has a size but no elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hollow;

type Part = (NodeId, Region, Option<Span>);

/// A device by its profile.
#[derive(Debug)]
pub struct EmulatedEngine {
    profile: Profile,
    power: Option<EmulatedState>,
    /// A part's time does not change and is asked for in every frame.
    remembered: HashMap<Part, i64>,
}

impl EmulatedEngine {
    /// A device.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            power: None,
            remembered: HashMap::new(),
        }
    }

    /// Tells an emulated power source what the lanes do.
    #[must_use]
    pub fn with_power(mut self, state: EmulatedState) -> Self {
        self.power = Some(state);
        self
    }
}

/// What computes, for people.
pub fn describe(profile: &Profile) -> String {
    format!("{EMULATED_PREFIX}{}", profile.name)
}

impl Engine for EmulatedEngine {
    type Payload = Hollow;
    type Place = ();

    const EMULATED: bool = true;

    fn describe(&self) -> String {
        describe(&self.profile)
    }

    fn place(&self) -> Self::Place {}

    fn on_lane(&mut self, body: &mut dyn FnMut(&mut Self)) {
        body(self);
    }

    fn duration_ns(&mut self, graph: &Graph, work: &Work<Hollow>) -> Option<i64> {
        let Work::Compute {
            node, out, over, ..
        } = work
        else {
            return Some(work_ns(&self.profile, graph, work));
        };
        let part = (*node, *out, over.map(|(span, _)| span));
        if let Some(&ns) = self.remembered.get(&part) {
            return Some(ns);
        }
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.clear();
        }
        let ns = work_ns(&self.profile, graph, work);
        self.remembered.insert(part, ns);
        Some(ns)
    }

    fn profile(&self) -> Option<&Profile> {
        Some(&self.profile)
    }

    fn power(&self) -> Option<EmulatedState> {
        self.power.clone()
    }

    fn compute(
        &mut self,
        _graph: &Graph,
        _node: &Node,
        _out: &Region,
        _over: Option<(Span, Term)>,
        _inputs: &[Piece<Hollow>],
    ) -> Result<Hollow, EngineError> {
        Ok(Hollow)
    }

    fn reduce(&mut self, _node: &Node, _addends: &[Piece<Hollow>]) -> Result<Hollow, EngineError> {
        Ok(Hollow)
    }

    fn assemble(
        &mut self,
        _node: &Node,
        _out: &Region,
        _pieces: &[Piece<Hollow>],
    ) -> Result<Hollow, EngineError> {
        Ok(Hollow)
    }

    fn export(
        graph: &Graph,
        value: &Value,
        _pieces: &[Piece<Hollow>],
    ) -> Result<Vec<u8>, EngineError> {
        let region = &value.region;
        let at = [
            value.node.0,
            region.batch.start,
            region.channel.start,
            region.row.start,
        ];
        let seed = at.iter().fold(1, |seed, &x| mixed(seed ^ u64::from(x)));
        Ok(noise(seed, value.bytes(graph).0 as usize))
    }

    fn import((): &(), graph: &Graph, value: &Value, bytes: &[u8]) -> Result<Hollow, EngineError> {
        let (expected, got) = (value.bytes(graph).0, bytes.len() as u64);
        if expected == got {
            Ok(Hollow)
        } else {
            Err(EngineError::Length { expected, got })
        }
    }
}

/// One step of splitmix64 (Steele, Lea and Flood 2014).
const fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Bytes that do not compress; the same for the same seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (i, chunk) in (0..).zip(bytes.chunks_mut(8)) {
        let word = mixed(seed.wrapping_add(i)).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    #[test]
    fn a_value_has_its_real_size_and_does_not_compress() {
        let graph = zoo::build("mobilenet_v2", 1, 64, 64).unwrap();
        let value = Value::whole(&graph, NodeId(5));
        let bytes = EmulatedEngine::export(&graph, &value, &[]).unwrap();
        assert_eq!(bytes.len() as u64, value.bytes(&graph).0);
        let packed = zstd::encode_all(bytes.as_slice(), 9).unwrap();
        assert!(packed.len() >= bytes.len(), "{}", packed.len());
        assert!(EmulatedEngine::import(&(), &graph, &value, &bytes).is_ok());
        assert!(EmulatedEngine::import(&(), &graph, &value, &bytes[1..]).is_err());
    }
}
