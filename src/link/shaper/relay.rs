//! One relayed connection: two sockets, and for each direction a thread that reads and one that paces and writes.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::medium::MAX_PIECE;
use super::queue::{Front, Queue};
use super::{Link, Outage, Station, reset_on_close};
use crate::clock;
use crate::link::trace::Direction;
use crate::units::Nanos;

#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    upstream: TcpStream,
    robot: Station,
    queues: [Queue; 2],
    aborted: AtomicBool,
}

/// What a direction does next.
enum Next {
    Deliver(Bytes),
    Sent {
        leaves: Nanos,
        trace_delay_ns: i64,
        piece: Bytes,
    },
    WaitForBytes,
    End,
}

impl Connection {
    pub(super) fn new(
        client: TcpStream,
        upstream: TcpStream,
        robot: Station,
        queue_bytes: usize,
    ) -> Self {
        let limit = queue_bytes.max(1);
        Self {
            client,
            upstream,
            robot,
            queues: [Queue::new(limit), Queue::new(limit)],
            aborted: AtomicBool::new(false),
        }
    }

    /// Ends both directions at once: what is queued here or in the kernel is lost.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::SeqCst);
        self.queues.iter().for_each(Queue::discard);
        for socket in [&self.client, &self.upstream] {
            reset_on_close(socket);
            // The other side may have closed it already.
            let _closed = socket.shutdown(Shutdown::Both);
        }
    }

    #[cfg(test)]
    pub(super) const fn sockets(&self) -> [&TcpStream; 2] {
        [&self.client, &self.upstream]
    }

    /// Relays until both directions have ended; the sockets close with the last reference to `self`.
    pub(super) fn run(self: &Arc<Self>, link: &Arc<Link>) {
        let here = Arc::clone(self);
        let threads = [
            self.spawn("shaper-read-up", |c| c.read(Direction::Up)),
            self.spawn("shaper-read-down", |c| c.read(Direction::Down)),
            self.spawn("shaper-down", {
                let link = Arc::clone(link);
                move |c| c.pace(Direction::Down, &link)
            }),
        ];
        here.pace(Direction::Up, link);
        for thread in threads {
            match thread {
                // A panic was already told by the panic hook; the connection ends either way.
                Ok(thread) => drop(thread.join()),
                Err(cause) => {
                    tracing::warn!(%cause, "the shaped link got no thread for a connection and closed it");
                }
            }
        }
    }

    fn spawn(
        self: &Arc<Self>,
        name: &str,
        body: impl FnOnce(&Self) + Send + 'static,
    ) -> io::Result<std::thread::JoinHandle<()>> {
        let here = Arc::clone(self);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || body(&here))
            .inspect_err(|_| self.abort())
    }

    /// Where bytes of a direction come from, where they go, and where they wait. Up is away from the robot.
    const fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream, &Queue) {
        let [up, down] = &self.queues;
        let (robot, other) = match self.robot {
            Station::Client => (&self.client, &self.upstream),
            Station::Upstream => (&self.upstream, &self.client),
        };
        match direction {
            Direction::Up => (robot, other, up),
            Direction::Down => (other, robot, down),
        }
    }

    fn read(&self, direction: Direction) {
        let (mut from, _, queue) = self.ends(direction);
        let mut buffer = [0; MAX_PIECE];
        loop {
            match from.read(&mut buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    if !queue.push(Bytes::copy_from_slice(buffer.get(..n).unwrap_or_default())) {
                        break;
                    }
                }
            }
        }
        queue.finish();
    }

    fn pace(&self, direction: Direction, link: &Link) {
        let (from, mut to, queue) = self.ends(direction);
        let delay_ns = link.profile.delay.as_nanos() as i64;
        let mut in_air: VecDeque<(Nanos, Bytes)> = VecDeque::new();
        let mut busy_until = Nanos(i64::MIN);
        loop {
            match self.next(direction, link, queue, &mut in_air, busy_until) {
                Next::Deliver(piece) => {
                    if to.write_all(&piece).is_err() {
                        // The receiver is gone. Its own direction ends by itself; this one has nowhere to go.
                        queue.discard();
                        let _closed = from.shutdown(Shutdown::Read);
                        return;
                    }
                    link.bytes[direction as usize].fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
                Next::Sent {
                    leaves,
                    trace_delay_ns,
                    piece,
                } => {
                    busy_until = leaves;
                    in_air.push_back((leaves.shifted(delay_ns + trace_delay_ns), piece));
                }
                Next::WaitForBytes => queue.wait_for_bytes(in_air.front().map(|(due, _)| *due)),
                Next::End => break,
            }
        }
        let _closed = to.shutdown(Shutdown::Write);
    }

    /// Waits for what this direction can do next: deliver what has arrived, or put a piece on the medium once its last
    /// one has left. Only then, so that the other direction gets its turn.
    fn next(
        &self,
        direction: Direction,
        link: &Link,
        queue: &Queue,
        in_air: &mut VecDeque<(Nanos, Bytes)>,
        busy_until: Nanos,
    ) -> Next {
        let mut air = link.air();
        loop {
            if self.aborted.load(Ordering::SeqCst) {
                return Next::End;
            }
            if air.outage == Some(Outage::Stall) {
                air = link.wait(air, None);
                continue;
            }
            let now = clock::now();
            let due = in_air.front().map(|(due, _)| *due);
            if due.is_some_and(|due| due <= now)
                && let Some((_, piece)) = in_air.pop_front()
            {
                return Next::Deliver(piece);
            }
            if busy_until > now {
                let until = due.map_or(busy_until, |due| due.min(busy_until));
                air = link.wait(air, Some(until));
                continue;
            }
            let medium = air.medium(direction);
            let Some(medium) = medium else {
                return Next::End;
            };
            let Some(most) = medium.piece_bytes(now) else {
                // An outage: until the trace goes on, somebody sets a rate, or what is in the air arrives.
                let back = medium.next_change(now);
                let until = [due, back].into_iter().flatten().min();
                air = link.wait(air, until);
                continue;
            };
            match queue.pop(most) {
                Front::Piece(piece, arrived) => {
                    let airtime = medium.reserve(arrived, now, piece.len());
                    // A trace that holds at 0 never sends it.
                    let leaves = airtime.map_or(Nanos(i64::MAX), |a| a.end);
                    return Next::Sent {
                        leaves,
                        trace_delay_ns: medium.delay_ns(leaves),
                        piece,
                    };
                }
                Front::End if in_air.is_empty() => return Next::End,
                Front::End => air = link.wait(air, due),
                Front::Empty => return Next::WaitForBytes,
            }
        }
    }
}
