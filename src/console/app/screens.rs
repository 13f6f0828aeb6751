//! Which screen is shown over or instead of the main one, and whose keys are in effect.

use super::{App, Gauge, Keys, Picker, Timeline};

impl App {
    /// The mode picker, while it is open.
    pub const fn picker(&self) -> Option<&Picker> {
        self.picker.as_ref()
    }

    /// The timeline, while it is shown.
    pub const fn timeline(&self) -> Option<&Timeline> {
        self.timeline.as_ref()
    }

    /// Which keys are in effect: a question is answered with the main screen's.
    pub const fn keys(&self) -> Keys {
        if self.take_over.is_some() {
            Keys::Main
        } else if self.picker.is_some() {
            Keys::Picker
        } else if self.timeline.is_some() {
            Keys::Timeline
        } else if self.power.is_some() {
            Keys::Power
        } else {
            Keys::Main
        }
    }

    /// Whether the help is shown.
    pub const fn help(&self) -> bool {
        self.help
    }

    /// The rail looked at, counted over all sources, while the power screen is shown.
    pub const fn power(&self) -> Option<usize> {
        self.power
    }

    /// Obeys a key of the power screen.
    pub(super) fn gauge(&mut self, gauge: Gauge) {
        let Some(at) = self.power else {
            return;
        };
        self.power = match gauge {
            Gauge::Close => None,
            Gauge::Rail(by) => {
                let store = self.focus().and_then(|i| self.shown(i));
                let sources = store.map_or(&[][..], |s| &s.power().sources().sources);
                let rails: usize = sources.iter().map(|s| s.rails.len()).sum();
                let last = rails.saturating_sub(1);
                // Rails may have gone since the last key.
                Some(at.min(last).saturating_add_signed(by).min(last))
            }
        };
    }
}
