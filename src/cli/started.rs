//! Workers that a command starts for itself, as processes of their own. They end when it does, however it dies: they
//! read its end of a pipe.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::cache;

/// A worker process; told to end, then waited for, when dropped.
pub(super) struct Worker {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// The file of what it says.
    pub(super) log: PathBuf,
}

impl Worker {
    /// Starts this program as a worker and waits until it says where it listens. `log` names the file of what it says:
    /// what started it, a dash, who it is.
    pub(super) fn start(log: &str, args: &[String]) -> Result<Self> {
        let name = log.split_once('-').map_or(log, |(_, name)| name);
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let log = log_file(log)?;
        let errors = std::fs::File::create(&log)
            .with_context(|| format!("cannot write the {name}'s log {}", log.display()))?;
        let mut child = Command::new(program)
            .args(args)
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let mut first = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut first)?;
        }
        let address = first
            .trim()
            .rsplit_once("ws://")
            .and_then(|(_, address)| address.parse().ok());
        match address {
            Some(address) => Ok(Self {
                child,
                address,
                log,
            }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(anyhow!(
                    "the {name} did not start: {}",
                    last_words(&log).unwrap_or_else(|| format!("it said {first:?}"))
                ))
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its standard input tells it to end.
        drop(self.child.stdin.take());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_file(name: &str) -> Result<PathBuf> {
    let dir = cache::logs();
    std::fs::create_dir_all(&dir)
        .with_context(|| format!("cannot make the folder {}", dir.display()))?;
    Ok(dir.join(format!("{name}.log")))
}

/// The last line of a log; its author is known.
fn last_words(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let last = text.lines().last()?;
    Some(last.strip_prefix("splitscope: ").unwrap_or(last).to_owned())
}

/// Words of a command line.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&w| w.to_owned()).collect()
}
