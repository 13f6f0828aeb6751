//! The policy picker over the screen: who may have the say over the plan, and what for.
//!
//! ```text
//!   by hand                an operator's plan stands
//! ▸ auto                   all modes: the least latency
//!   auto energy            all modes: the least energy of the robot
//!
//! likely split 31: now 50.8 ms 0.37 J (measured); PREDICTED 46.0 ms 0.41 J at 73 Mbps
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::console::app::{PolicyPicker, Proposal, likely};
use crate::console::view::panels::outlook::sentence;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::policy::{Objective, PolicyKind, Spec};

/// Columns of a name.
const NAME: usize = 22;

pub(in crate::console::view) fn render(
    scene: &Scene,
    picker: &PolicyPicker,
    area: Rect,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let width = area.width.min(80);
    let outlook = outlook(scene, picker.chosen(), usize::from(width).saturating_sub(3));
    let wanted = picker.rows().len() + outlook.len() + 2;
    let height = area.height.min(wanted as u16);
    let over = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(over, buf);
    buf.set_style(over, theme.base());
    let reigns = scene.store.and_then(|s| s.plan()).and_then(|p| p.policy);
    let title = match reigns {
        Some(spec) => format!("Policy   now {spec}"),
        None => "Policy   now by hand".to_owned(),
    };
    let inner = panel(
        over,
        &title,
        "Enter hands over  Esc drops  digits ←→ its number",
        theme,
        buf,
    );
    let words = (outlook.len() as u16).min(inner.height.saturating_sub(1));
    let list = Rect {
        height: inner.height - words,
        ..inner
    };
    for (line, y) in outlook.iter().zip(list.bottom()..inner.bottom()) {
        buf.set_stringn(
            inner.x + 1,
            y,
            line,
            inner.width.saturating_sub(1).into(),
            theme.proposed(),
        );
    }
    let most = usize::from(list.height);
    let first = (picker.selected() + 1).saturating_sub(most);
    let rows = picker.rows().iter().enumerate().skip(first);
    for ((i, row), y) in rows.zip(list.y..list.bottom()) {
        let here = i == picker.selected();
        let mark = if here { "▸ " } else { "  " };
        let style = if here { theme.picked() } else { theme.text() };
        let name = row.map_or_else(|| "by hand".to_owned(), |spec| spec.to_string());
        let line = Line::from(vec![
            Span::styled(mark, theme.strong()),
            Span::styled(format!("{name:<NAME$}"), style),
            Span::raw(format!(" {}", what(*row))),
        ]);
        buf.set_line(inner.x, y, &line, inner.width);
    }
}

/// What a choice is likely to lead to, predicted beside what is measured now.
fn outlook(scene: &Scene, chosen: Option<Spec>, width: usize) -> Vec<String> {
    let Some(store) = scene.store else {
        return Vec::new();
    };
    let stays = "the plan in effect stays until somebody changes it";
    let text = match chosen {
        None => stays.to_owned(),
        Some(spec) if spec.kind == PolicyKind::Fixed => stays.to_owned(),
        Some(spec) => match likely(store, spec) {
            None => {
                "what it will choose is not known: the robot has predicted nothing yet".to_owned()
            }
            Some(plan) => {
                let proposal = Proposal {
                    plan: plan.clone(),
                    payload: None,
                };
                let costs = sentence(store, &proposal);
                format!("likely {}: {costs}", plan.label())
            }
        },
    };
    text::wrapped(&text, width)
}

/// What a choice does, in a few words.
fn what(row: Option<Spec>) -> String {
    let Some(spec) = row else {
        return "an operator's plan stands".to_owned();
    };
    let who = match spec.kind {
        PolicyKind::Fixed => "the plan as it is",
        PolicyKind::Neurosurgeon => "a scan of the cuts",
        PolicyKind::Dads => "a minimum cut",
        PolicyKind::DadsHeavy => "the shortest longest stage",
        PolicyKind::Deadline | PolicyKind::Budget => "every division",
        PolicyKind::Pso => "a particle swarm",
        PolicyKind::Auto => "all modes",
    };
    let wanted = match spec.objective {
        Objective::Latency => "the least latency".to_owned(),
        Objective::Energy => "the robot's least energy".to_owned(),
        Objective::Deadline { ms } => {
            format!("least energy, 95 % within {ms} ms")
        }
        Objective::Budget { joules } => {
            format!("least latency within {:.0} mJ", joules * 1e3)
        }
        Objective::Throughput => "the most frames a second".to_owned(),
    };
    format!("{who}: {wanted}")
}
