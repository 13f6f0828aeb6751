//! The program in a folder of its own, away from the user's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder that the program works in, gone with the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Any program, here.
    pub(crate) fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.path())
            .env("SPLITSCOPE_DATA", self.path().join("data"))
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("SPLITSCOPE_CACHE", self.path().join("cache"))
            .env("SPLITSCOPE_LOG", "warn")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn command(&self, args: &[impl AsRef<str>]) -> Command {
        let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        self.program(env!("CARGO_BIN_EXE_splitscope"), &args)
    }

    pub(crate) fn run(&self, args: &[impl AsRef<str>]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The one session in the folder where recordings land.
    pub(crate) fn only_session(&self) -> PathBuf {
        let folder = self.path().join("data/sessions");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.pop().unwrap()
    }
}

/// The garden on one machine: emulated robot and server, a real link of 40 Mbps.
pub(crate) fn demo(more: &[&str]) -> Vec<String> {
    let mut all: Vec<String> =
        "demo --engine emulated --model mobilenet_v2 --size 96 --link 40 --headless --json"
            .split(' ')
            .map(str::to_owned)
            .collect();
    all.extend(more.iter().map(|&m| m.to_owned()));
    all
}

pub(crate) fn lines(out: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(out);
    let whole = text.lines().map(serde_json::from_str);
    whole.map(Result::unwrap).collect()
}

/// What `info --json` says.
pub(crate) fn info(folder: &Folder, file: &Path) -> Value {
    let out = folder.run(&["info", file.to_str().unwrap(), "--json"]);
    assert!(out.status.success(), "{out:?}");
    lines(&out.stdout).remove(0)
}

/// The time that a test waits by.
#[expect(clippy::disallowed_methods, reason = "a test's own clock")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
