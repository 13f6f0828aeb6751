//! Consoles with a robot that tells 5,000 things a second, and what the system says of a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::player::Player;
use crate::scenario::{Hello, Scenario, Step, Telemetry};
use crate::terminal::{Start, Terminal};
use crate::{PROGRAM, SIZE};

/// A tenth of a second with 500 events: 3 frames with 153 steps each, 36 samples of the link, 5 of power.
pub(crate) const FLOOD: Telemetry = Telemetry {
    batches: 1,
    every_ms: 100,
    frames: 3,
    samples: 36,
    sensors: true,
};
/// A batch with nothing in it, as often as a worker sends one to show that it is there.
pub(crate) const HEARTBEAT: Telemetry = Telemetry {
    batches: 1,
    every_ms: 500,
    frames: 0,
    samples: 0,
    sensors: false,
};

/// A console on a terminal and the robot that it watches; the robot tells until this is dropped.
pub(crate) struct Watched {
    pub(crate) terminal: Terminal,
    stop: Arc<AtomicBool>,
    robot: Option<JoinHandle<()>>,
    _data: TempDir,
}

impl Watched {
    /// Starts both and waits until the console is live and has had frames.
    pub(crate) fn start(telemetry: Telemetry, options: &[&str]) -> Self {
        let script = Scenario::parse("about = \"a robot\"\nsteps = []\n").unwrap();
        let mut player = Player::new(&script);
        let address = player.address();
        let data = tempfile::tempdir().unwrap();
        let args = [&["attach", &address], options].concat();
        let mut terminal = Start::new(PROGRAM, &args)
            .size(SIZE)
            .var("SPLITSCOPE_DATA", data.path())
            .run();
        player.play(&Step::Hello(Hello {
            protocol: None,
            version: None,
        }));
        player.play(&Step::Send(FLOOD));
        terminal.shows(&["LIVE", "frame "]);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let robot = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                player.play(&Step::Send(telemetry));
            }
        });
        Self {
            terminal,
            stop,
            robot: Some(robot),
            _data: data,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(robot) = self.robot.take() {
            robot.join().ok();
        }
    }
}

/// Nanoseconds that all threads of a process have computed (`/proc/PID/task/*/schedstat`).
pub(crate) fn computed_ns(process: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let spent = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    spent.sum()
}

/// Bytes of memory that a process has now (`VmRSS`).
pub(crate) fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() << 10
}
