//! The policy picker over the screen: who may have the say over the plan, and what for.
//!
//! ```text
//!   by hand                an operator's plan stands
//! ▸ auto                   all modes: the least latency
//!   auto energy            all modes: the least energy of the robot
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::console::app::PolicyPicker;
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
    let height = area.height.min(picker.rows().len() as u16 + 2);
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
        "Enter hands over  digits ←→ its number  Esc drops",
        theme,
        buf,
    );
    let most = usize::from(inner.height);
    let first = (picker.selected() + 1).saturating_sub(most);
    let rows = picker.rows().iter().enumerate().skip(first);
    for ((i, row), y) in rows.zip(inner.y..inner.bottom()) {
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
