//! One frame over time: who computed and what was on its way, on the robot's clock; below it, in the same time, how
//! the frame was expected to go.
//!
//! ```text
//!   robot    ▓▓▓▓▓▓▓▓▓▓▓▓             ##▓▓   20.1
//!   uplink            ╱╱╱╱╱╱                 17.0
//! ▸ server                ████████            9.1
//!   downlink              ┊      ┊╲           0.4   from its beginning to its end through all lanes
//!                         ▲▲▲▲▲▲▲▲
//!         ms 0      10       20        30    busy
//! predicted: 45.2 ms (measured above: 46.6 ms)
//!   robot    ▓▓▓▓▓▓▓▓▓▓▓  ┊      ┊             19.4
//!   ...
//! server computes 41 features.5.conv.0.0 conv2d
//! from 20.40 to 28.42 ms ±0.31, 8.02 ms
//! predicted from 19.80 to 27.60 ms, 7.80 ms (-2.7 %)
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::console::app::screens::timeline::TimelineView;
use crate::console::view::layout::framed;
use crate::console::view::panels::gantt;
use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::model::Graph;
use crate::plan::ValueCodec;
use crate::store::{LaneKind, PredictionError, Store};
use crate::units::{Bytes, NodeId, ns_to_ms};
use crate::wire::console::Role;
use crate::wire::{FrameRecord, Outcome, StepKind, StepTime};

/// Rows that the step looked at takes, and with what was expected of it.
const DETAIL: u16 = 2;
const EXPECTED: u16 = 1;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let timeline = &scene.app.screens().timeline;
    let middle = framed(scene, area, buf);
    let Some((store, view)) = scene
        .store
        .and_then(|s| Some((s, timeline.view(s.frames())?)))
    else {
        let inner = panel(middle, "Timeline", "", scene.theme, buf);
        let why = match scene.store.and_then(Store::role) {
            Some(Role::Server) => "the robot tells the steps of frames: n shows it",
            _ => "no frame with steps yet",
        };
        let faint = scene.theme.faint();
        buf.set_stringn(inner.x, inner.y, why, inner.width.into(), faint);
        return;
    };
    let title = title(store, &view);
    let foot = foot(&view, middle.width);
    let inner = panel(middle, &title, &foot, scene.theme, buf);
    let expected = store.predictions().expected(view.frame);
    let predicted = expected.map(|e| (e, view.beside(&e.steps)));
    let expected_step = predicted.as_ref().and_then(|(_, view)| view.step());
    let more = expected_step.is_some() && inner.height >= 10;
    let details = if more { DETAIL + EXPECTED } else { DETAIL };
    let charts = gantt::height(&view, inner.height.saturating_sub(details));
    let room = inner.height.saturating_sub(details + charts);
    let below = predicted
        .as_ref()
        .map_or(0, |(_, v)| v.lanes.len() as u16 + 2);
    let below = if below <= room { below } else { 0 };
    let [chart, ahead, detail, list] = Layout::vertical([
        Constraint::Length(charts),
        Constraint::Length(below),
        Constraint::Length(details),
        Constraint::Min(0),
    ])
    .areas(inner);
    gantt::render(&view, scene.theme, chart, buf);
    if let Some((expected, view)) = predicted.as_ref().filter(|_| below > 0) {
        let emulated = store.predictions().newest().is_some_and(|p| p.emulated);
        let of = if emulated { " of emulated devices" } else { "" };
        let width = ahead.width.into();
        let mut heading = format!(
            "predicted{of}: {} ms (measured above: {} ms)",
            text::ms(expected.latency_ns),
            text::ms(view.frame.latency_ns)
        );
        let errors = errors(store, view.frame);
        if let Some(words) = errors
            .iter()
            .find(|e| heading.chars().count() + e.chars().count() <= width)
        {
            heading.push_str(words);
        }
        buf.set_stringn(ahead.x, ahead.y, heading, width, scene.theme.strong());
        let lanes = Rect {
            y: ahead.y + 1,
            height: ahead.height - 1,
            ..ahead
        };
        gantt::render(view, scene.theme, lanes, buf);
    }
    let graph = store.model().map(|m| &*m.graph);
    if let Some(step) = view.step() {
        let error = view.frame.clock_error_ns;
        let narrow = inner.width < 60;
        let mut lines = vec![says(&step, graph), when(&step, error, narrow)];
        lines.extend(expected_step.map(|expected| ahead_of(&step, &expected, narrow)));
        for (line, y) in lines.into_iter().zip(detail.y..detail.bottom()) {
            let style = scene.theme.strong();
            buf.set_stringn(
                detail.x + 1,
                y,
                line,
                detail.width.saturating_sub(1).into(),
                style,
            );
        }
    }
    if list.height > 3 {
        steps(&view, graph, scene.theme, list, buf);
    }
}

fn title(store: &Store, view: &TimelineView) -> String {
    let frame = view.frame;
    let plan = store.plan().filter(|p| p.epoch == frame.epoch);
    let plan = match (plan, frame.cut) {
        (Some(record), _) if record.plan.mode_name() == frame.mode => record.plan.label(),
        (_, Some(cut)) => format!("{} {cut}", frame.mode),
        _ => frame.mode.clone(),
    };
    let outcome = match frame.outcome {
        Outcome::Ok => "",
        Outcome::FinishedLocally => "  FINISHED LOCALLY",
        Outcome::Failed => "  FAILED",
    };
    let which = if view.follows {
        "newest frame"
    } else {
        "frame"
    };
    let latency = text::ms(frame.latency_ns);
    format!(
        "{which} {}  {latency} ms{outcome}  {plan}  epoch {}",
        frame.frame, frame.epoch
    )
}

/// How far predictions were off, of the frame's epoch and of its mode; the longest words first.
fn errors(store: &Store, frame: &FrameRecord) -> Vec<String> {
    let frames = store.frames();
    let Some(epoch) = frames.prediction_error(frame.epoch) else {
        return Vec::new();
    };
    let words =
        |e: PredictionError| format!("off {:.1} %, p90 {:.1} %", e.p50 * 100.0, e.p90 * 100.0);
    let of_epoch = format!(";  epoch {} {}", frame.epoch, words(epoch));
    let of_mode = frames.prediction_error_of_mode(&frame.mode);
    let long = of_mode.map(|mode| format!("{of_epoch};  {} {}", frame.mode, words(mode)));
    long.into_iter().chain([of_epoch]).collect()
}

/// How exact server times are, and what the glyphs mean.
fn foot(view: &TimelineView, width: u16) -> String {
    let clock = view.frame.clock_error_ns;
    let mut foot = clock.map_or_else(String::new, |ns| {
        format!("server times ±{} ms", text::ms(ns))
    });
    if width >= 60 {
        let joins = format!(
            "   {} joins pieces  {} sums addends  ▏ short",
            gantt::JOIN,
            gantt::SUM
        );
        foot.push_str(&joins);
    }
    foot.trim().to_owned()
}

/// `28 features.4.conv.0.2 relu6`, with the number that the layer table has.
fn operator(node: NodeId, graph: Option<&Graph>) -> String {
    let Some(i) = node.0.checked_sub(1) else {
        return "the image".to_owned();
    };
    match graph.and_then(|g| g.get(node)) {
        Some(node) => format!("{i} {} {}", node.name, node.op.kind()),
        None => format!("{i}"),
    }
}

const fn verb(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Compute => "computes",
        StepKind::Reduce => "sums addends of",
        StepKind::Assemble => "joins pieces of",
        StepKind::Transfer => "sends",
        StepKind::Encode => "packs",
        StepKind::Decode => "unpacks",
    }
}

fn says(step: &StepTime, graph: Option<&Graph>) -> String {
    let who = match step.kind {
        StepKind::Transfer => format!("{} to {}:", step.device, step.to),
        StepKind::Decode => step.to.to_string(),
        _ => step.device.to_string(),
    };
    let what = operator(step.node, graph);
    format!("{who} {} {what}", verb(step.kind))
}

/// When it was, how long, and what a transfer carried. A time taken on another host's clock has that clock's error.
fn when(step: &StepTime, error: Option<i64>, narrow: bool) -> String {
    let error = error.map(|ns| format!(" ±{}", text::ms(ns)));
    let error = error.filter(|_| !narrow).unwrap_or_default();
    let (of_start, of_length) = match LaneKind::of(step) {
        Some(LaneKind::Robot) | None => ("", ""),
        // Both ends of an operator are on one clock, those of a transfer on two.
        Some(LaneKind::Server(_)) => (&*error, ""),
        Some(LaneKind::Uplink) => ("", &*error),
        Some(LaneKind::Downlink | LaneKind::Between) => (&*error, &*error),
    };
    let (from, to) = (start_ms(step), end_ms(step));
    let took = text::ms(step.duration_ns);
    let unit = if narrow { "" } else { " ms" };
    let sent = match step.kind {
        StepKind::Transfer => format!(", {}, {} Mbps", sizes(step), rate(step)),
        StepKind::Encode | StepKind::Decode => format!(", {}", sizes(step)),
        _ => String::new(),
    };
    format!("from {from} to {to}{unit}{of_start}, {took} ms{of_length}{sent}")
}

/// What was expected of the step looked at, and how much longer or shorter than measured that is.
fn ahead_of(step: &StepTime, expected: &StepTime, narrow: bool) -> String {
    let (from, to) = (start_ms(expected), end_ms(expected));
    let took = text::ms(expected.duration_ns);
    let off = (step.duration_ns > 0)
        .then(|| expected.duration_ns as f64 / step.duration_ns as f64 * 100.0 - 100.0);
    let off = off.map_or_else(String::new, |off| format!(" ({off:+.1} %)"));
    let word = if narrow { "PRED" } else { "predicted" };
    let rate = match expected.kind {
        StepKind::Transfer if !narrow => format!(", {} Mbps", rate(expected)),
        _ => String::new(),
    };
    format!("{word} from {from} to {to} ms, {took} ms{off}{rate}")
}

/// An end with two decimals.
fn end_ms(step: &StepTime) -> String {
    format!(
        "{:.2}",
        ns_to_ms(step.start_ns.saturating_add(step.duration_ns))
    )
}

/// A start with two decimals: neighbours differ where the first three figures do not.
fn start_ms(step: &StepTime) -> String {
    format!("{:.2}", ns_to_ms(step.start_ns))
}

/// `308 kB`, or where a codec is at work `401 kB as 308 kB of zero-bitmap`.
fn sizes(step: &StepTime) -> String {
    let bytes = Bytes(step.bytes);
    match step.codec {
        ValueCodec::None => bytes.to_string(),
        codec => format!("{bytes} as {} of {codec}", Bytes(step.wire_bytes)),
    }
}

/// Goodput of a transfer in Mbps, of the bytes on the wire.
fn rate(step: &StepTime) -> String {
    if step.duration_ns <= 0 {
        return "?".to_owned();
    }
    let mbps = step.wire_bytes as f64 * 8e3 / step.duration_ns as f64;
    text::mbps(mbps)
}

/// The steps around the one looked at, in the order of their starts.
fn steps(view: &TimelineView, graph: Option<&Graph>, theme: Theme, area: Rect, buf: &mut Buffer) {
    let mut all: Vec<(StepTime, (usize, usize))> = Vec::new();
    for (l, lane) in view.lanes.iter().enumerate() {
        let steps = lane.steps.iter().enumerate();
        all.extend(steps.map(|(p, step)| (*step, (l, p))));
    }
    all.sort_by_key(|(step, place)| (step.start_ns, *place));
    let room = if area.width >= 110 { 56 } else { 30 };
    let heading = format!(
        "  {:>8} {:>7}  {:<9} {:<room$} {:>8}  {}",
        "from ms", "ms", "where", "what", "bytes", "Mbps"
    );
    let width = usize::from(area.width);
    buf.set_stringn(area.x, area.y + 1, heading, width, theme.faint());
    let rows = usize::from(area.height) - 2;
    let at = all
        .iter()
        .position(|(_, place)| Some(*place) == view.cursor);
    let first = at.unwrap_or(0).saturating_sub(rows / 2);
    let first = first.min(all.len().saturating_sub(rows));
    let rows = all.iter().enumerate().skip(first).take(rows);
    for ((i, (step, place)), y) in rows.zip(area.y + 2..) {
        let here = at == Some(i);
        let style = if here { theme.picked() } else { theme.text() };
        let lane = &view.lanes[place.0];
        let sent = match step.kind {
            StepKind::Transfer => {
                format!("{:>8}  {}", Bytes(step.wire_bytes).to_string(), rate(step))
            }
            _ => String::new(),
        };
        let named = match step.kind {
            StepKind::Compute | StepKind::Transfer => operator(step.node, graph),
            StepKind::Assemble => format!("{} {}", gantt::JOIN, operator(step.node, graph)),
            StepKind::Reduce => format!("{} {}", gantt::SUM, operator(step.node, graph)),
            StepKind::Encode | StepKind::Decode => {
                format!("{} {}", verb(step.kind), operator(step.node, graph))
            }
        };
        let named = text::head(&named, room);
        let missing = " ".repeat(room - text::width(&named));
        let part = gantt::part(lane.kind);
        let line = Line::from(vec![
            Span::styled(if here { "▸ " } else { "  " }, theme.strong()),
            Span::styled(
                format!("{:>8} {:>7}  ", start_ms(step), text::ms(step.duration_ns)),
                style,
            ),
            Span::styled(
                format!("{:<9} ", lane.kind.name()),
                theme.part(part.unwrap_or(Part::Wait)),
            ),
            Span::styled(format!("{named}{missing} {sent}"), style),
        ]);
        buf.set_line(area.x, y, &line, area.width);
    }
}
