//! The bottleneck's buffer of one direction: bytes in arrival order, bounded, with the time each piece arrived.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::clock;
use crate::units::Nanos;

/// Takes a lock whose holder may have panicked: what it guards is valid after every statement.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notice, or until a deadline if there is one.
pub(super) fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    until: Option<Nanos>,
) -> MutexGuard<'a, T> {
    match until {
        None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(until) => {
            let left_ns = until.since(clock::now()).max(0) as u64;
            condvar
                .wait_timeout(guard, Duration::from_nanos(left_ns))
                .unwrap_or_else(PoisonError::into_inner)
                .0
        }
    }
}

/// What the front of the queue holds.
#[derive(Debug)]
pub(super) enum Front {
    /// Bytes, and when they arrived.
    Piece(Bytes, Nanos),
    /// Nothing yet.
    Empty,
    /// Nothing, and nothing will come.
    End,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<(Bytes, Nanos)>,
    bytes: usize,
    /// No more will be pushed.
    ended: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            limit,
        }
    }

    /// Adds bytes as soon as there is room; false if the queue has ended.
    pub(super) fn push(&self, piece: Bytes) -> bool {
        let mut state = lock(&self.state);
        while state.bytes >= self.limit && !state.ended {
            state = wait(&self.changed, state, None);
        }
        if state.ended {
            return false;
        }
        state.bytes += piece.len();
        state.pieces.push_back((piece, clock::now()));
        self.changed.notify_all();
        true
    }

    /// Takes at most `most` bytes that arrived together.
    pub(super) fn pop(&self, most: usize) -> Front {
        let mut state = lock(&self.state);
        let Some((front, arrived)) = state.pieces.front_mut() else {
            return if state.ended {
                Front::End
            } else {
                Front::Empty
            };
        };
        let (piece, arrived) = (front.split_to(most.min(front.len())), *arrived);
        if front.is_empty() {
            state.pieces.pop_front();
        }
        state.bytes -= piece.len();
        self.changed.notify_all();
        Front::Piece(piece, arrived)
    }

    /// Waits until there are bytes, the end, or the deadline.
    pub(super) fn wait_for_bytes(&self, until: Option<Nanos>) {
        let mut state = lock(&self.state);
        while state.pieces.is_empty() && !state.ended && until.is_none_or(|t| clock::now() < t) {
            state = wait(&self.changed, state, until);
        }
    }

    /// Nothing more will come; what is queued can still be taken.
    pub(super) fn finish(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_all();
    }

    /// Nothing more will come and what is queued is lost.
    pub(super) fn discard(&self) {
        *lock(&self.state) = State {
            ended: true,
            ..State::default()
        };
        self.changed.notify_all();
    }
}
