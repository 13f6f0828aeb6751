//! A robot, a router and a server in network namespaces of their own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

fn run(words: &[&str]) -> Result<(), String> {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let output = output.map_err(|e| format!("{}: {e}", words[0]))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{}: {said}", words.join(" ")))
}

/// Three namespaces: robot - router - server, and a cable from here to the robot for the console.
pub(crate) struct Net {
    id: String,
}

const SERVER: &str = "10.77.2.2:7402";
const ROBOT: &str = "10.77.9.2";

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Net {
    /// The namespaces, or none (with the reason printed) where the system refuses them.
    pub(crate) fn new() -> Option<Self> {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let net = Self {
            id: format!("{}{}", std::process::id(), (b'a' + next as u8) as char),
        };
        match net.build() {
            Ok(()) => Some(net),
            Err(reason) => {
                println!("skipped: no network namespaces here ({reason})");
                None
            }
        }
    }

    fn name(&self, of: &str) -> String {
        format!("ss{of}{}", self.id)
    }

    fn build(&self) -> Result<(), String> {
        let (r, x, s) = (self.name("r"), self.name("x"), self.name("s"));
        for ns in [&r, &x, &s] {
            run(&["ip", "netns", "add", ns])?;
        }
        // Interface names may have 15 characters.
        let link = |a: &str, b: &str| -> Result<(), String> {
            run(&["ip", "link", "add", a, "type", "veth", "peer", "name", b])
        };
        let place = |name: &str, ns: &str, to: &str, address: &str| -> Result<(), String> {
            run(&["ip", "link", "set", name, "netns", ns])?;
            run(&["ip", "-n", ns, "link", "set", name, "name", to])?;
            run(&["ip", "-n", ns, "addr", "add", address, "dev", to])?;
            run(&["ip", "-n", ns, "link", "set", to, "up"])
        };
        let [m0, m1, a0, a1, b0, b1] =
            ["m", "n", "a", "b", "c", "d"].map(|part| format!("v{part}{}", self.id));
        link(&m0, &m1)?;
        place(&m1, &r, "console", &format!("{}/24", self.robot_ip()))?;
        run(&[
            "ip",
            "addr",
            "add",
            &format!("{}/24", self.host_ip()),
            "dev",
            &m0,
        ])?;
        run(&["ip", "link", "set", &m0, "up"])?;
        link(&a0, &a1)?;
        place(&a0, &r, "radio", "10.77.1.2/24")?;
        place(&a1, &x, "robot", "10.77.1.1/24")?;
        link(&b0, &b1)?;
        place(&b0, &s, "cable", "10.77.2.2/24")?;
        place(&b1, &x, "server", "10.77.2.1/24")?;
        for ns in [&r, &s, &x] {
            run(&["ip", "-n", ns, "link", "set", "lo", "up"])?;
        }
        run(&[
            "ip",
            "-n",
            &r,
            "route",
            "add",
            "10.77.2.0/24",
            "via",
            "10.77.1.1",
        ])?;
        run(&[
            "ip",
            "-n",
            &s,
            "route",
            "add",
            "10.77.1.0/24",
            "via",
            "10.77.2.1",
        ])?;
        self.forwarding(true)
    }

    /// Tests run side by side: each has a console network of its own.
    fn subnet(&self) -> u32 {
        let letter = self.id.bytes().last().unwrap_or(b'a');
        u32::from(letter - b'a') + 10 * (std::process::id() % 20)
    }

    fn robot_ip(&self) -> String {
        ROBOT.replace(".9.", &format!(".{}.", 10 + self.subnet()))
    }

    fn host_ip(&self) -> String {
        let ip = self.robot_ip();
        format!("{}.1", &ip[..ip.len() - 2])
    }

    fn forwarding(&self, on: bool) -> Result<(), String> {
        let value = format!("net.ipv4.ip_forward={}", u8::from(on));
        run(&[
            "ip",
            "netns",
            "exec",
            &self.name("x"),
            "sysctl",
            "-qw",
            &value,
        ])
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for of in ["r", "x", "s"] {
            let _ = run(&["ip", "netns", "del", &self.name(of)]);
        }
        let _ = run(&["ip", "link", "del", &format!("vm{}", self.id)]);
    }
}

pub(crate) struct Worker {
    child: Child,
    pub(crate) address: String,
}

impl Worker {
    fn start(namespace: &str, args: &[&str]) -> Self {
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_splitscope")])
            .args(args)
            .arg("--until-stdin-ends")
            .env("SPLITSCOPE_LOG", "error")
            .env(
                "SPLITSCOPE_CACHE",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let (_, address) = line.trim().rsplit_once("ws://").expect("it says where");
        Self {
            child,
            address: address.to_owned(),
        }
    }

    fn kill(&mut self) {
        // `ip netns exec` becomes the program: the child is the worker itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running experiment.
pub(crate) struct Field {
    pub(crate) robot: Worker,
    server: Worker,
    net: Net,
}

impl Field {
    pub(crate) fn start(net: Net, size: u32, batch: u32) -> Self {
        let server = Worker::start(&net.name("s"), &["server", "--listen", SERVER]);
        let listen = format!("{}:7401", net.robot_ip());
        let (size, batch) = (size.to_string(), batch.to_string());
        let robot = Worker::start(
            &net.name("r"),
            &[
                "robot",
                "--listen",
                &listen,
                "--server",
                SERVER,
                "--size",
                &size,
                "--batch",
                &batch,
                "--model",
                "mobilenet_v2",
                "--fps",
                "30",
            ],
        );
        Self { robot, server, net }
    }

    fn in_robot(&self, words: &[&str]) {
        let name = self.net.name("r");
        let mut all = vec!["ip", "netns", "exec", &name];
        all.extend(words);
        run(&all).unwrap();
    }

    pub(crate) fn pull_cable(&mut self) {
        self.in_robot(&["ip", "link", "set", "radio", "down"]);
    }

    pub(crate) fn plug_cable(&mut self) {
        self.in_robot(&["ip", "link", "set", "radio", "up"]);
        // A link that goes down takes its routes along.
        self.in_robot(&["ip", "route", "replace", "10.77.2.0/24", "via", "10.77.1.1"]);
    }

    pub(crate) fn forwarding(&mut self, on: bool) {
        self.net.forwarding(on).unwrap();
    }

    pub(crate) fn kill_server(&mut self) {
        self.server.kill();
    }

    pub(crate) fn start_server(&mut self) {
        self.server = Worker::start(&self.net.name("s"), &["server", "--listen", SERVER]);
    }

    pub(crate) fn signal_server(&mut self, signal: &str) {
        let pid = self.server.child.id().to_string();
        run(&["kill", &format!("-{signal}"), &pid]).unwrap();
    }

    pub(crate) fn shape(&mut self, rate: &str) {
        self.in_robot(&[
            "tc", "qdisc", "replace", "dev", "radio", "root", "tbf", "rate", rate, "burst", "4kb",
            "limit", "60kb",
        ]);
    }

    /// Shapes what goes to the robot; what it sends is left alone.
    pub(crate) fn shape_down(&mut self, rate: &str) {
        let name = self.net.name("x");
        run(&[
            "ip", "netns", "exec", &name, "tc", "qdisc", "replace", "dev", "robot", "root", "tbf",
            "rate", rate, "burst", "4kb", "limit", "60kb",
        ])
        .unwrap();
    }

    pub(crate) fn unshape(&mut self) {
        self.in_robot(&["tc", "qdisc", "del", "dev", "radio", "root"]);
    }
}
