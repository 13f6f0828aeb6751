//! Mode `data`: every device computes the whole model on its images of the batch.

use super::spread::{Spread, devices};
use super::{PlanError, Program, Until};
use crate::model::{Graph, Region, Span};
use crate::units::NodeId;

pub(super) fn programs(graph: &Graph, shares: &[u32]) -> Result<Vec<Program>, PlanError> {
    let refuse = |reason: String| PlanError::DoesNotApply {
        mode: "data",
        reason,
    };
    let batch = graph.input_shape().batch;
    if batch < 2 {
        return Err(refuse(
            "it divides a batch, and a robot's camera gives one image at a time (batch 1); --batch N takes N frames as one input"
                .to_owned(),
        ));
    }
    let total: u64 = shares.iter().map(|&s| u64::from(s)).sum();
    if total != u64::from(batch) || shares.is_empty() || shares.len() > 255 {
        return Err(refuse(format!(
            "the shares {shares:?} make {total} images, the batch has {batch}"
        )));
    }
    let operators: Vec<NodeId> = graph.operators().iter().map(|n| n.id).collect();
    let output = graph.node(graph.output());
    let whole = Region::whole(&output.shape);
    let mut spread = Spread::new(graph, &devices(shares.len()));
    let mut start = 0;
    for (device, &share) in devices(shares.len()).into_iter().zip(shares) {
        let end = start + share;
        // A server computes image by image, so that one is on its way while the one before is computed.
        let step = if start == 0 { share.max(1) } else { 1 };
        while start < end {
            let batch = Span::new(start, (start + step).min(end));
            let target = (output.id, Region { batch, ..whole });
            spread.demand(device, &operators, &[target]);
            start = batch.end;
        }
    }
    // A batch can always be finished from its images.
    spread.keep(NodeId::INPUT, Until::Delivered);
    Ok(spread.finish())
}

/// The number of images of a batch of `batch` that a server should take, by the exact scan of
/// `T(n) = max((batch - n) r, n x / B + L + s(n))`: `robot_ms` per image, `transfer_ms` per image, `latency_ms` of the
/// link, and `server_ms` for `n` images. Gives `n` and `T(n)`.
pub fn best_server_share(
    batch: u32,
    robot_ms: f64,
    transfer_ms: f64,
    latency_ms: f64,
    server_ms: impl Fn(u32) -> f64,
) -> (u32, f64) {
    (0..=batch)
        .map(|n| {
            let robot = f64::from(batch - n) * robot_ms;
            let server = if n == 0 {
                0.0
            } else {
                f64::from(n) * transfer_ms + latency_ms + server_ms(n)
            };
            (n, robot.max(server))
        })
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_the_balance_and_leaves_a_hopeless_server_out() {
        // Two images, 100 ms each on the robot; 50 ms of link and 10 ms of server for each: one goes over.
        let (n, ms) = best_server_share(2, 100.0, 50.0, 2.0, |n| 10.0 * f64::from(n));
        assert_eq!((n, ms), (1, 100.0));
        let (n, ms) = best_server_share(2, 100.0, 500.0, 2.0, |n| 10.0 * f64::from(n));
        assert_eq!((n, ms), (0, 200.0));
        let (n, ms) = best_server_share(3, 100.0, 5.0, 2.0, |n| 10.0 * f64::from(n));
        assert_eq!((n, ms), (3, 47.0));
    }
}
