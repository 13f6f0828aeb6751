//! The control lease: who may change the plan. Pure state; sessions and records are its callers'.

use crate::wire::LeaseRecord;

/// What came of checking a console's proof of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProof {
    /// No token is set on this worker.
    NotNeeded,
    /// The console knows the token.
    Right,
    /// The console brought no proof.
    Missing,
    /// The proof is of another token, or of another connection.
    Wrong,
}

/// Why control was not given; the sentence goes to the console as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// A token is set and the console brought none.
    #[error("control of this worker needs its token; attach again with --token-file")]
    NoToken,
    /// A token is set and the console's is another one.
    #[error(
        "the token is not this worker's; attach again with --token-file and the worker's token"
    )]
    WrongToken,
    /// Another console holds the lease.
    #[error("{holder} controls this worker; take over by force, or ask them to release it")]
    Held {
        /// That console's name.
        holder: String,
    },
    /// The order needs the lease, and another console holds it.
    #[error("{holder} controls this {worker}; take control first")]
    HeldByOther {
        /// That console's name.
        holder: String,
        /// What is controlled, `robot` or `server`.
        worker: &'static str,
    },
    /// The order needs the lease, and nobody holds it.
    #[error("nobody controls this {worker}; take control first")]
    Free {
        /// What is controlled, `robot` or `server`.
        worker: &'static str,
    },
    /// A console gave back what another one holds.
    #[error("{holder} controls this worker, so there is nothing to give back")]
    NotYours {
        /// That console's name.
        holder: String,
    },
}

/// How the lease came to its new holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The console held it already.
    Already,
    /// It was free.
    Free,
    /// By force from the console of this name.
    From(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    session: u64,
    name: String,
}

/// At most one console holds control. A session that ends gives it up; a console that comes back takes it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lease {
    holder: Option<Holder>,
}

impl Lease {
    /// Gives the lease to a session if it is free, or held by another and `force` is set.
    ///
    /// # Errors
    /// The proof is not right (checked first, force or not), or another console holds the lease.
    pub fn take(
        &mut self,
        session: u64,
        name: &str,
        force: bool,
        proof: TokenProof,
    ) -> Result<Taken, LeaseError> {
        match proof {
            TokenProof::NotNeeded | TokenProof::Right => {}
            TokenProof::Missing => return Err(LeaseError::NoToken),
            TokenProof::Wrong => return Err(LeaseError::WrongToken),
        }
        let taken = match &self.holder {
            None => Taken::Free,
            Some(h) if h.session == session => Taken::Already,
            Some(h) if force => Taken::From(h.name.clone()),
            Some(h) => {
                return Err(LeaseError::Held {
                    holder: h.name.clone(),
                });
            }
        };
        self.holder = Some(Holder {
            session,
            name: name.to_owned(),
        });
        Ok(taken)
    }

    /// Gives the lease back; true if that changed anything (a free lease stays free).
    ///
    /// # Errors
    /// Another console holds it.
    pub fn release(&mut self, session: u64) -> Result<bool, LeaseError> {
        match &self.holder {
            Some(h) if h.session != session => Err(LeaseError::NotYours {
                holder: h.name.clone(),
            }),
            _ => Ok(self.holder.take().is_some()),
        }
    }

    /// A session ended; true if it held the lease, which is then free.
    pub fn gone(&mut self, session: u64) -> bool {
        self.release(session).unwrap_or(false)
    }

    /// Whether a session may command; `worker` is the word for what it commands.
    ///
    /// # Errors
    /// It does not hold the lease.
    pub fn check(&self, session: u64, worker: &'static str) -> Result<(), LeaseError> {
        match &self.holder {
            Some(h) if h.session == session => Ok(()),
            Some(h) => Err(LeaseError::HeldByOther {
                holder: h.name.clone(),
                worker,
            }),
            None => Err(LeaseError::Free { worker }),
        }
    }

    /// The lease as consoles are told.
    pub fn record(&self) -> LeaseRecord {
        LeaseRecord {
            session: self.holder.as_ref().map(|h| h.session),
            name: self.holder.as_ref().map(|h| h.name.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: u64 = 1;
    const BOB: u64 = 2;

    enum Do {
        Take(u64, bool, TokenProof),
        Release(u64),
        Gone(u64),
    }

    #[test]
    fn the_lease_has_one_holder_and_refusals_name_it() {
        use Do::{Gone, Release, Take};
        use TokenProof::{Missing, NotNeeded, Right, Wrong};
        let name = |s| if s == ANN { "ann@a" } else { "bob@b" };
        // Each row: what is done, in order; the last one's refusal, if any; who holds the lease then.
        let table: &[(&[Do], Option<&str>, Option<u64>)] = &[
            (&[Take(ANN, false, NotNeeded)], None, Some(ANN)),
            (&[Take(ANN, false, Right)], None, Some(ANN)),
            (
                &[Take(ANN, false, NotNeeded), Take(BOB, false, NotNeeded)],
                Some("ann@a controls this worker"),
                Some(ANN),
            ),
            (
                &[Take(ANN, false, NotNeeded), Take(BOB, true, NotNeeded)],
                None,
                Some(BOB),
            ),
            (
                &[Take(ANN, false, NotNeeded), Take(ANN, false, NotNeeded)],
                None,
                Some(ANN),
            ),
            (&[Take(ANN, false, Missing)], Some("needs its token"), None),
            (&[Take(ANN, true, Wrong)], Some("not this worker's"), None),
            (
                &[Take(ANN, false, Right), Take(BOB, true, Missing)],
                Some("needs its token"),
                Some(ANN),
            ),
            (
                &[Take(ANN, false, Right), Take(BOB, true, Wrong)],
                Some("not this worker's"),
                Some(ANN),
            ),
            (&[Take(ANN, false, NotNeeded), Release(ANN)], None, None),
            (
                &[Take(ANN, false, NotNeeded), Release(BOB)],
                Some("ann@a controls this worker"),
                Some(ANN),
            ),
            (&[Release(ANN)], None, None),
            (&[Take(ANN, false, NotNeeded), Gone(ANN)], None, None),
            (&[Take(ANN, false, NotNeeded), Gone(BOB)], None, Some(ANN)),
            (
                &[
                    Take(ANN, false, NotNeeded),
                    Take(BOB, true, NotNeeded),
                    Gone(ANN),
                ],
                None,
                Some(BOB),
            ),
        ];
        for (row, (steps, refusal, holder)) in table.iter().enumerate() {
            let mut lease = Lease::default();
            let mut last = None;
            for step in *steps {
                last = match *step {
                    Take(s, force, proof) => lease.take(s, name(s), force, proof).err(),
                    Release(s) => lease.release(s).err(),
                    Gone(s) => {
                        lease.gone(s);
                        None
                    }
                };
            }
            assert_eq!(lease.record().session, *holder, "row {row}");
            match (last, refusal) {
                (None, None) => {}
                (Some(e), Some(part)) => assert!(e.to_string().contains(part), "row {row}: {e}"),
                (got, wanted) => panic!("row {row}: {got:?}, but {wanted:?} was expected"),
            }
        }
    }

    #[test]
    fn only_the_holder_may_command_and_a_console_that_comes_back_must_take_again() {
        let mut lease = Lease::default();
        let refused = |l: &Lease, s| l.check(s, "robot").unwrap_err().to_string();
        assert_eq!(
            refused(&lease, ANN),
            "nobody controls this robot; take control first"
        );
        lease
            .take(ANN, "ann@a", false, TokenProof::NotNeeded)
            .unwrap();
        assert_eq!(lease.check(ANN, "robot"), Ok(()));
        assert_eq!(
            refused(&lease, BOB),
            "ann@a controls this robot; take control first"
        );
        assert!(lease.gone(ANN));
        let again = 3;
        assert!(lease.check(again, "robot").is_err());
    }

    #[test]
    fn a_forced_takeover_tells_from_whom() {
        let mut lease = Lease::default();
        lease.take(ANN, "ann@a", false, TokenProof::Right).unwrap();
        let taken = lease.take(BOB, "bob@b", true, TokenProof::Right);
        assert_eq!(taken, Ok(Taken::From("ann@a".to_owned())));
    }
}
