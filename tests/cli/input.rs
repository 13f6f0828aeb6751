//! Picture folders that hold nothing usable, and one that holds a broken picture among good ones.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use tempfile::TempDir;

use crate::live::{Console, Worker};
use crate::support::refuses;

fn robot_refuses(folder: &Path, parts: &[&str]) {
    let folder = folder.to_str().unwrap();
    let args = [
        "robot",
        "--size",
        "32",
        "--listen",
        "127.0.0.1:0",
        "--until-stdin-ends",
        "--input",
        folder,
    ];
    refuses(&args, 1, &[&[folder, "synthetic"], parts].concat());
}

fn save(dir: &TempDir, name: &str) {
    RgbImage::from_pixel(40, 30, Rgb([90, 120, 30]))
        .save(dir.path().join(name))
        .unwrap();
}

#[test]
fn a_folder_that_gives_no_picture_is_told_with_what_would() {
    let dir = TempDir::new().unwrap();
    robot_refuses(
        &dir.path().join("nowhere"),
        &["could not read", "No such file or directory (os error 2)"],
    );
    robot_refuses(dir.path(), &["no pictures in", "it holds no files"]);
    let file = dir.path().join("notes.txt");
    fs::write(&file, "sunny").unwrap();
    robot_refuses(
        &file,
        &[
            "Not a directory (os error 20)",
            "a folder of .png or .jpg pictures",
        ],
    );
    robot_refuses(
        dir.path(),
        &["its one file does not end in .png, .jpg or .jpeg"],
    );
    fs::write(dir.path().join("a.png"), "no picture").unwrap();
    fs::write(dir.path().join("b.jpg"), [0xff; 999]).unwrap();
    robot_refuses(
        dir.path(),
        &[
            "none of the 2 pictures",
            "b.jpg is skipped: its content is neither PNG nor JPEG",
            "Put .png or .jpg pictures there",
        ],
    );
}

#[test]
fn a_broken_picture_among_good_ones_is_named_to_consoles_and_frames_go_on() {
    let dir = TempDir::new().unwrap();
    save(&dir, "a.png");
    save(&dir, "c.jpg");
    let whole = fs::read(dir.path().join("a.png")).unwrap();
    fs::write(dir.path().join("b.png"), &whole[..whole.len() / 2]).unwrap();
    let input = dir.path().to_str().unwrap();
    let robot = Worker::start(&["robot", "--size", "32", "--fps", "50", "--input", input]);
    let mut console = Console::attach(robot.address);
    console.all(20, |f| f.outcome == "ok");
    console.none_is_missing_or_twice();
    console.notice("b.png is skipped: it could not be decoded");
    robot.logs("b.png is skipped");
}
