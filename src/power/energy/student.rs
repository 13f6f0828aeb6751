//! Student's t: how far a mean of few values may be off.

/// The 97.5 % quantile for 1 to 30 degrees of freedom.
const TABLE: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// Half of a 95 % interval in standard errors. Between entries the larger is taken; below one degree of freedom there
/// is none.
pub(super) fn t_975(degrees: f64) -> Option<f64> {
    let whole = degrees.floor();
    match whole {
        d if d.is_nan() || d < 1.0 => None,
        d if d <= 30.0 => TABLE.get(d as usize - 1).copied(),
        d if d < 40.0 => Some(2.042),
        d if d < 60.0 => Some(2.021),
        d if d < 120.0 => Some(2.000),
        d if d.is_finite() => Some(1.980),
        _ => Some(1.960),
    }
}

/// Mean and squared standard error of the mean; none for fewer than two values.
pub(super) fn mean_and_error(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some((mean, squares / (n - 1.0) / n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, t) in [
            (1.0, 12.706),
            (3.0, 3.182),
            (10.0, 2.228),
            (30.0, 2.042),
            (60.0, 2.000),
            (f64::INFINITY, 1.960),
        ] {
            assert_eq!(t_975(degrees), Some(t), "{degrees}");
        }
        assert_eq!(t_975(3.9), Some(3.182));
        assert_eq!(t_975(0.9), None);
        assert_eq!(t_975(f64::NAN), None);
    }

    #[test]
    fn the_error_of_a_mean() {
        let (mean, error) = mean_and_error(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((mean - 2.5).abs() < 1e-12);
        assert!((error - 5.0 / 3.0 / 4.0).abs() < 1e-12);
        assert_eq!(mean_and_error(&[1.0]), None);
    }
}
