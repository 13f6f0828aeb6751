//! What a console holds after hours: as many events, brought as fast as it takes them. What it keeps is bounded by number,
//! so that hours and minutes are the same to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::feed::{FLOOD, resident};
use crate::player::Player;
use crate::scenario::{Hello, Scenario, Step, Telemetry};
use crate::terminal::{Start, WIDE};
use crate::{PROGRAM, SIZE};

/// Batches of an hour.
const HOUR: u64 = 36_000;
const TARGET_MB: f64 = 64.0;

pub(crate) fn report(hours: u64) {
    let script = Scenario::parse("about = \"a robot\"\nsteps = []\n").unwrap();
    let mut player = Player::new(&script);
    let address = player.address();
    // A recording of so much is no matter of memory.
    let args = ["attach", &address, "--no-record"];
    let mut terminal = Start::new(PROGRAM, &args).size(SIZE).run();
    player.play(&Step::Hello(Hello {
        protocol: None,
        version: None,
    }));
    let process = terminal.child.process_id().unwrap();
    println!("\nmemory, 5,000 events a second brought as fast as they are taken");
    let told = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&told);
    let batches = hours * HOUR;
    let robot = std::thread::spawn(move || {
        let fast = Telemetry {
            every_ms: 0,
            ..FLOOD
        };
        for _ in 0..batches {
            player.play(&Step::Send(fast));
            count.fetch_add(1, Ordering::Relaxed);
        }
        player
    });
    let mut due = HOUR / 10;
    while !robot.is_finished() {
        terminal.settle(std::time::Duration::from_millis(5));
        std::thread::sleep(std::time::Duration::from_millis(20));
        if told.load(Ordering::Relaxed) >= due {
            let hours = due as f64 / HOUR as f64;
            println!(
                "  after {hours:.1} h: {:.1} MB",
                resident(process) as f64 / 1e6
            );
            due *= 2;
        }
    }
    let mut player = robot.join().expect("the robot told everything");
    player.play(&Step::Event("that was all".to_owned()));
    terminal.resize(WIDE);
    terminal.shows(&["that was all"]);
    let most = terminal.most_memory() as f64 / 1e6;
    let met = if most <= TARGET_MB { "met" } else { "NOT met" };
    println!(
        "after {hours} h: {:.1} MB now, {most:.1} MB at most; target <= {TARGET_MB} MB {met}",
        resident(process) as f64 / 1e6
    );
}
