//! What whole plans would cost now, predicted: those that nobody beats in both latency and energy (the Pareto front)
//! first, then why modes gain nothing, then what a policy decided.
//!
//! ```text
//! ┌ Plans  predicted ────────────────────────┐
//! │ front           ms       J  limit        │
//! │ split 28      59.8    0.41  link         │
//! │ remote        62.0    0.38  link    now  │
//! │                                          │
//! │ tensor gains nothing: ...                │
//! │ auto: split 28 after remote: ...         │
//! └ at 73 Mbps ──────────────────────────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::wire::PlanCost;

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let record = scene
        .store
        .and_then(|s| Some((s, s.predictions().newest()?)));
    let Some((store, record)) = record else {
        panel(area, "Plans  predicted", "", theme, buf);
        return;
    };
    let assumed = if record.assumed.is_some() {
        ", assumed"
    } else {
        ""
    };
    let foot = format!("at {} Mbps{assumed}", text::mbps(record.mbps));
    let title = if record.emulated {
        "Plans  predicted, of emulated devices"
    } else {
        "Plans  predicted"
    };
    let inner = panel(area, title, &foot, theme, buf);
    let width = usize::from(inner.width);
    let in_effect = store.plan().map(|p| &p.plan);
    let mut lines: Vec<(String, Style)> = Vec::new();
    let heading = |what| format!("{what:<20} {:>7} {:>6}  limit", "ms", "J");
    for (what, on_front) in [("Pareto front", true), ("others", false)] {
        let mut plans = record
            .plans
            .iter()
            .filter(|p| p.on_front == on_front)
            .peekable();
        if plans.peek().is_some() {
            lines.push((heading(what), theme.faint()));
        }
        for plan in plans {
            let now = in_effect == Some(&plan.plan);
            let style = if now { theme.cut() } else { theme.text() };
            lines.push((row(plan, now), style));
        }
    }
    for no_gain in &record.no_gain {
        lines.extend(wrapped(&no_gain.why, width, theme.faint()));
    }
    if let Some(decision) = store.predictions().decisions().next() {
        let after = decision.from.label();
        let said = format!("{}: {} after {after}", decision.policy, decision.to.label);
        lines.extend(wrapped(&said, width, theme.strong()));
        for reason in &decision.reasons {
            lines.extend(wrapped(reason, width, theme.text()));
        }
    }
    for ((line, style), y) in lines.into_iter().zip(inner.y..inner.bottom()) {
        buf.set_stringn(inner.x, y, line, width, style);
    }
}

fn row(plan: &PlanCost, now: bool) -> String {
    let joules = plan.energy_j.map(|j| format!("{j:.2}")).unwrap_or_default();
    let label = text::head(&plan.label, 20);
    let missing = " ".repeat(20_usize.saturating_sub(text::width(&label)));
    let mark = if now { "  now" } else { "" };
    let ms = text::ms(plan.latency_ns);
    format!("{label}{missing} {ms:>7} {joules:>6}  {}{mark}", plan.limit)
}

/// A sentence over as many lines as it takes, broken between words.
fn wrapped(sentence: &str, width: usize, style: Style) -> Vec<(String, Style)> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text::width(line) + 1 + text::width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| (line, style)).collect()
}
