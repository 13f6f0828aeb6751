//! Plays a [`Scene`] to SVG or PNG through plotters' backends. Fonts come with the program: a picture made on a machine
//! without fonts has its text.

use std::io::Cursor;
use std::sync::Once;

use image::{ImageFormat, RgbImage, imageops};
use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, RGBColor, ShapeStyle, register_font};

use super::scene::{Across, Area, Down, Mark, Scene, Shade, font};

/// Pixels of a PNG for one of the page, across and down: sharp on a dense screen and in print.
const PNG_SCALE: u32 = 2;
/// Each of a PNG's pixels is the mean of so many squared: plotters' own lines have steps.
const PNG_SAMPLES: u32 = 2;

/// Lines of text that a bitmap's text is moved down by.
const BITMAP_TEXT_DOWN: f64 = 0.1;

/// A picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// plotters refused.
    #[error("the picture cannot be drawn: {0}")]
    Draw(String),
    /// The image encoder refused.
    #[error("the picture cannot be written as PNG: {0}")]
    Png(#[from] image::ImageError),
}

impl RenderError {
    fn draw(error: impl std::fmt::Display) -> Self {
        Self::Draw(error.to_string())
    }
}

/// Hands the bundled fonts to plotters, once.
pub(super) fn use_bundled_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (style, bytes) in [
            (
                FontStyle::Normal,
                include_bytes!("../../../assets/fonts/DejaVuSans.subset.ttf").as_slice(),
            ),
            (
                FontStyle::Bold,
                include_bytes!("../../../assets/fonts/DejaVuSans-Bold.subset.ttf").as_slice(),
            ),
        ] {
            // Fails for a font that cannot be read only; a test draws with both.
            register_font("sans-serif", style, bytes).ok();
        }
    });
}

/// The picture as an SVG document.
///
/// # Errors
/// plotters refused.
pub(crate) fn svg(scene: &Scene) -> Result<String, RenderError> {
    let mut text = String::new();
    let size = (scene.width.ceil() as u32, scene.height.ceil() as u32);
    let mut backend = SVGBackend::with_string(&mut text, size);
    play(scene, 1.0, 0.0, &mut backend)?;
    drop(backend);
    Ok(text)
}

/// The picture as a PNG file's bytes.
///
/// # Errors
/// plotters or the encoder refused.
pub(crate) fn png(scene: &Scene) -> Result<Vec<u8>, RenderError> {
    let scale = PNG_SCALE * PNG_SAMPLES;
    let size = (
        scene.width.ceil() as u32 * scale,
        scene.height.ceil() as u32 * scale,
    );
    let mut pixels = vec![0xff; size.0 as usize * size.1 as usize * 3];
    let mut backend = BitMapBackend::with_buffer(&mut pixels, size);
    play(scene, f64::from(scale), BITMAP_TEXT_DOWN, &mut backend)?;
    drop(backend);
    let image = RgbImage::from_raw(size.0, size.1, pixels)
        .ok_or_else(|| RenderError::draw("its size does not fit its pixels"))?;
    let image = imageops::thumbnail(&image, size.0 / PNG_SAMPLES, size.1 / PNG_SAMPLES);
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

fn play<B: DrawingBackend>(
    scene: &Scene,
    scale: f64,
    text_down: f64,
    backend: &mut B,
) -> Result<(), RenderError> {
    use_bundled_fonts();
    let pixel = |v: f64| (v * scale).round() as i32;
    let point = |(x, y): (f64, f64)| (pixel(x), pixel(y));
    let filled = |shade: Shade| ShapeStyle::from(&colour(shade)).filled();
    let page = Mark::Box(
        Area::new(0.0, 0.0, scene.width, scene.height),
        (255, 255, 255),
    );
    for mark in std::iter::once(&page).chain(&scene.marks) {
        let drawn = match mark {
            Mark::Box(area, shade) => backend.draw_rect(
                point((area.left, area.top)),
                point((area.right, area.bottom)),
                &filled(*shade),
                true,
            ),
            Mark::Line(points, width, shade) => {
                let stroke = (width * scale).round().max(1.0) as u32;
                let style = colour(*shade).stroke_width(stroke);
                backend.draw_path(points.iter().map(|&p| point(p)), &style)
            }
            Mark::Polygon(points, shade) => {
                backend.fill_polygon(points.iter().map(|&p| point(p)), &filled(*shade))
            }
            Mark::Disc(at, radius, shade) => {
                let radius = pixel(*radius).max(1) as u32;
                backend.draw_circle(point(*at), radius, &filled(*shade), true)
            }
            Mark::Text(at, text, style) => {
                let across = match style.across {
                    Across::Left => HPos::Left,
                    Across::Middle => HPos::Center,
                    Across::Right => HPos::Right,
                };
                let down = match style.down {
                    Down::Top => VPos::Top,
                    Down::Middle => VPos::Center,
                    Down::Bottom => VPos::Bottom,
                };
                let (size, is_turned) = (style.size, style.is_turned);
                let mut font = font(style.size * scale, style.is_bold);
                if style.is_turned {
                    font = font.transform(FontTransform::Rotate270);
                }
                let style = font.color(&colour(style.shade)).pos(Pos::new(across, down));
                // plotters centres bitmap text on its line, which leaves the letters a tenth too high.
                let (x, y) = point(*at);
                let down = (text_down * scale * size).round() as i32;
                let at = if is_turned {
                    (x + down, y)
                } else {
                    (x, y + down)
                };
                backend.draw_text(text, &style, at)
            }
        };
        drawn.map_err(RenderError::draw)?;
    }
    backend.present().map_err(RenderError::draw)
}

const fn colour((red, green, blue): Shade) -> RGBColor {
    RGBColor(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::super::scene::Type;
    use super::*;

    fn page(text: &str, is_bold: bool) -> Scene {
        let mut scene = Scene::new(80.0, 24.0);
        let style = Type {
            size: 16.0,
            is_bold,
            shade: (0, 0, 0),
            across: Across::Left,
            down: Down::Top,
            is_turned: false,
        };
        scene.text((4.0, 4.0), text, style);
        scene
    }

    #[test]
    fn a_png_has_its_text_without_the_machine_s_fonts() {
        for is_bold in [false, true] {
            let bytes = png(&page("Mbps µ", is_bold)).unwrap();
            let image = image::load_from_memory(&bytes).unwrap().to_luma8();
            assert_eq!(image.dimensions(), (160, 48));
            let dark = image.pixels().filter(|p| p.0[0] < 100).count();
            assert!(dark > 100, "{dark} dark pixels");
        }
    }

    #[test]
    fn an_svg_holds_hostile_names_as_text() {
        let svg = svg(&page("<script>&\"'", false)).unwrap();
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&apos;"), "{svg}");
        assert!(!svg.contains("<script"), "{svg}");
    }
}
