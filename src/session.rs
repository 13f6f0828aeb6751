//! A session: one recorded stretch of an experiment, one MCAP file that any viewer opens.
//!
//! ```text
//! entry      what is recorded: the workers' own records, commands, markers, notices, gaps; raw values only
//! card       the catalogue card: what a list says of a session without reading it whole
//! writer     a file that grows at its end, whole chunks at a time
//! recorder   the thread that writes, so that no disk holds up the experiment
//! written    what a recording has written so far
//! opened     a file as it is found, whole or not
//! reader     the index at once, entries of any stretch in the order of time
//! remembered what is the same from session to session
//! repair     the index written anew
//! folder     where sessions lie and how they are called
//! snapshot   a stretch of one as a session of its own
//! export     tables (CSV, JSON lines, Parquet) and a timeline for Perfetto
//! container  MCAP itself
//! schema     a JSON Schema per channel
//! ranges     which numbers of a sequence were seen
//! ```
//!
//! This room knows no worker, no screen and no socket.

mod card;
mod container;
mod entry;
mod error;
pub mod export;
pub mod folder;
mod opened;
mod ranges;
mod reader;
mod recorder;
mod remembered;
mod repair;
mod schema;
mod snapshot;
mod watch;
mod writer;
mod written;

pub use card::{Card, CardMarker, CardWorker};
pub use entry::{
    Answer, Entry, FORMAT, Gap, Greeting, Left, Lost, Marker, Meta, Missed, Notice, Order, Start,
    Target, Told, What,
};
pub use error::SessionError;
pub use ranges::Ranges;
pub use reader::{Entries, Reader};
pub use recorder::{Recorder, Settings, State, Status};
pub use remembered::Remembered;
pub use repair::{Repaired, repair, repair_watched};
pub use snapshot::snapshot;
pub use watch::Watch;
pub use writer::Writer;
pub use written::Written;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
