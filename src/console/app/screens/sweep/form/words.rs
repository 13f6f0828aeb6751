//! The form in words: what its lines are called, and what they say.

use super::{Field, Form, Points};
use crate::model::Graph;
use crate::sweep::Until;

impl Field {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cuts => "cuts",
            Self::From => "  from",
            Self::To => "  to",
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Streamed => "streamed",
            Self::Tiles => "  tiles",
            Self::Pipeline => "pipeline",
            Self::Window => "  window",
            Self::Tensor => "tensor",
            Self::Data => "data",
            Self::Tile => "tile",
            Self::Auto => "auto",
            Self::Until => "until",
            Self::Frames => "frames",
            Self::Warmup => "warm-up",
            Self::Energy => "energy",
            Self::Idle => "idle",
        }
    }
}

impl Form {
    /// A line's value in words.
    pub fn value(&self, field: Field, graph: &Graph) -> String {
        let n = graph.operator_count();
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let layer = |cut: u32| {
            let before = cut
                .checked_sub(1)
                .and_then(|i| graph.operators().get(i as usize));
            let name = before.map_or("the image", |node| node.name.as_str());
            format!("{cut} of {n}, after {name}")
        };
        let cut = |cut: u32| match cut.checked_sub(super::FIRST_CUT) {
            None if cut == super::BEST_CUT => "at the best cut, found first".to_owned(),
            None => "no".to_owned(),
            Some(cut) => format!("at cut {}", layer(cut)),
        };
        let share = |percent: u32, of: &str| match percent {
            0 => "no".to_owned(),
            percent => format!("{percent} % of the {of} on the robot"),
        };
        match field {
            Field::Cuts => match self.points {
                Points::None => "none".to_owned(),
                Points::All => format!("all {}", n + 1),
                Points::Single => "those that one tensor crosses".to_owned(),
                Points::Range => "a range".to_owned(),
            },
            Field::From => layer(self.range.0.min(n)),
            Field::To => layer(self.range.1.min(n)),
            Field::Local => yes(self.ends.0),
            Field::Remote => yes(self.ends.1),
            Field::Streamed => cut(self.streamed),
            Field::Tiles => format!("{} row tiles", self.tiles),
            Field::Pipeline => cut(self.pipeline),
            Field::Window => format!("{} frames in flight", self.window),
            Field::Tensor => share(self.tensor, "channels"),
            Field::Data => yes(self.data),
            Field::Tile => share(self.tile, "rows"),
            Field::Auto => yes(self.auto),
            Field::Until => match self.until() {
                Until::Repeats(rounds) => format!("{rounds} rounds are made"),
                Until::Narrow { percent, most } => {
                    format!("medians' intervals are under {percent} % wide, or {most} rounds made")
                }
            },
            Field::Frames => format!("{} at each visit, at least", self.frames),
            Field::Warmup => format!("{} left out after each switch", self.warmup),
            Field::Energy if self.energy => "as results: 20 s and 100 frames a plan".to_owned(),
            Field::Energy => "preliminary, whatever the visits give".to_owned(),
            Field::Idle if self.idle_s == 0 => "no: gross energies only".to_owned(),
            Field::Idle => format!("{} s before and after, frames pause", self.idle_s),
        }
    }
}
