//! Connects to a server by its URL, and explains failures.

use crate::{base::io_error, config::DEFAULT_URL};
use std::io::{Error, ErrorKind};
use tokio::net::TcpStream;

/// The parts of a server's URL.
#[derive(Debug)]
pub(super) struct ServerAddress {
    /// The `Host` header.
    pub(super) host: String,
    /// Host and port to connect to.
    pub(super) address: String,
    /// The prefix of paths: empty, or `/…` without a trailing slash.
    pub(super) prefix: String,
}

impl ServerAddress {
    /// Parses an `http://` URL.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            let (_, rest) = url.split_once("://").unwrap_or(("", url));
            format!("docendorse-mock speaks plain HTTP; write http://{rest}")
        })?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { host: host.to_owned(), address, prefix })
    }

    pub(super) fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap_or_default()
    }

    /// Connects to the server.
    ///
    /// # Errors
    /// Returns a message with the reason and the fix.
    pub(super) async fn connect(&self) -> Result<TcpStream, String> {
        TcpStream::connect(&self.address).await.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &Error) -> String {
        let address = &self.address;
        let (name, _) = address.rsplit_once(':').unwrap_or((address, ""));
        match error.kind() {
            ErrorKind::ConnectionRefused => format!("nothing listens at {address}; {}", self.fix()),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                format!("{address} closes the connection immediately")
            }
            ErrorKind::TimedOut => format!("{address} does not accept the connection in time; check host and port"),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                format!("{address} cannot be reached over the network; check the host")
            }
            ErrorKind::PermissionDenied => format!("this machine does not allow connections to {address}"),
            ErrorKind::AddrNotAvailable | ErrorKind::InvalidInput => {
                format!("{address} cannot be the address of a server; check host and port")
            }
            // Errors of the resolver have no OS error code.
            _ if error.raw_os_error().is_none() => {
                format!("the host name {name:?} cannot be resolved; check its spelling, or use an IP address")
            }
            _ => format!("no connection to {address}: {}", io_error::reason(error)),
        }
    }

    /// The fix if nothing listens at the address.
    fn fix(&self) -> String {
        let is_here = ["127.", "localhost:", "[::1]:"].iter().any(|start| self.address.starts_with(start));
        if !is_here {
            return "check host and port, or start the server there".to_owned();
        }
        let start = if DEFAULT_URL.ends_with(&format!("//{}", self.address)) {
            "docendorse-mock".to_owned()
        } else {
            format!("docendorse-mock --listen {}", self.address)
        };
        let port = if self.host == self.address { "" } else { " (a URL without a port means port 80)" };
        format!("start the server with `{start}`, or give another one with --url{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_quotes_the_operating_system() {
        let server = ServerAddress::parse("http://mock.test:4747/x").unwrap();
        for code in (1..=133).chain([99_999]) {
            let error = Error::from_raw_os_error(code);
            let message = server.unreachable(&error);
            let theirs = error.to_string();
            let theirs = theirs.split(" (os error").next().unwrap_or_default();
            assert!(message.contains("mock.test") && !message.contains("os error"), "{code}: {message}");
            assert!(!message.contains(theirs), "{code}: {message}");
        }
    }

    #[test]
    fn a_local_address_suggests_starting_the_server() {
        let fix = |url: &str| ServerAddress::parse(url).unwrap().fix();
        assert_eq!(fix(DEFAULT_URL), "start the server with `docendorse-mock`, or give another one with --url");
        assert!(fix("http://[::1]:9").contains("`docendorse-mock --listen [::1]:9`"));
        assert!(fix("http://localhost").contains("`docendorse-mock --listen localhost:80`"));
        assert!(fix("http://localhost").ends_with("(a URL without a port means port 80)"));
        assert_eq!(fix("http://mock.test:80"), "check host and port, or start the server there");
    }
}
