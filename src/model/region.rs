//! Exact halo arithmetic: which box of its inputs a box of an operator's output needs.
//!
//! Half-open intervals, counted from 0. A window of extent `ke = d (k - 1) + 1` at stride `s` and padding `p`
//! reads, for output rows `[a, b)`, input rows `[a s - p, (b - 1) s - p + ke)`, clamped to the image. Padding
//! belongs to the true image edge only, never to a cut.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::graph::{Graph, Node};
use super::op::{Op, Window};
use super::shape::Shape;

/// A half-open interval of indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first index inside.
    pub start: u32,
    /// The first index after it.
    pub end: u32,
}

// On the wire and in files a span is the pair `[start, end]`: programs have thousands of them.
impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (self.start, self.end).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (start, end) = <(u32, u32)>::deserialize(d)?;
        if start > end {
            return Err(serde::de::Error::custom(format!(
                "an interval cannot run from {start} back to {end}"
            )));
        }
        Ok(Self { start, end })
    }
}

impl Span {
    /// `[start, end)`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// `[0, len)`.
    pub const fn whole(len: u32) -> Self {
        Self { start: 0, end: len }
    }

    /// Indices inside.
    pub const fn len(&self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether nothing is inside.
    pub const fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    /// Whether every index of `other` is inside.
    pub const fn covers(&self, other: &Self) -> bool {
        other.is_empty() || (self.start <= other.start && other.end <= self.end)
    }

    /// The indices inside both; empty when there are none.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let start = self.start.max(other.start);
        Self::new(start, self.end.min(other.end).max(start))
    }

    /// The smallest interval that covers both.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A box of an operator's output: images, channels and rows; columns are always whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region {
    /// Images of the batch.
    pub batch: Span,
    /// Channels, or features after a flatten.
    pub channel: Span,
    /// Rows.
    pub row: Span,
}

impl Region {
    /// The whole output.
    pub const fn whole(shape: &Shape) -> Self {
        Self {
            batch: Span::whole(shape.batch),
            channel: Span::whole(shape.channels),
            row: Span::whole(shape.rows),
        }
    }

    /// Whether nothing is inside.
    pub const fn is_empty(&self) -> bool {
        self.batch.is_empty() || self.channel.is_empty() || self.row.is_empty()
    }

    /// Whether all of `other` is inside.
    pub const fn covers(&self, other: &Self) -> bool {
        other.is_empty()
            || (self.batch.covers(&other.batch)
                && self.channel.covers(&other.channel)
                && self.row.covers(&other.row))
    }

    /// What is inside both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            batch: self.batch.intersect(&other.batch),
            channel: self.channel.intersect(&other.channel),
            row: self.row.intersect(&other.row),
        }
    }

    /// The smallest box that covers both.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        Self {
            batch: self.batch.hull(&other.batch),
            channel: self.channel.hull(&other.channel),
            row: self.row.hull(&other.row),
        }
    }

    /// Elements inside, for an output with this many columns.
    pub const fn elements(&self, columns: u32) -> u64 {
        self.batch.len() as u64 * self.channel.len() as u64 * self.row.len() as u64 * columns as u64
    }

    /// The box without `inner`, as boxes that do not overlap.
    pub fn minus(&self, inner: &Self) -> Vec<Self> {
        let cut = self.intersect(inner);
        if cut.is_empty() {
            return if self.is_empty() {
                Vec::new()
            } else {
                vec![*self]
            };
        }
        let mut rest = Vec::new();
        let mut core = *self;
        let mut shave = |core: &mut Self, axis: fn(&mut Self) -> &mut Span, keep: Span| {
            let whole = *axis(core);
            for piece in [
                Span::new(whole.start, keep.start),
                Span::new(keep.end, whole.end),
            ] {
                if !piece.is_empty() {
                    let mut part = *core;
                    *axis(&mut part) = piece;
                    rest.push(part);
                }
            }
            *axis(core) = keep;
        };
        shave(&mut core, |r| &mut r.batch, cut.batch);
        shave(&mut core, |r| &mut r.channel, cut.channel);
        shave(&mut core, |r| &mut r.row, cut.row);
        rest
    }

    /// Whether the union of `pieces` covers this box.
    pub fn is_covered_by<'a>(&self, pieces: impl Iterator<Item = &'a Self>) -> bool {
        let mut missing = vec![*self];
        for piece in pieces {
            missing = missing.iter().flat_map(|m| m.minus(piece)).collect();
            if missing.is_empty() {
                return true;
            }
        }
        missing.iter().all(Self::is_empty)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "images {}, channels {}, rows {}",
            self.batch, self.channel, self.row
        )
    }
}

/// The box of each input that the box `out` of a node's output needs, one hull per input, in the node's order.
/// `over` restricts the input channels of a convolution or linear map (an addend of an all-reduce).
pub fn need(graph: &Graph, node: &Node, out: &Region, over: Option<Span>) -> Vec<Region> {
    let input_shape = |i: usize| graph.node(node.inputs[i]).shape;
    match &node.op {
        Op::Input => Vec::new(),
        Op::Normalize { .. } | Op::BatchNorm2d { .. } | Op::Relu | Op::Relu6 => vec![*out],
        Op::Add => vec![*out, *out],
        Op::Conv2d(conv) => {
            let x = input_shape(0);
            let out_group = conv.out / conv.groups;
            let in_group = x.channels / conv.groups;
            let groups = Span::new(
                out.channel.start / out_group,
                out.channel.end.div_ceil(out_group),
            );
            let channel = Span::new(groups.start * in_group, groups.end * in_group);
            vec![Region {
                batch: out.batch,
                channel: over.map_or(channel, |o| o.intersect(&channel)),
                row: window_rows(&conv.window, out.row, x.rows),
            }]
        }
        Op::MaxPool2d(pool) | Op::AvgPool2d(pool) => vec![Region {
            row: window_rows(&pool.window, out.row, input_shape(0).rows),
            ..*out
        }],
        Op::AdaptiveAvgPool2d { .. } => vec![Region {
            row: Span::whole(input_shape(0).rows),
            ..*out
        }],
        Op::Flatten => {
            let x = input_shape(0);
            let plane = x.rows * x.columns;
            vec![Region {
                batch: out.batch,
                channel: Span::new(out.channel.start / plane, out.channel.end.div_ceil(plane)),
                row: Span::whole(x.rows),
            }]
        }
        Op::Linear { .. } => vec![Region {
            batch: out.batch,
            channel: over.unwrap_or(Span::whole(input_shape(0).channels)),
            row: Span::whole(1),
        }],
        Op::Concat => {
            let mut offset = 0;
            (0..node.inputs.len())
                .map(|i| {
                    let mine = Span::new(offset, offset + input_shape(i).channels);
                    let cut = out.channel.intersect(&mine);
                    let channel =
                        Span::new(cut.start.max(offset) - offset, cut.end.max(offset) - offset);
                    offset = mine.end;
                    Region { channel, ..*out }
                })
                .collect()
        }
    }
}

/// The largest box of a node's output that can be computed from the boxes `have` of its inputs, one per input, in the
/// node's order; empty when nothing can. Rows come out in order, so this is how far a stream of rows has got.
pub fn frontier(graph: &Graph, node: &Node, have: &[Region]) -> Region {
    let nothing = Region {
        batch: Span::new(0, 0),
        channel: Span::new(0, 0),
        row: Span::new(0, 0),
    };
    let Some(first) = have.first().copied() else {
        return nothing;
    };
    if have.iter().any(Region::is_empty) {
        return nothing;
    }
    let input_shape = |i: usize| graph.node(node.inputs[i]).shape;
    let all_rows = first.row.covers(&Span::whole(input_shape(0).rows));
    let all_channels = first.channel.covers(&Span::whole(input_shape(0).channels));
    let out = match &node.op {
        Op::Input => nothing,
        Op::Normalize { .. } | Op::BatchNorm2d { .. } | Op::Relu | Op::Relu6 => first,
        Op::Add => have.iter().fold(first, |both, h| both.intersect(h)),
        Op::Conv2d(conv) => {
            let in_group = input_shape(0).channels / conv.groups;
            let out_group = conv.out / conv.groups;
            let groups = Span::new(
                first.channel.start.div_ceil(in_group),
                (first.channel.end / in_group).max(first.channel.start.div_ceil(in_group)),
            );
            Region {
                channel: Span::new(groups.start * out_group, groups.end * out_group),
                row: rows_made(
                    &conv.window,
                    first.row,
                    input_shape(0).rows,
                    node.shape.rows,
                ),
                ..first
            }
        }
        Op::MaxPool2d(pool) | Op::AvgPool2d(pool) => Region {
            row: rows_made(
                &pool.window,
                first.row,
                input_shape(0).rows,
                node.shape.rows,
            ),
            ..first
        },
        Op::AdaptiveAvgPool2d { rows, .. } if all_rows => Region {
            row: Span::whole(*rows),
            ..first
        },
        Op::Flatten if all_rows => {
            let plane = input_shape(0).rows * input_shape(0).columns;
            Region {
                channel: Span::new(first.channel.start * plane, first.channel.end * plane),
                row: Span::whole(1),
                ..first
            }
        }
        Op::Linear { out, .. } if all_channels => Region {
            channel: Span::whole(*out),
            ..first
        },
        Op::AdaptiveAvgPool2d { .. } | Op::Flatten | Op::Linear { .. } => nothing,
        Op::Concat => {
            let common = have.iter().fold(first, |both, h| Region {
                channel: both.channel,
                ..both.intersect(h)
            });
            // Channels from the first input on, as far as they join up.
            let mut offset = 0;
            let mut channel: Option<Span> = None;
            for (i, h) in have.iter().enumerate() {
                let mine = Span::new(offset + h.channel.start, offset + h.channel.end);
                channel = match channel {
                    None => Some(mine),
                    Some(so_far) if so_far.end == mine.start => {
                        Some(Span::new(so_far.start, mine.end))
                    }
                    stopped => stopped,
                };
                offset += input_shape(i).channels;
            }
            Region {
                channel: channel.unwrap_or(first.channel),
                ..common
            }
        }
    };
    if out.is_empty() { nothing } else { out }
}

/// Output rows of a window that input rows `have` of an image of `rows` rows suffice for.
fn rows_made(window: &Window, have: Span, rows: u32, outputs: u32) -> Span {
    let (stride, padding) = (i64::from(window.stride), i64::from(window.padding));
    let ceil_div = |a: i64, b: i64| a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0);
    let start = if have.start == 0 {
        0
    } else {
        ceil_div(i64::from(have.start) + padding, stride)
    };
    let end = if have.end >= rows {
        i64::from(outputs)
    } else {
        (i64::from(have.end) + padding - i64::from(window.extent())).div_euclid(stride) + 1
    };
    let clamp = |row: i64| row.clamp(0, i64::from(outputs)) as u32;
    Span::new(clamp(start), clamp(end).max(clamp(start)))
}

/// Rows of zeros (convolution, mean) or minus infinity (maximum) that a window adds above and below the input rows that
/// it needs for output rows `out`: at the true edges of the image only, never at a cut.
pub fn edge_padding(window: &Window, out: Span, rows: u32) -> (u32, u32) {
    let first = i64::from(out.start) * i64::from(window.stride) - i64::from(window.padding);
    let last = (i64::from(out.end) - 1) * i64::from(window.stride) - i64::from(window.padding)
        + i64::from(window.extent());
    let above = (-first).max(0);
    let below = (last - i64::from(rows)).max(0);
    (above as u32, below as u32)
}

/// Input rows that output rows `out` of a window need, clamped to the image of `rows` rows.
fn window_rows(window: &Window, out: Span, rows: u32) -> Span {
    if out.is_empty() {
        return Span::new(0, 0);
    }
    let first = i64::from(out.start) * i64::from(window.stride) - i64::from(window.padding);
    let last = i64::from(out.end - 1) * i64::from(window.stride) - i64::from(window.padding)
        + i64::from(window.extent());
    let clamp = |row: i64| row.clamp(0, i64::from(rows)) as u32;
    Span::new(clamp(first), clamp(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::units::NodeId;
    use proptest::prelude::*;

    /// Which input rows a window touches, by looking at every tap.
    fn touched(window: &Window, out: Span, rows: u32) -> Vec<bool> {
        let mut seen = vec![false; rows as usize];
        for o in out.start..out.end {
            for tap in 0..window.kernel {
                let row = i64::from(o * window.stride + tap * window.dilation)
                    - i64::from(window.padding);
                if let Some(seen) = usize::try_from(row).ok().and_then(|r| seen.get_mut(r)) {
                    *seen = true;
                }
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn window_rows_cover_every_row_touched_and_no_more_without_padding(
            kernel in 1_u32..6, stride in 1_u32..4, padding in 0_u32..3, dilation in 1_u32..3,
            rows in 12_u32..40, cut in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            let window = Window { kernel, stride, padding, dilation };
            let outputs = window.outputs(rows, false).unwrap();
            let at = |f: f64| (f * f64::from(outputs)) as u32;
            let (a, b) = (at(cut.0.min(cut.1)), at(cut.0.max(cut.1)) + 1);
            let span = window_rows(&window, Span::new(a, b.min(outputs)), rows);
            let seen = touched(&window, Span::new(a, b.min(outputs)), rows);
            let first = seen.iter().position(|&s| s);
            let last = seen.iter().rposition(|&s| s);
            // A tap in the padding may stretch the hull to the image's edge; it never shrinks it.
            if let Some((first, last)) = first.zip(last) {
                let hull = Span::new(first as u32, last as u32 + 1);
                prop_assert!(span.covers(&hull), "{span} misses rows of {hull}");
                prop_assert!(padding > 0 || span == hull, "{span} is more than {hull}");
            }
        }

        #[test]
        fn minus_leaves_exactly_what_is_outside(
            outer in boxes(), inner in boxes(),
        ) {
            let rest = outer.minus(&inner);
            let inside = outer.intersect(&inner);
            let left: u64 = rest.iter().map(|r| r.elements(1)).sum();
            prop_assert_eq!(left, outer.elements(1) - inside.elements(1));
            for (i, a) in rest.iter().enumerate() {
                prop_assert!(outer.covers(a) && a.intersect(&inner).is_empty());
                prop_assert!(rest[..i].iter().all(|b| a.intersect(b).is_empty()));
            }
            prop_assert!(outer.is_covered_by(rest.iter().chain([&inner])));
        }
    }

    fn boxes() -> impl Strategy<Value = Region> {
        let span = || (0_u32..6, 1_u32..6).prop_map(|(a, n)| Span::new(a, a + n));
        (span(), span(), span()).prop_map(|(batch, channel, row)| Region {
            batch,
            channel,
            row,
        })
    }

    proptest! {
        #[test]
        fn the_frontier_is_all_that_can_be_made_and_no_more(
            kernel in 1_u32..6, stride in 1_u32..4, padding in 0_u32..3, dilation in 1_u32..3,
            rows in 12_u32..40, ceil in any::<bool>(), cut in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            prop_assume!(padding * 2 <= kernel);
            let window = Window { kernel, stride, padding, dilation };
            let outputs = window.outputs(rows, ceil).unwrap();
            let at = |f: f64| (f * f64::from(rows)) as u32;
            let have = Span::new(at(cut.0.min(cut.1)), at(cut.0.max(cut.1)) + 1);
            let made = rows_made(&window, have, rows, outputs);
            let suffices = |row: u32| have.covers(&window_rows(&window, Span::new(row, row + 1), rows));
            for row in 0..outputs {
                prop_assert_eq!(
                    made.start <= row && row < made.end, suffices(row),
                    "row {} of {} from {}", row, made, have
                );
            }
        }
    }

    #[test]
    fn vgg19_halo_is_the_published_one() {
        // Row [0, 1) of the last pool needs input rows [0, 150): a one-sided halo of 118 px.
        let graph = zoo::build("vgg19", 1, 224, 224).unwrap();
        let pool = graph
            .nodes()
            .iter()
            .rfind(|n| matches!(n.op, Op::MaxPool2d(_)))
            .unwrap();
        let mut needs = vec![None::<Region>; graph.nodes().len()];
        needs[pool.id.index()] = Some(Region {
            row: Span::new(0, 1),
            ..Region::whole(&pool.shape)
        });
        for node in graph.nodes().iter().rev() {
            if let Some(out) = needs[node.id.index()] {
                for (input, region) in node.inputs.iter().zip(need(&graph, node, &out, None)) {
                    let slot = &mut needs[input.index()];
                    *slot = Some(slot.map_or(region, |r| r.hull(&region)));
                }
            }
        }
        let image = needs[NodeId::INPUT.index()].unwrap();
        assert_eq!(image.row, Span::new(0, 150));
    }

    #[test]
    fn concat_shifts_channels_and_flatten_widens_them() {
        let graph = zoo::build("densenet121", 1, 64, 64).unwrap();
        let cat = graph.nodes().iter().find(|n| n.op == Op::Concat).unwrap();
        let out = Region {
            channel: Span::new(60, 70),
            ..Region::whole(&cat.shape)
        };
        let channels: Vec<_> = need(&graph, cat, &out, None)
            .iter()
            .map(|r| r.channel)
            .collect();
        assert_eq!(channels, [Span::new(60, 64), Span::new(0, 6)]);
    }
}
