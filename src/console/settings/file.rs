//! The configuration file: TOML, read within a bound; what is no setting is an error with its line.
//!
//! ```toml
//! theme = "daylight"        # dark, daylight, colour-blind, mono
//! ascii = "auto"            # auto, yes, no
//! mouse = true
//! ssh = "auto"              # fewer pictures: auto, yes, no
//! prompt = true             # ask once what the session is
//!
//! [keys.live]
//! cut-earlier = ["h", "left"]
//! ```

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Auto;
use crate::console::app::{Key, Keymap, Scope};
use crate::console::view::Palette;

/// The longest file that is read.
const LONGEST_BYTES: u64 = 256 << 10;

/// What a file chooses, with the lines where it does.
#[derive(Debug, Clone, Default)]
pub struct File {
    pub(super) theme: Option<(Palette, usize)>,
    pub(super) ascii: Option<(Auto, usize)>,
    pub(super) mouse: Option<(bool, usize)>,
    pub(super) ssh: Option<(Auto, usize)>,
    pub(super) prompt: Option<(bool, usize)>,
    pub(super) keymap: Keymap,
    pub(super) rebound: Vec<(Scope, String, usize)>,
}

/// Something in a file that is no setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Fault {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// A configuration file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has faults, all of which are told.
    #[error("{}", faulty(path, faults))]
    Faulty {
        /// The file.
        path: PathBuf,
        /// In the order of their lines.
        faults: Vec<Fault>,
    },
}

fn faulty(path: &Path, faults: &[Fault]) -> String {
    let rows = faults
        .iter()
        .map(|f| format!("{}:{}: {}", path.display(), f.line, f.what));
    rows.collect::<Vec<_>>().join("\n")
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is too long, or has something in it that is no setting.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Read {
            path: path.to_owned(),
            source,
        };
        let file = fs::File::open(path).map_err(failed)?;
        let mut text = String::new();
        file.take(LONGEST_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        if text.len() as u64 > LONGEST_BYTES {
            let long = format!("longer than {LONGEST_BYTES} bytes");
            return Err(failed(io::Error::other(long)));
        }
        text.parse().map_err(|Faults(faults)| FileError::Faulty {
            path: path.to_owned(),
            faults,
        })
    }
}

/// All faults of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl FromStr for File {
    type Err = Faults;

    fn from_str(text: &str) -> Result<Self, Faults> {
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            Faults(vec![Fault {
                line: line(text, at),
                what: error.message().to_owned(),
            }])
        })?;
        let mut reader = Reader {
            text,
            file: Self::default(),
            faults: Vec::new(),
        };
        reader.top(table.get_ref());
        reader.conflicts();
        reader.faults.sort_by_key(|fault| fault.line);
        if reader.faults.is_empty() {
            Ok(reader.file)
        } else {
            Err(Faults(reader.faults))
        }
    }
}

fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before.filter(|byte| **byte == b'\n').count() + 1
}

struct Reader<'a> {
    text: &'a str,
    file: File,
    faults: Vec<Fault>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn fault(&mut self, at: usize, what: impl Into<String>) {
        let line = line(self.text, at);
        self.faults.push(Fault {
            line,
            what: what.into(),
        });
    }

    fn top(&mut self, table: &DeTable) {
        for (name, value) in table {
            let at = name.span().start;
            match name.get_ref().as_ref() {
                "theme" => self.file.theme = self.word(value),
                "ascii" => self.file.ascii = self.word(value),
                "ssh" => self.file.ssh = self.word(value),
                "mouse" => self.file.mouse = self.yes_or_no("mouse", value),
                "prompt" => self.file.prompt = self.yes_or_no("prompt", value),
                "keys" => match value.get_ref().as_table() {
                    Some(scopes) => self.scopes(scopes),
                    None => self.fault(at, "keys is a table per screen, like [keys.live]"),
                },
                other => {
                    let what = format!(
                        "{other:?} is no setting; there are theme, ascii, mouse, ssh, prompt and keys"
                    );
                    self.fault(at, what);
                }
            }
        }
    }

    fn yes_or_no(&mut self, name: &str, value: &Value) -> Option<(bool, usize)> {
        let at = value.span().start;
        match value.get_ref().as_bool() {
            Some(yes) => Some((yes, line(self.text, at))),
            None => {
                self.fault(at, format!("{name} is true or false"));
                None
            }
        }
    }

    fn word<T: FromStr<Err: fmt::Display>>(&mut self, value: &Value) -> Option<(T, usize)> {
        let at = value.span().start;
        let Some(word) = value.get_ref().as_str() else {
            self.fault(
                at,
                format!("expected a word, not {}", value.get_ref().type_str()),
            );
            return None;
        };
        match word.parse() {
            Ok(value) => Some((value, line(self.text, at))),
            Err(error) => {
                self.fault(at, error.to_string());
                None
            }
        }
    }

    fn scopes(&mut self, scopes: &DeTable) {
        for (name, value) in scopes {
            let at = name.span().start;
            let known = Scope::ALL.into_iter().find(|s| s.name() == name.get_ref());
            match (known, value.get_ref().as_table()) {
                (Some(scope), Some(actions)) => self.actions(scope, actions),
                (None, _) => {
                    let all = Scope::ALL.map(Scope::name).join(", ");
                    let what = format!("{:?} is no table of keys; there are {all}", name.get_ref());
                    self.fault(at, what);
                }
                (Some(_), None) => self.fault(at, "expected a table of actions and keys"),
            }
        }
    }

    fn actions(&mut self, scope: Scope, actions: &DeTable) {
        for (name, value) in actions {
            let at = name.span().start;
            let keys = self.keys(value);
            if !self.file.keymap.rebind(scope, name.get_ref(), keys) {
                let what = format!(
                    "{:?} is no action in [keys.{}]",
                    name.get_ref(),
                    scope.name()
                );
                self.fault(at, what);
                continue;
            }
            let line = line(self.text, at);
            let name = name.get_ref().to_string();
            if name == "quit"
                && self
                    .file
                    .keymap
                    .of(scope)
                    .any(|b| b.entry.name == "quit" && b.keys.is_empty())
            {
                self.fault(at, "quit needs a key");
            }
            self.file.rebound.push((scope, name, line));
        }
    }

    fn keys(&mut self, value: &Value) -> Vec<Key> {
        let at = value.span().start;
        let mut keys = Vec::new();
        let one;
        let all: &[Value] = match value.get_ref() {
            DeValue::Array(array) => array,
            DeValue::String(_) => {
                one = value.clone();
                std::slice::from_ref(&one)
            }
            _ => {
                self.fault(
                    at,
                    "expected a key or a list of keys, like [\"h\", \"left\"]",
                );
                &[]
            }
        };
        for value in all {
            if let Some((key, _)) = self.word::<Key>(value) {
                keys.push(key);
            }
        }
        keys
    }

    /// A key that two actions of a scope want, where this file is to blame.
    fn conflicts(&mut self) {
        for (scope, name, line) in self.file.rebound.clone() {
            let keymap = self.file.keymap.clone();
            let own = keymap.of(scope).find(|b| b.entry.name == name);
            for key in own.map_or(&[][..], |b| b.keys) {
                let other = keymap
                    .of(scope)
                    .find(|b| b.entry.name != name && b.keys.contains(key));
                if let Some(other) = other {
                    let what = format!(
                        "{:?} is the key of {} and of {name} in [keys.{}]",
                        key.config_name(),
                        other.entry.name,
                        scope.name()
                    );
                    self.faults.push(Fault { line, what });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::app::{Action, Move, Screen};

    fn faults(text: &str) -> Vec<String> {
        let Faults(faults) = text.parse::<File>().unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_is_rebound_and_its_old_one_is_free() {
        let file: File = "[keys.live]\ncut-earlier = [\"h\", \"left\"]\n"
            .parse()
            .unwrap();
        let live = [Scope::On(Screen::Live)];
        let earlier = Some(Action::Cut(Move::By(-1)));
        assert_eq!(file.keymap.action(&live, Key::Char('h')), earlier);
        assert_eq!(file.keymap.action(&live, Key::Up), None);
    }

    #[test]
    fn what_is_no_setting_is_told_with_its_line() {
        let text = "theme = \"pink\"\nmuose = true\n[keys.live]\nfly = \"x\"\nlook = 3\nnext-link = \"f99\"\n[keys.moon]\n";
        let told = faults(text);
        assert_eq!(told.len(), 6, "{told:?}");
        assert!(
            told[0].starts_with("line 1: \"pink\" is no theme"),
            "{told:?}"
        );
        assert!(told[1].starts_with("line 2: \"muose\" is no setting"));
        assert!(told[2].starts_with("line 4: \"fly\" is no action in [keys.live]"));
        assert!(told[3].starts_with("line 5: expected a key"));
        assert!(told[4].starts_with("line 6: \"f99\" is no key"));
        assert!(told[5].starts_with("line 7: \"moon\" is no table of keys"));
        assert!(faults("theme = \n")[0].starts_with("line 1: "));
    }

    #[test]
    fn a_key_with_two_meanings_is_a_conflict() {
        let told = faults("\n[keys.live]\nlook = \"b\"\n");
        assert_eq!(
            told,
            ["line 3: \"b\" is the key of next-link and of look in [keys.live]"]
        );
        // Two that change places do not conflict.
        let text = "[keys.live]\nlook = \"b\"\nnext-link = \"z\"\n";
        assert!(text.parse::<File>().is_ok());
        assert!(faults("[keys.anywhere]\nquit = []\n")[0].contains("quit needs a key"));
    }
}
