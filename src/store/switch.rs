//! The newest switch of plan, its stages put together.

use super::text::clean;
use crate::plan::Plan;
use crate::units::{Epoch, FrameId};
use crate::wire::{SwitchRecord, SwitchStage};

/// A switch of plan and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The command that asked for it.
    pub command: u64,
    /// The plan asked for.
    pub plan: Plan,
    /// The number it will have, once every device has prepared.
    pub prepared: Option<Epoch>,
    /// Its number and the first frame under it, once frames run under it.
    pub applied: Option<(Epoch, FrameId)>,
    /// Why it did not come about.
    pub refused: Option<String>,
}

impl Switch {
    /// Adds a stage; a stage of another command begins a new switch.
    pub fn take(known: &mut Option<Self>, record: SwitchRecord) {
        let switch = match known {
            Some(switch) if switch.command == record.command => switch,
            _ => known.insert(Self {
                command: record.command,
                plan: record.plan,
                prepared: None,
                applied: None,
                refused: None,
            }),
        };
        match record.stage {
            SwitchStage::Requested => {}
            SwitchStage::Prepared { epoch } => switch.prepared = Some(epoch),
            SwitchStage::Applied { epoch, frame } => switch.applied = Some((epoch, frame)),
            SwitchStage::Refused { reason } => switch.refused = Some(clean(&reason, 300)),
        }
    }

    /// Whether nothing more will come.
    pub const fn is_over(&self) -> bool {
        self.applied.is_some() || self.refused.is_some()
    }

    /// The stages reached, for people: `requested · prepared (epoch 8) · applied at frame 1032`.
    pub fn stages(&self) -> String {
        let mut stages = vec!["requested".to_owned()];
        if let Some(epoch) = self.prepared.or(self.applied.map(|(epoch, _)| epoch)) {
            stages.push(format!("prepared (epoch {epoch})"));
        }
        if let Some((_, frame)) = self.applied {
            stages.push(format!("applied at frame {frame}"));
        }
        if let Some(why) = &self.refused {
            stages.push(format!("refused: {why}"));
        }
        stages.join(" · ")
    }
}
