//! Picture sources for the robot: a folder of pictures or synthetic ones, and the camera's sense of time.
//!
//! [`Input`] gives pictures one after the other, for ever, already resized to the model's input. [`Source`] runs it on
//! a thread of its own, so that nothing is decoded on a compute lane, and shows pictures as a camera does: at a rate,
//! with only the newest kept.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

mod folder;
mod schedule;
mod source;
mod synthetic;
mod transform;

use folder::Folder;
pub use schedule::{Newest, Schedule};
pub use source::{Source, Taken};
use synthetic::Synthetic;

/// Bytes of decoded pictures kept in memory.
const CACHE_BYTES: usize = 256 << 20;
/// Bytes of the largest input that is made: `batch * 3 * rows * columns`.
const MAX_INPUT_BYTES: u64 = 1 << 30;
/// Warnings kept until somebody takes them.
const MAX_WARNINGS: usize = 100;

/// One input of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file's name or the synthetic picture's number; of a batch, the first and the last.
    pub name: String,
    /// RGB bytes, planar, `[N, 3, H, W]`.
    pub pixels: Arc<[u8]>,
}

/// Why pictures cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// The folder cannot be read.
    #[error(
        "could not read the picture folder {}: {cause}; --input takes a folder of .png or .jpg pictures, or synthetic",
        folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The folder holds nothing that is called a picture.
    #[error(
        "no pictures in {}: {} (sub-folders are not searched); put some there, or use --input synthetic",
        folder.display(),
        match others {
            0 => "it holds no files".to_owned(),
            1 => "its one file does not end in .png, .jpg or .jpeg".to_owned(),
            _ => format!("none of its {others} files ends in .png, .jpg or .jpeg"),
        }
    )]
    NoPictures {
        /// The folder.
        folder: PathBuf,
        /// Its files, all of other kinds.
        others: usize,
    },
    /// None of the folder's pictures could be decoded.
    #[error(
        "none of the {tried} pictures in {} can be used; the last: {last} Put .png or .jpg pictures there, or use \
         --input synthetic",
        folder.display()
    )]
    NoneUsable {
        /// The folder.
        folder: PathBuf,
        /// How many were tried.
        tried: usize,
        /// The last one's warning.
        last: String,
    },
    /// The wanted input is empty or too large.
    #[error(
        "cannot make inputs of {batch} x 3 x {rows} x {columns} bytes: each number must be at least 1 and all \
         together at most 1 GiB"
    )]
    Size {
        /// Pictures in one input.
        batch: u32,
        /// Rows of one.
        rows: u32,
        /// Columns of one.
        columns: u32,
    },
    /// A rate that no camera has.
    #[error(
        "cannot show pictures at {fps} frames per second: the rate must be above 0 and at most 10000"
    )]
    Rate {
        /// What was asked for.
        fps: f64,
    },
    /// The system gave no thread.
    #[error("could not start the thread that decodes pictures: {cause}")]
    Thread {
        /// What the system said.
        cause: io::Error,
    },
}

/// One picture, `[3, H, W]`, of what a batch is made.
type Single = (String, Arc<[u8]>);

#[derive(Debug)]
enum Kind {
    Synthetic(Synthetic),
    Folder(Folder),
}

/// Pictures in order, again from the first after the last.
#[derive(Debug)]
pub struct Input {
    kind: Kind,
    batch: u32,
    warnings: Vec<String>,
}

impl Input {
    /// Opens `synthetic`, or else the folder of this name; inputs are `[batch, 3, rows, columns]` bytes.
    ///
    /// # Errors
    /// When the folder cannot be read or holds no picture that can be decoded, or when the input has no sensible size.
    pub fn open(spec: &str, batch: u32, rows: u32, columns: u32) -> Result<Self, InputError> {
        let bytes = [3, batch, rows, columns]
            .iter()
            .try_fold(1u64, |product, &side| product.checked_mul(u64::from(side)));
        if bytes.is_none_or(|b| b == 0 || b > MAX_INPUT_BYTES) {
            return Err(InputError::Size {
                batch,
                rows,
                columns,
            });
        }
        let mut warnings = Vec::new();
        let kind = if spec == "synthetic" {
            Kind::Synthetic(Synthetic::new(rows, columns))
        } else {
            Kind::Folder(Folder::open(
                spec.as_ref(),
                (rows, columns),
                CACHE_BYTES,
                &mut warnings,
            )?)
        };
        Ok(Self {
            kind,
            batch,
            warnings,
        })
    }

    /// The next input: `batch` successive pictures. This decodes, and so belongs on no compute lane.
    ///
    /// # Errors
    /// When no picture of the folder can be decoded any more.
    pub fn next_picture(&mut self) -> Result<Picture, InputError> {
        let (first, pixels) = self.next_single()?;
        if self.batch == 1 {
            return Ok(Picture {
                name: first,
                pixels,
            });
        }
        let mut all = Vec::with_capacity(pixels.len() * self.batch as usize);
        all.extend_from_slice(&pixels);
        let mut last = String::new();
        for _ in 1..self.batch {
            let (name, pixels) = self.next_single()?;
            all.extend_from_slice(&pixels);
            last = name;
        }
        Ok(Picture {
            name: format!("{first}..{last}"),
            pixels: all.into(),
        })
    }

    /// Passes over `inputs` inputs without decoding them.
    pub fn pass_over(&mut self, inputs: u64) {
        let pictures = inputs.saturating_mul(u64::from(self.batch));
        match &mut self.kind {
            Kind::Synthetic(s) => s.pass_over(pictures),
            Kind::Folder(f) => f.pass_over(pictures),
        }
    }

    /// What was skipped and why, in sentences; each is given once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn next_single(&mut self) -> Result<Single, InputError> {
        match &mut self.kind {
            Kind::Synthetic(s) => Ok(s.next_single()),
            Kind::Folder(f) => f.next_single(&mut self.warnings),
        }
    }
}

/// Adds a warning, unless too many wait already.
fn warn(warnings: &mut Vec<String>, sentence: String) {
    match warnings.len() {
        0..MAX_WARNINGS => warnings.push(sentence),
        MAX_WARNINGS => warnings.push("More pictures were skipped; not all are told.".to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_successive_pictures_one_after_the_other() {
        let mut one = Input::open("synthetic", 1, 8, 6).unwrap();
        let mut three = Input::open("synthetic", 3, 8, 6).unwrap();
        let singles: Vec<Picture> = (0..6).map(|_| one.next_picture().unwrap()).collect();
        let _first = three.next_picture().unwrap();
        let second = three.next_picture().unwrap();
        assert_eq!(second.name, "synthetic-03..synthetic-05");
        let joined: Vec<u8> = singles[3..]
            .iter()
            .flat_map(|p| p.pixels.to_vec())
            .collect();
        assert_eq!(second.pixels.to_vec(), joined);
    }

    #[test]
    fn an_input_without_a_sensible_size_is_refused() {
        for (batch, rows, columns) in [
            (0, 8, 8),
            (1, 0, 8),
            (1, u32::MAX, u32::MAX),
            (u32::MAX, u32::MAX, 9),
        ] {
            let told = Input::open("synthetic", batch, rows, columns)
                .unwrap_err()
                .to_string();
            assert!(
                told.contains(&format!("{batch} x 3 x {rows} x {columns}")),
                "{told}"
            );
        }
    }
}
