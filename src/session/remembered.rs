//! What is the same from session to session, in the user's configuration folder, so that it is asked for once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::Meta;

/// What earlier sessions said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// The console has asked; it does not ask again, whatever the answer was.
    asked: bool,
    place: Option<String>,
    robot: Option<String>,
    operator: Option<String>,
    wifi_bssid: Option<String>,
    wifi_channel: Option<String>,
}

impl Remembered {
    /// `splitscope/session.toml` in the user's configuration folder; none where there is no such folder.
    pub fn default_file() -> Option<PathBuf> {
        let dirs = directories::BaseDirs::new()?;
        Some(dirs.config_dir().join("splitscope").join("session.toml"))
    }

    /// What a file says; a file that is not there or says nothing sensible knows nothing.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).ok();
        text.and_then(|text| toml::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Whether nobody has been asked and nobody has said anything yet.
    pub fn is_new(&self) -> bool {
        *self == Self::default()
    }

    /// This with what was said now: the name, notes, battery and weather are of one session alone.
    #[must_use]
    pub fn with(&self, said: &Meta) -> Self {
        let meta = self.meta().with(said);
        Self {
            asked: self.asked,
            place: meta.place,
            robot: meta.robot,
            operator: meta.operator,
            wifi_bssid: meta.wifi_bssid,
            wifi_channel: meta.wifi_channel,
        }
    }

    /// This, and that the console has asked.
    #[must_use]
    pub fn asked(self) -> Self {
        Self {
            asked: true,
            ..self
        }
    }

    /// What it says of a session that begins.
    pub fn meta(&self) -> Meta {
        Meta {
            place: self.place.clone(),
            robot: self.robot.clone(),
            operator: self.operator.clone(),
            wifi_bssid: self.wifi_bssid.clone(),
            wifi_channel: self.wifi_channel.clone(),
            ..Meta::default()
        }
    }

    /// Writes it, and its folder where there is none.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, toml::to_string(self).map_err(io::Error::other)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_and_robot_are_kept_and_what_is_of_one_day_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/session.toml");
        assert!(Remembered::read(&file).is_new());
        let said = Meta {
            place: Some("garden".to_owned()),
            robot: Some("NX 1".to_owned()),
            weather: Some("rain".to_owned()),
            battery: Some("62 %".to_owned()),
            ..Meta::default()
        };
        Remembered::default().with(&said).write(&file).unwrap();
        let kept = Remembered::read(&file);
        assert!(!kept.is_new());
        let expected = Meta {
            weather: None,
            battery: None,
            ..said
        };
        assert_eq!(kept.meta(), expected);
        // An empty text takes a default back.
        let taken_back = Meta {
            place: Some(String::new()),
            ..Meta::default()
        };
        assert_eq!(kept.with(&taken_back).meta().place, None);
        // Whoever skipped the question is not asked again.
        Remembered::default().asked().write(&file).unwrap();
        assert!(!Remembered::read(&file).is_new());
    }
}
