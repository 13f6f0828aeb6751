//! A worker's power and host readings: what it measures with, every rail now, a rolling estimate of joules per inference.

use crate::host::HostRecord;
use crate::power::energy::{Estimate, Gatherer, Live, MAX_GAP_NS};
use crate::power::{IdleLevel, PowerRecord, PowerSourcesRecord, RailSample};
use crate::units::{Joules, Nanos, Watts};
use crate::wire::FrameRecord;

use super::activity::{Activity, EnergyShares};
use super::text::clean;
use super::trends::Trends;

/// Length of the rolling estimate.
const WINDOW_NS: i64 = 5_000_000_000;
/// Sources and rails kept of a worker; more would be a faulty peer.
const MOST_SOURCES: usize = 8;
const MOST_RAILS: usize = 32;
/// Absent sensors, and of each kind of a machine's parts: more would be a faulty peer.
const MOST_PARTS: usize = 256;
/// Characters of a name and of a sentence.
const NAME: usize = 64;
const SENTENCE: usize = 400;

/// One source's newest readings.
#[derive(Debug, Clone)]
pub struct SourceNow {
    /// Its name, as in the list of sources.
    pub name: String,
    /// The newest sample of every rail, by rail.
    pub rails: Vec<RailSample>,
    /// New readings a second.
    pub effective_hz: Option<f64>,
    /// Its numbers are made up from given levels.
    pub emulated: bool,
    gatherer: Gatherer,
    live: Live,
    activity: Activity,
}

/// What is known of power and host.
#[derive(Debug, Clone, Default)]
pub struct Power {
    sources: PowerSourcesRecord,
    now: Vec<SourceNow>,
    host: Option<Box<HostRecord>>,
    estimate: Option<(Estimate, bool)>,
    /// When frames began to run under the plan in effect, where another one was before.
    since: Option<Nanos>,
    idle: Option<IdleLevel>,
}

impl Power {
    /// What power is measured with, and what was looked for in vain.
    pub const fn sources(&self) -> &PowerSourcesRecord {
        &self.sources
    }

    /// The newest readings of every source.
    pub fn now(&self) -> &[SourceNow] {
        &self.now
    }

    /// The machine, as it was told last.
    pub fn host(&self) -> Option<&HostRecord> {
        self.host.as_deref()
    }

    /// Takes the list of sources in; says whether it has others than before.
    pub fn set_sources(&mut self, mut sources: PowerSourcesRecord) -> bool {
        sources.sources.truncate(MOST_SOURCES);
        sources.absent.truncate(MOST_PARTS);
        for source in &mut sources.sources {
            source.name = clean(&source.name, NAME);
            source.trouble = source.trouble.as_deref().map(|t| clean(t, SENTENCE));
            source.rails.truncate(MOST_RAILS);
            for rail in &mut source.rails {
                rail.name = clean(&rail.name, NAME);
                rail.what = clean(&rail.what, SENTENCE);
            }
        }
        for absent in &mut sources.absent {
            absent.name = clean(&absent.name, NAME);
            absent.reason = clean(&absent.reason, SENTENCE);
        }
        // Of a source that gives nothing at present the last numbers are not the present ones.
        self.now.retain(|n| {
            let mut announced = sources.sources.iter();
            announced.any(|s| s.name == n.name && s.trouble.is_none())
        });
        let names = |of: &PowerSourcesRecord| -> Vec<(String, Vec<String>)> {
            let rails =
                |s: &crate::power::SourceRecord| s.rails.iter().map(|r| r.name.clone()).collect();
            of.sources
                .iter()
                .map(|s| (s.name.clone(), rails(s)))
                .collect()
        };
        let others = names(&self.sources) != names(&sources);
        self.sources = sources;
        self.settle();
        others
    }

    /// Frames run under another plan from this moment on: estimates are of that plan alone.
    pub fn begin(&mut self, at: Nanos) {
        self.since = Some(at);
        for source in &mut self.now {
            source.live.begin(at);
            source.activity.begin(at);
        }
        self.settle();
    }

    /// Takes the machine's record in.
    pub fn set_host(&mut self, mut host: Box<HostRecord>) {
        host.cores.truncate(MOST_PARTS);
        host.temperatures.truncate(MOST_PARTS);
        host.wifi.truncate(MOST_PARTS);
        for temperature in &mut host.temperatures {
            temperature.zone = clean(&temperature.zone, NAME);
        }
        for throttle in host.throttling.iter_mut().flatten() {
            throttle.what = clean(&throttle.what, NAME);
        }
        host.power_mode = host.power_mode.as_deref().map(|m| clean(m, NAME));
        for wifi in &mut host.wifi {
            wifi.interface = clean(&wifi.interface, NAME);
            wifi.bssid = wifi.bssid.as_deref().map(|b| clean(b, NAME));
        }
        self.host = Some(host);
    }

    /// Takes samples in; those of a source that was not announced are passed over.
    pub fn add(&mut self, record: &PowerRecord, trends: &mut Trends) {
        let name = clean(&record.source, NAME);
        let announced = &self.sources.sources;
        let Some(place) = announced.iter().position(|s| s.name == name) else {
            return;
        };
        let source = &announced[place];
        let at = self.now.iter().position(|n| n.name == name);
        let at = at.unwrap_or_else(|| {
            let mut now = SourceNow {
                name,
                rails: Vec::new(),
                effective_hz: None,
                emulated: record.emulated,
                gatherer: Gatherer::default(),
                live: Live::new(WINDOW_NS, MAX_GAP_NS),
                activity: Activity::default(),
            };
            if let Some(since) = self.since {
                now.live.begin(since);
                now.activity.begin(since);
            }
            self.now.push(now);
            self.now.len() - 1
        });
        let now = &mut self.now[at];
        now.effective_hz = record.effective_hz.map(|hz| hz.0);
        let samples: Vec<RailSample> = record.samples.iter().collect();
        for sample in &samples {
            match now.rails.iter().position(|r| r.rail == sample.rail) {
                Some(known) => now.rails[known] = *sample,
                None if now.rails.len() < MOST_RAILS => now.rails.push(*sample),
                None => {}
            }
            if sample.rail.index() < source.rails.len() {
                trends.rail(place, sample);
            }
        }
        for total in now.gatherer.totals(&source.rails, &samples) {
            trends.total(place, total);
            now.live.sample(total);
            now.activity.sample(total);
        }
        self.settle();
    }

    /// Takes samples in that come late: for what is drawn over time alone.
    pub fn late(&self, record: &PowerRecord, trends: &mut Trends) {
        let name = clean(&record.source, NAME);
        let mut announced = self.sources.sources.iter().enumerate();
        let Some((place, source)) = announced.find(|(_, s)| s.name == name) else {
            return;
        };
        let samples: Vec<RailSample> = record.samples.iter().collect();
        for sample in &samples {
            if sample.rail.index() < source.rails.len() {
                trends.rail(place, sample);
            }
        }
        for total in Gatherer::default().totals(&source.rails, &samples) {
            trends.total(place, total);
        }
    }

    fn settle(&mut self) {
        self.estimate = self.now.iter_mut().find_map(|source| {
            let newest = source.rails.iter().map(|r| r.at).max()?;
            Some((source.live.estimate(newest)?, source.emulated))
        });
    }

    /// An inference was told.
    pub fn frame(&mut self, frame: &FrameRecord) {
        let ended = frame.admitted.shifted(frame.latency_ns);
        for source in &mut self.now {
            if self.since.is_none_or(|since| frame.admitted >= since) {
                source.live.frame(ended);
            }
            source.activity.frame(frame);
        }
    }

    /// The source that the estimate is of.
    fn estimated(&self) -> Option<&SourceNow> {
        self.estimate?;
        // The first that has one, as in `settle`.
        self.now.iter().find(|s| s.activity.has_samples())
    }

    /// When frames began to run under the plan in effect, where another one was before.
    pub const fn since(&self) -> Option<Nanos> {
        self.since
    }

    /// What the energy of the last seconds went to; an estimate.
    pub fn shares(&self) -> Option<EnergyShares> {
        self.estimated()?.activity.shares()
    }

    /// What the robot takes while it does nothing: as it was measured in a pause, else an estimate from the gaps between
    /// frames, where there were some.
    pub fn idle(&self) -> Option<Watts> {
        let measured = self.idle_level().map(|level| level.watts);
        measured.or_else(|| self.estimated()?.activity.idle())
    }

    /// What the robot took in its last pause; none before there was one, or where another source tells its power now.
    pub fn idle_level(&self) -> Option<&IdleLevel> {
        let source = self.estimated()?;
        self.idle
            .as_ref()
            .filter(|level| level.source == source.name)
    }

    /// Takes a level in that was measured.
    pub(super) fn set_idle_level(&mut self, mut level: IdleLevel) {
        level.source = clean(&level.source, NAME);
        if level.watts.0.is_finite() {
            self.idle = Some(level);
        }
    }

    /// Joules per inference above idle over the last seconds; none where idle is not known. An estimate, never a result.
    pub fn net_joules(&self) -> Option<Joules> {
        let (estimate, _) = self.estimate?;
        let gross = estimate.joules_per_inference?;
        let idle = self.idle()?.over_ns(estimate.window_ns);
        Some(Joules(gross.0 - idle.0 / estimate.frames.max(1) as f64))
    }

    /// The rolling estimate of the first source that has one, and whether its numbers are made up; never a result.
    pub const fn estimate(&self) -> Option<(Estimate, bool)> {
        self.estimate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::{Rail, RailId, SourceRecord};
    use crate::store::testing::frame_of;
    use crate::units::{Nanos, Watts};

    fn source(name: &str) -> PowerSourcesRecord {
        PowerSourcesRecord {
            sources: vec![SourceRecord {
                name: name.to_owned(),
                rails: vec![Rail::new("VDD_IN", crate::power::Counts::Total, "")],
                emulated: false,
                trouble: None,
            }],
            absent: Vec::new(),
        }
    }

    fn record(name: &str, from_ms: i64, watts: f64) -> PowerRecord {
        let samples = (0..10).map(|i| RailSample {
            rail: RailId(0),
            at: Nanos((from_ms + i * 10) * 1_000_000),
            volts: None,
            amps: None,
            watts: Watts(watts),
        });
        PowerRecord {
            source: name.to_owned(),
            samples: samples.collect(),
            effective_hz: None,
            lost: 0,
            emulated: false,
        }
    }

    #[test]
    fn joules_per_inference_follow_from_samples_and_frames() {
        let mut power = Power::default();
        let trends = &mut Trends::default();
        // Nobody announced it: nothing is made of it.
        power.add(&record("ina3221", 0, 10.0), trends);
        assert!(power.now().is_empty() && power.estimate().is_none());
        power.set_sources(source("ina3221"));
        for tenth in 0..30 {
            power.add(&record("ina3221", tenth * 100, 10.0), trends);
            let mut frame = frame_of("local", 50_000_000, &[]);
            frame.admitted = Nanos(tenth * 100_000_000);
            power.frame(&frame);
        }
        let (estimate, emulated) = power.estimate().unwrap();
        assert!((estimate.watts.0 - 10.0).abs() < 1e-6 && !emulated);
        // Ten watts, ten inferences a second.
        let joules = estimate.joules_per_inference.unwrap().0;
        assert!((joules - 1.0).abs() < 0.05, "{joules}");
        // A sensor that failed has no present numbers.
        let mut failed = source("ina3221");
        failed.sources[0].trouble = Some("gone\x1b[2J".to_owned());
        power.set_sources(failed);
        assert!(power.now().is_empty() && power.estimate().is_none());
        let trouble = power.sources().sources[0].trouble.as_deref();
        assert_eq!(trouble, Some("gone [2J"));
        power.set_sources(source("another"));
        assert!(power.now().is_empty());
    }

    #[test]
    fn watts_and_joules_are_of_the_plan_in_effect_alone() {
        let mut power = Power::default();
        let trends = &mut Trends::default();
        power.set_sources(source("ina3221"));
        let mut go = |power: &mut Power, tenths: std::ops::Range<i64>, watts: f64| {
            for tenth in tenths {
                power.add(&record("ina3221", tenth * 100, watts), trends);
                let mut frame = frame_of("local", 50_000_000, &[]);
                frame.admitted = Nanos(tenth * 100_000_000);
                power.frame(&frame);
            }
        };
        go(&mut power, 0..40, 10.0);
        power.begin(Nanos(4_000_000_000));
        assert_eq!(power.estimate(), None, "nothing is known of it yet");
        go(&mut power, 40..60, 4.0);
        let (estimate, _) = power.estimate().unwrap();
        assert!((estimate.watts.0 - 4.0).abs() < 1e-6, "{estimate:?}");
        assert!(estimate.window_ns < 2_000_000_000, "{estimate:?}");
        let joules = estimate.joules_per_inference.unwrap().0;
        assert!((joules - 0.4).abs() < 0.03, "{joules}");
    }
}
