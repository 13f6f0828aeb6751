//! Pauses: somebody wants to know what the robot takes while it does nothing.
//!
//! From the answer to the command on no frame is admitted; frames in flight end as they would. A pause ends by itself,
//! also when nobody is attached any more. A second one takes the place of the first. A plan that is set meanwhile is
//! prepared at once and applied with the first frame after the pause, which is marked as warm-up either way.

use super::Coordinator;
use crate::clock;
use crate::engine::Engine;
use crate::power::energy::Quiet;
use crate::units::Nanos;
use crate::wire::{Level, Pause, PauseRecord, Record};

/// A pause under way.
pub(super) struct Pausing(Pause);

impl<E: Engine> Coordinator<E> {
    /// Admits nothing for so long from now; 0 ends a pause, and is no mistake where there is none.
    pub(super) fn pause_for(&mut self, for_ms: u32, who: &str) {
        let now = clock::now();
        let before = self.pausing.take();
        if for_ms == 0 {
            if let Some(Pausing(pause)) = before {
                self.end_pause(&pause, now, &format!("{who} ends the pause"));
            }
            return;
        }
        let until = now.shifted(i64::from(for_ms) * 1_000_000);
        let seconds = f64::from(for_ms) / 1e3;
        let instead = before.as_ref().map(|Pausing(pause)| {
            let left = seconds_until(pause.until, now);
            format!(
                " instead of the {left:.1} s that were left for {}",
                pause.by
            )
        });
        let text = format!(
            "{who} keeps the robot idle for {seconds:.1} s{}",
            instead.unwrap_or_default()
        );
        self.hub.event(Level::Info, text);
        let pause = match before {
            Some(Pausing(pause)) => Pause {
                by: who.to_owned(),
                until,
                ..pause
            },
            None => Pause {
                by: who.to_owned(),
                began: now,
                until,
                quiet_since: None,
            },
        };
        self.pausing = Some(Pausing(pause));
        self.tell_pause(now);
    }

    /// Notes when the last frame has left the robot, and lets frames go on when it is time.
    pub(super) fn tend_pause(&mut self, now: Nanos) {
        let is_empty = self.frames.len() == 0;
        let Some(Pausing(pause)) = &mut self.pausing else {
            return;
        };
        if is_empty && pause.quiet_since.is_none() {
            pause.quiet_since = Some(now);
            self.hub.set_quiet(Quiet {
                since: now,
                until: None,
            });
            self.tell_pause(now);
        }
        if let Some(Pausing(pause)) = self.pausing.take_if(|p| now >= p.0.until) {
            self.end_pause(&pause, now, "the pause is over");
        }
    }

    /// When a pause ends by itself.
    pub(super) fn pause_ends(&self) -> Option<Nanos> {
        self.pausing.as_ref().map(|p| p.0.until)
    }

    /// A plan that was accepted in a pause runs after it.
    pub(super) fn say_plan_waits(&self, label: &str) {
        if let Some(Pausing(pause)) = &self.pausing {
            let left = seconds_until(pause.until, clock::now());
            let text = format!("{label} is prepared and runs after the pause, in {left:.1} s");
            self.hub.event(Level::Info, text);
        }
    }

    fn end_pause(&mut self, pause: &Pause, now: Nanos, why: &str) {
        if let Some(since) = pause.quiet_since {
            self.hub.set_quiet(Quiet {
                since,
                until: Some(now),
            });
        }
        // Clocks and caches have cooled down.
        self.warmup = true;
        let next = self.next_frame;
        let seconds = now.since(pause.began) as f64 / 1e9;
        let text = format!("{why} after {seconds:.1} s; frames go on with frame {next}");
        self.hub.event(Level::Info, text);
        self.tell_pause(now);
    }

    fn tell_pause(&self, at: Nanos) {
        self.hub.record(Record::Pause(PauseRecord {
            at,
            pause: self.pausing.as_ref().map(|p| p.0.clone()),
        }));
    }
}

fn seconds_until(until: Nanos, now: Nanos) -> f64 {
    until.since(now).max(0) as f64 / 1e9
}
