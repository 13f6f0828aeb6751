//! A sweep as a file: one table of frames that any reader of CSV takes (`#` begins a comment), with what a table of
//! frames has no room for as JSON in comments. It grows while the sweep runs: what a crash leaves can be read.
//!
//! ```text
//! # splitscope sweep 1
//! # sweep {"version":...,"model":{...},"plans":[...]}
//! visit,round,plan,mode,cut,frame,epoch,admitted_ns,latency_ns,robot_ns,...,predicted_ns
//! 0,0,12,split,12,4711,9,81230000000,61200000,...,ok,,true,60100000
//! # visit {"visit":0,...,"power":{...}}
//! # idle {"from_ns":...,"pieces":[...]}
//! # solo {"cut":9,"robot":{"operators":9,"alone_ms":...,"together_ms":...},"server":{...}}
//! # refused {"plan":40,"reason":"..."}
//! # end {"how":"done","unix_ms":...}
//! ```

mod row;
mod writer;

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::choice::MAX_PLANS;
use super::{EndRow, FrameRow, Header, IdleRow, RefusedRow, SoloRow, VisitRow};
use row::{COLUMNS, parse_row, push_row};
pub use writer::Writer;

/// Bytes of a file at most.
pub const MAX_FILE_BYTES: usize = 256 << 20;
/// The first line; the number is the format's version.
const MAGIC: &str = "# splitscope sweep 1";
/// Frames of a file at most.
const MAX_ROWS: usize = 2_000_000;
/// Idle stretches of a file at most.
const MAX_IDLE: usize = 1_000;
/// What of a wrong line an error repeats, in characters.
const SHOWN: usize = 60;

/// A file that is no sweep, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SweepFileError {
    /// The system does not give it.
    #[error("cannot read the sweep {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// A line that is not as it should be.
    #[error("{name}, line {line}: read {read:?}, expected {expected}")]
    Line {
        /// The file.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// What there is, shortened.
        read: String,
        /// What there should be.
        expected: String,
    },
    /// More than any honest sweep.
    #[error("{name}: {what} are more than the {limit} that are read")]
    TooMuch {
        /// The file.
        name: String,
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
}

/// A sweep as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepFile {
    /// What was swept, on what, how.
    pub header: Header,
    /// Every frame, in the order of visits.
    pub frames: Vec<FrameRow>,
    /// The visits with frames that count.
    pub visits: Vec<VisitRow>,
    /// The stretches in which the robot was left alone.
    pub idle: Vec<IdleRow>,
    /// Plans that could not be measured.
    pub refused: Vec<RefusedRow>,
    /// Whether robot and server slow each other, where they share a machine and that was seen.
    pub solo: Option<SoloRow>,
    /// How it ended; none if it was cut off.
    pub end: Option<EndRow>,
}

/// Whether a text begins like a sweep, of whatever version.
pub fn is_sweep(text: &str) -> bool {
    text.starts_with("# splitscope sweep ")
}

impl SweepFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is too long, or is no sweep.
    pub fn read(path: &Path) -> Result<Self, SweepFileError> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|f| f.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
            .map_err(|source| SweepFileError::Read {
                path: path.to_owned(),
                source,
            })?;
        let name = path.display().to_string();
        if bytes.len() > MAX_FILE_BYTES {
            return Err(SweepFileError::TooMuch {
                name,
                what: "its bytes",
                limit: MAX_FILE_BYTES,
            });
        }
        Self::parse(&name, &String::from_utf8_lossy(&bytes))
    }

    /// Reads a text; `name` is what errors call it. A last line without its end was cut off and is passed over.
    ///
    /// # Errors
    /// The text is no sweep: which line, and why.
    pub fn parse(name: &str, text: &str) -> Result<Self, SweepFileError> {
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut lines = Lines {
            name,
            number: 0,
            rest: whole.lines(),
        };
        let first = lines.next().unwrap_or_default();
        if first != MAGIC {
            return Err(lines.wrong(first, format!("{MAGIC:?}, the format this program reads")));
        }
        let second = lines.next().unwrap_or_default();
        let header: Header = lines.json(second, "sweep")?;
        if header.plans.len() > MAX_PLANS {
            return Err(lines.too_much("its plans", MAX_PLANS));
        }
        let third = lines.next().unwrap_or_default();
        if third != COLUMNS {
            return Err(lines.wrong(third, format!("the columns {COLUMNS}")));
        }
        let mut file = Self {
            header,
            frames: Vec::new(),
            visits: Vec::new(),
            idle: Vec::new(),
            refused: Vec::new(),
            solo: None,
            end: None,
        };
        while let Some(line) = lines.next() {
            if let Some(comment) = line.strip_prefix("# ") {
                match comment.split_once(' ').map_or(comment, |(word, _)| word) {
                    "visit" => file.visits.push(lines.json(line, "visit")?),
                    "idle" if file.idle.len() < MAX_IDLE => {
                        file.idle.push(lines.json(line, "idle")?);
                    }
                    "idle" => return Err(lines.too_much("its idle stretches", MAX_IDLE)),
                    "solo" => file.solo = Some(lines.json(line, "solo")?),
                    "refused" => file.refused.push(lines.json(line, "refused")?),
                    "end" => file.end = Some(lines.json(line, "end")?),
                    // A word of a later program, or a person's note.
                    _ => {}
                }
            } else {
                if file.frames.len() == MAX_ROWS {
                    return Err(lines.too_much("its frames", MAX_ROWS));
                }
                let row = parse_row(line, file.header.plans.len());
                file.frames
                    .push(row.map_err(|(read, expected)| lines.wrong(&read, expected))?);
            }
            let plans = file.header.plans.len();
            let visit = file.visits.last().map(|v| v.plan);
            let refused = file.refused.last().map(|r| r.plan);
            if visit.into_iter().chain(refused).any(|p| p >= plans) {
                return Err(lines.wrong(line, format!("one of the {plans} plans")));
            }
        }
        Ok(file)
    }

    /// The whole as text.
    pub fn to_text(&self) -> String {
        let mut text = head(&self.header);
        let mut frames = self.frames.iter().peekable();
        for visit in &self.visits {
            while let Some(row) = frames.next_if(|row| row.visit <= visit.visit) {
                push_row(&mut text, row, &self.header.plans);
            }
            push_json(&mut text, "visit", visit);
        }
        frames.for_each(|row| push_row(&mut text, row, &self.header.plans));
        for idle in &self.idle {
            push_json(&mut text, "idle", idle);
        }
        if let Some(solo) = &self.solo {
            push_json(&mut text, "solo", solo);
        }
        for refused in &self.refused {
            push_json(&mut text, "refused", refused);
        }
        if let Some(end) = &self.end {
            push_json(&mut text, "end", end);
        }
        text
    }
}

fn head(header: &Header) -> String {
    let mut text = format!("{MAGIC}\n");
    push_json(&mut text, "sweep", header);
    text += COLUMNS;
    text.push('\n');
    text
}

fn push_json(text: &mut String, word: &str, value: &impl Serialize) {
    // Plain fields with text keys always have a JSON form, on one line.
    let json = serde_json::to_string(value).unwrap_or_default();
    let _ = writeln!(text, "# {word} {json}");
}

struct Lines<'a> {
    name: &'a str,
    number: usize,
    rest: std::str::Lines<'a>,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.number += 1;
        self.rest.next()
    }

    fn wrong(&self, read: &str, expected: impl Into<String>) -> SweepFileError {
        SweepFileError::Line {
            name: self.name.to_owned(),
            line: self.number,
            read: read.chars().take(SHOWN).collect(),
            expected: expected.into(),
        }
    }

    fn too_much(&self, what: &'static str, limit: usize) -> SweepFileError {
        SweepFileError::TooMuch {
            name: self.name.to_owned(),
            what,
            limit,
        }
    }

    fn json<T: DeserializeOwned>(&self, line: &str, word: &str) -> Result<T, SweepFileError> {
        let json = line.strip_prefix("# ").and_then(|l| l.strip_prefix(word));
        let parsed = json.map(|json| serde_json::from_str(json.trim_start()));
        match parsed {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(self.wrong(line, format!("what `# {word}` says ({error})"))),
            None => Err(self.wrong(line, format!("`# {word} {{...}}`"))),
        }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
