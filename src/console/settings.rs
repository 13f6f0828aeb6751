//! What a person can choose about the console: flag, then environment, then the configuration file, then the default.
//! Every setting knows where it comes from.

mod file;

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::app::{Keymap, Scope};
use super::view::{Depth, Palette, Theme};

pub use file::{Fault, File, FileError};

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody chose.
    Default,
    /// The configuration file, this line of it.
    File(usize),
    /// An environment variable.
    Environment(&'static str),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(line) => write!(f, "file, line {line}"),
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A setting with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T> {
    /// What is chosen.
    pub value: T,
    /// By whom.
    pub origin: Origin,
}

impl<T> Set<T> {
    const fn default(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }
}

/// Yes, no, or as the terminal seems to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Auto {
    /// As it seems.
    #[default]
    Auto,
    /// Yes.
    Yes,
    /// No.
    No,
}

/// A text is none of `auto`, `yes`, `no`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of auto, yes, no")]
pub struct AutoError(String);

impl Auto {
    /// What it comes to, where it seems so or not.
    pub const fn resolved(self, seems: bool) -> bool {
        match self {
            Self::Auto => seems,
            Self::Yes => true,
            Self::No => false,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Yes => "yes",
            Self::No => "no",
        }
    }
}

impl fmt::Display for Auto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Auto {
    type Err = AutoError;

    fn from_str(text: &str) -> Result<Self, AutoError> {
        match text {
            "auto" => Ok(Self::Auto),
            "yes" => Ok(Self::Yes),
            "no" => Ok(Self::No),
            other => Err(AutoError(other.to_owned())),
        }
    }
}

/// What flags and the environment choose: a value and where it comes from.
pub type Given<T> = Option<(T, Origin)>;

/// What was chosen outside the configuration file.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// The theme.
    pub theme: Given<Palette>,
    /// Nothing outside ASCII.
    pub ascii: Given<Auto>,
    /// Whether clicks are taken.
    pub mouse: Given<bool>,
    /// Whether the terminal is at the end of a slow line.
    pub ssh: Given<Auto>,
    /// Whether the console asks, once, what the session is.
    pub prompt: Given<bool>,
}

/// The console's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration file, if there is one.
    pub path: Option<PathBuf>,
    /// The theme.
    pub theme: Set<Palette>,
    /// Nothing outside ASCII.
    pub ascii: Set<Auto>,
    /// Whether clicks are taken.
    pub mouse: Set<bool>,
    /// Whether the terminal is at the end of a slow line: fewer pictures.
    pub ssh: Set<Auto>,
    /// Whether the console asks, once, what the session is.
    pub prompt: Set<bool>,
    /// Which keys do what.
    pub keymap: Keymap,
    /// Where the keys come from that are not the default's.
    rebound: Vec<(Scope, String, usize)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::resolve(Chosen::default(), None, File::default())
    }
}

impl Settings {
    /// Reads the configuration file, if there is one, and puts what was chosen over it.
    ///
    /// # Errors
    /// A file that cannot be read, or has something in it that is no setting.
    pub fn load(chosen: Chosen, path: Option<&Path>) -> Result<Self, FileError> {
        let file = match path {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        Ok(Self::resolve(chosen, path.map(Path::to_owned), file))
    }

    fn resolve(chosen: Chosen, path: Option<PathBuf>, file: File) -> Self {
        Self {
            path,
            theme: set(chosen.theme, file.theme, Palette::Dark),
            ascii: set(chosen.ascii, file.ascii, Auto::Auto),
            mouse: set(chosen.mouse, file.mouse, true),
            ssh: set(chosen.ssh, file.ssh, Auto::Auto),
            prompt: set(chosen.prompt, file.prompt, true),
            keymap: file.keymap,
            rebound: file.rebound,
        }
    }

    /// How meanings look on this terminal.
    pub const fn look(&self, terminal: &Terminal) -> Theme {
        let ascii = self.ascii.value.resolved(!terminal.unicode);
        Theme::new(self.theme.value, terminal.depth).in_ascii(ascii)
    }

    /// Every setting with its origin.
    pub fn rows(&self, terminal: &Terminal) -> Vec<Row> {
        let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let row = |name: &str, value: String, here: Option<String>, origin: &Origin| Row {
            table: None,
            name: name.to_owned(),
            value,
            here,
            origin: origin.clone(),
        };
        let quoted = |value: &dyn fmt::Display| format!("\"{value}\"");
        let colours = format!("with {} colours", terminal.depth.name());
        let ascii = self.ascii.value.resolved(!terminal.unicode);
        let ssh = self.ssh.value.resolved(terminal.ssh);
        let (theme, mouse) = (&self.theme, &self.mouse);
        let mut rows = vec![
            row("theme", quoted(&theme.value), Some(colours), &theme.origin),
            row(
                "ascii",
                quoted(&self.ascii.value),
                Some(word(ascii)),
                &self.ascii.origin,
            ),
            row("mouse", mouse.value.to_string(), None, &mouse.origin),
            row(
                "ssh",
                quoted(&self.ssh.value),
                Some(word(ssh)),
                &self.ssh.origin,
            ),
        ];
        let prompt = &self.prompt;
        rows.push(row(
            "prompt",
            prompt.value.to_string(),
            None,
            &prompt.origin,
        ));
        for scope in Scope::ALL {
            rows.extend(self.keymap.of(scope).map(|bound| {
                let name = bound.entry.name;
                let keys = bound.keys.iter().map(|key| key.config_name());
                let keys: Vec<String> = keys.map(|key| format!("{key:?}")).collect();
                let of = |r: &&(Scope, String, usize)| r.0 == scope && r.1 == name;
                let line = self.rebound.iter().find(of).map(|r| Origin::File(r.2));
                Row {
                    table: Some(scope),
                    name: name.to_owned(),
                    value: format!("[{}]", keys.join(", ")),
                    here: None,
                    origin: line.unwrap_or(Origin::Default),
                }
            }));
        }
        rows
    }

    /// Every setting as a configuration file, with its origin behind.
    pub fn explain(&self, terminal: &Terminal) -> String {
        let mut text = match &self.path {
            Some(path) => format!("# file: {}\n", path.display()),
            None => "# no configuration file\n".to_owned(),
        };
        let mut table = None;
        for row in self.rows(terminal) {
            if let Some(scope) = row.table.filter(|_| row.table != table) {
                let _ = writeln!(text, "\n[keys.{}]", scope.name());
            }
            table = row.table;
            let here = row
                .here
                .map_or_else(String::new, |here| format!("here {here}; "));
            let setting = format!("{} = {}", row.name, row.value);
            let _ = writeln!(text, "{setting:<32} # {here}{}", row.origin);
        }
        text
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The table of keys it is in, if it is one.
    pub table: Option<Scope>,
    /// Its name.
    pub name: String,
    /// Its value, as TOML writes it.
    pub value: String,
    /// What it comes to on this terminal, where that is not the value itself.
    pub here: Option<String>,
    /// By whom.
    pub origin: Origin,
}

fn set<T>(chosen: Given<T>, file: Option<(T, usize)>, default: T) -> Set<T> {
    match (chosen, file) {
        (Some((value, origin)), _) => Set { value, origin },
        (None, Some((value, line))) => Set {
            value,
            origin: Origin::File(line),
        },
        (None, None) => Set::default(default),
    }
}

/// What the terminal says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Its colours.
    pub depth: Depth,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
    /// Whether it is at the other end of an SSH connection.
    pub ssh: bool,
}

impl Terminal {
    /// From the environment: `NO_COLOR`, `COLORTERM`, `TERM`, `LC_ALL`, `LC_CTYPE`, `LANG`, `SSH_CONNECTION`.
    pub fn from_environment() -> Self {
        let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(get);
        Self {
            depth: Depth::told(
                get("NO_COLOR").is_some(),
                get("COLORTERM").as_deref(),
                get("TERM").as_deref(),
            ),
            unicode: unicode(locale.as_deref(), get("TERM").as_deref()),
            ssh: get("SSH_CONNECTION").is_some() || get("SSH_TTY").is_some(),
        }
    }
}

/// No locale at all, as in containers and services, says nothing against UTF-8; one that names another encoding does.
fn unicode(locale: Option<&str>, term: Option<&str>) -> bool {
    let utf8 = locale.is_none_or(|locale| {
        let lower = locale.to_ascii_lowercase();
        match lower.split_once('.') {
            Some((_, encoding)) => encoding.starts_with("utf-8") || encoding.starts_with("utf8"),
            None => true,
        }
    });
    utf8 && !matches!(term, Some("dumb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Terminal = Terminal {
        depth: Depth::Indexed,
        unicode: true,
        ssh: true,
    };

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = "theme = \"daylight\"\nmouse = false\n".parse().unwrap();
        let chosen = Chosen {
            theme: Some((Palette::Mono, Origin::Flag("--theme"))),
            ..Chosen::default()
        };
        let settings = Settings::resolve(chosen, None, file);
        assert_eq!(settings.theme.value, Palette::Mono);
        assert_eq!(settings.mouse.origin, Origin::File(2));
        assert_eq!(settings.ssh.origin, Origin::Default);
    }

    #[test]
    fn what_is_explained_is_a_configuration_file_that_says_the_same() {
        let file = "ascii = \"yes\"\n[keys.live]\nlook = \"y\"\n"
            .parse()
            .unwrap();
        let settings = Settings::resolve(Chosen::default(), None, file);
        let text = settings.explain(&TERMINAL);
        assert!(text.contains("# file, line 3"), "{text}");
        assert!(text.contains("here yes; default"), "{text}");
        let again = Settings::resolve(Chosen::default(), None, text.parse().unwrap());
        assert_eq!(again.ascii.value, Auto::Yes);
        let keys = |s: &Settings| s.keymap.markdown();
        assert_eq!(keys(&again), keys(&settings));
    }

    /// What `splitscope config` prints: every setting, its value here, and where it comes from.
    #[test]
    fn the_effective_settings_and_their_origins_do_not_drift() {
        let file = "mouse = false\nssh = \"no\"\n[keys.live]\nnext-link = [\"y\", \"f\"]\n";
        let chosen = Chosen {
            theme: Some((Palette::Daylight, Origin::Flag("--theme"))),
            ascii: Some((Auto::No, Origin::Environment("SPLITSCOPE_ASCII"))),
            ..Chosen::default()
        };
        let settings = Settings::resolve(chosen, None, file.parse().unwrap());
        insta::assert_snapshot!(settings.explain(&TERMINAL));
    }

    #[test]
    fn encodings_are_taken_from_the_locale() {
        for (locale, utf8) in [
            (None, true),
            (Some("C.UTF-8"), true),
            (Some("de_DE.utf8"), true),
            (Some("de_DE.ISO-8859-1"), false),
            (Some("POSIX"), true),
        ] {
            assert_eq!(unicode(locale, Some("xterm")), utf8, "{locale:?}");
        }
        assert!(!unicode(None, Some("dumb")));
    }
}
