//! The signals that ask a console to end or to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP; with a screen SIGTSTP too.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    /// None where the system's own way of stopping will do.
    stop: Option<Signal>,
    /// The next request to stop is one that this console has sent itself.
    own: bool,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To end.
    End,
    /// To give the terminal back and stop until SIGCONT.
    Stop,
}

impl Signals {
    /// Listens from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            stop: None,
            own: false,
        })
    }

    /// The same for a console with a screen, which must be put away before it stops.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(super) fn with_screen() -> io::Result<Self> {
        let stop = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
        Ok(Self {
            stop: Some(signal(stop)?),
            ..Self::new()?
        })
    }

    /// This console is about to ask its whole job to stop, itself among it.
    pub(super) const fn expect_own(&mut self) {
        self.own = true;
    }

    /// The first that comes.
    pub(super) async fn next(&mut self) -> Wish {
        loop {
            let stop = async {
                match &mut self.stop {
                    Some(stop) => stop.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => return Wish::End,
                _ = self.terminate.recv() => return Wish::End,
                _ = self.hang_up.recv() => return Wish::End,
                _ = stop => {
                    if !std::mem::take(&mut self.own) {
                        return Wish::Stop;
                    }
                }
            }
        }
    }
}
