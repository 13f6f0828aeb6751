//! A prober's connection: who may fill the link, and when.

use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Shared, locked};
use crate::clock;
use crate::engine::Engine;
use crate::link::LinkError;
use crate::link::probe;
use crate::wire::Level;
use crate::wire::probe::ProbeHello;

/// Frames flow if a part of a value came so recently.
const FLOWING_NS: i64 = 2_000_000_000;

/// How long a probe waits for the one before it to be gone.
const TURN_NS: i64 = 2_000_000_000;

/// Serves a prober, or tells it why not.
pub(super) fn serve<E: Engine>(
    shared: &Shared<E>,
    mut stream: TcpStream,
    peer: &str,
) -> Result<(), LinkError> {
    let hello = probe::greet(&mut stream)?;
    let refused = may_not(shared, &hello);
    let refused = refused.or_else(|| {
        let is_taken = !take_turn(shared);
        is_taken.then(|| "another probe fills this link at present".to_owned())
    });
    if let Some(reason) = refused {
        shared
            .hub
            .event(Level::Info, format!("probe from {peer} refused: {reason}"));
        return probe::refuse(&stream, &reason);
    }
    let way = match (hello.up, hello.down) {
        (true, true) => "both ways",
        (true, false) => "up",
        _ => "down",
    };
    shared.hub.event(
        Level::Info,
        format!(
            "probe from {} ({peer}) fills the link {way} for {} s",
            hello.host,
            f64::from(hello.length_ms) / 1e3
        ),
    );
    let stopped = || shared.stop.load(Ordering::Relaxed);
    let ended = probe::serve(stream, &hello, &shared.host, &stopped);
    shared.probed.store(false, Ordering::Release);
    let how = match &ended {
        Ok(()) => "has ended".to_owned(),
        Err(error) => format!("has ended early: {error}"),
    };
    shared
        .hub
        .event(Level::Info, format!("probe from {peer} {how}"));
    // A prober that breaks off is not worth a warning of its own.
    Ok(())
}

/// Becomes the one probe; waits a little for one that has ended and whose last bytes still drain.
fn take_turn<E: Engine>(shared: &Shared<E>) -> bool {
    let until = clock::now().shifted(TURN_NS);
    while shared.probed.swap(true, Ordering::AcqRel) {
        if clock::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Why a probe may not begin, if so.
fn may_not<E: Engine>(shared: &Shared<E>, hello: &ProbeHello) -> Option<String> {
    if hello.disturb {
        return None;
    }
    let robot = locked(&shared.active).as_ref().map(|a| a.host.clone())?;
    let last = shared.last_value.load(Ordering::Relaxed);
    let is_flowing = clock::now().0.saturating_sub(last) < FLOWING_NS;
    is_flowing.then(|| {
        format!(
            "frames of the robot {robot} use this link, and a probe would slow them; stop the robot, or probe with \
             --disturb"
        )
    })
}
