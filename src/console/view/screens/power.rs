//! The power screen: what the robot takes, what an inference costs, and how the machine fares.
//!
//! From 120x30, the panels side by side:
//!
//! ```text
//! | header                                       6.04 W 0.34 J   |
//! | targets                                                      |
//! +------------------------------+-------------------------------+
//! | Power                        | Host                          |
//! | 6.04 W  0.34 J per inference | not throttled                 |
//! | estimate over 5 s, 81 inf.   | power mode, memory, swap      |
//! |                              | CPU 0 ▪▪··· 62 % clock 1 ...  |
//! | ina3221 7-0040  48 Hz        |     2 ...                     |
//! |   rail         V    A    W   | GPU, EMC                      |
//! | ▸ VDD_IN    4.98 1.21 6.04   | °C  CPU 51.0  GPU 49.5        |
//! |   VDD_SOC   ...              | wlan0 -52 dBm  radio  BSSID   |
//! | VDD_IN: what it contains ... |                               |
//! | absent  rapl: why            |                               |
//! +------------------------------+-------------------------------+
//! | Watts of VDD_IN over time    | Load and temperature          |
//! |  10┤  the rail looked at,    | 100┤  CPU, GPU, EMC, memory   |
//! |    │  the total              |    │                          |
//! |   0┤                         |   0┤                          |
//! | -15 s                    now | -15 s                     now |
//! +------------------------------+-------------------------------+
//! ```
//!
//! The charts get what the rails leave. From 80x24 the host is below the power, with cores in columns; with a
//! crosshair the marked chart stands in its place. Below that, at arm's length:
//!
//! ```text
//!  LIVE  split 28/153
//!  ███   ███ █ █     ███   ███ █ █
//!  ...                                    watts, joules
//!  ███ █ ███   █ W   ███ █ ███   █ J
//!  mean power, energy per inference
//!  estimate over 5 s, 81 inferences
//!  THROTTLED
//!  w back  ? help  q quit
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::glance;
use crate::console::app::screens::charts::ChartId;
use crate::console::view::layout::{Size, framed, halves};
use crate::console::view::panels::{header, hints, host, observer, status, trend};
use crate::console::view::widgets::{digits, text};
use crate::console::view::{Scene, panel};
use crate::power::energy::Estimate;
use crate::power::{Counts, PowerSourcesRecord};
use crate::store::{Power, Store};

/// Columns of a rail's name.
const NAME: usize = 18;
/// Rows of the panel beside rails and words: border, estimate, gaps.
const AROUND: usize = 7;
/// Rows of a panel with a chart at least.
const LEAST_CHART: usize = 8;
/// Rows kept for what the rail looked at means.
const MEANING: usize = 4;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let wide = match Size::of(area) {
        Size::Glance => return small(scene, area, buf),
        size => size == Size::Wide,
    };
    let rail = scene.app.screens().power.rail;
    let middle = framed(scene, area, buf);
    if wide {
        let over_time = rows_over_time(scene, rail, middle);
        let [now, charts] =
            Layout::vertical([Constraint::Min(6), Constraint::Length(over_time)]).areas(middle);
        let [left, right] = halves(now);
        if over_time > 0 {
            over_time_panels(scene, charts, buf);
        }
        power_panel(scene, rail, left, buf);
        let width = usize::from(right.width) - 4;
        host_panel(scene, &host_lines(scene, width, 16), right, buf);
    } else {
        let lines = host_lines(scene, usize::from(middle.width) - 4, 3);
        // Rails come first; what of the host does not fit is counted.
        let most = middle.height.saturating_sub(10);
        let height = (lines.len() as u16 + 2).clamp(3, most);
        let [above, below] =
            Layout::vertical([Constraint::Min(6), Constraint::Length(height)]).areas(middle);
        power_panel(scene, rail, above, buf);
        if scene.app.is_reading_charts() {
            focused_panel(scene, below, buf);
        } else {
            host_panel(scene, &lines, below, buf);
        }
    }
}

/// Rows that charts get: what the table of rails and its words leave, if that is enough for a chart.
fn rows_over_time(scene: &Scene, rail: usize, middle: Rect) -> u16 {
    let none = Power::default();
    let power = scene.store.map_or(&none, Store::power);
    let width = usize::from(middle.width / 2).saturating_sub(4);
    let words = tail(scene, power, rail, width).len();
    let told = rails(scene, power, rail, width).lines.len() + words;
    let left = usize::from(middle.height).saturating_sub(told + AROUND);
    if left < LEAST_CHART {
        0
    } else {
        left.min(20) as u16
    }
}

/// Watts, and beside them load with temperature below it.
fn over_time_panels(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let [left, right] = halves(area);
    chart_panel(scene, &[ChartId::Power], left, buf);
    let both = [ChartId::Load, ChartId::Temperature];
    if right.height < 12 {
        // One of them, the one that keys are about.
        let one = both.into_iter().find(|&id| trend::is_focused(scene, id));
        chart_panel(scene, &[one.unwrap_or(ChartId::Load)], right, buf);
    } else {
        chart_panel(scene, &both, right, buf);
    }
}

fn focused_panel(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let charts = &scene.app.screens().charts;
    if let Some(id) = charts.focus(scene.app.screen()) {
        chart_panel(scene, &[id], area, buf);
    }
}

/// Charts above each other in one panel.
fn chart_panel(scene: &Scene, ids: &[ChartId], area: Rect, buf: &mut Buffer) {
    let names: Vec<&str> = ids.iter().map(|&id| trend::title(id)).collect();
    let title = names.join(", ") + &trend::axis_words(scene, ids);
    let inner = panel(area, &title, &trend::time_scale(scene), scene.theme, buf);
    let share = inner.height / ids.len().max(1) as u16;
    for (i, &id) in ids.iter().enumerate() {
        let i = i as u16;
        let rows = if usize::from(i) + 1 == ids.len() {
            inner.height - share * i
        } else {
            share
        };
        let part = Rect {
            y: inner.y + share * i,
            height: rows,
            ..inner
        };
        trend::render_or_say(scene, id, part, buf);
    }
}

/// Mean power and energy per inference of the worker shown, for other screens; none if there is no estimate.
pub(in crate::console::view) fn words(scene: &Scene) -> Option<Vec<Span<'static>>> {
    let (estimate, emulated) = scene.store?.power().estimate()?;
    let watts = format!("{} W", text::figures(estimate.watts.0));
    let joules = estimate.joules_per_inference;
    let joules = joules.map_or_else(String::new, |j| format!(" {} J", text::figures(j.0)));
    let mut spans = vec![Span::styled(watts + &joules, scene.theme.strong())];
    if emulated {
        spans.push(Span::raw(" "));
        spans.push(Span::styled("EMULATED", scene.theme.warning()));
    }
    Some(spans)
}

fn owner(scene: &Scene) -> String {
    let target = scene.app.focus().and_then(|i| scene.app.targets().get(i));
    target.map_or_else(String::new, |t| format!("  {}", t.name()))
}

/// Over what the estimate is, so that nobody takes it for a result.
pub(in crate::console::view) fn span_words(estimate: &Estimate) -> String {
    let seconds = estimate.window_ns as f64 / 1e9;
    let window = if seconds < 4.95 {
        format!("{seconds:.1}")
    } else {
        format!("{seconds:.0}")
    };
    let inferences = estimate.inferences();
    let plural = if inferences == 1 { "" } else { "s" };
    format!("estimate over {window} s, {inferences} inference{plural}")
}

/// Why there is no estimate.
pub(in crate::console::view) fn why_none(store: Option<&Store>) -> String {
    let Some(power) = store.map(Store::power) else {
        return "no worker has told anything yet".to_owned();
    };
    let sources = power.sources();
    if let Some(source) = sources.sources.iter().find(|s| s.trouble.is_some()) {
        let trouble = source.trouble.as_deref().unwrap_or_default();
        return format!("no estimate: {}: {trouble}", source.name);
    }
    if !sources.sources.is_empty() {
        let totals = |s: &crate::power::SourceRecord| {
            let counts = |r: &crate::power::Rail| r.counts != Counts::Within;
            s.rails.iter().any(counts)
        };
        return if sources.sources.iter().any(totals) {
            "no estimate: too few samples of the last seconds".to_owned()
        } else {
            "no estimate: no rail here is the whole, and they do not add up to it".to_owned()
        };
    }
    if sources.absent.is_empty() {
        return "no power sensor told".to_owned();
    }
    let reasons: Vec<String> = absent(sources).collect();
    format!("no power sensor: {}", reasons.join("; "))
}

fn absent(sources: &PowerSourcesRecord) -> impl Iterator<Item = String> {
    let all = sources.absent.iter();
    all.map(|a| format!("{}: {}", a.name, a.reason))
}

fn host_lines(scene: &Scene, width: usize, core_rows: usize) -> Vec<Line<'static>> {
    let mut lines = match scene.store.and_then(|s| s.power().host()) {
        Some(told) => host::lines(told, scene.theme, width, core_rows),
        None => vec![Line::styled(
            "this worker has not told of its machine",
            scene.theme.faint(),
        )],
    };
    // Below the first line: what slows the machine down comes first, and so does watching it.
    lines.splice(1..1, observer::lines(scene, width));
    lines
}

fn host_panel(scene: &Scene, lines: &[Line], area: Rect, buf: &mut Buffer) {
    let title = format!("Host{}", owner(scene));
    let inner = panel(area, &title, "", scene.theme, buf);
    put(scene, lines, inner, buf);
}

/// Lines with a margin; what finds no room is counted in the last row.
fn put(scene: &Scene, lines: &[Line], area: Rect, buf: &mut Buffer) {
    let rows = usize::from(area.height);
    let cut = lines.len() > rows;
    let shown = if cut { rows - 1 } else { lines.len() };
    let width = area.width.saturating_sub(2);
    for (line, y) in lines.iter().take(shown).zip(area.y..) {
        buf.set_line(area.x + 1, y, line, width);
    }
    if cut {
        let more = format!("… {} more lines", lines.len() - shown);
        let faint = scene.theme.faint();
        buf.set_stringn(area.x + 1, area.bottom() - 1, more, width.into(), faint);
    }
}

fn power_panel(scene: &Scene, rail: usize, area: Rect, buf: &mut Buffer) {
    let width = usize::from(area.width).saturating_sub(4);
    let rows = usize::from(area.height).saturating_sub(2);
    let mut top = estimate_lines(scene, width);
    let none = Power::default();
    let power = scene.store.map_or(&none, Store::power);
    let table = rails(scene, power, rail, width);
    let tail = tail(scene, power, rail, width);
    // The rails come first where there is little room.
    let kept = table.lines.len() + tail.len().min(MEANING);
    let net = net_lines(scene, power, width);
    if top.len() + net.len() + kept <= rows && power.estimate().is_some() {
        top.extend(net);
    }
    let rest = rows.saturating_sub(top.len());
    // The rails give way first, but keep half: the one looked at stays in sight, and most of what it means.
    let below = tail.len().min(
        rest.saturating_sub(table.lines.len())
            .max(MEANING.min(rest / 2)),
    );
    let roomy = top.len() + table.lines.len() + tail.len() + 2 <= rows;
    let gap = u16::from(roomy);
    let most = rest - below;
    let first = (table.at + 1)
        .saturating_sub(most)
        .min(table.lines.len().saturating_sub(most));
    let foot = if table.lines.len() > most {
        format!("{} rails, not all in sight: ↑↓", rail_count(power))
    } else {
        String::new()
    };
    let title = format!("Power{}", owner(scene));
    let inner = panel(area, &title, &foot, scene.theme, buf);
    let mut y = inner.y;
    let mut next = |rows: usize| {
        let height = (rows as u16).min(inner.bottom().saturating_sub(y));
        let area = Rect { y, height, ..inner };
        y = area.bottom() + if rows > 0 { gap } else { 0 };
        area
    };
    put(scene, &top, next(top.len()), buf);
    let shown = &table.lines[first..table.lines.len().min(first + most)];
    put(scene, shown, next(shown.len()), buf);
    put(scene, &tail, next(below), buf);
}

fn estimate_lines(scene: &Scene, width: usize) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let Some((estimate, emulated)) = scene.store.and_then(|s| s.power().estimate()) else {
        let power = scene.store.map(Store::power);
        // The reasons of what is absent or in trouble stand below, each in its place.
        let sources = power.map(Power::sources);
        let why = match sources {
            Some(s) if s.sources.is_empty() && !s.absent.is_empty() => "no power sensor".to_owned(),
            Some(s) if s.sources.iter().any(|s| s.trouble.is_some()) => "no estimate".to_owned(),
            _ => why_none(scene.store),
        };
        let lines = text::wrapped(&why, width).into_iter();
        return lines.map(|l| Line::styled(l, theme.warning())).collect();
    };
    let watts = text::figures(estimate.watts.0);
    let watts = format!("{watts} W{}", if emulated { "" } else { " mean" });
    let mut spans = vec![Span::styled(watts, theme.strong())];
    match estimate.joules_per_inference {
        Some(joules) => spans.push(Span::styled(
            format!("   {} J per inference", text::figures(joules.0)),
            theme.strong(),
        )),
        None => spans.push(Span::styled("   no inference ended", theme.faint())),
    }
    if let Some(joules) = estimate.joules_per_frame().filter(|_| estimate.images > 1) {
        let words = format!(
            "   {} J per frame of {}",
            text::figures(joules.0),
            estimate.images
        );
        spans.push(Span::raw(words));
    }
    if emulated {
        spans.push(Span::raw("   "));
        spans.push(Span::styled("EMULATED", theme.warning()));
    }
    spans.push(Span::styled(
        format!("   {}", span_words(&estimate)),
        theme.faint(),
    ));
    vec![Line::from(spans)]
}

/// Above idle, and what the energy went to; both estimates.
fn net_lines(scene: &Scene, power: &Power, width: usize) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let mut words = Vec::new();
    let age_ns = scene.store.and_then(Store::idle_age_ns);
    let how = age_ns.map_or_else(
        || "seen between frames".to_owned(),
        |ns| format!("measured {} ago", text::age(ns)),
    );
    match (power.net_joules(), power.idle()) {
        (Some(net), Some(idle)) => {
            let (net, idle) = (text::figures(net.0), text::figures(idle.0));
            words.push(format!("{net} J above idle ({idle} W, {how})"));
        }
        (None, Some(idle)) => words.push(format!("idle {} W, {how}", text::figures(idle.0))),
        _ => words.push("idle not known yet: i measures it".to_owned()),
    }
    if let Some(shares) = power.shares() {
        words.push(format!(
            "about {:.0} % computing, {:.0} % transferring, {:.0} % idle",
            shares.compute * 100.0,
            shares.transfer * 100.0,
            shares.idle * 100.0
        ));
    }
    let whole = words.join("   ");
    // They stand apart: side by side, or each on lines of its own.
    let lines = if text::width(&whole) <= width {
        vec![whole]
    } else {
        words.iter().flat_map(|w| text::wrapped(w, width)).collect()
    };
    let styled = |line| Line::styled(line, theme.faint());
    lines.into_iter().map(styled).collect()
}

/// The rails of every source, and the line of the one looked at.
struct Table {
    lines: Vec<Line<'static>>,
    at: usize,
}

fn rails(scene: &Scene, power: &Power, looked_at: usize, width: usize) -> Table {
    let theme = scene.theme;
    let mut table = Table {
        lines: Vec::new(),
        at: 0,
    };
    let mut number = 0;
    let looked_at = looked_at.min(rail_count(power).saturating_sub(1));
    for source in &power.sources().sources {
        let now = power.now().iter().find(|n| n.name == source.name);
        let hz = now.and_then(|n| n.effective_hz);
        let hz = hz.map_or_else(|| "rate not known".to_owned(), |hz| format!("{hz:.0} Hz"));
        let room = NAME + 2;
        let name = text::head(&format!("{}  {hz}", source.name), room + 14);
        let mut heading = vec![Span::styled(name, theme.strong())];
        if source.emulated || now.is_some_and(|n| n.emulated) {
            heading.push(Span::styled("  EMULATED", theme.warning()));
        }
        table.lines.push(Line::from(heading));
        if let Some(trouble) = &source.trouble {
            let trouble = format!("  TROUBLE {trouble}");
            let lines = text::wrapped(&trouble, width).into_iter();
            let lines = lines.map(|l| Line::styled(l, theme.bad()));
            table.lines.extend(lines);
        }
        let columns = format!("  {:<NAME$} {:>7} {:>7} {:>7}", "rail", "V", "A", "W");
        table.lines.push(Line::styled(columns, theme.faint()));
        for (place, rail) in source.rails.iter().enumerate() {
            let here = number == looked_at;
            if here {
                table.at = table.lines.len();
            }
            let newest = now.and_then(|n| n.rails.iter().find(|r| r.rail.index() == place));
            let one = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), text::figures);
            let volts = one(newest.and_then(|r| r.volts).map(|v| v.0));
            let amps = one(newest.and_then(|r| r.amps).map(|a| a.0));
            let watts = one(newest.map(|r| r.watts.0));
            let counts = rail.counts.words();
            let name = text::head(&rail.name, NAME);
            let missing = " ".repeat(NAME.saturating_sub(text::width(&name)));
            let style = if here { theme.picked() } else { theme.text() };
            table.lines.push(Line::from(vec![
                Span::styled(if here { "▸ " } else { "  " }, theme.strong()),
                Span::styled(name, style),
                Span::raw(format!("{missing} {volts:>7} {amps:>7} {watts:>7}")),
                Span::styled(format!("  {counts}"), theme.faint()),
            ]));
            number += 1;
        }
    }
    table
}

fn rail_count(power: &Power) -> usize {
    let sources = power.sources().sources.iter();
    sources.map(|s| s.rails.len()).sum()
}

/// What the rail looked at contains and does not, then what is not there at all.
fn tail(scene: &Scene, power: &Power, looked_at: usize, width: usize) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let mut lines = Vec::new();
    let mut all = power.sources().sources.iter().flat_map(|s| &s.rails);
    let looked_at = looked_at.min(rail_count(power).saturating_sub(1));
    if let Some(rail) = all.nth(looked_at).filter(|r| !r.what.is_empty()) {
        let words = format!("{}: {}", rail.name, rail.what);
        lines.extend(text::wrapped(&words, width).into_iter().map(Line::raw));
    }
    for words in absent(power.sources()) {
        let words = format!("absent  {words}");
        let wrapped = text::wrapped(&words, width).into_iter();
        lines.extend(wrapped.map(|l| Line::styled(l, theme.faint())));
    }
    lines
}

fn small(scene: &Scene, area: Rect, buf: &mut Buffer) {
    if scene.app.is_reading_charts() {
        return glance::reading(scene, area, buf);
    }
    let rows = digits::ROWS as u16;
    let [state, number, below, status_row, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(rows),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    header::narrow(scene, state, buf);
    status::render(scene, status_row, buf);
    hints::render(scene, keys, buf);
    let theme = scene.theme;
    let width = usize::from(area.width).saturating_sub(2);
    let mut lines = Vec::new();
    let estimate = scene.store.and_then(|s| s.power().estimate());
    let Some((estimate, emulated)) = estimate else {
        let whole = Rect {
            height: number.height + below.height,
            ..number
        };
        let why = text::wrapped(&why_none(scene.store), width).into_iter();
        lines.extend(why.map(Line::raw));
        return put(scene, &lines, whole, buf);
    };
    let watts = text::figures(estimate.watts.0);
    let joules = estimate.joules_per_inference;
    let joules = joules.map_or_else(|| "---".to_owned(), |j| text::figures(j.0));
    let mut x = area.x + 1;
    for (value, unit) in [(watts, "W"), (joules, "J")] {
        let rows = digits::rows(&value);
        for (row, y) in rows.iter().zip(number.y..) {
            let room = usize::from(area.right().saturating_sub(x));
            buf.set_stringn(x, y, row, room, theme.strong());
        }
        x += text::width(&rows[0]) as u16 + 1;
        let room = usize::from(area.right().saturating_sub(x));
        buf.set_stringn(x, number.bottom() - 1, unit, room, theme.strong());
        x += 4;
    }
    lines.push(Line::raw("mean power, energy per inference"));
    lines.push(Line::styled(span_words(&estimate), theme.faint()));
    if emulated {
        lines.push(Line::styled("EMULATED watts", theme.warning()));
    }
    let host = scene.store.and_then(|s| s.power().host());
    if let Some(words) = host.and_then(host::throttled) {
        lines.push(Line::styled(words, theme.bad()));
    }
    put(scene, &lines, below, buf);
}
