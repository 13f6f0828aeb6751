//! Commands that a session has sent, and their answers: the same number again gets the same answer and does nothing.

use std::collections::{HashMap, VecDeque};

/// Numbers whose answers are kept.
const KEPT: usize = 256;

/// A command's outcome.
pub(super) type Answer = Result<(), String>;

/// What is known about a command's number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing: it is to be done.
    New,
    /// It is under way; its answer will be sent once more.
    UnderWay,
    /// It was answered so.
    Answered(Answer),
}

enum State {
    UnderWay { asked: u8 },
    Answered(Answer),
}

/// One session's commands of late.
#[derive(Default)]
pub(super) struct Answers {
    known: HashMap<u64, State>,
    order: VecDeque<u64>,
}

impl Answers {
    /// A command came in; from now on its number is known.
    pub(super) fn ask(&mut self, id: u64) -> Seen {
        match self.known.get_mut(&id) {
            Some(State::Answered(answer)) => Seen::Answered(answer.clone()),
            Some(State::UnderWay { asked }) => {
                *asked = asked.saturating_add(1);
                Seen::UnderWay
            }
            None => {
                self.forget_oldest();
                self.known.insert(id, State::UnderWay { asked: 1 });
                self.order.push_back(id);
                Seen::New
            }
        }
    }

    /// A command's answer is there; gives how often it was asked for meanwhile, and is to be sent.
    pub(super) fn answer(&mut self, id: u64, answer: &Answer) -> u8 {
        match self.known.insert(id, State::Answered(answer.clone())) {
            Some(State::UnderWay { asked }) => asked,
            Some(State::Answered(_)) | None => 0,
        }
    }

    /// Makes room for one more; commands under way are never forgotten (the session bounds their number).
    fn forget_oldest(&mut self) {
        if self.order.len() < KEPT {
            return;
        }
        let done = |id: &u64| matches!(self.known.get(id), Some(State::Answered(_)));
        if let Some(at) = self.order.iter().position(done)
            && let Some(id) = self.order.remove(at)
        {
            self.known.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_and_its_answer_goes_to_everyone_who_asked() {
        let mut answers = Answers::default();
        assert_eq!(answers.ask(7), Seen::New);
        assert_eq!(answers.ask(7), Seen::UnderWay);
        let no = Err("no".to_owned());
        assert_eq!(answers.answer(7, &no), 2);
        assert_eq!(answers.ask(7), Seen::Answered(no));
    }

    #[test]
    fn the_last_256_are_kept_and_none_under_way_is_forgotten() {
        let mut answers = Answers::default();
        answers.ask(0);
        for id in 1..=300 {
            assert_eq!(answers.ask(id), Seen::New);
            answers.answer(id, &Ok(()));
        }
        assert_eq!(answers.ask(0), Seen::UnderWay);
        assert_eq!(answers.ask(300), Seen::Answered(Ok(())));
        assert_eq!(answers.ask(60), Seen::Answered(Ok(())));
        assert_eq!(answers.ask(1), Seen::New);
    }
}
