//! What is on the screen: scripted workers, every size, and the keys that change it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "console_screen/charts.rs"]
mod charts;
#[path = "console_screen/console.rs"]
mod console;
#[path = "console_screen/grid.rs"]
mod grid;
#[path = "console_screen/layers.rs"]
mod layers;
#[path = "console_screen/log.rs"]
mod log;
#[path = "console_screen/modes.rs"]
mod modes;
#[path = "console_screen/orders.rs"]
mod orders;
#[path = "console_screen/outlook.rs"]
mod outlook;
#[path = "console_screen/pauses.rs"]
mod pauses;
#[path = "console_screen/power.rs"]
mod power;
#[path = "console_screen/predictions.rs"]
mod predictions;
#[path = "console_screen/script.rs"]
mod script;
#[path = "console_screen/sessions.rs"]
mod sessions;
#[path = "console_screen/simulate.rs"]
mod simulate;
#[path = "console_screen/states.rs"]
mod states;
#[path = "console_screen/styles.rs"]
mod styles;
#[path = "console_screen/sweep.rs"]
mod sweep;

use console::{
    Console, ROBOT, SERVER, SIZES, event, lease, live, peer_ready, ten_seconds_of_link, text,
};
use script::{MS, plan};
use splitscope::console::app::Said;

/// Compares the screen at every size with the one that is kept. To keep the present ones:
/// `INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo nextest run --no-default-features --test console_screen`.
fn snapshots(name: &str, console: &Console) {
    for (width, height) in SIZES {
        snapshot(
            &format!("{name}_{width}x{height}"),
            &console.screen((width, height)),
        );
    }
}

/// Compares a text with the one that is kept under this name.
fn snapshot(name: &str, text: &str) {
    insta::assert_snapshot!(name, text);
}
