//! From an accepted TCP connection to a WebSocket of a known encoding, or an HTTP answer that says why not.
//!
//! The request is read here and not by the WebSocket library, so that everyone who knocks gets a sentence: a browser,
//! a script without the subprotocol, a port scanner.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::wire::console::{Encoding, SUBPROTOCOL, SUBPROTOCOL_JSON};

/// The longest request head read; honest ones have a few hundred bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// The longest message taken from a console: commands are small.
pub(super) const MAX_HEARD_BYTES: usize = 1 << 20;
/// How long a refused peer is listened to, so that closing does not destroy the answer under way to it.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// Why there will be no WebSocket.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejected {
    /// The request is answered with this status and sentence.
    #[error("answered {status}: {reason}")]
    Answered {
        status: &'static str,
        reason: String,
    },
    /// The connection ended before there was anything to answer.
    #[error("the connection ended inside the handshake: {0}")]
    Broken(#[from] io::Error),
}

fn answered(status: &'static str, reason: impl Into<String>) -> Rejected {
    Rejected::Answered {
        status,
        reason: reason.into(),
    }
}

/// Reads the request and answers it. A peer that is refused has its answer when this returns.
pub(super) async fn upgrade(
    stream: TcpStream,
    patience: Duration,
) -> Result<(WebSocketStream<TcpStream>, Encoding), Rejected> {
    let negotiated = tokio::time::timeout(patience, negotiate(&stream)).await;
    let late = || {
        answered(
            "408 Request Timeout",
            "no complete WebSocket request came in time",
        )
    };
    match negotiated.unwrap_or_else(|_| Err(late())) {
        Ok((encoding, early)) => {
            let config = WebSocketConfig::default()
                .read_buffer_size(16 << 10)
                .write_buffer_size(16 << 10)
                .max_message_size(Some(MAX_HEARD_BYTES))
                .max_frame_size(Some(MAX_HEARD_BYTES));
            let socket =
                WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config));
            Ok((socket.await, encoding))
        }
        Err(rejected) => {
            if let Rejected::Answered { status, reason } = &rejected {
                let text = answer_text(status, reason);
                let bye = async {
                    if write_all(&stream, text.as_bytes()).await.is_ok() {
                        drain(&stream).await;
                    }
                };
                let _ = tokio::time::timeout(FAREWELL, bye).await;
            }
            Err(rejected)
        }
    }
}

/// Reads a request, accepts it, and gives the encoding and what the client sent ahead of our answer.
async fn negotiate(stream: &TcpStream) -> Result<(Encoding, Vec<u8>), Rejected> {
    let mut head = Vec::with_capacity(1024);
    let (length, request) = loop {
        read_more(stream, &mut head).await?;
        match Request::try_parse(&head) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) if head.len() >= MAX_HEAD_BYTES => {
                let reason = format!("the request's head is over {MAX_HEAD_BYTES} bytes");
                return Err(answered("431 Request Header Fields Too Large", reason));
            }
            Ok(None) => {}
            Err(e) => return Err(answered("400 Bad Request", not_a_websocket(&e))),
        }
    };
    let mut response = create_response(&request)
        .map_err(|e| answered("426 Upgrade Required", not_a_websocket(&e)))?;
    if from_another_site(request.headers()) {
        return Err(answered(
            "403 Forbidden",
            "a web page of another site may not talk to this worker",
        ));
    }
    let (encoding, name) = choose(request.headers()).ok_or_else(|| {
        let reason = format!(
            "this worker speaks the WebSocket subprotocols {SUBPROTOCOL} and {SUBPROTOCOL_JSON}; ask for one of them \
             in Sec-WebSocket-Protocol"
        );
        answered("400 Bad Request", reason)
    })?;
    response
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(name));
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response)
        .map_err(|e| answered("500 Internal Server Error", e.to_string()))?;
    write_all(stream, &bytes).await?;
    Ok((encoding, head.split_off(length)))
}

fn not_a_websocket(error: &dyn std::error::Error) -> String {
    format!(
        "a splitscope worker listens here for WebSocket consoles (splitscope attach), and this is none: {error}"
    )
}

/// The encoding to use: the binary one if it was offered, else JSON, else none.
fn choose(headers: &HeaderMap) -> Option<(Encoding, &'static str)> {
    let offered = |name: &str| {
        headers
            .get_all("Sec-WebSocket-Protocol")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .any(|v| v.trim() == name)
    };
    [
        (Encoding::Binary, SUBPROTOCOL),
        (Encoding::Json, SUBPROTOCOL_JSON),
    ]
    .into_iter()
    .find(|(_, name)| offered(name))
}

/// Browsers let any page open a WebSocket to this machine, and say so in `Origin`; a robot is not to be steered so.
fn from_another_site(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    let site = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    headers.contains_key("Origin") && text("Origin").and_then(site).as_deref() != text("Host")
}

fn answer_text(status: &str, reason: &str) -> String {
    let upgrade = if status.starts_with("426") {
        "Upgrade: websocket\r\n"
    } else {
        ""
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{upgrade}Connection: \
         close\r\n\r\n{reason}\n",
        reason.len() + 1
    )
}

async fn read_more(stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 2048];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                into.extend_from_slice(&chunk[..n]);
                return Ok(());
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Says that nothing more comes, and reads what the peer still sends until it closes too: closing a socket with
/// unread bytes resets it, and the peer would lose our last words.
pub(super) async fn drain(stream: &TcpStream) {
    if SockRef::from(stream)
        .shutdown(std::net::Shutdown::Write)
        .is_err()
    {
        return;
    }
    let mut rest = Vec::new();
    while read_more(stream, &mut rest).await.is_ok() {
        rest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for &(name, value) in list {
            map.append(name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn the_binary_subprotocol_is_preferred_in_whatever_way_both_are_offered() {
        let name = "sec-websocket-protocol";
        let table: [(&[(&str, &str)], _); 6] = [
            (&[(name, "splitscope.v1")], Some(Encoding::Binary)),
            (&[(name, "splitscope.v1+json")], Some(Encoding::Json)),
            (
                &[(name, "splitscope.v1+json, splitscope.v1")],
                Some(Encoding::Binary),
            ),
            (
                &[(name, "splitscope.v1+json"), (name, "splitscope.v1")],
                Some(Encoding::Binary),
            ),
            (&[(name, "splitscope.v2, mqtt")], None),
            (&[], None),
        ];
        for (offer, chosen) in table {
            assert_eq!(choose(&headers(offer)).map(|c| c.0), chosen, "{offer:?}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_told_from_the_rest() {
        let host = ("host", "127.0.0.1:7401");
        assert!(!from_another_site(&headers(&[host])));
        assert!(!from_another_site(&headers(&[
            host,
            ("origin", "http://127.0.0.1:7401")
        ])));
        assert!(from_another_site(&headers(&[
            host,
            ("origin", "https://evil.example")
        ])));
        assert!(from_another_site(&headers(&[host, ("origin", "null")])));
    }
}
