//! A latency's parts as figures and tables have them.

use serde::Serialize;

/// Means of a latency's five parts in milliseconds; they sum to the mean latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PartsMs {
    /// The robot computed.
    pub robot: f64,
    /// A transfer to the server, and nobody computed.
    pub uplink: f64,
    /// The server computed while the robot did not.
    pub server: f64,
    /// A transfer to the robot, and nothing of the above.
    pub downlink: f64,
    /// None of these.
    pub wait: f64,
}

impl PartsMs {
    /// Their names, in the order of [`Self::values`].
    pub const NAMES: [&str; 5] = ["robot", "uplink", "server", "downlink", "wait"];

    /// From below to above in a stack.
    pub const fn values(self) -> [f64; 5] {
        [
            self.robot,
            self.uplink,
            self.server,
            self.downlink,
            self.wait,
        ]
    }

    /// From values in the order of [`Self::NAMES`].
    pub const fn of([robot, uplink, server, downlink, wait]: [f64; 5]) -> Self {
        Self {
            robot,
            uplink,
            server,
            downlink,
            wait,
        }
    }

    /// The mean latency.
    pub fn sum(self) -> f64 {
        self.values().iter().sum()
    }
}
