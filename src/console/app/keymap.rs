//! The tables of keys, one per screen: what they do, the help overlay and the hints at the foot come from them.

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

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Move the proposed cut.
    Cut(Move),
    /// Open the mode picker.
    Modes,
    /// Open the timeline.
    Timeline,
    /// In the mode picker.
    Pick(Pick),
    /// On the timeline.
    Look(Look),
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

const fn binding(
    keys: &'static [Key],
    written: &'static str,
    action: Action,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        written,
        action,
        help,
        hint: None,
        narrow: false,
    }
}

impl Binding {
    const fn hinted(mut self, keys: &'static str, word: &'static str, narrow: bool) -> Self {
        self.hint = Some((keys, word));
        self.narrow = narrow;
        self
    }
}

/// Every key of the main screen.
pub static BINDINGS: &[Binding] = &[
    binding(
        &[Key::Left, Key::Up],
        "← ↑",
        Action::Cut(Move::By(-1)),
        "propose the cut one operator earlier (without a cut: a row)",
    )
    .hinted("←→", "cut", true),
    binding(
        &[Key::Right, Key::Down],
        "→ ↓",
        Action::Cut(Move::By(1)),
        "propose the cut one operator later",
    ),
    binding(
        &[Key::PageUp],
        "PgUp",
        Action::Cut(Move::By(-10)),
        "ten operators earlier",
    ),
    binding(
        &[Key::PageDown],
        "PgDn",
        Action::Cut(Move::By(10)),
        "ten operators later",
    ),
    binding(
        &[Key::Home],
        "Home",
        Action::Cut(Move::First),
        "before the first operator: the server computes all",
    ),
    binding(
        &[Key::End],
        "End",
        Action::Cut(Move::Last),
        "after the last operator: the robot computes all",
    ),
    binding(
        &[Key::Char('m')],
        "m",
        Action::Modes,
        "choose a mode and its parameters",
    )
    .hinted("m", "mode", false),
    binding(
        &[Key::Char('t')],
        "t",
        Action::Timeline,
        "timeline of a frame: every step, when and where",
    )
    .hinted("t", "timeline", false),
    binding(
        &[Key::Enter],
        "Enter",
        Action::Apply,
        "apply the proposal (takes control if it is free)",
    )
    .hinted("Enter", "apply", true),
    binding(
        &[Key::Esc],
        "Esc",
        Action::Back,
        "drop the proposal, leave a question or this help",
    ),
    binding(
        &[Key::Char('c')],
        "c",
        Action::Control,
        "take or release control",
    )
    .hinted("c", "control", false),
    binding(
        &[Key::Char('p'), Key::Char(' ')],
        "p Space",
        Action::Pause,
        "stop the display or go on (measuring goes on)",
    )
    .hinted("p", "pause", false),
    binding(
        &[Key::Char('z')],
        "z",
        Action::Zoom,
        "time scale of the link: 0.1, 0.3 or 1 s a dot",
    ),
    binding(
        &[Key::Char('b')],
        "b",
        Action::NextLink,
        "show the next server's link",
    ),
    binding(
        &[Key::Tab],
        "Tab",
        Action::NextTarget,
        "show the next worker",
    ),
    binding(&[Key::Char('?')], "?", Action::Help, "this help").hinted("?", "help", true),
    binding(
        &[Key::Char('q'), Key::Ctrl('c')],
        "q Ctrl-C",
        Action::Quit,
        "leave; the workers go on",
    )
    .hinted("q", "quit", true),
];

/// The keys of the mode picker. Digits are [`Key::Char`]s without a row of their own.
pub static PICKER: &[Binding] = &[
    binding(
        &[Key::Up],
        "↑",
        Action::Pick(Pick::Up),
        "the mode or parameter above",
    )
    .hinted("↑↓", "choose", true),
    binding(
        &[Key::Down],
        "↓",
        Action::Pick(Pick::Down),
        "the mode or parameter below",
    ),
    binding(
        &[Key::Tab],
        "Tab",
        Action::Pick(Pick::Side),
        "from the modes to the parameters and back",
    )
    .hinted("Tab", "parameters", false),
    binding(
        &[Key::Right, Key::Char('+'), Key::Char('=')],
        "→ +",
        Action::Pick(Pick::By(1)),
        "to the parameters; there: one more",
    )
    .hinted("←→", "change", true),
    binding(
        &[Key::Left, Key::Char('-')],
        "← -",
        Action::Pick(Pick::By(-1)),
        "one less",
    ),
    binding(
        &[Key::PageDown],
        "PgDn",
        Action::Pick(Pick::By(10)),
        "ten more",
    ),
    binding(
        &[Key::PageUp],
        "PgUp",
        Action::Pick(Pick::By(-10)),
        "ten less",
    ),
    binding(
        &[Key::Home],
        "Home",
        Action::Pick(Pick::Least),
        "the least value",
    ),
    binding(
        &[Key::End],
        "End",
        Action::Pick(Pick::Most),
        "the greatest value",
    ),
    binding(
        &[Key::Backspace],
        "0-9 Bksp",
        Action::Pick(Pick::Erase),
        "type the value, take a digit back",
    ),
    binding(
        &[Key::Enter],
        "Enter",
        Action::Pick(Pick::Apply),
        "ask for this plan (takes control if it is free)",
    )
    .hinted("Enter", "apply", true),
    binding(
        &[Key::Esc, Key::Char('m')],
        "Esc m",
        Action::Pick(Pick::Close),
        "leave things as they are",
    )
    .hinted("Esc", "drop", true),
];

/// The keys of the timeline.
pub static TIMELINE: &[Binding] = &[
    binding(
        &[Key::Char('[')],
        "[",
        Action::Look(Look::Older),
        "the frame before",
    )
    .hinted("[ ]", "frame", true),
    binding(
        &[Key::Char(']')],
        "]",
        Action::Look(Look::Newer),
        "the frame after",
    ),
    binding(
        &[Key::Home],
        "Home",
        Action::Look(Look::Oldest),
        "the oldest frame with steps",
    ),
    binding(
        &[Key::End],
        "End",
        Action::Look(Look::Newest),
        "the newest frame, whichever it is",
    ),
    binding(
        &[Key::Left],
        "←",
        Action::Look(Look::Step(-1)),
        "the step before in this lane",
    )
    .hinted("←→", "step", true),
    binding(
        &[Key::Right],
        "→",
        Action::Look(Look::Step(1)),
        "the step after in this lane",
    ),
    binding(
        &[Key::Up],
        "↑",
        Action::Look(Look::Lane(-1)),
        "the lane above",
    )
    .hinted("↑↓", "lane", false),
    binding(
        &[Key::Down],
        "↓",
        Action::Look(Look::Lane(1)),
        "the lane below",
    ),
    binding(
        &[Key::Char('+'), Key::Char('=')],
        "+",
        Action::Look(Look::Zoom(1)),
        "twice the detail, around the step",
    )
    .hinted("+-", "zoom", true),
    binding(
        &[Key::Char('-')],
        "-",
        Action::Look(Look::Zoom(-1)),
        "half the detail",
    ),
    binding(
        &[Key::PageUp],
        "PgUp",
        Action::Look(Look::Pan(-1)),
        "half a screen earlier",
    )
    .hinted("PgUp PgDn", "pan", false),
    binding(
        &[Key::PageDown],
        "PgDn",
        Action::Look(Look::Pan(1)),
        "half a screen later",
    ),
    binding(
        &[Key::Char('t'), Key::Esc],
        "t Esc",
        Action::Look(Look::Close),
        "back to the main screen",
    )
    .hinted("t", "back", true),
];

/// A screen with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// The main screen.
    Main,
    /// The mode picker.
    Picker,
    /// The timeline.
    Timeline,
}

impl Keys {
    /// The screen's own keys.
    pub const fn table(self) -> &'static [Binding] {
        match self {
            Self::Main => BINDINGS,
            Self::Picker => PICKER,
            Self::Timeline => TIMELINE,
        }
    }

    /// Whether an action of the main screen works here too.
    const fn lets_through(self, action: Action) -> bool {
        match self {
            Self::Main => true,
            Self::Picker => matches!(action, Action::Quit | Action::Help),
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
            Self::Picker | Self::Timeline => self.table(),
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
        for screen in [Keys::Main, Keys::Picker, Keys::Timeline] {
            let keys: Vec<Key> = screen.bindings().flat_map(|b| b.keys).copied().collect();
            for (i, key) in keys.iter().enumerate() {
                assert!(!keys[i + 1..].contains(key), "{screen:?} {key:?}");
            }
        }
    }

    #[test]
    fn every_screen_can_be_left_and_the_console_too() {
        for screen in [Keys::Main, Keys::Picker, Keys::Timeline] {
            assert_eq!(screen.action(Key::Char('q')), Some(Action::Quit));
            assert_eq!(screen.action(Key::Ctrl('c')), Some(Action::Quit));
        }
        let digit = Keys::Picker.action(Key::Char('7'));
        assert_eq!(digit, Some(Action::Pick(Pick::Digit(7))));
        assert_eq!(Keys::Main.action(Key::Char('7')), None);
    }
}
