//! The Sweep screen's state: which plans are to be swept and how, and the row that is looked at.

use super::super::sweeping::Request;
use super::super::{App, Moment, Proposal, Redraw, Screen, Turn};
use crate::model::Graph;
use crate::plan::{Choice, ModeKind};
use crate::store::Store;
use crate::sweep::{Cuts, Method, Settings, Until, Wanted, WantedCut};

/// Choices of rounds.
const ROUNDS: [Until; 8] = [
    Until::Repeats(3),
    Until::Repeats(5),
    Until::Repeats(10),
    Until::Repeats(20),
    Until::Repeats(50),
    Until::Narrow {
        percent: 5.0,
        most: 200,
    },
    Until::Narrow {
        percent: 2.0,
        most: 200,
    },
    Until::Narrow {
        percent: 1.0,
        most: 200,
    },
];
/// Milliseconds of a visit that energy is to be measured in: ten of them are the 20 s of the block method.
const LONG_VISIT_MS: u32 = 2_000;

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
    /// Other plans.
    Plans(isize),
    /// Other rounds.
    Rounds(isize),
    /// Short visits, or long ones for energy.
    Visits,
    /// To the layer of the row's cut, with the cut proposed.
    Layer,
}

/// Which plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Plans {
    /// Every partition point.
    #[default]
    Cuts,
    /// Those that one tensor crosses.
    Single,
    /// Every mode that applies, with its usual parameters.
    Modes,
    /// The partition points that one tensor crosses, and every mode.
    Both,
}

impl Plans {
    const ALL: [Self; 4] = [Self::Cuts, Self::Single, Self::Modes, Self::Both];

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Cuts => "all cuts",
            Self::Single => "cuts that one tensor crosses",
            Self::Modes => "all modes, usual parameters",
            Self::Both => "single-tensor cuts and all modes",
        }
    }
}

/// The Sweep screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepScreen {
    /// Which plans a new sweep visits.
    pub plans: Plans,
    rounds: usize,
    /// Visits are long enough for energy.
    pub long: bool,
    /// The row looked at.
    pub row: usize,
}

impl SweepScreen {
    /// When a new sweep ends.
    pub const fn until(&self) -> Until {
        // The list's usual choice is its fourth.
        ROUNDS[(self.rounds + 3) % ROUNDS.len()]
    }

    fn request(&self, graph: &Graph) -> Request {
        let modes = matches!(self.plans, Plans::Modes | Plans::Both);
        Request {
            cuts: match self.plans {
                Plans::Cuts => Some(Cuts::All),
                Plans::Single | Plans::Both => Some(Cuts::Single),
                Plans::Modes => None,
            },
            modes: if modes {
                usual_modes(graph)
            } else {
                Vec::new()
            },
            best: None,
            settings: Settings {
                until: self.until(),
                visit_ms: if self.long { LONG_VISIT_MS } else { 0 },
                ..Settings::default()
            },
            title: None,
            expects: None,
            link: None,
            seconds: None,
            force: false,
        }
    }
}

/// Every mode that applies to a model, with its usual parameters.
fn usual_modes(graph: &Graph) -> Vec<Wanted> {
    let wanted = |mode| {
        let usual = Choice::usual(graph, mode);
        let cut = usual.cuts.first().copied().map(WantedCut::At);
        let split = matches!(mode, ModeKind::Split | ModeKind::Pipeline);
        Wanted {
            cut: cut.filter(|_| split),
            ..Wanted::of(Method::Mode(mode))
        }
    };
    let all = ModeKind::ALL.into_iter().map(wanted);
    all.filter(|w| w.line(graph, None).is_ok()).collect()
}

impl App {
    pub(in crate::console::app) fn on_sweep(&mut self, what: Do, at: Moment, turn: &mut Turn) {
        let rows = self.sweeping().map_or(0, |s| s.header().plans.len());
        let screen = &mut self.screens.sweep;
        match what {
            Do::Start => self.start_sweep(at, turn),
            Do::Skip => self.skip_plan(at, turn),
            Do::Stop => self.abort_sweep(at, turn),
            Do::Row(by) => {
                let last = rows.saturating_sub(1);
                screen.row = screen.row.min(last).saturating_add_signed(by).min(last);
            }
            Do::Plans(by) => {
                let count = Plans::ALL.len() as isize;
                let next = (screen.plans as isize + by).rem_euclid(count);
                screen.plans = Plans::ALL[next as usize];
            }
            Do::Rounds(by) => {
                let count = ROUNDS.len() as isize;
                screen.rounds = (screen.rounds as isize + by).rem_euclid(count) as usize;
            }
            Do::Visits => screen.long = !screen.long,
            Do::Layer => self.go_to_layer(),
        }
        turn.redraw(Redraw::AtOnce);
    }

    fn start_sweep(&mut self, at: Moment, turn: &mut Turn) {
        let robot = self.focus().and_then(|i| self.shown(i));
        let Some(model) = robot.and_then(|s| s.model()) else {
            self.notice = Some("no robot has told its model yet".to_owned());
            return;
        };
        let request = self.screens.sweep.request(&model.graph);
        match self.begin_sweep(&request, at) {
            Ok(begun) => {
                self.screens.sweep.row = 0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::sweep::PlanLine;

    #[test]
    fn whatever_is_chosen_can_be_swept() {
        for batch in [1, 2] {
            let graph = zoo::build("resnet50", batch, 64, 64).unwrap();
            for plans in Plans::ALL {
                let screen = SweepScreen {
                    plans,
                    ..SweepScreen::default()
                };
                let request = screen.request(&graph);
                let lines =
                    PlanLine::list(&graph, request.cuts.as_ref(), &request.modes, None).unwrap();
                assert!(lines.len() > 4, "{plans:?}: {}", lines.len());
            }
            let data = usual_modes(&graph)
                .iter()
                .any(|w| w.mode == Method::Mode(ModeKind::Data));
            assert_eq!(data, batch == 2, "data parallelism needs a batch");
        }
    }
}
