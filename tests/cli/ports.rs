//! A port that is taken: the second worker says so and ends, and the first does not notice.

use crate::live::{Console, Worker};
use crate::support::refuses;

#[test]
fn a_taken_port_is_named_and_who_has_it_goes_on() {
    let robot = Worker::start(&["robot", "--size", "32", "--fps", "50"]);
    let mut console = Console::attach(robot.address);
    console.all(3, |f| f.outcome == "ok");
    let address = robot.address.to_string();
    for args in [&["robot", "--size", "32"][..], &["server"]] {
        refuses(
            &[args, &["--until-stdin-ends", "--listen", &address]].concat(),
            1,
            &[
                &format!("cannot listen on {address}"),
                "Address already in use (os error 98)",
                "another worker may be running there",
                "choose another with --listen",
            ],
        );
        console.all_so_far(|f| f.outcome == "ok");
    }
    console.all(10, |f| f.outcome == "ok");
    console.none_is_missing_or_twice();
}

/// 192.0.2.0/24 is for documents (RFC 5737): no machine has it.
#[test]
fn an_address_of_no_machine_is_told_apart_from_a_taken_one() {
    for command in ["robot", "server"] {
        refuses(
            &[command, "--until-stdin-ends", "--listen", "192.0.2.1:7401"],
            1,
            &[
                "cannot listen on 192.0.2.1:7401",
                "this machine has no such address",
            ],
        );
    }
}
