//! The cache folder, and how something gets into it whole or not at all.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{say, short};

/// The cache of this project: `$SPLITSCOPE_CACHE/splitscope`, or `splitscope` in the user's cache
/// folder. The program looks for weights and pictures in the same place.
///
/// # Errors
/// The user has no home folder and the variable is not set.
pub(crate) fn folder() -> Result<PathBuf> {
    let base = match std::env::var_os("SPLITSCOPE_CACHE").filter(|dir| !dir.is_empty()) {
        Some(dir) => std::path::absolute(dir)?,
        None => directories::BaseDirs::new()
            .context(
                "there is no home folder to keep downloads in; set SPLITSCOPE_CACHE to a folder",
            )?
            .cache_dir()
            .to_path_buf(),
    };
    Ok(base.join("splitscope"))
}

/// Held by the one process that may write to the cache. The system frees it when that one dies.
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

/// Waits for the right to write to the cache.
///
/// # Errors
/// The folder cannot be made or its lock file cannot be opened.
pub(crate) fn lock() -> Result<Lock> {
    let folder = folder()?;
    let advice = || {
        format!(
            "cannot write to {}; set SPLITSCOPE_CACHE to a folder that can be",
            short(&folder)
        )
    };
    fs::create_dir_all(&folder).with_context(advice)?;
    let file = File::create(folder.join(".lock")).with_context(advice)?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        say(format_args!(
            "waiting for another cargo xtask that fetches into {}",
            short(&folder)
        ));
    }
    file.lock().with_context(advice)?;
    Ok(Lock(file))
}

/// A fresh folder beside `target` to prepare it in, on the same file system, so that a rename puts
/// it in place. Gone when dropped. What an earlier, killed run left there is removed first.
pub(crate) struct Workshop(PathBuf);

impl Workshop {
    /// # Errors
    /// The folder cannot be made.
    pub(crate) fn beside(target: &Path, _lock: &Lock) -> Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(".partial");
        let path = target.with_file_name(name);
        remove(&path)?;
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", short(&path)))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What stays is removed by the next run.
        let _ = remove(&self.0);
    }
}

/// Puts a finished file or folder of a workshop in place of `target`.
///
/// # Errors
/// The old one cannot be removed or the new one cannot be moved.
pub(crate) fn deliver(finished: &Path, target: &Path) -> Result<()> {
    if target.is_dir() {
        remove(target)?;
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", short(parent)))?;
    }
    fs::rename(finished, target)
        .with_context(|| format!("cannot move {} to {}", short(finished), short(target)))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", short(folder)))
        }
        _ => Ok(()),
    }
}
