//! The screen as a pure function of the state: shared references in, cells out.
//!
//! ```text
//! layout     the frame around every screen, the three sizes, a panel's border
//! screens/   one file per screen, its layout drawn at the top
//! panels/    what screens are put together from
//! chart/     a quantity over time
//! widgets/   shapes without meaning: digits, bars, dots, numbers as text
//! theme      the only literal colours
//! scene      what panels look at; what a click asks for
//! ```
//!
//! The mode picker, the form and the help lie over whatever screen is shown.

mod chart;
mod layout;
mod panels;
mod scene;
mod screens;
mod theme;
mod widgets;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::App;
use crate::units::Nanos;
use layout::{LEAST, panel};
use scene::Scene;

pub use chart::draw_series;
pub use scene::Hits;
pub use theme::{Depth, Palette, Part, Theme};

/// Draws the whole screen; says what a click into it asks for.
pub fn draw(app: &App, theme: Theme, now: Nanos, area: Rect, buf: &mut Buffer) -> Hits {
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (w, h) = LEAST;
        let text = format!("needs {w}x{h}, has {}x{}", area.width, area.height);
        buf.set_stringn(area.x, area.y, text, area.width.into(), theme.text());
        return Hits::default();
    }
    let scene = Scene::new(app, theme, app.time_shown(now));
    buf.set_style(area, theme.base());
    screens::render(&scene, area, buf);
    if let Some(picker) = app.picker() {
        scene.cover();
        panels::picker::render(&scene, picker, area, buf);
    }
    if let Some(form) = app.form() {
        scene.cover();
        panels::form::render(&scene, form, area, buf);
    }
    if let Some(palette) = app.palette() {
        scene.cover();
        panels::palette::render(&scene, palette, area, buf);
    }
    if app.help() {
        scene.cover();
        panels::help::render(&scene, area, buf);
    }
    if theme.is_ascii() {
        widgets::ascii::replace(buf);
    }
    scene.into_hits()
}
