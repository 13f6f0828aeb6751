//! What every figure has: title, badges of what is not measured, legend, and the caption below.

use super::scene::{Across, Area, Down, Scene, Shade, Type, text_width, wrapped};
use super::style::{ENERGY, FAINT, Fill, GRID, INK, LABEL, PAPER, SMALL, TITLE, part, plain};
use crate::report::figure::Figure;

/// Width of the page.
pub(super) const WIDTH: f64 = 960.0;
/// Left and right of everything.
pub(super) const MARGIN: f64 = 16.0;
const TITLE_TOP: f64 = 14.0;
const LEGEND_TOP: f64 = 50.0;
const LEGEND_LINE: f64 = 22.0;

/// A sign of the legend.
#[derive(Clone, Copy)]
pub(super) enum Key {
    /// A bar's part.
    Part(Fill),
    /// A median with its interval.
    Median,
    /// A measured energy.
    Diamond,
    /// An energy that is no result.
    OpenDiamond,
    /// A prediction.
    Cross,
    /// A curve.
    Line(Shade),
    /// A mean.
    Dashes,
    /// A mode's mark: its number.
    Shape(usize, bool),
}

/// Draws title, badges and legend on a page whose plot is `plot_height` high, and the caption below it. Returns the page
/// and where the plot may be.
pub(super) fn sheet(figure: &Figure, legend: &[(Key, &str)], plot_height: f64) -> (Scene, Area) {
    let rows = legend_rows(legend);
    let top = LEGEND_TOP + rows.len() as f64 * LEGEND_LINE + 12.0;
    let bottom = top + plot_height;
    let inner = WIDTH - 2.0 * MARGIN;
    let caption: Vec<String> = figure
        .caption
        .paragraphs()
        .flat_map(|p| wrapped(p, SMALL, inner))
        .collect();
    let height = bottom + 14.0 + caption.len() as f64 * (SMALL + 3.0) + 8.0;
    let mut scene = Scene::new(WIDTH, height);

    let mut right = WIDTH - MARGIN;
    for badge in figure.origin.badges().iter().rev() {
        right = draw_badge(&mut scene, right, badge) - 8.0;
    }
    let title = Type {
        size: TITLE,
        is_bold: true,
        ..plain(Across::Left, Down::Top)
    };
    let room = right - MARGIN;
    let mut words = figure.title.clone();
    while text_width(&words, TITLE, true) > room && words.pop().is_some() {}
    scene.text((MARGIN, TITLE_TOP), &words, title);

    for (i, row) in rows.iter().enumerate() {
        let mut x = MARGIN;
        let y = LEGEND_TOP + i as f64 * LEGEND_LINE;
        for (key, text) in row {
            draw_key(&mut scene, (x, y), *key);
            scene.text((x + 24.0, y + 8.0), text, plain(Across::Left, Down::Middle));
            x += entry_width(text);
        }
    }

    let line = [(MARGIN, bottom + 6.0), (WIDTH - MARGIN, bottom + 6.0)];
    scene.line(&line, 1.0, GRID);
    for (i, line) in caption.iter().enumerate() {
        let y = bottom + 14.0 + i as f64 * (SMALL + 3.0);
        let style = Type {
            shade: FAINT,
            ..plain(Across::Left, Down::Top)
        };
        scene.text((MARGIN, y), line, style);
    }
    (scene, Area::new(MARGIN, top, WIDTH - MARGIN, bottom))
}

fn entry_width(text: &str) -> f64 {
    24.0 + text_width(text, SMALL, false) + 22.0
}

fn legend_rows<'a>(legend: &[(Key, &'a str)]) -> Vec<Vec<(Key, &'a str)>> {
    let mut rows: Vec<Vec<(Key, &str)>> = Vec::new();
    let mut x = f64::INFINITY;
    for &(key, text) in legend {
        let width = entry_width(text);
        if x + width > WIDTH - MARGIN {
            rows.push(Vec::new());
            x = MARGIN;
        }
        x += width;
        if let Some(row) = rows.last_mut() {
            row.push((key, text));
        }
    }
    rows
}

/// White on black; returns its left end.
fn draw_badge(scene: &mut Scene, right: f64, word: &str) -> f64 {
    let width = text_width(word, LABEL, true) + 16.0;
    let area = Area::new(right - width, TITLE_TOP - 1.0, right, TITLE_TOP + 23.0);
    scene.fill(area, INK);
    let style = Type {
        size: LABEL,
        is_bold: true,
        shade: PAPER,
        ..plain(Across::Middle, Down::Middle)
    };
    scene.text((right - width / 2.0, TITLE_TOP + 11.0), word, style);
    area.left
}

fn draw_key(scene: &mut Scene, (x, y): (f64, f64), key: Key) {
    let middle = (x + 9.0, y + 8.0);
    match key {
        Key::Part(fill) => part(scene, Area::new(x, y + 1.0, x + 18.0, y + 15.0), fill),
        Key::Median => {
            super::axis::whisker(scene, middle.0, y + 1.0, y + 15.0, INK);
            dot(scene, middle);
        }
        Key::Diamond => diamond(scene, middle, false),
        Key::OpenDiamond => diamond(scene, middle, true),
        Key::Cross => cross(scene, middle, 4.5),
        Key::Line(shade) => scene.line(&[(x, y + 8.0), (x + 18.0, y + 8.0)], 2.5, shade),
        Key::Dashes => scene.dashes((x, y + 8.0), (x + 18.0, y + 8.0), 4.0, INK),
        Key::Shape(number, is_open) => shape(scene, middle, number, is_open),
    }
}

/// A median.
pub(super) fn dot(scene: &mut Scene, at: (f64, f64)) {
    scene.disc(at, 4.0, INK);
    scene.disc(at, 2.5, PAPER);
}

/// An energy.
pub(super) fn diamond(scene: &mut Scene, (x, y): (f64, f64), is_open: bool) {
    let around = |r: f64| vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)];
    scene.polygon(around(7.5), PAPER);
    scene.polygon(around(6.0), ENERGY);
    if is_open {
        scene.polygon(around(3.5), PAPER);
    }
}

/// A prediction.
pub(super) fn cross(scene: &mut Scene, (x, y): (f64, f64), r: f64) {
    for (width, shade) in [(2.0 + r / 2.0, PAPER), (r.min(4.0) / 2.0, INK)] {
        scene.line(&[(x - r, y - r), (x + r, y + r)], width, shade);
        scene.line(&[(x - r, y + r), (x + r, y - r)], width, shade);
    }
}

/// A mode's mark: circle, square, triangle, and so on; open ones have a white middle.
pub(super) fn shape(scene: &mut Scene, (x, y): (f64, f64), number: usize, is_open: bool) {
    let shades: [Shade; 4] = [
        super::style::PARTS[0].shade,
        (0xd0, 0x83, 0x1c),
        (0x3c, 0x7d, 0x7d),
        ENERGY,
    ];
    let shade = shades[number / 2 % shades.len()];
    let corners = |r: f64| match number % 5 {
        1 => vec![
            (x - r, y - r),
            (x + r, y - r),
            (x + r, y + r),
            (x - r, y + r),
        ],
        2 => vec![(x, y - r * 1.2), (x + r * 1.1, y + r), (x - r * 1.1, y + r)],
        3 => vec![(x - r * 1.1, y - r), (x + r * 1.1, y - r), (x, y + r * 1.2)],
        _ => vec![
            (x, y - r * 1.3),
            (x + r * 1.3, y),
            (x, y + r * 1.3),
            (x - r * 1.3, y),
        ],
    };
    let mut layer = |r: f64, shade: Shade| {
        if number.is_multiple_of(5) {
            scene.disc((x, y), r, shade);
        } else {
            scene.polygon(corners(r), shade);
        }
    };
    layer(6.5, PAPER);
    layer(5.5, shade);
    if is_open {
        layer(3.5, PAPER);
    }
}
