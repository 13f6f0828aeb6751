//! A worker as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Runs until it is dropped.
pub(crate) struct Worker {
    pub(crate) child: Child,
    /// `IP:PORT`.
    pub(crate) address: String,
}

impl Worker {
    /// Starts a worker on a port of its own.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    /// Starts a worker at a given address: one that was killed comes back there.
    pub(crate) fn start_at(address: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_splitscope"))
            .args(args)
            .args(["--listen", address, "--until-stdin-ends"])
            .env("SPLITSCOPE_LOG", "error")
            .env(
                "SPLITSCOPE_CACHE",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let (_, address) = line.trim().rsplit_once("ws://").expect("it says where");
        Self {
            child,
            address: address.to_owned(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
