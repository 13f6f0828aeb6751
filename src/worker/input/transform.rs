//! torchvision's evaluation transform, on bytes: resize the shorter side to 256/224 of the model's, crop the centre.
//!
//! The resampling is Pillow's, which torchvision uses on camera pictures: a triangle filter as wide as the reduction
//! (antialiasing), horizontally and then vertically, each pass rounded to bytes with 22 bits of fixed-point weights
//! (Pillow, `libImaging/Resample.c`). Only what the crop keeps is computed, so that a picture of a strange shape
//! costs no more than another.

/// Fraction bits of the filter's weights.
const PRECISION: u32 = 22;

/// Where the crop lies in the resized picture, both in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Geometry {
    resized_rows: u32,
    resized_columns: u32,
    top: u32,
    left: u32,
}

/// The crop of `[rows, columns]` out of a picture of `[from_rows, from_columns]`.
fn geometry(from_rows: u32, from_columns: u32, rows: u32, columns: u32) -> Geometry {
    let margin = |side: u32| (f64::from(side) * 256.0 / 224.0).round() as u64;
    let (least_rows, least_columns) = (margin(rows), margin(columns));
    let (h, w) = (u64::from(from_rows), u64::from(from_columns));
    // The smallest picture of the same shape that covers both sides; the longer side is rounded down.
    let (resized_rows, resized_columns) = if least_rows * w >= least_columns * h {
        (least_rows, least_rows * w / h)
    } else {
        (least_columns * h / w, least_columns)
    };
    let (resized_rows, resized_columns) = (resized_rows as u32, resized_columns as u32);
    // Python's round: a half goes to the even number.
    let centre = |whole: u32, part: u32| (f64::from(whole - part) / 2.0).round_ties_even() as u32;
    Geometry {
        resized_rows,
        resized_columns,
        top: centre(resized_rows, rows),
        left: centre(resized_columns, columns),
    }
}

/// Which source pixels make one output pixel, and with which weights.
#[derive(Debug)]
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

/// The taps of outputs `from..from + count`, of a side resized from `side` to `resized` pixels.
fn taps(side: u32, resized: u32, from: u32, count: u32) -> Vec<Tap> {
    let scale = f64::from(side) / f64::from(resized);
    let support = scale.max(1.0);
    let tap = |x: u32| {
        let centre = (f64::from(x) + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as u32;
        let end = ((centre + support + 0.5) as u32).min(side);
        let raw: Vec<f64> = (first..end)
            .map(|i| (1.0 - ((f64::from(i) - centre + 0.5) / support).abs()).max(0.0))
            .collect();
        let sum: f64 = raw.iter().sum();
        let one = f64::from(1 << PRECISION);
        Tap {
            first: first as usize,
            weights: raw.iter().map(|w| (w / sum * one + 0.5) as i32).collect(),
        }
    };
    (from..from + count).map(tap).collect()
}

/// A weighted sum, rounded to a byte.
fn blend(weights: &[i32], samples: impl Iterator<Item = u8>) -> u8 {
    let half = 1 << (PRECISION - 1);
    let sum: i32 = weights
        .iter()
        .zip(samples)
        .fold(half, |sum, (w, s)| sum + w * i32::from(s));
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// An interleaved RGB picture `[from_rows, from_columns, 3]` as planar bytes `[3, rows, columns]`.
///
/// `rgb` must hold `from_rows * from_columns * 3` bytes and no side may be 0.
pub(super) fn evaluate(
    rgb: &[u8],
    (from_rows, from_columns): (u32, u32),
    (rows, columns): (u32, u32),
) -> Vec<u8> {
    let g = geometry(from_rows, from_columns, rows, columns);
    let across = taps(from_columns, g.resized_columns, g.left, columns);
    let down = taps(from_rows, g.resized_rows, g.top, rows);
    let first_row = down.first().map_or(0, |t| t.first);
    let end_row = down.last().map_or(0, |t| t.first + t.weights.len());
    let line_bytes = from_columns as usize * 3;

    // Columns first: planar lines [3, end_row - first_row, columns].
    let lines = end_row - first_row;
    let mut narrowed = Vec::with_capacity(3 * lines * columns as usize);
    for channel in 0..3 {
        for line in rgb.chunks_exact(line_bytes).skip(first_row).take(lines) {
            narrowed.extend(across.iter().map(|tap| {
                let samples = line.iter().skip(tap.first * 3 + channel).step_by(3);
                blend(&tap.weights, samples.copied())
            }));
        }
    }

    let width = columns as usize;
    let mut planar = Vec::with_capacity(3 * rows as usize * width);
    for plane in narrowed.chunks_exact(lines * width) {
        for tap in &down {
            let top = (tap.first - first_row) * width;
            planar.extend((0..width).map(|x| {
                let samples = plane.iter().skip(top + x).step_by(width);
                blend(&tap.weights, samples.copied())
            }));
        }
    }
    planar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_becomes_256_and_the_centre_is_kept() {
        let square = geometry(480, 640, 224, 224);
        assert_eq!((square.resized_rows, square.resized_columns), (256, 341));
        // torchvision: int(round((341 - 224) / 2)) = int(round(58.5)) = 58
        assert_eq!((square.top, square.left), (16, 58));
        let tall = geometry(1000, 333, 224, 224);
        assert_eq!((tall.resized_rows, tall.resized_columns), (768, 256));
        let tiny = geometry(1, 16_384, 32, 32);
        assert_eq!((tiny.resized_rows, tiny.resized_columns), (37, 606_208));
    }

    #[test]
    fn a_crop_that_is_not_square_is_covered_by_the_picture() {
        for from in [(10, 10), (100, 7), (7, 100), (480, 640)] {
            for to in [(224, 224), (120, 400), (400, 120), (1, 1)] {
                let g = geometry(from.0, from.1, to.0, to.1);
                assert!(g.top + to.0 <= g.resized_rows, "{from:?} {to:?} {g:?}");
                assert!(g.left + to.1 <= g.resized_columns, "{from:?} {to:?} {g:?}");
            }
        }
    }

    #[test]
    fn bands_stay_where_they_belong_and_channels_become_planes() {
        // Left half red, right half green, the lowest quarter blue.
        let (h, w) = (512, 512);
        let rgb: Vec<u8> = (0..h * w)
            .flat_map(|i| match (i / w, i % w) {
                (384.., _) => [0, 0, 255],
                (_, 0..256) => [255, 0, 0],
                _ => [0, 255, 0],
            })
            .collect();
        let out = evaluate(&rgb, (h, w), (224, 224));
        assert_eq!(out.len(), 3 * 224 * 224);
        let at =
            |channel: usize, row: usize, column: usize| out[(channel * 224 + row) * 224 + column];
        let pixel = |row, column| [at(0, row, column), at(1, row, column), at(2, row, column)];
        // Resized by half, the centre cut at (16, 16): the middle is column 112, the blue band starts at row 176.
        assert_eq!(pixel(50, 110), [255, 0, 0]);
        assert_eq!(pixel(50, 113), [0, 255, 0]);
        assert_eq!(pixel(174, 10), [255, 0, 0]);
        assert_eq!(pixel(177, 10), [0, 0, 255]);
        assert_eq!(pixel(223, 223), [0, 0, 255]);
    }

    #[test]
    fn the_bytes_are_those_of_pillow() {
        // Pillow 13.0.0 and numpy: Image.resize((w, h), BILINEAR) to 256 on the shorter side, then the centre crop.
        for &(size, to, hash) in PILLOW {
            let rgb = reference_picture(size.0, size.1);
            let out = evaluate(&rgb, size, to);
            assert_eq!(
                &blake3::hash(&out).to_hex()[..16],
                hash,
                "{size:?} -> {to:?}"
            );
        }
    }

    /// A picture that a line of Python makes as well: `(r*r*7 + c*c*13 + r*c*3 + k*59) >> 3 & 255`.
    fn reference_picture(rows: u32, columns: u32) -> Vec<u8> {
        (0..rows)
            .flat_map(|r| (0..columns).map(move |c| (r, c)))
            .flat_map(|(r, c)| {
                [0, 1, 2].map(|k| ((r * r * 7 + c * c * 13 + r * c * 3 + k * 59) >> 3) as u8)
            })
            .collect()
    }

    type Size = (u32, u32);

    /// Picture, crop, and the first 16 hex digits of the BLAKE3 of Pillow's planar bytes.
    const PILLOW: &[(Size, Size, &str)] = &[
        ((480, 640), (224, 224), "4658599ac03e133a"),
        ((333, 1000), (224, 224), "98338a7dc0db8084"),
        ((97, 61), (224, 224), "b528628232c87d33"),
        ((256, 256), (224, 224), "0078ee67de369595"),
    ];
}
