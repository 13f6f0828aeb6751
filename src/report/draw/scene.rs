//! A picture before it has a format: marks in order, in pixels of a page whose origin is at the top left. Pure, so that
//! tests measure what is drawn; [`render`](super::render) plays it to SVG or PNG.

use plotters::style::{FontDesc, FontFamily, FontStyle};

/// Fill and stroke of a mark: red, green, blue.
pub(crate) type Shade = (u8, u8, u8);

/// Where a text's position is in it, across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Across {
    Left,
    Middle,
    Right,
}

/// Where a text's position is in it, down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Down {
    Top,
    Middle,
    Bottom,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Type {
    /// Height of a line in pixels.
    pub(crate) size: f64,
    pub(crate) is_bold: bool,
    pub(crate) shade: Shade,
    pub(crate) across: Across,
    pub(crate) down: Down,
    /// Read from below to above.
    pub(crate) is_turned: bool,
}

/// A box: from the left and top to the right and bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    /// A box from its corners.
    pub(crate) const fn new(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self {
            left,
            top,
            right,
            bottom,
        }
    }

    /// How wide.
    pub(crate) fn width(self) -> f64 {
        self.right - self.left
    }

    /// How high.
    pub(crate) fn height(self) -> f64 {
        self.bottom - self.top
    }
}

/// One thing drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    /// A filled box.
    Box(Area, Shade),
    /// Straight lines from point to point: points, stroke width, shade.
    Line(Vec<(f64, f64)>, f64, Shade),
    /// A filled area.
    Polygon(Vec<(f64, f64)>, Shade),
    /// A filled disc: centre, radius, shade.
    Disc((f64, f64), f64, Shade),
    /// A text at a place.
    Text((f64, f64), String, Type),
}

/// The picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) marks: Vec<Mark>,
}

impl Scene {
    /// An empty page.
    pub(crate) const fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            marks: Vec::new(),
        }
    }

    pub(crate) fn fill(&mut self, area: Area, shade: Shade) {
        if area.width() > 0.0 && area.height() > 0.0 {
            self.marks.push(Mark::Box(area, shade));
        }
    }

    pub(crate) fn outline(&mut self, area: Area, width: f64, shade: Shade) {
        let Area {
            left,
            top,
            right,
            bottom,
        } = area;
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        self.line(&corners, width, shade);
    }

    pub(crate) fn line(&mut self, points: &[(f64, f64)], width: f64, shade: Shade) {
        if points.len() > 1 {
            self.marks.push(Mark::Line(points.to_vec(), width, shade));
        }
    }

    /// A straight line of dashes.
    pub(crate) fn dashes(&mut self, from: (f64, f64), to: (f64, f64), dash: f64, shade: Shade) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        let at = |d: f64| (from.0 + dx * d / length, from.1 + dy * d / length);
        let count = (length / dash / 2.0).ceil().min(1e4) as usize;
        for i in 0..count {
            let begin = i as f64 * dash * 2.0;
            self.line(&[at(begin), at((begin + dash).min(length))], 1.0, shade);
        }
    }

    /// Slanted strokes within a box, as one line that goes along the edges in between: `/` or, if `falling`, `\`.
    pub(crate) fn hatch(&mut self, area: Area, step: f64, falling: bool, shade: Shade) {
        let (width, height) = (area.width(), area.height());
        if width < 3.0 || height < 3.0 {
            return;
        }
        let mut points = Vec::new();
        let mut along = step / 2.0;
        let mut is_back = false;
        while along < width + height {
            // The stroke of all points with x + y = along, from its lower left to its upper right end.
            let low = (0.0_f64.max(along - height), height.min(along));
            let high = (width.min(along), 0.0_f64.max(along - width));
            let ends = if is_back { [high, low] } else { [low, high] };
            points.extend(ends.map(|(x, y)| {
                let x = if falling {
                    area.right - x
                } else {
                    area.left + x
                };
                (x, area.top + y)
            }));
            is_back = !is_back;
            along += step;
        }
        self.line(&points, 1.0, shade);
    }

    pub(crate) fn polygon(&mut self, points: Vec<(f64, f64)>, shade: Shade) {
        self.marks.push(Mark::Polygon(points, shade));
    }

    pub(crate) fn disc(&mut self, at: (f64, f64), radius: f64, shade: Shade) {
        self.marks.push(Mark::Disc(at, radius, shade));
    }

    /// Characters that SVG cannot hold become `�`.
    pub(crate) fn text(&mut self, at: (f64, f64), text: &str, style: Type) {
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        if !text.is_empty() {
            self.marks.push(Mark::Text(at, text, style));
        }
    }
}

/// The font of a text, its line `size` pixels high.
pub(super) fn font(size: f64, is_bold: bool) -> FontDesc<'static> {
    let style = if is_bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    FontDesc::new(FontFamily::SansSerif, size, style)
}

/// How wide a text is in pixels.
pub(crate) fn text_width(text: &str, size: f64, is_bold: bool) -> f64 {
    super::render::use_bundled_fonts();
    font(size, is_bold)
        .box_size(text)
        .map_or(text.chars().count() as f64 * size * 0.5, |(w, _)| {
            f64::from(w)
        })
}

/// A text in lines of at most `width` pixels, broken at spaces; a longer word stands alone.
pub(crate) fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size, false) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text cut to `width` pixels, with `…` where something was left out.
pub(crate) fn shortened(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size, false) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if text_width(&format!("{short}{c}…"), size, false) > width {
            break;
        }
        short.push(c);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hatches_stay_inside_their_box() {
        let area = Area::new(10.0, 20.0, 31.0, 57.5);
        for falling in [false, true] {
            let mut scene = Scene::new(100.0, 100.0);
            scene.hatch(area, 5.0, falling, (0, 0, 0));
            let [Mark::Line(points, ..)] = scene.marks.as_slice() else {
                panic!("{:?}", scene.marks);
            };
            assert!(points.len() > 8);
            for &(x, y) in points {
                assert!((10.0..=31.0).contains(&x) && (20.0..=57.5).contains(&y));
            }
        }
    }

    #[test]
    fn texts_are_wrapped_and_shortened_by_their_width() {
        let text = "robot jetson-xavier-nx, server gpu-server, link outdoors";
        let lines = wrapped(text, 14.0, 150.0);
        assert!(lines.len() > 2, "{lines:?}");
        assert!(lines.iter().all(|l| text_width(l, 14.0, false) <= 150.0));
        assert_eq!(lines.join(" "), text);
        let short = shortened(text, 14.0, 100.0);
        assert!(short.ends_with('…') && text_width(&short, 14.0, false) <= 100.0);
        assert_eq!(shortened("cut", 14.0, 100.0), "cut");
    }

    #[test]
    fn control_characters_do_not_reach_the_picture() {
        let mut scene = Scene::new(10.0, 10.0);
        let style = Type {
            size: 10.0,
            is_bold: false,
            shade: (0, 0, 0),
            across: Across::Left,
            down: Down::Top,
            is_turned: false,
        };
        scene.text((0.0, 0.0), "a\u{1b}[31m", style);
        assert!(matches!(&scene.marks[0], Mark::Text(_, text, _) if text == "a\u{fffd}[31m"));
    }
}
