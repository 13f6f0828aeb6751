//! The Layers screen: every operator in one table, sorted, filtered and searched.
//!
//! ```text
//! | header, screens                                                                 |
//! +- Layers  12 of 153  by p95  "conv"  epoch 7 ------------------------------------+
//! |    #  name              kind      where     p50    p95  share              out  |
//! |   24  features.3.conv.3 conv2d    robot    0.19   0.22   1.2 % ▓▓       301 kB  |
//! | ▸ 25  ...                                                                       |
//! | ═══ cut 28 ═══ ships 401 kB ══════  (in the model's order only)                 |
//! +---------------------------------------------------------------------------------+
//! | status; hints                                                                   |
//! ```
//!
//! Where predictions are told and there is room, what whole plans would cost stands beside the table.
//!
//! A row is one operator on one device: what is divided has a row for each. Where the plan has a codec, what packing makes
//! of an output stands behind its bytes: `x1.91 0.71 ms`, the ratio and the time of packing and unpacking. Where there is
//! less room the bar gives way, then the kind; on the smallest screens p95, share, bytes and packing too.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::console::app::Action;
use crate::console::app::Move;
use crate::console::app::screens::layers::{Do, Row, Sort};
use crate::console::view::layout::framed;
use crate::console::view::panels::layers::{
    self, AHEAD, cuts, effective_text, if_cut_below, priced, rule,
};
use crate::console::view::panels::plans;
use crate::console::view::theme::Part;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, Theme, panel};
use crate::store::{ModelView, Store};
use crate::units::DeviceId;
use crate::wire::Packing;

/// Columns of number, where, p50, p95, share and bytes with their spaces.
const FIXED: usize = 7 + 8 + 8 + 8 + 8 + 9;
/// The same without p95, share and bytes.
const LEAST: usize = 7 + 8 + 8;
/// Columns of what packing does.
const PACKING: usize = 17;
/// Columns of the plans, and of the table that leaves them room.
const PLANS: u16 = 52;
const TABLE: u16 = 74;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let inner = framed(scene, area, buf);
    let Some((store, model)) = scene.store.and_then(|s| s.model().map(|m| (s, m))) else {
        // The panel of the Live screen says why there is nothing.
        return layers::render(scene, inner, buf);
    };
    let known = store.predictions().newest().is_some();
    let inner = if known && inner.width >= PLANS + TABLE {
        let both = [Constraint::Min(TABLE), Constraint::Length(PLANS)];
        let [left, side] = Layout::horizontal(both).areas(inner);
        plans::render(scene, side, buf);
        left
    } else {
        inner
    };
    let table = &scene.app.screens().layers;
    let rows = table.rows(store, &model.graph);
    let count = model.graph.operator_count();
    let title = title(scene, store, rows.len(), count);
    let ahead = ahead_of(store, inner.width.saturating_sub(2).into());
    let foot = foot(store, model, ahead > 0);
    let inner = panel(inner, &title, &foot, scene.theme, buf);
    if inner.height < 2 {
        return;
    }
    let width = usize::from(inner.width);
    let packs = store.packings().all().is_some();
    let columns = Columns::of(width - ahead, packs);
    let mut heading = columns.heading(scene);
    if ahead > 0 {
        let words = format!("  {:>7} {:>6} if cut", "predict", "J");
        heading.push_span(Span::styled(words, scene.theme.faint()));
    }
    buf.set_line(inner.x, inner.y, &heading, inner.width);
    let cuts = match (table.sort(), store.plan()) {
        ((Sort::Order, false), Some(plan)) => cuts(&plan.plan, &model.graph),
        _ => Vec::new(),
    };
    let room = usize::from(inner.height - 1);
    let cut = store.plan().and_then(|p| p.plan.cut(&model.graph));
    let at = table.looked_at(&rows, cut);
    let first = at
        .saturating_sub(room / 2)
        .min((rows.len() + cuts.len()).saturating_sub(room));
    let longest = rows.iter().filter_map(|row| row.p50_ns).max().unwrap_or(1);
    let mut y = inner.y + 1;
    let mut before = None;
    for (i, row) in rows.iter().enumerate().skip(first) {
        let new = before.replace(row.index) != Some(row.index);
        if new && cuts.contains(&row.index) && y < inner.bottom() {
            let what = effective_text(store, &model.graph, row.index);
            let line = rule(&what, '═', inner.width, scene.theme.cut());
            buf.set_line(inner.x, y, &line, inner.width);
            y += 1;
        }
        if y >= inner.bottom() {
            break;
        }
        let mut line = columns.row(scene, row, i == at, longest);
        if ahead > 0 {
            line.push_span(if_cut_below(store, row.index, scene.theme));
        }
        buf.set_line(inner.x, y, &line, inner.width);
        let step = Move::By(i as i32 - at as i32);
        let place = Rect::new(inner.x, y, inner.width, 1);
        scene.target(place, Action::Layers(Do::Row(step)));
        y += 1;
    }
    if rows.is_empty() {
        let none = "no operator is like that: Esc shows all";
        buf.set_stringn(
            inner.x + 1,
            y,
            none,
            inner.width.into(),
            scene.theme.faint(),
        );
    }
}

/// What packing makes of an output: the ratio, and the time of packing and unpacking. A lossy one is marked.
fn packing(packing: Option<&Packing>, theme: Theme) -> Span<'static> {
    let Some(packing) = packing else {
        return Span::raw(" ".repeat(PACKING));
    };
    let ns = packing.encode_ns + packing.decode_ns;
    let mark = if packing.is_lossy() { "!" } else { "" };
    let words = format!("{mark}x{:.2} {:>5} ms", packing.ratio(), text::ms(ns));
    let style = if packing.is_lossy() {
        theme.warning()
    } else {
        theme.text()
    };
    Span::styled(format!("{words:>PACKING$}"), style)
}

fn title(scene: &Scene, store: &Store, shown: usize, count: u32) -> String {
    let table = &scene.app.screens().layers;
    let mut title = format!("Layers  {shown} of {count}");
    let (sort, reverse) = table.sort();
    if sort != Sort::Order || reverse {
        let way = if reverse { " upwards" } else { "" };
        let _ = write!(title, "  by {}{way}", sort.word());
    }
    if let Some(device) = table.device() {
        let _ = write!(title, "  on {device}");
    }
    if table.typing() || !table.search().is_empty() {
        let cursor = if table.typing() { "_" } else { "" };
        let _ = write!(title, "  /{}{cursor}", table.search());
    }
    if let Some(epoch) = store.epoch() {
        let _ = write!(title, "  epoch {epoch}");
    }
    title
}

/// Columns kept for what a cut below each row would cost.
fn ahead_of(store: &Store, width: usize) -> usize {
    let told = store.predictions().newest().is_some();
    if told && width >= FIXED + 12 + AHEAD {
        AHEAD
    } else {
        0
    }
}

fn foot(store: &Store, model: &ModelView, ahead: bool) -> String {
    let marked = if store.emulated() {
        "  EMULATED times"
    } else {
        ""
    };
    let lossy = store.packings().all().is_some_and(Packing::is_lossy);
    let lossy = if lossy { "  ! LOSSY codec" } else { "" };
    let marked = format!("{lossy}{marked}");
    match priced(store).filter(|_| ahead) {
        Some(priced) => format!("{priced}{marked}"),
        None => format!("ms; share of the sum of medians  {}{marked}", model.weights),
    }
}

/// Which columns there is room for.
struct Columns {
    name: usize,
    kind: usize,
    bar: usize,
    /// Whether there is no room for p95, share and bytes.
    least: bool,
    /// Whether packing has a column.
    packs: bool,
}

impl Columns {
    const fn of(width: usize, packs: bool) -> Self {
        let packs = packs && width >= FIXED + PACKING + 12;
        let taken = if packs { FIXED + PACKING } else { FIXED };
        let left = width.saturating_sub(taken);
        let mut columns = Self::shared(left, width);
        columns.packs = packs;
        columns
    }

    /// Columns where `left` are left of the fixed ones.
    const fn shared(left: usize, width: usize) -> Self {
        match left {
            0..12 => Self {
                name: width.saturating_sub(LEAST),
                kind: 0,
                bar: 0,
                least: true,
                packs: false,
            },
            12..32 => Self {
                name: left,
                kind: 0,
                bar: 0,
                least: false,
                packs: false,
            },
            32..60 => Self {
                name: left - 13,
                kind: 12,
                bar: 0,
                least: false,
                packs: false,
            },
            _ => Self {
                name: 34,
                kind: 19,
                bar: left.saturating_sub(55),
                least: false,
                packs: false,
            },
        }
    }

    fn heading(&self, scene: &Scene) -> Line<'static> {
        let (name, kind, bar) = (self.name, self.kind, self.bar);
        let kind = if kind > 0 {
            format!("{:<kind$} ", "kind")
        } else {
            String::new()
        };
        let mut text = format!("    # {:<name$} {kind}{:<7} {:>7}", "name", "where", "p50");
        if !self.least {
            let _ = write!(
                text,
                " {:>7} {:>7} {:<bar$}{:>8}",
                "p95", "share", "", "out"
            );
        }
        if self.packs {
            let _ = write!(text, "{:>PACKING$}", "codec");
        }
        Line::styled(text, scene.theme.faint())
    }

    fn row(&self, scene: &Scene, row: &Row, here: bool, longest: i64) -> Line<'static> {
        let theme = scene.theme;
        let style = if here { theme.picked() } else { theme.text() };
        let mark = if here { "▸" } else { " " };
        let (width, bar) = (self.name, self.bar);
        let name = text::tail(&row.name, width);
        let missing = " ".repeat(width.saturating_sub(text::width(&name)));
        let ms = |ns: Option<i64>| ns.map_or_else(|| "-".to_owned(), text::ms);
        let share = row
            .share
            .map_or_else(|| "-".to_owned(), |s| format!("{:.1} %", s * 100.0));
        let part = match row.device {
            Some(DeviceId::ROBOT) => Part::Robot,
            Some(_) => Part::Server,
            None => Part::Wait,
        };
        let place = row
            .device
            .map_or_else(String::new, |device| device.to_string());
        let mut spans = vec![
            Span::styled(mark, theme.strong()),
            Span::styled(format!("{:>4} {name}{missing} ", row.index), style),
        ];
        if self.kind > 0 {
            let width = self.kind;
            let kind = text::head(row.kind, width);
            spans.push(Span::styled(format!("{kind:<width$} "), theme.faint()));
        }
        spans.push(Span::styled(
            format!("{:<7} ", text::head(&place, 7)),
            theme.part(part),
        ));
        spans.push(Span::raw(format!("{:>7} ", ms(row.p50_ns))));
        if self.least {
            return Line::from(spans);
        }
        spans.push(Span::raw(format!("{:>7} {share:>7} ", ms(row.p95_ns))));
        if bar > 0 {
            let long = row.p50_ns.unwrap_or(0).max(0) as f64 / longest.max(1) as f64;
            let long = ((long * (bar - 1) as f64).round() as usize).min(bar - 1);
            let filled = part.glyph().repeat(long);
            spans.push(Span::styled(
                filled + &" ".repeat(bar - long),
                theme.part(part),
            ));
        }
        spans.push(Span::raw(format!("{:>8}", row.bytes.to_string())));
        if self.packs {
            spans.push(packing(row.packing.as_ref(), theme));
        }
        Line::from(spans)
    }
}
