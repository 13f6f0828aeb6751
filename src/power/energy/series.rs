//! One line of total power from a source's rails.

use super::Sample;
use crate::power::{Counts, Rail, RailSample};
use crate::units::Watts;

/// The total at each instant: the rail that is the total, or the sum of the rails that add up. An instant that lacks
/// an addend has no total. Samples of one instant stand together.
pub fn total(rails: &[Rail], samples: &[RailSample]) -> Vec<Sample> {
    let mut gatherer = Gatherer::default();
    gatherer.totals(rails, samples)
}

/// [`total`] over records as they come: an instant may be cut by a record's end only if its source was cut.
#[derive(Debug, Clone, Default)]
pub struct Gatherer {
    open: Vec<RailSample>,
}

impl Gatherer {
    /// The totals that these samples complete.
    pub fn totals(&mut self, rails: &[Rail], samples: &[RailSample]) -> Vec<Sample> {
        let mut totals = Vec::new();
        for &sample in samples {
            if self.open.first().is_some_and(|first| first.at != sample.at) {
                self.open.clear();
            }
            self.open.push(sample);
            if let Some(watts) = complete(rails, &self.open) {
                totals.push(Sample {
                    at: sample.at,
                    watts,
                });
                self.open.clear();
            }
        }
        totals
    }
}

fn complete(rails: &[Rail], samples: &[RailSample]) -> Option<Watts> {
    let of = |place: usize| samples.iter().find(|s| s.rail.index() == place);
    if let Some(place) = rails.iter().position(|r| r.counts == Counts::Total) {
        return of(place).map(|s| s.watts);
    }
    let mut sum = None;
    for (place, _) in rails
        .iter()
        .enumerate()
        .filter(|(_, r)| r.counts == Counts::Addend)
    {
        sum = Some(sum.unwrap_or(0.0) + of(place)?.watts.0);
    }
    sum.map(Watts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::RailId;
    use crate::units::Nanos;

    fn rails(counts: &[Counts]) -> Vec<Rail> {
        counts.iter().map(|&c| Rail::new("r", c, "")).collect()
    }

    fn sample(rail: u8, at: i64, watts: f64) -> RailSample {
        RailSample {
            rail: RailId(rail),
            at: Nanos(at),
            volts: None,
            amps: None,
            watts: Watts(watts),
        }
    }

    fn points(samples: &[Sample]) -> Vec<(i64, f64)> {
        samples.iter().map(|s| (s.at.0, s.watts.0)).collect()
    }

    #[test]
    fn the_input_rail_is_the_total() {
        let rails = rails(&[Counts::Total, Counts::Within]);
        let samples = [sample(0, 1, 4.5), sample(1, 1, 0.5), sample(0, 2, 5.0)];
        assert_eq!(points(&total(&rails, &samples)), [(1, 4.5), (2, 5.0)]);
    }

    #[test]
    fn addends_are_summed_and_an_instant_that_lacks_one_has_no_total() {
        let rails = rails(&[Counts::Addend, Counts::Within, Counts::Addend]);
        let samples = [
            sample(0, 1, 4.0),
            sample(1, 1, 100.0),
            sample(2, 1, 2.0),
            sample(0, 2, 9.0),
            sample(0, 3, 1.0),
            sample(2, 3, 1.0),
        ];
        assert_eq!(points(&total(&rails, &samples)), [(1, 6.0), (3, 2.0)]);
    }

    #[test]
    fn an_instant_cut_by_a_record_is_put_together() {
        let rails = rails(&[Counts::Addend, Counts::Addend]);
        let mut gatherer = Gatherer::default();
        assert_eq!(gatherer.totals(&rails, &[sample(0, 1, 4.0)]), []);
        let later = gatherer.totals(&rails, &[sample(1, 1, 2.0)]);
        assert_eq!(points(&later), [(1, 6.0)]);
    }

    #[test]
    fn rails_of_unknown_place_make_no_total() {
        let rails = rails(&[Counts::Within, Counts::Within]);
        assert_eq!(total(&rails, &[sample(0, 1, 4.0), sample(1, 1, 4.0)]), []);
    }
}
