//! What a classifier's result says: its best classes. Pure.

use crate::wire::ClassScore;

/// The five best classes of one image's logits (f32, little endian), with their softmax.
pub fn top_five(logits: &[u8], classes: usize) -> Vec<ClassScore> {
    let logits: Vec<f32> = logits
        .chunks_exact(4)
        .take(classes)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp: Vec<f64> = logits.iter().map(|l| f64::from(l - max).exp()).collect();
    let sum: f64 = exp.iter().sum();
    let mut order: Vec<usize> = (0..exp.len()).collect();
    order.sort_by(|&a, &b| exp[b].total_cmp(&exp[a]));
    order
        .into_iter()
        .take(5)
        .map(|class| ClassScore {
            class: class as u16,
            score: (exp[class] / sum) as f32,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_classes_come_first_and_scores_are_a_softmax() {
        let logits: Vec<u8> = [0.0_f32, 3.0, 1.0, 2.0, -1.0, 0.5]
            .iter()
            .flat_map(|l| l.to_le_bytes())
            .collect();
        let top = top_five(&logits, 6);
        let classes: Vec<_> = top.iter().map(|t| t.class).collect();
        assert_eq!(classes, [1, 3, 2, 5, 0]);
        assert!((top[0].score - 0.604).abs() < 0.01, "{}", top[0].score);
    }
}
