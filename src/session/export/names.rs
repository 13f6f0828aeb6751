//! What operators and rails are called: hellos and models say it once, rows need it all the time.

use std::collections::BTreeMap;

use crate::session::entry::{Entry, What};
use crate::wire::{ModelRecord, Record};

/// What operators and rails are called, by target.
#[derive(Debug, Default)]
pub(super) struct Names {
    operators: BTreeMap<u16, Vec<String>>,
    rails: BTreeMap<(u16, String), Vec<String>>,
}

impl Names {
    /// Takes in what an entry says of names.
    pub(super) fn learn(&mut self, entry: &Entry) {
        match &entry.what {
            What::Hello(greeting) => {
                if let Some(model) = &greeting.hello.model {
                    self.model(greeting.target, model);
                }
            }
            What::Record(told) => match &told.record {
                Record::Model(model) => self.model(told.target, model),
                Record::PowerSources(sources) => {
                    for source in &sources.sources {
                        let rails = source.rails.iter().map(|r| r.name.clone()).collect();
                        self.rails.insert((told.target, source.name.clone()), rails);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn model(&mut self, target: u16, model: &ModelRecord) {
        let names = model.graph.nodes.iter().map(|n| n.name.clone());
        self.operators.insert(target, names.collect());
    }

    /// An operator's name; node 0 is the camera image.
    pub(super) fn operator(&self, target: u16, node: u32) -> Option<&str> {
        let names = self.operators.get(&target)?;
        let place = (node as usize).checked_sub(1)?;
        names.get(place).map(String::as_str)
    }

    /// A rail's name.
    pub(super) fn rail(&self, target: u16, source: &str, rail: u8) -> Option<&str> {
        let names = self.rails.get(&(target, source.to_owned()))?;
        names.get(usize::from(rail)).map(String::as_str)
    }
}
