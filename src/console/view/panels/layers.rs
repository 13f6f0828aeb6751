//! The layer table: every operator, where it runs, what it takes there, what it puts out; the cut is a line between rows.
//!
//! ```text
//!  27 features.29        max_pool2d  robot    0.10 ▏             401 kB
//! ═══ cut 28 ═══ ships 401 kB ═══════════════════════════════════════
//!  28 features.30        conv2d      server   0.21 ██            1.6 MB
//! ┄┄┄ proposed cut 29 ┄┄┄ ships 1.6 MB ┄┄┄ Enter applies, Esc drops ┄┄
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::app::Proposal;
use crate::console::view::panels::{syncs, targets};
use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::model::{Graph, Node, crossing_bytes};
use crate::plan::{Cut, Mode, Plan};
use crate::store::{CutCost, Median, ModelView, Store};
use crate::units::{DeviceId, NodeId};
use crate::wire::Packing;

/// A row of the table.
enum Row<'a> {
    Operator(u32),
    /// Operators up to one that is joined, with the first and the last.
    Layer(u32, u32),
    Cut(u32),
    Proposed(&'a Proposal, u32),
}

/// Widths of the columns that give way on a narrow screen.
struct Columns {
    name: usize,
    kind: usize,
    bar: usize,
}

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let Some((store, model)) = scene.store.and_then(|s| s.model().map(|m| (s, m))) else {
        let inner = panel(area, "Layers", "", theme, buf);
        if scene.store.is_some() {
            let why = "this worker has no model yet";
            buf.set_stringn(inner.x, inner.y, why, inner.width.into(), theme.faint());
        } else {
            buf.set_stringn(
                inner.x,
                inner.y,
                "no worker yet",
                inner.width.into(),
                theme.faint(),
            );
            let below = Rect {
                y: inner.y + 1,
                height: inner.height.saturating_sub(1),
                ..inner
            };
            targets::paragraphs(scene, below, buf);
        }
        return;
    };
    // Less than its borders: the rows are as wide as the panel within.
    let ahead = ahead(store, usize::from(area.width.saturating_sub(2)));
    let foot = foot(store, ahead > 0);
    let mut inner = panel(area, &title(store, model), &foot, theme, buf);
    let joined = syncs::apply(store);
    if joined && inner.height > 1 {
        let heading = syncs::heading(store, inner.width.into(), theme);
        buf.set_line(inner.x, inner.y, &heading, inner.width);
        inner.y += 1;
        inner.height -= 1;
    }
    let graph = &model.graph;
    let (rows, focus) = rows(scene, store, graph);
    let height = usize::from(inner.height);
    let looked_at = scene
        .app
        .screens()
        .live
        .row()
        .min(rows.len().saturating_sub(1));
    let first = focus
        .unwrap_or(looked_at)
        .saturating_sub(height / 2)
        .min(rows.len().saturating_sub(height));
    let longest = longest(store);
    let columns = columns(usize::from(inner.width) - ahead);
    for (row, y) in rows.iter().skip(first).take(height).zip(inner.y..) {
        let line = match row {
            Row::Layer(first, last) => {
                let nodes = &graph.operators()[*first as usize..=*last as usize];
                syncs::layer(store, nodes, inner.width.into(), theme)
            }
            Row::Operator(i) => {
                let mut line = operator(store, graph, *i, longest, &columns, theme);
                if ahead > 0 {
                    line.push_span(if_cut_below(store, *i, theme));
                }
                line
            }
            Row::Cut(k) => {
                let text = effective_text(store, graph, *k);
                rule(&text, '═', inner.width, theme.cut())
            }
            Row::Proposed(p, k) => rule(
                &proposed_text(graph, p, *k),
                '┄',
                inner.width,
                theme.proposed(),
            ),
        };
        buf.set_line(inner.x, y, &line, inner.width);
        if focus.is_none() && usize::from(y - inner.y) + first == looked_at {
            buf.set_stringn(inner.x, y, "▸", 1, theme.strong());
        }
    }
}

fn title(store: &Store, model: &ModelView) -> String {
    let count = model.graph.operator_count();
    let epoch = store.epoch();
    let medians = epoch.map(|epoch| format!("  medians of epoch {epoch}"));
    let medians = medians.unwrap_or_default();
    match syncs::title(store) {
        Some(sync) => format!("Layers  {count} operators  {sync}{medians}"),
        None => format!("Layers  {count} operators  {}{medians}", model.weights),
    }
}

/// What the columns of predictions mean and rest on, if there are any.
pub(in crate::console::view) fn priced(store: &Store) -> Option<String> {
    let record = store.predictions().newest()?;
    let assumed = if record.assumed.is_some() {
        " assumed"
    } else {
        ""
    };
    Some(format!(
        "right: predicted ms and J if cut below the row, at {} Mbps{assumed}",
        text::mbps(record.mbps)
    ))
}

fn foot(store: &Store, has_predictions: bool) -> String {
    if let Some(foot) = syncs::foot(store) {
        return foot;
    }
    if let Some(priced) = priced(store).filter(|_| has_predictions) {
        return priced;
    }
    match store.plan().map(|p| &p.plan.mode) {
        Some(Mode::Tensor { .. } | Mode::Data { .. } | Mode::Tile { .. })
            if store.packings().all().is_none() =>
        {
            "this mode has no cut: the arrows move the mark".to_owned()
        }
        // All edges together; a cut's own stand in its line.
        _ => match store.packings().all() {
            Some(packing) => format!("a frame's values go {}", text::packing(packing)),
            None => String::new(),
        },
    }
}

/// The table's rows, and the one to keep in view, where there is a cut.
fn rows<'a>(scene: &Scene<'a>, store: &Store, graph: &Graph) -> (Vec<Row<'a>>, Option<usize>) {
    let n = graph.operator_count();
    let cuts = store.plan().map_or_else(Vec::new, |p| cuts(&p.plan, graph));
    let proposal = scene.app.proposal();
    let joined = syncs::apply(store);
    let mut rows = Vec::new();
    let mut focus = None;
    let mut begun = 0;
    for i in 0..=n {
        if cuts.contains(&i) {
            focus = focus.or(Some(rows.len()));
            rows.push(Row::Cut(i));
        }
        if let Some(proposal) = proposal.filter(|p| p.cut(graph) == Some(i)) {
            focus = Some(rows.len());
            rows.push(Row::Proposed(proposal, i));
        }
        if i == n {
            break;
        }
        if !joined {
            rows.push(Row::Operator(i));
        } else if i + 1 == n || store.syncs().node(NodeId(i + 1)).is_some() {
            rows.push(Row::Layer(begun, i));
            begun = i + 1;
        }
    }
    // The effective cut must not win over a proposal further up.
    if let Some(at) = rows.iter().position(|r| matches!(r, Row::Proposed(..))) {
        focus = Some(at);
    }
    (rows, focus)
}

/// Where the devices of a plan take turns, one after the other.
pub(in crate::console::view) fn cuts(plan: &Plan, graph: &Graph) -> Vec<u32> {
    let n = graph.operator_count();
    let prefix = |cut: &Cut| match cut {
        Cut::Prefix(k) => Some((*k).min(n)),
        Cut::Set(_) => None,
    };
    match &plan.mode {
        Mode::Split { cuts, .. } => cuts.iter().filter_map(|(cut, _)| prefix(cut)).collect(),
        _ => plan.cut(graph).map(|k| k.min(n)).into_iter().collect(),
    }
}

pub(in crate::console::view) fn effective_text(store: &Store, graph: &Graph, k: u32) -> String {
    let packed = packed_at(store, graph, k);
    let packed = packed.map_or_else(String::new, |p| format!(" {}", text::packing(&p)));
    format!("cut {k} ═══ {}{packed}", ships(graph, k))
}

/// What packing does to what crosses a cut of the plan in effect.
fn packed_at(store: &Store, graph: &Graph, k: u32) -> Option<Packing> {
    let cuts = cuts(&store.plan()?.plan, graph);
    let at = cuts.iter().position(|&cut| cut == k)?;
    let from = DeviceId(at.min(254) as u8);
    store.packings().between(from, DeviceId(from.0 + 1))
}

fn proposed_text(graph: &Graph, proposal: &Proposal, k: u32) -> String {
    let what = match &proposal.plan.mode {
        Mode::Split { tiles: 1, .. } if proposal.plan.window == 1 => format!("proposed cut {k}"),
        _ => format!("proposed: {}", proposal.plan.label()),
    };
    format!(
        "{what} ┄┄┄ {} ┄┄┄ Enter applies, Esc drops",
        ships(graph, k)
    )
}

/// What a cut sends up.
pub(in crate::console::view) fn ships(graph: &Graph, k: u32) -> String {
    match k {
        0 => format!("ships the image, {}", crossing_bytes(graph, 0)),
        k if k >= graph.operator_count() => "all on the robot".to_owned(),
        k => format!("ships {}", crossing_bytes(graph, k)),
    }
}

pub(in crate::console::view) fn rule(
    what: &str,
    dash: char,
    width: u16,
    style: Style,
) -> Line<'static> {
    let lead: String = std::iter::repeat_n(dash, 3).collect();
    let text = text::head(&format!("{lead} {what} "), width.into());
    let rest = usize::from(width).saturating_sub(text::width(&text));
    let fill: String = std::iter::repeat_n(dash, rest).collect();
    Line::styled(text + &fill, style)
}

fn longest(store: &Store) -> i64 {
    store.operators().longest_ns().unwrap_or(1).max(1)
}

/// Columns of what a cut below a row would cost.
pub(in crate::console::view) const AHEAD: usize = 23;

/// Columns kept for predictions: none without them, or where the table itself has too little room.
fn ahead(store: &Store, width: usize) -> usize {
    let room = width >= 50 + AHEAD && store.predictions().newest().is_some();
    if room { AHEAD } else { 0 }
}

/// What a cut below operator `i` would cost now, predicted.
pub(in crate::console::view) fn if_cut_below(store: &Store, i: u32, theme: Theme) -> Span<'static> {
    let predictions = store.predictions();
    let k = i + 1;
    let best = predictions.best_cut() == Some(k);
    let (ms, joules) = match predictions.cut(k) {
        None => (String::new(), String::new()),
        Some(CutCost {
            latency_ns: None, ..
        }) => ("never".to_owned(), String::new()),
        Some(CutCost {
            latency_ns: Some(ns),
            energy_j,
        }) => {
            let joules = energy_j.map(|j| format!("{j:.2}"));
            (text::ms(ns), joules.unwrap_or_default())
        }
    };
    let mark = if best { "◀ best" } else { "" };
    let style = if best { theme.good() } else { theme.faint() };
    Span::styled(format!("  {ms:>7} {joules:>6} {mark:<6}"), style)
}

/// Index 5, where 7, milliseconds 6, bytes 8 and spaces are fixed; the rest is shared.
const fn columns(width: usize) -> Columns {
    match width {
        0..50 => Columns {
            name: width.saturating_sub(30),
            kind: 0,
            bar: 0,
        },
        50..72 => Columns {
            name: width - 42,
            kind: 11,
            bar: 0,
        },
        72..100 => Columns {
            name: 22,
            kind: 12,
            bar: width - 66,
        },
        _ => Columns {
            name: 34,
            kind: 19,
            bar: width - 85,
        },
    }
}

fn operator(
    store: &Store,
    graph: &Graph,
    i: u32,
    longest: i64,
    columns: &Columns,
    theme: Theme,
) -> Line<'static> {
    let node = &graph.operators()[i as usize];
    let medians = store.operators().medians(node.id);
    let median = medians.iter().max_by_key(|m| m.count).copied();
    let place = place(store, graph, i, &medians);
    let part = match median.map(|m| m.device) {
        Some(DeviceId::ROBOT) => Part::Robot,
        None if place == "robot" => Part::Robot,
        Some(_) | None => Part::Server,
    };
    let time = median.map_or_else(|| "-".to_owned(), |m| text::ms(m.ns));
    let name = fit(&text::tail(&node.name, columns.name), columns.name);
    let mut spans = vec![
        Span::styled(format!("{i:>4} "), theme.faint()),
        Span::raw(name + " "),
    ];
    if columns.kind > 0 {
        let kind = fit(&text::head(node.op.kind(), columns.kind), columns.kind);
        spans.push(Span::styled(kind + " ", theme.faint()));
    }
    spans.push(Span::styled(format!("{place:<6} "), theme.part(part)));
    spans.push(Span::raw(format!("{time:>6} ")));
    if columns.bar > 0 {
        let bar = bar(median, longest, columns.bar, part);
        spans.push(Span::styled(bar + " ", theme.part(part)));
    }
    spans.push(Span::raw(format!("{:>8}", bytes_out(node))));
    Line::from(spans)
}

fn bytes_out(node: &Node) -> String {
    node.output_bytes().to_string()
}

/// Where an operator runs: where it was measured in this epoch, else where the plan puts it.
fn place(store: &Store, graph: &Graph, i: u32, medians: &[Median]) -> String {
    match medians {
        [one] => device_word(one.device),
        [] => {
            let plan = store.plan().map(|p| &p.plan);
            let cuts = plan.map_or_else(Vec::new, |plan| cuts(plan, graph));
            let before = cuts.iter().filter(|&&k| k <= i).count();
            match cuts.len() {
                0 => String::new(),
                _ => device_word(DeviceId(before.min(255) as u8)),
            }
        }
        _ => "both".to_owned(),
    }
}

fn device_word(device: DeviceId) -> String {
    match device {
        DeviceId::ROBOT | DeviceId::SERVER => device.to_string(),
        DeviceId(n) => format!("srv {n}"),
    }
}

/// A bar, shaded by device so that it reads without colour.
fn bar(median: Option<Median>, longest: i64, width: usize, part: Part) -> String {
    let Some(median) = median else {
        return " ".repeat(width);
    };
    let share = median.ns.max(0) as f64 / longest as f64;
    let full = (share * width as f64).round() as usize;
    let full = full.min(width);
    let bar = match full {
        0 => "▏".to_owned(),
        full => part.glyph().repeat(full),
    };
    fit(&bar, width)
}

fn fit(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text::width(text));
    format!("{text}{}", " ".repeat(missing))
}
