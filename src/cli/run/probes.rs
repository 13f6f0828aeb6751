//! An experiment of probes: one link after the other is filled and measured.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::parties::Party;
use super::{RunArgs, recording, with};
use crate::cli::probe::{self, ProbeArgs, SessionAs};
use crate::cli::usage;
use crate::link::shaper::{Shaper, ShaperHandle, ShaperStats};
use crate::link::trace::EMULATED;
use crate::link::{LinkChoice, read_trace};
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
        let about = match &shaper {
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
        if let Some(told) = shaper.and_then(|shaper| behind(&shaper.stats())) {
            say_behind(&told, &with(stem, &format!("-{ending}.csv")))?;
        }
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The relay is believed to have played its link if this machine missed no more of it.
const MAX_MISSED: f64 = 0.03;

/// What to say of a relay that did not keep up with its link; none of one that did.
fn behind(stats: &ShaperStats) -> Option<String> {
    let missed = stats.missed_share();
    (missed > MAX_MISSED).then(|| {
        format!(
            "this machine did not keep up with the link that it played and missed {:.0} % of it: it was busy with other \
             things, or the link is faster than the relay",
            missed * 100.0
        )
    })
}

/// Says it on standard error and in the trace that was measured.
fn say_behind(told: &str, measured: &Path) -> Result<()> {
    writeln!(std::io::stderr(), "splitscope: {told}").ok();
    if measured.exists() {
        let trace = read_trace(measured)?.with_comment(told);
        std::fs::write(measured, trace.to_csv())
            .with_context(|| format!("cannot write the trace {}", measured.display()))?;
    }
    Ok(())
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::shaper::Lost;
    use crate::units::Bytes;

    #[test]
    fn a_relay_that_missed_more_than_its_accuracy_is_told() {
        let stats = |passed, late, idle| ShaperStats {
            up: Bytes(passed),
            lost: Lost {
                late: Bytes(late),
                idle: Bytes(idle),
            },
            ..ShaperStats::default()
        };
        assert_eq!(behind(&stats(0, 0, 0)), None);
        assert_eq!(behind(&stats(98_000, 1_000, 1_000)), None);
        let told = behind(&stats(60_000, 10_000, 30_000)).unwrap();
        assert!(told.contains("missed 40 %"), "{told}");
    }
}
