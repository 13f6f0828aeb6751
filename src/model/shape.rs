//! Shapes and element types of operator outputs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Element type of an operator's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// Unsigned byte: the camera image.
    U8,
    /// 32-bit float, little endian on the wire.
    F32,
}

impl DType {
    /// Bytes of one element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::U8 => 1,
            Self::F32 => 4,
        }
    }
}

/// The shape of an operator's output, `[N, C, H, W]`; features after a flatten are `[N, C]` with `H = W = 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// N: images per frame.
    pub batch: u32,
    /// C: channels, or features when flat.
    pub channels: u32,
    /// H: rows; 1 when flat.
    pub rows: u32,
    /// W: columns; 1 when flat.
    pub columns: u32,
    /// True for `[N, C]`, after a flatten.
    #[serde(default)]
    pub flat: bool,
}

impl Shape {
    /// `[N, C, H, W]`.
    pub const fn image(batch: u32, channels: u32, rows: u32, columns: u32) -> Self {
        Self {
            batch,
            channels,
            rows,
            columns,
            flat: false,
        }
    }

    /// `[N, C]`.
    pub const fn features(batch: u32, channels: u32) -> Self {
        Self {
            batch,
            channels,
            rows: 1,
            columns: 1,
            flat: true,
        }
    }

    /// Elements in all.
    pub const fn elements(&self) -> u64 {
        self.batch as u64 * self.channels as u64 * self.rows as u64 * self.columns as u64
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.flat {
            write!(f, "{}x{}", self.batch, self.channels)
        } else {
            write!(
                f,
                "{}x{}x{}x{}",
                self.batch, self.channels, self.rows, self.columns
            )
        }
    }
}
