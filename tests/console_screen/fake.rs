//! A worker on a real socket that does what a test's script says.

use std::net::{TcpListener, TcpStream};

use splitscope::wire::Record;
use splitscope::wire::console::{
    Encoding, Packed, SUBPROTOCOL, ToConsole, ToWorker, WorkerHello, unpack_binary,
};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept_hdr};

use crate::script::{batch, frame};

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
        let (stream, _) = listener.accept().unwrap();
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
        // A console that has all it wants may be gone.
        self.0.send(Message::binary(bytes)).ok();
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
