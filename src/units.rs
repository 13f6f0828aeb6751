//! Quantities and identifiers that cross rooms, each with its display and its serde form.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

mod physical;

pub use physical::{Amps, Celsius, Hertz, Joules, Volts, Watts};

/// A node of a [`Graph`](crate::model::Graph). Node 0 is the camera image; operator `i` of `n` is node `i + 1`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The node of the camera image, the only node without inputs.
    pub const INPUT: Self = Self(0);

    /// This node's place in tables indexed by node.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A device of an experiment: 0 is the robot, 1 and up are servers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct DeviceId(pub u8);

impl DeviceId {
    /// The robot: admits frames, receives results, coordinates switches.
    pub const ROBOT: Self = Self(0);
    /// The first server.
    pub const SERVER: Self = Self(1);
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("robot"),
            1 => f.write_str("server"),
            n => write!(f, "server {n}"),
        }
    }
}

/// The number of a plan in effect; grows by one with every prepared switch.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of a frame, given by the robot at admission.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct FrameId(pub u64);

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One try at one frame under one plan: what values are keyed by, in tables and on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameKey {
    /// The frame.
    pub frame: FrameId,
    /// 0 at first; raised when the frame is finished again after its link died.
    pub attempt: u16,
    /// The plan it runs under.
    pub epoch: Epoch,
}

/// A process start: 16 hex digits, drawn anew each time a worker boots.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct BootId(pub u64);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A point on some host's monotonic clock, in nanoseconds since that process's start.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Nanos(pub i64);

impl Nanos {
    /// Time from `earlier` to `self`, in nanoseconds; negative if `earlier` is later, kept in range: a peer may claim any
    /// point in time.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This point shifted by a signed number of nanoseconds, kept in range.
    #[must_use]
    pub const fn shifted(self, by_ns: i64) -> Self {
        Self(self.0.saturating_add(by_ns))
    }

    /// Milliseconds since the clock's origin.
    pub fn as_ms(self) -> f64 {
        ns_to_ms(self.0)
    }
}

/// Nanoseconds as milliseconds.
pub fn ns_to_ms(ns: i64) -> f64 {
    ns as f64 / 1e6
}

/// A link rate in bits per second of payload.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BitsPerSecond(pub f64);

impl BitsPerSecond {
    /// A rate given in megabits (10^6 bits) per second.
    pub const fn from_mbps(mbps: f64) -> Self {
        Self(mbps * 1e6)
    }

    /// This rate in megabits (10^6 bits) per second.
    pub const fn as_mbps(self) -> f64 {
        self.0 / 1e6
    }

    /// Seconds that `bytes` take at this rate.
    pub fn seconds_for(self, bytes: u64) -> f64 {
        bytes as f64 * 8.0 / self.0
    }
}

/// A number of bytes; shown in decimal units as the field does (1 kB = 1000 B).
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.0 as f64;
        let text = match self.0 {
            0..1_000 => format!("{} B", self.0),
            1_000..9_950 => format!("{:.1} kB", b / 1e3),
            9_950..999_500 => format!("{:.0} kB", b / 1e3),
            999_500..9_950_000 => format!("{:.1} MB", b / 1e6),
            9_950_000..999_500_000 => format!("{:.0} MB", b / 1e6),
            _ => format!("{:.1} GB", b / 1e9),
        };
        f.pad(&text)
    }
}

/// A 32-byte content hash (BLAKE3), written as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash32(pub [u8; 32]);

impl Hash32 {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The first eight hex digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl FromStr for Hash32 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| {
            let start: String = text.chars().take(80).collect();
            format!("read {start:?} as a hash: expected 64 hex digits")
        })?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for Hash32 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl JsonSchema for Hash32 {
    fn schema_name() -> Cow<'static, str> {
        "Hash32".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

impl<'de> Deserialize<'de> for Hash32 {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_claimed_point_in_time_overflows() {
        let (first, last) = (Nanos(i64::MIN), Nanos(i64::MAX));
        assert_eq!(last.since(first), i64::MAX);
        assert_eq!(first.since(last), i64::MIN);
    }

    #[test]
    fn bytes_are_shown_in_the_unit_a_person_would_choose() {
        let shown = |n| Bytes(n).to_string();
        assert_eq!(shown(999), "999 B");
        assert_eq!(shown(1_000), "1.0 kB");
        assert_eq!(shown(150_528), "151 kB");
        assert_eq!(shown(1_605_632), "1.6 MB");
        assert_eq!(shown(12_845_056), "13 MB");
        assert_eq!(shown(2_000_000_000), "2.0 GB");
    }

    #[test]
    fn a_hash_survives_its_text() {
        let hash = Hash32::of(b"splitscope");
        assert_eq!(hash.to_string().parse::<Hash32>().unwrap(), hash);
        assert!("xyz".parse::<Hash32>().is_err());
    }
}
