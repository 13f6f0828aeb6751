//! What `robot` and `server` share: logging, the token, running until asked to stop.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tracing_subscriber::EnvFilter;

use super::cache;
use crate::console::Journal;

/// Logs to standard error; `SPLITSCOPE_LOG` chooses what (`tracing`'s filter syntax).
pub(super) fn start_logging() {
    let wanted = std::env::var("SPLITSCOPE_LOG").ok();
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or("info"));
    let refused = filter.as_ref().err().map(ToString::to_string);
    // A second call (tests) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        // A log in a file is read by people and grep.
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
    if let (Some(wanted), Some(reason)) = (wanted, refused) {
        tracing::warn!(
            "SPLITSCOPE_LOG={wanted:?} is no filter ({reason}); logging at info, say warn or splitscope=debug"
        );
    }
}

/// The journal of a console with a screen: what the program says goes there and into a file, not to standard error.
/// `SPLITSCOPE_LOG` chooses what; `secrets` appear in neither.
pub(super) fn journal(secrets: Vec<String>) -> Journal {
    let wanted = std::env::var("SPLITSCOPE_LOG").ok();
    Journal::new(&cache::logs(), secrets).listening(wanted.as_deref())
}

/// Reads a token file.
pub(super) fn token(path: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token file {}", path.display()))?;
    let token = text.trim().to_owned();
    ensure!(
        !token.is_empty(),
        "the token file {} is empty; put a secret into it",
        path.display()
    );
    Ok(Some(token))
}

/// A CPU core that this process may use.
pub(super) fn core(text: &str) -> Result<usize, String> {
    let usable = crate::worker::runtime::usable_cores();
    let number = text.parse::<usize>().ok();
    number
        .filter(|core| usable.is_empty() || usable.contains(core))
        .ok_or_else(|| {
            let usable: Vec<_> = usable.iter().map(ToString::to_string).collect();
            format!(
                "{text:?} is no CPU core that this process may use; expected one of {}",
                usable.join(", ")
            )
        })
}

/// This host's name, for people.
pub(super) fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Says on standard output that the worker is there, and waits for SIGINT, SIGTERM or SIGHUP; with `with_stdin`, also
/// for the end of standard input, which tells a demo's worker that the demo is gone however it died.
pub(super) fn serve_until_stopped(ready: &str, with_stdin: bool) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{ready}")
        .and_then(|()| out.flush())
        .context("cannot write to standard output")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot listen to signals")?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let (gone, stdin) = tokio::sync::oneshot::channel();
        if with_stdin {
            std::thread::spawn(move || {
                let mut rest = [0; 64];
                while std::io::stdin().read(&mut rest).is_ok_and(|n| n > 0) {}
                let _ = gone.send(());
            });
        }
        let parent = async {
            if with_stdin {
                let _ = stdin.await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            () = parent => {}
        }
        Ok(())
    })
}
