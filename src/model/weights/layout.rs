//! Where the elements of a tensor lie in its storage, and how to read them in row-major order.

use std::io::{self, Read};

use super::dtype::Float;

/// A tensor's view into a storage, counted in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The sizes, outermost first.
    pub(super) shape: Vec<u64>,
    /// The distance between neighbours along each dimension; none when the elements lie row-major without gaps.
    strides: Option<Vec<u64>>,
    /// The first element's place in the storage.
    pub(super) offset: u64,
    /// How many elements the storage must hold from `offset` on.
    pub(super) span: u64,
}

impl Layout {
    /// A view of `shape` by `strides` at `offset`; none where a count passes 2^64 or a rank differs.
    pub(super) fn new(shape: Vec<u64>, strides: Vec<u64>, offset: u64) -> Option<Self> {
        let elements = shape
            .iter()
            .try_fold(1, |n: u64, &size| n.checked_mul(size))?;
        if strides.len() != shape.len() {
            return None;
        }
        let mut span = u64::from(elements > 0);
        let mut row_major = Some(1);
        let mut contiguous = true;
        for (&size, &stride) in shape.iter().zip(&strides).rev() {
            if elements > 0 {
                span = span.checked_add((size - 1).checked_mul(stride)?)?;
            }
            // A dimension of one element has no neighbours: its stride says nothing.
            contiguous &= size <= 1 || row_major == Some(stride);
            row_major = row_major.and_then(|n: u64| n.checked_mul(size));
        }
        let strides = (!contiguous && elements > 0).then_some(strides);
        offset.checked_add(span)?;
        Some(Self {
            shape,
            strides,
            offset,
            span,
        })
    }

    /// The whole of a storage of its own, in order; none where the count passes 2^64.
    pub(super) fn row_major(shape: Vec<u64>) -> Option<Self> {
        let span = shape
            .iter()
            .try_fold(1, |n: u64, &size| n.checked_mul(size))?;
        Some(Self {
            shape,
            strides: None,
            offset: 0,
            span,
        })
    }

    /// Reads this view into `out`, row-major; `source` stands at the view's first element.
    ///
    /// The caller has checked `span` against what `source` holds: a strided view is first read whole.
    pub(super) fn read(
        &self,
        source: &mut impl Read,
        float: Float,
        out: &mut [f32],
    ) -> io::Result<()> {
        let Some(strides) = &self.strides else {
            return read_run(source, float, out);
        };
        let span = usize::try_from(self.span).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut stored = vec![0.0; span];
        read_run(source, float, &mut stored)?;
        gather(&stored, &self.shape, strides, out);
        Ok(())
    }
}

/// Elements converted at once.
const BLOCK: usize = 1 << 14;

/// Reads `out.len()` elements that lie one after the other.
fn read_run(source: &mut impl Read, float: Float, out: &mut [f32]) -> io::Result<()> {
    let mut bytes = vec![0; float.bytes() * out.len().min(BLOCK)];
    for out in out.chunks_mut(BLOCK) {
        let bytes = &mut bytes[..float.bytes() * out.len()];
        source.read_exact(bytes)?;
        float.decode(bytes, out);
    }
    Ok(())
}

/// Walks the indices in row-major order like an odometer, keeping the place in `stored` as it goes.
fn gather(stored: &[f32], shape: &[u64], strides: &[u64], out: &mut [f32]) {
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    for out in out {
        *out = stored[place as usize];
        for d in (0..shape.len()).rev() {
            index[d] += 1;
            place += strides[d];
            if index[d] < shape[d] {
                break;
            }
            place -= strides[d] * shape[d];
            index[d] = 0;
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these conversions and copies are exact")]
mod tests {
    use super::*;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    #[test]
    fn a_transposed_view_is_gathered_row_major() {
        let layout = Layout::new(vec![3, 2], vec![1, 3], 0).unwrap();
        let mut out = [0.0; 6];
        layout
            .read(
                &mut &bytes(&[1., 2., 3., 4., 5., 6.])[..],
                Float::F32,
                &mut out,
            )
            .unwrap();
        assert_eq!(out, [1., 4., 2., 5., 3., 6.]);
    }

    #[test]
    fn an_expanded_view_repeats_its_element() {
        let layout = Layout::new(vec![2, 3], vec![1, 0], 4).unwrap();
        assert_eq!(layout.span, 2);
        let mut out = [0.0; 6];
        layout
            .read(&mut &bytes(&[8., 9.])[..], Float::F32, &mut out)
            .unwrap();
        assert_eq!(out, [8., 8., 8., 9., 9., 9.]);
    }

    #[test]
    fn strides_of_single_elements_do_not_make_a_view_strided() {
        assert_eq!(
            Layout::new(vec![4, 1, 1, 2], vec![2, 1, 99, 1], 0),
            Some(Layout {
                offset: 0,
                ..Layout::row_major(vec![4, 1, 1, 2]).unwrap()
            })
        );
        assert_eq!(Layout::new(vec![0, 5], vec![5, 1], 3).unwrap().span, 0);
        assert_eq!(Layout::new(vec![], vec![], 0).unwrap().span, 1);
    }

    #[test]
    fn counts_past_64_bits_are_refused() {
        assert_eq!(Layout::new(vec![1 << 40, 1 << 40], vec![1, 1], 0), None);
        assert_eq!(Layout::new(vec![2, 2], vec![u64::MAX, 1], 0), None);
        assert_eq!(Layout::new(vec![2], vec![1], u64::MAX), None);
        assert_eq!(Layout::new(vec![2], vec![1, 1], 0), None);
    }
}
