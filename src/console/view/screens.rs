//! The screens, one file each with its layout drawn at the top: `render(scene, area, buf)`.

mod glance;
mod layers;
mod live;
mod log;
pub(super) mod power;
mod sessions;
mod sweep;
mod timeline;
mod workers;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use crate::console::app::Screen;

/// Draws the screen that is shown.
pub(super) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let draw = match scene.app.screen() {
        Screen::Live => live::render,
        Screen::Layers => layers::render,
        Screen::Timeline => timeline::render,
        Screen::Sweep => sweep::render,
        Screen::Power => power::render,
        Screen::Workers => workers::render,
        Screen::Sessions => sessions::render,
        Screen::Log => log::render,
    };
    draw(scene, area, buf);
}
