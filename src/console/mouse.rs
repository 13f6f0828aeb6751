//! From the terminal's mouse to what is asked for. Charts are dragged, zoomed with the wheel and clicked for the
//! crosshair; everything else that can be clicked acts at once.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::app::Action;
use super::app::screens::charts::{ChartId, Do};
use super::view::Hits;
use crate::units::Nanos;

/// What the button that is held down has seen so far.
#[derive(Debug, Clone, Copy)]
struct Held {
    chart: ChartId,
    at: Nanos,
    column: u16,
    dragged: bool,
}

/// The mouse's button.
#[derive(Debug, Default)]
pub(super) struct Mouse {
    held: Option<Held>,
}

impl Mouse {
    /// What an event on what was drawn last asks for.
    pub(super) fn action(&mut self, event: MouseEvent, hits: &Hits) -> Option<Action> {
        let (column, row) = (event.column, event.row);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                self.held = hits.moment(column, row).map(|(chart, at)| Held {
                    chart,
                    at,
                    column,
                    dragged: false,
                });
                if self.held.is_some() {
                    return None;
                }
                hits.at(column, row)
            }
            MouseEventKind::Drag(MouseButton::Left) => {
                let held = self.held.as_mut()?;
                let columns = i64::from(held.column) - i64::from(column);
                held.column = column;
                held.dragged |= columns != 0;
                (columns != 0).then_some(Action::Chart(Do::Drag(2 * columns)))
            }
            MouseEventKind::Up(MouseButton::Left) => {
                let held = self.held.take().filter(|held| !held.dragged)?;
                Some(Action::Chart(Do::Point(held.chart, held.at)))
            }
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
                let (_, at) = hits.moment(column, row)?;
                let by = if event.kind == MouseEventKind::ScrollUp {
                    1
                } else {
                    -1
                };
                Some(Action::Chart(Do::ZoomAt(by, at)))
            }
            _ => None,
        }
    }
}
