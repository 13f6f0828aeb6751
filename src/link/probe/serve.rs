//! The server's half of a probe.

use std::io::Read;
use std::net::TcpStream;

use super::fill::Writer;
use super::{Counts, HELLO_TIMEOUT, LAST_WORDS, SILENCE, Sieve, TICK, is_tick, tune};
use crate::clock;
use crate::link::LinkError;
use crate::link::socket::exchange;
use crate::wire::probe::{MAX_PROBE_MS, MIN_INTERVAL_MS, PROBE_MAGIC, ProbeHello, ProbeMessage};
use crate::wire::{PROTOCOL, VERSION};

/// Greets a prober and hears what it wants; refuses, in words, what this version does not do.
///
/// # Errors
/// A prober that says something else, or nothing.
pub fn greet(stream: &mut TcpStream) -> Result<ProbeHello, LinkError> {
    tune(stream)?;
    exchange(stream, PROBE_MAGIC, HELLO_TIMEOUT)?;
    let mut sieve = Sieve::default();
    let mut buffer = [0; 4096];
    let started = clock::now();
    let hello = loop {
        let n = match stream.read(&mut buffer) {
            Ok(0) => return Err(LinkError::Closed),
            Ok(n) => n,
            Err(e) if is_tick(&e) => 0,
            Err(source) => {
                return Err(LinkError::Io {
                    doing: "reading from the prober",
                    source,
                });
            }
        };
        match sieve.take(&buffer[..n])?.into_iter().next() {
            Some(ProbeMessage::Hello(hello)) => break hello,
            Some(_) => {
                let what = "the prober did not say hello first".to_owned();
                return Err(LinkError::Protocol(what));
            }
            None => {}
        }
        let silent = clock::now().since(started);
        if silent > HELLO_TIMEOUT.as_nanos() as i64 {
            return Err(LinkError::Silent(silent));
        }
    };
    let is_possible = (MIN_INTERVAL_MS..=MAX_PROBE_MS).contains(&hello.interval_ms)
        && (hello.interval_ms..=MAX_PROBE_MS).contains(&hello.length_ms)
        && (hello.up || hello.down);
    if hello.protocol != PROTOCOL || !is_possible {
        let reason = format!(
            "this server ({VERSION}) speaks protocol {PROTOCOL} and probes for up to {MAX_PROBE_MS} ms in intervals \
             of at least {MIN_INTERVAL_MS} ms; the prober ({}) asked with protocol {} for {} ms in intervals of {} ms",
            hello.version, hello.protocol, hello.length_ms, hello.interval_ms
        );
        refuse(stream, &reason)?;
        return Err(LinkError::Protocol(reason));
    }
    Ok(hello)
}

/// Tells a prober that it may not.
///
/// # Errors
/// The system gives no thread.
pub fn refuse(stream: &TcpStream, reason: &str) -> Result<(), LinkError> {
    say_and_close(
        stream,
        &ProbeMessage::Refused {
            reason: reason.to_owned(),
        },
    )
}

fn say_and_close(stream: &TcpStream, message: &ProbeMessage) -> Result<(), LinkError> {
    let writer = Writer::start(shared(stream)?)?;
    writer.control(message);
    finish(&writer);
    // What it has queued still goes out; it hears nothing more from us.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    Ok(())
}

/// Waits until everything queued is written, but not for ever.
fn finish(writer: &Writer) {
    let until = clock::now().shifted(LAST_WORDS.as_nanos() as i64);
    while !writer.finish() && clock::now() < until {
        std::thread::sleep(TICK / 4);
    }
}

fn shared(stream: &TcpStream) -> Result<TcpStream, LinkError> {
    stream.try_clone().map_err(|source| LinkError::Io {
        doing: "sharing the socket",
        source,
    })
}

/// Fills and counts until the prober's time is over or `is_stopped` says so.
///
/// # Errors
/// The prober broke off, was silent, or broke the protocol.
pub fn serve(
    mut stream: TcpStream,
    hello: &ProbeHello,
    host: &str,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), LinkError> {
    let writer = Writer::start(shared(&stream)?)?;
    writer.control(&ProbeMessage::Welcome {
        host: host.to_owned(),
    });
    let intervals = hello.length_ms.div_ceil(hello.interval_ms.max(1)) as usize;
    let interval_ns = i64::from(hello.interval_ms) * 1_000_000;
    let mut heard = clock::now();
    let mut counts = Counts::new(heard, interval_ns, intervals);
    writer.fill(hello.down);
    let mut sieve = Sieve::default();
    let mut buffer = vec![0; 64 << 10];
    while !is_stopped() {
        let now = clock::now();
        while let Some((interval, bytes)) = counts.next_over(now) {
            if hello.up {
                writer.control(&ProbeMessage::Received {
                    interval: interval as u32,
                    bytes,
                });
            }
        }
        if now >= counts.end() {
            writer.control(&ProbeMessage::Done);
            finish(&writer);
            break;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err(LinkError::Closed),
            Ok(n) => {
                heard = clock::now();
                counts.add(heard, n as u64);
                sieve.take(&buffer[..n])?;
            }
            Err(e) if is_tick(&e) => {
                // A prober that only receives is heard by what it takes.
                let silent = clock::now().since(heard);
                if (hello.up && silent > SILENCE.as_nanos() as i64) || writer.is_over() {
                    return Err(LinkError::Silent(silent));
                }
            }
            Err(source) => {
                return Err(LinkError::Io {
                    doing: "reading from the prober",
                    source,
                });
            }
        }
    }
    // Closing with bytes unread would reset the connection and lose the last words.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let until = clock::now().shifted(LAST_WORDS.as_nanos() as i64);
    while clock::now() < until {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(e) if is_tick(&e) => {}
            Err(_) => break,
        }
    }
    Ok(())
}
