//! The console: watches workers and commands them, on a screen ([`run`]) or line by line ([`run_headless`]).
//!
//! ```text
//! address     where a worker listens
//! connection  how the connection to it stands: a pure state machine
//! backlog     which batches did not come, and are asked for again: another one
//! app         the state and its one reducer; no terminal, no socket, no clock
//! view        the screen as a pure function of the state
//! meet        a short visit to a worker, for `splitscope doctor`
//! journal     what this program says of itself, for the Log screen and a file
//! tap, tape   what happens as entries of a session; their way to the recorder
//! settings    what a person can choose, from flags, the environment and a file
//! line        a frame as a line of JSON or words
//! pace        when the next picture is due
//! transport, links, terminal, input, signals, job, runtime, headless, sweep   the thin shell around them
//! ```
//!
//! This room and all above it build and run without libtorch.

pub mod address;
pub mod app;
pub mod backlog;
pub mod connection;
mod film;
mod headless;
mod input;
mod job;
pub mod journal;
mod keeper;
pub mod line;
mod links;
mod meet;
mod mouse;
mod pace;
mod runtime;
pub mod settings;
mod shelf;
mod signals;
mod sweep;
pub mod tap;
mod tape;
mod terminal;
mod transport;
pub mod view;

use std::io::{self, IsTerminal};

use tokio::runtime::Runtime;

pub use address::{Address, AddressError};
pub use headless::{Ended, Headless};
pub use journal::Journal;
pub use meet::{Met, meet};
pub use settings::Settings;
pub use sweep::{Observer, SweepEnded};

use crate::playback::Command;
use crate::session::Reader;
use crate::units::Hash32;

/// What a console is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The workers to attach to.
    pub targets: Vec<Address>,
    /// The control token, where the workers want one.
    pub token: Option<String>,
    /// Who this is, shown to other consoles; see [`default_name`].
    pub name: String,
    /// Where to record, if at all.
    pub recording: Option<crate::session::Settings>,
    /// Whether nobody has said yet what the session is, so that it may be asked for.
    pub ask: bool,
    /// How it looks and which keys it has.
    pub settings: Settings,
    /// What the program says of itself.
    pub journal: Journal,
}

/// The console cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// No screen.
    #[error("cannot use the terminal: {0}; without one, use --headless")]
    Terminal(#[source] io::Error),
    /// No signals.
    #[error("cannot listen to signals: {0}")]
    Signals(#[source] io::Error),
    /// No threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// Shows the workers on the terminal until the person leaves, or a signal asks for the end. Starts its own runtime: call
/// it outside of any.
///
/// # Errors
/// No terminal, no threads, no signals. A worker that cannot be reached is no error: the screen says so.
pub fn run(options: &Options) -> Result<(), ConsoleError> {
    block_on(async {
        let next = runtime::watch(options).await?;
        play_all(next, &options.settings, &options.journal).await
    })
}

/// Shows a recording on the terminal until the person leaves, after some commands to its time. Starts its own runtime:
/// call it outside of any.
///
/// # Errors
/// No terminal, no threads, no signals.
pub fn replay(
    reader: Reader,
    begin: &[Command],
    settings: &Settings,
    journal: &Journal,
) -> Result<(), ConsoleError> {
    block_on(async {
        let next = runtime::play(Some(reader), begin, settings, journal).await?;
        play_all(next, settings, journal).await
    })
}

/// Shows the list of recordings, and those that the person opens. Starts its own runtime: call it outside of any.
///
/// # Errors
/// No terminal, no threads, no signals.
pub fn browse(settings: &Settings, journal: &Journal) -> Result<(), ConsoleError> {
    block_on(async {
        let next = runtime::play(None, &[], settings, journal).await?;
        play_all(next, settings, journal).await
    })
}

/// Shows what the person opens, one recording after another.
async fn play_all(
    mut next: Option<Reader>,
    settings: &Settings,
    journal: &Journal,
) -> Result<(), ConsoleError> {
    while let Some(reader) = next {
        next = runtime::play(Some(reader), &[], settings, journal).await?;
    }
    Ok(())
}

/// Writes the workers' frames to standard output, one line each, until the end that was asked for. Starts its own
/// runtime: call it outside of any.
///
/// # Errors
/// No threads, no signals.
pub fn run_headless(options: &Options, how: Headless) -> Result<Ended, ConsoleError> {
    block_on(headless::watch(options, how))
}

/// Sweeps plans on a robot without a screen. Starts its own runtime: call it outside of any.
///
/// # Errors
/// No threads, no signals.
pub fn run_sweep(
    options: &Options,
    request: &app::sweeping::Request,
    observer: &mut dyn Observer,
) -> Result<SweepEnded, ConsoleError> {
    block_on(sweep::sweep(options, request, observer))
}

/// `user@host`, as this system knows them.
pub fn default_name() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "someone".to_owned());
    let host = rustix::system::uname();
    format!("{user}@{}", host.nodename().to_string_lossy())
}

impl Settings {
    /// What a console without workers is started with.
    fn setup(&self) -> app::Setup {
        app::Setup {
            keymap: self.keymap.clone(),
            remote: self
                .ssh
                .value
                .resolved(settings::Terminal::from_environment().ssh),
            ..app::Setup::default()
        }
    }
}

impl Options {
    fn setup(&self) -> app::Setup {
        app::Setup {
            addresses: self.targets.clone(),
            token: self.token.clone(),
            first_command: first_command(),
            about: self
                .recording
                .as_ref()
                .map(|r| r.meta.clone())
                .unwrap_or_default(),
            ask: self.ask && self.settings.prompt.value && io::stdin().is_terminal(),
            ..self.settings.setup()
        }
    }
}

/// Where this console's command numbers start. Another console, or this one started again, starts elsewhere, so that no
/// worker takes a new command for one that it has answered.
fn first_command() -> u64 {
    let seed = format!("{} {}", std::process::id(), crate::clock::unix_ms());
    let hash = Hash32::of(seed.as_bytes()).0;
    let wide = hash[..8]
        .iter()
        .fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
    // 52 bits: exact as a number of JSON too.
    wide >> 12
}

fn block_on<T>(console: impl Future<Output = Result<T, ConsoleError>>) -> Result<T, ConsoleError> {
    let runtime: Runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("console")
        .enable_all()
        .build()
        .map_err(ConsoleError::Thread)?;
    let result = runtime.block_on(console);
    // A name that is being looked up must not hold the end up.
    runtime.shutdown_background();
    result
}
