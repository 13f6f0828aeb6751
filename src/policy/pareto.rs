//! The plans that nobody beats in both latency and energy.

use super::Candidate;

/// The places of the candidates on the front, the fastest first: each needs less energy than every faster one. Without
/// energies, only the fastest. Of equals the first.
pub fn front(candidates: &[Candidate]) -> Vec<usize> {
    let energy = |i: usize| candidates[i].energy.map_or(f64::INFINITY, |e| e.0);
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| {
        let by_latency = candidates[a].latency_ns.cmp(&candidates[b].latency_ns);
        by_latency
            .then(energy(a).total_cmp(&energy(b)))
            .then(a.cmp(&b))
    });
    let mut front: Vec<usize> = Vec::new();
    for i in order {
        if front.last().is_none_or(|&last| energy(i) < energy(last)) {
            front.push(i);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::units::Joules;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_front_is_what_nobody_beats_in_both(points in prop::collection::vec((0_i64..20, 0_u32..20), 1..40)) {
            let candidates: Vec<Candidate> = points
                .iter()
                .map(|&(latency_ns, joules)| Candidate {
                    latency_ns,
                    energy: Some(Joules(f64::from(joules))),
                    ..Candidate::unknown(&Plan::LOCAL)
                })
                .collect();
            let on_front = front(&candidates);
            for (i, &(latency, joules)) in points.iter().enumerate() {
                let beats = |&(l, j): &(i64, u32)| l <= latency && j <= joules && (l, j) != (latency, joules);
                let same = on_front.iter().any(|&f| points[f] == (latency, joules));
                prop_assert_eq!(same, !points.iter().any(beats), "{}", i);
            }
            prop_assert!(on_front.windows(2).all(|w| points[w[0]].0 < points[w[1]].0));
        }
    }
}
