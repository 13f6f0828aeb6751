//! The console's side of the recording: everything that happens is handed to the recorder before the screen has it, and
//! what the recorder has to say comes back as an update.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::app::{App, Effect, Moment, Note, Said, Update};
use super::connection::{Order, Phase};
use super::signals::Signals;
use super::{ConsoleError, Options, tap};
use crate::session::{
    FORMAT, Marker, Meta, Missed, Notice, Recorder, Start, Status, What, Written,
};
use crate::units::Nanos;
use crate::wire::{Level, VERSION};

/// A recording that ends within this ends without a word about it.
const SILENT: Duration = Duration::from_millis(200);
/// How long a leaving console waits for the disk.
const LAST_WRITE: Duration = Duration::from_secs(10);
/// How often the recorder's state is looked at.
const LOOK_NS: i64 = 500_000_000;

/// A recording, or none.
#[derive(Debug, Default)]
pub(super) struct Tape {
    recorder: Option<Recorder>,
    meta: Meta,
    /// Batches missed, as last recorded, by target.
    missed: Vec<u64>,
    /// What the reducer knows of the recorder.
    told: Option<Status>,
    looked: Option<Nanos>,
}

impl Tape {
    /// Begins to record, if that is wanted.
    ///
    /// # Errors
    /// No thread. A disk that takes nothing is no error: the recorder's state says so.
    pub(super) fn start(options: &Options, app: &App, at: Moment) -> Result<Self, ConsoleError> {
        let Some(settings) = &options.recording else {
            return Ok(Self::default());
        };
        let start = Start {
            format: FORMAT,
            version: VERSION.to_owned(),
            at: at.now,
            unix_ms: at.unix_ms,
            console: options.name.clone(),
        };
        let mut recorder =
            Recorder::start(settings.clone(), &start).map_err(ConsoleError::Thread)?;
        for entry in tap::targets(app, at) {
            recorder.put(entry);
        }
        Ok(Self {
            recorder: Some(recorder),
            meta: settings.meta.clone(),
            missed: vec![0; options.targets.len()],
            told: None,
            looked: None,
        })
    }

    /// What is in the file so far; none where nothing is recorded.
    pub(super) fn written(&self) -> Option<Written> {
        self.recorder.as_ref().map(Recorder::written)
    }

    /// Records what a connection brings. Called before the reducer takes it in.
    pub(super) fn hear(&mut self, app: &App, update: &Update, at: Moment) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        for entry in tap::heard(app, update, at) {
            recorder.put(entry);
        }
        let Update::Link { target, said, .. } = update else {
            return;
        };
        let Some(missed) = self.missed.get_mut(*target) else {
            return;
        };
        match said {
            // Counted anew on every connection.
            Said::Hello(_) => *missed = 0,
            Said::Batch(batch) if batch.lost_batches > *missed => {
                *missed = batch.lost_batches;
                let what = What::Missed(Missed {
                    target: *target as u16,
                    batches: batch.lost_batches,
                });
                recorder.put(tap::entry(at, what));
            }
            _ => {}
        }
    }

    /// Records what the console does.
    pub(super) fn see(&mut self, app: &App, effect: &Effect, at: Moment) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        match effect {
            Effect::Send { target, message } => recorder.put(tap::sent(*target, message, at)),
            Effect::Link {
                target,
                order: Order::HangUp,
            } => {
                let worker = app.present_targets().get(*target);
                if let Some(Phase::Retry { reason, .. }) = worker.map(|w| w.connection.phase()) {
                    recorder.put(tap::given_up(*target, reason, at));
                }
            }
            Effect::Note(Note::Marker { text, at }) => {
                let text = text.clone();
                recorder.put(tap::entry(*at, What::Marker(Marker { text })));
            }
            Effect::Note(Note::About { about, at }) => {
                self.meta = (**about).clone();
                recorder.put(tap::entry(*at, What::Meta(about.clone())));
            }
            Effect::Note(Note::Name { text, at }) => {
                self.meta.name = Some(text.clone()).filter(|t| !t.is_empty());
                let meta = Box::new(self.meta.clone());
                recorder.put(tap::entry(*at, What::Meta(meta)));
            }
            Effect::Link { .. }
            | Effect::Ask { .. }
            | Effect::Show(_)
            | Effect::Errand(_)
            | Effect::Keep(_)
            | Effect::Suspend
            | Effect::Quit => {}
        }
    }

    /// What has changed about the recording since the last time, looked at twice a second.
    pub(super) fn news(&mut self, at: Moment) -> Option<Update> {
        let recorder = self.recorder.as_mut()?;
        if self.looked.is_some_and(|l| at.now.since(l) < LOOK_NS) {
            return None;
        }
        self.looked = Some(at.now);
        let status = recorder.status();
        if self.told.as_ref() == Some(&status) {
            return None;
        }
        let before = self.told.as_ref().and_then(Status::trouble);
        if let Some(text) = status.trouble().filter(|t| before.as_ref() != Some(t)) {
            let level = Level::Warning;
            recorder.put(tap::entry(at, What::Notice(Notice { level, text })));
        }
        self.told = Some(status.clone());
        Some(Update::Recording(Box::new(status)))
    }

    /// Ends the recording and says on standard error where it is. The terminal has been given back by now; a disk that
    /// hangs is waited for, which is said, until it has taken the rest or another signal asks for the end.
    pub(super) fn finish(self) {
        let Some(recorder) = self.recorder else {
            return;
        };
        let file = recorder.status().file;
        let asked = Arc::new(AtomicBool::new(false));
        let mut said = false;
        let status = recorder.stop_while(|waited| {
            if waited >= SILENT && !said {
                said = true;
                // Before anybody can answer.
                listen(&asked);
                tell(&format!(
                    "still writing {}: the disk is slow; at most {} s more, Ctrl-C leaves it unfinished",
                    file.display(),
                    LAST_WRITE.as_secs()
                ));
            }
            waited < LAST_WRITE && !asked.load(Ordering::Relaxed)
        });
        tell(&status.last_words());
    }
}

/// Says something where a person or a log reads it.
fn tell(words: &str) {
    // Where standard error is closed nobody can be told.
    writeln!(io::stderr(), "{words}").ok();
}

/// Notes the next signal that asks for the end: the terminal's keys make signals again.
fn listen(asked: &Arc<AtomicBool>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    let _in_it = runtime.enter();
    let Ok(mut signals) = Signals::new() else {
        return;
    };
    let asked = Arc::clone(asked);
    runtime.spawn(async move {
        signals.next().await;
        asked.store(true, Ordering::Relaxed);
    });
}
