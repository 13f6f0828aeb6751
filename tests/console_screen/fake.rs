//! A worker on a real socket that does what a test's script says.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use splitscope::clock;
use splitscope::wire::Record;
use splitscope::wire::console::{
    Encoding, Packed, SUBPROTOCOL, ToConsole, ToWorker, WorkerHello, unpack_binary,
};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, accept_hdr};

use crate::script::{batch, frame};

/// So long that only a fault makes it pass: a console that does not come, reads nothing or says nothing fails its test
/// instead of holding it up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port with a worker's script behind it, on a thread that ends with the test.
pub(crate) fn worker(script: impl FnOnce(TcpListener) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || script(listener));
    address
}

/// A console as its worker sees it.
pub(crate) struct Console(pub(crate) WebSocket<TcpStream>);

impl Console {
    /// Takes a console in as a worker does: the subprotocol is the one it must offer.
    #[expect(
        clippy::result_large_err,
        reason = "the handshake's callback is made so"
    )]
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let stream = called(listener);
        let answer =
            |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
                let offered = request.headers().get("Sec-WebSocket-Protocol");
                assert_eq!(offered.unwrap(), SUBPROTOCOL);
                let chosen = HeaderValue::from_static(SUBPROTOCOL);
                response
                    .headers_mut()
                    .insert("Sec-WebSocket-Protocol", chosen);
                Ok(response)
            };
        Self(accept_hdr(stream, answer).unwrap())
    }

    pub(crate) fn say(&mut self, message: &ToConsole) {
        let Packed::Binary(bytes) = Encoding::Binary.pack(message) else {
            panic!("not binary");
        };
        // A console that has all it wants may be gone; one that is there and reads nothing is a fault.
        if let Err(Error::Io(error)) = self.0.send(Message::binary(bytes)) {
            assert!(!is_over(&error), "the console does not read: {error}");
        }
    }

    pub(crate) fn greet(&mut self, hello: WorkerHello) {
        self.say(&ToConsole::Hello(Box::new(hello)));
    }

    pub(crate) fn frames(&mut self, epoch: u32, numbers: std::ops::Range<u64>) {
        let records = numbers.map(|n| Record::Frame(Box::new(frame(n, epoch, 28))));
        self.say(&ToConsole::Telemetry(batch(1, records.collect())));
    }

    pub(crate) fn hear(&mut self) -> ToWorker {
        loop {
            if let Message::Binary(bytes) = self.0.read().unwrap() {
                return unpack_binary("a console's message", &bytes).unwrap();
            }
        }
    }

    /// Stays until the console leaves.
    pub(crate) fn wait(mut self) {
        while self.0.read().is_ok() {}
    }
}

/// The console that calls, with a limit on every wait for it.
fn called(listener: &TcpListener) -> TcpStream {
    let until = clock::now().shifted(PATIENCE.as_nanos() as i64);
    listener.set_nonblocking(true).unwrap();
    let stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("no console: {error}"),
        }
        assert!(clock::now() < until, "no console calls for {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    };
    listener.set_nonblocking(false).unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn is_over(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
