//! Where a worker listens: `ws://HOST:PORT`, or `HOST:PORT` for short.

use std::fmt;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// A worker's WebSocket address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// A text is no worker's address.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no worker's address: {reason}; expected ws://HOST:PORT or HOST:PORT")]
pub struct AddressError {
    text: String,
    reason: String,
}

impl Address {
    /// `ws://HOST:PORT/`.
    pub fn url(&self) -> &str {
        &self.0
    }

    /// `HOST:PORT`, for the screen.
    pub fn short(&self) -> &str {
        self.0.trim_start_matches("ws://").trim_end_matches('/')
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end_matches('/'))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |reason: &str| AddressError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let url = match text.split_once("://") {
            Some(("ws", _)) => text.to_owned(),
            Some(("wss", _)) => return Err(error("wss:// is not supported")),
            Some((scheme, _)) => return Err(error(&format!("{scheme}:// is not a WebSocket"))),
            None => format!("ws://{text}"),
        };
        let uri: Uri = url.parse().map_err(|e| error(&format!("{e}")))?;
        let authority = uri.authority().ok_or_else(|| error("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(error("it names a user, and workers know none"));
        }
        if authority.host().is_empty() {
            return Err(error("it names no host"));
        }
        match authority.port_u16() {
            None => Err(error("it names no port from 1 to 65535")),
            Some(0) => Err(error("port 0 is no port to connect to")),
            Some(_) => Ok(Self(format!("ws://{authority}/"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_understood() {
        for (text, url) in [
            ("ws://10.0.0.2:7401", "ws://10.0.0.2:7401/"),
            ("jetson-nx:7401", "ws://jetson-nx:7401/"),
            ("ws://[::1]:7401/", "ws://[::1]:7401/"),
            ("localhost:7401", "ws://localhost:7401/"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().url(), url);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for (text, part) in [
            ("http://x:1", "http:// is not a WebSocket"),
            ("wss://x:1", "not supported"),
            ("jetson", "no port"),
            ("jetson:99999", "no worker's address"),
            ("jetson:0", "port 0"),
            ("ws://", "no worker's address"),
            ("", "no worker's address"),
            ("a b:1", "no worker's address"),
            ("u@h:1", "names a user"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
