//! The user's cache: what `cargo xtask data` fetched, weights that servers received, logs of demo workers.

use std::path::PathBuf;

/// `$SPLITSCOPE_CACHE/splitscope`, or `splitscope` in the user's cache folder.
pub(super) fn dir() -> PathBuf {
    std::env::var_os("SPLITSCOPE_CACHE")
        .map(PathBuf::from)
        .or_else(|| directories::BaseDirs::new().map(|b| b.cache_dir().to_owned()))
        .unwrap_or_else(std::env::temp_dir)
        .join("splitscope")
}

/// The folder of logs: the console's, and those of workers that a command starts.
pub(super) fn logs() -> PathBuf {
    dir().join("logs")
}

/// The published weights of a model, if they were fetched.
pub(super) fn published_weights(model: &str) -> Option<PathBuf> {
    let file = match model {
        "mobilenet_v2" => "mobilenet_v2-b0353104.pth",
        _ => return None,
    };
    Some(dir().join("weights").join(file)).filter(|p| p.is_file())
}

/// The folder of sample pictures, if they were fetched.
pub(super) fn pictures() -> Option<PathBuf> {
    Some(dir().join("pictures")).filter(|p| p.is_dir())
}
