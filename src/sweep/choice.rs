//! Which plans a sweep visits, in the words of flags and experiment files.

mod cuts;
mod line;
mod wanted;

pub use cuts::{Cuts, single_tensor_cuts};
pub use line::{PlanLine, Rule};
pub(super) use wanted::some_codec;
pub use wanted::{Best, Given, Method, Wanted, WantedCut};

/// Plans of one sweep at most.
pub const MAX_PLANS: usize = 2_000;
/// Characters of a word that an error repeats.
const SHOWN: usize = 60;

/// Words that name no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No list of cuts.
    #[error(
        "{read:?} is no choice of cuts; expected all, single (one tensor crosses), A..B, or a list like 3,7,12"
    )]
    Cuts {
        /// What was read.
        read: String,
    },
    /// A cut that the model does not have.
    #[error("cut {cut} is out of range: the model has the cuts 0 to {last}")]
    Range {
        /// The cut.
        cut: u32,
        /// The last one.
        last: u32,
    },
    /// No mode.
    #[error(
        "{read:?} is no mode; expected local, remote, split, pipeline, tensor, data or tile, with its parameters like \
         split:cut=12:tiles=4, tensor:share=0.3 or tensor:join=reduce, or a policy: auto, auto:objective=energy, \
         neurosurgeon, dads, dads-heavy, deadline:objective=deadline=90, budget:objective=budget=0.5, pso"
    )]
    Mode {
        /// What was read.
        read: String,
    },
    /// A parameter that cannot be.
    #[error("{of}: {what}")]
    Parameter {
        /// The mode in words.
        of: String,
        /// What is wrong.
        what: String,
    },
    /// A plan that does not suit the model.
    #[error("{of}: {reason}")]
    Plan {
        /// The mode in words.
        of: String,
        /// What the compiler says.
        reason: String,
    },
    /// More plans than one sweep takes.
    #[error("{count} plans; a sweep takes at most {MAX_PLANS}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// Nothing to do.
    #[error("no plans to sweep; say which cuts or modes")]
    None,
}

fn shown(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Graph, zoo};
    use crate::plan::{Codec, Plan};

    fn graph(name: &str) -> Graph {
        zoo::build(name, 1, 64, 64).unwrap()
    }

    #[test]
    fn cuts_are_all_a_range_single_ones_or_a_list() {
        let vgg = graph("vgg19");
        let n = vgg.operator_count();
        let cuts = |text: &str| text.parse::<Cuts>().and_then(|c| c.of(&vgg));
        assert_eq!(cuts("all").unwrap().len() as u32, n + 1);
        assert_eq!(cuts("3..5").unwrap(), [3, 4, 5]);
        assert_eq!(cuts("3,1").unwrap(), [3, 1]);
        assert_eq!(cuts("single").unwrap(), cuts("all").unwrap(), "a chain");
        let resnet = graph("resnet50");
        let single = Cuts::Single.of(&resnet).unwrap();
        assert!((single.len() as u32) < resnet.operator_count() / 2);
        for bad in ["", "x", "5..3", "-1", "1..x"] {
            assert!(bad.parse::<Cuts>().is_err(), "{bad}");
        }
        let far = cuts("0..999").unwrap_err().to_string();
        assert!(far.contains("out of range"), "{far}");
    }

    #[test]
    fn words_of_modes_come_back_as_they_were_written() {
        for text in [
            "local",
            "split:cut=12:tiles=4",
            "pipeline:cut=12:window=3",
            "split:cut=best",
            "split:cut=3/9",
            "split:cut=12:codec=shuffle-zstd",
            "tensor:share=0.3:join=reduce",
            "tile:share=1/2/2",
        ] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        let read: Wanted = toml::from_str("mode = 'split'\ncut = 'best'").unwrap();
        assert_eq!(read, "split:cut=best".parse().unwrap());
        let read: Wanted = toml::from_str("mode = 'split'\ncut = 7").unwrap();
        assert_eq!(read, "split:cut=7".parse().unwrap());
        let read: Wanted = toml::from_str("mode = 'split'\ncut = [7, 9]\ncodec = 'f16'").unwrap();
        assert_eq!(read, "split:cut=7/9:codec=f16".parse().unwrap());
        let bad = toml::from_str::<Wanted>("mode = 'remote'\ncodec = 'f17'").unwrap_err();
        assert!(bad.message().contains("is no codec"), "{bad}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        let graph = graph("vgg19");
        for (text, part) in [
            ("best", "is no mode"),
            ("split:cut", "is no parameter"),
            ("split", "it needs a cut"),
            ("split:cut=999", "out of range"),
            ("local:cut=3", "cut belongs to split or pipeline"),
            ("tensor:share=2", "from 0 to 1"),
            ("pipeline:cut=3:window=999", "window is at most"),
            ("split:cut=best", "not known yet"),
            ("split:cut=9/3", "cuts rise"),
            ("split:cut=3/9:tiles=2", "one cut"),
            ("split:cut=3:codec=zip", "is no parameter"),
            ("auto:codec=f16", "a policy chooses"),
        ] {
            let error = text
                .parse::<Wanted>()
                .and_then(|w| w.line(&graph, Given::default()));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let batch = "data"
            .parse::<Wanted>()
            .unwrap()
            .line(&graph, Given::default());
        assert!(batch.is_err(), "one image cannot be divided");
    }

    #[test]
    fn plans_through_a_second_server_and_packed_ones_are_called_so() {
        let graph = graph("vgg19");
        let of = |text: &str, codec| {
            let given = Given { best: None, codec };
            let wanted: Wanted = text.parse().unwrap();
            let line = wanted.line(&graph, given).unwrap();
            (line.label, line.rule.plan().unwrap().clone())
        };
        let (label, plan) = of("split:cut=10/30", Codec::None);
        assert_eq!(
            (label.as_str(), plan),
            ("split 10+30", Plan::chain(&[10, 30]))
        );
        let packed = Plan::split(10).with_codec(Codec::F16);
        let expected = ("split 10 codec f16".to_owned(), packed.clone());
        assert_eq!(of("split:cut=10:codec=f16", Codec::None), expected);
        // What a plan says goes before what is said of all.
        assert_eq!(of("split:cut=10", Codec::F16), expected);
        assert_eq!(of("split:cut=10:codec=none", Codec::F16).1, Plan::split(10));
        let given = Given {
            best: None,
            codec: Codec::F16,
        };
        let cuts = Cuts::List(vec![10]);
        let lines = PlanLine::list(&graph, Some(&cuts), &[], given).unwrap();
        assert_eq!(lines[0].rule, Rule::Plan(packed));
    }

    #[test]
    fn every_plan_of_a_list_has_a_name_of_its_own() {
        let graph = graph("vgg19");
        let modes: Vec<Wanted> = [
            "split:cut=3",
            "tile:share=0.3",
            "tile:share=0.3",
            "split:cut=3",
        ]
        .iter()
        .map(|t| t.parse().unwrap())
        .collect();
        let lines =
            PlanLine::list(&graph, Some(&Cuts::Range(3, 4)), &modes, Given::default()).unwrap();
        let mut labels: Vec<_> = lines.iter().map(|l| l.label.clone()).collect();
        assert_eq!(labels[0], "split 3");
        assert!(labels.iter().all(|l| !l.contains(',')));
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), lines.len());
        assert_eq!(lines[0].layer.as_deref(), Some("features.1"));
    }
}
