//! What the network saw in the newest frame.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::view::panels::limit;
use crate::console::view::theme::Theme;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::store::{Store, class_name};
use crate::wire::{ClassScore, FrameRecord, Outcome};

/// Room for the best class where something else stands in the line: ` : espresso 0.99  `.
const BEST_CLASS: usize = 18;

/// Its classes mean nothing.
const UNTRAINED: &str = "(untrained weights) ";

/// One line: `frame 1041 coffee.png: espresso 0.99, cup 0.01`.
pub(in crate::console::view) fn line(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let Some((store, frame)) = newest(scene) else {
        return;
    };
    // What limits stands whole, the best class with its whole score; the picture's name gives way.
    let limit = limit::words(scene).filter(|_| area.width >= 80);
    let taken = limit.as_deref().map_or(0, text::width);
    let room = usize::from(area.width).saturating_sub(taken + 1);
    let mut headline = headline(frame);
    let untrained = if trained(store) { "" } else { UNTRAINED };
    if taken > 0 {
        let best = if frame.top.is_empty() { 3 } else { BEST_CLASS };
        headline = text::head(&headline, room.saturating_sub(best + untrained.len()));
    }
    let mut line = Line::from(vec![
        Span::styled(format!(" {headline}: "), theme.faint()),
        Span::styled(untrained, theme.faint()),
    ]);
    for (place, class) in frame.top.iter().copied().enumerate() {
        let style = if place == 0 {
            theme.strong()
        } else {
            theme.text()
        };
        let name = name(store, class);
        let wide = |longest| format!("{} {:.2}  ", text::head(&name, longest), class.score);
        let mut words = wide(28);
        let left = room.saturating_sub(line.width());
        if taken > 0 && text::width(&words) > left {
            let longest = left.saturating_sub(text::width(&wide(0)));
            if place > 0 || longest < 4 {
                break;
            }
            words = wide(longest);
        }
        line.push_span(Span::styled(words, style));
    }
    buf.set_line(area.x, area.y, &line, area.width);
    if let Some(words) = limit {
        let x = area.right() - taken as u16;
        buf.set_stringn(x, area.y, words, taken, theme.strong());
    }
}

/// A panel with five rows.
pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let newest = newest(scene);
    let foot = match newest {
        Some((store, _)) if !trained(store) => "untrained weights",
        _ => "",
    };
    let title = newest.map_or_else(
        || "Result".to_owned(),
        |(_, f)| format!("Result  {}", headline(f)),
    );
    let inner = panel(area, &title, foot, theme, buf);
    let Some((store, frame)) = newest else {
        buf.set_stringn(
            inner.x,
            inner.y,
            "no frame yet",
            inner.width.into(),
            theme.faint(),
        );
        return;
    };
    let width = usize::from(inner.width);
    for (class, y) in frame
        .top
        .iter()
        .copied()
        .take(inner.height.into())
        .zip(inner.y..)
    {
        let line = row(store, class, width, y == inner.y, theme);
        buf.set_line(inner.x, y, &line, inner.width);
    }
}

fn row(store: &Store, class: ClassScore, width: usize, first: bool, theme: Theme) -> Line<'static> {
    let bar_room = width / 4;
    let name_room = width.saturating_sub(bar_room + 8);
    let name = text::head(&name(store, class), name_room);
    let missing = name_room.saturating_sub(text::width(&name));
    let filled = (f64::from(class.score) * bar_room as f64).round() as usize;
    let style = if first { theme.strong() } else { theme.text() };
    Line::from(vec![
        Span::styled(format!(" {name}{}", " ".repeat(missing)), style),
        Span::styled(format!(" {:.2} ", class.score), style),
        Span::raw("▪".repeat(filled.min(bar_room))),
    ])
}

fn newest<'a>(scene: &Scene<'a>) -> Option<(&'a Store, &'a FrameRecord)> {
    let store = scene.store?;
    Some((store, store.frames().last()?))
}

fn headline(frame: &FrameRecord) -> String {
    let how = match frame.outcome {
        Outcome::Ok => "",
        Outcome::FinishedLocally => " finished locally",
        Outcome::Failed => " FAILED",
    };
    let images = frame.other_tops.len() + 1;
    let of = match images {
        1 => String::new(),
        n => format!(" image 1 of {n}"),
    };
    format!("frame {}{how} {}{of}", frame.frame, frame.picture)
}

fn trained(store: &Store) -> bool {
    store.model().is_some_and(|m| m.trained)
}

fn name(store: &Store, class: ClassScore) -> String {
    class_name(class.class, trained(store))
}
