//! The checks. Each looks and changes nothing; none starts a worker.

use std::io::{self, ErrorKind, IsTerminal};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Finding, clocks};
use crate::cli::cache;
use crate::console::settings::Terminal;
use crate::host::HostReader;
use crate::power::{PowerSource, discover};
use crate::session::folder;
use crate::sysfs::{self, Absent};
use crate::units::Bytes;
use crate::wire::{PROTOCOL, VERSION};

/// Free space below which a long recording may not fit: a day of one is about this long.
const LEAST_FREE: Bytes = Bytes(2 << 30);
/// Free space below which nothing can be recorded.
const NONE_FREE: Bytes = Bytes(100 << 20);

/// A source that gives readings more rarely is not waited for.
const MOST_WAIT: Duration = Duration::from_millis(250);
const MAY_NOT: &str =
    "give this user the right to read it (a udev rule, or sudo chmod a+r on the file named above)";

/// All of them, in the order in which a person would look.
pub(super) fn all() -> Vec<Finding> {
    let mut all = vec![
        version(),
        port("robot", 7401),
        port("server", 7402),
        clock(),
        clocks::synchronised(),
    ];
    all.extend(power());
    all.extend(host());
    all.push(libtorch());
    all.push(cuda());
    all.push(disk(
        "recordings",
        "SPLITSCOPE_DATA",
        folder::default_folder(),
    ));
    all.push(disk("cache", "SPLITSCOPE_CACHE", cache::dir()));
    all.push(terminal());
    all
}

fn version() -> Finding {
    let found = format!("splitscope {VERSION}, console protocol {PROTOCOL}");
    Finding::ok("version", found)
}

/// Whether a worker could listen there.
fn port(role: &str, port: u16) -> Finding {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Finding::ok("port", format!("{port} is free for a {role}")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::warning(
            "port",
            format!("{port} is taken: a {role} runs there already, or something else does"),
            format!(
                "look with: splitscope attach ws://127.0.0.1:{port}; else start with --listen 127.0.0.1:OTHER"
            ),
        ),
        Err(error) => Finding::failure(
            "port",
            format!("{port} cannot be listened on: {error}"),
            "start workers with another --listen",
        ),
    }
}

/// Measured times need a counter that is cheap to read and does not jump.
fn clock() -> Finding {
    let path = Path::new("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    match sysfs::text(path) {
        Ok(source) => {
            let source = source.trim();
            let good = [
                "tsc",
                "arch_sys_counter",
                "kvm-clock",
                "hyperv_clocksource_tsc_page",
            ];
            if good.contains(&source) {
                Finding::ok(
                    "clock",
                    format!("{source}; offsets between hosts are measured while workers run"),
                )
            } else {
                Finding::warning(
                    "clock",
                    format!("the system reads its time from {source}, which is slow"),
                    "operators shorter than some microseconds measure too long; boot with clocksource=tsc if the CPU allows it",
                )
            }
        }
        Err(error) => Finding::warning(
            "clock",
            format!("cannot say what the system reads its time from: {error}"),
            "nothing to do if this is no Linux",
        ),
    }
}

fn power() -> Vec<Finding> {
    let mut found = discover(Path::new("/"));
    let mut all: Vec<Finding> = found.sources.iter_mut().map(reading).collect();
    let none = all.is_empty();
    all.extend(found.absent.iter().map(|absent| sensor(absent, none)));
    all
}

/// Reads a source as a robot would: being there is not the same as being readable.
fn reading(source: &mut Box<dyn PowerSource>) -> Finding {
    // Energy counters need two readings before they tell a power.
    let first = source.sample();
    std::thread::sleep(source.period().min(MOST_WAIT));
    let read = first.and_then(|first| Ok((first, source.sample()?)));
    let rails: Vec<&str> = source.rails().iter().map(|r| r.name.as_str()).collect();
    let (name, rails) = (source.name(), rails.join(", "));
    match read {
        Ok((first, second)) if first.is_empty() && second.is_empty() => Finding::warning(
            "power",
            format!("{name}: {rails}: it is there, but gave no reading"),
            "look whether it goes on saying nothing: splitscope attach, screen 5",
        ),
        Ok(_) => {
            let period = source.period().as_millis();
            Finding::ok("power", format!("{name}: {rails} every {period} ms, read"))
        }
        Err(error) => {
            let found = format!("{name}: {error}");
            if found.to_lowercase().contains("permission denied") {
                Finding::warning("power", found, MAY_NOT)
            } else {
                Finding::warning(
                    "power",
                    found,
                    "its readings will be missing, never zero; see the system's log for the driver",
                )
            }
        }
    }
}

/// A sensor that is not there is none of this machine's; one that may not be read is a matter of permission.
fn sensor(absent: &Absent, none: bool) -> Finding {
    let found = format!("{}: {}", absent.name, absent.reason);
    let lower = absent.reason.to_lowercase();
    if lower.contains("permission denied") {
        Finding::warning("power", found, MAY_NOT)
    } else if none {
        let advice = "power is then absent, never zero; an external meter can be given with robot --power-meter COMMAND";
        Finding::warning("power", found, advice)
    } else {
        Finding::ok("power", found)
    }
}

fn host() -> Vec<Finding> {
    let mut reader = HostReader::new(Path::new("/"));
    let record = reader.read();
    let mut seen = Vec::new();
    seen.extend((!record.cores.is_empty()).then(|| format!("{} cores", record.cores.len())));
    seen.extend(
        record
            .memory
            .map(|m| format!("{} of {} memory free", m.available, m.total)),
    );
    seen.extend(
        (!record.temperatures.is_empty())
            .then(|| format!("{} temperatures", record.temperatures.len())),
    );
    seen.extend(record.power_mode.map(|mode| format!("power mode {mode}")));
    seen.extend(record.wifi.iter().map(|w| format!("Wi-Fi {}", w.interface)));
    seen.extend(
        record
            .batteries
            .iter()
            .map(|b| format!("battery {}", b.name)),
    );
    let mut all = vec![Finding::ok("host", seen.join(", "))];
    for absent in reader.absent() {
        all.push(Finding::ok(
            "host",
            format!("no {}: {}", absent.name, absent.reason),
        ));
    }
    all
}

#[cfg(feature = "torch")]
fn libtorch() -> Finding {
    match crate::engine::torch::try_out() {
        Ok(found) => Finding::ok("libtorch", found),
        Err(error) => Finding::failure(
            "libtorch",
            format!("it is built in and does not compute: {error}"),
            "cargo xtask libtorch fetches the right version; or emulate: --engine emulated",
        ),
    }
}

#[cfg(not(feature = "torch"))]
fn libtorch() -> Finding {
    Finding::warning(
        "libtorch",
        "this program was built without it: workers can only emulate (--engine emulated)",
        "cargo xtask libtorch, then cargo build with the default features",
    )
}

/// CUDA devices that libtorch can use; none where this program has no libtorch to ask.
fn cuda_devices() -> Option<i64> {
    #[cfg(feature = "torch")]
    let devices = Some(crate::engine::torch::cuda_devices());
    #[cfg(not(feature = "torch"))]
    let devices = None;
    devices
}

fn cuda() -> Finding {
    let devices = ["/dev/nvidia0", "/dev/nvhost-gpu", "/dev/nvgpu"];
    let device = devices.into_iter().find(|path| Path::new(path).exists());
    found_cuda(device, cuda_devices())
}

/// `device` is the driver's file of a GPU, `usable` how many libtorch sees.
fn found_cuda(device: Option<&str>, usable: Option<i64>) -> Finding {
    match (device, usable) {
        (_, Some(n @ 1..)) => Finding::ok(
            "CUDA",
            format!(
                "this libtorch sees {n} CUDA device{}; workers compute there with --torch-device cuda, else on the CPU",
                if n == 1 { "" } else { "s" }
            ),
        ),
        (Some(device), Some(_)) => Finding::warning(
            "CUDA",
            format!("there is an NVIDIA GPU ({device}), which this libtorch cannot use"),
            "set LIBTORCH to one that was built for CUDA and build again; until then figures are the CPU's",
        ),
        (Some(device), None) => Finding::warning(
            "CUDA",
            format!(
                "there is an NVIDIA GPU ({device}), and this build has no libtorch to use it with"
            ),
            "set LIBTORCH to one that was built for CUDA and build with the default features",
        ),
        (None, _) => Finding::ok("CUDA", "no NVIDIA GPU is here, and none is needed"),
    }
}

/// Whether a folder can be written, and how much room is there.
fn disk(what: &str, variable: &str, wanted: PathBuf) -> Finding {
    let dir = existing(wanted);
    let shown = dir.display();
    if let Err(error) = rustix::fs::access(&dir, rustix::fs::Access::WRITE_OK) {
        return Finding::failure(
            "disk",
            format!("{what}: {shown} cannot be written: {error}"),
            format!("set {variable} to a folder that can be"),
        );
    }
    let free = match rustix::fs::statvfs(&dir) {
        Ok(stat) => Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)),
        Err(error) => {
            return Finding::failure(
                "disk",
                format!("{what}: {shown}: {error}"),
                format!("set {variable} to a folder on another disk"),
            );
        }
    };
    room(what, variable, free, &shown.to_string())
}

fn room(what: &str, variable: &str, free: Bytes, dir: &str) -> Finding {
    let found = format!("{what}: {free} free in {dir}");
    let advice = format!("make room, or set {variable} to a folder on another disk");
    if free < NONE_FREE {
        Finding::failure("disk", found, advice)
    } else if free < LEAST_FREE {
        Finding::warning("disk", found, advice)
    } else {
        Finding::ok("disk", found)
    }
}

/// The closest folder above that is there: the cache's own may not have been made yet.
fn existing(mut dir: PathBuf) -> PathBuf {
    while !dir.is_dir() && dir.pop() {}
    dir
}

fn terminal() -> Finding {
    if !io::stdout().is_terminal() {
        let found = "standard output is no terminal: the screen needs one, --headless does not";
        return Finding::ok("terminal", found);
    }
    let Terminal {
        depth,
        unicode,
        ssh,
    } = Terminal::from_environment();
    let (columns, rows) = crossterm::terminal::size().unwrap_or((0, 0));
    let letters = if unicode { "Unicode" } else { "ASCII only" };
    let far = if ssh { ", over SSH" } else { "" };
    let found = format!("{columns}x{rows}, {} colours, {letters}{far}", depth.name());
    if columns < 40 || rows < 12 {
        return Finding::failure(
            "terminal",
            found,
            "the screen needs 40x12; it shows most at 160x48",
        );
    }
    if !unicode {
        let advice = "set LANG to a UTF-8 locale, if the terminal's font has the signs";
        return Finding::warning("terminal", found, advice);
    }
    Finding::ok("terminal", found)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_taken_port_is_a_warning_that_says_what_to_do() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = listener.local_addr().unwrap().port();
        let taken = port("robot", number);
        assert_eq!(taken.state, State::Warning);
        assert!(taken.advice.unwrap().contains(&number.to_string()));
        drop(listener);
        assert_eq!(port("robot", number).state, State::Ok);
    }

    #[test]
    fn a_sensor_that_may_not_be_read_is_no_absent_one() {
        let denied = Absent::new("rapl", "/sys/x: Permission denied (os error 13)");
        assert_eq!(sensor(&denied, false).state, State::Warning);
        let gone = Absent::new("ina3221", "no such driver");
        assert_eq!(sensor(&gone, false).state, State::Ok);
        assert_eq!(sensor(&gone, true).state, State::Warning);
    }

    #[test]
    fn a_gpu_that_libtorch_cannot_use_is_a_warning() {
        let state = |device, usable| found_cuda(device, usable).state;
        let gpu = Some("/dev/nvidia0");
        assert_eq!(state(gpu, Some(1)), State::Ok);
        assert_eq!(state(gpu, Some(0)), State::Warning);
        assert_eq!(state(gpu, None), State::Warning);
        assert_eq!(state(None, Some(0)), State::Ok);
        assert_eq!(state(None, None), State::Ok);
    }

    #[test]
    fn little_room_is_a_warning_none_a_failure_and_a_folder_that_cannot_be_written_too() {
        let state = |mb: u64| room("cache", "X", Bytes(mb << 20), "/x").state;
        assert_eq!(
            [4_000, 500, 50].map(state),
            [State::Ok, State::Warning, State::Failure]
        );
        // Of what is not made yet, the folder above is looked at. Root may write anywhere.
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(existing(dir.path().join("a/b")), dir.path());
        if !rustix::process::geteuid().is_root() {
            let finding = disk("cache", "X", PathBuf::from("/proc/1"));
            assert_eq!(finding.state, State::Failure, "{finding:?}");
        }
    }

    #[test]
    fn every_warning_and_failure_says_what_to_do() {
        for finding in all() {
            assert_eq!(
                finding.advice.is_some(),
                finding.state != State::Ok,
                "{finding:?}"
            );
        }
    }
}
