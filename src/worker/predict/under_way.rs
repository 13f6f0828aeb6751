//! What is under way when a frame is admitted: the frames before it, and until when what is over kept the robot's lane
//! and the link. Pure.
//!
//! A frame of a pipeline waits for those before it, and how long depends on where they are by then: after a pause, a
//! frame that was given up or one that ran locally, the pipeline is not as full as it usually is.

use std::collections::VecDeque;

use crate::plan::Schedule;
use crate::simulate::Traffic;
use crate::units::{Epoch, FrameId, Nanos};

/// Frames remembered; no window allows more.
const MOST: usize = 64;

/// A frame that has not ended.
#[derive(Debug, Clone, Copy)]
struct Flying {
    frame: FrameId,
    way: Way,
    admitted: Nanos,
}

/// What a frame keeps busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// What a plan says; so long passes from its last byte's arrival at the server to its result.
    Planned {
        epoch: Epoch,
        tail_ns: i64,
        over_link: bool,
    },
    /// The robot's lane, for so long from its admission or from its being given up on.
    Robot { from: Nanos, ns: i64 },
}

impl Flying {
    const fn uses_link(&self) -> bool {
        matches!(
            self.way,
            Way::Planned {
                over_link: true,
                ..
            }
        )
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// The oldest first.
    flying: VecDeque<Flying>,
    link_until: Nanos,
    robot_until: Nanos,
}

impl UnderWay {
    /// What a frame that is admitted now under a plan finds, with itself at the end.
    pub(super) fn traffic(&mut self, epoch: Epoch, window: u16, now: Nanos) -> Traffic {
        self.forget(window, now);
        let planned = |f: &&Flying| matches!(f.way, Way::Planned { epoch: e, .. } if e == epoch);
        let before = self.flying.iter().filter(planned);
        let mut admitted: Vec<Nanos> = before.map(|f| f.admitted).collect();
        admitted.push(now);
        let robot_taken = self.robot_taken(admitted[0].min(now));
        Traffic {
            admitted,
            link_until: self.link_until,
            robot_taken,
        }
    }

    /// What a frame that is admitted now finds if it runs on the robot alone.
    pub(super) fn alone(&self, now: Nanos) -> Traffic {
        Traffic {
            admitted: vec![now],
            link_until: now,
            robot_taken: self.robot_taken(now),
        }
    }

    /// What keeps the robot's lane from `start` on besides planned frames.
    fn robot_taken(&self, start: Nanos) -> Vec<(Nanos, i64)> {
        let left = |from: Nanos, ns: i64| (from.max(start), ns - start.since(from).max(0));
        let taken = self.flying.iter().filter_map(|f| match f.way {
            Way::Robot { from, ns } => Some(left(from, ns)),
            Way::Planned { .. } => None,
        });
        let before = (start, self.robot_until.since(start));
        let taken = std::iter::once(before).chain(taken);
        taken.filter(|(_, ns)| *ns > 0).collect()
    }

    /// A window has no room for more than this many others: of the oldest the result is there, only its times are not.
    fn forget(&mut self, window: u16, now: Nanos) {
        while self.flying.len() >= usize::from(window).clamp(1, MOST) {
            let Some(over) = self.flying.pop_front() else {
                return;
            };
            if let Way::Planned { tail_ns, .. } = over.way {
                self.link_until = self.link_until.max(now.shifted(-tail_ns));
            }
        }
    }

    /// A frame began under a plan, and is expected to have its result so long after its last byte's arrival, if it has
    /// any.
    pub(super) fn planned(
        &mut self,
        frame: FrameId,
        schedule: &Schedule,
        tail_ns: i64,
        admitted: Nanos,
    ) {
        let way = Way::Planned {
            epoch: schedule.epoch,
            tail_ns,
            over_link: schedule.programs.len() > 1,
        };
        self.begin(frame, way, admitted);
    }

    /// Whether a frame that is admitted now, into a window so wide, takes the place of one whose times are not here yet.
    pub(super) fn lacks_times(&self, window: u16) -> bool {
        let is_full = self.flying.len() >= usize::from(window).clamp(1, MOST);
        is_full && self.flying.front().is_some_and(Flying::uses_link)
    }

    /// Whether values pass the link, or passed it of late, that nothing is known of yet.
    pub(super) fn uses_link(&self) -> bool {
        self.flying.iter().any(Flying::uses_link)
    }

    /// A frame began on the robot alone.
    pub(super) fn local(&mut self, frame: FrameId, ns: i64, admitted: Nanos) {
        let from = admitted;
        self.begin(frame, Way::Robot { from, ns }, admitted);
    }

    fn begin(&mut self, frame: FrameId, way: Way, admitted: Nanos) {
        if self.flying.len() == MOST {
            self.flying.pop_front();
        }
        self.flying.push_back(Flying {
            frame,
            way,
            admitted,
        });
    }

    /// A frame stops waiting for its servers: what is left of it takes the robot so long.
    pub(super) fn given_up(&mut self, frame: FrameId, ns: i64, now: Nanos) {
        // The next one's transfer begins by now at the earliest.
        self.link_until = self.link_until.max(now);
        if let Some(flying) = self.flying.iter_mut().find(|f| f.frame == frame) {
            flying.way = Way::Robot { from: now, ns };
        }
    }

    /// A frame is over. Until when it kept link and robot, as far as that is known.
    pub(super) fn ended(&mut self, frame: FrameId, link: Option<Nanos>, robot: Option<Nanos>) {
        self.flying.retain(|f| f.frame != frame);
        self.link_until = self.link_until.max(link.unwrap_or(self.link_until));
        self.robot_until = self.robot_until.max(robot.unwrap_or(self.robot_until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo;
    use crate::plan::{Plan, compile};

    const MS: i64 = 1_000_000;
    const EPOCH: Epoch = Epoch(2);

    fn at(ms: i64) -> Nanos {
        Nanos(ms * MS)
    }

    fn schedule() -> Schedule {
        let graph = zoo::build("mobilenet_v2", 1, 32, 32).unwrap();
        compile(&graph, &Plan::split(3), EPOCH).unwrap()
    }

    #[test]
    fn a_frame_finds_those_before_it_where_they_are() {
        let mut under_way = UnderWay::default();
        for (frame, ms) in [(1, 0), (2, 0), (3, 0)] {
            under_way.planned(FrameId(frame), &schedule(), 5 * MS, at(ms));
        }
        under_way.ended(FrameId(1), Some(at(100)), Some(at(40)));
        let traffic = under_way.traffic(EPOCH, 3, at(110));
        assert_eq!(traffic.admitted, [at(0), at(0), at(110)]);
        assert_eq!(traffic.link_until, at(100));
        assert_eq!(traffic.robot_taken, [(at(0), 40 * MS)]);
    }

    #[test]
    fn a_frame_whose_times_are_not_here_yet_is_over_when_the_window_says_so() {
        let mut under_way = UnderWay::default();
        for frame in 1..=3 {
            under_way.planned(FrameId(frame), &schedule(), 5 * MS, at(0));
        }
        let traffic = under_way.traffic(EPOCH, 3, at(110));
        assert_eq!(traffic.admitted, [at(0), at(0), at(110)]);
        assert_eq!(traffic.link_until, at(105));
    }

    #[test]
    fn what_was_given_up_on_takes_the_robot_and_no_link() {
        let mut under_way = UnderWay::default();
        under_way.planned(FrameId(1), &schedule(), 5 * MS, at(0));
        under_way.local(FrameId(2), 80 * MS, at(300));
        under_way.given_up(FrameId(1), 60 * MS, at(350));
        let traffic = under_way.traffic(EPOCH, 3, at(360));
        assert_eq!(traffic.admitted, [at(360)]);
        assert_eq!(traffic.link_until, at(350));
        let left = [(at(360), 50 * MS), (at(360), 20 * MS)];
        assert_eq!(traffic.robot_taken, left);
        under_way.ended(FrameId(1), None, None);
        under_way.ended(FrameId(2), None, Some(at(430)));
        let traffic = under_way.traffic(EPOCH, 3, at(440));
        assert!(traffic.robot_taken.is_empty(), "{traffic:?}");
    }
}
