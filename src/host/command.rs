//! A small command's output, with bounds on its length and its time.

use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::HostError;
use crate::clock;

/// Bytes read of it; more would stay in the pipe, and the command ends when that closes.
const MAX_OUTPUT: u64 = 16 * 1024;
/// Time it gets.
const LIMIT_NS: i64 = 1_000_000_000;

/// What a command writes before it ends. One that takes longer than a second is killed and gives an error.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, HostError> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let failed = |problem: String| HostError::Command {
        command: shown.clone(),
        problem,
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    let began = clock::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if clock::now().since(began) < LIMIT_NS => {
                thread::sleep(Duration::from_millis(2));
            }
            Ok(None) => break Err("has not ended after 1 s".to_owned()),
            Err(e) => break Err(e.to_string()),
        }
    };
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(failed(format!("ended ({status})"))),
        Err(problem) => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(problem));
        }
    }
    let mut said = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        rustix::io::ioctl_fionbio(&pipe, true).map_err(|e| failed(e.to_string()))?;
        match pipe.take(MAX_OUTPUT).read_to_end(&mut said) {
            Ok(_) => {}
            // What it started holds the pipe: what is there is what it said.
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(failed(e.to_string())),
        }
    }
    Ok(said)
}
