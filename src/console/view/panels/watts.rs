//! What the worker takes, for the Live screen: the estimate, its chart, every rail now and in the mean.
//!
//! ```text
//! ┌ Power  W ────────────────────────────────┐
//! │ 6.04 W  0.34 J per inference             │
//! │  10┤         ⣀⡠⢄                         │
//! │    │⠤⠤⠒⠒⠢⣀⣀⡠⢄    ⠑⢄                      │
//! │   0┤                                     │
//! │ rail                  W now    W mean    │
//! │ VDD_IN                 6.04      5.98    │
//! └ estimate over 5 s, 81 inferences ────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::screens::charts::ChartId;
use crate::console::view::panels::{host, trend};
use crate::console::view::screens::power;
use crate::console::view::widgets::text;
use crate::console::view::{Scene, panel};
use crate::store::Store;

/// Rows that the chart keeps before rails get some.
const CHART: u16 = 5;
/// Columns of the two numbers behind a rail's name.
const NUMBERS: usize = 20;

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let estimate = scene.store.and_then(|s| s.power().estimate());
    let foot = estimate.map_or_else(String::new, |(e, _)| power::span_words(&e));
    let told = scene.store.is_some_and(|s| !s.power().now().is_empty());
    // Where nothing is measured there is no unit either.
    let title = if told {
        format!("Power  W{}", trend::axis_words(scene, &[ChartId::Power]))
    } else {
        "Power".to_owned()
    };
    let mut inner = panel(area, &title, &foot, theme, buf);
    let mut put = |line: &Line, inner: &mut Rect| {
        if inner.height > 0 {
            buf.set_line(inner.x + 1, inner.y, line, inner.width.saturating_sub(1));
            inner.y += 1;
            inner.height -= 1;
        }
    };
    match power::words(scene) {
        Some(words) => put(&Line::from(words), &mut inner),
        None => {
            let why = power::why_none(scene.store);
            let lines = text::wrapped(&why, usize::from(inner.width).saturating_sub(2));
            for line in lines.into_iter().take(usize::from(inner.height / 2).max(1)) {
                put(&Line::styled(line, theme.warning()), &mut inner);
            }
        }
    }
    let Some(store) = scene.store else {
        return;
    };
    if let Some(shares) = store.power().shares().filter(|_| inner.height > CHART) {
        let words = format!(
            "about {:.0} % computing, {:.0} % transferring",
            shares.compute * 100.0,
            shares.transfer * 100.0
        );
        put(&Line::styled(words, theme.faint()), &mut inner);
    }
    let machine = store.power().host().map(host::brief).unwrap_or_default();
    if !machine.is_empty() && inner.height > CHART {
        put(&Line::styled(machine, theme.faint()), &mut inner);
    }
    let rails = rails(scene, store, usize::from(inner.width).saturating_sub(2));
    let room = usize::from(inner.height.saturating_sub(CHART));
    let shown = if rails.len() > 1 {
        rails.len().min(room)
    } else {
        0
    };
    let chart = Rect {
        height: inner.height - shown as u16,
        ..inner
    };
    trend::render(scene, ChartId::Power, chart, buf);
    for (i, line) in rails.iter().take(shown).enumerate() {
        let more = rails.len() - shown;
        let y = chart.bottom() + i as u16;
        if more > 0 && i + 1 == shown {
            let words = format!("… {} more rails: 5", more + 1);
            buf.set_stringn(inner.x + 1, y, words, inner.width.into(), theme.faint());
        } else {
            buf.set_line(inner.x + 1, y, line, inner.width.saturating_sub(1));
        }
    }
}

/// A heading and a line for every rail of every source.
fn rails(scene: &Scene, store: &Store, width: usize) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let name = width.saturating_sub(NUMBERS);
    let heading = format!("{:<name$} {:>9} {:>9}", "rail", "W now", "W mean");
    let mut lines = vec![Line::styled(heading, theme.faint())];
    for (place, source) in store.power().sources().sources.iter().enumerate() {
        let now = store.power().now().iter().find(|n| n.name == source.name);
        for (number, rail) in source.rails.iter().enumerate() {
            let newest = now.and_then(|n| n.rails.iter().find(|r| r.rail.index() == number));
            let newest = newest.map(|r| r.watts.0);
            let mean = newest.and_then(|_| store.rail_mean(place, number));
            let one = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), text::figures);
            let label = text::head(&rail.name, name);
            let missing = " ".repeat(name.saturating_sub(text::width(&label)));
            let (now, mean) = (one(newest), one(mean));
            let mut line = vec![Span::raw(format!("{label}{missing} {now:>9} {mean:>9}"))];
            if source.emulated {
                line.push(Span::styled(" E", theme.warning()));
            }
            lines.push(Line::from(line));
        }
    }
    lines
}
