//! Latency over time, and of the newest frames each a bar of its parts, newest on top. Where there is little room, bars
//! alone; with a crosshair there, the chart alone.
//!
//! ```text
//!  100┤    ┊split 51 -> tile 2
//!     │⡠⢄⡀ ┊ ⣀⡠⢄⡀
//!    0│    ┊
//! ▓robot ╱up █server ╲down ·wait
//!   1041 ▓▓▓▓▓╱╱╱╱╱╱╱╱███╲·        61.2
//!   1040 ▓▓▓▓▓╱╱╱╱╱╱╱╱╱███╲·       63.0 L
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::screens::charts::ChartId;
use crate::console::view::panels::trend;
use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::{stack, text};
use crate::console::view::{Scene, panel};
use crate::store::Store;
use crate::wire::console::Role;
use crate::wire::{FrameRecord, Outcome, Parts};

/// Rows that the chart needs, and that bars keep beside it.
const CHART: u16 = 5;
const BARS: u16 = 5;
/// Columns for the frame's number, its milliseconds and its mark.
const AROUND: usize = 7 + 1 + 6 + 2;

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    match scene.store {
        Some(store) if store.role() == Some(Role::Server) => server(scene, store, area, buf),
        Some(store) => robot(scene, store, area, buf),
        None => {
            panel(area, "Latency  ms", "", theme, buf);
        }
    }
}

fn robot(scene: &Scene, store: &Store, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let title = format!(
        "Latency  ms a frame{}",
        trend::axis_words(scene, &[ChartId::Latency])
    );
    let inner = panel(area, &title, &figures(store), theme, buf);
    if inner.height < 2 {
        return;
    }
    let inner = history(scene, inner, buf);
    if inner.height < 2 {
        return;
    }
    buf.set_line(inner.x, inner.y, &legend(theme), inner.width);
    let frames: Vec<_> = store
        .frames()
        .newest()
        .take(usize::from(inner.height) - 1)
        .collect();
    if frames.is_empty() {
        buf.set_stringn(
            inner.x,
            inner.y + 1,
            "no frame yet",
            inner.width.into(),
            theme.faint(),
        );
    }
    let scale = scale(&frames);
    for (frame, y) in frames.iter().zip(inner.y + 1..) {
        let line = row(
            frame.frame.0,
            &frame.parts,
            scale,
            mark(frame),
            usize::from(inner.width),
            theme,
        );
        buf.set_line(inner.x, y, &line, inner.width);
    }
}

/// The chart, where there is room for it or somebody looks; returns what is left.
fn history(scene: &Scene, area: Rect, buf: &mut Buffer) -> Rect {
    let looks = scene.app.is_reading_charts();
    let rows = match area.height {
        rows if looks && rows < CHART + BARS => rows,
        rows if rows >= CHART + BARS => rows - BARS,
        _ => 0,
    };
    let chart = Rect {
        height: rows,
        ..area
    };
    if rows == 0 || !trend::render(scene, ChartId::Latency, chart, buf) {
        return area;
    }
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

/// The longest latency shown; a warm-up sets the scale only when there is nothing else.
pub(in crate::console::view) fn scale(frames: &[&FrameRecord]) -> i64 {
    let longest = |warm: bool| {
        frames
            .iter()
            .filter(|f| warm || !f.warmup)
            .map(|f| f.latency_ns)
            .max()
    };
    longest(false).or_else(|| longest(true)).unwrap_or(1).max(1)
}

fn row(
    number: u64,
    parts: &Parts,
    scale: i64,
    mark: &'static str,
    width: usize,
    theme: Theme,
) -> Line<'static> {
    let mut spans = vec![Span::styled(format!("{number:>7} "), theme.faint())];
    spans.extend(stack::bar(
        parts,
        scale,
        width.saturating_sub(AROUND),
        theme,
    ));
    spans.push(Span::raw(format!(" {:>5} ", text::ms(parts.sum_ns()))));
    spans.push(Span::styled(mark, theme.warning()));
    Line::from(spans)
}

/// One letter for a frame that is not like the others; the help explains them.
const fn mark(frame: &FrameRecord) -> &'static str {
    match frame.outcome {
        Outcome::Failed => "F",
        Outcome::FinishedLocally => "L",
        Outcome::Ok if frame.warmup => "w",
        Outcome::Ok if frame.preparing => "p",
        Outcome::Ok => "",
    }
}

fn legend(theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    for part in Part::ALL {
        spans.push(Span::styled(part.glyph(), theme.part(part)));
        spans.push(Span::styled(format!("{} ", part.word()), theme.text()));
    }
    Line::from(spans)
}

/// Figures of this epoch, for a panel's foot.
fn figures(store: &Store) -> String {
    let Some(figures) = store.epoch().and_then(|e| store.frames().figures(e)) else {
        return String::new();
    };
    let fps = figures.fps.map(|fps| format!("  {fps:.1} fps"));
    format!(
        "p50 {}  p95 {}{}  n {}{}",
        text::ms(figures.p50_ns),
        text::ms(figures.p95_ns),
        fps.unwrap_or_default(),
        figures.count,
        predicted(store).unwrap_or_default()
    )
}

/// What was expected of the newest frame, and by how much half of the epoch's predictions were off at most.
fn predicted(store: &Store) -> Option<String> {
    let predicted_ns = store.frames().last()?.predicted_ns?;
    let error = store
        .epoch()
        .and_then(|e| store.frames().prediction_error(e));
    let off = error.map(|error| format!(" ({:.0} %)", error.p50 * 100.0));
    let predicted = text::ms(predicted_ns);
    Some(format!(
        "  predicted {predicted}{}",
        off.unwrap_or_default()
    ))
}

/// What a server knows: its own computing.
fn server(scene: &Scene, store: &Store, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let total = store.server_frames().total();
    let inner = panel(
        area,
        "Server compute  ms a frame",
        &format!("{total} frames"),
        theme,
        buf,
    );
    let inner = history(scene, inner, buf);
    if inner.height == 0 {
        return;
    }
    let rows: Vec<_> = store
        .server_frames()
        .newest()
        .take(inner.height.into())
        .collect();
    if rows.is_empty() {
        buf.set_stringn(
            inner.x,
            inner.y,
            "no frame yet",
            inner.width.into(),
            theme.faint(),
        );
    }
    let scale = rows.iter().map(|f| f.compute_ns).max().unwrap_or(1).max(1);
    for (frame, y) in rows.iter().zip(inner.y..) {
        let parts = Parts {
            server_compute_ns: frame.compute_ns,
            ..Parts::default()
        };
        let line = row(
            frame.frame.0,
            &parts,
            scale,
            "",
            usize::from(inner.width),
            theme,
        );
        buf.set_line(inner.x, y, &line, inner.width);
    }
}
