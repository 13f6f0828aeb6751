//! One line of `tegrastats`.
//!
//! The words differ between boards and releases, and new ones come: what is not known is passed over. Powers are
//! `VDD_IN 4568/4568` up to JetPack 4.4 and `VDD_IN 4568mW/4568mW` after it: now, and the mean since its start.

use crate::sysfs::quoted;
use crate::units::{Bytes, Celsius, Hertz};

/// Cores, temperatures and rails kept of a line.
const MAX_LIST: usize = 256;

/// What a line tells; what it does not tell is none or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Memory.
    pub ram: Option<Used>,
    /// Swap.
    pub swap: Option<Used>,
    /// Each core; none for one that is switched off.
    pub cores: Vec<Option<Engine>>,
    /// The memory controller.
    pub emc: Option<Engine>,
    /// The GPU; its first cluster's clock.
    pub gpu: Option<Engine>,
    /// Temperatures by the sensor's name.
    pub temperatures: Vec<(String, Celsius)>,
    /// Power rails.
    pub rails: Vec<RailMilliwatts>,
}

/// How much of something is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Taken.
    pub used: Bytes,
    /// In all.
    pub total: Bytes,
}

/// Load and clock of one unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Engine {
    /// Per cent of the time busy.
    pub load_pct: u32,
    /// Its clock, where it is told.
    pub clock: Option<Hertz>,
}

/// A rail's power in milliwatts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RailMilliwatts {
    /// Its label.
    pub name: String,
    /// Now.
    pub now: u32,
    /// The mean since `tegrastats` began.
    pub mean: u32,
}

/// A line that `tegrastats` does not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, read {read}")]
pub struct LineError {
    /// What a line has there.
    pub expected: &'static str,
    /// What was there.
    pub read: String,
}

/// Reads a line.
///
/// # Errors
///
/// If it is no text, has none of the words of `tegrastats`, or has something else behind one of them.
pub fn parse(line: &[u8]) -> Result<Stats, LineError> {
    let wrong = |expected, read: &[u8]| LineError {
        expected,
        read: quoted(read),
    };
    let text = str::from_utf8(line).map_err(|_| wrong("a line of tegrastats", line))?;
    let mut stats = Stats::default();
    let mut words = text.split_ascii_whitespace().peekable();
    while let Some(word) = words.next() {
        let next = words.peek().copied().unwrap_or_default();
        let bad = |expected| wrong(expected, next.as_bytes());
        match word {
            "RAM" => stats.ram = Some(used(next).ok_or_else(|| bad("`USED/TOTALMB` after RAM"))?),
            "SWAP" => {
                stats.swap = Some(used(next).ok_or_else(|| bad("`USED/TOTALMB` after SWAP"))?);
            }
            "CPU" => {
                stats.cores = cores(next).ok_or_else(|| bad("`[LOAD%@MHZ,...]` after CPU"))?;
            }
            "EMC_FREQ" => {
                stats.emc = Some(engine(next).ok_or_else(|| bad("`LOAD%@MHZ` after EMC_FREQ"))?);
            }
            "GR3D_FREQ" => {
                stats.gpu = Some(engine(next).ok_or_else(|| bad("`LOAD%@[MHZ]` after GR3D_FREQ"))?);
            }
            _ => {
                if let Some(sensor) = temperature(word) {
                    if sensor.1.0 > OFF_C && stats.temperatures.len() < MAX_LIST {
                        stats.temperatures.push(sensor);
                    }
                } else if let Some(rail) = rail(word, next)
                    && stats.rails.len() < MAX_LIST
                {
                    stats.rails.push(rail);
                }
            }
        }
    }
    if stats.ram.is_none() && stats.rails.is_empty() {
        return Err(wrong("a line of tegrastats (RAM, CPU, VDD_...)", line));
    }
    Ok(stats)
}

/// A sensor that is switched off reads -256 °C.
const OFF_C: f64 = -200.0;

/// `4456/6854MB`
fn used(word: &str) -> Option<Used> {
    let (used, total) = word.strip_suffix("MB")?.split_once('/')?;
    let bytes = |n: &str| Some(Bytes(u64::from(n.parse::<u32>().ok()?) << 20));
    Some(Used {
        used: bytes(used)?,
        total: bytes(total)?,
    })
}

/// `[4%@1419,off,7%@1420]`
fn cores(word: &str) -> Option<Vec<Option<Engine>>> {
    let inside = word.strip_prefix('[')?.strip_suffix(']')?;
    let core = |part: &str| match part {
        "off" => Some(None),
        part => engine(part).map(Some),
    };
    inside.split(',').take(MAX_LIST).map(core).collect()
}

/// `25%@1600`, `99%@[1109]`, `0%@[305,305]` or `0%`
fn engine(word: &str) -> Option<Engine> {
    let (load, clock) = word.split_once('%')?;
    let load_pct = load.parse().ok().filter(|&l: &u32| l <= 100)?;
    let clock = match clock.strip_prefix('@') {
        None if clock.is_empty() => None,
        None => return None,
        Some(mhz) => {
            let list = mhz.strip_prefix('[').and_then(|m| m.strip_suffix(']'));
            let first = list.map_or(Some(mhz), |l| l.split(',').next())?;
            Some(Hertz(f64::from(first.parse::<u32>().ok()?) * 1e6))
        }
    };
    Some(Engine { load_pct, clock })
}

/// `thermal@53.55C`
fn temperature(word: &str) -> Option<(String, Celsius)> {
    let (name, degrees) = word.strip_suffix('C')?.split_once('@')?;
    let degrees: f64 = degrees.parse().ok().filter(|d: &f64| d.abs() < 1e4)?;
    Some((name.to_owned(), Celsius(degrees)))
}

/// `VDD_IN` and `4568mW/4500mW`, or `4568/4500`
fn rail(name: &str, values: &str) -> Option<RailMilliwatts> {
    let (now, mean) = values.split_once('/')?;
    let (now, mean) = match (now.strip_suffix("mW"), mean.strip_suffix("mW")) {
        (Some(now), Some(mean)) => (now, mean),
        (None, None) => (now, mean),
        _ => return None,
    };
    Some(RailMilliwatts {
        name: name.to_owned(),
        now: now.parse().ok()?,
        mean: mean.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JETPACK_5: &str = "01-02-2025 10:11:12 RAM 4321/6854MB (lfb 25x4MB) SWAP 188/19811MB (cached 2MB) \
        CPU [4%@1419,off,7%@1420] EMC_FREQ 25%@1600 GR3D_FREQ 99%@[1109] VIC_FREQ 601 APE 150 AUX@52.5C CPU@53.5C \
        thermal@53.55C cv0@-256C iwlwifi@39C VDD_IN 15321mW/9163mW VDD_CPU_GPU_CV 8929mW/3989mW VDD_SOC 1884mW/1412mW";
    const JETPACK_4: &str = "RAM 1234/7771MB (lfb 1x4MB) SWAP 0/3885MB (cached 0MB) CPU [1%@1190,2%@1190] \
        EMC_FREQ 0% GR3D_FREQ 7%@305 APE 150 MTS fg 0% bg 0% AO@41C PMIC@100C \
        VDD_IN 4568/4501 VDD_CPU_GPU_CV 573/570 VDD_SOC 1104/1103";
    const ORIN: &str = "RAM 2448/30536MB (lfb 6x4MB) SWAP 0/15268MB (cached 0MB) CPU [0%@729,0%@729] \
        GR3D_FREQ 3%@[306,305] cpu@46.5C tj@47.062C VDD_GPU_SOC 2406mW/2406mW VDD_CPU_CV 401mW/401mW \
        VIN_SYS_5V0 3422mW/3422mW NC 0mW/0mW VDDQ_VDD2_1V8AO 503mW/503mW NC 0mW/0mW";

    fn rails(line: &str) -> Vec<(String, u32, u32)> {
        let stats = parse(line.as_bytes()).unwrap();
        let rail = |r: RailMilliwatts| (r.name, r.now, r.mean);
        stats.rails.into_iter().map(rail).collect()
    }

    #[test]
    fn a_line_of_jetpack_5_is_read_whole() {
        let stats = parse(JETPACK_5.as_bytes()).unwrap();
        let mb = |n: u64| Bytes(n * 1024 * 1024);
        let engine = |load_pct, mhz: f64| Engine {
            load_pct,
            clock: Some(Hertz(mhz * 1e6)),
        };
        assert_eq!(
            stats.ram,
            Some(Used {
                used: mb(4321),
                total: mb(6854)
            })
        );
        assert_eq!(stats.swap.unwrap().used, mb(188));
        let cores = [Some(engine(4, 1419.0)), None, Some(engine(7, 1420.0))];
        assert_eq!(stats.cores, cores);
        assert_eq!(stats.emc, Some(engine(25, 1600.0)));
        assert_eq!(stats.gpu, Some(engine(99, 1109.0)));
        let temperatures = [
            ("AUX", 52.5),
            ("CPU", 53.5),
            ("thermal", 53.55),
            ("iwlwifi", 39.0),
        ];
        let expected = temperatures.map(|(name, c)| (name.to_owned(), Celsius(c)));
        assert_eq!(stats.temperatures, expected);
        let expected = [
            ("VDD_IN".to_owned(), 15_321, 9163),
            ("VDD_CPU_GPU_CV".to_owned(), 8929, 3989),
            ("VDD_SOC".to_owned(), 1884, 1412),
        ];
        assert_eq!(rails(JETPACK_5), expected);
    }

    #[test]
    fn the_older_form_has_no_units() {
        let stats = parse(JETPACK_4.as_bytes()).unwrap();
        assert_eq!(rails(JETPACK_4)[0], ("VDD_IN".to_owned(), 4568, 4501));
        assert_eq!(rails(JETPACK_4).len(), 3);
        let emc = Engine {
            load_pct: 0,
            clock: None,
        };
        assert_eq!(stats.emc, Some(emc));
        assert_eq!(stats.gpu.unwrap().clock, Some(Hertz(305e6)));
    }

    #[test]
    fn an_orin_has_other_rails_and_no_memory_controller() {
        let stats = parse(ORIN.as_bytes()).unwrap();
        assert_eq!(stats.emc, None);
        assert_eq!(stats.gpu.unwrap().clock, Some(Hertz(306e6)));
        let names: Vec<_> = rails(ORIN).into_iter().map(|r| r.0).collect();
        let expected = [
            "VDD_GPU_SOC",
            "VDD_CPU_CV",
            "VIN_SYS_5V0",
            "NC",
            "VDDQ_VDD2_1V8AO",
            "NC",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_line_cut_short_or_of_something_else_is_refused() {
        for (line, said) in [
            ("RAM 44", "expected `USED/TOTALMB` after RAM, read \"44\""),
            (
                "RAM 1/2MB CPU [4%@14",
                "expected `[LOAD%@MHZ,...]` after CPU, read \"[4%@14\"",
            ),
            (
                "RAM 1/2MB GR3D_FREQ 300%",
                "expected `LOAD%@[MHZ]` after GR3D_FREQ, read \"300%\"",
            ),
            (
                "hello",
                "expected a line of tegrastats (RAM, CPU, VDD_...), read \"hello\"",
            ),
        ] {
            assert_eq!(parse(line.as_bytes()).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn lines_of_a_real_board_are_read_whole() {
        let Some(folder) = std::env::var_os("SPLITSCOPE_FIELD_DATA") else {
            println!("skipped: SPLITSCOPE_FIELD_DATA names no folder of measured figures");
            return;
        };
        let path = std::path::Path::new(&folder).join("tegrastats-xavier-nx.txt");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.lines().count() > 0);
        for line in text.lines() {
            let stats = parse(line.as_bytes()).unwrap();
            let names: Vec<_> = stats.rails.iter().map(|r| r.name.as_str()).collect();
            assert_eq!(names, ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"], "{line}");
            let [input, chip, rest] = [0, 1, 2].map(|i| stats.rails[i].now);
            assert!(input > chip + rest, "a rail is within the input: {line}");
            assert_eq!(stats.cores.len(), 6, "{line}");
            assert!(stats.gpu.is_some() && stats.emc.is_some() && stats.ram.is_some());
            assert!(
                stats.temperatures.iter().any(|t| t.0 == "thermal"),
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&line);
        }

        #[test]
        fn a_broken_line_does_not_either(
            at in 0..JETPACK_5.len(), with in any::<u8>(), cut in 0..JETPACK_5.len(),
        ) {
            let mut line = JETPACK_5.as_bytes().to_vec();
            line[at] = with;
            line.truncate(cut);
            let _ = parse(&line);
        }

        #[test]
        fn every_power_is_read_in_both_forms(now in any::<u32>(), mean in any::<u32>()) {
            for line in [format!("VDD_IN {now}mW/{mean}mW"), format!("VDD_IN {now}/{mean}")] {
                prop_assert_eq!(rails(&line), [("VDD_IN".to_owned(), now, mean)]);
            }
        }
    }
}
