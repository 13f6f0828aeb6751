//! CPU load per core from `/proc/stat`, clocks from cpufreq.

use std::collections::BTreeMap;
use std::path::Path;

use super::{CoreLoad, HostError};
use crate::sysfs::{self, quoted};
use crate::units::Hertz;

/// Cores told of at most.
const MAX_CORES: usize = 1024;

/// The counters of the reading before.
#[derive(Debug, Default)]
pub(super) struct Cpu {
    before: BTreeMap<u32, Ticks>,
}

/// A core's time since boot, in the system's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks {
    busy: u64,
    all: u64,
}

impl Cpu {
    pub(super) fn read(&mut self, root: &Path) -> Result<Vec<CoreLoad>, HostError> {
        let path = root.join("proc/stat");
        let now = parse_stat(&sysfs::bytes(&path)?).map_err(|read| HostError::Parse {
            file: path.display().to_string(),
            expected: "a line `cpuN` with at least four numbers",
            read,
        })?;
        let core = |(&core, ticks): (&u32, &Ticks)| {
            let clock = root.join(format!(
                "sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq"
            ));
            CoreLoad {
                core,
                load: self.before.get(&core).and_then(|b| load(*b, *ticks)),
                clock: sysfs::number(&clock)
                    .ok()
                    .filter(|&khz| khz > 0)
                    .map(|khz| Hertz(khz as f64 * 1e3)),
            }
        };
        let cores = now.iter().map(core).collect();
        self.before = now;
        Ok(cores)
    }
}

/// Share of the time busy between two readings; none if no tick passed or the counters went back.
fn load(before: Ticks, now: Ticks) -> Option<f64> {
    let all = now.all.checked_sub(before.all).filter(|&a| a > 0)?;
    // Idle counters may go back by a tick: then the core was busy, not more than busy.
    let busy = now.busy.saturating_sub(before.busy).min(all);
    Some(busy as f64 / all as f64)
}

/// The cores of `/proc/stat`; what could not be understood otherwise.
fn parse_stat(text: &[u8]) -> Result<BTreeMap<u32, Ticks>, String> {
    let mut cores = BTreeMap::new();
    for line in text.split(|&b| b == b'\n') {
        // The first line, `cpu` without a number, is the sum.
        let Some(rest) = line.strip_prefix(b"cpu").filter(|r| !r.starts_with(b" ")) else {
            continue;
        };
        if cores.len() == MAX_CORES {
            break;
        }
        let (core, ticks) = core_line(rest).ok_or_else(|| quoted(line))?;
        cores.insert(core, ticks);
    }
    if cores.is_empty() {
        return Err(quoted(text));
    }
    Ok(cores)
}

/// `0 user nice system idle iowait irq softirq steal guest guest_nice`, where guests are in user already.
fn core_line(line: &[u8]) -> Option<(u32, Ticks)> {
    let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace();
    let core = words.next()?.parse().ok()?;
    let mut ticks = Ticks { busy: 0, all: 0 };
    let mut count = 0;
    for (n, word) in words.take(8).enumerate() {
        let value: u64 = word.parse().ok()?;
        ticks.all = ticks.all.checked_add(value)?;
        if n != 3 && n != 4 {
            ticks.busy += value;
        }
        count = n + 1;
    }
    (count >= 4).then_some((core, ticks))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn load_is_what_is_not_idle_and_not_waiting() {
        let before = b"cpu  1 1 1 1\ncpu0 100 0 50 800 50 0 0 0 0 0\ncpu3 0 0 0 10\nintr 5 6\n";
        let after = b"cpu  1 1 1 1\ncpu0 120 5 55 850 60 5 5 0 90 0\ncpu3 0 0 0 10\n";
        let (before, after) = (parse_stat(before).unwrap(), parse_stat(after).unwrap());
        assert_eq!(before.keys().copied().collect::<Vec<_>>(), [0, 3]);
        // 40 of 100 ticks; guest time is in user time already.
        assert_eq!(load(before[&0], after[&0]), Some(0.4));
        assert_eq!(load(before[&3], after[&3]), None);
    }

    #[test]
    fn another_file_is_refused() {
        assert_eq!(
            parse_stat(b"cpu0 1 2 x 4"),
            Err("\"cpu0 1 2 x 4\"".to_owned())
        );
        assert_eq!(parse_stat(b"cpu0 1 2 3"), Err("\"cpu0 1 2 3\"".to_owned()));
        assert_eq!(parse_stat(b""), Err("\"\"".to_owned()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            text in proptest::collection::vec(any::<u8>(), 0..200), line in "cpu[0-9]{0,12}( [0-9]{1,22}){0,12}",
        ) {
            let _ = parse_stat(&text);
            let _ = parse_stat(line.as_bytes());
        }

        #[test]
        fn load_is_a_share(a in any::<(u64, u64)>(), b in any::<(u64, u64)>()) {
            let ticks = |(busy, all)| Ticks { busy, all };
            if let Some(load) = load(ticks(a), ticks(b)) {
                prop_assert!((0.0..=1.0).contains(&load));
            }
        }
    }
}
