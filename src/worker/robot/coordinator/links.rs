//! What the links say: who came, who is ready, who reported, who is gone.

use std::sync::Arc;

use super::super::dialer::LinkEvent;
use super::super::servers::State;
use super::Coordinator;
use super::switches::send_program;
use crate::clock;
use crate::engine::{EMULATED_PREFIX, Engine};
use crate::units::{DeviceId, Epoch, FrameKey};
use crate::wire::data::Report;
use crate::wire::{Level, PeerState};
use crate::worker::robot::foresight::Tell;

impl<E: Engine> Coordinator<E> {
    pub(super) fn link_event(&mut self, device: DeviceId, event: LinkEvent) {
        match event {
            LinkEvent::Connecting => self.tell_peer(device, PeerState::Connecting),
            LinkEvent::Up(outbox) => {
                if let Some(remote) = self.servers.get_mut(device) {
                    remote.state = State::NotReady(outbox, "it is being greeted".to_owned());
                }
            }
            LinkEvent::Loading {
                what,
                done_bytes,
                total_bytes,
            } => {
                if let Some(remote) = self.servers.get_mut(device)
                    && let State::NotReady(_, state) = &mut remote.state
                {
                    state.clone_from(&what);
                }
                let state = PeerState::Loading {
                    what,
                    done_bytes,
                    total_bytes,
                };
                self.tell_peer(device, state);
            }
            LinkEvent::Ready { engine, costs } => {
                self.foresight.tell(Tell::Server(device, costs));
                self.server_ready(device, &engine);
            }
            LinkEvent::Prepared { epoch, result } => self.server_prepared(device, epoch, result),
            LinkEvent::Mesh {
                device: peer,
                result,
            } => self.servers.mesh(device, peer, result),
            LinkEvent::Report(report) => self.reported(device, *report),
            LinkEvent::Sounded(passage) => self.foresight.tell(Tell::Sounded(passage)),
            LinkEvent::Failed { key, reason } => self.server_failed(device, key, &reason),
            LinkEvent::Down {
                reason,
                retry_in_ms,
            } => self.link_down(device, reason, retry_in_ms),
        }
    }

    fn server_ready(&mut self, device: DeviceId, engine: &str) {
        let schedule = self.switch.effective().schedule.clone();
        let Some(remote) = self.servers.get_mut(device) else {
            return;
        };
        let State::NotReady(outbox, _) = &remote.state else {
            return;
        };
        let outbox = Arc::clone(outbox);
        send_program(&outbox, &schedule, device);
        remote.state = State::Ready(outbox, Vec::new());
        remote.emulated = engine.starts_with(EMULATED_PREFIX);
        remote.missed = false;
        let text = format!("the {device} at {} is ready ({engine})", remote.address);
        self.hub.event(Level::Info, text);
        self.tell_peer(device, PeerState::Ready);
    }

    fn server_prepared(&mut self, device: DeviceId, epoch: Epoch, result: Result<(), String>) {
        let is_effective = epoch == self.switch.effective().epoch();
        match &result {
            Ok(()) => self.servers.prepared(device, epoch),
            Err(why) if is_effective => self.hub.event(
                Level::Error,
                format!("the {device} cannot prepare the plan in effect: {why}"),
            ),
            Err(_) => {}
        }
        if let Some(ended) = self.switch.prepared(device, epoch, result) {
            self.switch_ended(ended);
        }
    }

    fn reported(&mut self, device: DeviceId, report: Report) {
        let Some(remote) = self.servers.get(device) else {
            return;
        };
        let offset = remote.link.offset();
        // The frame's own program: the plan in effect may be another by now.
        let program = self.frames.server_program(report.key, device);
        if let (Some(offset), Some(program)) = (offset, program) {
            for timing in &report.timings {
                if let Some(value) = program.received_value(timing.of) {
                    let at = offset.to_ours(timing.end);
                    remote.link.upload_ended(report.key, &value, at);
                }
            }
        }
        let record = self.frames.reported(device, report, offset);
        self.tell_frame(record);
    }

    fn server_failed(&mut self, device: DeviceId, key: FrameKey, reason: &str) {
        self.hub.event(
            Level::Error,
            format!("frame {} failed on the {device}: {reason}", key.frame),
        );
        self.finish_locally(key);
    }

    fn link_down(&mut self, device: DeviceId, reason: String, retry_in_ms: u64) {
        let Some(remote) = self.servers.get_mut(device) else {
            return;
        };
        let address = remote.address.clone();
        let is_told = std::mem::replace(&mut remote.missed, true);
        if remote.outbox().is_some() {
            let text = format!("lost the {device} at {address}: {reason}");
            self.hub.event(Level::Warning, text);
        } else if !is_told {
            // Once: the tries that follow come several times a second.
            let text = format!("the {device} at {address} is not there ({reason}); tried again");
            self.hub.event(Level::Warning, text);
        }
        self.servers.lost(device, format!("{address}: {reason}"));
        if let Some(ended) = self.switch.link_lost(device, &reason) {
            self.switch_ended(ended);
        }
        for record in self.frames.give_up(clock::now(), Some(device)) {
            self.tell_frame(Some(record));
        }
        for key in self.frames.on_server(device) {
            self.finish_locally(key);
        }
        let state = PeerState::Retrying {
            reason,
            in_ms: retry_in_ms,
        };
        self.tell_peer(device, state);
    }
}
