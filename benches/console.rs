//! What the console costs, on a real terminal (a pty with an emulator behind it), and the same of `btm` beside it.
//!
//! `cargo bench --profile dev --no-default-features --bench console -- [--seconds N] [--rounds N] [--starts N] [--hours N]
//! [--only PART]`; parts are `cost`, `starts`, `keys`, `draw`, `memory`. Every second brings 5,000 events: 30 frames with 153
//! timed steps each, 360 samples of the link, power and the host.
//!
//! - `cost`: two consoles (A and A') and `btm`, all at 120x40 and 4 pictures a second, run at the same time; each round is
//!   one stretch of the same seconds. Then the console alone at its own 10 pictures a second, and with nothing happening.
//! - `starts`: from the start of the process to the first picture, in turns with `btm`; with no worker reachable.
//! - `keys`: from a key to its effect on the screen while the events come, and from `q` to the end of the process.
//! - `draw`: one picture of each screen, in memory.
//! - `memory`: the process after so many hours' worth of events, brought as fast as it takes them.
//!
//! `btm` is bottom, <https://github.com/ClementTsang/bottom>: `cargo install bottom --locked`. Where it is not in `PATH`, its
//! rows are left out and this says so.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot run fails"
)]

#[path = "console/cost.rs"]
mod cost;
#[path = "console/draw.rs"]
mod draw;
#[path = "../tests/console_screen/fake.rs"]
#[expect(dead_code, reason = "shared with tests")]
mod fake;
#[path = "console/feed.rs"]
mod feed;
#[path = "console/memory.rs"]
mod memory;
#[path = "shared/paired.rs"]
#[expect(dead_code, reason = "shared with other benches")]
mod paired;
#[path = "../tests/support/player.rs"]
mod player;
#[path = "../tests/support/scenario.rs"]
#[expect(dead_code, reason = "shared with tests")]
mod scenario;
#[path = "../tests/console_screen/script.rs"]
mod script;
#[path = "../tests/support/terminal.rs"]
#[expect(dead_code, reason = "shared with tests")]
mod terminal;
#[path = "console/waits.rs"]
mod waits;

use std::path::PathBuf;

use paired::number_argument;
use splitscope::statistics::Estimate;

/// The program that is measured, built as this bench is.
const PROGRAM: &str = env!("CARGO_BIN_EXE_splitscope");
/// Columns and rows.
const SIZE: (u16, u16) = (120, 40);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let only = arguments.iter().position(|a| a == "--only");
    let only = only.and_then(|i| arguments.get(i + 1)).cloned();
    let seconds = number_argument("--seconds").unwrap_or(10) as u64;
    let rounds = number_argument("--rounds").unwrap_or(8);
    let starts = number_argument("--starts").unwrap_or(20);
    let hours = number_argument("--hours").unwrap_or(8) as u64;
    let btm = find("btm");
    if btm.is_none() {
        println!(
            "no `btm` in PATH: rows beside it are left out; `cargo install bottom --locked` brings it"
        );
    }
    let btm = btm.as_ref().map(|path| path.to_string_lossy());
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if wanted("draw") {
        draw::report();
    }
    if wanted("starts") {
        waits::starts(btm.as_deref(), starts);
    }
    if wanted("keys") {
        waits::keys(starts);
    }
    if wanted("cost") {
        cost::report(btm.as_deref(), seconds, rounds);
    }
    if wanted("memory") {
        memory::report(hours);
    }
}

/// Where a program is in `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}

/// `name: median [interval] unit; target`, and whether the interval's upper end meets the target.
fn row(name: &str, values: &[f64], unit: &str, target: Option<f64>) {
    let Some(estimate) = Estimate::of_median(values) else {
        return println!("{name}: no values");
    };
    let interval = estimate.interval.map_or_else(
        || "too few for an interval".to_owned(),
        |i| format!("[{:.3}, {:.3}]", i.low, i.high),
    );
    let worst = estimate.interval.map_or(estimate.value, |i| i.high);
    let verdict = target.map_or_else(String::new, |target| {
        let word = if worst <= target { "met" } else { "NOT met" };
        format!("; target <= {target} {unit} {word}")
    });
    println!("{name}: {:.3} {interval} {unit}{verdict}", estimate.value);
}
