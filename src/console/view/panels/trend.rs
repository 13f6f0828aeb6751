//! The charts of the worker shown: which curves each has, on which axis, in which part of the time.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::console::app::screens::charts::ChartId;
use crate::console::view::Scene;
use crate::console::view::chart::{self, Chart, Curve, Scale, extremes};
use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::text;
use crate::store::{Store, Trend, Window};

/// A chart in an area; where nothing was measured yet, it says so.
pub(in crate::console::view) fn render_or_say(
    scene: &Scene,
    id: ChartId,
    area: Rect,
    buf: &mut Buffer,
) {
    if !render(scene, id, area, buf) {
        let words = " nothing told of it";
        let style = scene.theme.faint();
        buf.set_stringn(area.x, area.y, words, area.width.into(), style);
    }
}

/// A chart in an area, with as many rows for its axes as there is room for; false where nothing was measured yet.
pub(in crate::console::view) fn render(
    scene: &Scene,
    id: ChartId,
    area: Rect,
    buf: &mut Buffer,
) -> bool {
    let Some(chart) = scene
        .store
        .and_then(|store| of(scene, store, id, area.width))
    else {
        return false;
    };
    if let Some(plot) = chart::render(&chart, scene.theme, area, buf) {
        scene.chart(plot, id, chart.window);
    }
    true
}

fn of<'a>(scene: &Scene<'a>, store: &'a Store, id: ChartId, width: u16) -> Option<Chart<'a>> {
    let trends = store.trends();
    let newest = trends.newest()?;
    let charts = &scene.app.screens().charts;
    let window = charts.window(newest, chart::dots(width));
    let curve = |trend: Trend| {
        let (name, of, style) = told(store, trend, scene.theme);
        let curve = Curve::new(name, trends.of(trend), trend.join_ns(), &window, style).of(of);
        match trend {
            Trend::EstimateUp(_) | Trend::EstimateDown(_) => curve.believed(),
            _ => curve,
        }
    };
    let all = scene.app.chart_trends(store, id);
    let there = |trend: &Trend| trends.of(*trend).is_some();
    let curves: Vec<Curve> = all.into_iter().filter(there).map(curve).collect();
    if curves.is_empty() {
        return None;
    }
    let axis = charts.axis(id);
    let mut ends = extremes(&curves);
    if matches!(id, ChartId::Load) {
        ends.1 = 100.0;
    }
    let (name, unit) = words(id);
    Some(Chart {
        name,
        unit,
        window,
        scale: Scale::auto(ends, axis.pin, axis.log),
        curves,
        rules: Some(store.rules()),
        labelled: id != ChartId::Down,
        cross: scene
            .app
            .is_reading_charts()
            .then(|| charts.cross(newest))
            .flatten(),
        newest,
        focused: is_focused(scene, id),
    })
}

/// A chart's first curve in one row without axes, up to now.
pub(in crate::console::view) fn sparkline(
    scene: &Scene,
    id: ChartId,
    area: Rect,
    buf: &mut Buffer,
) {
    let Some((store, newest)) = scene.store.and_then(|s| Some((s, s.trends().newest()?))) else {
        return;
    };
    let trend = scene.app.chart_trends(store, id).into_iter().next();
    let Some((trend, series)) = trend.and_then(|t| Some((t, store.trends().of(t)?))) else {
        return;
    };
    let dots = usize::from(area.width) * 2;
    let window = Window::ending(newest, scene.app.screens().charts.dot_ns(), dots);
    let (_, _, style) = told(store, trend, scene.theme);
    chart::sparkline(&series.dots(&window), style, area, buf);
}

/// Whether keys change this chart's axis.
pub(in crate::console::view) fn is_focused(scene: &Scene, id: ChartId) -> bool {
    let app = scene.app;
    app.is_reading_charts() && app.screens().charts.focus(app.screen()) == Some(id)
}

/// A chart's word of four letters and its unit.
const fn words(id: ChartId) -> (&'static str, &'static str) {
    match id {
        ChartId::Up => ("up", "Mbps"),
        ChartId::Down => ("down", "Mbps"),
        ChartId::Latency => ("", "ms"),
        ChartId::Power => ("", "W"),
        ChartId::Load => ("load", "%"),
        ChartId::Temperature => ("hot", "°C"),
    }
}

/// What a panel with this chart is called.
pub(in crate::console::view) const fn title(id: ChartId) -> &'static str {
    match id {
        ChartId::Up => "Link up  Mbps",
        ChartId::Down => "Link down  Mbps",
        ChartId::Latency => "Latency  ms",
        ChartId::Power => "Watts over time",
        ChartId::Load => "Load  %",
        ChartId::Temperature => "hottest sensor  °C",
    }
}

/// A curve's name, what it counts, and its look.
fn told(store: &Store, trend: Trend, theme: Theme) -> (&str, &'static str, Style) {
    let part = |part| theme.part(part);
    match trend {
        Trend::Up(_) => ("up", "windows", part(Part::Uplink)),
        Trend::Down(_) => ("down", "windows", part(Part::Downlink)),
        Trend::EstimateUp(_) | Trend::EstimateDown(_) => ("estimate", "beliefs", theme.faint()),
        Trend::Latency => ("latency", "frames", part(Part::Robot)),
        Trend::ServerCompute => ("compute", "frames", part(Part::Server)),
        Trend::Rail(source, rail) => {
            let source = store.power().sources().sources.get(source);
            let rail = source.and_then(|s| s.rails.get(rail));
            let name = rail.map_or("rail", |rail| &rail.name);
            (name, "readings", part(Part::Uplink))
        }
        Trend::Total(_) => ("total", "readings", part(Part::Robot)),
        Trend::Cpu => ("CPU", "readings", part(Part::Robot)),
        Trend::Gpu => ("GPU", "readings", part(Part::Server)),
        Trend::Emc => ("EMC", "readings", part(Part::Downlink)),
        Trend::Memory => ("memory", "readings", theme.faint()),
        Trend::Hottest => ("hottest", "readings", part(Part::Uplink)),
    }
}

/// How axes differ from what they are by themselves: `  pinned  log`.
pub(in crate::console::view) fn axis_words(scene: &Scene, ids: &[ChartId]) -> String {
    let mut words = String::new();
    for &id in ids {
        let axis = scene.app.screens().charts.axis(id);
        let name = match (ids.len(), id) {
            (1, _) => "",
            (_, ChartId::Up) => "up ",
            (_, ChartId::Down) => "down ",
            _ => "",
        };
        if let Some(pin) = axis.pin {
            let _ = write!(words, "  {name}pinned for {}", text::figures(pin));
        }
        if axis.log {
            let _ = write!(words, "  {name}log");
        }
    }
    words
}

/// `0.1 s a dot`, `5 min a dot`.
pub(in crate::console::view) fn time_scale(scene: &Scene) -> String {
    let seconds = scene.app.screens().charts.dot_ns() as f64 / 1e9;
    if seconds < 1.0 {
        format!("{seconds:.1} s a dot")
    } else if seconds < 60.0 {
        format!("{seconds:.0} s a dot")
    } else {
        format!("{:.0} min a dot", seconds / 60.0)
    }
}
