//! The terminal: taken over at the start, given back in every way that the console can end, a panic included.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect};

use super::app::App;
use super::job;
use super::settings::{self, Settings};
use super::view::{Hits, Theme, draw};
use crate::units::Nanos;

/// Whether the terminal is ours at present.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();
/// What a person has to know when the console ends by a fault of its own.
const AFTER_A_FAULT: &str = "\
splitscope: this is a fault of the console; robot and server go on without it
  what was recorded is in the newest file that `splitscope sessions` lists; if its end is missing, `splitscope repair FILE` writes it
  to go on: start the console again; to have it mended: report the lines above with the log (`splitscope config` says where it is)";

/// The terminal while it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    theme: Theme,
    mouse: bool,
    hits: Hits,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Standard output is no terminal, or does not obey.
    pub(super) fn enter(settings: &Settings) -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is no terminal"));
        }
        HOOK.call_once(|| {
            let print = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                let was_ours = give_back();
                print(panic);
                if was_ours {
                    // Where standard error is closed nobody can be told.
                    writeln!(io::stderr(), "{AFTER_A_FAULT}").ok();
                }
            }));
        });
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let screen = Self::open(settings);
        if screen.is_err() {
            give_back();
        }
        screen
    }

    fn open(settings: &Settings) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(64 << 10, io::stdout());
        take(&mut out, settings.mouse.value)?;
        // Nothing is asked of the terminal (its cursor, its colours): a slow one would hold the first picture up.
        Ok(Self {
            terminal: Terminal::new(CrosstermBackend::new(out))?,
            theme: settings.look(&settings::Terminal::from_environment()),
            mouse: settings.mouse.value,
            hits: Hits::default(),
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
        let mut hits = Hits::default();
        self.terminal.draw(|frame| {
            let area = frame.area();
            hits = draw(app, theme, now, area, frame.buffer_mut());
        })?;
        self.hits = hits;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        self.terminal.backend_mut().flush()
    }
}

impl Screen {
    /// What the mouse can do on what was drawn last.
    pub(super) const fn hits(&self) -> &Hits {
        &self.hits
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

impl Screen {
    /// Gives the terminal back, stops this process (`with_job`: and its job, as Ctrl-Z does), and takes the terminal over
    /// again when the shell lets it go on.
    ///
    /// # Errors
    /// The terminal does not obey any more.
    pub(super) fn suspend(&mut self, with_job: bool) -> io::Result<()> {
        give_back();
        job::stop(with_job)?;
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        take(self.terminal.backend_mut(), self.mouse)?;
        // Not `clear`: that asks the terminal where its cursor is, and a slow one answers late or never.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }
}

fn take(out: &mut impl Write, mouse: bool) -> io::Result<()> {
    execute!(out, EnterAlternateScreen)?;
    if mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back, once; says whether it was ours.
fn give_back() -> bool {
    let was_ours = TAKEN.swap(false, Ordering::SeqCst);
    if was_ours {
        // Nothing can be done where the terminal itself is gone.
        execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableMouseCapture,
            LeaveAlternateScreen,
            Show
        )
        .ok();
        disable_raw_mode().ok();
    }
    was_ours
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::exit;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

    use super::*;
    use crate::console::Options;

    const INSIDE: &str = "console::terminal::tests::inside_a_terminal_a_thread_panics";
    const LEFT: i32 = 77;

    /// Run in a terminal by the test below. Only the hook can give the terminal back here: the thread that panics has no
    /// `Screen`, and the one that has never drops it.
    #[test]
    #[ignore = "takes over the terminal"]
    fn inside_a_terminal_a_thread_panics() {
        let options = Options {
            targets: vec!["127.0.0.1:1".parse().unwrap()],
            token: None,
            name: "test".to_owned(),
            recording: None,
            ask: false,
            settings: Settings::default(),
            journal: crate::console::Journal::default(),
        };
        let (app, _) = App::new(options.setup(), Nanos(0));
        let mut screen = Screen::enter(&options.settings).unwrap();
        screen.draw(&app, Nanos(0)).unwrap();
        let thread = std::thread::spawn(|| panic!("the thread's last words"));
        assert!(thread.join().is_err());
        let told = screen.draw(&app, Nanos(0)).unwrap_err();
        writeln!(io::stderr(), "after it: {told}").unwrap();
        exit(LEFT);
    }

    /// What `stty` would say: echo, line editing and all.
    fn settings(master: &dyn MasterPty) -> String {
        format!("{:?}", master.get_termios().unwrap())
    }

    #[test]
    fn a_panic_anywhere_gives_the_terminal_back_before_it_is_told() {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let before = settings(pair.master.as_ref());
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", INSIDE, "--ignored", "--nocapture"]);
        command.env("TERM", "xterm-256color");
        let mut child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut all = Vec::new();
        let mut left = None;
        // A minute without an end is a fault.
        for _ in 0..600 {
            while let Ok(bytes) = output.recv_timeout(Duration::from_millis(100)) {
                all.extend(bytes);
            }
            if left.is_some() {
                break;
            }
            left = child.try_wait().unwrap();
        }
        let text = String::from_utf8_lossy(&all).into_owned();
        let Some(left) = left else {
            child.kill().unwrap();
            panic!("it did not end: {text:?}");
        };
        assert_eq!(left.exit_code(), LEFT as u32, "{text}");
        assert_eq!(settings(pair.master.as_ref()), before);
        let place = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("no {part:?}: {text:?}"))
        };
        let (hidden, taken) = (place("\x1b[?25l"), place("\x1b[?1049h"));
        let (given_back, shown) = (place("\x1b[?1049l"), place("\x1b[?25h"));
        let words = place("the thread's last words");
        assert!(taken < given_back && given_back < words, "{text:?}");
        assert!(hidden < shown && shown < words, "{text:?}");
        assert!(text.contains("after it: a part of the console panicked"));
        // Nothing is drawn over the words.
        assert_eq!(text.matches("\x1b[?1049h").count(), 1, "{text:?}");
    }
}
