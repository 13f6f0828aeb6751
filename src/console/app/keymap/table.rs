//! The table itself: every action, where its keys are in effect, its name, its keys, what it does.

use super::{Action, Entry, Hint, Key, Move, Pick, Scope};
use crate::console::app::palette;
use crate::console::app::screens::{
    Screen, charts, layers, live, log, power, sessions, sweep, timeline, workers,
};
use crate::console::app::{Typed, Typing};
use crate::playback::{Command, Jump, Unit, Way};

const fn entry(
    scope: Scope,
    name: &'static str,
    keys: &'static [Key],
    action: Action,
    help: &'static str,
) -> Entry {
    Entry {
        scope,
        name,
        keys,
        action,
        help,
        hint: None,
    }
}

impl Entry {
    /// With a word at the foot of the screen, where there is room for all.
    const fn hinted(mut self, word: &'static str) -> Self {
        self.hint = Some(Hint {
            word,
            with: None,
            narrow: false,
        });
        self
    }

    /// The first key of another action of its scope stands before the word too.
    const fn with(mut self, name: &'static str) -> Self {
        if let Some(hint) = &mut self.hint {
            hint.with = Some(name);
        }
        self
    }

    /// The word stands on narrow screens too.
    const fn narrow(mut self) -> Self {
        if let Some(hint) = &mut self.hint {
            hint.narrow = true;
        }
        self
    }
}

/// Every action.
pub static TABLE: &[Entry] = &[
    entry(
        Scope::Anywhere,
        "screen-live",
        &[Key::Char('1')],
        Action::Show(Screen::Live),
        "what happens now: link, latency, layers, power, events",
    ),
    entry(
        Scope::Anywhere,
        "screen-layers",
        &[Key::Char('2')],
        Action::Show(Screen::Layers),
        "every operator in a table: times, share, bytes",
    ),
    entry(
        Scope::Anywhere,
        "screen-timeline",
        &[Key::Char('3'), Key::Char('t')],
        Action::Show(Screen::Timeline),
        "one frame over time: every step, when and where",
    ),
    entry(
        Scope::Anywhere,
        "screen-sweep",
        &[Key::Char('4'), Key::Char('s')],
        Action::Show(Screen::Sweep),
        "all partition points, one after the other",
    ),
    entry(
        Scope::Anywhere,
        "screen-power",
        &[Key::Char('5'), Key::Char('w')],
        Action::Show(Screen::Power),
        "power and joules, the machine",
    ),
    entry(
        Scope::Anywhere,
        "screen-workers",
        &[Key::Char('6')],
        Action::Show(Screen::Workers),
        "every robot and server, and the links between them",
    ),
    entry(
        Scope::Anywhere,
        "screen-sessions",
        &[Key::Char('7')],
        Action::Show(Screen::Sessions),
        "recordings",
    ),
    entry(
        Scope::Anywhere,
        "screen-log",
        &[Key::Char('8')],
        Action::Show(Screen::Log),
        "what this console and the workers said",
    ),
    entry(
        Scope::Anywhere,
        "next-screen",
        &[Key::Tab],
        Action::Turn(1),
        "the next screen",
    )
    .hinted("screens"),
    entry(
        Scope::Anywhere,
        "previous-screen",
        &[Key::BackTab],
        Action::Turn(-1),
        "the screen before",
    ),
    entry(
        Scope::Anywhere,
        "modes",
        &[Key::Char('m')],
        Action::Modes,
        "choose a mode and its parameters",
    )
    .hinted("mode"),
    entry(
        Scope::Anywhere,
        "apply",
        &[Key::Enter],
        Action::Apply,
        "apply the proposal (takes control if it is free)",
    )
    .hinted("apply")
    .narrow(),
    entry(
        Scope::Anywhere,
        "back",
        &[Key::Esc],
        Action::Back,
        "drop the proposal, leave a question, this help or the screen",
    ),
    entry(
        Scope::Anywhere,
        "revert",
        &[Key::Char('u')],
        Action::Revert,
        "undo: ask for the plan that was in effect before this one",
    )
    .hinted("undo"),
    entry(
        Scope::Anywhere,
        "policy",
        &[Key::Char('a')],
        Action::Policy,
        "hand the plan to a policy, or take it back; any change by hand takes it back too",
    ),
    entry(
        Scope::Anywhere,
        "control",
        &[Key::Char('c')],
        Action::Control,
        "take or release control",
    )
    .hinted("control"),
    entry(
        Scope::Anywhere,
        "pause",
        &[Key::Char('p'), Key::Char(' ')],
        Action::Pause,
        "stop the display or go on (measuring goes on)",
    )
    .hinted("pause"),
    entry(
        Scope::Anywhere,
        "mark",
        &[Key::Char('k')],
        Action::Mark,
        "mark this moment in the recording, with a text",
    ),
    entry(
        Scope::Anywhere,
        "name-session",
        &[Key::Char('R')],
        Action::NameSession,
        "give the recorded session a name",
    ),
    entry(
        Scope::Anywhere,
        "describe-session",
        &[Key::Char('i')],
        Action::Describe,
        "say what the session is: place, robot, operator, notes, Wi-Fi, battery, weather",
    ),
    entry(
        Scope::Anywhere,
        "next-worker",
        &[Key::Char('n')],
        Action::NextTarget,
        "show the next worker",
    ),
    entry(
        Scope::Anywhere,
        "palette",
        &[Key::Char(':')],
        Action::OpenPalette,
        "every command, found by a few letters",
    )
    .hinted("commands"),
    entry(
        Scope::Anywhere,
        "help",
        &[Key::Char('?')],
        Action::Help,
        "this help",
    )
    .hinted("help")
    .narrow(),
    entry(
        Scope::Anywhere,
        "suspend",
        &[Key::Ctrl('z')],
        Action::Suspend,
        "stop until the shell says fg; the workers go on",
    ),
    entry(
        Scope::Anywhere,
        "quit",
        &[Key::Char('q'), Key::Ctrl('c')],
        Action::Quit,
        "leave; the workers go on",
    )
    .hinted("quit")
    .narrow(),
    entry(
        Scope::On(Screen::Live),
        "cut-earlier",
        &[Key::Left, Key::Up],
        Action::Cut(Move::By(-1)),
        "propose the cut one operator earlier (without a cut: a row)",
    )
    .hinted("cut")
    .with("cut-later")
    .narrow(),
    entry(
        Scope::On(Screen::Live),
        "cut-later",
        &[Key::Right, Key::Down],
        Action::Cut(Move::By(1)),
        "propose the cut one operator later",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-ten-earlier",
        &[Key::PageUp],
        Action::Cut(Move::By(-10)),
        "ten operators earlier",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-ten-later",
        &[Key::PageDown],
        Action::Cut(Move::By(10)),
        "ten operators later",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-first",
        &[Key::Home],
        Action::Cut(Move::First),
        "before the first operator: the server computes all",
    ),
    entry(
        Scope::On(Screen::Live),
        "cut-last",
        &[Key::End],
        Action::Cut(Move::Last),
        "after the last operator: the robot computes all",
    ),
    entry(
        Scope::On(Screen::Live),
        "zoom-in",
        &[Key::Char('+'), Key::Char('=')],
        Action::Chart(charts::Do::Zoom(1)),
        "charts: more detail, down to 0.1 s a dot",
    )
    .hinted("zoom")
    .with("zoom-out"),
    entry(
        Scope::On(Screen::Live),
        "zoom-out",
        &[Key::Char('-')],
        Action::Chart(charts::Do::Zoom(-1)),
        "charts: a longer time, up to 10 min a dot",
    ),
    entry(
        Scope::On(Screen::Live),
        "look",
        &[Key::Char('x')],
        Action::Chart(charts::Do::Look),
        "charts: a crosshair with exact values; the charts stand still, measuring goes on",
    )
    .hinted("crosshair"),
    entry(
        Scope::On(Screen::Live),
        "next-link",
        &[Key::Char('b')],
        Action::Live(live::Do::NextLink),
        "show the next server's link",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "older-frame",
        &[Key::Char('[')],
        Action::Timeline(timeline::Do::Older),
        "the frame before",
    )
    .hinted("frame")
    .with("newer-frame")
    .narrow(),
    entry(
        Scope::On(Screen::Timeline),
        "newer-frame",
        &[Key::Char(']')],
        Action::Timeline(timeline::Do::Newer),
        "the frame after",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "oldest-frame",
        &[Key::Home],
        Action::Timeline(timeline::Do::Oldest),
        "the oldest frame with steps",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "newest-frame",
        &[Key::End],
        Action::Timeline(timeline::Do::Newest),
        "the newest frame, whichever it is",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "earlier-step",
        &[Key::Left],
        Action::Timeline(timeline::Do::Step(-1)),
        "the step before in this lane",
    )
    .hinted("step")
    .with("later-step")
    .narrow(),
    entry(
        Scope::On(Screen::Timeline),
        "later-step",
        &[Key::Right],
        Action::Timeline(timeline::Do::Step(1)),
        "the step after in this lane",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "lane-above",
        &[Key::Up],
        Action::Timeline(timeline::Do::Lane(-1)),
        "the lane above",
    )
    .hinted("lane")
    .with("lane-below"),
    entry(
        Scope::On(Screen::Timeline),
        "lane-below",
        &[Key::Down],
        Action::Timeline(timeline::Do::Lane(1)),
        "the lane below",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "zoom-in",
        &[Key::Char('+'), Key::Char('=')],
        Action::Timeline(timeline::Do::Zoom(1)),
        "twice the detail, around the step",
    )
    .hinted("zoom")
    .with("zoom-out")
    .narrow(),
    entry(
        Scope::On(Screen::Timeline),
        "zoom-out",
        &[Key::Char('-')],
        Action::Timeline(timeline::Do::Zoom(-1)),
        "half the detail",
    ),
    entry(
        Scope::On(Screen::Timeline),
        "pan-earlier",
        &[Key::PageUp],
        Action::Timeline(timeline::Do::Pan(-1)),
        "half a screen earlier",
    )
    .hinted("pan")
    .with("pan-later"),
    entry(
        Scope::On(Screen::Timeline),
        "pan-later",
        &[Key::PageDown],
        Action::Timeline(timeline::Do::Pan(1)),
        "half a screen later",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "start",
        &[Key::Char('s')],
        Action::Sweep(sweep::Do::Start),
        "begin the sweep that is set up",
    )
    .hinted("start")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "skip",
        &[Key::Char('f')],
        Action::Sweep(sweep::Do::Skip),
        "leave the present plan for good and go on",
    )
    .hinted("skip"),
    entry(
        Scope::On(Screen::Sweep),
        "stop",
        &[Key::Char('x')],
        Action::Sweep(sweep::Do::Stop),
        "end the sweep now; what was measured stays",
    )
    .hinted("stop")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "row-above",
        &[Key::Up],
        Action::Sweep(sweep::Do::Row(-1)),
        "the plan above, or the line of the form",
    )
    .hinted("plan")
    .with("row-below"),
    entry(
        Scope::On(Screen::Sweep),
        "row-below",
        &[Key::Down],
        Action::Sweep(sweep::Do::Row(1)),
        "the plan below, or the line of the form",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "set-up",
        &[Key::Char('e')],
        Action::Sweep(sweep::Do::SetUp),
        "set up a new sweep, or back to the one that there is",
    )
    .hinted("set up")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "less",
        &[Key::Left, Key::Char('-')],
        Action::Sweep(sweep::Do::Change(-1)),
        "in the form: one less, the choice before, no",
    )
    .hinted("change")
    .with("more")
    .narrow(),
    entry(
        Scope::On(Screen::Sweep),
        "more",
        &[Key::Right, Key::Char('+'), Key::Char('=')],
        Action::Sweep(sweep::Do::Change(1)),
        "in the form: one more, the next choice, yes",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "page-up",
        &[Key::PageUp],
        Action::Sweep(sweep::Do::Page(-1)),
        "twenty plans up; in the form ten less",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "page-down",
        &[Key::PageDown],
        Action::Sweep(sweep::Do::Page(1)),
        "twenty plans down; in the form ten more",
    ),
    entry(
        Scope::On(Screen::Sweep),
        "layer",
        &[Key::Enter],
        Action::Sweep(sweep::Do::Layer),
        "to the layers, with the cut of this plan proposed",
    )
    .hinted("layer"),
    entry(
        Scope::On(Screen::Power),
        "rail-above",
        &[Key::Up],
        Action::Power(power::Do::Rail(-1)),
        "the rail above: what it contains and what it does not",
    )
    .hinted("rail")
    .with("rail-below"),
    entry(
        Scope::On(Screen::Power),
        "rail-below",
        &[Key::Down],
        Action::Power(power::Do::Rail(1)),
        "the rail below",
    ),
    entry(
        Scope::On(Screen::Power),
        "measure-idle",
        &[Key::Char('i')],
        Action::Power(power::Do::Idle(30)),
        "measure idle power: no frames for 30 s (takes control if it is free); again: frames go on",
    )
    .hinted("idle"),
    entry(
        Scope::On(Screen::Power),
        "measure-idle-briefly",
        &[Key::Char('I')],
        Action::Power(power::Do::Idle(10)),
        "the same for 10 s",
    ),
    entry(
        Scope::On(Screen::Power),
        "measure-idle-longest",
        &[],
        Action::Power(power::Do::Idle(120)),
        "the same for two minutes, the longest there is",
    ),
    entry(
        Scope::On(Screen::Power),
        "step-away",
        &[Key::Char('o')],
        Action::Power(power::Do::StepAway),
        "leave the robot alone for 15 s: frames without a console tell what this one costs",
    ),
    entry(
        Scope::On(Screen::Power),
        "zoom-in",
        &[Key::Char('+'), Key::Char('=')],
        Action::Chart(charts::Do::Zoom(1)),
        "charts: more detail, down to 0.1 s a dot",
    )
    .hinted("zoom")
    .with("zoom-out"),
    entry(
        Scope::On(Screen::Power),
        "zoom-out",
        &[Key::Char('-')],
        Action::Chart(charts::Do::Zoom(-1)),
        "charts: a longer time, up to 10 min a dot",
    ),
    entry(
        Scope::On(Screen::Power),
        "look",
        &[Key::Char('x')],
        Action::Chart(charts::Do::Look),
        "charts: a crosshair with exact values; the charts stand still, measuring goes on",
    )
    .hinted("crosshair"),
    entry(
        Scope::On(Screen::Layers),
        "row-above",
        &[Key::Up],
        Action::Layers(layers::Do::Row(Move::By(-1))),
        "the row above",
    )
    .hinted("row")
    .with("row-below")
    .narrow(),
    entry(
        Scope::On(Screen::Layers),
        "row-below",
        &[Key::Down],
        Action::Layers(layers::Do::Row(Move::By(1))),
        "the row below",
    ),
    entry(
        Scope::On(Screen::Layers),
        "page-above",
        &[Key::PageUp],
        Action::Layers(layers::Do::Row(Move::By(-20))),
        "twenty rows up",
    ),
    entry(
        Scope::On(Screen::Layers),
        "page-below",
        &[Key::PageDown],
        Action::Layers(layers::Do::Row(Move::By(20))),
        "twenty rows down",
    ),
    entry(
        Scope::On(Screen::Layers),
        "first-row",
        &[Key::Home],
        Action::Layers(layers::Do::Row(Move::First)),
        "the first row",
    ),
    entry(
        Scope::On(Screen::Layers),
        "last-row",
        &[Key::End],
        Action::Layers(layers::Do::Row(Move::Last)),
        "the last row",
    ),
    entry(
        Scope::On(Screen::Layers),
        "sort",
        &[Key::Char('o')],
        Action::Layers(layers::Do::Sort),
        "order by the next of: model, p50, p95, bytes, predicted, name",
    )
    .hinted("order")
    .narrow(),
    entry(
        Scope::On(Screen::Layers),
        "reverse",
        &[Key::Char('r')],
        Action::Layers(layers::Do::Reverse),
        "the other way round",
    ),
    entry(
        Scope::On(Screen::Layers),
        "device",
        &[Key::Char('d')],
        Action::Layers(layers::Do::Device),
        "the robot's operators only, the server's, all",
    )
    .hinted("device"),
    entry(
        Scope::On(Screen::Layers),
        "search",
        &[Key::Char('/')],
        Action::Layers(layers::Do::Search),
        "rows with these letters in name or kind only",
    )
    .hinted("search")
    .narrow(),
    entry(
        Scope::On(Screen::Layers),
        "clear",
        &[Key::Char('x')],
        Action::Layers(layers::Do::Clear),
        "all rows again",
    ),
    entry(
        Scope::On(Screen::Layers),
        "cut-here",
        &[Key::Char('g')],
        Action::Layers(layers::Do::Cut),
        "propose the cut behind this row",
    )
    .hinted("cut here"),
    entry(
        Scope::On(Screen::Workers),
        "worker-above",
        &[Key::Up],
        Action::Workers(workers::Do::Step(-1)),
        "the worker above: all screens are about it",
    )
    .hinted("worker")
    .with("worker-below")
    .narrow(),
    entry(
        Scope::On(Screen::Workers),
        "worker-below",
        &[Key::Down],
        Action::Workers(workers::Do::Step(1)),
        "the worker below",
    ),
    entry(
        Scope::On(Screen::Log),
        "newer",
        &[Key::Up],
        Action::Log(log::Do::Scroll(Move::By(-1))),
        "a line up, towards the newest",
    )
    .hinted("scroll")
    .with("older"),
    entry(
        Scope::On(Screen::Log),
        "older",
        &[Key::Down],
        Action::Log(log::Do::Scroll(Move::By(1))),
        "a line down, towards the oldest",
    ),
    entry(
        Scope::On(Screen::Log),
        "page-newer",
        &[Key::PageUp],
        Action::Log(log::Do::Scroll(Move::By(-20))),
        "twenty lines up",
    ),
    entry(
        Scope::On(Screen::Log),
        "page-older",
        &[Key::PageDown],
        Action::Log(log::Do::Scroll(Move::By(20))),
        "twenty lines down",
    ),
    entry(
        Scope::On(Screen::Log),
        "newest",
        &[Key::Home],
        Action::Log(log::Do::Scroll(Move::First)),
        "the newest line, and those that come",
    ),
    entry(
        Scope::On(Screen::Log),
        "oldest",
        &[Key::End],
        Action::Log(log::Do::Scroll(Move::Last)),
        "the oldest line that is kept",
    ),
    entry(
        Scope::On(Screen::Log),
        "level",
        &[Key::Char('v')],
        Action::Log(log::Do::Severity),
        "lines that matter less too, in the end errors only",
    )
    .hinted("level")
    .narrow(),
    entry(
        Scope::On(Screen::Log),
        "search",
        &[Key::Char('/')],
        Action::Log(log::Do::Search),
        "lines with these letters in text or source only",
    )
    .hinted("search")
    .narrow(),
    entry(
        Scope::On(Screen::Log),
        "clear",
        &[Key::Char('x')],
        Action::Log(log::Do::Clear),
        "all lines again, the newest on top",
    ),
    entry(
        Scope::Chart,
        "earlier",
        &[Key::Left],
        Action::Chart(charts::Do::Cross(-1)),
        "the crosshair a dot earlier",
    )
    .hinted("crosshair")
    .with("later")
    .narrow(),
    entry(
        Scope::Chart,
        "later",
        &[Key::Right],
        Action::Chart(charts::Do::Cross(1)),
        "the crosshair a dot later",
    ),
    entry(
        Scope::Chart,
        "chart-above",
        &[Key::Up],
        Action::Chart(charts::Do::Chart(-1)),
        "mark the chart before: pin and log are about it",
    )
    .hinted("chart")
    .with("chart-below"),
    entry(
        Scope::Chart,
        "chart-below",
        &[Key::Down],
        Action::Chart(charts::Do::Chart(1)),
        "mark the next chart",
    ),
    entry(
        Scope::Chart,
        "pan-earlier",
        &[Key::PageUp],
        Action::Chart(charts::Do::Pan(-1)),
        "half a screen earlier",
    )
    .hinted("pan")
    .with("pan-later")
    .narrow(),
    entry(
        Scope::Chart,
        "pan-later",
        &[Key::PageDown],
        Action::Chart(charts::Do::Pan(1)),
        "half a screen later",
    ),
    entry(
        Scope::Chart,
        "oldest",
        &[Key::Home],
        Action::Chart(charts::Do::Oldest),
        "a day back",
    ),
    entry(
        Scope::Chart,
        "newest",
        &[Key::End],
        Action::Chart(charts::Do::Newest),
        "to the newest",
    ),
    entry(
        Scope::Chart,
        "zoom-in",
        &[Key::Char('+'), Key::Char('=')],
        Action::Chart(charts::Do::Zoom(1)),
        "more detail, around the crosshair",
    )
    .hinted("zoom")
    .with("zoom-out")
    .narrow(),
    entry(
        Scope::Chart,
        "zoom-out",
        &[Key::Char('-')],
        Action::Chart(charts::Do::Zoom(-1)),
        "a longer time",
    ),
    entry(
        Scope::Chart,
        "pin-axis",
        &[Key::Char('y')],
        Action::Chart(charts::Do::Pin),
        "keep this axis as it is, or let it follow the values",
    )
    .hinted("pin"),
    entry(
        Scope::Chart,
        "log-axis",
        &[Key::Char('L')],
        Action::Chart(charts::Do::Log),
        "this axis by powers of ten, or evenly",
    )
    .hinted("log"),
    entry(
        Scope::Chart,
        "leave",
        &[Key::Esc, Key::Char('x')],
        Action::Chart(charts::Do::Look),
        "no crosshair: the charts follow again",
    )
    .hinted("leave")
    .narrow(),
    entry(
        Scope::Search,
        "keep",
        &[Key::Enter],
        Action::Search(Typed::Keep),
        "keep these rows",
    )
    .hinted("keep")
    .narrow(),
    entry(
        Scope::Search,
        "all",
        &[Key::Esc],
        Action::Search(Typed::Drop),
        "all rows again",
    )
    .hinted("all rows")
    .narrow(),
    entry(
        Scope::Search,
        "erase",
        &[Key::Backspace],
        Action::Search(Typed::Erase),
        "take a letter back; letters type",
    ),
    entry(
        Scope::Picker,
        "above",
        &[Key::Up],
        Action::Pick(Pick::Up),
        "the mode or parameter above",
    )
    .hinted("choose")
    .with("below")
    .narrow(),
    entry(
        Scope::Picker,
        "below",
        &[Key::Down],
        Action::Pick(Pick::Down),
        "the mode or parameter below",
    ),
    entry(
        Scope::Picker,
        "side",
        &[Key::Tab],
        Action::Pick(Pick::Side),
        "from the modes to the parameters and back",
    )
    .hinted("parameters"),
    entry(
        Scope::Picker,
        "more",
        &[Key::Right, Key::Char('+'), Key::Char('=')],
        Action::Pick(Pick::By(1)),
        "to the parameters; there: one more",
    ),
    entry(
        Scope::Picker,
        "less",
        &[Key::Left, Key::Char('-')],
        Action::Pick(Pick::By(-1)),
        "one less",
    )
    .hinted("change")
    .with("more")
    .narrow(),
    entry(
        Scope::Picker,
        "ten-more",
        &[Key::PageDown],
        Action::Pick(Pick::By(10)),
        "ten more",
    ),
    entry(
        Scope::Picker,
        "ten-less",
        &[Key::PageUp],
        Action::Pick(Pick::By(-10)),
        "ten less",
    ),
    entry(
        Scope::Picker,
        "least",
        &[Key::Home],
        Action::Pick(Pick::Least),
        "the least value",
    ),
    entry(
        Scope::Picker,
        "most",
        &[Key::End],
        Action::Pick(Pick::Most),
        "the greatest value",
    ),
    entry(
        Scope::Picker,
        "erase",
        &[Key::Backspace],
        Action::Pick(Pick::Erase),
        "take a digit back; the digits type the value",
    ),
    entry(
        Scope::Picker,
        "pick",
        &[Key::Enter],
        Action::Pick(Pick::Apply),
        "ask for this plan or policy (takes control if it is free)",
    )
    .hinted("apply")
    .narrow(),
    entry(
        Scope::Picker,
        "close",
        &[Key::Esc, Key::Char('m')],
        Action::Pick(Pick::Close),
        "leave things as they are",
    )
    .hinted("drop")
    .narrow(),
    entry(
        Scope::Anywhere,
        "frame-back",
        &[Key::Char(',')],
        Action::Time(Command::Step(Unit::Frame, Way::Back)),
        "a frame back in time: live is rewound; End goes live again",
    )
    .hinted("rewind"),
    entry(
        Scope::Anywhere,
        "frame-forth",
        &[Key::Char('.')],
        Action::Time(Command::Step(Unit::Frame, Way::Forth)),
        "a frame on",
    ),
    entry(
        Scope::Anywhere,
        "second-back",
        &[Key::Char('<')],
        Action::Time(Command::Step(Unit::Second, Way::Back)),
        "a second back in time",
    ),
    entry(
        Scope::Anywhere,
        "second-forth",
        &[Key::Char('>')],
        Action::Time(Command::Step(Unit::Second, Way::Forth)),
        "a second on",
    ),
    entry(
        Scope::Anywhere,
        "event-back",
        &[Key::Char(';')],
        Action::Time(Command::Step(Unit::Event, Way::Back)),
        "to the event before",
    ),
    entry(
        Scope::Anywhere,
        "event-forth",
        &[Key::Char('\'')],
        Action::Time(Command::Step(Unit::Event, Way::Forth)),
        "to the next event",
    ),
    entry(
        Scope::Anywhere,
        "marker-back",
        &[Key::Char('{')],
        Action::Time(Command::Jump(Jump::Marker(Way::Back))),
        "to the marker before",
    ),
    entry(
        Scope::Anywhere,
        "marker-forth",
        &[Key::Char('}')],
        Action::Time(Command::Jump(Jump::Marker(Way::Forth))),
        "to the next marker",
    ),
    entry(
        Scope::Anywhere,
        "switch-back",
        &[Key::Char('(')],
        Action::Time(Command::Jump(Jump::Switch(Way::Back))),
        "to the switch of plan before",
    ),
    entry(
        Scope::Anywhere,
        "switch-forth",
        &[Key::Char(')')],
        Action::Time(Command::Jump(Jump::Switch(Way::Forth))),
        "to the next switch of plan",
    ),
    entry(
        Scope::Anywhere,
        "fallback-back",
        &[Key::Char('F')],
        Action::Time(Command::Jump(Jump::Fallback(Way::Back))),
        "to the time before at which the robot had to go on alone",
    ),
    entry(
        Scope::Anywhere,
        "fallback-forth",
        &[Key::Char('f')],
        Action::Time(Command::Jump(Jump::Fallback(Way::Forth))),
        "to the next time at which the robot had to go on alone",
    ),
    entry(
        Scope::Anywhere,
        "go-to",
        &[Key::Char('g')],
        Action::GoTo(Typing::Open),
        "go to a time (12:30) or a frame (#1041)",
    ),
    entry(
        Scope::Time,
        "go-live",
        &[Key::End],
        Action::Time(Command::Follow),
        "live again; in a recording, its end",
    )
    .hinted("live")
    .narrow(),
    entry(
        Scope::Time,
        "beginning",
        &[Key::Home],
        Action::Time(Command::Jump(Jump::Start)),
        "the first moment that there is",
    ),
    entry(
        Scope::Time,
        "slower",
        &[Key::Char('9')],
        Action::Time(Command::Speed(Way::Back)),
        "slower, down to 0.1x",
    )
    .hinted("speed")
    .with("faster")
    .narrow(),
    entry(
        Scope::Time,
        "faster",
        &[Key::Char('0')],
        Action::Time(Command::Speed(Way::Forth)),
        "faster, up to 64x",
    ),
    entry(
        Scope::Time,
        "loop",
        &[Key::Char('l')],
        Action::Time(Command::Select),
        "a selection begins, ends and is played again and again, is dropped",
    )
    .hinted("loop"),
    entry(
        Scope::On(Screen::Sessions),
        "session-above",
        &[Key::Up],
        Action::Sessions(sessions::Do::Move(-1)),
        "the recording above",
    )
    .hinted("recording")
    .with("session-below")
    .narrow(),
    entry(
        Scope::On(Screen::Sessions),
        "session-below",
        &[Key::Down],
        Action::Sessions(sessions::Do::Move(1)),
        "the recording below",
    ),
    entry(
        Scope::On(Screen::Sessions),
        "ten-above",
        &[Key::PageUp],
        Action::Sessions(sessions::Do::Move(-10)),
        "ten above",
    ),
    entry(
        Scope::On(Screen::Sessions),
        "ten-below",
        &[Key::PageDown],
        Action::Sessions(sessions::Do::Move(10)),
        "ten below",
    ),
    entry(
        Scope::On(Screen::Sessions),
        "open-session",
        &[Key::Enter],
        Action::Sessions(sessions::Do::Open),
        "replay the recording; of a console with workers this asks first",
    )
    .hinted("open")
    .narrow(),
    entry(
        Scope::On(Screen::Sessions),
        "rename-session",
        &[Key::Char('r')],
        Action::Sessions(sessions::Do::Rename),
        "give it a name",
    )
    .hinted("rename"),
    entry(
        Scope::On(Screen::Sessions),
        "describe-recording",
        &[Key::Char('i')],
        Action::Sessions(sessions::Do::Describe),
        "say what it is: place, robot, operator, notes, Wi-Fi, battery, weather",
    )
    .hinted("describe"),
    entry(
        Scope::On(Screen::Sessions),
        "delete-session",
        &[Key::Char('d')],
        Action::Sessions(sessions::Do::Delete),
        "delete it, after a question",
    )
    .hinted("delete"),
    entry(
        Scope::On(Screen::Sessions),
        "compare-session",
        &[Key::Char('x')],
        Action::Sessions(sessions::Do::Compare),
        "compare it with another, or two epochs: x on the one, x on the other",
    )
    .hinted("compare"),
    entry(
        Scope::On(Screen::Sessions),
        "session-epochs",
        &[Key::Char('e')],
        Action::Sessions(sessions::Do::Unfold),
        "its epochs below it, or hide them",
    )
    .hinted("epochs"),
    entry(
        Scope::On(Screen::Sessions),
        "leave-sessions",
        &[Key::Esc],
        Action::Sessions(sessions::Do::No),
        "leave the comparison, or the screen",
    ),
    entry(
        Scope::Palette,
        "above",
        &[Key::Up],
        Action::Palette(palette::Do::Up),
        "the command above",
    )
    .hinted("choose")
    .with("below")
    .narrow(),
    entry(
        Scope::Palette,
        "below",
        &[Key::Down, Key::Tab],
        Action::Palette(palette::Do::Down),
        "the command below",
    ),
    entry(
        Scope::Palette,
        "erase",
        &[Key::Backspace],
        Action::Palette(palette::Do::Erase),
        "take a letter back; letters type",
    ),
    entry(
        Scope::Palette,
        "run",
        &[Key::Enter],
        Action::Palette(palette::Do::Run),
        "do it",
    )
    .hinted("do it")
    .narrow(),
    entry(
        Scope::Palette,
        "close",
        &[Key::Esc],
        Action::Palette(palette::Do::Close),
        "leave",
    )
    .hinted("leave")
    .narrow(),
];
