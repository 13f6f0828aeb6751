//! What telemetry carries of power. Raw samples only; totals and energies are derived where they are shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rail, RailId, RailSample};
use crate::sysfs::Absent;
use crate::units::{Amps, Hertz, Nanos, Volts, Watts};

/// A tenth of a second of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PowerRecord {
    /// The source's name, as in [`PowerSourcesRecord`].
    pub source: String,
    /// The samples, oldest first, without those that only repeat.
    pub samples: RailColumns,
    /// New readings per second over the last two seconds: what the sensor really gives while the level moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_hz: Option<Hertz>,
    /// Readings lost since the source was opened.
    #[serde(default)]
    pub lost: u64,
    /// The numbers are made up from given levels.
    #[serde(default)]
    pub emulated: bool,
}

/// Samples, stored by column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RailColumns {
    rail: Vec<RailId>,
    at: Vec<Nanos>,
    volts: Vec<Option<Volts>>,
    amps: Vec<Option<Amps>>,
    watts: Vec<Watts>,
}

impl RailColumns {
    /// Appends a sample.
    pub fn push(&mut self, sample: RailSample) {
        self.rail.push(sample.rail);
        self.at.push(sample.at);
        self.volts.push(sample.volts);
        self.amps.push(sample.amps);
        self.watts.push(sample.watts);
    }

    /// The samples in order; columns of unequal length end with the shortest.
    pub fn iter(&self) -> impl Iterator<Item = RailSample> + '_ {
        let ids = self.rail.iter().zip(&self.at);
        let values = self.volts.iter().zip(&self.amps).zip(&self.watts);
        ids.zip(values)
            .map(|((&rail, &at), ((&volts, &amps), &watts))| RailSample {
                rail,
                at,
                volts,
                amps,
                watts,
            })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl FromIterator<RailSample> for RailColumns {
    fn from_iter<I: IntoIterator<Item = RailSample>>(samples: I) -> Self {
        let mut all = Self::default();
        samples.into_iter().for_each(|s| all.push(s));
        all
    }
}

/// What a machine takes while it does nothing, measured in a pause that somebody asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IdleLevel {
    /// The source that measured it.
    pub source: String,
    /// Mean of its total.
    pub watts: Watts,
    /// When the measurement began, on the worker's clock.
    pub from: Nanos,
    /// When it ended.
    pub until: Nanos,
    /// How much of that samples cover.
    pub covered_ns: i64,
    /// Made up from given levels.
    pub emulated: bool,
}

/// What a worker measures power with: a state, told at attach and whenever it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PowerSourcesRecord {
    /// The sources.
    pub sources: Vec<SourceRecord>,
    /// What was looked for and is not there.
    #[serde(default)]
    pub absent: Vec<Absent>,
}

/// One source and what its rails mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceRecord {
    /// Its name.
    pub name: String,
    /// Its rails; a [`RailId`] is a place in this list.
    pub rails: Vec<Rail>,
    /// Its numbers are made up from given levels.
    #[serde(default)]
    pub emulated: bool,
    /// Why it gives nothing at present, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rail: u8, ns: i64, watts: f64) -> RailSample {
        RailSample {
            rail: RailId(rail),
            at: Nanos(ns),
            volts: Some(Volts(5.0)),
            amps: None,
            watts: Watts(watts),
        }
    }

    #[test]
    fn a_record_survives_both_encodings_and_an_older_one_is_read() {
        let record = PowerRecord {
            source: "ina3221 7-0040".to_owned(),
            samples: [sample(0, 1, 4.5), sample(1, 1, 0.5)].into_iter().collect(),
            effective_hz: Some(Hertz(48.0)),
            lost: 2,
            emulated: false,
        };
        let packed = rmp_serde::to_vec_named(&record).unwrap();
        assert_eq!(
            rmp_serde::from_slice::<PowerRecord>(&packed).unwrap(),
            record
        );
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<PowerRecord>(&text).unwrap(), record);
        let first = r#"{"source":"meter","samples":{"rail":[0],"at":[7],"volts":[null],"amps":[null],"watts":[4.5]}}"#;
        let read: PowerRecord = serde_json::from_str(first).unwrap();
        assert_eq!(
            (read.lost, read.emulated, read.samples.len()),
            (0, false, 1)
        );
    }

    #[test]
    fn columns_of_unequal_length_lose_their_ends_only() {
        let text =
            r#"{"rail":[0,1],"at":[7,8,9],"volts":[null,null],"amps":[null,null],"watts":[4.5]}"#;
        let columns: RailColumns = serde_json::from_str(text).unwrap();
        assert_eq!(columns.iter().map(|s| s.at).collect::<Vec<_>>(), [Nanos(7)]);
    }
}
