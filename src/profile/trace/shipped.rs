//! The traces that come with the program, from `profiles/links/`.

use super::{Trace, TraceError};

macro_rules! links {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../profiles/links/", $name, ".csv")))),*]
    };
}

/// Names and files of the shipped traces: two of Wi-Fi, made by [`Model`](super::Model); constant Wi-Fi means; and
/// what data centres have, for predictions (the relay on one machine carries a few Gbps).
pub const SHIPPED: [(&str, &str); 7] = links![
    "indoors",
    "outdoors",
    "constant-93",
    "constant-73",
    "datacentre-40g",
    "datacentre-100g",
    "datacentre-400g",
];

/// A shipped trace by its name; none if there is no such name.
pub fn shipped(name: &str) -> Option<Result<Trace, TraceError>> {
    let (_, file) = SHIPPED.iter().find(|(n, _)| *n == name)?;
    Some(Trace::parse(file.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::trace::Model;

    #[test]
    fn every_shipped_trace_can_be_read_and_constants_are_what_they_say() {
        for (name, file) in SHIPPED {
            let trace = shipped(name).unwrap().unwrap();
            assert_eq!(trace.to_csv(), file, "{name}");
        }
        for (name, mbps) in [
            ("constant-93", 93.0),
            ("constant-73", 73.0),
            ("datacentre-40g", 40e3),
            ("datacentre-100g", 100e3),
            ("datacentre-400g", 400e3),
        ] {
            let made = Model::Constant(mbps).generate(1.0, 0).unwrap();
            assert_eq!(shipped(name).unwrap().unwrap(), made, "{name}");
        }
        assert!(shipped("moon").is_none());
    }
}
