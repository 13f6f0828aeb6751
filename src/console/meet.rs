//! A short visit to a worker: what it says of itself, how far away it is, how its clock stands. It is asked for nothing.

use std::time::Duration;

use super::app::{App, Effect, Setup, Skew, Update};
use super::connection::Phase;
use super::links::Links;
use super::runtime::{now, sleep_until};
use super::{Address, ConsoleError, block_on, default_name};
use crate::clock;

/// As long as two pings take.
const VISIT: Duration = Duration::from_millis(2_500);

/// What a visit brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Met {
    /// What people call it: `robot jetson-nx`.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// The median round trip of pings, in nanoseconds.
    pub rtt_ns: Option<i64>,
    /// Its time of day against ours.
    pub skew: Option<Skew>,
}

/// Visits a worker for two and a half seconds; what came back instead, if it does not answer or is of no use. Starts its
/// own runtime: call it outside of any.
///
/// # Errors
/// No threads.
pub fn meet(address: Address) -> Result<Result<Met, String>, ConsoleError> {
    block_on(async {
        let addresses = vec![address];
        let mut links = Links::start(&addresses, &default_name());
        let setup = Setup {
            addresses,
            ..Setup::default()
        };
        let (mut app, effects) = App::new(setup, clock::now());
        perform(&links, &app, effects);
        let end = clock::now().shifted(VISIT.as_nanos() as i64);
        while clock::now() < end {
            let next = app.next_tick(clock::now()).map_or(end, |at| at.min(end));
            let update = tokio::select! {
                Some(update) = links.next() => update,
                () = sleep_until(Some(next)) => Update::Tick,
            };
            let turn = app.update(update, now());
            perform(&links, &app, turn.effects);
            match app.targets().first().map(|t| t.connection.phase()) {
                Some(Phase::Retry { reason, .. }) => return Ok(Err(reason.clone())),
                Some(Phase::Refused { why, .. }) => return Ok(Err(why.to_string())),
                _ => {}
            }
        }
        Ok(met(&app))
    })
}

fn perform(links: &Links, app: &App, effects: Vec<Effect>) {
    for effect in effects {
        // A connection that takes no order is seen by its silence.
        let _ = links.perform(effect, app);
    }
}

fn met(app: &App) -> Result<Met, String> {
    let target = app.targets().first();
    let known = target.and_then(|t| Some((t, t.store.worker()?)));
    let (target, worker) = known.ok_or("it takes the connection and says nothing")?;
    Ok(Met {
        name: target.name(),
        version: worker.version.clone(),
        rtt_ns: target.reach.rtt_ns(),
        skew: target.reach.skew(),
    })
}
