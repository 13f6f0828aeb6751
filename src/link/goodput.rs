//! A rate that one thread measures and others reckon with.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::units::BitsPerSecond;

/// What a link carries in one direction, in whole bits per second; 0 stands for not known.
#[derive(Debug, Default)]
pub struct Goodput(AtomicU64);

impl Goodput {
    /// What is known now.
    pub fn get(&self) -> Option<BitsPerSecond> {
        self.bps().map(|bps| BitsPerSecond(bps as f64))
    }

    /// What is known now, in bits per second.
    pub fn bps(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&bps| bps > 0)
    }

    /// Takes news in; none changes nothing. A link that stands still carries a bit per second.
    pub fn set(&self, bps: Option<u64>) {
        if let Some(bps) = bps {
            self.0.store(bps.max(1), Ordering::Relaxed);
        }
    }
}
