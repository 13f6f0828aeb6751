//! What a machine takes while it is left alone on purpose: the mean of the total over such a stretch.
//!
//! The first second is left out: clocks and averaging sensors come to rest in it. What is left of a stretch must be long
//! enough and covered by samples; else the answer says so.

use super::{Gatherer, MAX_GAP_NS, Sample, integrate_covered};
use crate::power::{Counts, IdleLevel, PowerRecord, PowerSourcesRecord, RailSample};
use crate::units::{Joules, Nanos};

/// The beginning of a stretch that is left out: clocks and averaging sensors come to rest in it.
pub const SETTLE_NS: i64 = 1_000_000_000;
/// Samples cover at least so much of the rest.
const LEAST_NS: i64 = 2_000_000_000;
/// And this share of it.
const MIN_COVERAGE: f64 = 0.8;

/// A stretch in which a machine was left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// From when on.
    pub since: Nanos,
    /// Its end; none while it lasts.
    pub until: Option<Nanos>,
}

/// There is no level, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "idle power was not measured: the machine was quiet for {:.1} s and samples cover {:.1} s after the first; it \
     takes {} s",
    *.quiet_ns as f64 / 1e9, *.covered_ns as f64 / 1e9, (SETTLE_NS + LEAST_NS) / 1_000_000_000
)]
pub struct TooShort {
    /// The stretch.
    pub quiet_ns: i64,
    /// What samples cover of it, its first second left out.
    pub covered_ns: i64,
}

/// A stretch that is being measured.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    since: Nanos,
    energy: Joules,
    covered_ns: i64,
    told: bool,
}

/// Samples in, a level out after each stretch. The first source that has a total is measured. Bounded; one call a record.
#[derive(Debug, Default)]
pub struct IdleMeter {
    sources: PowerSourcesRecord,
    gatherer: Gatherer,
    last: Option<Sample>,
    stretch: Option<Stretch>,
}

impl IdleMeter {
    /// Takes the list of sources in.
    pub fn set_sources(&mut self, sources: &PowerSourcesRecord) {
        self.sources = sources.clone();
        self.gatherer = Gatherer::default();
        self.last = None;
    }

    /// Takes samples in. Once they reach beyond the end of a quiet stretch, tells its level.
    ///
    /// # Errors
    /// The stretch was too short, or had too few samples; told once.
    pub fn add(
        &mut self,
        record: &PowerRecord,
        quiet: Option<Quiet>,
    ) -> Option<Result<IdleLevel, TooShort>> {
        let mut sources = self.sources.sources.iter();
        let has_total =
            |s: &&crate::power::SourceRecord| s.rails.iter().any(|r| r.counts != Counts::Within);
        let source = sources.find(has_total)?;
        if source.name != record.source {
            return None;
        }
        let emulated = source.emulated || record.emulated;
        let samples: Vec<RailSample> = record.samples.iter().collect();
        let totals = self.gatherer.totals(&source.rails, &samples);
        let mut answer = None;
        for sample in totals {
            let last = self.last.replace(sample);
            if let (Some(last), Some(quiet)) = (last, quiet) {
                answer = self.between(last, sample, quiet).or(answer);
            }
        }
        answer.map(|stretch| {
            let quiet_ns = stretch.1.since(stretch.0.since);
            level(&stretch.0, stretch.1, &record.source, emulated).ok_or(TooShort {
                quiet_ns,
                covered_ns: stretch.0.covered_ns,
            })
        })
    }

    /// Adds what lies between two samples; gives the stretch and its end if that is reached for the first time.
    fn between(&mut self, last: Sample, sample: Sample, quiet: Quiet) -> Option<(Stretch, Nanos)> {
        if self.stretch.is_none_or(|s| s.since != quiet.since) {
            self.stretch = Some(Stretch {
                since: quiet.since,
                energy: Joules(0.0),
                covered_ns: 0,
                told: false,
            });
        }
        let stretch = self.stretch.as_mut().filter(|s| !s.told)?;
        let end = quiet.until.unwrap_or(sample.at);
        let start = quiet.since.shifted(SETTLE_NS).min(end);
        let part = integrate_covered(&[last, sample], &(start..end), MAX_GAP_NS);
        stretch.energy.0 += part.energy.0;
        stretch.covered_ns += part.covered_ns;
        let is_over = quiet.until.is_some_and(|until| sample.at >= until);
        is_over.then(|| {
            stretch.told = true;
            (*stretch, end)
        })
    }
}

fn level(stretch: &Stretch, end: Nanos, source: &str, emulated: bool) -> Option<IdleLevel> {
    let from = stretch.since.shifted(SETTLE_NS);
    let coverage = stretch.covered_ns as f64 / end.since(from).max(1) as f64;
    let watts = stretch.energy.mean_over_ns(stretch.covered_ns)?;
    (stretch.covered_ns >= LEAST_NS && coverage >= MIN_COVERAGE).then(|| IdleLevel {
        source: source.to_owned(),
        watts,
        from,
        until: end,
        covered_ns: stretch.covered_ns,
        emulated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::{Rail, RailId, SourceRecord};
    use crate::units::Watts;

    const SECOND: i64 = 1_000_000_000;

    fn sources() -> PowerSourcesRecord {
        PowerSourcesRecord {
            sources: vec![SourceRecord {
                name: "ina3221".to_owned(),
                rails: vec![
                    Rail::new("VDD_IN", Counts::Total, ""),
                    Rail::new("VDD_SOC", Counts::Within, ""),
                ],
                emulated: false,
                trouble: None,
            }],
            absent: Vec::new(),
        }
    }

    /// A tenth of a second at 50 Hz: 14 W until the second `busy_until`, 5 W from then on.
    fn record(tenth: i64, busy_until: i64) -> PowerRecord {
        let samples = (0..5).flat_map(|n| {
            let at = Nanos(tenth * SECOND / 10 + n * 20_000_000);
            let watts = if at.0 < busy_until * SECOND {
                14.0
            } else {
                5.0
            };
            [(0, watts), (1, 2.0)].map(|(rail, watts)| RailSample {
                rail: RailId(rail),
                at,
                volts: None,
                amps: None,
                watts: Watts(watts),
            })
        });
        PowerRecord {
            source: "ina3221".to_owned(),
            samples: samples.collect(),
            effective_hz: None,
            lost: 0,
            emulated: false,
        }
    }

    /// Ten seconds quiet from second 3 on; what was told, and when.
    fn told(until: i64, busy_until: i64) -> Vec<(i64, Result<IdleLevel, TooShort>)> {
        let mut meter = IdleMeter::default();
        meter.set_sources(&sources());
        let mut told = Vec::new();
        for tenth in 0..200 {
            let quiet = (tenth >= 30).then_some(Quiet {
                since: Nanos(3 * SECOND),
                until: (tenth >= until * 10).then_some(Nanos(until * SECOND)),
            });
            let answer = meter.add(&record(tenth, busy_until), quiet);
            told.extend(answer.map(|answer| (tenth, answer)));
        }
        told
    }

    #[test]
    fn the_level_is_the_mean_after_the_first_second_and_is_told_once() {
        // The sensor comes down half a second late: that is left out.
        let mut told = told(13, 3);
        assert_eq!(told.len(), 1);
        let (tenth, level) = told.remove(0);
        let level = level.unwrap();
        assert!((level.watts.0 - 5.0).abs() < 1e-9, "{level:?}");
        assert_eq!(
            (level.from, level.until, level.covered_ns),
            (Nanos(4 * SECOND), Nanos(13 * SECOND), 9 * SECOND)
        );
        assert!(tenth >= 130 && !level.emulated);
    }

    #[test]
    fn too_short_a_stretch_has_no_level_and_says_so() {
        let mut told = told(5, 3);
        assert_eq!(told.len(), 1);
        let why = told.remove(0).1.unwrap_err();
        assert_eq!((why.quiet_ns, why.covered_ns), (2 * SECOND, SECOND));
        let words = why.to_string();
        assert!(
            words.contains("quiet for 2.0 s") && words.ends_with("takes 3 s"),
            "{words}"
        );
    }

    #[test]
    fn a_source_that_is_silent_meanwhile_gives_no_level() {
        let mut meter = IdleMeter::default();
        meter.set_sources(&sources());
        let quiet = |until| {
            Some(Quiet {
                since: Nanos(0),
                until,
            })
        };
        for tenth in 0..15 {
            assert_eq!(meter.add(&record(tenth, 0), quiet(None)), None);
        }
        let answer = meter.add(&record(120, 0), quiet(Some(Nanos(10 * SECOND))));
        assert!(answer.unwrap().is_err());
    }
}
