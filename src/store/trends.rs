//! What of a worker is drawn over time: one [`Series`] each, on the worker's own clock.

use std::collections::BTreeMap;

use super::series::{Gap, Measured, Series};
use crate::host::HostRecord;
use crate::power::RailSample;
use crate::units::{DeviceId, Nanos};
use crate::wire::{Flow, FrameRecord, LinkSample, LinkState, RateEstimate, ServerFrameRecord};

/// Series at which no further rail gets its own; what else there is of a worker is few.
const MOST: usize = 64;

/// What a series is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trend {
    /// Goodput from the robot to a server, in Mbps.
    Up(DeviceId),
    /// Goodput from a server to the robot, in Mbps.
    Down(DeviceId),
    /// What is believed of the way up, in Mbps, with its standard deviation either way.
    EstimateUp(DeviceId),
    /// What is believed of the way down, in Mbps.
    EstimateDown(DeviceId),
    /// A frame's latency in milliseconds, at its admission.
    Latency,
    /// A server's computing for a frame, in milliseconds.
    ServerCompute,
    /// A rail, by its source's place and its own, in watts.
    Rail(usize, usize),
    /// All that a source says the machine takes, in watts.
    Total(usize),
    /// Mean load of the cores, in percent.
    Cpu,
    /// Load of the GPU, in percent.
    Gpu,
    /// Load of the memory controller, in percent.
    Emc,
    /// Memory taken, in percent.
    Memory,
    /// The hottest sensor, in degrees Celsius.
    Hottest,
}

impl Trend {
    /// The longest time between two measurements that is no gap, in nanoseconds.
    pub const fn join_ns(self) -> i64 {
        match self {
            Self::Up(_) | Self::Down(_) => 250_000_000,
            Self::Rail(..) | Self::Total(_) => 1_000_000_000,
            Self::EstimateUp(_) | Self::EstimateDown(_) => 1_500_000_000,
            Self::Latency | Self::ServerCompute => 2_500_000_000,
            Self::Cpu | Self::Gpu | Self::Emc | Self::Memory | Self::Hottest => 3_500_000_000,
        }
    }
}

/// All series of a worker.
#[derive(Debug, Clone, Default)]
pub struct Trends {
    series: BTreeMap<Trend, Series>,
    newest: Option<Nanos>,
}

impl Trends {
    /// A series, once there is anything in it.
    pub fn of(&self, trend: Trend) -> Option<&Series> {
        self.series.get(&trend)
    }

    /// The newest moment that anything was measured at.
    pub const fn newest(&self) -> Option<Nanos> {
        self.newest
    }

    fn at(&mut self, trend: Trend, at: Nanos) -> Option<&mut Series> {
        let is_one_more = matches!(trend, Trend::Rail(..)) && !self.series.contains_key(&trend);
        if is_one_more && self.series.len() >= MOST {
            return None;
        }
        self.newest = self.newest.max(Some(at));
        Some(self.series.entry(trend).or_default())
    }

    fn add(&mut self, trend: Trend, at: Nanos, measured: Measured) {
        if let Some(series) = self.at(trend, at) {
            series.add(at, measured);
        }
    }

    /// A link's window.
    pub fn link(&mut self, sample: &LinkSample) {
        // A window stands at its middle.
        let at = sample.at.shifted(-(sample.window_ns.max(0) / 2));
        let ways = [
            (Trend::Up(sample.peer), sample.up),
            (Trend::Down(sample.peer), sample.down),
        ];
        for (trend, flow) in ways {
            if let Some(series) = self.at(trend, at) {
                match rate(flow) {
                    Some(measured) => series.add(at, measured),
                    None if sample.connected => series.add_gap(at, Gap::Idle),
                    None => series.add_gap(at, Gap::Down),
                }
            }
        }
    }

    /// What is believed of a link.
    pub fn link_state(&mut self, state: &LinkState) {
        let ways = [
            (Trend::EstimateUp(state.peer), state.up),
            (Trend::EstimateDown(state.peer), state.down),
        ];
        for (trend, estimate) in ways {
            if let Some(estimate) = estimate {
                self.add(trend, state.at, believed(estimate));
            }
        }
    }

    /// A frame's latency; one without a result has none.
    pub fn frame(&mut self, frame: &FrameRecord) {
        if frame.outcome != crate::wire::Outcome::Failed {
            let measured = Measured {
                frame: Some(frame.frame),
                ..Measured::reading(frame.latency_ns as f64 / 1e6)
            };
            self.add(Trend::Latency, frame.admitted, measured);
        }
    }

    /// A server's part of a frame.
    pub fn server_frame(&mut self, frame: &ServerFrameRecord) {
        let measured = Measured {
            frame: Some(frame.frame),
            ..Measured::reading(frame.compute_ns as f64 / 1e6)
        };
        self.add(Trend::ServerCompute, frame.began, measured);
    }

    /// A rail's sample, of the source at a place of the list.
    pub fn rail(&mut self, source: usize, sample: &RailSample) {
        let trend = Trend::Rail(source, sample.rail.index());
        self.add(trend, sample.at, Measured::reading(sample.watts.0));
    }

    /// A source's total.
    pub fn total(&mut self, source: usize, sample: crate::power::energy::Sample) {
        let measured = Measured::reading(sample.watts.0);
        self.add(Trend::Total(source), sample.at, measured);
    }

    /// Other sources than before were announced: what is kept of rails is of those before.
    pub fn other_sources(&mut self) {
        let of_power = |trend: &Trend| matches!(trend, Trend::Rail(..) | Trend::Total(_));
        self.series.retain(|trend, _| !of_power(trend));
    }

    /// A machine's record; what it does not tell has no series.
    pub fn host(&mut self, host: &HostRecord) {
        let loads: Vec<f64> = host.cores.iter().filter_map(|c| c.load).collect();
        let cpu = crate::statistics::mean(&loads);
        let unit = |unit: &Option<crate::host::UnitLoad>| unit.as_ref().and_then(|u| u.load);
        let memory = host.memory.as_ref().filter(|m| m.total.0 > 0);
        let memory = memory.map(|m| 1.0 - m.available.0 as f64 / m.total.0 as f64);
        let shares = [
            (Trend::Cpu, cpu),
            (Trend::Gpu, unit(&host.gpu)),
            (Trend::Emc, unit(&host.emc)),
            (Trend::Memory, memory),
        ];
        for (trend, share) in shares {
            if let Some(share) = share {
                self.add(trend, host.at, Measured::reading(share * 100.0));
            }
        }
        let temperatures = host.temperatures.iter().map(|t| t.celsius.0);
        if let Some(hottest) = temperatures.reduce(f64::max) {
            self.add(Trend::Hottest, host.at, Measured::reading(hottest));
        }
    }
}

/// Goodput in Mbps, which counts by the time that it was measured over.
fn rate(flow: Flow) -> Option<Measured> {
    Some(Measured {
        weight: flow.busy_ns as f64 / 1e6,
        ..Measured::reading(flow.mbps()?)
    })
}

fn believed(estimate: RateEstimate) -> Measured {
    Measured {
        spread: estimate.std_bps as f64 / 1e6,
        ..Measured::reading(estimate.bps as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{CoreLoad, Memory, Temperature};
    use crate::store::Window;
    use crate::store::testing::frame_of;
    use crate::units::{Bytes, Celsius};
    use crate::wire::Outcome;

    #[test]
    fn what_a_machine_does_not_tell_has_no_series() {
        let mut trends = Trends::default();
        let core = |load| CoreLoad {
            core: 0,
            load,
            clock: None,
        };
        trends.host(&HostRecord {
            at: Nanos(7),
            cores: vec![core(Some(0.5)), core(None), core(Some(0.1))],
            memory: Some(Memory {
                total: Bytes(100),
                available: Bytes(75),
                swap_total: Bytes(0),
                swap_free: Bytes(0),
            }),
            temperatures: vec![Temperature {
                zone: String::new(),
                celsius: Celsius(51.5),
            }],
            ..HostRecord::default()
        });
        let value = |trend| Some(trends.of(trend)?.last()?.1.value.round());
        assert_eq!(value(Trend::Cpu), Some(30.0));
        assert_eq!(value(Trend::Memory), Some(25.0));
        assert_eq!(value(Trend::Hottest), Some(52.0));
        assert_eq!((value(Trend::Gpu), value(Trend::Emc)), (None, None));
        assert_eq!(trends.newest(), Some(Nanos(7)));
    }

    #[test]
    fn a_link_is_drawn_by_the_middles_of_its_windows_and_an_estimate_with_its_spread() {
        let mut trends = Trends::default();
        let mut sample = LinkSample {
            at: Nanos(200_000_000),
            window_ns: 100_000_000,
            up: Flow {
                bytes: 1_000_000,
                busy_ns: 100_000_000,
            },
            down: Flow::default(),
            rtt_ns: None,
            connected: true,
            peer: DeviceId::SERVER,
        };
        trends.link(&sample);
        sample.at = Nanos(300_000_000);
        (sample.up, sample.connected) = (Flow::default(), false);
        trends.link(&sample);
        let window = Window::ending(Nanos(250_000_000), 100_000_000, 2);
        let ups = trends.of(Trend::Up(DeviceId::SERVER)).unwrap();
        let dots = ups.dots(&window);
        assert_eq!((dots[0].mean(), dots[1].mean()), (Some(80.0), None));
        assert_eq!(dots[1].gap(), Some(Gap::Down));
        trends.link_state(&LinkState {
            at: Nanos(250_000_000),
            peer: DeviceId::SERVER,
            kernel: None,
            values_waiting: 0,
            control_waiting: 0,
            up: Some(RateEstimate {
                bps: 70_000_000,
                std_bps: 5_000_000,
                age_ns: 0,
            }),
            down: None,
            soundings: None,
        });
        let believed = trends.of(Trend::EstimateUp(DeviceId::SERVER)).unwrap();
        let dot = believed.dots(&window)[1];
        let ends = (dot.min(), dot.mean(), dot.max());
        assert_eq!(ends, (Some(65.0), Some(70.0), Some(75.0)));
        assert!(trends.of(Trend::EstimateDown(DeviceId::SERVER)).is_none());
    }

    #[test]
    fn a_frame_without_a_result_has_no_latency() {
        let mut trends = Trends::default();
        let mut frame = frame_of("split", 61_200_000, &[]);
        frame.outcome = Outcome::Failed;
        trends.frame(&frame);
        assert!(trends.of(Trend::Latency).is_none());
        frame.outcome = Outcome::Ok;
        trends.frame(&frame);
        let (_, last) = trends.of(Trend::Latency).unwrap().last().unwrap();
        assert_eq!((last.value, last.frame), (61.2, Some(frame.frame)));
    }
}
