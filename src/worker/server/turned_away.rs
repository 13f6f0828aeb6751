//! Connections beyond what a server takes: each is told so in its own language, by one thread, and the event log says it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::clock;
use crate::link::probe;
use crate::units::Nanos;
use crate::wire::Level;
use crate::wire::data::{Control, MAGIC, encode_control};
use crate::wire::probe::PROBE_MAGIC;
use crate::worker::telemetry::Hub;

/// How long a stranger's first words, or its hearing of ours, are waited for.
const PATIENCE: Duration = Duration::from_millis(300);
/// Connections that may wait to be told; beyond that they are closed without a word.
const WAITING: usize = 32;
/// At most so often the event log says it.
const SAY_EVERY_NS: i64 = 10_000_000_000;

/// Where connections that find no place go.
pub(super) struct Door(Option<SyncSender<TcpStream>>);

impl Door {
    /// Starts the thread that tells them.
    pub(super) fn open(hub: &Hub, most: u64) -> Self {
        let (sender, strangers) = sync_channel(WAITING);
        let hub = hub.clone();
        let started = std::thread::Builder::new()
            .name("server door".to_owned())
            .spawn(move || stand(&strangers, &hub, most));
        Self(started.ok().map(|_| sender))
    }

    /// Takes a connection that finds no place.
    pub(super) fn turn_away(&self, stream: TcpStream) {
        if let Some(sender) = &self.0 {
            // A full queue closes it.
            let _ = sender.try_send(stream);
        }
    }
}

fn stand(strangers: &Receiver<TcpStream>, hub: &Hub, most: u64) {
    let mut said: Option<Nanos> = None;
    let mut since = 0_u64;
    for stream in strangers {
        since += 1;
        let now = clock::now();
        if said.is_none_or(|at| now.since(at) > SAY_EVERY_NS) {
            let text = format!("{since} connections refused: {most} are open already");
            hub.event(Level::Warning, text);
            (said, since) = (Some(now), 0);
        }
        let reason = format!("this server has {most} connections already; close one and try again");
        // Who does not hear it is refused all the same.
        let _ = tell(stream, &reason);
    }
}

fn tell(mut stream: TcpStream, reason: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut first = [0; MAGIC.len()];
    let seen = stream.peek(&mut first)?;
    if first[..seen].starts_with(b"GET ") {
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: \
             close\r\n\r\n{reason}\n",
            reason.len() + 1
        );
        stream.write_all(answer.as_bytes())?;
    } else if first == PROBE_MAGIC {
        if probe::greet(&mut stream).is_ok() {
            let _ = probe::refuse(&stream, reason);
        }
        return Ok(());
    } else {
        let reason = reason.to_owned();
        stream.write_all(&MAGIC)?;
        stream.write_all(&encode_control(&Control::Refused { reason }))?;
    }
    stream.shutdown(Shutdown::Write)?;
    // What is unread when a socket closes would destroy the answer on its way.
    let mut rest = [0; 4096];
    for _ in 0..16 {
        if stream.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}
