//! What can be wrong with weights, told so that a tester knows which file to fetch or save again.

use std::fmt;
use std::io;

use thiserror::Error;

use super::pickle::PickleError;

/// Why weights could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused.
    #[error("could not {doing} {origin}: {cause}")]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The file.
        origin: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The first bytes belong to no format that this program reads.
    #[error(
        "{origin} starts with \"{head}\": expected a PyTorch .pth (zip or legacy) or a .safetensors file; \
         save one with torch.save(model.state_dict(), path)"
    )]
    UnknownFormat {
        /// The file.
        origin: String,
        /// Its first bytes, escaped.
        head: String,
    },
    /// A pickle inside a `.pth` is malformed, too large, or asks for more than weights need.
    #[error("{origin}, {part}: {cause}")]
    Pickle {
        /// The file.
        origin: String,
        /// Which of the file's pickles.
        part: &'static str,
        /// What is wrong.
        cause: PickleError,
    },
    /// The zip container of a `.pth` is malformed.
    #[error(
        "{origin}, {part}: {cause}; expected a zip archive that torch.save wrote: fetch or save it again"
    )]
    Zip {
        /// The file.
        origin: String,
        /// Which entry of the archive.
        part: String,
        /// What the zip reader said.
        cause: zip::result::ZipError,
    },
    /// The header of a `.safetensors` file is malformed, or cannot be written.
    #[error("{origin}, safetensors header: {cause}; fetch or save the file again")]
    Safetensors {
        /// The file.
        origin: String,
        /// What the safetensors reader said.
        cause: safetensors::SafeTensorError,
    },
    /// The file says one thing and holds another.
    #[error(
        "{origin}, {what}: expected {expected}, found {found}; the file is cut short or damaged: fetch or save it again"
    )]
    Damaged {
        /// The file.
        origin: String,
        /// Which part of it.
        what: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The file is well formed and of a kind that is not read here.
    #[error("{origin}: found {found}, expected {expected}; {advice}")]
    Unsupported {
        /// The file.
        origin: String,
        /// What it holds.
        found: String,
        /// What is read here.
        expected: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// The file's tensors are not those that the graph wants.
    #[error("{origin}: {misfits}")]
    Misfit {
        /// The file.
        origin: String,
        /// Every parameter that does not fit.
        misfits: Misfits,
    },
}

/// The parameters that a file lacks or holds otherwise; displayed as the first few and a count.
#[derive(Debug)]
pub struct Misfits {
    /// Each wanted parameter that the file cannot fill, in the graph's order.
    pub list: Vec<Misfit>,
    /// How many parameters the graph wants.
    pub wanted: usize,
    /// How many tensors the file has.
    pub tensors: usize,
    /// The first few names in the file: a prefix such as `module.` shows here.
    pub names: Vec<String>,
}

/// One wanted parameter that a file cannot fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The file has no tensor of this name.
    Missing {
        /// The parameter.
        name: String,
        /// The shape that the graph wants.
        expected: Vec<u32>,
    },
    /// The tensor has another shape.
    Shape {
        /// The parameter.
        name: String,
        /// The shape that the graph wants.
        expected: Vec<u32>,
        /// The shape in the file.
        found: Vec<u64>,
    },
    /// The tensor's elements are not floats.
    Type {
        /// The parameter.
        name: String,
        /// The element type in the file.
        found: &'static str,
    },
}

impl Misfits {
    /// How many are named in a message.
    const SHOWN: usize = 4;
}

impl fmt::Display for Misfits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} wanted parameters do not fit: ",
            self.list.len(),
            self.wanted
        )?;
        for (i, misfit) in self.list.iter().take(Self::SHOWN).enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{misfit}")?;
        }
        if self.list.len() > Self::SHOWN {
            write!(f, "; and {} more", self.list.len() - Self::SHOWN)?;
        }
        write!(f, ". The file holds {} tensors", self.tensors)?;
        for (i, name) in self.names.iter().enumerate() {
            let separator = if i == 0 { ", first" } else { "," };
            write!(f, "{separator} `{}`", name.escape_debug())?;
        }
        f.write_str("; check that it is of this model")
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, expected } => {
                write!(f, "`{name}`: expected {expected:?}, found nothing")
            }
            Self::Shape {
                name,
                expected,
                found,
            } => write!(f, "`{name}`: expected {expected:?}, found {found:?}"),
            Self::Type { name, found } => {
                write!(f, "`{name}`: expected f32, f16, bf16 or f64, found {found}")
            }
        }
    }
}
