//! The energy counters of x86 processors, through the kernel's powercap folder.
//!
//! A counter gives energy, so its power is a mean since the reading before. Most systems let root only read it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Counts, MAX_RAILS, PowerError, PowerSource, Rail, RailId, RailSample};
use crate::clock;
use crate::sysfs::{self, Absent, Held, ReadError};
use crate::units::{Joules, Nanos};

/// Where the kernel shows the counters; AMD's are there under Intel's name.
const FOLDER: &str = "sys/class/powercap";
/// The counter refreshes about every millisecond; shorter intervals would be noise.
const PERIOD: Duration = Duration::from_millis(100);
/// After a pause so long the counter may have gone round more than once (262 kJ at 1 kW is 262 s).
const MAX_INTERVAL_NS: i64 = 120_000_000_000;

/// A processor's energy counters.
#[derive(Debug)]
pub struct Rapl {
    rails: Vec<Rail>,
    zones: Vec<Zone>,
}

#[derive(Debug)]
struct Zone {
    folder: PathBuf,
    energy: Held,
    counter: Counter,
}

impl Rapl {
    /// The counters under a root, and why those that cannot be read are absent.
    pub fn find(root: &Path) -> (Option<Self>, Vec<Absent>) {
        let folder = root.join(FOLDER);
        let (mut rails, mut zones, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        let folders = match sysfs::entries_named(&folder, "intel-rapl:") {
            Ok(folders) => folders,
            Err(e) => return (None, vec![Absent::new("rapl", &e)]),
        };
        if folders.is_empty() {
            let reason = format!("no energy counters under {}", folder.display());
            return (None, vec![Absent::new("rapl", &reason)]);
        }
        for folder in folders.into_iter().take(MAX_RAILS) {
            match zone(&folder) {
                Ok((rail, zone)) => {
                    rails.push(rail);
                    zones.push(zone);
                }
                Err(e) => {
                    let name = format!("rapl {}", sysfs::file_name(&folder));
                    absent.push(Absent::new(name, &e));
                }
            }
        }
        let has_total = rails.iter().any(|r| r.counts == Counts::Total);
        if has_total || !absent.is_empty() {
            for rail in rails.iter_mut().filter(|r| r.counts == Counts::Addend) {
                rail.counts = Counts::Within;
            }
        }
        ((!zones.is_empty()).then_some(Self { rails, zones }), absent)
    }
}

impl PowerSource for Rapl {
    fn name(&self) -> &'static str {
        "rapl"
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError> {
        let now = clock::now();
        let mut samples = Vec::new();
        for (zone, rail) in self.zones.iter_mut().zip(0..) {
            let read = zone.energy.number()?;
            samples.extend(zone.counter.read(now, read, RailId(rail)));
        }
        Ok(samples)
    }

    fn reopen(&mut self) -> Result<(), PowerError> {
        for zone in &mut self.zones {
            zone.energy = Held::open(zone.folder.join("energy_uj"))?;
            zone.counter.last = None;
        }
        Ok(())
    }
}

fn zone(folder: &Path) -> Result<(Rail, Zone), ReadError> {
    let name = sysfs::text(&folder.join("name"))?;
    let energy = Held::open(folder.join("energy_uj"))?;
    energy.number()?;
    let range_uj = sysfs::number(&folder.join("max_energy_range_uj"))?;
    let place = sysfs::file_name(folder);
    let place = place.trim_start_matches("intel-rapl:");
    let (counts, what) = match name.as_str() {
        "psys" => (
            Counts::Total,
            "the platform as its maker wired it; not the whole machine",
        ),
        "dram" => (
            Counts::Addend,
            "memory, a model's estimate on many machines",
        ),
        "core" => (Counts::Within, "the cores; part of the package"),
        "uncore" => (
            Counts::Within,
            "the processor's graphics; part of the package",
        ),
        _ if name.starts_with("package") => (
            Counts::Addend,
            "one processor; not the board, its disks, its network or a discrete GPU",
        ),
        _ => (Counts::Within, "one domain of the processor"),
    };
    let rail = Rail::new(format!("{name} ({place})"), counts, what);
    let zone = Zone {
        folder: folder.to_owned(),
        energy,
        counter: Counter {
            range_uj,
            last: None,
        },
    };
    Ok((rail, zone))
}

/// An energy counter that goes round.
#[derive(Debug)]
struct Counter {
    range_uj: i64,
    last: Option<(Nanos, i64)>,
}

impl Counter {
    /// The mean power since the reading before, at that interval's middle.
    fn read(&mut self, now: Nanos, uj: i64, rail: RailId) -> Option<RailSample> {
        let (then, before) = self.last.replace((now, uj))?;
        let ns = now.since(then);
        let mut spent = uj.checked_sub(before)?;
        if spent < 0 {
            spent = spent.checked_add(self.range_uj)?;
        }
        if spent < 0 || ns > MAX_INTERVAL_NS {
            return None;
        }
        Some(RailSample {
            rail,
            at: then.shifted(ns / 2),
            volts: None,
            amps: None,
            watts: Joules(spent as f64 / 1e6).mean_over_ns(ns)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::units::Watts;

    fn tree(root: &Path, zone: &str, name: &str, energy: &str) -> PathBuf {
        let folder = root.join(FOLDER).join(zone);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("name"), format!("{name}\n")).unwrap();
        fs::write(folder.join("max_energy_range_uj"), "262143328850\n").unwrap();
        fs::write(folder.join("energy_uj"), energy).unwrap();
        folder.join("energy_uj")
    }

    #[test]
    fn packages_and_memory_add_up_and_cores_are_within() {
        let root = tempfile::tempdir().unwrap();
        tree(root.path(), "intel-rapl:0", "package-0", "1000000\n");
        tree(root.path(), "intel-rapl:0:0", "core", "1000\n");
        tree(root.path(), "intel-rapl:0:1", "dram", "1000\n");
        let (source, absent) = Rapl::find(root.path());
        let source = source.unwrap();
        assert_eq!(absent, []);
        let rails: Vec<_> = source
            .rails()
            .iter()
            .map(|r| (r.name.as_str(), r.counts))
            .collect();
        let expected = [
            ("package-0 (0)", Counts::Addend),
            ("core (0:0)", Counts::Within),
            ("dram (0:1)", Counts::Addend),
        ];
        assert_eq!(rails, expected);
    }

    #[test]
    fn an_unreadable_counter_is_absent_with_its_reason() {
        let root = tempfile::tempdir().unwrap();
        tree(root.path(), "intel-rapl:0", "package-0", "");
        let (source, absent) = Rapl::find(root.path());
        assert!(source.is_none());
        assert_eq!(absent[0].name, "rapl intel-rapl:0");
        assert!(
            absent[0].reason.contains("expected an integer, read \"\""),
            "{absent:?}"
        );
        let (none, absent) = Rapl::find(&root.path().join("elsewhere"));
        assert!(none.is_none());
        assert!(
            absent[0].reason.starts_with("no energy counters"),
            "{absent:?}"
        );
    }

    #[test]
    fn the_first_reading_has_no_power_and_the_second_a_mean() {
        let root = tempfile::tempdir().unwrap();
        let energy = tree(root.path(), "intel-rapl:0", "package-0", "1000000\n");
        let mut source = Rapl::find(root.path()).0.unwrap();
        let began = clock::now();
        assert_eq!(source.sample().unwrap(), []);
        std::thread::sleep(Duration::from_millis(20));
        fs::write(energy, "6000000\n").unwrap();
        let samples = source.sample().unwrap();
        let most = Joules(5.0).mean_over_ns(20_000_000).unwrap();
        let least = Joules(5.0).mean_over_ns(clock::now().since(began)).unwrap();
        assert!(
            samples[0].watts <= most && samples[0].watts >= least,
            "{samples:?}"
        );
    }

    #[test]
    fn a_counter_that_went_round_gives_the_same_power() {
        let mut counter = Counter {
            range_uj: 1_000_000,
            last: None,
        };
        assert_eq!(counter.read(Nanos(0), 900_000, RailId(0)), None);
        let sample = counter
            .read(Nanos(100_000_000), 100_000, RailId(0))
            .unwrap();
        assert_eq!((sample.watts, sample.at), (Watts(2.0), Nanos(50_000_000)));
        // Asleep for an hour: nobody knows how often it went round.
        assert_eq!(
            counter.read(Nanos(3_600_000_000_000), 500_000, RailId(0)),
            None
        );
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_panic_or_negative(readings in proptest::collection::vec(any::<(i64, i64)>(), 2..9)) {
            let mut counter = Counter { range_uj: readings[0].1, last: None };
            let mut now = Nanos(0);
            for (ns, uj) in readings {
                now = now.shifted((ns & i64::MAX) >> 4);
                if let Some(sample) = counter.read(now, uj, RailId(0)) {
                    prop_assert!(sample.watts.0 >= 0.0 && sample.watts.0.is_finite());
                }
            }
        }
    }
}
