//! An experiment of probes: one link after the other is filled and measured.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::parties::Party;
use super::{RunArgs, recording, with};
use crate::cli::probe::{self, ProbeArgs, SessionAs};
use crate::cli::usage;
use crate::link::LinkChoice;
use crate::link::shaper::{Shaper, ShaperHandle};
use crate::link::trace::EMULATED;
use crate::sweep::{Experiment, ProbeSpec};

/// Fills one link after the other, through a relay to a server that is started here.
///
/// # Errors
/// A link or server that is none, or a probe that cannot begin.
pub(super) fn probes(
    experiment: &Experiment,
    probe: &ProbeSpec,
    stem: &Path,
    args: &RunArgs,
) -> Result<ExitCode> {
    let links: Vec<_> = probe
        .links
        .iter()
        .map(|name| {
            LinkChoice::open(name)
                .map(|link| (name, link))
                .map_err(usage)
        })
        .collect::<Result<_>>()?;
    let Some(spec) = experiment.servers.first() else {
        return Err(usage("probes need a server: [[servers]] says which"));
    };
    let endings = probe.endings();
    let sessions = endings.iter().map(|ending| {
        let title = format!("{}: {ending}", experiment.title);
        recording(args, &with(stem, &format!("-{ending}")), &title)
    });
    // Before anything is measured.
    let sessions: Vec<_> = sessions.collect::<Result<_>>()?;
    let server = Party::join("run-server", spec, &["server"], None)?;
    for (((name, link), ending), session) in links.iter().zip(endings).zip(sessions) {
        let to = server.data_address()?;
        let shaper = match link.profile() {
            Some(profile) => Some(Shaper::start(any_port(), to, profile)?),
            None => None,
        };
        let through = shaper.as_ref().map_or(to, ShaperHandle::local_addr);
        let about = match shaper {
            Some(_) => format!("{EMULATED}: a relay on this machine played {name}"),
            None => "the link as it is".to_owned(),
        };
        let session = session.map(|settings| SessionAs {
            file: settings.file,
            name: settings.meta.name.unwrap_or_default(),
            notes: about.clone(),
        });
        let code = probe::run(&ProbeArgs::up(
            through.to_string(),
            probe.seconds,
            probe.interval,
            with(stem, &format!("-{ending}.csv")),
            args.json,
            (about, session),
        ))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
