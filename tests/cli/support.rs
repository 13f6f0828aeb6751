//! The program as a user runs it, to its end.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Far longer than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How often a wait looks.
pub(crate) const STEP: Duration = Duration::from_millis(20);

/// The program, away from the user's cache and taste in logs.
pub(crate) fn splitscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitscope"));
    command
        .args(args)
        .env("SPLITSCOPE_CACHE", cache())
        .env("SPLITSCOPE_DATA", env!("CARGO_TARGET_TMPDIR"))
        .env("SPLITSCOPE_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn cache() -> String {
    concat!(env!("CARGO_TARGET_TMPDIR"), "/cli-cache").to_owned()
}

/// What a process that ended left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program until it ends by itself.
pub(crate) fn run(args: &[&str]) -> Ended {
    let mut child = splitscope(args).spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            from.read_to_string(&mut text).unwrap();
            text
        })
    };
    let (stdout, stderr) = (read(Box::new(stdout)), read(Box::new(stderr)));
    let mut steps = PATIENCE.as_millis() / STEP.as_millis();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if steps == 0 {
            child.kill().unwrap();
            let (out, err) = (stdout.join().unwrap(), stderr.join().unwrap());
            panic!("splitscope {args:?} did not end\n{out}\n{err}");
        }
        steps -= 1;
        sleep(STEP);
    };
    Ended {
        code,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

/// The program must end with this code, nothing on standard output, and one sentence with these parts.
pub(crate) fn refuses(args: &[&str], code: i32, parts: &[&str]) {
    let ended = run(args);
    assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
    assert_eq!(ended.stdout, "", "{args:?}: {ended:?}");
    let sentence = ended
        .stderr
        .lines()
        .find(|line| line.starts_with("splitscope: ") || line.starts_with("error: "))
        .unwrap_or_else(|| panic!("{args:?}: no sentence: {ended:?}"));
    for part in parts {
        assert!(
            sentence.contains(part),
            "{args:?}: no {part:?} in {sentence}"
        );
        let twice = sentence.matches(part).count() > 1 && part.contains("os error");
        assert!(!twice, "{args:?}: said twice: {sentence}");
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
