//! The congestion control of connections within this machine.
//!
//! A shaped link is made of connections over loopback, and what paces them must be the relay alone. Some systems pace
//! every connection themselves, by a bandwidth that they measured (BBR): after a fade that they took for the bandwidth,
//! they hold a connection down long after the link is back. Such a model is of use on a network and not here.

use std::net::IpAddr;

use socket2::SockRef;

/// What holds a connection back by losses only, of which loopback has none; the first that the system lets us have.
#[cfg(target_os = "linux")]
const WITHOUT_A_MODEL: [&[u8]; 2] = [b"cubic", b"reno"];

/// Takes the system's pacing off a connection whose other end is on this machine. Any other keeps what its system
/// chose for it. Where this cannot be set, nothing happens.
pub fn unpace_within_this_machine<'s>(socket: impl Into<SockRef<'s>>) {
    let socket = socket.into();
    let ip = |end: std::io::Result<socket2::SockAddr>| Some(end.ok()?.as_socket()?.ip());
    if is_within_this_machine(ip(socket.local_addr()), ip(socket.peer_addr())) {
        unpace(&socket);
    }
}

/// Whether both ends have the same address, or the other one's leads nowhere else.
fn is_within_this_machine(here: Option<IpAddr>, there: Option<IpAddr>) -> bool {
    there.is_some_and(|there| there.to_canonical().is_loopback() || Some(there) == here)
}

#[cfg(target_os = "linux")]
fn unpace(socket: &SockRef<'_>) {
    let _taken = WITHOUT_A_MODEL
        .iter()
        .find(|name| socket.set_tcp_congestion(name).is_ok());
}

/// Other systems do not let a program choose.
#[cfg(not(target_os = "linux"))]
fn unpace(_socket: &SockRef<'_>) {}

/// For the tests of those who tune sockets.
#[cfg(test)]
#[cfg(target_os = "linux")]
pub(super) mod testing {
    use std::net::{TcpListener, TcpStream};

    use socket2::SockRef;

    /// A connection over loopback whose first end the system paces by a model; none where it has no such model.
    pub(crate) fn paced() -> Option<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        SockRef::from(&client).set_tcp_congestion(b"bbr").ok()?;
        Some((client, server))
    }

    /// Whether the system paces a connection by a model.
    pub(crate) fn is_paced<'s>(socket: impl Into<SockRef<'s>>) -> bool {
        let name = socket.into().tcp_congestion().unwrap();
        let name = name.split(|&byte| byte == 0).next().unwrap();
        !super::WITHOUT_A_MODEL.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_within_this_machine_is_taken_for_one() {
        let is_within =
            |here: &str, there: &str| is_within_this_machine(here.parse().ok(), there.parse().ok());
        assert!(is_within("127.0.0.1", "127.0.0.1"));
        assert!(is_within("127.0.0.1", "127.0.1.1"));
        assert!(is_within("::1", "::1"));
        assert!(is_within("::ffff:127.0.0.1", "::ffff:127.0.0.1"));
        assert!(is_within("192.168.1.7", "192.168.1.7"));
        assert!(!is_within("192.168.1.7", "192.168.1.8"));
        assert!(!is_within("2001:db8::1", "2001:db8::2"));
        assert!(!is_within("192.168.1.7", "not connected"));
    }
}
