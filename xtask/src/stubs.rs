//! The three tiny libraries that stand in for what a CPU-only libtorch does not need.
//!
//! The wheel's `libtorch_cpu.so` was built with CUDA and asks the loader for `libcudart` and
//! `libcupti` because of its profiler. Libraries that answer every call with an error code (100,
//! "no device") satisfy the loader in place of gigabytes. PyTorch's profiler must not be used with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shell::output;

/// Makes `libtorch.so` and the CUDA stubs in `lib`, which holds `libtorch_cpu.so` and `libc10.so`.
///
/// # Errors
/// `nm` or `cc` is missing or fails.
pub(crate) fn build(lib: &Path) -> Result<()> {
    let advice = "could not make the stub libraries; they need nm and cc (on Debian: apt install build-essential)";
    let mut nm = Command::new("nm");
    nm.args(["-D", "--undefined-only", "libtorch_cpu.so"])
        .current_dir(lib);
    let listing = output(&mut nm).context(advice)?;
    let libraries = wanted(&listing);
    ensure!(
        !libraries.is_empty(),
        "libtorch_cpu.so asks for no CUDA library: this is not the expected wheel"
    );

    for (soname, functions) in &libraries {
        let source = format!("{soname}.c");
        let map = format!("{soname}.map");
        fs::write(lib.join(&source), stub_source(functions))?;
        fs::write(lib.join(&map), format!("{soname} {{ global: *; }};\n"))?;
        output(
            shared_library(lib, soname)
                .arg(&source)
                .arg(format!("-Wl,--version-script={map}")),
        )
        .context(advice)?;
        fs::remove_file(lib.join(source))?;
        fs::remove_file(lib.join(map))?;
    }

    // An empty shim of which only the name counts: the linker looks for -ltorch.
    output(
        shared_library(lib, "libtorch.so")
            .args([
                "-x",
                "c",
                "/dev/null",
                "-Wl,--no-as-needed",
                "-L.",
                "-ltorch_cpu",
                "-lc10",
            ])
            .arg("-Wl,-rpath,$ORIGIN"),
    )
    .context(advice)?;
    Ok(())
}

fn shared_library(lib: &Path, soname: &str) -> Command {
    let mut cc = Command::new("cc");
    cc.current_dir(lib)
        .args(["-shared", "-fPIC", "-o", soname])
        .arg(format!("-Wl,-soname,{soname}"));
    cc
}

/// The CUDA functions that `nm -D --undefined-only` lists, by the library they are asked from:
/// `U cudaGetDeviceCount@libcudart.so.13`.
fn wanted(nm: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut libraries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for symbol in nm.lines().filter_map(|line| line.split_whitespace().last()) {
        if let Some((function, library)) = symbol.split_once('@')
            && (function.starts_with("cuda") || function.starts_with("cupti"))
        {
            libraries
                .entry(library.trim_start_matches('@'))
                .or_default()
                .push(function);
        }
    }
    libraries
}

fn stub_source(functions: &[&str]) -> String {
    let body = |function: &&str| {
        if *function == "cudaGetErrorString" {
            // The one whose answer is a pointer.
            format!("const char *{function}(void) {{ return \"no CUDA in this libtorch\"; }}\n")
        } else {
            format!("int {function}(void) {{ return 100; }}\n")
        }
    };
    functions.iter().map(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_functions_are_grouped_by_the_library_that_should_have_them() {
        let nm = "\
                 U cuptiFinalize@libcupti.so.13
                 U cudaGetDeviceCount@libcudart.so.13
                 U cudaGetErrorString@libcudart.so.13
                 U memcpy@GLIBC_2.14
                 w __cxa_finalize@GLIBC_2.2.5
                 U _ZN3c106DeviceE
";
        let libraries = wanted(nm);
        assert_eq!(
            libraries.keys().copied().collect::<Vec<_>>(),
            ["libcudart.so.13", "libcupti.so.13"]
        );
        assert_eq!(
            libraries["libcudart.so.13"],
            ["cudaGetDeviceCount", "cudaGetErrorString"]
        );
        assert_eq!(libraries["libcupti.so.13"], ["cuptiFinalize"]);
    }

    #[test]
    fn a_stub_answers_with_an_error_and_never_with_a_wild_pointer() {
        let source = stub_source(&["cudaGetDeviceCount", "cudaGetErrorString"]);
        assert!(source.contains("int cudaGetDeviceCount(void) { return 100; }"));
        assert!(source.contains("const char *cudaGetErrorString(void)"));
    }
}
