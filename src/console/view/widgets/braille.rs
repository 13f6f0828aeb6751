//! A filled chart of braille dots: two values per column, four levels per row. Where there is no value there is no dot.

/// Dots of a cell from the bottom up, left and right.
const LEFT: [u8; 4] = [0x40, 0x04, 0x02, 0x01];
const RIGHT: [u8; 4] = [0x80, 0x20, 0x10, 0x08];

/// The rows of a chart from the top down; `top` is the value of the highest dot. A value above none but zero has at
/// least one dot, so that what was measured differs from a gap.
pub(in crate::console::view) fn rows(values: &[Option<f64>], rows: usize, top: f64) -> Vec<String> {
    let dots: Vec<usize> = values.iter().map(|v| height(*v, rows * 4, top)).collect();
    (0..rows)
        .rev()
        .map(|row| dots.chunks(2).map(|pair| cell(pair, row * 4)).collect())
        .collect()
}

fn height(value: Option<f64>, most: usize, top: f64) -> usize {
    match value {
        Some(v) if top > 0.0 => {
            let dots = (v / top * most as f64).round() as usize;
            dots.clamp(1, most)
        }
        Some(_) => 1,
        None => 0,
    }
}

fn cell(pair: &[usize], below: usize) -> char {
    let filled = |dots: usize, column: [u8; 4]| {
        let here = dots.saturating_sub(below).min(4);
        column[..here].iter().fold(0, |bits, bit| bits | bit)
    };
    let left = pair.first().map_or(0, |&d| filled(d, LEFT));
    let right = pair.get(1).map_or(0, |&d| filled(d, RIGHT));
    match left | right {
        0 => ' ',
        bits => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
    }
}

/// The least of 1, 2, 5, 10, 20, ... (or their tenths) that is not below a value: an axis that does not tremble.
pub(in crate::console::view) fn axis_top(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.1 {
        return 0.1;
    }
    let decade = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * decade)
        .find(|&top| top >= value * 0.999)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_half_little_and_no_value_look_different() {
        let values = [Some(8.0), Some(8.0), Some(4.0), Some(0.0), None, None];
        assert_eq!(rows(&values, 2, 8.0), ["⣿  ", "⣿⣇ "]);
    }

    #[test]
    fn axes_end_on_round_numbers() {
        for (value, top) in [
            (0.0, 0.1),
            (71.8, 100.0),
            (100.0, 100.0),
            (101.0, 200.0),
            (4.2, 5.0),
        ] {
            assert!((axis_top(value) - top).abs() < 1e-9, "{value}");
        }
    }
}
