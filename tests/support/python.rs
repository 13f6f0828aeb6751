//! Python with packages, for tests that let foreign programs read our files.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A Python that has these packages, installed once into a folder of the cache. None, with the reason on standard error,
/// where this machine has no Python or reaches no package index: then the test is skipped.
pub(crate) fn with(packages: &[&str]) -> Option<PathBuf> {
    let cache = std::env::var_os("SPLITSCOPE_CACHE").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let place = cache.or(home)?.join("splitscope").join("formats-venv");
    let python = place.join("bin").join("python3");
    let imports: Vec<_> = packages.iter().map(|p| format!("import {p}")).collect();
    let has_all = || {
        Command::new(&python)
            .args(["-c", &imports.join("; ")])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if has_all() {
        return Some(python);
    }
    let steps = [
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&place)
            .output(),
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(packages)
            .output(),
    ];
    if has_all() {
        return Some(python);
    }
    for step in steps {
        let why = match step {
            Ok(out) if out.status.success() => continue,
            Ok(out) => String::from_utf8_lossy(&out.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        writeln!(
            std::io::stderr(),
            "skipped: no Python with {packages:?}: {why}"
        )
        .ok();
    }
    None
}
