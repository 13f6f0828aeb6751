//! What a session is, in a person's words: a form over the foot of the screen. It opens by itself once, when nobody has
//! said anything yet, and whenever it is asked for; what the system tells is filled in and says so.

use std::path::PathBuf;

use super::screens::sessions::Errand;
use super::{App, Effect, Key, Moment, Note, Screen, Turn};
use crate::host::HostRecord;
use crate::session::{Meta, State};
use crate::store::clean;

/// Characters of one answer.
const LONGEST: usize = 200;
/// The blanks in their order on the screen, by the names of [`Meta::fields`].
const ORDER: [&str; 9] = [
    "name",
    "place",
    "robot",
    "operator",
    "wifi_bssid",
    "wifi_channel",
    "battery",
    "weather",
    "notes",
];

/// Which session the form is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The one that is being recorded.
    Running,
    /// A file's.
    File(PathBuf),
}

/// Who says what stands in a blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody: it is empty.
    Nobody,
    /// A person, just now.
    Typed,
    /// A flag, an earlier session, or the file.
    Said,
    /// This worker's system.
    Read(String),
}

/// Something to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blank {
    /// By [`Meta::fields`].
    pub field: &'static str,
    /// What stands in it.
    pub text: String,
    /// Who says so.
    pub source: Source,
}

/// The form while it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    whose: Whose,
    blanks: Vec<Blank>,
    at: usize,
}

impl Form {
    fn new(whose: Whose, known: &Meta) -> Self {
        let blank = |field: &'static str| {
            let said = known.fields().into_iter().find(|f| f.0 == field);
            let text = said.and_then(|f| f.1).unwrap_or_default().to_owned();
            let source = match known.read_from(field) {
                _ if text.is_empty() => Source::Nobody,
                Some(who) => Source::Read(who.to_owned()),
                None => Source::Said,
            };
            Blank {
                field,
                text,
                source,
            }
        };
        Self {
            whose,
            blanks: ORDER.map(blank).into(),
            // The place, not the name, is what a year later is asked for first.
            at: 1,
        }
    }

    /// Which session it is about.
    pub const fn whose(&self) -> &Whose {
        &self.whose
    }

    /// What is to be filled in, in the order of the screen.
    pub fn blanks(&self) -> &[Blank] {
        &self.blanks
    }

    /// The blank that is typed into.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Everything as a session has it; an emptied blank is an empty text, which takes a field back.
    fn meta(&self) -> Meta {
        let mut meta = Meta::default();
        for (field, value) in meta.fields_mut() {
            let blank = self.blanks.iter().find(|b| b.field == field);
            *value = blank.map(|b| b.text.trim().to_owned());
        }
        let read = self.blanks.iter().filter_map(|b| match &b.source {
            Source::Read(who) => Some((b.field.to_owned(), who.clone())),
            Source::Nobody | Source::Typed | Source::Said => None,
        });
        meta.read_from = read.collect();
        meta
    }

    /// The same, as far as it holds for the next session too: what a system told today is not said of tomorrow.
    fn lasting(&self) -> Meta {
        let mut meta = self.meta();
        for (field, value) in meta.fields_mut() {
            let read = |b: &Blank| b.field == field && matches!(b.source, Source::Read(_));
            if self.blanks.iter().any(read) {
                *value = None;
            }
        }
        meta.read_from.clear();
        meta
    }

    fn turn(&mut self, by: usize) {
        self.at = (self.at + by) % self.blanks.len();
    }

    fn edit(&mut self, edit: impl FnOnce(&mut String)) {
        if let Some(blank) = self.blanks.get_mut(self.at) {
            edit(&mut blank.text);
            blank.source = Source::Typed;
        }
    }

    /// Fills in what a system tells, unless a person has said something there.
    fn read(&mut self, who: &str, host: &HostRecord) {
        for (field, text) in told(host) {
            let blank = self.blanks.iter_mut().find(|b| b.field == field);
            if let Some(blank) = blank
                && matches!(blank.source, Source::Nobody | Source::Read(_))
            {
                blank.text = text;
                blank.source = Source::Read(who.to_owned());
            }
        }
    }
}

/// What a machine tells of itself that belongs to a session's description.
fn told(host: &HostRecord) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if let Some(wifi) = host.wifi.iter().find(|w| w.bssid.is_some()) {
        let bssid = wifi.bssid.as_deref().unwrap_or_default();
        all.push(("wifi_bssid", clean(bssid, LONGEST)));
        if let Some(channel) = wifi.channel() {
            all.push(("wifi_channel", channel.to_string()));
        }
    }
    let battery = host.batteries.iter().find(|b| b.charge_percent.is_some());
    if let Some(battery) = battery {
        let percent = battery.charge_percent.unwrap_or_default();
        let status = battery.status.as_deref().unwrap_or_default().to_lowercase();
        let text = format!("{} {percent:.0} % {status}", battery.name);
        all.push(("battery", clean(text.trim_end(), LONGEST)));
    }
    all
}

impl App {
    /// The form, while it is open.
    pub const fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// Opens the form by itself, once: the recording runs, a worker is there, and nothing else is asked.
    pub(super) fn ask_if_due(&mut self, turn: &mut Turn) {
        let records = self.recording.as_ref();
        let due = self.ask
            && records.is_some_and(|r| r.state == State::Recording)
            && self
                .present_targets()
                .iter()
                .any(|t| t.store.worker().is_some());
        let busy = self.help
            || self.prompt.is_some()
            || self.palette.is_some()
            || self.picker.is_some()
            || self.take_over.is_some()
            || self.screens.shown == Screen::Sessions;
        if due && !busy {
            self.open_form(Whose::Running, &self.about.clone());
            turn.redraw(super::Redraw::Soon);
        }
    }

    pub(super) fn open_form(&mut self, whose: Whose, known: &Meta) {
        self.ask = false;
        self.form = Some(Form::new(whose, known));
        self.refill();
    }

    /// Opens it because a person asked: about what is on the screen.
    pub(super) fn describe(&mut self) {
        match (self.deck.recorded(), &self.recording) {
            (Some((file, meta)), _) => {
                let (file, meta) = (file.clone(), meta.clone());
                self.open_form(Whose::File(file), &meta);
            }
            (None, Some(_)) => self.open_form(Whose::Running, &self.about.clone()),
            (None, None) => {
                let why = "nothing is recorded: there is no session to describe";
                self.notice = Some(why.to_owned());
            }
        }
    }

    /// Lets the systems of the workers fill in what they tell, robots before servers.
    pub(super) fn refill(&mut self) {
        let Some(mut form) = self.form.take_if(|f| f.whose == Whose::Running) else {
            return;
        };
        let targets = self.present_targets().iter();
        let (robots, others): (Vec<_>, Vec<_>) = targets.partition(|t| t.is_robot());
        for target in others.into_iter().chain(robots) {
            if let Some(host) = target.store.power().host() {
                form.read(&target.name(), host);
            }
        }
        self.form = Some(form);
    }

    /// A key while the form is open; false if it is not for the form.
    pub(super) fn type_form(&mut self, key: Key, at: Moment, turn: &mut Turn) -> bool {
        let Some(form) = &mut self.form else {
            return false;
        };
        let last = form.blanks.len() - 1;
        match key {
            Key::Char(c) if !c.is_control() => form.edit(|text| {
                if text.chars().count() < LONGEST {
                    text.push(c);
                }
            }),
            Key::Backspace => form.edit(|text| {
                text.pop();
            }),
            Key::Down | Key::Tab => form.turn(1),
            Key::Up | Key::BackTab => form.turn(last),
            Key::Enter => self.keep_form(at, turn),
            Key::Esc => self.skip_form(turn),
            Key::Ctrl(_) => return false,
            _ => {}
        }
        true
    }

    fn keep_form(&mut self, at: Moment, turn: &mut Turn) {
        let Some(form) = self.form.take() else {
            return;
        };
        let said = Box::new(form.meta());
        let lasting = Box::new(form.lasting());
        match form.whose {
            Whose::File(file) => {
                turn.effects
                    .push(Effect::Errand(Errand::Describe(file, said)));
            }
            Whose::Running => {
                self.about = self.about.clone().with(&said);
                let about = Box::new(self.about.clone());
                turn.effects.push(Effect::Note(Note::About { about, at }));
                turn.effects.push(Effect::Errand(Errand::Remember(lasting)));
            }
        }
    }

    fn skip_form(&mut self, turn: &mut Turn) {
        if self.form.take().is_some_and(|f| f.whose == Whose::Running) {
            let nothing = Box::default();
            turn.effects.push(Effect::Errand(Errand::Remember(nothing)));
        }
    }
}

#[cfg(test)]
mod tests;
