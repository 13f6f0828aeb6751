//! Whether this machine's time of day is kept by someone, and how another host's stands to it.

use std::path::Path;

use super::Finding;
use crate::clock::Kept;
use crate::console::{Address, Met, meet};
use crate::units::ns_to_ms;
use crate::wire::VERSION;

/// Times of day further apart make records of two machines hard to set beside each other.
const APART_NS: i64 = 100_000_000;
/// A round trip above this makes the screen and every prediction of the link doubtful.
const FAR_NS: i64 = 200_000_000;

const SYNC: &str =
    "keep the time with NTP on every machine: timedatectl set-ntp true, or run chrony";

/// Programs that keep the time, by the first of their words that a process's name begins with.
const KEEPERS: [&str; 4] = ["chronyd", "ntpd", "systemd-timesyn", "openntpd"];

/// Whether the time of day is synchronised and how far it may be off, by what the kernel says of its clock, and who
/// keeps it.
pub(super) fn synchronised() -> Finding {
    judged(Kept::now(), keeper(Path::new("/proc")).as_deref())
}

/// A program that runs here and keeps the time.
fn keeper(proc: &Path) -> Option<String> {
    let processes = std::fs::read_dir(proc).ok()?;
    let names = processes.filter_map(|process| {
        let name = std::fs::read_to_string(process.ok()?.path().join("comm")).ok()?;
        Some(name.trim().to_owned())
    });
    let mut kept = names.filter(|name| KEEPERS.iter().any(|keeper| name.starts_with(keeper)));
    kept.next()
}

fn judged(kernel: Option<Kept>, keeper: Option<&str>) -> Finding {
    let by = keeper.map_or_else(String::new, |name| format!(" by {name}"));
    let Some(kept) = kernel else {
        return Finding::warning(
            "time",
            "the system does not say whether its time of day is synchronised",
            "measured figures do not need it; times of day in recordings do: compare with `splitscope doctor --to HOST:PORT`",
        );
    };
    if !kept.synchronised {
        let who = match keeper {
            Some(name) => format!("{name} runs, but has not set it"),
            None => "no chronyd, ntpd or systemd-timesyncd runs".to_owned(),
        };
        return Finding::warning(
            "time",
            format!(
                "the time of day is not synchronised ({who}): recordings of two machines drift apart"
            ),
            SYNC,
        );
    }
    let off = |us: i64| format!("{:.1} ms", us as f64 / 1e3);
    let found = format!(
        "the time of day is synchronised{by}: off by about {}, {} at most",
        off(kept.error_us),
        off(kept.most_us)
    );
    if kept.error_us.saturating_mul(1_000) > APART_NS {
        Finding::warning("time", found, SYNC)
    } else {
        Finding::ok("time", found)
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
    fn what_the_kernel_says_of_its_clock_is_told_with_its_error_and_its_keeper() {
        let kept = |synchronised, error_us| {
            Some(Kept {
                synchronised,
                error_us,
                most_us: 24_300,
            })
        };
        let good = judged(kept(true, 312), Some("chronyd"));
        assert_eq!(good.state, State::Ok);
        assert_eq!(
            good.found,
            "the time of day is synchronised by chronyd: off by about 0.3 ms, 24.3 ms at most"
        );
        let far = judged(kept(true, 250_000), Some("chronyd"));
        assert_eq!(far.state, State::Warning);
        let nobody = judged(kept(false, 16_000_000), None);
        assert_eq!(nobody.state, State::Warning);
        assert!(nobody.found.contains("no chronyd"), "{nobody:?}");
        let not_yet = judged(kept(false, 16_000_000), Some("ntpd"));
        assert!(not_yet.found.contains("ntpd runs, but"), "{not_yet:?}");
        assert_eq!(judged(None, None).state, State::Warning);
    }

    #[test]
    fn whoever_keeps_the_time_is_found_among_the_processes() {
        let proc = tempfile::tempdir().unwrap();
        let process = |id: &str, name: &str| {
            let dir = proc.path().join(id);
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("comm"), name).unwrap();
        };
        process("1", "systemd\n");
        assert_eq!(keeper(proc.path()), None);
        process("70", "systemd-timesyn\n");
        assert_eq!(keeper(proc.path()).as_deref(), Some("systemd-timesyn"));
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
