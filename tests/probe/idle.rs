//! A server that computes nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use splitscope::engine::{Engine, EngineError};
use splitscope::model::{Graph, Node, Region, Span};
use splitscope::plan::{Piece, Term, Value};
use splitscope::worker::server::{Server, ServerOptions};

/// Computes nothing: these tests send no frame to its end.
struct Idle;

impl Engine for Idle {
    type Payload = ();
    type Place = ();

    fn describe(&self) -> String {
        "nothing".to_owned()
    }

    fn place(&self) -> Self::Place {}

    fn on_lane(&mut self, body: &mut dyn FnMut(&mut Self)) {
        body(self);
    }

    fn compute(
        &mut self,
        _: &Graph,
        _: &Node,
        _: &Region,
        _: Option<(Span, Term)>,
        _: &[Piece<()>],
    ) -> Result<(), EngineError> {
        Ok(())
    }

    fn reduce(&mut self, _: &Node, _: &[Piece<()>]) -> Result<(), EngineError> {
        Ok(())
    }

    fn assemble(&mut self, _: &Node, _: &Region, _: &[Piece<()>]) -> Result<(), EngineError> {
        Ok(())
    }

    fn export(graph: &Graph, value: &Value, _: &[Piece<()>]) -> Result<Vec<u8>, EngineError> {
        Ok(vec![0; value.bytes(graph).0 as usize])
    }

    fn import((): &(), _: &Graph, _: &Value, _: &[u8]) -> Result<(), EngineError> {
        Ok(())
    }
}

pub(crate) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn server() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(ServerOptions {
        power: splitscope::power::Discovered::default(),
        listen: any_port(),
        weights_dir: dir.path().to_owned(),
        factory: Arc::new(|_, _| Ok(Idle)),
        engine_name: "nothing".to_owned(),
        core: None,
        host: "gpu-box".to_owned(),
        spool: None,
    });
    (server.unwrap(), dir)
}
