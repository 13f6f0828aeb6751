//! Made-up pictures, the same on every machine: a colour gradient under noise, from a counter-based generator.

use std::sync::Arc;

use super::Single;

/// Distinct pictures.
const COUNT: usize = 32;

/// Numbered pictures, made when first asked for.
#[derive(Debug)]
pub(super) struct Synthetic {
    rows: u32,
    columns: u32,
    made: Vec<Option<Arc<[u8]>>>,
    next: usize,
}

impl Synthetic {
    pub(super) fn new(rows: u32, columns: u32) -> Self {
        // A large picture is made anew rather than kept: the cache has the same bound as that of a folder.
        let bytes = 3 * rows as usize * columns as usize;
        let kept = (super::CACHE_BYTES / bytes.max(1)).min(COUNT);
        Self {
            rows,
            columns,
            made: vec![None; kept],
            next: 0,
        }
    }

    pub(super) fn pass_over(&mut self, pictures: u64) {
        self.next = (self.next + (pictures % COUNT as u64) as usize) % COUNT;
    }

    pub(super) fn next_single(&mut self) -> Single {
        let number = self.next;
        self.pass_over(1);
        let make = || picture(number as u64, self.rows, self.columns);
        let pixels = match self.made.get_mut(number) {
            Some(kept) => Arc::clone(kept.get_or_insert_with(make)),
            None => make(),
        };
        (format!("synthetic-{number:02}"), pixels)
    }
}

/// Picture `number`, `[3, rows, columns]`: three gradients in directions of its own, with noise of +-32.
fn picture(number: u64, rows: u32, columns: u32) -> Arc<[u8]> {
    let seed = mixed(number + 1);
    (0..3u32)
        .flat_map(|channel| (0..rows).map(move |row| (channel, row)))
        .flat_map(|(channel, row)| (0..columns).map(move |column| (channel, row, column)))
        .map(|(channel, row, column)| {
            let slope = seed >> (channel * 16);
            let down = i64::from(row) * ((slope & 0xff) as i64 - 128) / i64::from(rows);
            let across =
                i64::from(column) * ((slope >> 8 & 0xff) as i64 - 128) / i64::from(columns);
            let place = u64::from(channel) << 60 | u64::from(row) << 30 | u64::from(column);
            let noise = (mixed(seed ^ place) & 63) as i64 - 32;
            (128 + down / 2 + across / 2 + noise).clamp(0, 255) as u8
        })
        .collect()
}

/// `SplitMix64`'s output function: integers only, so the same everywhere.
const fn mixed(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::units::Hash32;

    #[test]
    fn the_pictures_are_numbered_distinct_and_come_round_again() {
        let mut s = Synthetic::new(12, 10);
        let first: Vec<Single> = (0..COUNT).map(|_| s.next_single()).collect();
        let again: Vec<Single> = (0..COUNT).map(|_| s.next_single()).collect();
        assert_eq!(first, again);
        assert_eq!(
            (first[0].0.as_str(), first[31].0.as_str()),
            ("synthetic-00", "synthetic-31")
        );
        let distinct: HashSet<&[u8]> = first.iter().map(|(_, p)| p.as_ref()).collect();
        assert_eq!(distinct.len(), COUNT);
    }

    #[test]
    fn a_picture_is_the_same_in_every_version() {
        let (_, pixels) = Synthetic::new(224, 224).next_single();
        assert_eq!(pixels.len(), 3 * 224 * 224);
        assert_eq!(Hash32::of(&pixels).short(), "88d9417d");
    }
}
