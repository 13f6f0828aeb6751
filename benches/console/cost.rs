//! CPU and bytes written, over the same seconds.

use std::time::Duration;

use splitscope::clock;
use splitscope::statistics::Estimate;

use crate::feed::{FLOOD, HEARTBEAT, Watched, computed_ns};
use crate::terminal::{Start, Terminal};
use crate::{SIZE, row};

/// Of one program over one stretch: per cent of a core, and bytes a second to the terminal.
struct Cost {
    core_percent: f64,
    bytes_per_s: f64,
}

/// Watches terminals for the same seconds.
fn watch(terminals: &mut [&mut Terminal], seconds: u64) -> Vec<Cost> {
    let process = |t: &Terminal| t.child.process_id().unwrap();
    for terminal in terminals.iter_mut() {
        terminal.settle(Duration::ZERO);
    }
    let began = clock::now();
    let before: Vec<_> = terminals
        .iter()
        .map(|t| (computed_ns(process(t)), t.bytes))
        .collect();
    let end = began.shifted(seconds as i64 * 1_000_000_000);
    // Somebody has to read, or the programs wait for the terminal.
    while clock::now() < end {
        for terminal in terminals.iter_mut() {
            terminal.settle(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let took_ns = clock::now().since(began) as f64;
    let costs = terminals.iter().zip(before).map(|(t, (ns, bytes))| Cost {
        core_percent: (computed_ns(process(t)) - ns) as f64 / took_ns * 100.0,
        bytes_per_s: (t.bytes - bytes) as f64 / took_ns * 1e9,
    });
    costs.collect()
}

pub(crate) fn report(btm: Option<&str>, seconds: u64, rounds: usize) {
    beside(btm, seconds, rounds);
    alone(seconds, rounds);
    idle(seconds, rounds);
}

/// Two consoles and `btm` at 4 pictures a second: the most that `btm` draws, and what the console draws on a slow line.
fn beside(btm: Option<&str>, seconds: u64, rounds: usize) {
    let mut first = Watched::start(FLOOD, &["--ssh", "yes"]);
    let mut second = Watched::start(FLOOD, &["--ssh", "yes"]);
    let mut other = btm.map(|btm| {
        let mut terminal = Start::new(btm, &["--rate", "250"]).size(SIZE).run();
        terminal.shows(&["CPU"]);
        terminal
    });
    let (mut cpu, mut bytes, mut other_cpu, mut other_bytes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut same_cpu, mut same_bytes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut all = vec![&mut first.terminal, &mut second.terminal];
        all.extend(other.as_mut());
        let costs = watch(&mut all, seconds);
        cpu.push(costs[0].core_percent);
        bytes.push(costs[0].bytes_per_s);
        same_cpu.push(costs[1].core_percent / costs[0].core_percent);
        same_bytes.push(costs[1].bytes_per_s / costs[0].bytes_per_s);
        if let Some(cost) = costs.get(2) {
            other_cpu.push(cost.core_percent);
            other_bytes.push(cost.bytes_per_s);
        }
    }
    println!(
        "\n4 pictures a second, 120x40, 5,000 events a second to the console, {rounds} x {seconds} s"
    );
    row("console, CPU", &cpu, "% of a core", None);
    row("console, to the terminal", &bytes, "bytes/s", None);
    row("A/A, CPU", &same_cpu, "x", None);
    row("A/A, to the terminal", &same_bytes, "x", None);
    if other.is_some() {
        row("btm --rate 250, CPU", &other_cpu, "% of a core", None);
        row(
            "btm --rate 250, to the terminal",
            &other_bytes,
            "bytes/s",
            None,
        );
        ratio("console / btm, CPU", &cpu, &other_cpu);
        ratio("console / btm, to the terminal", &bytes, &other_bytes);
    }
}

/// The median of the ratios of the same stretches.
fn ratio(name: &str, values: &[f64], base: &[f64]) {
    let ratios: Vec<f64> = values.iter().zip(base).map(|(a, b)| a / b).collect();
    row(name, &ratios, "x", Some(1.0));
}

/// At its own rate.
fn alone(seconds: u64, rounds: usize) {
    let mut console = Watched::start(FLOOD, &[]);
    let costs: Vec<Cost> = (0..rounds)
        .flat_map(|_| watch(&mut [&mut console.terminal], seconds))
        .collect();
    let cpu: Vec<f64> = costs.iter().map(|c| c.core_percent).collect();
    let bytes: Vec<f64> = costs.iter().map(|c| c.bytes_per_s).collect();
    println!("\n10 pictures a second, 120x40, 5,000 events a second, recording");
    row("CPU", &cpu, "% of a core", Some(2.0));
    row("to the terminal", &bytes, "bytes/s", None);
    if let Some(rate) = Estimate::of_median(&bytes) {
        println!("  a picture: {:.0} bytes", rate.value / 10.0);
    }
}

/// A worker that only shows that it is there.
fn idle(seconds: u64, rounds: usize) {
    let mut console = Watched::start(HEARTBEAT, &[]);
    // The last pictures of the beginning.
    watch(&mut [&mut console.terminal], 2);
    let costs: Vec<Cost> = (0..rounds)
        .flat_map(|_| watch(&mut [&mut console.terminal], seconds))
        .collect();
    let cpu: Vec<f64> = costs.iter().map(|c| c.core_percent).collect();
    let bytes: f64 = costs.iter().map(|c| c.bytes_per_s).sum();
    println!("\nnothing happens (two empty batches a second)");
    row("CPU", &cpu, "% of a core", Some(0.3));
    println!(
        "to the terminal: {bytes:.0} bytes in {} s",
        seconds * rounds as u64
    );
}
