//! The mode picker over the screen: modes, the chosen one's parameters, and the plan they make or why they make none.
//!
//! ```text
//!   local     everything on the robot
//! ▸ split     layers before the cut here, the rest there; tiles stream the cut
//!
//!   cut       28 of 153, after features.4.conv.0.1
//!   tiles     4 row tiles
//!
//! split 28 in 4 tiles: up 1.8 MB, down 4.0 kB a frame
//! now 50.8 ms 0.37 J (measured); PREDICTED 46.0 ms 0.41 J, bound by link at 73 Mbps
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::console::app::{Picker, Preview, Proposal};
use crate::console::view::panels::{header, outlook};
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::plan::ModeKind;
use crate::store::Store;

/// Columns of a name.
const NAME: usize = 9;

pub(in crate::console::view) fn render(
    scene: &Scene,
    picker: &Picker,
    area: Rect,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let width = area.width.min(80);
    let inner_width = usize::from(width).saturating_sub(2);
    let fields = fields(scene, picker);
    let result = result(scene, picker, inner_width);
    let full = modes(scene, picker);
    let needed = full.len() + fields.len() + result.len() + 4;
    let room = usize::from(area.height);
    let modes = if needed <= room {
        full
    } else {
        chosen(scene, picker, inner_width)
    };
    // What gives way first: the blank lines, then parameters away from the selected one.
    let needed = modes.len() + fields.len() + result.len() + 2;
    let blanks = needed + 2 <= room;
    let height = (needed + 2 * usize::from(blanks)).min(room) as u16;
    let over = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(over, buf);
    buf.set_style(over, scene.theme.base());
    let now = scene.store.map(header::plan).unwrap_or_default();
    let title = if now.is_empty() {
        "Mode".to_owned()
    } else {
        format!("Mode   now {now}")
    };
    let inner = panel(over, &title, "Enter applies  Esc drops  ? help", theme, buf);
    let rows = usize::from(inner.height);
    let most = rows.saturating_sub(modes.len() + result.len() + 2 * usize::from(blanks));
    let at = picker.selected().unwrap_or(0);
    let first = (at + 1)
        .saturating_sub(most)
        .min(fields.len().saturating_sub(most));
    let mut lines = modes;
    if blanks {
        lines.push(Line::default());
    }
    lines.extend(fields.into_iter().skip(first).take(most));
    if blanks {
        lines.push(Line::default());
    }
    lines.extend(result);
    for (line, y) in lines.iter().zip(inner.y..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}

fn row(scene: &Scene, picked: bool, here: bool, name: &str, value: &str) -> Line<'static> {
    let theme = scene.theme;
    let mark = match (here, picked) {
        (true, _) => "▸",
        (false, true) => "•",
        (false, false) => " ",
    };
    let style = if here {
        theme.picked()
    } else if picked {
        theme.strong()
    } else {
        theme.text()
    };
    Line::from(vec![
        Span::styled(format!("{mark} "), theme.strong()),
        Span::styled(format!("{name:<NAME$}"), style),
        Span::raw(format!(" {value}")),
    ])
}

fn modes(scene: &Scene, picker: &Picker) -> Vec<Line<'static>> {
    let choosing = picker.selected().is_none();
    let line = |mode: ModeKind| {
        let picked = mode == picker.mode();
        row(scene, picked, picked && choosing, mode.name(), mode.what())
    };
    ModeKind::ALL.into_iter().map(line).collect()
}

/// The chosen mode alone, for screens without room for all.
fn chosen(scene: &Scene, picker: &Picker, width: usize) -> Vec<Line<'static>> {
    let mode = picker.mode();
    let at = ModeKind::ALL.iter().position(|m| *m == mode).unwrap_or(0) + 1;
    let count = format!("{at} of {} ↑↓", ModeKind::ALL.len());
    let here = picker.selected().is_none();
    let mut lines = vec![row(scene, true, here, mode.name(), &count)];
    let what = text::wrapped(mode.what(), width.saturating_sub(2));
    let what = what.into_iter().map(|line| {
        let line = format!("  {line}");
        Line::styled(line, scene.theme.faint())
    });
    lines.extend(what);
    lines
}

fn fields(scene: &Scene, picker: &Picker) -> Vec<Line<'static>> {
    let fields = picker.fields();
    if fields.is_empty() {
        let none = Line::styled("  no parameters", scene.theme.faint());
        return vec![none];
    }
    let line = |(i, field)| {
        let here = picker.selected() == Some(i);
        let (name, value) = (picker.name(field), picker.value(field));
        row(scene, here, here, &name, &value)
    };
    fields.into_iter().enumerate().map(line).collect()
}

/// The plan, or the sentence that says why there is none.
fn result(scene: &Scene, picker: &Picker, width: usize) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let effective = scene.store.and_then(Store::plan).map(|p| &p.plan);
    let (text, style) = match picker.preview() {
        Ok(preview) if effective == Some(&preview.plan) => {
            (format!("{} (in effect)", made(preview)), theme.text())
        }
        Ok(preview) => (made(preview), theme.cut()),
        Err(why) => (format!("no plan: {why}"), theme.warning()),
    };
    let mut lines = text::wrapped(&text, width.saturating_sub(1));
    if let (Ok(preview), Some(store)) = (picker.preview(), scene.store) {
        let proposal = Proposal {
            plan: preview.plan.clone(),
            payload: Some(preview.payload),
        };
        let costs = outlook::sentence(store, &proposal);
        lines.extend(text::wrapped(&costs, width.saturating_sub(1)));
    }
    let lines = lines.into_iter();
    lines
        .map(|line| Line::styled(format!(" {line}"), style))
        .collect()
}

fn made(preview: &Preview) -> String {
    let label = preview.plan.label();
    let payload = &preview.payload;
    if payload.is_nothing() {
        return format!("{label}: nothing is sent");
    }
    let between = match payload.between.0 {
        0 => String::new(),
        _ => format!(", {} between servers", payload.between),
    };
    let (up, down) = (payload.up, payload.down);
    format!("{label}: up {up}, down {down}{between} a frame")
}
