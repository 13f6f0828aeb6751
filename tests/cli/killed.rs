//! A server that is killed under traffic, and another one in its place.

use crate::live::{Console, Frame, Worker};
use crate::support::free_port;

#[test]
fn frames_go_on_without_the_server_and_return_to_the_plan_with_the_next() {
    let port = free_port();
    let server = Worker::listening(&["server"], port);
    let to = port.to_string();
    let robot = Worker::start(&[
        "robot", "--size", "32", "--fps", "50", "--cut", "30", "--server", &to,
    ]);
    let mut console = Console::attach(robot.address);
    let planned = |f: &Frame| f.outcome == "ok" && f.mode == "split" && f.cut == Some(30);
    console.until_in_a_row(20, planned);
    server.kill();
    // Those that were on their way may still be `ok`; none may fail.
    console.until_in_a_row(30, |f| f.outcome == "finished_locally");
    let _next = Worker::listening(&["server"], port);
    console.until_in_a_row(20, planned);
    console.none_is_missing_or_twice();
    for frame in &console.frames {
        assert_ne!(frame.outcome, "failed", "{frame:?}");
    }
}
