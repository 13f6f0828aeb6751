//! Finds the libtorch that tch is built with, or fetches it once, and tells cargo where it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cache::{self, Workshop};
use crate::pip::{self, Wheel};
use crate::shell::{self, megabytes, output, root, say, short};
use crate::stubs;

/// What tch 0.24 is written for. torch-sys checks it too, where the folder has a `build-version`.
const VERSION: &str = "2.11.0";

const WHEEL: Wheel = Wheel {
    requirement: "torch==2.11.0",
    sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
    bytes: 530_604_548,
};

/// Makes sure that cargo finds a libtorch of the right version: the one the user's environment
/// names, or else the one in the cache, fetched when it is not there yet.
///
/// # Errors
/// The user's libtorch has another version, the platform has no recipe, or the download failed.
pub(crate) fn provide() -> Result<()> {
    if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        return of_python().and_then(|()| forget_ours());
    }
    if let Some(folder) = users_own() {
        return of_user(&folder).and_then(|()| forget_ours());
    }
    let torch = cached()?;
    point_cargo_at(&torch)?;
    say(format_args!("libtorch {VERSION}: {}", short(&torch)));
    Ok(())
}

/// `LIBTORCH` as the user set it. Cargo also sets it for xtask, from the file that xtask wrote:
/// that one is ours, not the user's.
fn users_own() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("LIBTORCH")?);
    let written = fs::read_to_string(config_path()).unwrap_or_default();
    (written != config(&folder)).then_some(folder)
}

/// Cargo as [`shell::cargo`] gives it, with the user's own `LIBTORCH` or none: what cargo set for
/// xtask may be older than the file it came from.
pub(crate) fn cargo() -> Command {
    let mut cargo = shell::cargo();
    if users_own().is_none() {
        cargo.env_remove("LIBTORCH");
    }
    cargo
}

fn of_user(folder: &Path) -> Result<()> {
    let what = format!("LIBTORCH={}", folder.display());
    let lib = std::env::var_os("LIBTORCH_LIB")
        .map_or_else(|| folder.to_path_buf(), PathBuf::from)
        .join("lib");
    ensure!(
        lib.is_dir(),
        "{what}, but {} is no folder: set it to a libtorch {VERSION}, or unset it to have one fetched",
        lib.display()
    );
    match version_of(folder) {
        Some(version) => check(&what, &version)?,
        None => say(format_args!(
            "{what} does not tell its version; {VERSION} is expected"
        )),
    }
    say(format_args!(
        "libtorch of your environment: {}",
        folder.display()
    ));
    Ok(())
}

fn of_python() -> Result<()> {
    // The interpreter that torch-sys asks.
    let python = if std::env::var_os("VIRTUAL_ENV").is_some() {
        "python"
    } else {
        "python3"
    };
    let script =
        "import os, torch\nprint(torch.__version__)\nprint(os.path.dirname(torch.__file__))";
    let answer = output(Command::new(python).args(["-c", script])).context(
        "LIBTORCH_USE_PYTORCH is set, but python has no PyTorch to use: \
         install torch==2.11.0 there, or unset it to have libtorch fetched",
    )?;
    let (version, folder) = answer
        .trim_end()
        .split_once('\n')
        .context("python did not say where its torch is")?;
    check("LIBTORCH_USE_PYTORCH is set: python's PyTorch", version)?;
    say(format_args!(
        "libtorch of python's PyTorch {version}: {folder}"
    ));
    Ok(())
}

/// The version a libtorch or PyTorch folder states about itself, in the files that have it.
fn version_of(folder: &Path) -> Option<String> {
    let read = |path: &str| fs::read_to_string(folder.join(path)).ok();
    let quoted_after = |text: &str, mark: &str| {
        let rest = &text[text.find(mark)? + mark.len()..];
        rest.split(['"', '\'']).nth(1).map(ToOwned::to_owned)
    };
    let in_header = |text: &str| {
        quoted_after(text, "#define TORCH_VERSION ")
            .or_else(|| quoted_after(text, "#define TORCH_VERSION\\"))
    };
    read("build-version")
        .map(|text| text.trim().to_owned())
        .or_else(|| quoted_after(&read("version.py")?, "__version__ ="))
        .or_else(|| in_header(&read("include/torch/headeronly/version.h")?))
        .or_else(|| in_header(&read("include/torch/csrc/api/include/torch/version.h")?))
}

fn check(what: &str, version: &str) -> Result<()> {
    if fits(version) || std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some() {
        return Ok(());
    }
    bail!(
        "{what} is version {version}, but tch 0.24 is written for {VERSION}: unset it to have {VERSION} \
         fetched, or set LIBTORCH_BYPASS_VERSION_CHECK=1 to build with {version} anyway"
    )
}

/// `2.11.0`, `2.11.0+cpu`, `2.11.0+cu130`.
fn fits(version: &str) -> bool {
    version.split('+').next() == Some(VERSION)
}

// --- the cache ---

fn cached() -> Result<PathBuf> {
    let home = cache::folder()?.join(format!("libtorch/{VERSION}-cpu"));
    let torch = home.join("torch");
    if is_complete(&home) {
        return Ok(torch);
    }
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "no libtorch is fetched for {} {}: install libtorch {VERSION} (or python's torch=={VERSION}) \
         and set LIBTORCH to its folder (or LIBTORCH_USE_PYTORCH=1)",
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let lock = cache::lock()?;
    if !is_complete(&home) {
        say(format_args!(
            "libtorch {VERSION} is not in {} yet; fetching it once",
            short(&home)
        ));
        let workshop = Workshop::beside(&home, &lock)?;
        let finished = workshop.path().join("finished");
        fetch(&finished)?;
        fs::write(
            finished.join("complete"),
            format!("{}\n", WHEEL.requirement),
        )?;
        cache::deliver(&finished, &home)?;
    }
    Ok(torch)
}

/// The stamp is written last, before the folder gets its name.
fn is_complete(home: &Path) -> bool {
    home.join("complete").is_file() && home.join("torch/lib/libtorch_cpu.so").is_file()
}

fn fetch(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let members = [
        "torch/include/*",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libc10.so",
        "torch/lib/libgomp*",
        "torch/version.py",
    ];
    pip::fetch(&WHEEL, folder, &members)?;
    let lib = folder.join("torch/lib");

    let library = lib.join("libtorch_cpu.so");
    let before = fs::metadata(&library)?.len();
    match output(Command::new("strip").arg("--strip-unneeded").arg(&library)) {
        Ok(_) => {
            let after = fs::metadata(&library)?.len();
            say(format_args!(
                "  stripped libtorch_cpu.so ({} to {})",
                megabytes(before),
                megabytes(after)
            ));
        }
        Err(error) => say(format_args!(
            "  libtorch_cpu.so stays at {}: {error:#}",
            megabytes(before)
        )),
    }

    stubs::build(&lib)?;
    fs::write(
        folder.join("torch/build-version"),
        format!("{VERSION}+cpu\n"),
    )?;
    let load = "import ctypes, sys\nctypes.CDLL(sys.argv[1])";
    output(
        Command::new("python3")
            .args(["-c", load])
            .arg(lib.join("libtorch.so")),
    )
    .context("the fetched libtorch does not load on this machine; set LIBTORCH to one that does")?;
    say(format_args!("  made the stub libraries; libtorch.so loads"));
    Ok(())
}

// --- cargo's configuration ---

fn config_path() -> PathBuf {
    root().join(".cargo/libtorch.toml")
}

fn config(torch: &Path) -> String {
    let path = torch
        .display()
        .to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    format!("# Written by `cargo xtask libtorch`.\n[env]\nLIBTORCH = \"{path}\"\n")
}

fn point_cargo_at(torch: &Path) -> Result<()> {
    let (path, text) = (config_path(), config(torch));
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let fresh = path.with_extension("toml.new");
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, &path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The user's environment decides: cargo must not add a libtorch of ours to it.
fn forget_ours() -> Result<()> {
    match fs::remove_file(config_path()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", config_path().display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_tag_does_not_make_another_version() {
        assert!(fits("2.11.0") && fits("2.11.0+cpu") && fits("2.11.0+cu130"));
        assert!(!fits("2.11.1") && !fits("2.13.0+cpu") && !fits(""));
    }

    #[test]
    fn another_version_is_refused_with_both_versions_and_a_way_out() {
        let sentence = check("LIBTORCH=/opt/libtorch", "2.13.0+cpu")
            .unwrap_err()
            .to_string();
        for part in [
            "LIBTORCH=/opt/libtorch",
            "2.13.0+cpu",
            "2.11.0",
            "unset",
            "LIBTORCH_BYPASS_VERSION_CHECK",
        ] {
            assert!(sentence.contains(part), "{part} is not in: {sentence}");
        }
    }

    #[test]
    fn a_version_is_found_in_each_file_that_may_have_it() {
        let folder = std::env::temp_dir().join(format!("xtask-version-{}", std::process::id()));
        let files = [
            ("build-version", "2.11.0+cpu\n", "2.11.0+cpu"),
            (
                "version.py",
                "__all__ = ['__version__', 'debug']\n__version__ = '2.11.0+cu130'\n",
                "2.11.0+cu130",
            ),
            (
                "include/torch/headeronly/version.h",
                "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION \\\n  \"2.11.0\"\n",
                "2.11.0",
            ),
        ];
        for (name, text, version) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            assert_eq!(version_of(&folder).as_deref(), Some(version), "{name}");
            fs::remove_file(path).unwrap();
        }
        assert_eq!(version_of(&folder), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_configuration_quotes_the_path() {
        let text = config(Path::new("/home/a \"b\"/torch"));
        assert!(text.ends_with("[env]\nLIBTORCH = \"/home/a \\\"b\\\"/torch\"\n"));
    }
}
