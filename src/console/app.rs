//! The console's state and its one reducer: [`App::update`] takes what happened and returns what shall be done.
//!
//! No terminal library, no socket, no clock in here: keys come as [`Key`], messages as [`Said`], time as [`Moment`].
//! What the reducer wants from the world it returns as [`Effect`]s.

mod deck;
mod doubt;
mod form;
mod fuzzy;
mod keymap;
mod keys;
mod links;
mod meaning;
mod notes;
mod orders;
mod outlook;
mod palette;
mod picker;
mod policies;
mod proposal;
mod reach;
mod replayed;
pub mod screens;
pub mod sweeping;
mod target;

use crate::playback::Standing;
use crate::session::{Meta, Status};
use crate::store::{EventRow, Events, Store};
use crate::units::Nanos;
use crate::wire::Level;
use crate::wire::console::{Backfill, Batch, CommandMessage, Missed, Reply, WorkerHello};

use super::address::Address;
use super::connection::{Order, Phase, Refusal};
use super::journal::{LogPlace, News};

pub use deck::{Deck, Evidence, Reel, Shot, Typing, jump};
pub use doubt::Doubt;
pub use form::{Blank, Form, Source, Whose};
pub use keymap::{
    Action, Bound, Entry, Hint, Key, KeyError, Keymap, Move, Pick, Scope, TABLE, Typed,
};
pub(crate) use keys::Control;
pub use notes::{Note, Noting, Prompt};
pub use orders::{Asked, Orders, Pending, PlanRequest, Progress};
pub use outlook::{Cost, Outlook, Payload, likely};
pub use palette::Palette;
pub use picker::{Field, Picker, Preview};
pub use policies::PolicyPicker;
pub use proposal::Proposal;
pub use reach::{Reach, Skew};
use screens::log::Log;
use screens::sessions::{Errand, Fetched};
pub use screens::{Screen, Screens};
pub use target::Target;

/// When something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// On this process's monotonic clock.
    pub now: Nanos,
    /// For people.
    pub unix_ms: u64,
}

/// What a connection brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The worker's first words; they suit.
    Hello(Box<WorkerHello>),
    /// Telemetry.
    Batch(Batch),
    /// Telemetry that was missed, late.
    Backfill(Backfill),
    /// The answer to a command.
    Reply(Reply),
    /// A ping came back after so many nanoseconds.
    RoundTrip(i64),
    /// The connection did not come about, or ended.
    Lost(String),
    /// What answers there is of no use.
    Refused(Refusal),
}

/// Something happened.
#[derive(Debug, Clone)]
pub enum Update {
    /// A key was pressed.
    Key(Key),
    /// A person asked for something otherwise: with the mouse.
    Act(Action),
    /// A connection brought something.
    Link {
        /// The target's place in the list.
        target: usize,
        /// The dial that it belongs to; an old one's words are not heard.
        dial: u64,
        /// What it brought.
        said: Said,
    },
    /// The film brought something.
    Film(Shot),
    /// An errand to the recordings is done.
    Fetched(Fetched),
    /// How the recording stands.
    Recording(Box<Status>),
    /// How storing a sweep goes.
    Stored(sweeping::Stored),
    /// This program said something.
    Logged(News),
    /// Where logs are written.
    LogPlaces(Vec<LogPlace>),
    /// Time passed.
    Tick,
    /// The screen has another size.
    Resized,
}

/// Something shall be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// To a target's connection.
    Link {
        /// The target's place in the list.
        target: usize,
        /// What to do.
        order: Order,
    },
    /// Send a command.
    Send {
        /// The target's place in the list.
        target: usize,
        /// The command.
        message: CommandMessage,
    },
    /// Ask for batches that did not come.
    Ask {
        /// The target's place in the list.
        target: usize,
        /// Which.
        missed: Missed,
    },
    /// Show this moment of the film.
    Show(Nanos),
    /// Something in the folder of recordings.
    Errand(Errand),
    /// Something for the recording.
    Note(Note),
    /// Something of a sweep to be stored.
    Keep(sweeping::Kept),
    /// Leave, now.
    Quit,
    /// Give the terminal back and stop until the shell lets this job go on.
    Suspend,
}

/// How urgent a new picture is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redraw {
    /// Nothing that shows has changed.
    #[default]
    No,
    /// With the next regular picture.
    Soon,
    /// Time is scrubbed through: the picture moves.
    Scrubbing,
    /// A person waits for it.
    AtOnce,
}

/// What an update led to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Turn {
    /// What to do, in order.
    pub effects: Vec<Effect>,
    /// Whether to draw.
    pub redraw: Redraw,
}

impl Turn {
    fn redraw(&mut self, redraw: Redraw) {
        self.redraw = self.redraw.max(redraw);
    }
}

/// A question that waits for Enter or Esc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeOver {
    /// The robot.
    pub target: usize,
    /// Who holds control.
    pub holder: String,
    /// The plan to set afterwards.
    pub then: Option<PlanRequest>,
}

/// The display as it stood when it was paused.
#[derive(Debug, Clone)]
struct Frozen {
    at: Nanos,
    stores: Vec<Store>,
}

/// How far a paused display is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Since the pause.
    pub ns: i64,
    /// Frames since the pause, of the worker shown.
    pub frames: u64,
}

/// What the console is started with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The workers.
    pub addresses: Vec<Address>,
    /// The control token.
    pub token: Option<String>,
    /// Which keys do what.
    pub keymap: Keymap,
    /// Whether the terminal is at the end of a slow line.
    pub remote: bool,
    /// The first command's number; another one at each start.
    pub first_command: u64,
    /// What is known of the session that is recorded.
    pub about: Meta,
    /// Whether to ask for that once.
    pub ask: bool,
}

/// The console's state.
#[derive(Debug, Clone)]
pub struct App {
    targets: Vec<Target>,
    selected: Option<usize>,
    token: Option<String>,
    proposal: Option<Proposal>,
    picker: Option<Picker>,
    policies: Option<PolicyPicker>,
    palette: Option<Palette>,
    screens: Screens,
    keymap: Keymap,
    take_over: Option<TakeOver>,
    doubt: Option<Doubt>,
    orders: Orders,
    frozen: Option<Frozen>,
    help: bool,
    remote: bool,
    notice: Option<String>,
    own_events: Events,
    /// What this program said; of now, whichever time is shown.
    log: Log,
    deck: Deck,
    /// The moment of a state that recorded entries made.
    replayed: Moment,
    /// The sweep under way, or the last one.
    sweeping: Option<Box<sweeping::Sweeping>>,
    recording: Option<Status>,
    prompt: Option<Prompt>,
    /// What the session is, as far as anybody said.
    about: Meta,
    /// Whether the form opens by itself.
    ask: bool,
    form: Option<Form>,
}

impl App {
    /// The state at the start, and the first dials.
    pub fn new(setup: Setup, now: Nanos) -> (Self, Vec<Effect>) {
        let mut targets = Vec::new();
        let mut effects = Vec::new();
        for (index, address) in setup.addresses.into_iter().enumerate() {
            let (target, order) = Target::new(address, now);
            targets.push(target);
            effects.push(Effect::Link {
                target: index,
                order,
            });
        }
        let app = Self {
            targets,
            selected: None,
            token: setup.token,
            proposal: None,
            picker: None,
            policies: None,
            palette: None,
            screens: Screens::default(),
            keymap: setup.keymap,
            take_over: None,
            doubt: None,
            orders: Orders::new(setup.first_command),
            frozen: None,
            help: false,
            remote: setup.remote,
            notice: None,
            own_events: Events::default(),
            log: Log::default(),
            deck: Deck::default(),
            replayed: Moment::default(),
            sweeping: None,
            recording: None,
            prompt: None,
            about: setup.about,
            ask: setup.ask,
            form: None,
        };
        (app, effects)
    }

    /// Takes in what happened.
    pub fn update(&mut self, update: Update, at: Moment) -> Turn {
        let mut turn = Turn::default();
        match update {
            Update::Key(key) if self.type_note(key, &mut turn) => turn.redraw(Redraw::AtOnce),
            Update::Key(key) if self.type_form(key, at, &mut turn) => turn.redraw(Redraw::AtOnce),
            Update::Key(key) => {
                if let Some(action) = self.meaning(key) {
                    self.act(action, at, &mut turn);
                    turn.redraw(urgency(action));
                }
            }
            Update::Act(action) => {
                self.act(action, at, &mut turn);
                turn.redraw(urgency(action));
            }
            Update::Link { target, dial, said } => {
                self.with_present(|app| app.hear(target, dial, said, at, &mut turn));
                self.refill();
                self.ask_if_due(&mut turn);
            }
            Update::Film(shot) => self.on_film(shot, &mut turn),
            Update::Fetched(fetched) => {
                self.on_fetched(fetched);
                turn.redraw(Redraw::AtOnce);
            }
            Update::Tick => {
                if !self.is_replay() {
                    self.with_present(|app| app.pass(at, &mut turn));
                }
                self.pass_time(at, &mut turn);
            }
            Update::Stored(stored) => {
                self.sweep_stored(stored, at);
                turn.redraw(Redraw::Soon);
            }
            Update::Recording(status) => {
                self.recorder_says(*status, at, &mut turn);
                self.ask_if_due(&mut turn);
            }
            Update::Logged(news) => {
                self.hear_log(news);
                if self.screens.shown == Screen::Log {
                    turn.redraw(Redraw::Soon);
                }
            }
            Update::LogPlaces(places) => self.know_log_places(places),
            Update::Resized => turn.redraw(Redraw::AtOnce),
        }
        self.keep_sweep(at, &mut turn);
        self.go_on_with_best(at, &mut turn);
        turn
    }

    /// When [`Update::Tick`] is due: a connection's deadline, or the next second of a count that is on the screen.
    pub fn next_tick(&self, now: Nanos) -> Option<Nanos> {
        let targets = self.present_targets();
        let deadlines = targets.iter().filter_map(|t| t.connection.deadline());
        let counts = targets.iter().filter_map(|t| match t.connection.phase() {
            Phase::Retry { at, .. } | Phase::Refused { at, .. } => Some(next_second(now, *at)),
            Phase::Stale { heard } => Some(next_second(now, *heard)),
            Phase::Connecting { .. } | Phase::Live { .. } => None,
        });
        let pause = self.frozen.as_ref().map(|f| next_second(now, f.at));
        let picture = self.next_picture();
        let sweep = self.sweep_tick_due();
        let due = deadlines.chain(counts).chain(pause).chain(sweep);
        due.chain(picture).min()
    }

    /// The workers, in the order they were named.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The worker that the screen is about: the one chosen, else the first robot, else the first that has said hello.
    pub fn focus(&self) -> Option<usize> {
        self.selected
            .or_else(|| self.targets.iter().position(Target::is_robot))
            .or_else(|| self.targets.iter().position(|t| t.store.worker().is_some()))
    }

    /// What is shown of a worker: what it told, up to the pause if there is one.
    pub fn shown(&self, target: usize) -> Option<&Store> {
        match &self.frozen {
            Some(frozen) => frozen.stores.get(target),
            None => self.targets.get(target).map(|t| &t.store),
        }
    }

    /// Whether what is shown is what happens now.
    pub const fn display(&self) -> Standing {
        if self.frozen.is_some() {
            Standing::Rewound
        } else {
            self.deck.playback().standing()
        }
    }

    /// How far the display is behind, if it is paused.
    pub fn behind(&self, now: Nanos) -> Option<Behind> {
        let frozen = self.frozen.as_ref()?;
        let frames = self.focus().map_or(0, |i| {
            let count = |s: &Store| s.frames().total() + s.server_frames().total();
            let then = frozen.stores.get(i).map_or(0, count);
            count(&self.targets[i].store).saturating_sub(then)
        });
        Some(Behind {
            ns: now.since(frozen.at),
            frames,
        })
    }

    /// What is proposed, if it differs from what is in effect.
    pub const fn proposal(&self) -> Option<&Proposal> {
        self.proposal.as_ref()
    }

    /// The question that waits for an answer.
    pub const fn take_over(&self) -> Option<&TakeOver> {
        self.take_over.as_ref()
    }

    /// The commands under way.
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// The mode picker, while it is open.
    pub const fn picker(&self) -> Option<&Picker> {
        self.picker.as_ref()
    }

    /// The policy picker, while it is open.
    pub const fn policies(&self) -> Option<&PolicyPicker> {
        self.policies.as_ref()
    }

    /// Whether the help is shown.
    pub const fn help(&self) -> bool {
        self.help
    }

    /// Whether the terminal is at the end of a slow line, so that pictures are fewer.
    pub const fn is_remote(&self) -> bool {
        self.remote
    }

    /// Which keys do what.
    pub const fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    /// What the console has to say about the last key.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// What the console itself had to say.
    pub const fn own_events(&self) -> &Events {
        &self.own_events
    }

    /// Events of the worker shown and of the console itself, newest first, at most `most`.
    pub fn events(&self, most: usize) -> Vec<(&EventRow, Option<&'static str>)> {
        let mut all: Vec<_> = self
            .own_events
            .newest()
            .take(most)
            .map(|e| (e, None))
            .collect();
        for index in 0..self.targets.len() {
            let Some(store) = self.shown(index) else {
                continue;
            };
            let role = store.role().map(crate::wire::console::Role::name);
            all.extend(store.events().newest().take(most).map(|e| (e, role)));
        }
        // Stable: what came together stays in its order.
        all.sort_by_key(|(event, _)| std::cmp::Reverse(event.arrived));
        all.truncate(most);
        all
    }

    fn pass(&mut self, at: Moment, turn: &mut Turn) {
        self.sweep_tick(at, turn);
        for index in 0..self.targets.len() {
            let before = self.targets[index].connection.phase().clone();
            let order = self.targets[index].connection.tick(at.now);
            if let Some(order) = order {
                turn.effects.push(Effect::Link {
                    target: index,
                    order,
                });
            }
            let connection = &self.targets[index].connection;
            if *connection.phase() != before {
                turn.redraw(Redraw::Soon);
            }
            if let (Order::HangUp, Phase::Retry { reason, .. }) =
                (order.unwrap_or(Order::Dial(0)), connection.phase())
            {
                let reason = reason.clone();
                self.lost(index, &reason, &before, at);
            }
        }
        let counting = self.targets.iter().any(|t| {
            !matches!(
                t.connection.phase(),
                Phase::Live { .. } | Phase::Connecting { .. }
            )
        });
        if counting || self.frozen.is_some() {
            turn.redraw(Redraw::Soon);
        }
    }

    fn say(&mut self, level: Level, text: String, at: Moment) {
        self.own_events.add(EventRow {
            arrived: at.now,
            unix_ms: Some(at.unix_ms),
            level,
            text,
        });
    }
}

/// How soon a person wants to see what an action did. A key of the time that is held down moves the picture more often
/// than anybody can see.
const fn urgency(action: Action) -> Redraw {
    match action {
        Action::Time(_) => Redraw::Scrubbing,
        _ => Redraw::AtOnce,
    }
}

/// The next moment at which a count of whole seconds from or to `mark` changes.
const fn next_second(now: Nanos, mark: Nanos) -> Nanos {
    const SECOND: i64 = 1_000_000_000;
    let phase = now.since(mark).rem_euclid(SECOND);
    now.shifted(SECOND - phase)
}
