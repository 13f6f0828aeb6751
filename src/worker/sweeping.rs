//! A sweep that a console began, as its robot knows it: which plan comes back at its end, or when that console is gone
//! and does not return, and which policy had the say. Pure state; sessions, records and the clock are its callers'.

use crate::plan::Plan;
use crate::policy::Spec;
use crate::units::Nanos;

/// How long after a refusal the robot asks itself for the plan again, in nanoseconds.
const AGAIN_AFTER_NS: i64 = 1_000_000_000;

#[derive(Debug, Clone, PartialEq)]
struct On {
    session: u64,
    name: String,
    restore: Plan,
    /// The policy that had the say before.
    policy: Option<Spec>,
    /// When the plan comes back; none while the console is there and at it.
    due: Option<Nanos>,
    /// The plan was asked for, and there is no answer yet.
    asked: bool,
    /// A refusal was told; its repetitions are not.
    told: bool,
}

/// At most one sweep is on. See the [module](self).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sweeping(Option<On>);

impl Sweeping {
    /// A session begins a sweep, or goes on with one after its connection was lost; `policy` has the say by now. A sweep
    /// that was not ended keeps the plan and the policy that it began with: what is in effect in its middle is nobody's
    /// choice.
    pub fn begin(&mut self, session: u64, name: &str, restore: Plan, policy: Option<Spec>) {
        let kept = self.0.take().map(|on| (on.restore, on.policy));
        let (restore, policy) = kept.unwrap_or((restore, policy));
        self.0 = Some(On {
            session,
            name: name.to_owned(),
            restore,
            policy,
            due: None,
            asked: false,
            told: false,
        });
    }

    /// A session ends its sweep: its plan is due. Gives that plan.
    ///
    /// # Errors
    /// A sentence: that session has no sweep on.
    pub fn end(&mut self, session: u64, now: Nanos) -> Result<&Plan, String> {
        let on = self.0.as_mut().ok_or("no sweep is on")?;
        if on.session != session {
            let name = &on.name;
            return Err(format!(
                "the sweep that is on is {name}'s, so there is nothing to end"
            ));
        }
        on.due = Some(now);
        Ok(&on.restore)
    }

    /// A session is gone, or gave control back. Gives the plan that comes back after `patience_ns`, if the session had
    /// a sweep on that it had not ended.
    pub fn gone(&mut self, session: u64, now: Nanos, patience_ns: i64) -> Option<&Plan> {
        let on = self.0.as_mut()?;
        if on.session != session || on.due.is_some() {
            return None;
        }
        on.due = Some(now.shifted(patience_ns));
        Some(&on.restore)
    }

    /// A session sets a plan: another one than the sweep's has decided what shall run, and nothing comes back.
    pub fn plan_set(&mut self, session: u64) {
        self.0.take_if(|on| on.session != session);
    }

    /// The plan to ask for now, once for each time that it is due; an answer follows with [`Sweeping::answered`].
    pub fn overdue(&mut self, now: Nanos) -> Option<Plan> {
        let on = self.0.as_mut()?;
        if on.asked || on.due.is_none_or(|due| now < due) {
            return None;
        }
        on.asked = true;
        Some(on.restore.clone())
    }

    /// The policy that gets the say again once the plan is back.
    pub fn policy(&self) -> Option<Spec> {
        self.0.as_ref().and_then(|on| on.policy)
    }

    /// The answer to the plan that was asked for. Gives a sentence for people, if there is something new to say.
    pub fn answered(&mut self, answer: &Result<(), String>, now: Nanos) -> Option<String> {
        let on = self.0.as_mut().filter(|on| on.asked)?;
        on.asked = false;
        let label = on.restore.label();
        match answer {
            // Meanwhile another session may have begun anew.
            Ok(()) if on.due.is_some() => {
                let policy = on
                    .policy
                    .map(|spec| format!(", and {spec} has the say again"));
                self.0 = None;
                let policy = policy.unwrap_or_default();
                Some(format!("the sweep is over, {label} comes back{policy}"))
            }
            Ok(()) => None,
            Err(reason) => {
                on.due = on.due.map(|_| now.shifted(AGAIN_AFTER_NS));
                let news = !std::mem::replace(&mut on.told, true);
                news.then(|| {
                    format!("{label} cannot come back after the sweep yet: {reason}; trying again")
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: u64 = 1;
    const BOB: u64 = 2;
    const SECOND: i64 = 1_000_000_000;

    fn begun() -> Sweeping {
        let mut sweeping = Sweeping::default();
        sweeping.begin(ANN, "ann@a", Plan::split(7), Some(Spec::AUTO));
        sweeping
    }

    #[test]
    fn nothing_comes_back_while_the_console_is_at_it() {
        let mut sweeping = begun();
        sweeping.plan_set(ANN);
        assert_eq!(sweeping.gone(BOB, Nanos(0), 0), None);
        assert_eq!(sweeping.overdue(Nanos(i64::MAX)), None);
    }

    #[test]
    fn a_console_that_does_not_return_in_time_leaves_the_plan_from_before() {
        let mut sweeping = begun();
        let plan = sweeping.gone(ANN, Nanos(SECOND), 10 * SECOND).cloned();
        assert_eq!(plan, Some(Plan::split(7)));
        assert_eq!(sweeping.overdue(Nanos(11 * SECOND - 1)), None);
        assert_eq!(
            sweeping.overdue(Nanos(11 * SECOND)),
            Some(Plan::split(7)),
            "asked for once"
        );
        assert_eq!(sweeping.overdue(Nanos(11 * SECOND)), None);
        assert!(sweeping.answered(&Ok(()), Nanos(0)).is_some());
        assert_eq!(sweeping, Sweeping::default());
    }

    #[test]
    fn one_that_returns_goes_on_and_keeps_the_plan_that_it_began_with() {
        let mut sweeping = begun();
        sweeping.gone(ANN, Nanos(0), SECOND);
        sweeping.begin(BOB, "ann@a", Plan::split(30), None);
        assert_eq!(sweeping.policy(), Some(Spec::AUTO));
        assert_eq!(sweeping.overdue(Nanos(9 * SECOND)), None);
        assert_eq!(sweeping.end(BOB, Nanos(0)), Ok(&Plan::split(7)));
    }

    #[test]
    fn another_consoles_plan_stays() {
        let mut sweeping = begun();
        sweeping.gone(ANN, Nanos(0), SECOND);
        sweeping.plan_set(BOB);
        assert_eq!(sweeping.overdue(Nanos(9 * SECOND)), None);
    }

    #[test]
    fn a_refused_plan_is_asked_for_again_and_told_once() {
        let mut sweeping = begun();
        sweeping.end(ANN, Nanos(0)).unwrap();
        let no = Err("split 7 needs the server: nobody answers".to_owned());
        assert!(sweeping.overdue(Nanos(0)).is_some());
        let told = sweeping.answered(&no, Nanos(0)).unwrap();
        assert!(told.contains("nobody answers; trying again"), "{told}");
        assert_eq!(sweeping.overdue(Nanos(SECOND - 1)), None);
        assert!(sweeping.overdue(Nanos(SECOND)).is_some());
        assert_eq!(sweeping.answered(&no, Nanos(SECOND)), None);
        assert!(sweeping.overdue(Nanos(2 * SECOND)).is_some());
        assert!(sweeping.answered(&Ok(()), Nanos(0)).is_some());
    }

    #[test]
    fn only_its_own_session_ends_a_sweep() {
        let mut sweeping = begun();
        let no = sweeping.end(BOB, Nanos(0)).unwrap_err();
        assert!(no.contains("ann@a's"), "{no}");
        assert!(Sweeping::default().end(BOB, Nanos(0)).is_err());
    }
}
