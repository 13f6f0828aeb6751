//! Whether this machine's time of day is kept by someone, and how another host's stands to it.

use std::path::Path;
use std::process::Command;

use super::Finding;
use crate::console::{Address, Met, meet};
use crate::host::command;
use crate::units::ns_to_ms;
use crate::wire::VERSION;

/// Times of day further apart make records of two machines hard to set beside each other.
const APART_NS: i64 = 100_000_000;
/// A round trip above this makes the screen and every prediction of the link doubtful.
const FAR_NS: i64 = 200_000_000;

const SYNC: &str =
    "keep the time with NTP on every machine: timedatectl set-ntp true, or run chrony";

/// Whether the time of day is synchronised, by what the system says of its clock.
pub(super) fn synchronised() -> Finding {
    let mut asked = Command::new("timedatectl");
    asked.args(["show", "--property=NTPSynchronized", "--value"]);
    let said = command::output(&mut asked).ok();
    let said = said.and_then(|bytes| String::from_utf8(bytes).ok());
    let mark = Path::new("/run/systemd/timesync/synchronized");
    judged(said.as_deref(), mark.exists())
}

/// `said` is timedatectl's answer; `mark` is whether systemd-timesyncd left its own.
fn judged(said: Option<&str>, mark: bool) -> Finding {
    match said.map(str::trim) {
        Some("yes") => Finding::ok("time", "the time of day is synchronised (timedatectl)"),
        _ if mark => Finding::ok(
            "time",
            "the time of day is synchronised (systemd-timesyncd)",
        ),
        Some("no") => Finding::warning(
            "time",
            "the time of day is not synchronised (timedatectl): recordings of two machines drift apart",
            SYNC,
        ),
        _ => Finding::warning(
            "time",
            "nobody here says whether the time of day is synchronised (no timedatectl, no systemd-timesyncd)",
            "measured figures do not need it; times of day in recordings do: compare with `splitscope doctor --to HOST:PORT`",
        ),
    }
}

/// A worker on another host: whether it answers, its version, how far away it is, how its clock stands.
pub(super) fn other(address: &Address) -> Vec<Finding> {
    match meet(address.clone()) {
        Ok(Ok(met)) => of(&met),
        Ok(Err(why)) => vec![unreached(address, &why)],
        Err(error) => vec![unreached(address, &error.to_string())],
    }
}

fn unreached(address: &Address, why: &str) -> Finding {
    let advice = "start a worker there with --listen 0.0.0.0:PORT, and look for a firewall between";
    Finding::failure("reach", format!("{}: {why}", address.url()), advice)
}

fn of(met: &Met) -> Vec<Finding> {
    let name = &met.name;
    let mut all = vec![match met.rtt_ns {
        None => Finding::warning(
            "reach",
            format!("{name} answers, but no ping came back within 2.5 s"),
            "the link is slow or lossy: measure it with splitscope probe",
        ),
        Some(rtt) if rtt > FAR_NS => Finding::warning(
            "reach",
            format!("{name} answers, round trip {:.0} ms", ns_to_ms(rtt)),
            "the link is slow or busy: measure it with splitscope probe",
        ),
        Some(rtt) => Finding::ok(
            "reach",
            format!("{name} answers, round trip {:.2} ms", ns_to_ms(rtt)),
        ),
    }];
    all.push(if met.version == VERSION {
        Finding::ok("version", format!("{name} is splitscope {VERSION}, too"))
    } else {
        Finding::warning(
            "version",
            format!("{name} is splitscope {}, this is {VERSION}", met.version),
            "install the same version on every machine",
        )
    });
    all.push(match met.skew {
        None => Finding::warning(
            "clock",
            format!("{name} does not tell its time of day"),
            "install this version there, too",
        ),
        Some(skew) => {
            let found = format!(
                "{name}'s time of day is {:+.1} ms from this one's, ±{:.1} ms",
                ns_to_ms(skew.ahead_ns),
                ns_to_ms(skew.error_ns)
            );
            if skew.ahead_ns.abs() > APART_NS.max(skew.error_ns) {
                Finding::warning("clock", found, SYNC)
            } else {
                Finding::ok("clock", found)
            }
        }
    });
    all
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::console::app::Skew;

    #[test]
    fn what_the_system_says_of_its_clock_is_believed() {
        assert_eq!(judged(Some("yes\n"), false).state, State::Ok);
        assert_eq!(judged(Some("no\n"), false).state, State::Warning);
        assert_eq!(judged(Some("no\n"), true).state, State::Ok);
        assert_eq!(judged(None, true).state, State::Ok);
        assert_eq!(judged(None, false).state, State::Warning);
    }

    #[test]
    fn another_host_is_judged_by_version_distance_and_clock() {
        let met = |version: &str, rtt_ms: i64, ahead_ms: i64| Met {
            name: "robot nx".to_owned(),
            version: version.to_owned(),
            rtt_ns: Some(rtt_ms * 1_000_000),
            skew: Some(Skew {
                ahead_ns: ahead_ms * 1_000_000,
                error_ns: 3_000_000,
            }),
        };
        let states = |met: &Met| -> Vec<State> { of(met).iter().map(|f| f.state).collect() };
        assert_eq!(states(&met(VERSION, 4, -12)), [State::Ok; 3]);
        let apart = met("9.9.9", 400, 1_500);
        assert_eq!(states(&apart), [State::Warning; 3]);
        assert!(
            of(&apart)[2].found.contains("+1500.0 ms"),
            "{:?}",
            of(&apart)
        );
    }
}
