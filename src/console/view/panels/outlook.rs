//! What a proposed plan is expected to cost, beside what frames cost now: above the status line, on every screen.
//!
//! From 120x30:
//!
//! ```text
//! ┌ Proposed split 31: predicted against now  at 73 Mbps, predictions of epoch 7 were off by 3 % ┐
//! │ measured   split 28/153        50.8 ms   0.37 J    ↑1.8 MB   ↓4.0 kB  by link                 │
//! │ PREDICTED  split 31            46.0 ms   0.41 J    ↑401 kB   ↓4.0 kB  by link                 │
//! │ change                            -9 %    +11 %      -78 %       0 %                          │
//! └ Enter applies  Esc drops  afterwards u comes back to split 28 ───────────────────────────────┘
//! ```
//!
//! From 80x24 the first two rows; at 40x12:
//!
//! ```text
//!  now   50.8 ms  0.37 J ↑1.8 MB link
//!  PRED  46.0 ms  0.41 J ↑401 kB link -9 %
//! ```

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::app::{Action, Cost, Outlook, Proposal, Scope};
use crate::console::view::layout::Size;
use crate::console::view::panels::header;
use crate::console::view::theme::Theme;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::plan::Codec;
use crate::store::Store;
use crate::units::Bytes;

/// Columns of what a row is about.
const LABEL: usize = 9;

/// The proposal and its outlook, where the present is shown.
fn shown<'a>(scene: &Scene<'a>) -> Option<(&'a Proposal, &'a Store)> {
    let live = scene.app.deck().is_live();
    let proposal = scene.app.proposal().filter(|_| live)?;
    Some((proposal, scene.store?))
}

/// Rows that it takes on a screen of this size: none without a proposal.
pub(in crate::console::view) fn height(scene: &Scene, size: Size) -> u16 {
    match (shown(scene), size) {
        (None, _) => 0,
        (Some(_), Size::Wide) => 5,
        (Some(_), Size::Normal | Size::Glance) => 2,
    }
}

/// Draws it into as many rows as [`height`] says.
pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let Some((proposal, store)) = shown(scene).filter(|_| area.height > 0) else {
        return;
    };
    let outlook = Outlook::of(store, proposal);
    let (inner, lines) = if area.height >= 5 {
        let title = title(store, proposal, &outlook);
        let inner = panel(area, &title, &foot(scene, store), scene.theme, buf);
        let mut lines = rows(scene, store, proposal, &outlook, inner.width.into());
        lines.push(changes(&outlook, inner.width.into(), scene.theme));
        (inner, lines)
    } else if area.width >= 78 {
        let width = usize::from(area.width);
        (area, rows(scene, store, proposal, &outlook, width))
    } else {
        (area, short(scene, store, &outlook))
    };
    for (line, y) in lines.iter().zip(inner.y..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}

/// The same in one sentence, for the mode picker.
pub(in crate::console::view) fn sentence(store: &Store, proposal: &Proposal) -> String {
    let outlook = Outlook::of(store, proposal);
    let mut text = String::new();
    if let Some(now) = costs(&outlook.now) {
        let _ = write!(text, "now {now} ({}); ", measured(store).to_lowercase());
    }
    match costs(&outlook.then) {
        Some(then) if outlook.predicted => {
            let by = outlook.then.limit.as_ref();
            let by = by.map(|limit| format!(", bound by {limit}"));
            let _ = write!(text, "PREDICTED {then}{}", by.unwrap_or_default());
            let _ = write!(text, "{}", caveats(&outlook));
        }
        _ => text += "no prediction of this plan",
    }
    text
}

fn costs(cost: &Cost) -> Option<String> {
    let ms = format!("{} ms", text::ms(cost.latency_ns?));
    let joules = cost.energy_j.map(|j| format!(" {} J", text::figures(j)));
    Some(ms + &joules.unwrap_or_default())
}

fn measured(store: &Store) -> &'static str {
    if store.emulated() {
        "EMULATED"
    } else {
        "measured"
    }
}

/// What predictions rest on, and what they leave out.
fn caveats(outlook: &Outlook) -> String {
    let mut words = String::new();
    if let Some(mbps) = outlook.mbps {
        let _ = write!(words, " at {} Mbps", text::mbps(mbps));
    }
    match outlook.priced_with {
        None => {}
        Some(Codec::None) => words += ", without packing",
        Some(codec) => {
            let _ = write!(words, ", packed by {codec}");
        }
    }
    if outlook.emulated {
        words += ", of emulated devices";
    }
    words
}

fn title(store: &Store, proposal: &Proposal, outlook: &Outlook) -> String {
    let plan = proposal.plan.label();
    if !outlook.predicted {
        return format!("Proposed {plan}: the robot predicts nothing for it");
    }
    let mut title = format!(
        "Proposed {plan}: predicted against now {}",
        caveats(outlook)
    );
    if let (Some(error), Some(epoch)) = (outlook.error, store.epoch()) {
        let percent = text::figures(error * 100.0);
        let _ = write!(
            title,
            "; predictions of epoch {epoch} were off by {percent} %"
        );
    }
    title
}

/// What Enter and Esc do, or why Enter does nothing.
fn foot(scene: &Scene, store: &Store) -> String {
    let [apply, drop, revert] = [Action::Apply, Action::Back, Action::Revert].map(|action| {
        let mut all = scene.app.keymap().of(Scope::Anywhere);
        let bound = all.find(|bound| bound.entry.action == action);
        bound.map_or_else(String::new, |bound| bound.written())
    });
    if let Some(why) = scene.app.hindrance(scene.now) {
        return format!("{apply} does nothing now: {why}  {drop} drops");
    }
    let now = header::plan(store);
    let back = if now.is_empty() {
        String::new()
    } else {
        format!("  afterwards {revert} comes back to {now}")
    };
    format!("{apply} applies  {drop} drops{back}")
}

/// What is measured and what is predicted, column by column.
fn rows(
    scene: &Scene,
    store: &Store,
    proposal: &Proposal,
    outlook: &Outlook,
    width: usize,
) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let plan = plan_columns(width);
    let now = header::plan(store);
    let emulated = store.emulated();
    let style = if emulated {
        theme.warning()
    } else {
        theme.text()
    };
    let proposed = proposal.plan.label();
    vec![
        row((measured(store), style), &now, &outlook.now, plan, theme),
        if outlook.predicted {
            let label = ("PREDICTED", theme.proposed());
            row(label, &proposed, &outlook.then, plan, theme)
        } else {
            unpredicted(&proposed, &outlook.then, plan, theme)
        },
    ]
}

/// Columns of a plan's name: what the figures leave.
fn plan_columns(width: usize) -> usize {
    width.saturating_sub(1 + LABEL + 1 + FIGURES).min(40)
}

/// Columns of latency, energy, bytes both ways and limit, with their spaces.
const FIGURES: usize = 10 + 9 + 10 + 10 + 10;

fn row(label: (&str, Style), plan: &str, cost: &Cost, width: usize, theme: Theme) -> Line<'static> {
    let ms = cost.latency_ns.map(|ns| format!("{} ms", text::ms(ns)));
    let joules = cost.energy_j.map(|j| format!("{} J", text::figures(j)));
    let word = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let mut line = head(label, plan, width, theme);
    line.push_span(Span::raw(format!("{:>10}{:>9}", word(ms), word(joules))));
    line.push_span(Span::raw(payload(cost)));
    line.push_span(Span::raw(limit(cost)));
    line
}

/// A plan without a prediction: its bytes are known all the same.
fn unpredicted(plan: &str, cost: &Cost, width: usize, theme: Theme) -> Line<'static> {
    let mut line = head(("proposed", theme.proposed()), plan, width, theme);
    line.push_span(Span::styled(
        format!("{:>19}", "no prediction"),
        theme.warning(),
    ));
    line.push_span(Span::raw(payload(cost)));
    line
}

fn head(label: (&str, Style), plan: &str, width: usize, theme: Theme) -> Line<'static> {
    let plan = text::head(plan, width);
    let missing = " ".repeat(width.saturating_sub(text::width(&plan)));
    Line::from(vec![
        Span::styled(format!(" {:<LABEL$} ", label.0), label.1),
        Span::styled(format!("{plan}{missing}"), theme.strong()),
    ])
}

fn payload(cost: &Cost) -> String {
    let way = |arrow: &str, bytes: Option<Bytes>| match bytes {
        Some(bytes) => format!("{arrow}{bytes}"),
        None => "-".to_owned(),
    };
    format!("{:>10}{:>10}", way("↑", cost.up), way("↓", cost.down))
}

fn limit(cost: &Cost) -> String {
    let limit = cost.limit.as_ref();
    limit.map_or_else(String::new, |limit| format!("  by {limit}"))
}

/// The differences, under the columns that they are of.
fn changes(outlook: &Outlook, width: usize, theme: Theme) -> Line<'static> {
    let of = |change: Option<f64>| change.map_or_else(String::new, percent);
    let bytes = |from: Option<Bytes>, to: Option<Bytes>| {
        let from = from.filter(|from| from.0 > 0)?;
        Some(to?.0 as f64 / from.0 as f64 - 1.0)
    };
    let up = bytes(outlook.now.up, outlook.then.up);
    let down = bytes(outlook.now.down, outlook.then.down);
    let mut line = head(("change", theme.faint()), "", plan_columns(width), theme);
    let latency = outlook.latency_change();
    let style = match latency {
        Some(less) if less < 0.0 => theme.good(),
        Some(more) if more > 0.0 => theme.warning(),
        _ => theme.text(),
    };
    line.push_span(Span::styled(format!("{:>10}", of(latency)), style));
    line.push_span(Span::raw(format!(
        "{:>9}{:>10}{:>10}",
        of(outlook.energy_change()),
        of(up),
        of(down)
    )));
    line
}

fn percent(change: f64) -> String {
    let percent = (change * 100.0).round();
    // Less than half a percent is no news, and has no sign.
    if percent == 0.0 {
        return "0 %".to_owned();
    }
    format!("{percent:+.0} %")
}

/// For screens at arm's length: what is measured, what is predicted.
fn short(scene: &Scene, store: &Store, outlook: &Outlook) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let words = |cost: &Cost| {
        let up = cost.up.map(|up| format!(" ↑{up}")).unwrap_or_default();
        let limit = cost.limit.as_ref().map(|limit| format!(" {limit}"));
        let costs = costs(cost).unwrap_or_else(|| "-".to_owned());
        format!("{costs}{up}{}", limit.unwrap_or_default())
    };
    let now = if store.emulated() { "EMUL" } else { "now " };
    let then = if outlook.predicted {
        let change = outlook.latency_change().map(percent).unwrap_or_default();
        format!("{} {change}", words(&outlook.then))
    } else {
        let up = outlook.then.up.map(|up| format!(" ↑{up}"));
        format!("no prediction{}", up.unwrap_or_default())
    };
    vec![
        Line::from(vec![
            Span::styled(format!(" {now} "), theme.faint()),
            Span::raw(words(&outlook.now)),
        ]),
        Line::from(vec![
            Span::styled(" PRED ", theme.proposed()),
            Span::styled(then, theme.strong()),
        ]),
    ]
}
