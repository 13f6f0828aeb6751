//! What the robot knows of its link: the server's clock and the goodput both ways.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{Offset, OffsetEstimator, RoundTrip};
use crate::link::kernel::KernelTcp;
use crate::link::{Estimate, Estimator, Goodput, Meter, Passage, Sounder};
use crate::plan::Value;
use crate::units::{DeviceId, FrameKey, Nanos};
use crate::wire::data::Progress;
use crate::wire::{Flow, KernelLink, LinkSample, LinkState, RateEstimate};

/// Length of a link sample.
pub const WINDOW_NS: i64 = 100_000_000;
/// How late a window is closed, so that what the server reports of it can come in.
const LAG_NS: i64 = 300_000_000;

/// A transfer to the server that the meter follows.
#[derive(Debug)]
struct Upload {
    id: u64,
    key: FrameKey,
    value: Value,
    /// Bytes of values sent over the connection before it.
    base: u64,
    bytes: u64,
}

#[derive(Debug)]
struct State {
    peer: DeviceId,
    clock: OffsetEstimator,
    rtt_ns: Option<i64>,
    /// When the newest ping that was answered had been sent.
    answered: Option<Nanos>,
    up: Meter,
    down: Meter,
    up_estimator: Estimator,
    down_estimator: Estimator,
    uploads: VecDeque<Upload>,
    next_id: u64,
    sent_bytes: u64,
    connected: bool,
    sounder: Sounder,
    /// The sounding that was handed to the socket: its number, its first byte, its length.
    sounding: Option<(u64, Nanos, u64)>,
    /// The server would answer a sounding.
    may_sound: bool,
    window_end: Nanos,
    /// The connection, to ask the kernel about.
    socket: Option<TcpStream>,
}

/// Shared by the robot's link threads and its coordinator; every method is short.
#[derive(Debug)]
pub struct PeerLink {
    state: Mutex<State>,
    /// What goes up, for who packs values.
    goodput: Arc<Goodput>,
}

impl PeerLink {
    /// A link to `peer` that is not there yet; the first window begins at `now`.
    pub fn new(peer: DeviceId, now: Nanos) -> Self {
        let state = State {
            peer,
            clock: OffsetEstimator::default(),
            rtt_ns: None,
            answered: None,
            up: Meter::default(),
            down: Meter::default(),
            up_estimator: Estimator::default(),
            down_estimator: Estimator::default(),
            uploads: VecDeque::new(),
            next_id: 0,
            sent_bytes: 0,
            connected: false,
            sounder: Sounder::default(),
            sounding: None,
            may_sound: false,
            window_end: now,
            socket: None,
        };
        Self {
            state: Mutex::new(state),
            goodput: Arc::default(),
        }
    }

    /// What the link carries up, kept up to date.
    pub fn goodput(&self) -> Arc<Goodput> {
        Arc::clone(&self.goodput)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection stands; its byte counts begin at 0 and its peer's clock is not known. The kernel is asked about
    /// `socket`.
    pub fn connected(&self, socket: Option<TcpStream>) {
        let mut s = self.lock();
        s.socket = socket;
        s.clock = OffsetEstimator::default();
        s.uploads.clear();
        s.sent_bytes = 0;
        s.connected = true;
        s.sounder.reconnected();
        s.sounding = None;
        s.may_sound = false;
    }

    /// The connection is gone.
    pub fn lost(&self) {
        let mut s = self.lock();
        s.up.abort();
        s.down.abort();
        s.uploads.clear();
        s.rtt_ns = None;
        s.connected = false;
        s.socket = None;
    }

    /// A heartbeat came back.
    pub fn heartbeat(&self, trip: RoundTrip) {
        let mut s = self.lock();
        s.clock.add(trip);
        s.answered = Some(trip.sent);
        s.rtt_ns = Some(trip.rtt_ns());
    }

    /// When the newest ping that was answered had been sent.
    pub fn answered_ping(&self) -> Option<Nanos> {
        self.lock().answered
    }

    /// Only `sent` of a value's `total` bytes went out.
    pub fn upload_given_up(&self, total: u64, sent: u64) {
        let mut s = self.lock();
        s.sent_bytes = s.sent_bytes.saturating_sub(total.saturating_sub(sent));
    }

    /// The server's clock against ours.
    pub fn offset(&self) -> Option<Offset> {
        self.lock().clock.estimate()
    }

    /// One way over the link without anything else on it, in nanoseconds: half the connection's shortest round trip.
    pub fn latency_ns(&self) -> Option<i64> {
        self.lock().clock.least_rtt_ns().map(|ns| ns / 2)
    }

    /// A value's first byte is handed to the socket.
    pub fn upload_began(&self, key: FrameKey, value: Value, bytes: u64, at: Nanos) {
        let mut s = self.lock();
        s.next_id += 1;
        let (id, base) = (s.next_id, s.sent_bytes);
        s.sent_bytes += bytes;
        s.up.begin(id, at);
        s.sounder.value(at);
        s.uploads.push_back(Upload {
            id,
            key,
            value,
            base,
            bytes,
        });
    }

    /// The server says how much has come.
    pub fn upload_progress(&self, progress: Progress) {
        let mut s = self.lock();
        let Some(offset) = s.clock.estimate() else {
            return;
        };
        let at = offset.to_ours(progress.at);
        let received = progress.received_bytes;
        let under_way = s
            .uploads
            .iter()
            .find(|u| (u.base..u.base + u.bytes).contains(&received))
            .map(|u| (u.id, received - u.base));
        if let Some((id, bytes)) = under_way {
            s.up.progress(id, at, bytes);
        }
    }

    /// The server had a value's last byte at `at`, on our clock.
    pub fn upload_ended(&self, key: FrameKey, value: &Value, at: Nanos) {
        let mut s = self.lock();
        let found = s
            .uploads
            .iter()
            .position(|u| u.key == key && u.value == *value);
        if let Some(upload) = found.and_then(|i| s.uploads.remove(i)) {
            s.up.end(upload.id, at, upload.bytes);
            s.sounder.value(at);
        }
    }

    /// A frame's transfers are of no interest any more. Gives those that were under way, with what had come.
    pub fn uploads_abandoned(&self, key: FrameKey, at: Nanos) -> Vec<Passage> {
        let mut s = self.lock();
        let mut abandoned = Vec::new();
        while let Some(i) = s.uploads.iter().position(|u| u.key == key) {
            if let Some(upload) = s.uploads.remove(i) {
                let so_far = s.up.so_far(upload.id);
                abandoned.extend(so_far.map(|(start, bytes)| Passage {
                    start,
                    end: at,
                    bytes,
                }));
                s.up.end(upload.id, at, 0);
            }
        }
        abandoned
    }

    /// The server says whether it would answer a sounding.
    pub fn may_sound(&self, may: bool) {
        self.lock().may_sound = may;
    }

    /// Number and length in bytes of the sounding that is due, if one is: nothing goes up, nothing did for a while.
    pub fn sounding_due(&self, now: Nanos) -> Option<(u64, usize)> {
        let mut s = self.lock();
        let may =
            s.connected && s.may_sound && s.uploads.is_empty() && s.clock.estimate().is_some();
        may.then(|| s.sounder.due(now)).flatten()
    }

    /// A sounding's first byte is handed to the socket.
    pub fn sounding_began(&self, id: u64, bytes: u64, at: Nanos) {
        let mut s = self.lock();
        s.sounding = Some((id, at, bytes));
        s.sounder.began(id, at);
    }

    /// The server had a sounding's last byte at `received`, on its clock. Gives its way over the link, on ours.
    pub fn sounded(&self, id: u64, received: Nanos) -> Option<Passage> {
        let mut s = self.lock();
        let (_, start, bytes) = s.sounding.take_if(|(sent, ..)| *sent == id)?;
        let passage = Passage {
            start,
            end: s.clock.estimate()?.to_ours(received),
            bytes,
        };
        s.sounder.came(id, &passage).then_some(passage)
    }

    /// What a sounding says that should have come long ago; nothing while something else goes up.
    pub fn sounding_overdue(&self, now: Nanos) -> Option<Passage> {
        let mut s = self.lock();
        let is_shared = !s.uploads.is_empty();
        s.sounder.overdue(now, is_shared)
    }

    /// A part of a value from the server is here. `began` is on the server's clock; `id` names the transfer.
    pub fn download(&self, id: u64, began: Nanos, at: Nanos, bytes: u64, total: u64) {
        let mut s = self.lock();
        let Some(offset) = s.clock.estimate() else {
            return;
        };
        let began = offset.to_ours(began);
        s.down.begin_once(id, if began < at { began } else { at });
        if bytes < total {
            s.down.progress(id, at, bytes);
        } else {
            s.down.end(id, at, bytes);
        }
    }

    /// What a policy may believe of the link up and down, from the windows that were closed; none before any traffic.
    pub fn estimates(&self, now: Nanos) -> [Option<Estimate>; 2] {
        let s = self.lock();
        [&s.up_estimator, &s.down_estimator].map(|e| e.estimate(now))
    }

    /// The link beyond its goodput, with what waits for its send lane.
    pub fn state(&self, now: Nanos, values_waiting: usize, control_waiting: usize) -> LinkState {
        let s = self.lock();
        let told = |e: &Estimator| {
            let estimate = e.estimate(now)?;
            Some(RateEstimate {
                bps: estimate.bps(),
                std_bps: (estimate.std_mbps * 1e6) as u64,
                age_ns: estimate.age_ns,
            })
        };
        let kernel = s.socket.as_ref().and_then(KernelTcp::of);
        LinkState {
            at: now,
            peer: s.peer,
            kernel: kernel.map(|k| KernelLink {
                rtt_us: k.rtt_us,
                rtt_deviation_us: k.rtt_deviation_us,
                retransmits: k.retransmits,
                delivery_bps: k.delivery.map(|rate| rate.0 as u64),
                is_app_limited: k.is_app_limited,
                unsent_bytes: k.unsent.map(|b| b.0),
            }),
            values_waiting: values_waiting.min(u32::MAX as usize) as u32,
            control_waiting: control_waiting.min(u32::MAX as usize) as u32,
            up: told(&s.up_estimator),
            down: told(&s.down_estimator),
            soundings: Some(s.sounder.cost()).filter(|cost| cost.count > 0),
        }
    }

    /// The windows that can be closed by now.
    pub fn samples(&self, now: Nanos) -> Vec<LinkSample> {
        let mut s = self.lock();
        let mut samples = Vec::new();
        while now.since(s.window_end) >= LAG_NS + WINDOW_NS {
            let from = s.window_end;
            let at = from.shifted(WINDOW_NS);
            s.window_end = at;
            let (up, down): (Flow, Flow) = (s.up.window(from, at), s.down.window(from, at));
            s.up_estimator.add(at, up);
            s.down_estimator.add(at, down);
            samples.push(LinkSample {
                at,
                window_ns: WINDOW_NS,
                up,
                down,
                rtt_ns: s.rtt_ns,
                connected: s.connected,
                peer: s.peer,
            });
        }
        let up = s.up_estimator.estimate(now);
        self.goodput.set(up.map(|e| e.bps()));
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn closed_windows_become_an_estimate_of_the_direction_that_was_used() {
        let link = PeerLink::new(DeviceId::SERVER, Nanos(0));
        link.connected(None);
        link.heartbeat(RoundTrip {
            sent: Nanos(0),
            peer_received: Nanos(MS),
            peer_sent: Nanos(MS),
            received: Nanos(2 * MS),
        });
        // 1.25 MB in 100 ms are 100 Mbps.
        for i in 0..5 {
            let began = Nanos((10 + 100 * i) * MS);
            let id = i as u64 + 1;
            link.download(id, began, began.shifted(100 * MS), 1_250_000, 1_250_000);
        }
        assert_eq!(link.estimates(Nanos(0)), [None, None]);
        let now = Nanos(2000 * MS);
        link.samples(now);
        let [up, down] = link.estimates(now);
        let down = down.unwrap();
        assert!(up.is_none() && (down.mbps - 100.0).abs() < 1.0, "{down:?}");
        assert!(down.age_ns > 1000 * MS && !down.is_stale(), "{down:?}");
    }

    #[test]
    fn the_link_is_not_sounded_while_the_server_says_that_a_probe_fills_it() {
        let link = PeerLink::new(DeviceId::SERVER, Nanos(0));
        link.connected(None);
        let heartbeat = |may_sound| {
            link.heartbeat(RoundTrip {
                sent: Nanos(0),
                peer_received: Nanos(MS),
                peer_sent: Nanos(MS),
                received: Nanos(2 * MS),
            });
            link.may_sound(may_sound);
        };
        assert_eq!(link.sounding_due(Nanos(0)), None, "nobody answered yet");
        heartbeat(false);
        for ms in 0..2_000 {
            assert_eq!(link.sounding_due(Nanos(ms * MS)), None);
        }
        heartbeat(true);
        assert!(link.sounding_due(Nanos(2_000 * MS)).is_some());
        // A new connection's server has not said anything.
        link.connected(None);
        assert_eq!(link.sounding_due(Nanos(9_000 * MS)), None);
    }
}
