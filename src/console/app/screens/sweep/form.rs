//! The form of a new sweep: which plans, how often, how long. Pure.

mod words;

use crate::console::app::sweeping::{Request, of_wanted};
use crate::model::Graph;
use crate::plan::{Choice, MAX_WINDOW, ModeKind};
use crate::policy::PolicyKind;
use crate::store::Store;
use crate::sweep::{Best, Cuts, Forecast, Given, Method, Settings, Until, Wanted, WantedCut};

/// When a sweep ends: after so many rounds, or when the widest 95 % interval of a median is under so many percent.
const UNTIL: [Until; 9] = [
    Until::Repeats(2),
    Until::Repeats(3),
    Until::Repeats(5),
    Until::Repeats(10),
    Until::Repeats(20),
    Until::Repeats(50),
    narrow(5.0),
    narrow(2.0),
    narrow(1.0),
];
/// What stands for the best cut, and for cut 0.
const BEST_CUT: u32 = 1;
const FIRST_CUT: u32 = 2;
/// The usual one: 20 rounds.
const USUAL_UNTIL: usize = 4;
/// Row tiles, frames and seconds at most.
const MOST_TILES: u32 = 32;
const MOST_FRAMES: u32 = 100;
const MOST_WARMUP: u32 = 20;
const MOST_IDLE_S: u32 = 60;
/// Idle time that the block method asks for, before and after.
const USUAL_IDLE_S: u32 = 30;

const fn narrow(percent: f64) -> Until {
    Until::Narrow { percent, most: 200 }
}

/// Which partition points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Points {
    None,
    #[default]
    All,
    Single,
    Range,
}

impl Points {
    const ALL: [Self; 4] = [Self::None, Self::All, Self::Single, Self::Range];
}

/// A line of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Which partition points.
    Cuts,
    /// The first one of a range.
    From,
    /// The last one.
    To,
    /// All on the robot, too.
    Local,
    /// All on the server.
    Remote,
    /// A split that is streamed.
    Streamed,
    /// Its row tiles.
    Tiles,
    /// A split with several frames in flight.
    Pipeline,
    /// How many.
    Window,
    /// Channels divided.
    Tensor,
    /// The images of a batch divided.
    Data,
    /// Rows divided.
    Tile,
    /// Whatever the policy `auto` chooses.
    Auto,
    /// When it ends.
    Until,
    /// Frames of a visit, at least.
    Frames,
    /// Frames left out after a switch.
    Warmup,
    /// Energies as results.
    Energy,
    /// The robot left alone before and after.
    Idle,
}

/// What is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    selected: usize,
    points: Points,
    range: (u32, u32),
    ends: (bool, bool),
    /// 0: not at all; 1: at the best cut; the cut from 2 on.
    streamed: u32,
    tiles: u32,
    pipeline: u32,
    window: u32,
    /// Hundredths on the robot; 0: not at all.
    tensor: u32,
    data: bool,
    tile: u32,
    auto: bool,
    until: usize,
    frames: u32,
    warmup: u32,
    energy: bool,
    idle_s: u32,
}

impl Default for Form {
    fn default() -> Self {
        let usual = Settings::default();
        Self {
            selected: 0,
            points: Points::All,
            range: (0, u32::MAX),
            ends: (false, false),
            streamed: 0,
            tiles: 4,
            pipeline: 0,
            window: 3,
            tensor: 0,
            data: false,
            tile: 0,
            auto: false,
            until: USUAL_UNTIL,
            frames: usual.frames,
            warmup: usual.warmup,
            energy: false,
            idle_s: 0,
        }
    }
}

impl Form {
    /// The lines that make sense for a model, as the form is set.
    pub fn fields(&self, graph: &Graph) -> Vec<Field> {
        use Field::{
            Auto, Cuts, Data, Energy, Frames, From, Idle, Local, Pipeline, Remote, Streamed,
            Tensor, Tile, Tiles, To, Until, Warmup, Window,
        };
        let all = [
            Cuts, From, To, Local, Remote, Streamed, Tiles, Pipeline, Window, Tensor, Data, Tile,
            Auto, Until, Frames, Warmup, Energy, Idle,
        ];
        let applies = |field: &Field| match field {
            From | To => self.points == Points::Range,
            Tiles => self.streamed > 0,
            Window => self.pipeline > 0,
            Data => graph.input_shape().batch > 1,
            _ => true,
        };
        all.into_iter().filter(applies).collect()
    }

    /// The line that keys change, by its place in [`Form::fields`].
    pub fn selected(&self, graph: &Graph) -> usize {
        self.selected.min(self.fields(graph).len() - 1)
    }

    /// Goes so many lines down.
    pub fn go(&mut self, by: isize, graph: &Graph) {
        let last = self.fields(graph).len() - 1;
        self.selected = self.selected(graph).saturating_add_signed(by).min(last);
    }

    /// Changes the line's value by so much.
    pub fn change(&mut self, by: i32, graph: &Graph) {
        let n = graph.operator_count();
        let number = |value: &mut u32, least: u32, most: u32| {
            *value = value.saturating_add_signed(by).clamp(least, most);
        };
        let yes = by > 0;
        let field = self.fields(graph)[self.selected(graph)];
        match field {
            Field::Cuts => {
                let at = Points::ALL.iter().position(|p| *p == self.points);
                let next = (at.unwrap_or(0) as i32 + by.signum()).rem_euclid(4);
                self.points = Points::ALL[next as usize];
                self.range = (self.range.0.min(n), self.range.1.min(n));
            }
            Field::From => number(&mut self.range.0, 0, self.range.1),
            Field::To => number(&mut self.range.1, self.range.0, n),
            Field::Local => self.ends.0 = yes,
            Field::Remote => self.ends.1 = yes,
            Field::Streamed => divide(&mut self.streamed, by, graph),
            Field::Tiles => number(&mut self.tiles, 2, MOST_TILES),
            Field::Pipeline => divide(&mut self.pipeline, by, graph),
            Field::Window => number(&mut self.window, 2, u32::from(MAX_WINDOW)),
            Field::Tensor if self.tensor == 0 && yes => self.tensor = 50,
            Field::Tensor => number(&mut self.tensor, 0, 99),
            Field::Data => self.data = yes,
            Field::Tile if self.tile == 0 && yes => self.tile = 50,
            Field::Tile => number(&mut self.tile, 0, 99),
            Field::Auto => self.auto = yes,
            Field::Until => {
                let last = UNTIL.len() - 1;
                let next = self.until.saturating_add_signed(by.signum() as isize);
                self.until = next.min(last);
            }
            Field::Frames => number(&mut self.frames, 1, MOST_FRAMES),
            Field::Warmup => number(&mut self.warmup, 1, MOST_WARMUP),
            Field::Energy => {
                // Net energy needs idle time; who wants none says so afterwards.
                self.idle_s = if yes && !self.energy {
                    USUAL_IDLE_S
                } else {
                    self.idle_s
                };
                self.energy = yes;
            }
            Field::Idle => number(&mut self.idle_s, 0, MOST_IDLE_S),
        }
    }

    const fn until(&self) -> Until {
        UNTIL[self.until]
    }

    fn cuts(&self, graph: &Graph) -> Option<Cuts> {
        let n = graph.operator_count();
        match self.points {
            Points::None => None,
            Points::All => Some(Cuts::All),
            Points::Single => Some(Cuts::Single),
            Points::Range => Some(Cuts::Range(self.range.0.min(n), self.range.1.min(n))),
        }
    }

    fn modes(&self, graph: &Graph) -> Vec<Wanted> {
        let of = |mode| Wanted::of(Method::Mode(mode));
        let shared = |mode, percent: u32| Wanted {
            share: vec![f64::from(percent) / 100.0],
            ..of(mode)
        };
        let divided = |mode, cut: u32| Wanted {
            cut: match cut.checked_sub(FIRST_CUT) {
                Some(cut) => Some(WantedCut::At(cut)),
                None => Some(WantedCut::Found(Best::Best)),
            },
            ..of(mode)
        };
        let all = [
            (self.ends.0, of(ModeKind::Local)),
            (self.ends.1, of(ModeKind::Remote)),
            (
                self.streamed > 0,
                Wanted {
                    tiles: Some(self.tiles as u16),
                    ..divided(ModeKind::Split, self.streamed)
                },
            ),
            (
                self.pipeline > 0,
                Wanted {
                    window: Some(self.window as u16),
                    ..divided(ModeKind::Pipeline, self.pipeline)
                },
            ),
            (self.tensor > 0, shared(ModeKind::Tensor, self.tensor)),
            (
                self.data && graph.input_shape().batch > 1,
                of(ModeKind::Data),
            ),
            (self.tile > 0, shared(ModeKind::Tile, self.tile)),
            (self.auto, Wanted::of(Method::Policy(PolicyKind::Auto))),
        ];
        let wanted = all.into_iter().filter(|(is, _)| *is);
        wanted.map(|(_, wanted)| wanted).collect()
    }

    /// How long a sweep of it will take on a robot.
    pub fn forecast(&self, graph: &Graph, store: &Store) -> Forecast {
        let cuts = self.cuts(graph).and_then(|cuts| cuts.of(graph).ok());
        let cuts = cuts.unwrap_or_default();
        of_wanted((&cuts, &self.modes(graph)), &self.settings(), graph, store)
    }

    /// How a sweep of it goes about it.
    pub fn settings(&self) -> Settings {
        let settings = Settings {
            until: self.until(),
            frames: self.frames,
            warmup: self.warmup,
            idle_ms: self.idle_s * 1000,
            ..Settings::default()
        };
        if self.energy {
            settings.for_energy()
        } else {
            settings
        }
    }

    pub(super) fn request(&self, graph: &Graph) -> Request {
        Request {
            cuts: self.cuts(graph),
            modes: self.modes(graph),
            given: Given::default(),
            settings: self.settings(),
            title: None,
            expects: None,
            link: None,
            seconds: None,
            force: false,
            keep: true,
        }
    }
}

/// Another cut: from none to the best one, from there to the usual one, and on.
fn divide(value: &mut u32, by: i32, graph: &Graph) {
    let last = graph.operator_count() + FIRST_CUT;
    *value = match *value {
        0 if by > 0 => BEST_CUT,
        BEST_CUT if by > 0 => usual_cut(graph) + FIRST_CUT,
        value => value.saturating_add_signed(by).min(last),
    };
}

fn usual_cut(graph: &Graph) -> u32 {
    let usual = Choice::usual(graph, ModeKind::Split);
    usual.cuts.first().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::sweep::{Given, PlanLine};

    /// The form with every line changed by so much.
    fn changed(by: i32, graph: &Graph) -> Form {
        let mut form = Form::default();
        let mut line = 0;
        while line < form.fields(graph).len() {
            form.selected = line;
            form.change(by, graph);
            line += 1;
        }
        form
    }

    #[test]
    fn what_is_set_can_be_swept() {
        for batch in [1, 2] {
            let graph = zoo::build("resnet50", batch, 64, 64).unwrap();
            for by in [-10, -1, 0, 1, 2] {
                let form = changed(by, &graph);
                let request = form.request(&graph);
                let known = Given {
                    best: Some(7),
                    ..request.given
                };
                let lines = PlanLine::list(&graph, request.cuts.as_ref(), &request.modes, known);
                match form.forecast(&graph, &Store::default()).plans {
                    0 => assert!(lines.is_err_and(|why| why.to_string().contains("no plans"))),
                    count => assert_eq!(lines.unwrap().len(), count, "{form:?}"),
                }
                for field in form.fields(&graph) {
                    assert!(!form.value(field, &graph).is_empty(), "{field:?}");
                }
            }
        }
    }

    #[test]
    fn modes_with_their_parameters_and_a_range_of_cuts() {
        let graph = zoo::build("vgg19", 2, 64, 64).unwrap();
        let mut form = changed(1, &graph);
        assert_eq!(form.points, Points::Single);
        form.selected = 0;
        form.change(1, &graph);
        let fields = form.fields(&graph);
        assert_eq!(&fields[..3], [Field::Cuts, Field::From, Field::To]);
        form.go(1, &graph);
        form.change(7, &graph);
        form.go(1, &graph);
        form.change(-1_000, &graph);
        let request = form.request(&graph);
        assert_eq!(request.cuts, Some(Cuts::Range(7, 7)));
        let words: Vec<_> = request.modes.iter().map(Wanted::to_string).collect();
        let expected = [
            "local".to_owned(),
            "remote".to_owned(),
            "split:cut=best:tiles=5".to_owned(),
            "pipeline:cut=best:window=4".to_owned(),
            "tensor:share=0.5".to_owned(),
            "data".to_owned(),
            "tile:share=0.5".to_owned(),
            "auto".to_owned(),
        ];
        assert_eq!(words, expected);
        // From the best cut the next step goes to the usual one, and back.
        let line = form
            .fields(&graph)
            .iter()
            .position(|f| *f == Field::Streamed);
        form.selected = line.unwrap();
        form.change(1, &graph);
        let streamed = |form: &Form| form.modes(&graph)[2].to_string();
        let usual = usual_cut(&graph);
        assert_eq!(streamed(&form), format!("split:cut={usual}:tiles=5"));
        form.change(-1_000, &graph);
        assert!(!form.modes(&graph).iter().any(|m| m.tiles.is_some()));
        let settings = request.settings;
        assert!(
            settings.energy && settings.idle_ms == 31_000,
            "{settings:?}"
        );
        assert_eq!((settings.until, settings.warmup), (Until::Repeats(50), 2));
    }
}
