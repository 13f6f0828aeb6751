//! Where the moment shown lies in the time there is. Stands only where that moment is not now.
//!
//! ```text
//! | ▂▃▅▇▇▆▆▅    ××××  ▃▅▅▅▅▅▅▅▅▅▅▅▅▅▅   how many frames; × nothing is known   |
//! | split──┊─◆──────local───split────   modes, ┊ switches, ◆ markers, ▲ here  |
//! | ◀ REWOUND ‖ 1x  12:33.4 of 20:00.0  frame 1041  marker: behind tree       |
//! ```

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::Deck;
use crate::console::view::Scene;
use crate::playback::{Selection, Standing};
use crate::units::Nanos;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Rows that it takes of a screen.
pub(in crate::console::view) const fn rows(deck: &Deck, height: u16) -> u16 {
    if deck.is_live() {
        0
    } else if height >= 20 {
        3
    } else {
        1
    }
}

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    if area.height == 0 || area.width < 4 {
        return;
    }
    let deck = scene.app.deck();
    let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    let words = Line::from(vec![
        Span::raw(" "),
        Span::styled(state(deck), scene.theme.warning()),
        Span::raw(format!("  {}", words(scene, deck))),
    ]);
    buf.set_line(last.x, last.y, &words, last.width);
    if area.height >= 3 {
        let inside = Rect::new(area.x + 1, area.y, area.width - 2, 2);
        chart(scene, deck, inside, buf);
    }
}

/// The state in a symbol and a word: `◀ REWOUND`, `▶ REPLAY`.
pub(in crate::console::view) fn state(deck: &Deck) -> String {
    let symbol = match deck.playback().standing() {
        Standing::Live => "●",
        Standing::Rewound => "◀",
        Standing::Replay => "▶",
    };
    format!("{symbol} {}", deck.playback().standing().word())
}

fn words(scene: &Scene, deck: &Deck) -> String {
    let playback = deck.playback();
    let (from, to) = playback.span();
    let mut words = if playback.is_playing() {
        format!("playing {}x", playback.speed())
    } else {
        format!("paused ({}x)", playback.speed())
    };
    let since = |at: Nanos| clock(at.since(from));
    let _ = write!(words, "  {} of {}", since(playback.at()), since(to));
    if deck.landmarks().is_gap(playback.at()) {
        words.push_str("  × nothing known here");
    }
    if let Some(frame) = scene.store.and_then(|s| s.frames().last()) {
        let _ = write!(words, "  frame {}", frame.frame);
    }
    match playback.selection() {
        Some(Selection::Open(at)) => {
            let _ = write!(words, "  selection from {}", since(at));
        }
        Some(Selection::Loop(a, b)) => {
            let _ = write!(words, "  again and again {} to {}", since(a), since(b));
        }
        None => {}
    }
    let markers = deck.landmarks().markers();
    let before = markers.partition_point(|m| m.at <= playback.at());
    if let Some(marker) = before.checked_sub(1).and_then(|i| markers.get(i)) {
        let text = crate::store::clean(&marker.text, 40);
        let _ = write!(words, "  ◆ {text}");
    }
    if let Some(reading) = deck.reading() {
        let _ = write!(words, "  reading {}", reading.words());
    }
    if let Some(title) = deck.title() {
        let _ = write!(words, "  {title}");
    }
    words
}

/// Minutes and seconds: `12:33.4`.
fn clock(ns: i64) -> String {
    let tenths = ns.max(0) / 100_000_000;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    format!("{minutes}:{:02}.{}", rest / 10, rest % 10)
}

fn chart(scene: &Scene, deck: &Deck, area: Rect, buf: &mut Buffer) {
    let playback = deck.playback();
    let landmarks = deck.landmarks();
    let (from, to) = playback.span();
    let length = to.since(from).max(1);
    let width = i64::from(area.width);
    let edge = |column: i64| {
        let part = i128::from(length) * i128::from(column) / i128::from(width);
        from.shifted(part as i64)
    };
    let column = |at: Nanos| {
        let part = i128::from(at.since(from)) * i128::from(width) / i128::from(length);
        (part.clamp(0, i128::from(width - 1))) as u16
    };
    let counts: Vec<usize> = (0..width)
        .map(|c| landmarks.frames_between(edge(c), edge(c + 1)))
        .collect();
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    for (x, &count) in (area.x..).zip(&counts) {
        if count > 0 {
            let bar = BARS[(count * BARS.len() / (most + 1)).min(BARS.len() - 1)];
            buf[(x, area.y)].set_char(bar).set_style(scene.theme.text());
        }
    }
    for &(a, b) in landmarks.gaps() {
        for x in column(a)..=column(b) {
            let cell = &mut buf[(area.x + x, area.y)];
            cell.set_char('×').set_style(scene.theme.warning());
        }
    }
    let row = area.y + 1;
    for (i, band) in landmarks.bands().iter().enumerate() {
        let first = column(band.from);
        let next = landmarks.bands().get(i + 1);
        let end = next.map_or(area.width, |next| column(next.from));
        let name = band.mode.chars().chain(std::iter::repeat('─'));
        for (x, c) in (first..end).zip(name) {
            buf[(area.x + x, row)]
                .set_char(c)
                .set_style(scene.theme.faint());
        }
    }
    let marks = [(landmarks.switches(), '┊'), (landmarks.markers(), '◆')];
    for (places, symbol) in marks {
        for place in places {
            let cell = &mut buf[(area.x + column(place.at), row)];
            cell.set_char(symbol).set_style(scene.theme.strong());
        }
    }
    if let Some(selection) = playback.selection() {
        let (a, b) = match selection {
            Selection::Open(at) => (at, playback.at()),
            Selection::Loop(a, b) => (a, b),
        };
        buf[(area.x + column(a.min(b)), row)].set_char('[');
        buf[(area.x + column(a.max(b)), row)].set_char(']');
    }
    let here = area.x + column(playback.at());
    buf[(here, row)]
        .set_char('▲')
        .set_style(scene.theme.strong());
}
