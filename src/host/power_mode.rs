//! Jetson's power mode: the number in `nvpmodel`'s status file and its name from the configuration, or the command.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::HostError;
use super::command;
use crate::sysfs::{self, quoted};

const STATUS: &str = "var/lib/nvpmodel/status";
const CONFIGURATION: &str = "etc/nvpmodel.conf";
const COMMAND: &str = "usr/sbin/nvpmodel";
/// The command is asked every so many readings: it costs a process, and modes change by hand.
const EVERY: u32 = 30;

/// Where the mode is read.
#[derive(Debug)]
pub(super) struct PowerMode {
    status: PathBuf,
    configuration: PathBuf,
    program: PathBuf,
    readings: u32,
    from_command: Option<String>,
}

impl PowerMode {
    pub(super) fn find(root: &Path) -> Self {
        Self {
            status: root.join(STATUS),
            configuration: root.join(CONFIGURATION),
            program: root.join(COMMAND),
            readings: 0,
            from_command: None,
        }
    }

    pub(super) fn read(&mut self) -> Result<String, HostError> {
        match sysfs::bytes(&self.status) {
            Ok(status) => {
                let id = mode_number(&status).ok_or_else(|| HostError::Parse {
                    file: self.status.display().to_string(),
                    expected: "`pmode:NUMBER`",
                    read: quoted(&status),
                })?;
                let configuration = sysfs::bytes(&self.configuration).unwrap_or_default();
                Ok(mode_name(&configuration, id).unwrap_or_else(|| format!("mode {id}")))
            }
            Err(e) if e.is_not_found() && self.program.exists() => self.ask(),
            Err(e) => Err(e.into()),
        }
    }

    fn ask(&mut self) -> Result<String, HostError> {
        if self.readings.is_multiple_of(EVERY) || self.from_command.is_none() {
            let mut command = Command::new(&self.program);
            let said = command::output(command.arg("-q"))?;
            let name = answer(&said).ok_or_else(|| HostError::Command {
                command: "nvpmodel -q".to_owned(),
                problem: format!("expected `NV Power Mode: NAME`, read {}", quoted(&said)),
            })?;
            self.from_command = Some(name);
        }
        self.readings = self.readings.wrapping_add(1);
        self.from_command
            .clone()
            .ok_or(HostError::None("nvpmodel said nothing"))
    }
}

/// `pmode:0002`, perhaps with more behind it.
fn mode_number(status: &[u8]) -> Option<u32> {
    let text = str::from_utf8(status).ok()?;
    let word = text
        .split_ascii_whitespace()
        .find_map(|w| w.strip_prefix("pmode:"))?;
    word.parse().ok()
}

/// `< POWER_MODEL ID=2 NAME=MODE_15W_6CORE >`
fn mode_name(configuration: &[u8], id: u32) -> Option<String> {
    String::from_utf8_lossy(configuration)
        .lines()
        .find_map(|line| {
            let rest = line.trim().strip_prefix("< POWER_MODEL ")?;
            let mut words = rest.split_ascii_whitespace();
            let found: u32 = words.next()?.strip_prefix("ID=")?.parse().ok()?;
            let name = words.next()?.strip_prefix("NAME=")?;
            (found == id).then(|| name.to_owned())
        })
}

/// `NV Power Mode: MODE_15W_6CORE`, among other lines.
fn answer(said: &[u8]) -> Option<String> {
    let text = str::from_utf8(said).ok()?;
    let name = text
        .lines()
        .find_map(|l| l.trim().strip_prefix("NV Power Mode:"))?
        .trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONF: &[u8] =
        b"# a comment\n< POWER_MODEL ID=0 NAME=MODE_15W_2CORE >\nCPU_ONLINE CORE_0 1\n\
        < POWER_MODEL ID=2 NAME=MODE_15W_6CORE >\n< PM_CONFIG DEFAULT=2 >\n";

    #[test]
    fn a_number_becomes_its_name() {
        assert_eq!(mode_number(b"pmode:0002\n"), Some(2));
        assert_eq!(mode_number(b"pmode:0002 fmode:cool\n"), Some(2));
        assert_eq!(mode_number(b"2\n"), None);
        assert_eq!(mode_name(CONF, 2).as_deref(), Some("MODE_15W_6CORE"));
        assert_eq!(mode_name(CONF, 7), None);
        let said = b"NVPM WARN: fan mode is not set!\nNV Power Mode: 15W\n2\n";
        assert_eq!(answer(said).as_deref(), Some("15W"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (mode_number(&bytes), mode_name(&bytes, 0), answer(&bytes));
        }
    }
}
