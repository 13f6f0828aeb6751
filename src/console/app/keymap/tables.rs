//! The tables themselves.

use super::{Action, Binding, Gauge, Key, Look, Move, Pick};

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
        &[Key::Char('w')],
        "w",
        Action::Power,
        "watts: power and joules, the machine",
    )
    .hinted("w", "watts", false),
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

/// The keys of the power screen.
pub static POWER: &[Binding] = &[
    binding(
        &[Key::Up],
        "↑",
        Action::Gauge(Gauge::Rail(-1)),
        "the rail above: what it contains and what it does not",
    )
    .hinted("↑↓", "rail", false),
    binding(
        &[Key::Down],
        "↓",
        Action::Gauge(Gauge::Rail(1)),
        "the rail below",
    ),
    binding(
        &[Key::Char('w'), Key::Esc],
        "w Esc",
        Action::Gauge(Gauge::Close),
        "back to the main screen",
    )
    .hinted("w", "back", true),
];
