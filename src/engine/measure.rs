//! Measures every operator of a model on this machine, whole and in parts, for a device profile.

use super::{Engine, EngineError};
use crate::clock;
use crate::model::{Graph, Node, Op, Region, Span, need};
use crate::plan::{Piece, Term, Value};
use crate::profile::{
    FORMAT, FRACTIONS, ModelFit, OperatorTimes, Profile, Provenance, Sample, fit_kinds,
    forward_without_normalize_ns, kind, work,
};

/// Timed runs of a part, after one that warms up; the median counts.
const RUNS: usize = 5;

/// Measures a model on `engine` and fits a profile; `told` hears of each operator before it runs.
///
/// # Errors
/// An operator that fails.
pub fn measure<E: Engine>(
    engine: &mut E,
    graph: &Graph,
    name: &str,
    provenance: Provenance,
    told: &mut dyn FnMut(&Node),
) -> Result<Profile, EngineError> {
    let mut measured = Err(EngineError::Weights("the lane did not run".to_owned()));
    engine.on_lane(&mut |engine| {
        measured = graph
            .operators()
            .iter()
            .map(|node| {
                told(node);
                operator(engine, graph, node)
            })
            .collect();
    });
    let measured: Vec<(OperatorTimes, Vec<Sample>)> = measured?;
    let (table, samples): (Vec<_>, Vec<_>) = measured.into_iter().unzip();
    let samples: Vec<Sample> = samples.into_iter().flatten().collect();
    let measured_ns = graph
        .operators()
        .iter()
        .zip(&table)
        .filter(|(node, _)| !matches!(node.op, Op::Normalize { .. }))
        .map(|(_, times)| times.rows_ns[FRACTIONS.len() - 1])
        .sum();
    let mut profile = Profile {
        format: FORMAT,
        name: name.to_owned(),
        provenance,
        power: None,
        operators: fit_kinds(&samples),
        models: Vec::new(),
    };
    let fitted = forward_without_normalize_ns(&profile, graph) as f64;
    let input = graph.input_shape();
    profile.models = vec![ModelFit {
        name: graph.name().to_owned(),
        size: [input.rows, input.columns],
        measured_ns,
        error_pct: ((fitted / measured_ns as f64 - 1.0) * 1e4).round() / 1e2,
        unseen_error_pct: None,
        compute_w: None,
        scale: std::collections::BTreeMap::new(),
        table,
    }];
    Ok(profile)
}

/// The first part of an axis.
fn part(len: u32, fraction: f64) -> Span {
    Span::new(
        0,
        ((f64::from(len) * fraction).round() as u32).clamp(1, len),
    )
}

fn operator<E: Engine>(
    engine: &mut E,
    graph: &Graph,
    node: &Node,
) -> Result<(OperatorTimes, Vec<Sample>), EngineError> {
    let whole = Region {
        batch: Span::new(0, 1),
        ..Region::whole(&node.shape)
    };
    let mut samples = Vec::new();
    let mut along = |parts: [Region; 4]| -> Result<[i64; 4], EngineError> {
        let mut times = [0; 4];
        for (time, out) in times.iter_mut().zip(parts) {
            *time = timed(engine, graph, node, &out)?;
            samples.push(Sample {
                model: graph.name().to_owned(),
                kind: kind(graph, node),
                work: work(graph, node, &out, None),
                ns: *time as f64,
            });
        }
        Ok(times)
    };
    let rows_ns = along(FRACTIONS.map(|fraction| Region {
        row: part(node.shape.rows, fraction),
        ..whole
    }))?;
    // Flattening and joining take whole channels: a part of them is a copy of another kind.
    let channels_ns = if matches!(node.op, Op::Flatten | Op::Concat) {
        rows_ns
    } else {
        along(FRACTIONS.map(|fraction| Region {
            channel: part(node.shape.channels, fraction),
            ..whole
        }))?
    };
    let times = OperatorTimes {
        name: node.name.clone(),
        rows_ns,
        channels_ns,
    };
    Ok((times, samples))
}

/// The median time of a region on zeros, in nanoseconds.
fn timed<E: Engine>(
    engine: &mut E,
    graph: &Graph,
    node: &Node,
    out: &Region,
) -> Result<i64, EngineError> {
    let needed = need(graph, node, out, None);
    let needed = node.inputs.iter().zip(needed);
    let inputs = needed
        .filter(|(_, region)| !region.is_empty())
        .map(|(&node, region)| {
            let value = Value {
                node,
                region,
                term: Term::Whole,
            };
            let zeros = vec![0; value.bytes(graph).0 as usize];
            Ok(Piece {
                region,
                term: Term::Whole,
                payload: E::import(&engine.place(), graph, &value, &zeros)?,
            })
        })
        .collect::<Result<Vec<_>, EngineError>>()?;
    let mut times = [0; RUNS];
    drop(engine.compute(graph, node, out, None, &inputs)?);
    for time in &mut times {
        let start = clock::now();
        let made = engine.compute(graph, node, out, None, &inputs)?;
        *time = clock::now().since(start);
        drop(made);
    }
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    /// Computes nothing and remembers what it was asked for.
    #[derive(Default)]
    struct Asked(Vec<(String, Region)>);

    impl Engine for Asked {
        type Payload = Region;
        type Place = ();

        fn describe(&self) -> String {
            "asked".to_owned()
        }

        fn place(&self) {}

        fn on_lane(&mut self, body: &mut dyn FnMut(&mut Self)) {
            body(self);
        }

        fn compute(
            &mut self,
            graph: &Graph,
            node: &Node,
            out: &Region,
            _: Option<(Span, Term)>,
            inputs: &[Piece<Region>],
        ) -> Result<Region, EngineError> {
            let needed = need(graph, node, out, None);
            let needed: Vec<_> = needed.into_iter().filter(|r| !r.is_empty()).collect();
            let got: Vec<_> = inputs.iter().map(|piece| piece.payload).collect();
            assert_eq!(got, needed, "{} gets what it reads", node.name);
            self.0.push((node.name.clone(), *out));
            Ok(*out)
        }

        fn reduce(&mut self, _: &Node, _: &[Piece<Region>]) -> Result<Region, EngineError> {
            unreachable!("an operator is measured by itself")
        }

        fn assemble(
            &mut self,
            _: &Node,
            _: &Region,
            _: &[Piece<Region>],
        ) -> Result<Region, EngineError> {
            unreachable!("an operator is measured by itself")
        }

        fn export(_: &Graph, _: &Value, _: &[Piece<Region>]) -> Result<Vec<u8>, EngineError> {
            unreachable!("nothing is sent")
        }

        fn import(
            (): &(),
            graph: &Graph,
            value: &Value,
            bytes: &[u8],
        ) -> Result<Region, EngineError> {
            assert_eq!(bytes.len() as u64, value.bytes(graph).0);
            Ok(value.region)
        }
    }

    #[test]
    fn every_operator_is_measured_at_four_fractions_of_rows_and_channels_for_models_to_come() {
        let graph = zoo::build("vgg19", 1, 32, 32).unwrap();
        let provenance = Provenance {
            who: "a test".to_owned(),
            when: "2026-11-28".to_owned(),
            how: "nothing is computed".to_owned(),
            cudnn: "none".to_owned(),
            program: "splitscope".to_owned(),
        };
        let (mut engine, mut told) = (Asked::default(), Vec::new());
        let profile = measure(
            &mut engine,
            &graph,
            "mine",
            provenance.clone(),
            &mut |node| {
                told.push(node.name.clone());
            },
        )
        .unwrap();
        let names: Vec<_> = graph.operators().iter().map(|n| n.name.clone()).collect();
        assert_eq!(told, names);
        let table: Vec<_> = profile.models[0]
            .table
            .iter()
            .map(|t| t.name.clone())
            .collect();
        assert_eq!(table, names);

        let asked = engine.0.iter().filter(|(name, _)| name == "features.0");
        let parts: Vec<_> = asked.map(|(_, r)| (r.row.len(), r.channel.len())).collect();
        let expected = [
            (4, 64),
            (8, 64),
            (16, 64),
            (32, 64),
            (32, 8),
            (32, 16),
            (32, 32),
            (32, 64),
        ];
        let times = expected.map(|part| [part; RUNS + 1]);
        assert_eq!(parts, times.as_flattened(), "warmed up, then timed");

        let text = profile.to_toml().unwrap();
        let read = Profile::parse("mine", &text).unwrap();
        assert_eq!(read.provenance, provenance);
        let unseen = zoo::build("resnet50", 1, 64, 64).unwrap();
        assert!(read.forward_ns(&unseen) > 0, "{text}");
    }
}
