//! What stands under a figure: how its numbers came about, so that it can be read by itself.

use super::evidence::Evidence;

/// The program that draws, as captions name it.
const DRAWN_BY: &str = concat!("splitscope ", env!("CARGO_PKG_VERSION"));

/// What is not measured; shown in the figure itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of its own in the figure"
)]
pub struct Origin {
    /// Some numbers come from emulated devices.
    pub is_emulated: bool,
    /// The link is emulated, whatever else is.
    pub is_link_emulated: bool,
    /// Some numbers are predictions.
    pub is_predicted: bool,
    /// A link's rates come from a stochastic model.
    pub is_modelled: bool,
    /// Robot and server slowed each other on one machine.
    pub is_contended: bool,
}

impl Origin {
    /// Of all files together.
    pub fn of(all: &[Evidence]) -> Self {
        Self {
            is_emulated: all.iter().any(|e| e.is_emulated),
            is_link_emulated: all.iter().any(|e| e.is_link_emulated),
            is_predicted: all.iter().any(Evidence::is_predicted),
            is_modelled: all.iter().any(|e| e.is_modelled),
            is_contended: all.iter().any(|e| e.is_contended),
        }
    }

    /// The words of the badges.
    pub fn badges(self) -> Vec<&'static str> {
        [
            (self.is_emulated, "EMULATED"),
            (self.is_link_emulated && !self.is_emulated, "EMULATED LINK"),
            (self.is_predicted, "PREDICTED"),
            (self.is_modelled, "MODELLED"),
            (self.is_contended, "CONTENDED"),
        ]
        .into_iter()
        .filter_map(|(is, word)| is.then_some(word))
        .collect()
    }
}

/// A figure's caption: first how to read it, then a paragraph per file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// How to read the figure.
    pub reading: String,
    /// One per file.
    pub files: Vec<String>,
}

impl Caption {
    /// A caption of `all`; `reading` says what bars, dots and lines are.
    pub fn new(reading: impl Into<String>, all: &[Evidence]) -> Self {
        Self {
            reading: reading.into(),
            files: all.iter().map(about).collect(),
        }
    }

    /// The paragraphs.
    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.reading.as_str()).chain(self.files.iter().map(String::as_str))
    }
}

/// Model, devices, link, frames and version of one file, each said or said to be missing.
fn about(evidence: &Evidence) -> String {
    let mut words = Vec::new();
    let is_trace = evidence.plans.is_empty() && evidence.timeline.is_none();
    if !is_trace {
        let told = |what: &str, value: Option<&String>| match value {
            Some(value) => format!("{what} {value}"),
            None => format!("{what} not in the file"),
        };
        words.push(told("model", evidence.model.as_ref()));
        words.push(told("robot", evidence.robot.as_ref()));
        words.push(match evidence.servers.as_slice() {
            [] => "no server in the file".to_owned(),
            servers => format!("server {}", servers.join(", ")),
        });
        words.push(told("link", evidence.link.as_ref()));
        if evidence.is_predicted() {
            words.push(format!("{} plans predicted", evidence.plans.len()));
        } else {
            let left_out = match evidence.left_out() {
                0 => String::new(),
                n => format!(
                    ", {n} more left out (warm-up, a plan being prepared, finished locally or failed)"
                ),
            };
            words.push(format!("{} frames{left_out}", evidence.frames()));
        }
    }
    words.extend(evidence.began.iter().map(|began| format!("begun {began}")));
    words.extend(evidence.remarks.iter().cloned());
    let made = match &evidence.program {
        Some(program) if program != DRAWN_BY => format!("made by {program}, drawn by {DRAWN_BY}"),
        Some(program) => program.clone(),
        None => format!("drawn by {DRAWN_BY}"),
    };
    words.push(made);
    format!("{}: {}.", evidence.file, words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Kind;
    use super::*;

    #[test]
    fn what_a_file_does_not_tell_is_said_to_be_missing() {
        let mut evidence = Evidence::new("frames.jsonl", Kind::Lines);
        evidence
            .plans
            .push(super::super::testing::plan("split 3", Some(3), 50.0));
        let caption = Caption::new("Bars.", &[evidence]);
        let text = caption.paragraphs().collect::<Vec<_>>().join("\n");
        for part in [
            "Bars.\nframes.jsonl: model not in the file",
            "robot not in the file",
            "no server",
            "link not in the file",
            "9 frames, 1 more left out",
            "drawn by splitscope",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
