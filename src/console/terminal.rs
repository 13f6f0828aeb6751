//! The terminal: taken over at the start, given back in every way that the console can end, a panic included.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::app::App;
use super::view::{Theme, draw};
use crate::units::Nanos;

/// Whether the terminal is ours at present.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal while it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    theme: Theme,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Standard output is no terminal, or does not obey.
    pub(super) fn enter() -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is no terminal"));
        }
        HOOK.call_once(|| {
            let print = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                print(panic);
            }));
        });
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let screen = Self::open();
        if screen.is_err() {
            give_back();
        }
        screen
    }

    fn open() -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(64 << 10, io::stdout());
        execute!(out, EnterAlternateScreen)?;
        // Nothing is asked of the terminal (its cursor, its colours): a slow one would hold the first picture up.
        Ok(Self {
            terminal: Terminal::new(CrosstermBackend::new(out))?,
            theme: Theme::from_environment(),
        })
    }

    /// Draws the state, in one piece where the terminal knows how (synchronized output).
    ///
    /// # Errors
    /// The terminal is gone, or was given back because something panicked.
    pub(super) fn draw(&mut self, app: &App, now: Nanos) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Err(io::Error::other("a part of the console panicked"));
        }
        let theme = self.theme;
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| {
            let area = frame.area();
            draw(app, theme, now, area, frame.buffer_mut());
        })?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        self.terminal.backend_mut().flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, once.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Nothing can be done where the terminal itself is gone.
        execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            LeaveAlternateScreen,
            Show
        )
        .ok();
        disable_raw_mode().ok();
    }
}
