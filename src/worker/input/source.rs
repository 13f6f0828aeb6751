//! The source thread: decodes one picture ahead and shows it when it is due.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Input, InputError, Newest, Picture, Schedule, warn};
use crate::clock;
use crate::units::Nanos;

/// A picture, and what was lost before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The newest picture.
    pub picture: Picture,
    /// Pictures that appeared since the last one was taken and were replaced by newer ones.
    pub skipped: u32,
}

#[derive(Debug, Default)]
struct State {
    shelf: Newest<Picture>,
    warnings: Vec<String>,
    /// Why no more pictures come.
    failure: Option<InputError>,
    stopping: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Nanos>,
    ) -> MutexGuard<'a, State> {
        match until {
            None => self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let left = Duration::from_nanos(until.since(clock::now()).max(0) as u64);
                let waited = self.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

/// A running camera; dropping it stops its thread.
#[derive(Debug)]
pub struct Source {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// The fastest camera, in pictures per second.
    pub const MAX_FPS: f64 = 10_000.0;

    /// Shows the input's pictures: `fps` per second, of which only the newest is kept, or each one when it is asked
    /// for.
    ///
    /// # Errors
    /// When the rate is not above 0, or the system gives no thread.
    pub fn start(input: Input, fps: Option<f64>) -> Result<Self, InputError> {
        if let Some(fps) = fps.filter(|fps| !(*fps > 0.0 && *fps <= Self::MAX_FPS)) {
            return Err(InputError::Rate { fps });
        }
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("source".to_owned())
            .spawn(move || show(input, fps, &theirs))
            .map_err(|cause| InputError::Thread { cause })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The newest picture not yet taken; waits for one until the timeout. None also when the source has
    /// [failed](Self::failure).
    pub fn take(&self, timeout: Duration) -> Option<Taken> {
        let timeout_ns = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        let until = clock::now().shifted(timeout_ns);
        let mut state = self.shared.lock();
        while state.shelf.is_empty() && state.failure.is_none() && clock::now() < until {
            state = self.shared.wait(state, Some(until));
        }
        self.take_from(state)
    }

    /// The newest picture not yet taken, if there is one now.
    pub fn try_take(&self) -> Option<Taken> {
        self.take_from(self.shared.lock())
    }

    fn take_from(&self, mut state: MutexGuard<'_, State>) -> Option<Taken> {
        let (picture, skipped) = state.shelf.take()?;
        drop(state);
        self.shared.changed.notify_all();
        Some(Taken { picture, skipped })
    }

    /// Pictures that appeared and were replaced before being taken.
    pub fn total_skipped(&self) -> u64 {
        self.shared.lock().shelf.total_skipped()
    }

    /// Pictures taken.
    pub fn total_taken(&self) -> u64 {
        self.shared.lock().shelf.total_taken()
    }

    /// What was skipped for being no usable picture, in sentences; each is given once.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().warnings)
    }

    /// Why no more pictures come, once that is so.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failure.as_ref().map(ToString::to_string)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic was already told by the panic hook.
            drop(thread.join());
        }
    }
}

fn show(mut input: Input, fps: Option<f64>, shared: &Shared) {
    let mut schedule: Option<Schedule> = None;
    loop {
        let next = input.next_picture();
        let mut state = shared.lock();
        for sentence in input.take_warnings() {
            warn(&mut state.warnings, sentence);
        }
        let picture = match next {
            Ok(picture) => picture,
            Err(failure) => {
                state.failure = Some(failure);
                drop(state);
                shared.changed.notify_all();
                return;
            }
        };
        // The camera's time begins with its first picture decoded.
        let schedule = schedule.get_or_insert_with(|| Schedule::new(fps, clock::now()));
        loop {
            if state.stopping {
                return;
            }
            match schedule.due() {
                None if state.shelf.is_empty() => break,
                None => state = shared.wait(state, None),
                Some(due) if due <= clock::now() => break,
                Some(due) => state = shared.wait(state, Some(due)),
            }
        }
        let missed = schedule.appeared(clock::now()).saturating_sub(1);
        state.shelf.put(picture, missed);
        drop(state);
        shared.changed.notify_all();
        input.pass_over(missed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn synthetic() -> Input {
        Input::open("synthetic", 1, 8, 8).unwrap()
    }

    #[test]
    fn as_fast_as_possible_gives_every_picture_in_order() {
        let source = Source::start(synthetic(), None).unwrap();
        for number in 0..40 {
            let taken = source.take(LONG).unwrap();
            assert_eq!(taken.picture.name, format!("synthetic-{:02}", number % 32));
            assert_eq!(taken.skipped, 0);
        }
        assert_eq!((source.total_taken(), source.total_skipped()), (40, 0));
    }

    #[test]
    fn a_slow_taker_of_a_camera_learns_what_it_missed() {
        let source = Source::start(synthetic(), Some(200.0)).unwrap();
        let started = clock::now();
        source.take(LONG).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let taken = source.take(LONG).unwrap();
        let shown = clock::now().since(started) as f64 / 5e6 + 2.0;
        assert!(
            taken.skipped >= 1 && f64::from(taken.skipped) < shown,
            "{} of {shown}",
            taken.skipped
        );
        assert_eq!(source.total_skipped(), u64::from(taken.skipped));
        assert_eq!(source.total_taken(), 2);
    }

    #[test]
    fn a_slow_camera_is_waited_for_but_not_longer_than_asked_and_stops_at_once() {
        let source = Source::start(synthetic(), Some(0.01)).unwrap();
        source.take(LONG).unwrap();
        assert_eq!(source.try_take(), None);
        assert_eq!(source.take(Duration::from_millis(5)), None);
        let before = clock::now();
        drop(source);
        assert!(
            clock::now().since(before) < 20_000_000_000,
            "100 s were left of the period"
        );
    }

    #[test]
    fn a_rate_that_no_camera_has_is_refused() {
        for fps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let told = Source::start(synthetic(), Some(fps))
                .unwrap_err()
                .to_string();
            assert!(told.contains("frames per second"), "{told}");
        }
    }

    #[test]
    fn a_file_that_vanishes_while_running_is_skipped_and_told() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a.png");
        image::RgbImage::new(9, 9).save(&path).unwrap();
        image::RgbImage::new(9, 9)
            .save(dir.path().join("b.png"))
            .unwrap();
        // Opening decodes the first picture and keeps it.
        let input = Input::open(dir.path().to_str().unwrap(), 1, 8, 8).unwrap();
        std::fs::remove_file(dir.path().join("b.png")).unwrap();
        let source = Source::start(input, None).unwrap();
        for _ in 0..3 {
            assert_eq!(source.take(LONG).unwrap().picture.name, "a.png");
        }
        let warnings = source.take_warnings();
        assert!(
            warnings.len() == 1 && warnings[0].contains("b.png is skipped"),
            "{warnings:?}"
        );
        assert_eq!(source.failure(), None);
    }
}
