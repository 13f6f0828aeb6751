//! The Log screen: what this program, the console and the workers said, newest on top, and the files it stands in.
//!
//! ```text
//! | header, screens                                                              |
//! +- Log  UTC  14 of 230  warning and worse  /link -------------------------------+
//! | 14:32:10.041 warning robot      link at 0 for 1.0 s, 1 frame finished locally |
//! | 14:32:10.000 warning console    lost robot jetson-nx: connection reset        |
//! | ...                                                                           |
//! +- v level  / search  ---------------------------------------------------------+
//! | files: console /home/me/.cache/splitscope/logs/console.log                    |
//! |        robot   /home/me/.cache/splitscope/logs/demo-robot.log                 |
//! | status; hints                                                                 |
//! ```
//!
//! Where there is little room, the files share one line, and the time of day has no milliseconds.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::clock::time_of_day_utc;
use crate::console::app::screens::log::{LogScreen, Shown};
use crate::console::journal::{LogPlace, Severity};
use crate::console::view::layout::{Size, framed};
use crate::console::view::theme::Theme;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::wire::Level;

/// Columns of who says it, where there is room.
const FROM: usize = 16;
/// Files that have a line each.
const MOST_FILES: usize = 4;

pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let size = Size::of(area);
    let inner = framed(scene, area, buf);
    let places = scene.app.log().places();
    let files = match size {
        _ if places.is_empty() => 0,
        Size::Wide => places.len().min(MOST_FILES),
        Size::Normal | Size::Glance => 1,
    };
    let [list, below] =
        Layout::vertical([Constraint::Min(3), Constraint::Length(files as u16)]).areas(inner);
    lines(scene, size, list, buf);
    name_files(scene, places, below, buf);
}

fn lines(scene: &Scene, size: Size, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let screen = &scene.app.screens().log;
    let said = scene.app.said();
    let inner = panel(
        area,
        &title(scene, screen, said.len()),
        &left_out(scene),
        theme,
        buf,
    );
    let width = usize::from(inner.width);
    let first = screen.back().min(said.len().saturating_sub(1));
    let mut y = inner.y;
    for line in said.iter().skip(first) {
        for row in rows(line, size, width, theme) {
            if y >= inner.bottom() {
                return;
            }
            buf.set_line(inner.x, y, &row, inner.width);
            y += 1;
        }
    }
    if said.is_empty() {
        let none = "nothing was said that is like that";
        buf.set_stringn(inner.x + 1, y, none, width, theme.faint());
    }
}

fn title(scene: &Scene, screen: &LogScreen, shown: usize) -> String {
    let mut title = format!("Log  UTC  {shown} lines");
    match screen.least() {
        Severity::Trace => {}
        Severity::Error => title += "  errors",
        least => {
            title += "  ";
            title += least.word();
            title += " and worse";
        }
    }
    if screen.typing() || !screen.search().is_empty() {
        let cursor = if screen.typing() { "_" } else { "" };
        let _ = write!(title, "  /{}{cursor}", screen.search());
    }
    if screen.back() > 0 {
        let _ = write!(title, "  {} newer above", screen.back());
    }
    if !scene.app.deck().is_live() {
        title += "  (this program's own: of now)";
    }
    title
}

fn left_out(scene: &Scene) -> String {
    match scene.app.log().left_out() {
        0 => String::new(),
        n => format!("{n} lines came too fast for the screen and were left out"),
    }
}

/// A line over as many rows as it takes.
fn rows(line: &Shown, size: Size, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let roomy = size != Size::Glance;
    let time = line.unix_ms.map_or_else(String::new, |ms| {
        let millis = if size == Size::Wide {
            format!(".{:03}", ms % 1_000)
        } else {
            String::new()
        };
        time_of_day_utc(ms) + &millis
    });
    let from = if roomy {
        format!("{:<FROM$} ", text::tail(line.from, FROM))
    } else {
        String::new()
    };
    let (word, style) = match line.severity {
        Severity::Error => ("ERROR", theme.level(Level::Error)),
        Severity::Warning => ("warning", theme.level(Level::Warning)),
        Severity::Info => ("info", theme.faint()),
        Severity::Debug => ("debug", theme.faint()),
        Severity::Trace => ("trace", theme.faint()),
    };
    let word = if roomy || line.severity >= Severity::Warning {
        format!("{word:<7} ")
    } else {
        String::new()
    };
    let head = format!("{time} ");
    let taken = text::width(&head) + text::width(&word) + text::width(&from);
    let indent = if roomy { taken } else { 2 };
    let mut wrapped = text::wrapped(line.text, width.saturating_sub(taken).max(10)).into_iter();
    let mut all = vec![Line::from(vec![
        Span::styled(head, theme.faint()),
        Span::styled(word, style),
        Span::styled(from, theme.faint()),
        Span::raw(wrapped.next().unwrap_or_default()),
    ])];
    let rest = wrapped.map(|rest| {
        let rest = format!("{}{}", " ".repeat(indent), rest.trim_start());
        Line::from(Span::styled(rest, theme.text()))
    });
    all.extend(rest);
    all
}

fn name_files(scene: &Scene, places: &[LogPlace], area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let words = |place: &LogPlace| match &place.file {
        Ok(file) => (format!("{}: {}", place.of, file.display()), theme.faint()),
        Err(why) => (format!("{}: {why}", place.of), theme.warning()),
    };
    let width = usize::from(area.width).saturating_sub(1);
    for (i, y) in (area.y..area.bottom()).enumerate() {
        let Some(place) = places.get(i) else {
            return;
        };
        let (words, style) = words(place);
        let more = match places.len() - i - 1 {
            more @ 1.. if y + 1 == area.bottom() => format!("  and {more} more"),
            _ => String::new(),
        };
        // A path's end is what tells it from others.
        let words = text::tail(&words, width.saturating_sub(more.len())) + &more;
        buf.set_stringn(area.x + 1, y, words, width, style);
    }
}
