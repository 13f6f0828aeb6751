//! The tables of a session and their rows.

use super::columns::{
    Cell, Column, EVENTS, FRAMES, GAPS, HOST, LINK, MARKERS, PLANS, POWER, RAILS, SERVER_FRAMES,
    STEPS, SWITCHES,
};
use super::names::Names;
use crate::host::HostRecord;
use crate::session::entry::{Entry, Told, What};
use crate::units::{Nanos, ns_to_ms};
use crate::wire::{FrameRecord, LinkSample, Record, StepKind, SwitchStage};

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// A row per frame.
    Frames,
    /// A row per step of a frame.
    Steps,
    /// A row per frame's part on a server.
    ServerFrames,
    /// A row per link and tenth of a second.
    Link,
    /// A row per power reading.
    Power,
    /// A row per rail, with what it contains and what it does not, whenever a worker told what it measures with.
    Rails,
    /// A row per quantity of a machine and second.
    Host,
    /// A row per event, notice and lost connection.
    Events,
    /// A row per plan that came into effect.
    Plans,
    /// A row per step of a change of plan.
    Switches,
    /// A row per marked moment.
    Markers,
    /// A row per stretch of telemetry that is missing.
    Gaps,
}

fn some<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
    value.map_or(Cell::None, cell)
}

fn ms(ns: i64) -> Cell {
    Cell::Float(ns_to_ms(ns))
}

fn words(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

const fn count(n: u64) -> Cell {
    // Counts of bytes and frames stay far below 2^63.
    Cell::Int(n as i64)
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Frames,
        Self::Steps,
        Self::ServerFrames,
        Self::Link,
        Self::Power,
        Self::Rails,
        Self::Host,
        Self::Events,
        Self::Plans,
        Self::Switches,
        Self::Markers,
        Self::Gaps,
    ];

    /// Its name, as flags and files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Steps => "steps",
            Self::ServerFrames => "server_frames",
            Self::Link => "link",
            Self::Power => "power",
            Self::Rails => "rails",
            Self::Host => "host",
            Self::Events => "events",
            Self::Plans => "plans",
            Self::Switches => "switches",
            Self::Markers => "markers",
            Self::Gaps => "gaps",
        }
    }

    /// Its columns.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Frames => FRAMES,
            Self::Steps => STEPS,
            Self::ServerFrames => SERVER_FRAMES,
            Self::Link => LINK,
            Self::Power => POWER,
            Self::Rails => RAILS,
            Self::Host => HOST,
            Self::Events => EVENTS,
            Self::Plans => PLANS,
            Self::Switches => SWITCHES,
            Self::Markers => MARKERS,
            Self::Gaps => GAPS,
        }
    }

    /// Whether entries of this kind matter for it.
    pub(super) fn reads(self, kind: &str) -> bool {
        match self {
            Self::Frames => kind == "frame",
            Self::Steps => matches!(kind, "frame" | "hello" | "model"),
            Self::ServerFrames => kind == "server_frame",
            Self::Link => kind == "link",
            Self::Power => matches!(kind, "power" | "power_sources"),
            Self::Rails => kind == "power_sources",
            Self::Host => kind == "host",
            Self::Events => matches!(kind, "event" | "notice" | "lost"),
            Self::Plans => kind == "plan",
            Self::Switches => kind == "switch",
            Self::Markers => kind == "marker",
            Self::Gaps => matches!(kind, "gap" | "left"),
        }
    }

    /// The rows that an entry makes.
    pub(super) fn rows(
        self,
        entry: &Entry,
        began: Nanos,
        names: &Names,
        emit: &mut dyn FnMut(Vec<Cell>),
    ) {
        let mut with_time = |cells: Vec<Cell>| {
            let mut row = vec![
                count(entry.unix_ms),
                Cell::Float(entry.at.since(began) as f64 / 1e9),
                some(entry.what.target(), |t| Cell::Int(t.into())),
            ];
            row.extend(cells);
            emit(row);
        };
        match (self, &entry.what) {
            (Self::Markers, What::Marker(marker)) => with_time(vec![words(&marker.text)]),
            (Self::Events, What::Notice(notice)) => {
                let level = format!("{:?}", notice.level).to_lowercase();
                with_time(vec![Cell::Text(level), words(&notice.text)]);
            }
            (Self::Events, What::Lost(lost)) => {
                let said = format!("connection lost: {}", lost.reason);
                with_time(vec![words("warning"), Cell::Text(said)]);
            }
            (Self::Gaps, What::Gap(gap)) => with_time(vec![
                Cell::Text(gap.boot.to_string()),
                count(gap.from_seq),
                some(gap.to_seq, count),
                Cell::None,
                words("the worker has it no more"),
            ]),
            (Self::Gaps, What::Left(left)) => with_time(vec![
                Cell::None,
                Cell::None,
                Cell::None,
                count(left.entries),
                words(&left.reason),
            ]),
            (_, What::Record(told)) => self.told(told, names, &mut with_time),
            _ => {}
        }
    }

    fn told(self, told: &Told, names: &Names, emit: &mut dyn FnMut(Vec<Cell>)) {
        match (self, &told.record) {
            (Self::Frames, Record::Frame(frame)) => emit(frame_row(frame)),
            (Self::Steps, Record::Frame(frame)) => steps(told.target, frame, names, emit),
            (Self::ServerFrames, Record::ServerFrame(frame)) => emit(vec![
                count(frame.frame.0),
                Cell::Int(frame.epoch.0.into()),
                ms(frame.began.0),
                ms(frame.compute_ns),
                count(frame.bytes_in),
                count(frame.bytes_out),
            ]),
            (Self::Link, Record::Link(link)) => emit(link_row(link)),
            (Self::Power, Record::Power(power)) => {
                for sample in power.samples.iter() {
                    let rail = names.rail(told.target, &power.source, sample.rail.0);
                    emit(vec![
                        words(&power.source),
                        rail.map_or_else(|| Cell::Text(sample.rail.0.to_string()), words),
                        ms(sample.at.0),
                        some(sample.volts, |v| Cell::Float(v.0)),
                        some(sample.amps, |a| Cell::Float(a.0)),
                        Cell::Float(sample.watts.0),
                        Cell::Flag(power.emulated),
                    ]);
                }
            }
            (Self::Rails, Record::PowerSources(sources)) => {
                for source in &sources.sources {
                    for rail in &source.rails {
                        emit(vec![
                            words(&source.name),
                            words(&rail.name),
                            words(rail.counts.words()),
                            words(&rail.what),
                            Cell::Flag(source.emulated),
                        ]);
                    }
                }
            }
            (Self::Host, Record::Host(host)) => host_rows(host, emit),
            (Self::Events, Record::Event(event)) => {
                let level = format!("{:?}", event.level).to_lowercase();
                emit(vec![Cell::Text(level), words(&event.text)]);
            }
            (Self::Plans, Record::Plan(plan)) => emit(vec![
                Cell::Int(plan.epoch.0.into()),
                words(plan.plan.mode_name()),
                Cell::Text(plan.plan.label()),
                some(plan.local_because.as_deref(), words),
            ]),
            (Self::Switches, Record::Switch(switch)) => {
                let (stage, epoch, frame, reason) = match &switch.stage {
                    SwitchStage::Requested => ("requested", None, None, None),
                    SwitchStage::Prepared { epoch } => ("prepared", Some(epoch.0), None, None),
                    SwitchStage::Applied { epoch, frame } => {
                        ("applied", Some(epoch.0), Some(frame.0), None)
                    }
                    SwitchStage::Refused { reason } => {
                        ("refused", None, None, Some(reason.as_str()))
                    }
                };
                emit(vec![
                    ms(switch.at.0),
                    Cell::Text(switch.command.to_string()),
                    Cell::Text(switch.plan.label()),
                    words(stage),
                    some(epoch, |e| Cell::Int(e.into())),
                    some(frame, count),
                    some(reason, words),
                ]);
            }
            _ => {}
        }
    }
}

fn frame_row(frame: &FrameRecord) -> Vec<Cell> {
    let parts = &frame.parts;
    let top = frame.top.first();
    vec![
        count(frame.frame.0),
        Cell::Int(frame.attempt.into()),
        Cell::Int(frame.epoch.0.into()),
        words(&frame.mode),
        some(frame.cut, |k| Cell::Int(k.into())),
        ms(frame.admitted.0),
        ms(frame.latency_ns),
        some(frame.predicted_ns, ms),
        ms(parts.robot_compute_ns),
        ms(parts.uplink_ns),
        ms(parts.server_compute_ns),
        ms(parts.downlink_ns),
        ms(parts.wait_ns),
        ms(parts.overlap_ns),
        count(frame.bytes_up),
        count(frame.bytes_down),
        words(frame.outcome.name()),
        Cell::Flag(frame.warmup),
        Cell::Flag(frame.preparing),
        Cell::Int(frame.skipped.into()),
        some(frame.clock_error_ns, ms),
        words(&frame.picture),
        some(top, |t| Cell::Int(t.class.into())),
        some(top, |t| Cell::Float(t.score.into())),
        Cell::Flag(frame.emulated),
    ]
}

/// The word for a step's kind.
pub(super) fn step_kind(kind: StepKind) -> String {
    format!("{kind:?}").to_lowercase()
}

fn steps(target: u16, frame: &FrameRecord, names: &Names, emit: &mut dyn FnMut(Vec<Cell>)) {
    for step in frame.steps.iter() {
        emit(vec![
            count(frame.frame.0),
            Cell::Int(frame.attempt.into()),
            Cell::Int(frame.epoch.0.into()),
            Cell::Int(step.device.0.into()),
            Cell::Text(step_kind(step.kind)),
            Cell::Int(step.node.0.into()),
            some(names.operator(target, step.node.0), words),
            ms(step.start_ns),
            ms(step.duration_ns),
            count(step.bytes),
            Cell::Int(step.to.0.into()),
            Cell::Flag(frame.emulated),
        ]);
    }
}

fn link_row(link: &LinkSample) -> Vec<Cell> {
    vec![
        Cell::Int(link.peer.0.into()),
        ms(link.at.0),
        ms(link.window_ns),
        count(link.up.bytes),
        ms(link.up.busy_ns),
        count(link.down.bytes),
        ms(link.down.busy_ns),
        some(link.rtt_ns, ms),
        Cell::Flag(link.connected),
    ]
}

fn host_rows(host: &HostRecord, emit: &mut dyn FnMut(Vec<Cell>)) {
    let mut row = |quantity: &str, of: &str, value: Option<f64>, unit: &str| {
        if let Some(value) = value {
            emit(vec![
                ms(host.at.0),
                words(quantity),
                words(of),
                Cell::Float(value),
                words(unit),
            ]);
        }
    };
    for core in &host.cores {
        let name = format!("cpu{}", core.core);
        row("load", &name, core.load, "share");
        row("clock", &name, core.clock.map(|c| c.0), "Hz");
    }
    for (name, unit) in [("gpu", &host.gpu), ("emc", &host.emc)] {
        if let Some(unit) = unit {
            row("load", name, unit.load, "share");
            row("clock", name, unit.clock.map(|c| c.0), "Hz");
        }
    }
    if let Some(memory) = &host.memory {
        row("total", "memory", Some(memory.total.0 as f64), "B");
        row("available", "memory", Some(memory.available.0 as f64), "B");
        row("free", "swap", Some(memory.swap_free.0 as f64), "B");
    }
    for temperature in &host.temperatures {
        let celsius = Some(temperature.celsius.0);
        row("temperature", &temperature.zone, celsius, "degC");
    }
    for throttle in host.throttling.iter().flatten() {
        row(
            "throttle",
            &throttle.what,
            Some(throttle.state.into()),
            "level",
        );
    }
    for wifi in &host.wifi {
        let of = match &wifi.bssid {
            Some(bssid) => format!("{} {bssid}", wifi.interface),
            None => wifi.interface.clone(),
        };
        row("signal", &of, wifi.signal_dbm, "dBm");
        row("tx_rate", &of, wifi.tx_rate.map(|r| r.0), "bit/s");
        row("rx_rate", &of, wifi.rx_rate.map(|r| r.0), "bit/s");
        row(
            "frequency",
            &of,
            wifi.frequency_mhz.map(|mhz| mhz * 1e6),
            "Hz",
        );
    }
    for battery in &host.batteries {
        row("battery", &battery.name, battery.charge_percent, "%");
    }
}
