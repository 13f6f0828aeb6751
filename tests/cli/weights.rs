//! Weights that cannot be used: which file, what is wrong with it, what is wanted.

use std::fs;
use std::path::{Path, PathBuf};

use splitscope::model::weights::Weights;
use splitscope::model::zoo;
use tempfile::TempDir;

use crate::live::{Console, Worker};
use crate::support::{refuses, splitscope};

/// The robot must name the file, and say this.
fn robot_refuses(file: &Path, parts: &[&str]) {
    let file = file.to_str().unwrap();
    let args = [
        "robot",
        "--size",
        "32",
        "--listen",
        "127.0.0.1:0",
        "--until-stdin-ends",
        "--weights",
        file,
    ];
    let always = [
        file,
        "no weights for mobilenet_v2",
        ".safetensors file or torchvision's .pth",
    ];
    refuses(&args, 1, &[&always, parts].concat());
}

/// A model's seeded weights as a file.
fn seeded(model: &str) -> Vec<u8> {
    let wanted = zoo::build(model, 1, 32, 32).unwrap().parameters();
    Weights::seeded(1, &wanted).to_safetensors().unwrap()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/weights")
        .join(name)
}

#[test]
fn what_is_no_weights_file_is_told_with_what_was_expected() {
    let dir = TempDir::new().unwrap();
    robot_refuses(
        &dir.path().join("nowhere.pth"),
        &["could not open", "No such file or directory (os error 2)"],
    );
    robot_refuses(dir.path(), &["Is a directory (os error 21)"]);
    let file = dir.path().join("some.pth");
    for garbage in [&b""[..], b"GIF89a and more", &[0xff; 5000]] {
        fs::write(&file, garbage).unwrap();
        robot_refuses(
            &file,
            &["starts with", "expected a PyTorch .pth", ".safetensors"],
        );
    }
}

#[test]
fn a_file_that_is_cut_short_is_told_as_such() {
    let dir = TempDir::new().unwrap();
    let whole = seeded("mobilenet_v2");
    let file = dir.path().join("cut.safetensors");
    fs::write(&file, &whole[..1000]).unwrap();
    robot_refuses(
        &file,
        &["safetensors header: expected", "found 992", "cut short"],
    );
    fs::write(&file, &whole[..1_000_000]).unwrap();
    robot_refuses(
        &file,
        &["expected", "bytes of values after it, found", "cut short"],
    );

    let file = dir.path().join("cut.pth");
    let zip = fs::read(golden("zip.pth")).unwrap();
    fs::write(&file, &zip[..zip.len() / 2]).unwrap();
    robot_refuses(&file, &["invalid Zip archive", "fetch or save it again"]);
    let legacy = fs::read(golden("legacy.pth")).unwrap();
    fs::write(&file, &legacy[..200]).unwrap();
    robot_refuses(&file, &["state dict", "cut short"]);
}

#[test]
fn weights_of_another_model_are_told_by_what_does_not_fit() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("densenet121.safetensors");
    fs::write(&file, seeded("densenet121")).unwrap();
    let parts = [
        "262 of 262 wanted parameters do not fit",
        "`features.0.0.weight`: expected [32, 3, 3, 3], found nothing",
        "first `classifier.bias`",
        "check that it is of this model",
    ];
    robot_refuses(&file, &parts);
    robot_refuses(
        &golden("zip.pth"),
        &["262 of 262 wanted parameters do not fit"],
    );
}

/// The same for the demo, whose robot is a process of its own: its words come through, and the exit code.
#[test]
fn a_demo_whose_robot_cannot_start_says_why() {
    let file = golden("zip.pth");
    let args = ["demo", "--headless", "--frames", "1", "--size", "32"];
    refuses(
        &[&args[..], &["--weights", file.to_str().unwrap()]].concat(),
        1,
        &[
            "the robot did not start: no weights for mobilenet_v2",
            "262 of 262",
        ],
    );
    refuses(
        &[&args[..], &["--input", "/nowhere/at/all"]].concat(),
        1,
        &[
            "the robot did not start: could not read the picture folder /nowhere/at/all",
            "os error 2",
        ],
    );
}

/// What the tests above break is otherwise good.
#[test]
fn a_whole_file_of_the_right_model_is_taken() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("whole.safetensors");
    fs::write(&file, seeded("mobilenet_v2")).unwrap();
    let file = file.to_str().unwrap();
    let robot = Worker::start(&["robot", "--size", "32", "--fps", "50", "--weights", file]);
    let mut console = Console::attach(robot.address);
    console.all(3, |f| f.outcome == "ok");
}

#[test]
fn a_folder_for_weights_that_is_none_is_told() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    refuses(
        &["server", "--listen", "127.0.0.1:0", "--weights-dir", file],
        1,
        &["cannot keep weights", file, "--weights-dir"],
    );
}

#[test]
fn a_log_filter_that_is_none_is_told_and_the_worker_runs() {
    let ended = splitscope(&["server", "--listen", "127.0.0.1:0", "--until-stdin-ends"])
        .env("SPLITSCOPE_LOG", "===")
        .output()
        .unwrap();
    let log = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{log}");
    assert!(log.contains("SPLITSCOPE_LOG=\"===\" is no filter"), "{log}");
    assert!(!log.contains('\x1b'), "colours in a file: {log:?}");
}
