//! The panels that screens are put together from, one file each: `render(scene, area, buf)`.

pub(super) mod events;
pub(super) mod form;
pub(super) mod gantt;
pub(super) mod header;
pub(super) mod help;
pub(super) mod hints;
pub(super) mod host;
pub(super) mod latency;
pub(super) mod layers;
pub(super) mod limit;
pub(super) mod link;
pub(super) mod observer;
pub(super) mod outlook;
pub(super) mod palette;
pub(super) mod picker;
pub(super) mod plans;
pub(super) mod result;
pub(super) mod scrubber;
pub(super) mod status;
pub(super) mod syncs;
pub(super) mod targets;
pub(super) mod trend;
pub(super) mod watts;
