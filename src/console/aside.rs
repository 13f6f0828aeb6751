//! A thread beside the screen, which never waits for it: the screen asks, the thread works and brings things back. Who
//! leaves waits for what it has asked to be written, a second at most, and for nothing else.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

/// How long a leaving console waits for the disk to take the rest.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Something that the thread is asked for.
pub(super) trait Ask: Send + 'static {
    /// Whether it changes something that stays: then a leaving console waits for it.
    fn writes(&self) -> bool;
}

/// Why something was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Too much waits already.
    #[error("too much is under way; try again")]
    Busy,
    /// There is no thread any more.
    #[error("its thread has ended")]
    Ended,
}

/// The screen's end; the thread ends when this is dropped, after what it is at.
#[derive(Debug)]
pub(super) struct Aside<A, B> {
    asks: SyncSender<A>,
    backs: mpsc::Receiver<B>,
    debt: Arc<Debt>,
}

/// The thread's end: what is asked for.
#[derive(Debug)]
pub(super) struct Inbox<A> {
    asked: Receiver<A>,
    debt: Arc<Debt>,
    /// Whether what was taken last writes, and is not done before the next is taken.
    writing: bool,
}

/// The thread's end: what is brought back. Nobody may be there to hear it.
#[derive(Debug, Clone)]
pub(super) struct Bring<B>(mpsc::Sender<B>);

/// What was asked to be written and is not.
#[derive(Debug, Default)]
struct Debt {
    owed: Mutex<usize>,
    paid: Condvar,
    /// Nobody waits for what is only looked up.
    leaving: AtomicBool,
}

impl Debt {
    fn owed(&self) -> MutexGuard<'_, usize> {
        // A number is whole at any time.
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owe(&self) {
        *self.owed() += 1;
    }

    fn pay(&self) {
        let mut owed = self.owed();
        *owed = owed.saturating_sub(1);
        self.paid.notify_all();
    }
}

impl<A: Ask, B: Send + 'static> Aside<A, B> {
    /// Starts a thread that works until its inbox ends; so many asks may wait, and so many answers.
    ///
    /// # Errors
    /// No thread.
    pub(super) fn start(
        name: &str,
        (asks, answers): (usize, usize),
        work: impl FnOnce(&mut Inbox<A>, &Bring<B>) + Send + 'static,
    ) -> io::Result<Self> {
        let (asks, asked) = sync_channel(asks);
        let (bring, backs) = mpsc::channel(answers);
        let debt = Arc::new(Debt::default());
        let mut inbox = Inbox {
            asked,
            debt: Arc::clone(&debt),
            writing: false,
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&mut inbox, &Bring(bring)))?;
        Ok(Self { asks, backs, debt })
    }

    /// Asks for something. Never waits.
    ///
    /// # Errors
    /// It is not taken.
    pub(super) fn ask(&self, ask: A) -> Result<(), Refused> {
        let writes = ask.writes();
        if writes {
            self.debt.owe();
        }
        self.asks.try_send(ask).map_err(|error| {
            if writes {
                self.debt.pay();
            }
            match error {
                TrySendError::Full(_) => Refused::Busy,
                TrySendError::Disconnected(_) => Refused::Ended,
            }
        })
    }

    /// What it brings next.
    pub(super) async fn next(&mut self) -> Option<B> {
        self.backs.recv().await
    }

    /// Something that is there already.
    pub(super) fn ready(&mut self) -> Option<B> {
        self.backs.try_recv().ok()
    }

    /// Waits until everything is written that was asked to be, for a second at most; what was only to be looked up is
    /// left undone. False where time ran out.
    pub(super) fn finish(self) -> bool {
        let Self { asks, backs, debt } = self;
        debt.leaving.store(true, Ordering::Relaxed);
        // Whoever brings something now is told at once that nobody listens.
        drop((asks, backs));
        let waited = debt
            .paid
            .wait_timeout_while(debt.owed(), LAST_WRITE, |owed| *owed > 0);
        let (owed, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *owed == 0
    }
}

impl<A: Ask> Inbox<A> {
    /// The next ask, waited for; what was taken before it is done.
    pub(super) fn recv(&mut self) -> Result<A, RecvError> {
        loop {
            self.done();
            let ask = self.asked.recv()?;
            if let Some(ask) = self.wanted(ask) {
                return Ok(ask);
            }
        }
    }

    /// The same, waited for so long.
    pub(super) fn recv_timeout(&mut self, wait: Duration) -> Result<A, RecvTimeoutError> {
        self.done();
        let ask = self.asked.recv_timeout(wait)?;
        self.wanted(ask).ok_or(RecvTimeoutError::Timeout)
    }

    /// The same, not waited for.
    pub(super) fn try_recv(&mut self) -> Result<A, TryRecvError> {
        self.done();
        let ask = self.asked.try_recv()?;
        self.wanted(ask).ok_or(TryRecvError::Empty)
    }

    fn wanted(&mut self, ask: A) -> Option<A> {
        self.writing = ask.writes();
        let leaving = self.debt.leaving.load(Ordering::Relaxed);
        (self.writing || !leaving).then_some(ask)
    }

    fn done(&mut self) {
        if std::mem::take(&mut self.writing) {
            self.debt.pay();
        }
    }
}

impl<A> Drop for Inbox<A> {
    fn drop(&mut self) {
        // Nothing more will be done: nobody need wait for it.
        *self.debt.owed() = 0;
        self.debt.paid.notify_all();
    }
}

impl<B> Bring<B> {
    /// Brings something, once there is room for it; false where nobody is there any more.
    pub(super) fn bring(&self, back: B) -> bool {
        self.0.blocking_send(back).is_ok()
    }

    /// Brings something if there is room; false where there is none.
    pub(super) fn try_bring(&self, back: B) -> bool {
        self.0.try_send(back).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A number to be written down, or one to be looked up, which takes so long.
    enum Errand {
        Write(usize),
        LookUp(Duration),
    }

    impl Ask for Errand {
        fn writes(&self) -> bool {
            matches!(self, Self::Write(_))
        }
    }

    /// Adds up what is written, each after a moment; says every number it is at.
    fn adder(sum: &Arc<AtomicUsize>) -> Aside<Errand, usize> {
        let sum = Arc::clone(sum);
        Aside::start("adder", (16, 1), move |asked, bring| {
            while let Ok(errand) = asked.recv() {
                match errand {
                    Errand::Write(n) => {
                        std::thread::sleep(Duration::from_millis(10));
                        sum.fetch_add(n, Ordering::SeqCst);
                        bring.bring(n);
                    }
                    Errand::LookUp(takes) => std::thread::sleep(takes),
                }
            }
        })
        .unwrap()
    }

    #[test]
    fn who_leaves_has_everything_written_though_nobody_hears_the_answers() {
        let sum = Arc::default();
        let aside = adder(&sum);
        // The queue for answers has room for one.
        for _ in 0..10 {
            aside.ask(Errand::Write(1)).unwrap();
        }
        assert!(aside.finish());
        assert_eq!(sum.load(Ordering::SeqCst), 10);
    }

    #[test]
    fn who_leaves_waits_for_nothing_that_is_only_looked_up() {
        const LONG: Duration = Duration::from_mins(10);
        let sum = Arc::default();
        let aside = adder(&sum);
        for _ in 0..3 {
            aside.ask(Errand::LookUp(LONG)).unwrap();
        }
        assert!(aside.finish(), "nothing is owed");

        // What waits behind a write is left out, so that the write after it is not held up.
        let aside = adder(&sum);
        aside.ask(Errand::Write(1)).unwrap();
        aside.ask(Errand::LookUp(LONG)).unwrap();
        aside.ask(Errand::Write(2)).unwrap();
        assert!(aside.finish());
        assert_eq!(sum.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_disk_that_hangs_holds_nobody_up_for_long_and_a_thread_that_is_gone_not_at_all() {
        let hangs: Aside<Errand, ()> = Aside::start("hangs", (1, 1), |asked, _| {
            asked.recv().ok();
            std::thread::sleep(Duration::from_mins(10));
        })
        .unwrap();
        hangs.ask(Errand::Write(1)).unwrap();
        assert!(!hangs.finish());

        let gone: Aside<Errand, ()> = Aside::start("gone", (1, 1), |_, _| {}).unwrap();
        while gone.ask(Errand::Write(1)) != Err(Refused::Ended) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(gone.finish());
    }

    #[tokio::test]
    async fn what_is_brought_comes_in_order_and_a_full_queue_refuses() {
        let sum = Arc::default();
        let mut aside = adder(&sum);
        aside.ask(Errand::Write(1)).unwrap();
        aside.ask(Errand::Write(2)).unwrap();
        assert_eq!((aside.next().await, aside.next().await), (Some(1), Some(2)));
        assert_eq!(aside.ready(), None);
        let busy = (0..100).any(|_| aside.ask(Errand::Write(0)) == Err(Refused::Busy));
        assert!(busy);
        // What was refused is not owed.
        assert!(aside.finish());
    }
}
