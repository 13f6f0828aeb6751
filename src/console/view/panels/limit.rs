//! What limits the plan in effect, in numbers: the means of the parts of its newest frames.
//!
//! ```text
//! ┌ Limited by uplink  17.2 of 38.1 ms ──────┐
//! │ robot 12.1  uplink 17.2  server 6.1      │
//! │ downlink 0.40  waiting 2.3   45 % uplink │
//! └ means of 32 frames of epoch 7 ───────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::store::{Limit, Limits, Store};
use crate::units::Epoch;

/// Rows of the panel with its border.
pub(in crate::console::view) const ROWS: u16 = 4;

fn now(store: &Store) -> Option<(Epoch, Limits)> {
    let epoch = store.epoch()?;
    Some((epoch, store.frames().limits(epoch)?))
}

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let Some((epoch, limits)) = scene.store.and_then(now) else {
        let inner = panel(area, "Limited by", "", theme, buf);
        let words = "no frame of this plan yet";
        buf.set_stringn(inner.x, inner.y, words, inner.width.into(), theme.faint());
        return;
    };
    let sum = limits.means_ns.iter().sum();
    let title = limits.first().map_or_else(
        || "Limited by".to_owned(),
        |(limit, ns, share)| {
            format!(
                "Limited by {}  {} of {} ms, {:.0} %",
                limit.name(),
                text::ms(ns),
                text::ms(sum),
                share * 100.0
            )
        },
    );
    let plural = if limits.frames == 1 { "" } else { "s" };
    let foot = format!("means of {} frame{plural} of epoch {epoch}", limits.frames);
    let inner = panel(area, &title, &foot, theme, buf);
    let parts = Limit::ALL.into_iter().zip(limits.means_ns);
    let mut y = inner.y;
    let mut line = Line::from(" ");
    for (limit, ns) in parts {
        let words = format!("{} {}  ", limit.name(), text::ms(ns));
        if line.width() + text::width(&words) > usize::from(inner.width) && y + 1 < inner.bottom() {
            buf.set_line(inner.x, y, &line, inner.width);
            (y, line) = (y + 1, Line::from(" "));
        }
        line.push_span(Span::styled(words, style(limit, theme)));
    }
    buf.set_line(inner.x, y, &line, inner.width);
}

/// `limited by uplink 45 %`, for where there is one line.
pub(in crate::console::view) fn words(scene: &Scene) -> Option<String> {
    let (_, limits) = scene.store.and_then(now)?;
    let (limit, _, share) = limits.first()?;
    Some(format!(
        "limited by {} {:.0} %",
        limit.name(),
        share * 100.0
    ))
}

const fn style(limit: Limit, theme: Theme) -> ratatui::style::Style {
    theme.part(match limit {
        Limit::Robot => Part::Robot,
        Limit::Uplink => Part::Uplink,
        Limit::Server => Part::Server,
        Limit::Downlink => Part::Downlink,
        Limit::Waiting => Part::Wait,
    })
}
