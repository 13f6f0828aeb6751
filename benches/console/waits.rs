//! What a person waits for: the first picture, a key's effect, the end.

use std::net::TcpListener;

use splitscope::clock;
use splitscope::statistics::{Random, quantile};

use crate::feed::{FLOOD, Watched};

use crate::terminal::{Start, Terminal};
use crate::{PROGRAM, SIZE, row};

/// Milliseconds that something takes.
fn ms(act: impl FnOnce()) -> f64 {
    let began = clock::now();
    act();
    clock::now().since(began) as f64 / 1e6
}

/// A console with nobody to attach to.
fn lonely() -> Terminal {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    let args = ["attach", &nobody, "--no-record"];
    Start::new(PROGRAM, &args).size(SIZE).run()
}

/// From the start of the process to the first picture.
pub(crate) fn starts(btm: Option<&str>, times: usize) {
    let mut random = Random::new(11);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let mut turns = [true, false];
        random.shuffle(&mut turns);
        for ours_next in turns {
            if ours_next {
                ours.push(ms(|| lonely().first_picture()));
            } else if let Some(btm) = btm {
                let begin = || Start::new(btm, &["--rate", "250"]).size(SIZE).run();
                theirs.push(ms(|| begin().shows(&["CPU", "Memory"])));
            }
        }
    }
    println!("\nfrom the start of the process to the first picture, 120x40, {times} times");
    row("console, no worker reachable", &ours, "ms", Some(50.0));
    if btm.is_some() {
        row("btm", &theirs, "ms", None);
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
        row("console / btm", &ratios, "x", Some(1.0));
    }
}

/// From a key to the screen, and from `q` to the end, while 5,000 events a second come.
pub(crate) fn keys(times: usize) {
    const HELP: &str = "leave; the workers go on";
    let mut console = Watched::start(FLOOD, &[]);
    let mut took = Vec::new();
    for _ in 0..times * 10 {
        let terminal = &mut console.terminal;
        took.push(ms(|| {
            terminal.press(b"?");
            terminal.shows(&[HELP]);
        }));
        terminal.press(b"?");
        terminal.read_until("no help", |s| !s.contents().contains(HELP));
    }
    println!("\n5,000 events a second, 120x40");
    row("key to screen, median", &took, "ms", None);
    let p99 = quantile(&took, 0.99).unwrap_or(f64::NAN);
    let met = if p99 <= 50.0 { "met" } else { "NOT met" };
    println!(
        "key to screen, p99 of {}: {p99:.1} ms; target <= 50 ms {met}",
        took.len()
    );
    let mut live = Vec::new();
    let mut alone = Vec::new();
    for _ in 0..times {
        let mut console = Watched::start(FLOOD, &[]);
        live.push(quit(&mut console.terminal));
        let mut terminal = lonely();
        terminal.first_picture();
        alone.push(quit(&mut terminal));
    }
    row(
        "q to the end of the process, live and recording",
        &live,
        "ms",
        Some(200.0),
    );
    row(
        "q to the end of the process, nobody reachable",
        &alone,
        "ms",
        Some(200.0),
    );
}

fn quit(terminal: &mut Terminal) -> f64 {
    ms(|| {
        terminal.press(b"q");
        terminal.child.wait().unwrap();
    })
}
