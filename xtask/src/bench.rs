//! `cargo xtask bench`: the measurements of `benches/`, with real weights and pictures at hand.

use std::fs;

use anyhow::{Result, ensure};

use crate::shell::{self, root, say};
use crate::{Usage, data, libtorch};

/// Runs the bench that the first argument names, or all of them; further arguments go to the bench.
///
/// # Errors
/// There is no such bench, or one failed.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let all = names()?;
    let (chosen, rest) = choose(&all, args)?;
    ensure!(!chosen.is_empty(), "there are no benches in benches/");
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let with_torch = |name: &str| needs_torch(&manifest, name) || wants_torch(rest);
    if chosen.iter().any(|name| with_torch(name)) {
        libtorch::provide()?;
        data::provide()?;
    }
    for name in chosen {
        say(format_args!("\n=== bench {name}"));
        let mut cargo = if with_torch(name) {
            libtorch::cargo()
        } else {
            shell::cargo()
        };
        // The profile of demo and tests: libtorch's bindings take minutes to build.
        cargo
            .args([
                "bench",
                "--profile",
                "dev",
                "--package",
                "splitscope",
                "--bench",
                name,
            ])
            .args((!with_torch(name)).then_some("--no-default-features"))
            .arg("--")
            .args(rest);
        shell::run(&mut cargo)?;
    }
    Ok(())
}

/// Whether the manifest asks for the feature `torch` to build a bench; one that it does not name, does.
fn needs_torch(manifest: &str, name: &str) -> bool {
    let named = format!("name = \"{name}\"");
    let mut benches = manifest.split("[[bench]]").skip(1);
    let bench = benches.find(|bench| bench.lines().any(|line| line.trim() == named));
    // The last one is followed by other sections.
    let bench = bench.map(|bench| bench.split("\n[").next().unwrap_or(bench));
    bench.is_none_or(|bench| bench.contains("required-features") && bench.contains("torch"))
}

/// Whether a bench that can do without is asked to compute for real.
fn wants_torch(rest: &[String]) -> bool {
    rest.iter().any(|arg| arg == "--torch")
}

fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("benches")).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn choose<'a>(all: &'a [String], args: &'a [String]) -> Result<(Vec<&'a str>, &'a [String])> {
    match args {
        [name, rest @ ..] if !name.starts_with('-') => {
            if !all.contains(name) {
                return Err(Usage(format!(
                    "there is no bench `{name}`; benches/ has: {}",
                    all.join(", ")
                ))
                .into());
            }
            Ok((vec![name], without_separator(rest)))
        }
        rest => Ok((
            all.iter().map(String::as_str).collect(),
            without_separator(rest),
        )),
    }
}

fn without_separator(args: &[String]) -> &[String] {
    match args {
        [first, rest @ ..] if first == "--" => rest,
        args => args,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_first_word_is_a_bench_and_the_rest_is_its_own() {
        let all = strings(&["codec", "halo"]);
        let args = strings(&["halo", "--repeats", "3"]);
        let (chosen, rest) = choose(&all, &args).unwrap();
        assert_eq!((chosen, rest), (vec!["halo"], &args[1..]));
    }

    #[test]
    fn no_name_means_all_of_them() {
        let all = strings(&["codec", "halo"]);
        let args = strings(&["--", "--quick"]);
        let (chosen, rest) = choose(&all, &args).unwrap();
        assert_eq!((chosen, rest), (vec!["codec", "halo"], &args[1..]));
    }

    #[test]
    fn a_bench_that_needs_no_torch_runs_without_it() {
        let manifest = "[[bench]]\nname = \"codec\"\nharness = false\n\n[[bench]]\nname = \"split\"\n\
                        required-features = [\"torch\"]\n\n[lints]\nworkspace = true\n";
        assert!(!needs_torch(manifest, "codec") && needs_torch(manifest, "split"));
        assert!(needs_torch(manifest, "unnamed"));
    }

    #[test]
    fn a_bench_that_can_do_without_gets_torch_where_it_is_asked_for() {
        assert!(wants_torch(&strings(&["--frames", "3", "--torch"])));
        assert!(!wants_torch(&strings(&["--frames", "3"])));
    }

    #[test]
    fn this_houses_benches_on_emulated_devices_run_without_libtorch() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        for name in ["observer", "planning", "policies", "prediction", "session"] {
            assert!(!needs_torch(&manifest, name), "{name}");
        }
        for name in ["memory", "modes", "operators", "split"] {
            assert!(needs_torch(&manifest, name), "{name}");
        }
    }

    #[test]
    fn an_unknown_bench_is_answered_with_the_known_ones() {
        let error = choose(&strings(&["codec"]), &strings(&["codex"])).unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().ends_with("codec"));
    }
}
