//! The Sweep screen's state: which plans are to be swept and how, and the row that is looked at.

mod form;

use std::sync::Arc;

use super::super::{App, Doubt, Moment, Proposal, Redraw, Screen, Turn};
use crate::model::Graph;
use crate::store::Store;
use crate::sweep::Forecast;
pub use form::{Field, Form};

/// What keys ask of the Sweep screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Begin.
    Start,
    /// Leave the present plan for good.
    Skip,
    /// End now, and keep what is there.
    Stop,
    /// Another row, down the list if positive.
    Row(isize),
    /// Set up a new sweep, or leave that.
    SetUp,
    /// Change the line of the form by so much.
    Change(i32),
    /// Ten times as much in the form; of a sweep, twenty rows down.
    Page(i32),
    /// To the layer of the row's cut, with the cut proposed.
    Layer,
}

/// The Sweep screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepScreen {
    /// What a new sweep would be.
    pub form: Form,
    /// The form is shown in place of a sweep.
    pub sets_up: bool,
    /// The row looked at.
    pub row: usize,
}

impl App {
    pub(in crate::console::app) fn on_sweep(&mut self, what: Do, at: Moment, turn: &mut Turn) {
        let rows = self.sweeping().map_or(0, |s| s.header().plans.len());
        let graph = self.swept_graph().cloned();
        let sets_up = self.sets_up_sweep();
        let goes_on = self.sweeping().is_some_and(|sweep| !sweep.is_over());
        let screen = &mut self.screens.sweep;
        match what {
            Do::Start => self.start_sweep(at, turn),
            Do::Skip => self.skip_plan(at, turn),
            Do::Stop if goes_on => self.doubt = Some(Doubt::StopSweep),
            Do::Stop => self.abort_sweep(at, turn),
            Do::Row(by) if sets_up => {
                if let Some(graph) = &graph {
                    screen.form.go(by, graph);
                }
            }
            Do::Row(by) => {
                let last = rows.saturating_sub(1);
                screen.row = screen.row.min(last).saturating_add_signed(by).min(last);
            }
            Do::SetUp => screen.sets_up = !screen.sets_up,
            Do::Page(by) if !sets_up => self.on_sweep(Do::Row(by as isize * 20), at, turn),
            Do::Page(by) => self.on_sweep(Do::Change(by * 10), at, turn),
            Do::Change(by) => match &graph {
                Some(graph) if sets_up => screen.form.change(by, graph),
                _ => self.notice = Some("e sets up another sweep".to_owned()),
            },
            Do::Layer if sets_up => self.notice = Some("s starts the sweep".to_owned()),
            Do::Layer => self.go_to_layer(),
        }
        turn.redraw(Redraw::AtOnce);
    }

    /// The model of the robot that a new sweep would be on.
    pub fn swept_graph(&self) -> Option<&Arc<Graph>> {
        let robot = self.focus().and_then(|i| self.shown(i));
        robot.and_then(Store::model).map(|model| &model.graph)
    }

    /// How long the sweep that the form sets up will take.
    pub fn sweep_forecast(&self) -> Option<Forecast> {
        let store = self.focus().and_then(|i| self.shown(i))?;
        let graph = &store.model()?.graph;
        Some(self.screens.sweep.form.forecast(graph, store))
    }

    /// Whether the Sweep screen shows the form of a new sweep: when that was asked for, or there is no sweep to show.
    pub fn sets_up_sweep(&self) -> bool {
        self.screens.sweep.sets_up || self.sweeping().is_none()
    }

    fn start_sweep(&mut self, at: Moment, turn: &mut Turn) {
        let Some(graph) = self.swept_graph() else {
            self.notice = Some("no robot has told its model yet".to_owned());
            return;
        };
        let request = self.screens.sweep.form.request(graph);
        match self.begin_sweep_with_best(&request, at) {
            Ok(begun) => {
                self.screens.sweep.row = 0;
                self.screens.sweep.sets_up = false;
                turn.effects.extend(begun.effects);
            }
            Err(why) => self.notice = Some(why),
        }
    }

    /// Proposes the plan of the row looked at where it is a cut, and shows the layers around it.
    fn go_to_layer(&mut self) {
        let row = self.screens.sweep.row;
        let line = self.sweeping().and_then(|s| s.header().plans.get(row));
        let Some(line) = line.cloned() else {
            return;
        };
        let (Some(_), Some(plan)) = (line.cut, line.rule.plan()) else {
            self.notice = Some(format!("{} has no cut to go to", line.label));
            return;
        };
        let store = self.focus().and_then(|i| self.shown(i));
        let model = store.and_then(Store::model);
        let effective = store.and_then(Store::plan);
        let differs = effective.is_none_or(|p| p.plan != *plan);
        self.proposal = model
            .filter(|_| differs)
            .map(|model| Proposal::new(plan.clone(), &model.graph));
        self.screens.shown = Screen::Layers;
    }
}
