//! Completions, manual pages and the settings command.

use std::fmt::Write;

use crate::support::{run, splitscope};

#[test]
fn completions_and_the_manual_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(&["completions", shell]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("attach"), "{shell}");
    }
    let page = run(&["man"]);
    assert!(page.stdout.contains(".TH splitscope"), "{page:?}");
}

/// The pages are made from the definitions of commands and flags: what changes there shows here.
#[test]
fn the_manual_has_a_page_for_every_command_and_none_drifts() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&["man", "--dir", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let files = std::fs::read_dir(folder.path()).unwrap();
    let mut pages: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() > 15, "{pages:?}");
    let mut all = String::new();
    for page in pages {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&page).unwrap();
        // Versions change with every release, pages do not.
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        writeln!(all, "===== {name}\n{text}").unwrap();
    }
    insta::assert_snapshot!("manual", all);
}

#[test]
fn settings_say_where_they_come_from_and_what_is_none_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "theme = \"daylight\"\n[keys.live]\nlook = \"y\"\n").unwrap();
    let file = path.to_str().unwrap();
    let output = splitscope(&["config", "--config", file])
        .env("SPLITSCOPE_SSH", "yes")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let origin = |setting: &str| {
        let line = text.lines().find(|line| line.starts_with(setting));
        line.unwrap().split_once("# ").unwrap().1.to_owned()
    };
    assert!(origin("theme").ends_with("file, line 1"), "{text}");
    assert!(
        origin("ssh").contains("SPLITSCOPE_SSH in the environment"),
        "{text}"
    );
    assert!(origin("mouse").ends_with("default"), "{text}");
    assert!(origin("look").ends_with("file, line 3"), "{text}");
    std::fs::write(&path, "\ntheme = \"pink\"\n").unwrap();
    let ended = run(&["config", "--config", file]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("config.toml:2: \"pink\" is no theme"),
        "{ended:?}"
    );
}
