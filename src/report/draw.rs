//! Figures become pictures. `scene` is the picture without a format; `sheet` has what all figures share (title, badges,
//! legend, caption), `axis` scales and ticks; one file per figure; `render` writes SVG and PNG.
//!
//! Figures are read in grey, too: parts differ in lightness and hatching, never in hue alone.

mod axis;
mod bandwidth;
mod compare;
mod pareto;
mod render;
mod scene;
mod sheet;
mod stacks;
mod style;
mod timeline;

use super::figure::{Body, Figure};
pub use render::RenderError;
use scene::Scene;

fn scene(figure: &Figure) -> Scene {
    match &figure.body {
        Body::Stacks(stacks) => stacks::draw(figure, stacks),
        Body::Bandwidth(bandwidth) => bandwidth::draw(figure, bandwidth),
        Body::Timeline(timeline) => timeline::draw(figure, timeline),
        Body::Compare(compare) => compare::draw(figure, compare),
        Body::Pareto(pareto) => pareto::draw(figure, pareto),
    }
}

/// The figure as an SVG document.
///
/// # Errors
/// The drawing library refused.
pub fn svg(figure: &Figure) -> Result<String, RenderError> {
    render::svg(&scene(figure))
}

/// The figure as a PNG file's bytes, two pixels for one of the SVG's.
///
/// # Errors
/// The drawing library or the encoder refused.
pub fn png(figure: &Figure) -> Result<Vec<u8>, RenderError> {
    render::png(&scene(figure))
}

#[cfg(test)]
mod tests;
