//! The data links of a robot: one series and one state per server, bounded.

use std::collections::BTreeMap;

use super::link::LinkSeries;
use super::text::clean;
use crate::progress::Progress;
use crate::units::{DeviceId, Nanos};
use crate::wire::{LinkSample, LinkState, PeerRecord, PeerState};

/// Servers remembered; samples and states of others are left out.
const MOST: usize = 8;

/// The links over time, by the server at their other end.
#[derive(Debug, Clone, Default)]
pub struct Links {
    series: BTreeMap<DeviceId, LinkSeries>,
    states: BTreeMap<DeviceId, LinkState>,
    since: Option<Nanos>,
}

impl Links {
    /// Adds a sample to its server's series; says whether it was added.
    pub fn push(&mut self, sample: LinkSample) -> bool {
        let known = self.series.contains_key(&sample.peer);
        if !known && self.series.len() == MOST {
            return false;
        }
        let series = self.series.entry(sample.peer).or_default();
        if let Some(since) = self.since.filter(|_| !known) {
            series.begin(since);
        }
        series.push(sample)
    }

    /// Frames run under another plan from this moment on: goodput is of that time alone.
    pub fn begin(&mut self, since: Nanos) {
        self.since = Some(since);
        self.series.values_mut().for_each(|s| s.begin(since));
    }

    /// Adds a sample that came late to a series that there is; says whether it was added.
    pub fn insert(&mut self, sample: LinkSample) -> bool {
        let series = self.series.get_mut(&sample.peer);
        series.is_some_and(|series| series.insert(sample))
    }

    /// Takes a link's state in; says whether it was taken.
    pub fn set_state(&mut self, state: LinkState) -> bool {
        let known = self.states.contains_key(&state.peer);
        if !known && self.states.len() == MOST {
            return false;
        }
        self.states.insert(state.peer, state);
        true
    }

    /// What kernel and estimate said last of the link to a server.
    pub fn state(&self, device: DeviceId) -> Option<&LinkState> {
        self.states.get(&device)
    }

    /// How many servers have a series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// A server's series.
    pub fn of(&self, device: DeviceId) -> Option<&LinkSeries> {
        self.series.get(&device)
    }

    /// The server at a place of the list, counted round and round, and its series.
    pub fn at(&self, place: usize) -> Option<(DeviceId, &LinkSeries)> {
        let place = place.checked_rem(self.len())?;
        let (&device, series) = self.series.iter().nth(place)?;
        Some((device, series))
    }
}

/// The other ends of a worker's data links.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    all: BTreeMap<DeviceId, PeerRecord>,
    loading: BTreeMap<DeviceId, Progress>,
}

impl Peers {
    /// How far a peer is that takes a model or weights in.
    pub fn loading(&self, device: DeviceId) -> Option<&Progress> {
        self.loading.get(&device)
    }

    /// What loads goes on from what was known of it; whatever else a peer does, it loads no more.
    fn load(&mut self, peer: &PeerRecord, now: Nanos) {
        let PeerState::Loading {
            done_bytes,
            total_bytes,
            ..
        } = &peer.state
        else {
            self.loading.remove(&peer.device);
            return;
        };
        let total = Some(*total_bytes);
        let known = self.loading.get(&peer.device);
        // Less than before is another value.
        let same = known.filter(|p| p.total() == total && p.done() <= *done_bytes);
        let progress = match same {
            Some(progress) => progress.reached(*done_bytes, now),
            None => Progress::begun(*done_bytes, total, now),
        };
        self.loading.insert(peer.device, progress);
    }

    /// Takes a state in that came then; says whether it changed anything.
    pub fn set(&mut self, peer: PeerRecord, now: Nanos) -> bool {
        let peer = cleaned(peer);
        let known = self.all.get(&peer.device);
        if known == Some(&peer) || known.is_none() && self.all.len() == MOST {
            return false;
        }
        self.load(&peer, now);
        self.all.insert(peer.device, peer);
        true
    }

    /// In the order of their devices.
    pub fn iter(&self) -> impl Iterator<Item = &PeerRecord> {
        self.all.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The highest server asked for, 0 where there is none.
    pub fn last_server(&self) -> u8 {
        let asked = self.iter().filter(|p| p.state != PeerState::None);
        asked.map(|p| p.device.0).max().unwrap_or(0)
    }
}

fn cleaned(peer: PeerRecord) -> PeerRecord {
    PeerRecord {
        device: peer.device,
        address: clean(&peer.address, 100),
        state: match peer.state {
            PeerState::Loading {
                what,
                done_bytes,
                total_bytes,
            } => PeerState::Loading {
                what: clean(&what, 100),
                done_bytes,
                total_bytes,
            },
            PeerState::Retrying { reason, in_ms } => PeerState::Retrying {
                reason: clean(&reason, 200),
                in_ms,
            },
            state => state,
        },
        clock: peer.clock,
        link: peer.link.map(|link| clean(&link, 100)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Flow;

    const fn sample(at: i64, peer: u8) -> LinkSample {
        LinkSample {
            at: Nanos(at),
            window_ns: 100,
            up: Flow {
                bytes: peer as u64,
                busy_ns: 1,
            },
            down: Flow {
                bytes: 0,
                busy_ns: 0,
            },
            rtt_ns: None,
            connected: true,
            peer: DeviceId(peer),
        }
    }

    #[test]
    fn samples_of_two_servers_at_one_time_are_both_kept_and_a_repeated_one_is_not() {
        let mut links = Links::default();
        assert!(links.push(sample(100, 1)));
        assert!(links.push(sample(100, 2)));
        assert!(!links.push(sample(100, 2)));
        let last = |place| {
            let (device, series) = links.at(place).unwrap();
            (device.0, series.last().unwrap().up.bytes)
        };
        assert_eq!([last(0), last(1), last(2)], [(1, 1), (2, 2), (1, 1)]);
    }

    #[test]
    fn a_peer_that_makes_servers_up_fills_no_memory() {
        let mut links = Links::default();
        let mut peers = Peers::default();
        for device in 0..=255 {
            links.push(sample(100, device));
            let peer = PeerRecord {
                device: DeviceId(device),
                address: String::new(),
                state: PeerState::Connecting,
                clock: None,
                link: None,
            };
            peers.set(peer, Nanos(0));
        }
        assert_eq!((links.len(), peers.len()), (MOST, MOST));
        assert!(Links::default().at(3).is_none());
    }

    #[test]
    fn weights_on_their_way_have_a_speed_and_a_time_left_until_the_peer_does_something_else() {
        let mut peers = Peers::default();
        let mut tell = |done_bytes, at, total_bytes| {
            let state = PeerState::Loading {
                what: "weights".to_owned(),
                done_bytes,
                total_bytes,
            };
            let peer = PeerRecord {
                device: DeviceId::SERVER,
                address: String::new(),
                state,
                clock: None,
                link: None,
            };
            peers.set(peer, Nanos(i64::from(at) * 1_000_000_000));
            peers.loading(DeviceId::SERVER).map(Progress::words)
        };
        assert_eq!(tell(0, 1, 1_000).as_deref(), Some("0 %"));
        assert_eq!(tell(400, 5, 1_000).as_deref(), Some("40 %, 6 s left"));
        // Another value begins anew.
        assert_eq!(tell(100, 6, 1_000).as_deref(), Some("10 %"));
        assert_eq!(tell(100, 7, 500).as_deref(), Some("20 %"));
        let ready = PeerRecord {
            device: DeviceId::SERVER,
            address: String::new(),
            state: PeerState::Ready,
            clock: None,
            link: None,
        };
        peers.set(ready, Nanos(8_000_000_000));
        assert_eq!(peers.loading(DeviceId::SERVER), None);
    }
}
