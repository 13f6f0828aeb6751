//! Where a worker's libtorch computes.

use std::fmt;
use std::str::FromStr;

/// A processor of this machine, as PyTorch names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Processor {
    /// The CPU.
    #[default]
    Cpu,
    /// The CUDA GPU of this number.
    Cuda(u8),
}

/// Text that names no processor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no processor; expected cpu, cuda or cuda:N")]
pub struct NoProcessor(String);

impl FromStr for Processor {
    type Err = NoProcessor;

    fn from_str(text: &str) -> Result<Self, NoProcessor> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| NoProcessor(text.to_owned())),
        }
    }
}

impl fmt::Display for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, processor) in [
            ("cpu", Processor::Cpu),
            ("cuda:0", Processor::Cuda(0)),
            ("cuda:3", Processor::Cuda(3)),
        ] {
            assert_eq!(text.parse(), Ok(processor));
            assert_eq!(processor.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(Processor::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:256"] {
            let error = text.parse::<Processor>().unwrap_err().to_string();
            assert!(error.contains("expected cpu, cuda or cuda:N"), "{error}");
        }
    }
}
