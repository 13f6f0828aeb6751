//! The Layers screen's state: how the table of operators is sorted and filtered, and the table itself, as pure data.

use std::collections::BTreeSet;

use super::super::{App, Move, Proposal, Typed, proposal};
use crate::model::Graph;
use crate::plan::Plan;
use crate::store::Store;
use crate::units::{Bytes, DeviceId};
use crate::wire::Packing;

/// What keys ask of the Layers screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Another row.
    Row(Move),
    /// Sort by the next column.
    Sort,
    /// Sort the other way round.
    Reverse,
    /// Show the operators of the next device only, in the end of all again.
    Device,
    /// Begin to type what rows must have in them.
    Search,
    /// Show all rows again.
    Clear,
    /// Propose the cut behind the row looked at.
    Cut,
}

/// What the table is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// The model's order.
    #[default]
    Order,
    /// The median.
    P50,
    /// The 95th percentile.
    P95,
    /// What is put out.
    Bytes,
    /// What a frame is predicted to take with the cut behind it, the least first.
    IfCut,
    /// The name.
    Name,
}

impl Sort {
    const ALL: [Self; 6] = [
        Self::Order,
        Self::P50,
        Self::P95,
        Self::Bytes,
        Self::IfCut,
        Self::Name,
    ];

    /// A word for the title.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::Bytes => "bytes",
            Self::IfCut => "predicted if cut",
            Self::Name => "name",
        }
    }
}

/// An operator on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its place in the model, from 0.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: &'static str,
    /// Where it was measured in this epoch; none if it was not.
    pub device: Option<DeviceId>,
    /// Half of its times are shorter.
    pub p50_ns: Option<i64>,
    /// 95 of 100 of its times are shorter.
    pub p95_ns: Option<i64>,
    /// Its part of the sum of all medians, 0 to 1.
    pub share: Option<f64>,
    /// Frames that its times are of.
    pub count: usize,
    /// What it puts out, whole.
    pub bytes: Bytes,
    /// How its output is packed for the link, where it is.
    pub packing: Option<Packing>,
    /// A frame's latency with the cut behind it, predicted; none without a prediction, or where it never arrives.
    pub if_cut_ns: Option<i64>,
}

/// The Layers screen.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    sort: Sort,
    reverse: bool,
    device: Option<DeviceId>,
    search: String,
    typing: bool,
    /// None: the cut, wherever it goes.
    row: Option<usize>,
}

/// Letters that can be searched for.
const LONGEST: usize = 40;

impl Layers {
    /// What the table is sorted by, and whether the other way round.
    pub const fn sort(&self) -> (Sort, bool) {
        (self.sort, self.reverse)
    }

    /// The only device that is shown.
    pub const fn device(&self) -> Option<DeviceId> {
        self.device
    }

    /// What rows must have in them.
    pub fn search(&self) -> &str {
        &self.search
    }

    /// Whether letters go into the search.
    pub const fn typing(&self) -> bool {
        self.typing
    }

    /// The row looked at, counted in the table as it is shown: the one chosen, else the first behind the cut.
    pub fn looked_at(&self, rows: &[Row], cut: Option<u32>) -> usize {
        let last = rows.len().saturating_sub(1);
        let behind = |cut| rows.iter().position(|row| row.index >= cut);
        match (self.row, cut, self.sort) {
            (Some(row), ..) => row.min(last),
            (None, Some(cut), Sort::Order) => behind(cut).unwrap_or(last),
            (None, ..) => 0,
        }
    }

    fn clear(&mut self) {
        self.search.clear();
        self.device = None;
        self.typing = false;
    }

    /// The rows to be seen, in their order. All figures are of the store's present epoch.
    pub fn rows(&self, store: &Store, graph: &Graph) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for (i, node) in graph.operators().iter().enumerate() {
            let row = Row {
                index: i as u32,
                name: node.name.clone(),
                kind: node.op.kind(),
                device: None,
                p50_ns: None,
                p95_ns: None,
                share: None,
                count: 0,
                bytes: node.output_bytes(),
                packing: store.packings().node(node.id),
                if_cut_ns: if_cut(store, i as u32 + 1),
            };
            let medians = store.operators().medians(node.id);
            if medians.is_empty() {
                rows.push(row);
                continue;
            }
            rows.extend(medians.into_iter().map(|median| Row {
                device: Some(median.device),
                p50_ns: Some(median.ns),
                p95_ns: Some(median.p95_ns),
                count: median.count,
                ..row.clone()
            }));
        }
        let sum: i64 = rows.iter().filter_map(|row| row.p50_ns).sum();
        for row in &mut rows {
            let share = |ns: i64| ns as f64 / sum.max(1) as f64;
            row.share = row.p50_ns.map(share);
        }
        let search = self.search.to_lowercase();
        rows.retain(|row| {
            let here = self.device.is_none_or(|device| row.device == Some(device));
            let named = row.name.to_lowercase().contains(&search);
            here && (named || row.kind.contains(&*search))
        });
        // Stable: of equals the model's order. What was not measured comes last, whichever way.
        match self.sort {
            Sort::Order => {}
            Sort::P50 => rows.sort_by_key(|row| std::cmp::Reverse(row.p50_ns)),
            Sort::P95 => rows.sort_by_key(|row| std::cmp::Reverse(row.p95_ns)),
            Sort::Bytes => rows.sort_by_key(|row| std::cmp::Reverse(row.bytes)),
            // What has no prediction comes last.
            Sort::IfCut => rows.sort_by_key(|row| row.if_cut_ns.unwrap_or(i64::MAX)),
            Sort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        }
        if self.reverse {
            rows.reverse();
            match self.sort {
                Sort::P50 | Sort::P95 => rows.sort_by_key(|row| row.p50_ns.is_none()),
                Sort::IfCut => rows.sort_by_key(|row| row.if_cut_ns.is_none()),
                Sort::Order | Sort::Bytes | Sort::Name => {}
            }
        }
        rows
    }
}

fn if_cut(store: &Store, k: u32) -> Option<i64> {
    store.predictions().cut(k)?.latency_ns
}

/// Where operators were measured in this epoch, in order.
fn devices(store: &Store, graph: &Graph) -> BTreeSet<DeviceId> {
    let nodes = graph.operators().iter();
    let medians = nodes.flat_map(|node| store.operators().medians(node.id));
    medians.map(|median| median.device).collect()
}

impl App {
    /// Obeys a key while the search is typed.
    pub(in crate::console::app) fn search_layers(&mut self, typed: Typed) {
        let layers = &mut self.screens.layers;
        match typed {
            Typed::Char(c) => {
                if layers.search.chars().count() < LONGEST {
                    layers.search.push(c);
                }
                layers.row = None;
            }
            Typed::Erase => {
                layers.search.pop();
            }
            Typed::Keep => layers.typing = false,
            Typed::Drop => layers.clear(),
        }
    }

    pub(in crate::console::app) fn on_layers(&mut self, what: Do) {
        let shown = self.focus().and_then(|i| self.shown(i));
        let model = shown.and_then(|store| Some((store, store.model()?)));
        let rows = model.map_or_else(Vec::new, |(store, model)| {
            self.screens.layers.rows(store, &model.graph)
        });
        let last = rows.len().saturating_sub(1);
        let devices =
            model.map_or_else(BTreeSet::new, |(store, model)| devices(store, &model.graph));
        let cut = model.and_then(|(store, model)| store.plan()?.plan.cut(&model.graph));
        let at = self.screens.layers.looked_at(&rows, cut);
        let here = rows.get(at).map(|row| row.index);
        let layers = &mut self.screens.layers;
        match what {
            Do::Row(step) => layers.row = Some(step.moved(at, last)),
            Do::Sort => {
                let at = Sort::ALL.iter().position(|sort| *sort == layers.sort);
                let next = at.map_or(0, |at| (at + 1) % Sort::ALL.len());
                (layers.sort, layers.row) = (Sort::ALL[next], None);
            }
            Do::Reverse => layers.reverse = !layers.reverse,
            Do::Device => {
                let next = devices
                    .into_iter()
                    .find(|device| layers.device < Some(*device));
                layers.device = next;
                layers.row = None;
            }
            Do::Search => layers.typing = true,
            Do::Clear => layers.clear(),
            Do::Cut => {
                if let Some(index) = here {
                    self.propose_cut(index + 1);
                }
            }
        }
    }

    /// Proposes that operators before `k` run on the robot.
    fn propose_cut(&mut self, k: u32) {
        let Some(index) = self.robot() else {
            return;
        };
        let store = &self.targets[index].store;
        let Some(model) = store.model() else {
            return self.no_model();
        };
        let effective = store.plan().map(|p| &p.plan);
        let local = Plan::LOCAL;
        let from = effective.unwrap_or(&local);
        let first = proposal::moved(from, Move::First, &model.graph);
        let moved = first.and_then(|at| proposal::moved(&at, Move::By(k as i32), &model.graph));
        match moved {
            Some(moved) => {
                let differs = Some(&moved) != effective;
                self.proposal = differs.then(|| Proposal::new(moved, &model.graph));
            }
            None => {
                self.notice = Some("this mode has no cut to move: m chooses another".to_owned());
            }
        }
    }
}
