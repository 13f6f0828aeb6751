//! Scripts of made-up workers: small TOML files, read within bounds; what is no script is an error with its line.
//!
//! ```toml
//! about = "a batch is lost on the way"
//! keeps = true                       # the worker keeps its batches and answers for them
//!
//! [[steps]]
//! hello = {}                         # greets the next console that dials
//! [[steps]]
//! send = { batches = 5, every_ms = 20 }
//! [[steps]]
//! lose = { batches = 1 }             # made, never sent
//! [[steps]]
//! send = {}
//! [[steps]]
//! answer = 1                         # one request for what was missed
//! [[steps]]
//! shows = ["LIVE"]                   # goes on when the console's screen has these words
//!
//! [recorded]                         # what the console's file must have at the end
//! frames = 14
//! ```

use std::fmt;

use serde::Deserialize;
use splitscope::wire::console::Role;
use toml::Spanned;

/// Bytes of a file at most.
const MAX_BYTES: usize = 64 << 10;
const MAX_STEPS: usize = 100;
const MAX_TEXT: usize = 200;
const MAX_BATCHES: u32 = 36_000;
const MAX_EVERY_MS: u64 = 10_000;
/// Frames of a batch at most, and samples.
const MAX_FRAMES: u32 = 100;
const MAX_SAMPLES: u32 = 5_000;

/// What a worker does, and what a console makes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it is about.
    pub(crate) about: Spanned<String>,
    #[serde(default = "robot")]
    pub(crate) role: Role,
    /// Whether it keeps its batches and answers for them.
    #[serde(default)]
    pub(crate) keeps: bool,
    pub(crate) steps: Vec<Spanned<Step>>,
    #[serde(default)]
    pub(crate) recorded: Recorded,
}

fn robot() -> Role {
    Role::Robot
}

/// One thing after another.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Greets the next console that dials.
    Hello(Hello),
    /// Batches, each at its time.
    Send(Telemetry),
    /// Batches made at their time that come late, all at once.
    Delay(Telemetry),
    /// Batches that come in the wrong order.
    Reorder(Telemetry),
    /// Batches that are made and do not come.
    Lose(Telemetry),
    /// Something for the list of events.
    Event(String),
    /// Answers so many requests for what was missed.
    Answer(u32),
    /// The connection breaks off.
    Drop(Nothing),
    /// The connection is closed with a reason.
    Close(String),
    /// From here on it neither reads nor writes, and closes nothing.
    HalfOpen(Nothing),
    /// It breaks off and starts anew, as another process.
    Reboot(Nothing),
    /// Something that is no message.
    Garbage(Garbage),
    /// A person presses these keys.
    Press(String),
    /// Goes on when all of these words are on the screen.
    Shows(Vec<String>),
}

/// No choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A greeting; where nothing is chosen, as this version has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hello {
    pub(crate) protocol: Option<u32>,
    pub(crate) version: Option<String>,
}

/// Batches and what is in each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Telemetry {
    pub(crate) batches: u32,
    pub(crate) every_ms: u64,
    /// Frames with all their steps.
    pub(crate) frames: u32,
    /// Samples of the link.
    pub(crate) samples: u32,
    /// Readings of power and of the host.
    pub(crate) sensors: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            batches: 1,
            every_ms: 100,
            frames: 2,
            samples: 1,
            sensors: false,
        }
    }
}

/// What is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Garbage {
    /// Bytes that are not compressed.
    Bytes,
    /// Text, where binary messages belong.
    Text,
    /// A message without its end.
    Cut,
    /// A few bytes that unpack to more than any message may have.
    Bomb,
}

/// What the recording has; what is not named is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recorded {
    pub(crate) frames: Option<u64>,
    pub(crate) hellos: Option<u64>,
    /// Ends of connections.
    pub(crate) losts: Option<u64>,
    /// Batches lost for good: the first and the last of each hole.
    pub(crate) gaps: Option<Vec<(u64, u64)>>,
    /// Samples of the link.
    pub(crate) samples: Option<u64>,
}

/// A text is no script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, from 1.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl Scenario {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let fault = |at: usize, what: String| {
            let before = text.as_bytes().iter().take(at);
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            Err(Fault { line, what })
        };
        if text.len() > MAX_BYTES {
            return fault(0, format!("longer than {MAX_BYTES} bytes"));
        }
        let scenario: Self = match toml::from_str(text) {
            Ok(scenario) => scenario,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                return fault(at, error.message().replace('\n', ", "));
            }
        };
        if let Some(what) = too_long(scenario.about.get_ref()) {
            return fault(scenario.about.span().start, what);
        }
        if let Some(step) = scenario.steps.get(MAX_STEPS) {
            return fault(step.span().start, format!("more than {MAX_STEPS} steps"));
        }
        for step in &scenario.steps {
            if let Some(what) = step.get_ref().fault() {
                return fault(step.span().start, what);
            }
        }
        Ok(scenario)
    }
}

impl Step {
    /// What is out of bounds.
    fn fault(&self) -> Option<String> {
        match self {
            Self::Send(t) | Self::Delay(t) | Self::Reorder(t) | Self::Lose(t) => t.fault(),
            Self::Event(text) | Self::Close(text) | Self::Press(text) => too_long(text),
            Self::Shows(words) if words.is_empty() => Some("no words to wait for".to_owned()),
            Self::Shows(words) => words.iter().find_map(|word| too_long(word)),
            Self::Hello(hello) => hello.version.as_deref().and_then(too_long),
            Self::Answer(n) => within("answer", u64::from(*n), 1, 100),
            Self::Drop(_) | Self::HalfOpen(_) | Self::Reboot(_) | Self::Garbage(_) => None,
        }
    }
}

impl Telemetry {
    fn fault(&self) -> Option<String> {
        within("batches", self.batches.into(), 1, MAX_BATCHES.into())
            .or_else(|| within("every_ms", self.every_ms, 0, MAX_EVERY_MS))
            .or_else(|| within("frames", self.frames.into(), 0, MAX_FRAMES.into()))
            .or_else(|| within("samples", self.samples.into(), 0, MAX_SAMPLES.into()))
    }
}

fn within(name: &str, value: u64, least: u64, most: u64) -> Option<String> {
    let out = !(least..=most).contains(&value);
    out.then(|| format!("{name} is {value}; expected {least} to {most}"))
}

fn too_long(text: &str) -> Option<String> {
    (text.len() > MAX_TEXT).then(|| format!("a text of more than {MAX_TEXT} bytes"))
}
