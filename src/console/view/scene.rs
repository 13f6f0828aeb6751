//! What every panel looks at, and what it leaves behind for the mouse.

use std::cell::RefCell;

use ratatui::layout::{Position, Rect};

use super::Theme;
use crate::console::app::screens::charts::ChartId;
use crate::console::app::{Action, App};
use crate::store::{Store, Window};
use crate::units::Nanos;

/// The state and the time, as panels see them.
pub(super) struct Scene<'a> {
    pub(super) app: &'a App,
    /// What the worker shown has told.
    pub(super) store: Option<&'a Store>,
    pub(super) theme: Theme,
    pub(super) now: Nanos,
    hits: RefCell<Hits>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(app: &'a App, theme: Theme, now: Nanos) -> Self {
        Self {
            app,
            store: app.focus().and_then(|i| app.shown(i)),
            theme,
            now,
            hits: RefCell::default(),
        }
    }

    /// A click into this area asks for an action; what is told later lies on top.
    pub(super) fn target(&self, area: Rect, action: Action) {
        self.hits.borrow_mut().places.push((area, action));
    }

    /// A chart's curves are here, over this time.
    pub(super) fn chart(&self, plot: Rect, id: ChartId, window: Window) {
        self.hits.borrow_mut().charts.push((plot, id, window));
    }

    /// What was told of is covered: by a question, by the help.
    pub(super) fn cover(&self) {
        *self.hits.borrow_mut() = Hits::default();
    }

    pub(super) fn into_hits(self) -> Hits {
        self.hits.into_inner()
    }
}

/// Where a click asks for what.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    places: Vec<(Rect, Action)>,
    charts: Vec<(Rect, ChartId, Window)>,
}

impl Hits {
    /// What a click into this cell asks for.
    pub fn at(&self, column: u16, row: u16) -> Option<Action> {
        let cell = Position::new(column, row);
        let mut all = self.places.iter().rev();
        all.find(|(area, _)| area.contains(cell)).map(|hit| hit.1)
    }

    /// The chart in this cell, and the moment that the cell shows.
    pub fn moment(&self, column: u16, row: u16) -> Option<(ChartId, Nanos)> {
        let cell = Position::new(column, row);
        let mut all = self.charts.iter().rev();
        let (plot, id, window) = all.find(|(plot, ..)| plot.contains(cell))?;
        Some((*id, window.at(usize::from(column - plot.x) * 2)))
    }
}
