//! Figures (SVG, PNG), tables and pages from sweeps, sessions, link traces, predictions and lists of frames.
//!
//! ```text
//! file --read--> Evidence --figure::make--> Figure --draw--> SVG, PNG
//!                plain data, whatever the file     |  its numbers, caption, table; pure
//!                                                  +--> Table (markdown, csv)
//!                                                  +--> page: one HTML file with all of them
//! ```
//!
//! Nothing here knows engines, sockets or the terminal. What is emulated or predicted says so in the picture itself.

pub mod caption;
pub mod draw;
pub mod evidence;
pub mod figure;
pub mod page;
pub mod read;
pub mod table;
#[cfg(test)]
mod testing;
