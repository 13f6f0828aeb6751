//! Minimum cut of a directed graph by Dinic's algorithm (1970): which nodes stay with the source.

use std::collections::VecDeque;

/// A capacity that no cut pays.
pub(super) const FORBIDDEN: i64 = i64::MAX / 8;

#[derive(Debug, Clone, Copy)]
struct Edge {
    to: usize,
    left: i64,
}

/// A flow network under construction.
#[derive(Debug)]
pub(super) struct Network {
    edges: Vec<Edge>,
    /// By node: its edges; edge `i` and `i ^ 1` are each other's reverse.
    out: Vec<Vec<usize>>,
}

impl Network {
    /// So many nodes and no edges.
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            edges: Vec::new(),
            out: vec![Vec::new(); nodes],
        }
    }

    /// An edge that a cut between `from` (with the source) and `to` (with the sink) pays for.
    pub(super) fn edge(&mut self, from: usize, to: usize, capacity: i64) {
        self.out[from].push(self.edges.len());
        self.edges.push(Edge { to, left: capacity });
        self.out[to].push(self.edges.len());
        self.edges.push(Edge { to: from, left: 0 });
    }

    /// Whether each node stays with the source in a minimum cut, and what that cut pays. Of several minimum cuts it is
    /// the one with the fewest nodes on the source's side.
    pub(super) fn cut(mut self, source: usize, sink: usize) -> (Vec<bool>, i64) {
        let mut flow: i64 = 0;
        loop {
            let levels = self.levels(source);
            if levels[sink] == usize::MAX {
                let stays = levels.iter().map(|&level| level != usize::MAX).collect();
                return (stays, flow);
            }
            let mut next = vec![0; self.out.len()];
            while let Some(pushed) = self.augment(source, sink, &levels, &mut next) {
                flow = flow.saturating_add(pushed);
            }
        }
    }

    /// Steps from the source over edges with capacity left.
    fn levels(&self, source: usize) -> Vec<usize> {
        let mut levels = vec![usize::MAX; self.out.len()];
        levels[source] = 0;
        let mut queue = VecDeque::from([source]);
        while let Some(node) = queue.pop_front() {
            for &edge in &self.out[node] {
                let Edge { to, left } = self.edges[edge];
                if left > 0 && levels[to] == usize::MAX {
                    levels[to] = levels[node] + 1;
                    queue.push_back(to);
                }
            }
        }
        levels
    }

    /// Pushes what one more shortest path carries; none if there is none.
    fn augment(
        &mut self,
        source: usize,
        sink: usize,
        levels: &[usize],
        next: &mut [usize],
    ) -> Option<i64> {
        let mut path: Vec<usize> = Vec::new();
        let mut node = source;
        while node != sink {
            let edge = self.out[node].get(next[node]).copied();
            match edge {
                Some(edge) => {
                    let Edge { to, left } = self.edges[edge];
                    if left > 0 && levels[to] == levels[node] + 1 {
                        path.push(edge);
                        node = to;
                    } else {
                        next[node] += 1;
                    }
                }
                None => {
                    // A dead end: back, and past the edge that led here.
                    let back = path.pop()?;
                    node = self.edges[back ^ 1].to;
                    next[node] += 1;
                }
            }
        }
        let least = path.iter().map(|&edge| self.edges[edge].left).min()?;
        for edge in path {
            self.edges[edge].left -= least;
            self.edges[edge ^ 1].left += least;
        }
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_cut_is_the_cheapest_of_all(
            edges in prop::collection::vec((0_usize..7, 0_usize..7, 0_i64..30), 0..25),
        ) {
            let mut network = Network::new(7);
            for &(from, to, capacity) in edges.iter().filter(|e| e.0 != e.1) {
                network.edge(from, to, capacity);
            }
            let cost = |with_source: &dyn Fn(usize) -> bool| -> i64 {
                let pays = edges.iter().filter(|e| with_source(e.0) && !with_source(e.1));
                pays.map(|e| e.2).sum()
            };
            let (stays, paid) = network.cut(0, 6);
            let all = (0_u32..1 << 7).filter(|bits| bits & 1 == 1 && bits >> 6 & 1 == 0);
            let least = all.map(|bits| cost(&|i| bits >> i & 1 == 1)).min().unwrap();
            prop_assert_eq!(paid, least);
            prop_assert_eq!(cost(&|i| stays[i]), least);
            prop_assert!(stays[0] && !stays[6]);
        }
    }
}
