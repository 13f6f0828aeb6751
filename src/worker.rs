//! The robot and server processes.
//!
//! [`runtime`] drives the [`Machine`](crate::plan::Machine) with a compute lane and a send lane per peer; [`robot`]
//! admits frames, switches plans and falls back when the link dies; [`server`] serves one robot at a time. Consoles
//! attach to either through [`endpoint`]. Nothing here knows a mode: a plan is a program per device.

pub mod classes;
pub mod endpoint;
pub mod fits;
pub mod input;
pub mod lease;
pub mod peer;
pub mod planning;
pub mod predict;
pub mod robot;
pub mod runtime;
pub mod sensors;
pub mod server;
pub mod sweeping;
pub mod switch;
pub mod telemetry;
