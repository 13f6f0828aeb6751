//! What the person proposes: a mode, and a cut where it has one. Pure arithmetic on plans.

use super::keymap::Move;
use crate::plan::{Cut, Mode, Plan};

/// A plan in the console's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposal {
    /// All on the robot.
    Local,
    /// The first `k` operators on the robot, the rest on the server.
    Split(u32),
    /// All on the server.
    Remote,
}

impl Proposal {
    /// A plan in these terms, if it has such.
    pub fn of(plan: &Plan) -> Option<Self> {
        match &plan.mode {
            Mode::Local => Some(Self::Local),
            Mode::Remote => Some(Self::Remote),
            Mode::Split { cuts, .. } => match cuts.as_slice() {
                [(Cut::Prefix(k), _)] => Some(Self::Split(*k)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The operators that stay on the robot, of `n`.
    pub const fn cut(self, n: u32) -> u32 {
        match self {
            Self::Local => n,
            Self::Split(k) => k,
            Self::Remote => 0,
        }
    }

    /// The cut moved; a move makes it a split.
    #[must_use]
    pub fn moved(self, step: Move, n: u32) -> Self {
        Self::Split(match step {
            Move::By(by) => self.cut(n).saturating_add_signed(by).min(n),
            Move::First => 0,
            Move::Last => n,
        })
    }

    /// The next mode: local, split at `at`, remote, local.
    #[must_use]
    pub const fn next_mode(self, at: u32) -> Self {
        match self {
            Self::Local => Self::Split(at),
            Self::Split(_) => Self::Remote,
            Self::Remote => Self::Local,
        }
    }

    /// The plan that this makes of the one in effect: window, codec and tiles stay.
    pub fn to_plan(self, effective: Option<&Plan>) -> Plan {
        let mut plan = match self {
            Self::Local => Plan::LOCAL,
            Self::Remote => Plan::REMOTE,
            Self::Split(k) => Plan::split(k),
        };
        if let Some(effective) = effective {
            plan.codec = effective.codec;
            if let (Mode::Split { tiles, .. }, Mode::Split { tiles: kept, .. }) =
                (&mut plan.mode, &effective.mode)
            {
                *tiles = *kept;
                plan.window = effective.window;
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_stay_in_the_graph_and_start_from_what_is_in_effect() {
        for (from, step, to) in [
            (Proposal::Local, Move::By(1), 54),
            (Proposal::Local, Move::By(-1), 53),
            (Proposal::Remote, Move::By(-1), 0),
            (Proposal::Remote, Move::By(1), 1),
            (Proposal::Split(28), Move::By(10), 38),
            (Proposal::Split(50), Move::By(10), 54),
            (Proposal::Split(3), Move::By(-10), 0),
            (Proposal::Split(3), Move::Last, 54),
            (Proposal::Split(3), Move::First, 0),
        ] {
            assert_eq!(
                from.moved(step, 54),
                Proposal::Split(to),
                "{from:?} {step:?}"
            );
        }
    }

    #[test]
    fn modes_cycle_and_a_split_returns_to_its_cut() {
        let local = Proposal::Local;
        let split = local.next_mode(28);
        assert_eq!(split, Proposal::Split(28));
        assert_eq!(split.next_mode(28), Proposal::Remote);
        assert_eq!(split.next_mode(28).next_mode(28), local);
    }

    #[test]
    fn a_pipeline_stays_a_pipeline_when_its_cut_moves() {
        let effective = Plan {
            window: 3,
            ..Plan::split(4)
        };
        let moved = Proposal::Split(5).to_plan(Some(&effective));
        assert_eq!((moved.window, moved.mode_name()), (3, "pipeline"));
        assert_eq!(Proposal::Local.to_plan(Some(&effective)), Plan::LOCAL);
    }
}
