//! The one table of keys: what they do, the help overlay and the hints at the foot of the screen come from it.

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

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Move the proposed cut.
    Cut(Move),
    /// Propose the next mode.
    CycleMode,
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

/// Every key.
pub static BINDINGS: &[Binding] = &[
    binding(
        &[Key::Left, Key::Up],
        "← ↑",
        Action::Cut(Move::By(-1)),
        "propose the cut one operator earlier",
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
        Action::CycleMode,
        "propose the next mode: local, split, remote",
    )
    .hinted("m", "mode", false),
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
    )
    .hinted("Esc", "drop", false),
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

/// What a key asks for, if anything.
pub fn action(key: Key) -> Option<Action> {
    BINDINGS
        .iter()
        .find(|binding| binding.keys.contains(&key))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
        let keys: Vec<Key> = BINDINGS.iter().flat_map(|b| b.keys).copied().collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[i + 1..].contains(key), "{key:?}");
        }
    }
}
