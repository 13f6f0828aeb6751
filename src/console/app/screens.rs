//! The screens: one file each, with its state and what keys do to it. [`Screens`] holds them all, so that a screen is
//! found again as it was left.

pub mod charts;
pub mod layers;
pub mod live;
pub mod log;
pub mod power;
pub mod sessions;
pub mod sweep;
pub mod timeline;
pub mod workers;

use super::{App, Scope};

/// A screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Screen {
    /// What happens now.
    #[default]
    Live,
    /// Every operator.
    Layers,
    /// One frame over time.
    Timeline,
    /// All partition points, one after the other.
    Sweep,
    /// Power and host.
    Power,
    /// Robots and servers.
    Workers,
    /// Recordings.
    Sessions,
    /// What was said.
    Log,
}

impl Screen {
    /// All, in the order of their number keys.
    pub const ALL: [Self; 8] = [
        Self::Live,
        Self::Layers,
        Self::Timeline,
        Self::Sweep,
        Self::Power,
        Self::Workers,
        Self::Sessions,
        Self::Log,
    ];

    /// Its name in the configuration file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Layers => "layers",
            Self::Timeline => "timeline",
            Self::Sweep => "sweep",
            Self::Power => "power",
            Self::Workers => "workers",
            Self::Sessions => "sessions",
            Self::Log => "log",
        }
    }

    /// Its name on the screen.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Layers => "Layers",
            Self::Timeline => "Timeline",
            Self::Sweep => "Sweep",
            Self::Power => "Power and host",
            Self::Workers => "Workers",
            Self::Sessions => "Sessions",
            Self::Log => "Log",
        }
    }

    /// So many screens further, round and round.
    #[must_use]
    pub fn turned(self, by: isize) -> Self {
        let count = Self::ALL.len() as isize;
        let next = (self as isize + by).rem_euclid(count);
        Self::ALL[next as usize]
    }
}

/// The state of all screens.
#[derive(Debug, Clone, Default)]
pub struct Screens {
    /// The one that is shown.
    pub shown: Screen,
    /// Charts, on whichever screen.
    pub charts: charts::Charts,
    /// Live.
    pub live: live::Live,
    /// Layers.
    pub layers: layers::Layers,
    /// Timeline.
    pub timeline: timeline::Timeline,
    /// Sweep.
    pub sweep: sweep::SweepScreen,
    /// Power and host.
    pub power: power::PowerScreen,
    /// Recordings.
    pub sessions: sessions::Sessions,
    /// What was said.
    pub log: log::LogScreen,
}

impl Screens {
    /// Whether letters go into a search of the screen that is shown.
    const fn typing(&self) -> bool {
        match self.shown {
            Screen::Layers => self.layers.typing(),
            Screen::Log => self.log.typing(),
            _ => false,
        }
    }

    /// Another worker is shown: what was looked at belongs to the one before.
    pub(super) fn another_worker(&mut self) {
        self.timeline = timeline::Timeline::default();
        self.power = power::PowerScreen::default();
        self.charts.another_worker();
    }
}

impl App {
    /// The screen that is shown.
    pub const fn screen(&self) -> Screen {
        self.screens.shown
    }

    /// The state of all screens.
    pub const fn screens(&self) -> &Screens {
        &self.screens
    }

    /// Whether a picker lies over the screen.
    const fn is_picking(&self) -> bool {
        self.picker.is_some() || self.policies.is_some()
    }

    /// Whether keys move the crosshair: it is there, and so is a chart.
    pub const fn is_reading_charts(&self) -> bool {
        let charts = charts::ChartId::on(self.screens.shown);
        self.screens.charts.is_looking() && !charts.is_empty()
    }

    /// Whose keys are in effect, the first before the others. A question is answered with the keys that work anywhere.
    pub const fn scopes(&self) -> [Scope; 2] {
        let own = if self.palette.is_some() {
            Scope::Palette
        } else if self.is_asked() {
            Scope::Anywhere
        } else if self.is_picking() {
            Scope::Picker
        } else if self.screens.typing() {
            Scope::Search
        } else if self.is_reading_charts() {
            Scope::Chart
        } else {
            Scope::On(self.screens.shown)
        };
        [own, Scope::Anywhere]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screens_turn_round_and_stand_in_the_order_of_their_keys() {
        assert_eq!(Screen::Live.turned(-1), Screen::Log);
        assert_eq!(Screen::Log.turned(1), Screen::Live);
        for (i, screen) in Screen::ALL.into_iter().enumerate() {
            assert_eq!(screen as usize, i);
        }
    }
}
