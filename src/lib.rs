//! splitscope: one DNN across a robot and a server, watched and switched from a terminal.
//!
//! ```text
//! clock units statistics   time, quantities, ids; quantiles and bootstrap intervals
//! sysfs                    the small files of /proc and /sys, read within bounds
//! power host               the robot's rails and their energy; load, clocks, temperatures, radio
//! model                    what is computed: operator graph, shapes, halos, weights, zoo
//! profile                  what a device and a link are like
//! plan                     where: programs per device, the machine that schedules them, one compiler per mode
//! simulate                 a schedule on a virtual clock: timeline, latency, energy
//! policy                   chooses a plan: one file per policy
//! wire                     messages console <-> worker and robot <-> server; no I/O
//! session                  recordings: MCAP files written, read, repaired, exported
//! engine                   performs Compute: libtorch (feature `torch`)
//! link                     moves values between workers; a shaper that makes a link of a given rate
//! worker                   the robot and server processes
//! sweep                    many plans on a running robot, measured so that they can be compared
//! store                    the observer's wing begins (no libtorch): what a console remembers of a worker
//! playback compare         time control and the state at any moment; two sessions side by side
//! console                  what a console shows and commands
//! store console            the observer's wing: what a console remembers and shows; no libtorch
//! report                   figures, tables and pages from sessions, sweeps and traces; no libtorch
//! cli                      one file per subcommand
//! ```
//!
//! A room imports only from rooms above it in this list (`ARCHITECTURE.md` has the whole picture).

pub mod cli;
pub mod clock;
pub mod compare;
pub mod console;
pub mod engine;
pub mod host;
pub mod link;
pub mod model;
pub mod plan;
pub mod playback;
pub mod policy;
pub mod power;
pub mod profile;
pub mod progress;
pub mod report;
pub mod session;
pub mod simulate;
pub mod statistics;
pub mod store;
pub mod sweep;
pub mod sysfs;
pub mod units;
pub mod wire;
pub mod worker;
