//! What cannot be asked for: exit code 2 and what could be, before anything is loaded or listens.

use crate::support::refuses;

/// A worker that starts although it should not ends at once by these, and with 0.
const ENDS: [&str; 3] = ["--until-stdin-ends", "--listen", "127.0.0.1:0"];

fn robot(args: &[&str], parts: &[&str]) {
    refuses(&[&["robot"], args, &ENDS].concat(), 2, parts);
}

fn demo(args: &[&str], parts: &[&str]) {
    refuses(
        &[&["demo", "--headless", "--frames", "1"], args].concat(),
        2,
        parts,
    );
}

#[test]
fn a_model_that_is_not_there_is_answered_with_those_that_are() {
    for ask in [robot, demo] {
        ask(
            &["--model", "vgg99"],
            &["unknown model \"vgg99\"", "vgg19_bn", "mobilenet_v2"],
        );
    }
}

#[test]
fn a_plan_that_does_not_suit_is_answered_with_what_would() {
    for ask in [robot, demo] {
        ask(
            &["--size", "32", "--cut", "999"],
            &["cut 999", "mobilenet_v2", "from 0", "to 153"],
        );
        for mode in ["local", "remote"] {
            ask(
                &["--mode", mode, "--cut", "3"],
                &["--cut belongs to --mode split or pipeline"],
            );
        }
        ask(&["--mode", "split"], &["needs --cut", "from 0 to 153"]);
        ask(&["--mode", "sideways"], &["'sideways'", "--mode"]);
        ask(
            &["--mode", "data", "--batch", "1"],
            &["data does not apply", "batch 1", "--batch N"],
        );
        ask(
            &["--cut", "3", "--share", "0.3"],
            &["--share belongs to --mode tensor or data or tile"],
        );
        ask(
            &["--mode", "tensor", "--tiles", "4"],
            &["--tiles belongs to --mode split or pipeline"],
        );
        ask(
            &["--mode", "tensor", "--share", "3"],
            &["from 0 to 1", "like 1,2,2"],
        );
        ask(&["--mode", "tile", "--share", "x"], &["\"x\" is no share"]);
        ask(&["--cut", "3", "--window", "99"], &["--window", "1..=16"]);
        ask(
            &["--size", "64", "--cut", "120", "--tiles", "64"],
            &["too few for 64 tiles"],
        );
        ask(&["--cut", "many"], &["'many'", "--cut"]);
    }
}

#[test]
fn an_image_that_the_model_cannot_take_is_answered_with_where_it_ends() {
    robot(
        &["--model", "vgg19", "--size", "8"],
        &["vgg19", "features.27", "the image is too small"],
    );
    demo(
        &["--model", "densenet121", "--size", "16"],
        &["densenet121", "the image is too small"],
    );
    for size in ["0", "32x", "x", "9000", "-3", "32x32x32"] {
        robot(
            &[&format!("--size={size}")],
            &["no size", "expected N or ROWSxCOLUMNS"],
        );
    }
}

#[test]
fn numbers_out_of_range_are_answered_with_the_range() {
    for fps in ["0", "-1", "nan", "inf", "20000", "fast"] {
        for ask in [robot, demo] {
            let fps = format!("--fps={fps}");
            ask(&[&fps], &["pictures per second above 0", "at most 10000"]);
        }
    }
    robot(&["--threads", "0"], &["--threads", "1..=256"]);
    for link in ["0", "-3", "abc", "inf"] {
        demo(&[&format!("--link={link}")], &["no rate", "megabits"]);
    }
}

#[test]
fn an_address_that_cannot_be_is_answered_with_one_that_can() {
    let bad = ["localhost:7401", "127.0.0.1", "7401", "127.0.0.1:99999"];
    for command in ["robot", "server"] {
        for listen in bad {
            let args = [command, "--until-stdin-ends", "--listen", listen];
            refuses(&args, 2, &[listen, "expected IP:PORT, like 127.0.0.1:7401"]);
        }
    }
    // Dialled as they are, these would be tried for ever.
    for server in [
        "gpu-box",
        "ws://gpu-box:7402",
        ":7402",
        "gpu-box:0",
        "gpu-box:99999",
    ] {
        robot(&["--server", server], &[server, "expected HOST:PORT"]);
    }
    for worker in ["http://robot:7401", "wss://robot:7401", "robot:x", ""] {
        refuses(
            &["attach", "--headless", "--seconds", "1", worker],
            2,
            &["no worker's address", "expected ws://HOST:PORT"],
        );
    }
}

#[test]
fn flags_that_need_another_say_which() {
    refuses(
        &["attach", "--json"],
        2,
        &["required arguments were not provided"],
    );
    refuses(&["attach", "--headless", "--frames", "0"], 2, &["--frames"]);
    refuses(
        &["attach", "--headless", "--seconds", "-1"],
        2,
        &["unexpected argument"],
    );
    robot(
        &["--weights", "a.pth", "--seed", "3"],
        &["--weights", "cannot be used with", "--seed"],
    );
    refuses(&["frobnicate"], 2, &["unrecognized subcommand"]);
}

#[test]
fn a_console_that_reaches_nobody_says_whom_it_tried() {
    let nobody = crate::support::free_port().to_string();
    let ended = crate::support::run(&["attach", "--headless", "--seconds", "1", &nobody]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let last = ended.stderr.lines().last().unwrap();
    assert_eq!(
        last,
        format!("splitscope: no worker answered at ws://{nobody}")
    );
}

/// A build without libtorch knows the flags, and says what it lacks.
#[cfg(not(feature = "torch"))]
#[test]
fn without_libtorch_workers_say_so() {
    let profile = &["profile", "--model", "vgg19"][..];
    for args in [
        &["robot"][..],
        &["server"],
        &["demo", "--headless"],
        profile,
    ] {
        refuses(
            args,
            1,
            &["built without libtorch", "`attach` works", "cargo xtask"],
        );
    }
}

#[test]
fn an_emulated_device_is_a_shipped_name_or_a_file_that_is_a_profile() {
    let emulated = |device: &'static str| ["server", "--engine", "emulated", "--device", device];
    refuses(
        &emulated("jetson-nano"),
        2,
        &[
            "\"jetson-nano\"",
            "jetson-xavier-nx",
            "gpu-server",
            "splitscope profile",
        ],
    );
    refuses(
        &emulated("Cargo.toml"),
        2,
        &["Cargo.toml: line", "unknown field"],
    );
    refuses(
        &["server", "--engine", "emulated"],
        2,
        &["required arguments"],
    );
    refuses(
        &["server", "--device", "gpu-server"],
        2,
        &["--engine emulated"],
    );
}

#[test]
fn a_processor_that_cannot_be_computed_on_is_refused_before_anything_starts() {
    robot(
        &["--torch-device", "tpu"],
        &["\"tpu\"", "cpu, cuda or cuda:N"],
    );
    robot(
        &[
            "--engine",
            "emulated",
            "--device",
            "gpu-server",
            "--torch-device",
            "cuda:1",
        ],
        &["--torch-device cuda:1", "--engine emulated"],
    );
    // No machine has so many.
    #[cfg(feature = "torch")]
    for command in ["robot", "server"] {
        let args = [&[command, "--torch-device", "cuda:200"][..], &ENDS].concat();
        refuses(&args, 2, &["cuda:200: this libtorch", "CUDA device"]);
    }
}

#[test]
fn a_check_without_the_measured_figures_says_that_it_is_skipped() {
    let args = ["profile", "--check", "--field", "/no/such/folder"];
    let ended = crate::support::run(&args);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert!(
        ended.stderr.contains("skipped: /no/such/folder"),
        "{}",
        ended.stderr
    );
}
