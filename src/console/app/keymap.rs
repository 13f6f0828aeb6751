//! The tables of keys, one per screen: what they do, the help overlay and the hints at the foot come from them.

mod tables;

pub use tables::{BINDINGS, PICKER, POWER, TIMELINE};

/// A key, whatever the terminal library calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
}

/// A move of the proposed cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// By so many operators; down the table is positive.
    By(i32),
    /// Before the first operator.
    First,
    /// After the last operator.
    Last,
}

/// What a key asks of the mode picker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The mode or parameter above.
    Up,
    /// The mode or parameter below.
    Down,
    /// From modes to parameters or back.
    Side,
    /// Change the parameter.
    By(i32),
    /// The parameter's least value.
    Least,
    /// The parameter's greatest value.
    Most,
    /// Type the parameter.
    Digit(u8),
    /// Take the last digit back.
    Erase,
    /// Ask for the plan.
    Apply,
    /// Leave without a plan.
    Close,
}

/// What a key asks of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The frame before.
    Older,
    /// The frame after.
    Newer,
    /// The oldest frame kept.
    Oldest,
    /// The newest, whichever it is.
    Newest,
    /// Another step of the lane.
    Step(isize),
    /// Another lane.
    Lane(isize),
    /// Twice or half the detail.
    Zoom(i32),
    /// Half a screen earlier or later.
    Pan(i32),
    /// Back to the main screen.
    Close,
}

/// What a key asks of the power screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gauge {
    /// Another rail, down the list if positive.
    Rail(isize),
    /// Back to the main screen.
    Close,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Move the proposed cut.
    Cut(Move),
    /// Open the mode picker.
    Modes,
    /// Open the timeline.
    Timeline,
    /// Open the power screen.
    Power,
    /// In the mode picker.
    Pick(Pick),
    /// On the timeline.
    Look(Look),
    /// On the power screen.
    Gauge(Gauge),
    /// Apply the proposal, or confirm what is asked.
    Apply,
    /// Leave: the help, a question, the proposal.
    Back,
    /// Take or release control.
    Control,
    /// Stop or resume the display.
    Pause,
    /// Another time scale of the link.
    Zoom,
    /// Another server's link.
    NextLink,
    /// Another worker.
    NextTarget,
    /// Show or hide the help.
    Help,
    /// Leave the console.
    Quit,
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// The keys.
    pub keys: &'static [Key],
    /// How they are written.
    pub written: &'static str,
    /// What they do.
    pub action: Action,
    /// What they do, in a sentence.
    pub help: &'static str,
    /// A word for the foot of the screen, with the keys it stands for.
    pub hint: Option<(&'static str, &'static str)>,
    /// Whether the hint is worth its place on a narrow screen.
    pub narrow: bool,
}

/// A screen with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// The main screen.
    Main,
    /// The mode picker.
    Picker,
    /// The timeline.
    Timeline,
    /// The power screen.
    Power,
}

impl Keys {
    /// The screen's own keys.
    pub const fn table(self) -> &'static [Binding] {
        match self {
            Self::Main => BINDINGS,
            Self::Picker => PICKER,
            Self::Timeline => TIMELINE,
            Self::Power => POWER,
        }
    }

    /// Whether an action of the main screen works here too.
    const fn lets_through(self, action: Action) -> bool {
        match self {
            Self::Main => true,
            Self::Picker => matches!(action, Action::Quit | Action::Help),
            Self::Power => matches!(
                action,
                Action::Quit | Action::Help | Action::Pause | Action::NextTarget
            ),
            Self::Timeline => matches!(
                action,
                Action::Quit
                    | Action::Help
                    | Action::Pause
                    | Action::Apply
                    | Action::Control
                    | Action::Modes
                    | Action::NextTarget
            ),
        }
    }

    /// Whether a binding is of this screen's own table.
    pub fn is_own(self, binding: &Binding) -> bool {
        self.table().iter().any(|own| std::ptr::eq(own, binding))
    }

    /// Everything that has a key here, this screen's own first.
    pub fn bindings(self) -> impl Iterator<Item = &'static Binding> {
        let shared = BINDINGS.iter().filter(move |b| self.lets_through(b.action));
        let own = match self {
            Self::Main => &[],
            Self::Picker | Self::Timeline | Self::Power => self.table(),
        };
        own.iter().chain(shared)
    }

    /// What a key asks for here, if anything.
    pub fn action(self, key: Key) -> Option<Action> {
        if let (Self::Picker, Key::Char(c @ '0'..='9')) = (self, key) {
            return Some(Action::Pick(Pick::Digit(c as u8 - b'0')));
        }
        let mut bindings = self.bindings();
        let found = bindings.find(|binding| binding.keys.contains(&key));
        found.map(|binding| binding.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_on_a_screen() {
        for screen in [Keys::Main, Keys::Picker, Keys::Timeline, Keys::Power] {
            let keys: Vec<Key> = screen.bindings().flat_map(|b| b.keys).copied().collect();
            for (i, key) in keys.iter().enumerate() {
                assert!(!keys[i + 1..].contains(key), "{screen:?} {key:?}");
            }
        }
    }

    #[test]
    fn every_screen_can_be_left_and_the_console_too() {
        for screen in [Keys::Main, Keys::Picker, Keys::Timeline, Keys::Power] {
            assert_eq!(screen.action(Key::Char('q')), Some(Action::Quit));
            assert_eq!(screen.action(Key::Ctrl('c')), Some(Action::Quit));
        }
        let digit = Keys::Picker.action(Key::Char('7'));
        assert_eq!(digit, Some(Action::Pick(Pick::Digit(7))));
        assert_eq!(Keys::Main.action(Key::Char('7')), None);
    }
}
