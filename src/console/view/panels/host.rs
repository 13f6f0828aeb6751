//! The machine in lines: what it does not tell is said or left out, and never a zero.
//!
//! ```text
//! THROTTLED  cpu-throttle 2 of 6
//! mode MODE_15W_6CORE   memory 3.1 of 7.2 GB   swap 0.1 of 3.6 GB
//! CPU 0  ▪▪▪▪·  82 % 1.19 GHz 1  ▪▪···  41 % 1.19 GHz
//! GPU ▪▪▪▪▪▪····  62 % 1.11 GHz of 1.11 GHz   EMC ▪▪▪·······  34 % 1.60 GHz
//! °C  CPU 51.0  GPU 49.5  SOC0 50.5
//! wlan0 -52 dBm  radio ↑433 ↓390 Mbps  04:f0:21:0a:bb:1c
//! ```

use std::fmt::Write as _;

use ratatui::text::{Line, Span};

use crate::console::view::theme::Theme;
use crate::console::view::widgets::text;
use crate::host::{CoreLoad, HostRecord, Memory, UnitLoad, Wifi};
use crate::units::Hertz;

/// Columns of the bar of a core's load, and of a unit's.
const CORE_BAR: usize = 5;
const UNIT_BAR: usize = 10;
/// Columns of a core: number, bar, share, clock.
const CORE: usize = 24;
/// What stands before the cores.
const CPU: &str = "CPU ";
/// Loads as one character each, for machines with many cores.
const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Everything a machine tells, in at most `width` columns; its cores in at most `core_rows` lines.
pub(in crate::console::view) fn lines(
    host: &HostRecord,
    theme: Theme,
    width: usize,
    core_rows: usize,
) -> Vec<Line<'static>> {
    let mut lines = throttling(host, theme, width);
    lines.extend(flow(general(host), theme.text(), width));
    lines.extend(cores(&host.cores, theme, width, core_rows));
    lines.extend(flow(units(host), theme.text(), width));
    lines.extend(temperatures(host, theme, width));
    if host.wifi.is_empty() {
        lines.push(Line::styled("no Wi-Fi interface told", theme.faint()));
    }
    for wifi in &host.wifi {
        lines.extend(flow(wifi_words(wifi), theme.text(), width));
    }
    lines
}

/// The machine in a few words: `CPU 45 %  GPU 62 % 1.11 GHz  51.0 °C`; what it does not tell is left out.
pub(in crate::console::view) fn brief(host: &HostRecord) -> String {
    let mut words = Vec::new();
    let loads: Vec<f64> = host.cores.iter().filter_map(|c| c.load).collect();
    if let Some(mean) = crate::statistics::mean(&loads) {
        words.push(format!("CPU {:.0} %", mean * 100.0));
    }
    if let Some(load) = host.gpu.as_ref().and_then(|gpu| gpu.load) {
        let clock = host.gpu.as_ref().and_then(|gpu| gpu.clock);
        let clock = clock.map_or_else(String::new, |clock| format!(" {clock}"));
        words.push(format!("GPU {:.0} %{clock}", load * 100.0));
    }
    let temperatures = host.temperatures.iter().map(|t| t.celsius.0);
    if let Some(hottest) = temperatures.reduce(f64::max) {
        words.push(format!("{hottest:.1} °C"));
    }
    if host.throttling.as_ref().is_some_and(|all| !all.is_empty()) {
        words.push("THROTTLED".to_owned());
    }
    words.join("  ")
}

/// What slows the machine down, as one word and its parts; none if it does not tell.
pub(in crate::console::view) fn throttled(host: &HostRecord) -> Option<String> {
    let all = host.throttling.as_ref().filter(|all| !all.is_empty())?;
    let one = |t: &crate::host::Throttle| format!("{} {} of {}", t.what, t.state, t.of);
    let parts: Vec<String> = all.iter().map(one).collect();
    Some(format!("THROTTLED  {}", parts.join(", ")))
}

fn throttling(host: &HostRecord, theme: Theme, width: usize) -> Vec<Line<'static>> {
    if let Some(words) = throttled(host) {
        let lines = text::wrapped(&words, width).into_iter();
        return lines.map(|l| Line::styled(l, theme.bad())).collect();
    }
    let words = match host.throttling {
        Some(_) => Line::raw("not throttled"),
        None => Line::styled("throttling not told", theme.faint()),
    };
    vec![words]
}

fn flow(pieces: Vec<String>, style: ratatui::style::Style, width: usize) -> Vec<Line<'static>> {
    let styled = |line| Line::styled(line, style);
    let lines = text::flowed(pieces, "   ", width);
    lines.into_iter().map(styled).collect()
}

fn general(host: &HostRecord) -> Vec<String> {
    let mut pieces = Vec::new();
    if let Some(mode) = &host.power_mode {
        pieces.push(format!("power mode {mode}"));
    }
    if let Some(memory) = &host.memory {
        pieces.extend(memory_words(memory));
    }
    pieces
}

fn memory_words(memory: &Memory) -> Vec<String> {
    let of = |name: &str, total: u64, free: u64| {
        let used = total.saturating_sub(free) as f64 / 1e9;
        format!("{name} {used:.1} of {:.1} GB", total as f64 / 1e9)
    };
    let mut pieces = vec![of("memory", memory.total.0, memory.available.0)];
    if memory.swap_total.0 > 0 {
        pieces.push(of("swap", memory.swap_total.0, memory.swap_free.0));
    }
    pieces
}

/// A share of the time as a bar and a number.
fn load(load: Option<f64>, columns: usize) -> String {
    match load {
        Some(load) => {
            let full = (load.clamp(0.0, 1.0) * columns as f64).round() as usize;
            let bar = "▪".repeat(full) + &"·".repeat(columns - full);
            format!("{bar} {:>3.0} %", load * 100.0)
        }
        None => format!("{:columns$}   - %", ""),
    }
}

fn cores(cores: &[CoreLoad], theme: Theme, width: usize, rows: usize) -> Vec<Line<'static>> {
    if cores.is_empty() {
        return vec![Line::styled("CPU not told", theme.faint())];
    }
    let columns = ((width + 1).saturating_sub(CPU.len()) / CORE).max(1);
    if cores.len().div_ceil(columns) > rows {
        return many_cores(cores, width);
    }
    let one = |core: &CoreLoad| {
        let clock = core.clock.map_or_else(String::new, |c| c.to_string());
        let words = format!("{:<2} {} {clock}", core.core, load(core.load, CORE_BAR));
        format!("{words:<CORE$}")
    };
    let row = |(i, row): (usize, &[CoreLoad])| {
        let words: String = row.iter().map(one).collect();
        let before = if i == 0 { CPU } else { "    " };
        Line::raw(format!("{before}{}", words.trim_end()))
    };
    cores.chunks(columns).enumerate().map(row).collect()
}

/// One character a core, then the least and the greatest clock.
fn many_cores(cores: &[CoreLoad], width: usize) -> Vec<Line<'static>> {
    let glyph = |core: &CoreLoad| match core.load {
        Some(load) => LEVELS[(load.clamp(0.0, 1.0) * 7.0).round() as usize],
        None => "?",
    };
    let heading = format!("{} cores ", cores.len());
    let most = width.saturating_sub(text::width(&heading)).max(1);
    let glyphs: Vec<&str> = cores.iter().map(glyph).collect();
    let mut lines: Vec<Line> = glyphs
        .chunks(most)
        .map(|part| Line::raw(part.concat()))
        .collect();
    lines[0].spans.insert(0, Span::raw(heading));
    let clocks = || cores.iter().filter_map(|c| c.clock).map(|c| c.0);
    let mut pieces = Vec::new();
    let loads: Vec<f64> = cores.iter().filter_map(|c| c.load).collect();
    if !loads.is_empty() {
        let mean = loads.iter().sum::<f64>() / loads.len() as f64;
        pieces.push(format!("mean {:.0} %", mean * 100.0));
    }
    if let (Some(least), Some(most)) = (clocks().reduce(f64::min), clocks().reduce(f64::max)) {
        pieces.push(format!("{} to {}", Hertz(least), Hertz(most)));
    }
    if !pieces.is_empty() {
        lines.push(Line::raw(pieces.join("   ")));
    }
    lines
}

fn units(host: &HostRecord) -> Vec<String> {
    let unit = |name: &str, unit: &UnitLoad| {
        let mut words = format!("{name} {}", load(unit.load, UNIT_BAR));
        if let Some(clock) = unit.clock {
            let _ = write!(words, " {clock}");
        }
        if let Some(most) = unit.max_clock {
            let _ = write!(words, " of {most}");
        }
        words
    };
    let gpu = host.gpu.as_ref().map(|u| unit("GPU", u));
    let emc = host.emc.as_ref().map(|u| unit("EMC", u));
    gpu.into_iter().chain(emc).collect()
}

fn temperatures(host: &HostRecord, theme: Theme, width: usize) -> Vec<Line<'static>> {
    if host.temperatures.is_empty() {
        return vec![Line::styled("temperatures not told", theme.faint())];
    }
    let mut pieces = Vec::new();
    for t in &host.temperatures {
        // Jetsons call every zone `...-thermal`.
        let zone = t.zone.trim_end_matches("-thermal");
        pieces.push(format!("{zone} {:.1}", t.celsius.0));
    }
    pieces[0].insert_str(0, "°C  ");
    flow(pieces, theme.text(), width)
}

fn wifi_words(wifi: &Wifi) -> Vec<String> {
    let mut pieces = vec![match wifi.signal_dbm {
        Some(dbm) => format!("{} {dbm:.0} dBm", wifi.interface),
        None => format!("{} no signal told", wifi.interface),
    }];
    let rate = |arrow, rate: Option<crate::units::BitsPerSecond>| {
        rate.map(|r| format!("{arrow}{}", text::mbps(r.0 / 1e6)))
    };
    let rates: Vec<String> = [rate('↑', wifi.tx_rate), rate('↓', wifi.rx_rate)]
        .into_iter()
        .flatten()
        .collect();
    if !rates.is_empty() {
        pieces.push(format!("radio {} Mbps", rates.join(" ")));
    }
    if let Some(bssid) = &wifi.bssid {
        pieces.push(format!("access point {bssid}"));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(host: &HostRecord, width: usize, rows: usize) -> Vec<String> {
        let lines = lines(host, Theme::PLAIN, width, rows);
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_machine_that_tells_nothing_has_no_numbers() {
        let words = words(&HostRecord::default(), 78, 4);
        assert!(!words.concat().contains(char::is_numeric), "{words:?}");
    }

    #[test]
    fn many_cores_take_a_character_each_and_an_untold_load_is_no_idle_one() {
        let core = |core| CoreLoad {
            core,
            load: (core != 1).then_some(f64::from(core) / 63.0),
            clock: Some(Hertz(1e9 + f64::from(core) * 1e7)),
        };
        let host = HostRecord {
            cores: (0..64).map(core).collect(),
            ..HostRecord::default()
        };
        let words = words(&host, 78, 4);
        assert!(words[1].starts_with("64 cores ▁?▁"), "{words:?}");
        assert!(words[1].ends_with('█'), "{words:?}");
        assert!(words[2].starts_with("mean 51 %"), "{words:?}");
        assert!(words.iter().all(|w| text::width(w) <= 78), "{words:?}");
    }
}
