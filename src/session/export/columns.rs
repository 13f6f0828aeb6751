//! The columns of every table. Units are in the names; what was not measured is empty, never zero.

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Not measured, or without meaning here.
    None,
    /// A count, a number of something, a time in whole units.
    Int(i64),
    /// A quantity.
    Float(f64),
    /// Words.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// What a column's cells are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Cell::Int`].
    Int,
    /// [`Cell::Float`].
    Float,
    /// [`Cell::Text`].
    Text,
    /// [`Cell::Flag`].
    Flag,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, with the unit at its end.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
}

impl Column {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

const fn int(name: &'static str) -> Column {
    Column::new(name, Kind::Int)
}

const fn float(name: &'static str) -> Column {
    Column::new(name, Kind::Float)
}

const fn text(name: &'static str) -> Column {
    Column::new(name, Kind::Text)
}

const fn flag(name: &'static str) -> Column {
    Column::new(name, Kind::Flag)
}

/// Every table begins with these: when the console had it, and from whom.
const TIME: [Column; 3] = [int("unix_ms"), float("at_s"), int("target")];

pub(super) const FRAMES: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    int("frame"),
    int("attempt"),
    int("epoch"),
    text("mode"),
    int("cut"),
    float("admitted_robot_ms"),
    float("latency_ms"),
    float("predicted_latency_ms"),
    float("robot_compute_ms"),
    float("uplink_ms"),
    float("server_compute_ms"),
    float("downlink_ms"),
    float("wait_ms"),
    float("overlap_ms"),
    int("bytes_up"),
    int("bytes_down"),
    text("outcome"),
    flag("warmup"),
    flag("preparing"),
    int("skipped"),
    float("clock_error_ms"),
    text("picture"),
    int("top1_class"),
    float("top1_score"),
    flag("emulated"),
];

pub(super) const STEPS: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    int("frame"),
    int("attempt"),
    int("epoch"),
    int("device"),
    text("kind"),
    int("node"),
    text("layer"),
    float("start_ms"),
    float("duration_ms"),
    int("bytes"),
    int("to_device"),
    flag("emulated"),
];

pub(super) const SERVER_FRAMES: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    int("frame"),
    int("epoch"),
    float("began_server_ms"),
    float("compute_ms"),
    int("bytes_in"),
    int("bytes_out"),
];

pub(super) const LINK: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    int("peer"),
    float("at_robot_ms"),
    float("window_ms"),
    int("up_bytes"),
    float("up_busy_ms"),
    int("down_bytes"),
    float("down_busy_ms"),
    float("rtt_ms"),
    flag("connected"),
];

pub(super) const POWER: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    text("source"),
    text("rail"),
    float("at_worker_ms"),
    float("voltage_v"),
    float("current_a"),
    float("power_w"),
    flag("emulated"),
];

pub(super) const RAILS: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    text("source"),
    text("rail"),
    text("counts"),
    text("contains"),
    flag("emulated"),
];

pub(super) const HOST: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    float("at_worker_ms"),
    text("quantity"),
    text("of"),
    float("value"),
    text("unit"),
];

pub(super) const EVENTS: &[Column] = &[TIME[0], TIME[1], TIME[2], text("level"), text("text")];

pub(super) const PLANS: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    int("epoch"),
    text("mode"),
    text("plan"),
    text("local_because"),
];

pub(super) const SWITCHES: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    float("at_robot_ms"),
    text("command"),
    text("plan"),
    text("stage"),
    int("epoch"),
    int("first_frame"),
    text("reason"),
];

pub(super) const MARKERS: &[Column] = &[TIME[0], TIME[1], TIME[2], text("text")];

pub(super) const GAPS: &[Column] = &[
    TIME[0],
    TIME[1],
    TIME[2],
    text("boot"),
    int("from_batch"),
    int("to_batch"),
    int("entries"),
    text("reason"),
];
