//! Robot <-> server
