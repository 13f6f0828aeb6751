//! Emulated workers as processes of their own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// An emulated robot or server; ends when dropped.
pub(crate) struct Worker {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Worker {
    /// Starts it and waits until it says where consoles attach.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_splitscope"))
            .args(args)
            .args([
                "--engine",
                "emulated",
                "--listen",
                "127.0.0.1:0",
                "--until-stdin-ends",
            ])
            .env("SPLITSCOPE_LOG", "warn")
            .env(
                "SPLITSCOPE_CACHE",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (_, address) = line.trim().rsplit_once("ws://").expect("it says where");
        Self {
            child,
            address: address.to_owned(),
        }
    }

    /// Starts a Xavier NX with a model and its servers' addresses.
    pub(crate) fn robot(model: &str, servers: &[&str], more: &[&str]) -> Self {
        let device = ["robot", "--device", "jetson-xavier-nx", "--model", model];
        let mut args = device.to_vec();
        args.extend(servers.iter().flat_map(|s| ["--server", s]));
        args.extend(more);
        Self::start(&args)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
