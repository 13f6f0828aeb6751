//! The mode picker: a mode, its parameters, and the plan that they make or the reason why they make none. Pure.

use std::sync::Arc;

use super::keymap::Pick;
use super::outlook::Payload;
use crate::model::Graph;
use crate::plan::{Choice, Codec, Join, MAX_WINDOW, ModeKind, Plan};
use crate::units::DeviceId;

/// Row tiles that can be picked at most.
const MAX_TILES: u32 = 32;

/// A parameter of a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Servers that take part.
    Servers,
    /// A partition point of the chain.
    Cut(usize),
    /// Row tiles.
    Tiles,
    /// Frames in flight.
    Window,
    /// A device's share: images of the batch, or hundredths.
    Share(usize),
    /// How tensor-parallel layers are joined.
    Join,
    /// How values are packed for the link.
    Codec,
}

/// What the choice leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The plan.
    pub plan: Plan,
    /// What a frame of it sends.
    pub payload: Payload,
}

/// The picker's state.
#[derive(Debug, Clone)]
pub struct Picker {
    graph: Arc<Graph>,
    choice: Choice,
    /// Servers that the robot knows.
    servers: usize,
    /// The parameter that keys change; none while they choose the mode.
    selected: Option<usize>,
    /// The number that is being typed.
    typed: Option<u32>,
    preview: Result<Preview, String>,
}

impl Picker {
    /// Begins with what leads to the plan in effect.
    pub(super) fn new(graph: Arc<Graph>, effective: &Plan, servers: usize) -> Self {
        let choice = Choice::of(&graph, effective);
        let preview = preview(&graph, &choice);
        Self {
            graph,
            choice,
            servers,
            selected: None,
            typed: None,
            preview,
        }
    }

    /// The mode chosen.
    pub const fn mode(&self) -> ModeKind {
        self.choice.mode
    }

    /// The parameter that keys change; none while they choose the mode.
    pub const fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// The plan that Enter asks for, or why there is none, in one sentence.
    pub const fn preview(&self) -> &Result<Preview, String> {
        &self.preview
    }

    /// The mode's parameters.
    pub fn fields(&self) -> Vec<Field> {
        let choice = &self.choice;
        let mut fields = Vec::new();
        let divides = !matches!(choice.mode, ModeKind::Local | ModeKind::Remote);
        if divides && self.servers.max(self.used()) > 1 {
            fields.push(Field::Servers);
        }
        match choice.mode {
            ModeKind::Local | ModeKind::Remote => {}
            ModeKind::Split | ModeKind::Pipeline => {
                fields.extend((0..choice.cuts.len()).map(Field::Cut));
                fields.push(Field::Tiles);
            }
            ModeKind::Tensor | ModeKind::Data | ModeKind::Tile => {
                fields.extend((0..choice.shares.len()).map(Field::Share));
            }
        }
        if choice.mode == ModeKind::Tensor {
            fields.push(Field::Join);
        }
        if !matches!(choice.mode, ModeKind::Local | ModeKind::Split) {
            fields.push(Field::Window);
        }
        if choice.mode != ModeKind::Local {
            fields.push(Field::Codec);
        }
        fields
    }

    /// What a parameter is called.
    pub fn name(&self, field: Field) -> String {
        match field {
            Field::Servers => "servers".to_owned(),
            Field::Cut(0) if self.choice.cuts.len() == 1 => "cut".to_owned(),
            Field::Cut(i) => format!("cut {}", i + 1),
            Field::Tiles => "tiles".to_owned(),
            Field::Window => "window".to_owned(),
            Field::Share(i) => DeviceId(i.min(255) as u8).to_string(),
            Field::Join => "join".to_owned(),
            Field::Codec => "codec".to_owned(),
        }
    }

    /// A parameter's value with its unit.
    pub fn value(&self, field: Field) -> String {
        let value = self.number(field);
        match field {
            Field::Servers => format!("{value} of {}", self.servers.max(self.used())),
            Field::Cut(_) => {
                let n = self.graph.operator_count();
                let before = value.checked_sub(1);
                let node = before.and_then(|i| self.graph.operators().get(i as usize));
                let after = node.map_or("the image".to_owned(), |node| node.name.clone());
                format!("{value} of {n}, after {after}")
            }
            Field::Tiles if value == 1 => "1 (sent whole)".to_owned(),
            Field::Tiles => format!("{value} row tiles"),
            Field::Window if value == 1 => "1 frame in flight".to_owned(),
            Field::Window => format!("{value} frames in flight"),
            Field::Share(_) if self.choice.mode == ModeKind::Data => {
                format!("{value} of {} images", self.units())
            }
            Field::Share(_) if self.choice.mode == ModeKind::Tile => {
                format!("{value} % of the rows")
            }
            Field::Share(_) => format!("{value} % of the channels"),
            Field::Join => match self.choice.join {
                Join::Gather => "all-gather after every layer".to_owned(),
                Join::Reduce => "all-reduce after every second layer".to_owned(),
            },
            Field::Codec => {
                let codec = self.choice.codec;
                format!("{codec}: {}", codec.what())
            }
        }
    }

    /// Obeys a key that is neither Enter nor Esc.
    pub(super) fn press(&mut self, pick: Pick) {
        if !matches!(pick, Pick::Digit(_) | Pick::Erase) {
            self.typed = None;
        }
        match (pick, self.selected) {
            (Pick::Side, None) => self.selected = self.fields().first().map(|_| 0),
            (Pick::Side, Some(_)) => self.selected = None,
            (Pick::By(1), None) => self.selected = self.fields().first().map(|_| 0),
            (Pick::Up, None) => self.change_mode(-1),
            (Pick::Down, None) => self.change_mode(1),
            (Pick::Up, Some(i)) => self.selected = i.checked_sub(1),
            (Pick::Down, Some(i)) => {
                let last = self.fields().len().saturating_sub(1);
                self.selected = Some((i + 1).min(last));
            }
            (Pick::Digit(digit), None) => {
                self.selected = self.fields().first().map(|_| 0);
                self.digit(digit);
            }
            (Pick::Digit(digit), Some(_)) => self.digit(digit),
            (Pick::Erase, Some(_)) => {
                if let Some(typed) = self.typed {
                    self.typed = Some(typed / 10);
                    self.set(typed / 10);
                }
            }
            (Pick::By(by), Some(_)) => self.by(by),
            (Pick::Least, Some(_)) => self.set(0),
            (Pick::Most, Some(_)) => self.set(u32::MAX),
            (Pick::By(_) | Pick::Least | Pick::Most | Pick::Erase, None)
            | (Pick::Apply | Pick::Close, _) => {}
        }
    }

    fn change_mode(&mut self, by: isize) {
        let at = ModeKind::ALL.iter().position(|m| *m == self.choice.mode);
        let next = at.unwrap_or(0).saturating_add_signed(by);
        let mode = ModeKind::ALL[next.min(ModeKind::ALL.len() - 1)];
        if mode == self.choice.mode {
            return;
        }
        let usual = Choice::usual(&self.graph, mode).window;
        let window = &mut self.choice.window;
        *window = match mode {
            ModeKind::Pipeline => usual.max(*window),
            _ => usual,
        };
        self.choice.mode = mode;
        self.refresh();
    }

    fn digit(&mut self, digit: u8) {
        let Some((_, (_, most))) = self.field() else {
            return;
        };
        let longer = self.typed.unwrap_or(0) * 10 + u32::from(digit);
        // A number that no longer fits begins anew.
        let typed = if longer > most {
            u32::from(digit)
        } else {
            longer
        };
        self.typed = Some(typed);
        self.set(typed);
    }

    fn by(&mut self, by: i32) {
        if let Some((field, _)) = self.field() {
            let now = self.number(field);
            self.set(now.saturating_add_signed(by));
        }
    }

    /// The parameter selected and its range.
    fn field(&self) -> Option<(Field, (u32, u32))> {
        let field = *self.fields().get(self.selected?)?;
        let cuts = &self.choice.cuts;
        let range = match field {
            Field::Servers => (1, self.servers.max(self.used()) as u32),
            Field::Cut(i) => {
                let before = i.checked_sub(1).and_then(|b| cuts.get(b));
                let after = cuts.get(i + 1).copied();
                let most = after.unwrap_or(self.graph.operator_count());
                (before.copied().unwrap_or(0), most)
            }
            Field::Tiles => (1, MAX_TILES),
            Field::Window if self.choice.mode == ModeKind::Pipeline => (2, u32::from(MAX_WINDOW)),
            Field::Window => (1, u32::from(MAX_WINDOW)),
            Field::Share(_) => (0, self.units()),
            Field::Join => (0, 1),
            Field::Codec => (0, Codec::ALL.len() as u32 - 1),
        };
        Some((field, range))
    }

    fn number(&self, field: Field) -> u32 {
        let choice = &self.choice;
        match field {
            Field::Servers => self.used() as u32,
            Field::Cut(i) => choice.cuts.get(i).copied().unwrap_or(0),
            Field::Tiles => u32::from(choice.tiles),
            Field::Window => u32::from(choice.window),
            Field::Share(i) => self.shares().get(i).copied().unwrap_or(0),
            Field::Join => u32::from(choice.join == Join::Reduce),
            Field::Codec => {
                let place = Codec::ALL.iter().position(|c| *c == choice.codec);
                place.unwrap_or(0) as u32
            }
        }
    }

    /// Gives the selected parameter a value, as far as its range goes.
    fn set(&mut self, value: u32) {
        let Some((field, (least, most))) = self.field() else {
            return;
        };
        let value = value.clamp(least, most.max(least));
        match field {
            Field::Servers => self.set_servers(value as usize),
            Field::Cut(i) => self.choice.cuts[i] = value,
            Field::Tiles => self.choice.tiles = value as u16,
            Field::Window => self.choice.window = value as u16,
            Field::Share(i) => self.set_share(i, value),
            Field::Join if value == 0 => self.choice.join = Join::Gather,
            Field::Join => self.choice.join = Join::Reduce,
            Field::Codec => self.choice.codec = Codec::ALL[value as usize],
        }
        self.refresh();
    }

    /// Servers that the choice uses.
    fn used(&self) -> usize {
        match self.choice.mode {
            ModeKind::Split | ModeKind::Pipeline => self.choice.cuts.len(),
            _ => self.choice.shares.len().saturating_sub(1),
        }
    }

    fn set_servers(&mut self, servers: usize) {
        let choice = &mut self.choice;
        if matches!(choice.mode, ModeKind::Split | ModeKind::Pipeline) {
            let n = self.graph.operator_count();
            while choice.cuts.len() < servers {
                let last = choice.cuts.last().copied().unwrap_or(0);
                choice.cuts.push(u32::midpoint(last, n));
            }
            choice.cuts.truncate(servers);
        } else {
            while choice.shares.len() < servers + 1 {
                let mean = choice.shares.iter().sum::<f64>() / choice.shares.len().max(1) as f64;
                choice.shares.push(mean);
            }
            choice.shares.truncate(servers + 1);
        }
    }

    /// What shares are counted in.
    fn units(&self) -> u32 {
        match self.choice.mode {
            ModeKind::Data => self.graph.input_shape().batch,
            _ => 100,
        }
    }

    /// The shares in whole units; they sum to all of them.
    fn shares(&self) -> Vec<u32> {
        let sum: f64 = self.choice.shares.iter().sum();
        let units = f64::from(self.units());
        let mut reached = 0.0;
        let mut before = 0;
        let part = |share: &f64| {
            reached += share;
            let end = (reached / sum.max(f64::MIN_POSITIVE) * units).round() as u32;
            let part = end.saturating_sub(before);
            before = end.max(before);
            part
        };
        self.choice.shares.iter().map(part).collect()
    }

    /// Gives a device a share; the others give way, the last first.
    fn set_share(&mut self, i: usize, value: u32) {
        let mut shares = self.shares();
        let (Some(old), last) = (shares.get(i).copied(), shares.len() - 1) else {
            return;
        };
        let mut missing = value.saturating_sub(old);
        let others: Vec<usize> = (0..shares.len()).rev().filter(|&k| k != i).collect();
        for k in others {
            let given = shares[k].min(missing);
            shares[k] -= given;
            missing -= given;
        }
        // What a device gives up goes to the last one, or from that to the one before.
        let heir = if i == last {
            last.saturating_sub(1)
        } else {
            last
        };
        shares[heir] += old.saturating_sub(value);
        shares[i] = value;
        self.choice.shares = shares.into_iter().map(f64::from).collect();
    }

    fn refresh(&mut self) {
        self.preview = preview(&self.graph, &self.choice);
        let fields = self.fields().len();
        self.selected = self.selected.filter(|_| fields > 0);
    }
}

fn preview(graph: &Graph, choice: &Choice) -> Result<Preview, String> {
    let plan = choice.plan(graph).map_err(|why| why.to_string())?;
    let payload = Payload::of(graph, &plan).map_err(|why| why.to_string())?;
    Ok(Preview { plan, payload })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;

    fn picker(batch: u32, effective: &Plan, servers: usize) -> Picker {
        let graph = zoo::build("mobilenet_v2", batch, 96, 96).unwrap();
        Picker::new(Arc::new(graph), effective, servers)
    }

    fn press(picker: &mut Picker, picks: &[Pick]) {
        for &pick in picks {
            picker.press(pick);
        }
    }

    fn label(picker: &Picker) -> String {
        picker.preview().as_ref().unwrap().plan.label()
    }

    #[test]
    fn it_begins_with_the_plan_in_effect_and_numbers_are_typed_or_moved() {
        let plan = Plan::split(28).with_tiles(4);
        let mut picker = picker(1, &plan, 1);
        assert_eq!(picker.preview().as_ref().unwrap().plan, plan);
        press(&mut picker, &[Pick::Digit(3), Pick::Digit(1)]);
        assert_eq!(label(&picker), "split 31 in 4 tiles");
        press(&mut picker, &[Pick::By(-1), Pick::Down, Pick::By(1)]);
        assert_eq!(label(&picker), "split 30 in 5 tiles");
        press(
            &mut picker,
            &[Pick::Up, Pick::Digit(4), Pick::Digit(2), Pick::Erase],
        );
        assert_eq!(label(&picker), "split 4 in 5 tiles");
        press(&mut picker, &[Pick::Most]);
        let why = picker.preview().as_ref().unwrap_err();
        assert!(
            why.ends_with("nothing crosses this cut, so there is nothing to stream"),
            "{why}"
        );
    }

    #[test]
    fn a_pipeline_keeps_the_cut_and_has_a_window_of_its_own() {
        let mut picker = picker(1, &Plan::split(28), 1);
        press(&mut picker, &[Pick::Down]);
        assert_eq!(label(&picker), "pipeline 28, window 3");
        press(
            &mut picker,
            &[Pick::Side, Pick::Down, Pick::Down, Pick::By(-10)],
        );
        assert_eq!(label(&picker), "pipeline 28, window 2");
        press(&mut picker, &[Pick::Side, Pick::Up]);
        assert_eq!(label(&picker), "split 28");
    }

    #[test]
    fn the_last_parameter_is_the_codec_and_it_changes_nothing_else() {
        let mut picker = picker(1, &Plan::split(28), 1);
        press(&mut picker, &[Pick::Side, Pick::Down, Pick::Down]);
        press(&mut picker, &[Pick::By(1)]);
        assert_eq!(label(&picker), "split 28, codec auto");
        press(&mut picker, &[Pick::Most]);
        let plan = picker.preview().as_ref().unwrap().plan.clone();
        assert_eq!(plan, Plan::split(28).with_codec(Codec::F16));
        assert!(picker.value(Field::Codec).contains("LOSSY"));
    }

    #[test]
    fn shares_sum_to_a_hundred_whichever_changes() {
        let mut picker = picker(1, &Plan::LOCAL, 2);
        press(&mut picker, &[Pick::Down; 4]);
        assert_eq!(picker.mode(), ModeKind::Tensor);
        press(&mut picker, &[Pick::Side, Pick::By(1)]);
        assert_eq!(picker.shares().len(), 3);
        for picks in [[Pick::Down, Pick::By(10)], [Pick::Down, Pick::By(-10)]] {
            press(&mut picker, &picks);
            assert_eq!(picker.shares().iter().sum::<u32>(), 100);
        }
        press(&mut picker, &[Pick::Most]);
        assert_eq!(picker.shares(), [0, 100, 0]);
        press(&mut picker, &[Pick::Digit(4), Pick::Digit(0)]);
        assert_eq!(picker.shares(), [0, 40, 60]);
        // A device without channels makes no plan, and the reason says so.
        assert!(
            picker.preview().is_ok() || picker.preview().as_ref().unwrap_err().contains("tensor")
        );
    }

    #[test]
    fn a_mode_that_does_not_apply_says_why_and_images_are_whole() {
        let mut one = picker(1, &Plan::LOCAL, 1);
        press(&mut one, &[Pick::Down; 5]);
        let why = one.preview().as_ref().unwrap_err();
        assert!(
            why.starts_with("data does not apply: it divides a batch"),
            "{why}"
        );
        let mut four = picker(4, &Plan::LOCAL, 1);
        press(&mut four, &[Pick::Down; 5]);
        press(&mut four, &[Pick::Side, Pick::By(1)]);
        assert_eq!(label(&four), "data 3+1");
    }

    #[test]
    fn a_second_server_is_another_cut_or_another_share() {
        let mut picker = picker(1, &Plan::split(20), 2);
        press(&mut picker, &[Pick::Side, Pick::By(1)]);
        assert_eq!(label(&picker), "split 20+86");
        press(&mut picker, &[Pick::Down, Pick::Most]);
        assert_eq!(label(&picker), "split 86+86");
    }
}
