//! Binds listeners to the addresses in the settings.

use super::ServerError;
use crate::{base::io_error, config::split_addresses};
use std::io::{Error, ErrorKind};
use tokio::net::TcpListener;

/// Number of attempts to find a free port that is available on every address.
const ATTEMPTS: usize = 100;

#[derive(Debug, PartialEq, Eq)]
struct BindTarget<'a> {
    host: &'a str,
    port: u16,
    /// One of the two addresses of `localhost`; a machine may lack one of them.
    is_loopback: bool,
}

/// The result of binding every address once.
enum Round {
    Bound(Vec<TcpListener>),
    /// The port that the system picked is in use on another address. The listeners keep the system from picking it
    /// again.
    Taken(Vec<TcpListener>, ServerError),
}

/// Binds every address of a list. `localhost` means both loopback addresses, or the one that the machine has. Port 0
/// means a free port, the same one for all addresses.
///
/// # Errors
/// If an address cannot be bound.
pub(super) async fn bind(list: &str) -> Result<Vec<TcpListener>, ServerError> {
    let targets = targets(list).map_err(|reason| ServerError::Bind { address: list.to_owned(), reason })?;
    let mut held = Vec::new();
    loop {
        match bind_once(&targets).await? {
            Round::Bound(listeners) => return Ok(listeners),
            Round::Taken(_, error) if held.len() >= ATTEMPTS => return Err(error),
            Round::Taken(listeners, _) => held.push(listeners),
        }
    }
}

fn targets(list: &str) -> Result<Vec<BindTarget<'_>>, String> {
    let mut targets: Vec<BindTarget<'_>> = Vec::new();
    for (host, port) in split_addresses(list)? {
        let is_loopback = host.eq_ignore_ascii_case("localhost");
        let hosts: &[&str] = if is_loopback { &["127.0.0.1", "[::1]"] } else { &[host] };
        for host in hosts {
            if !targets.iter().any(|known| known.host == *host && known.port == port) {
                targets.push(BindTarget { host, port, is_loopback });
            }
        }
    }
    Ok(targets)
}

async fn bind_once(targets: &[BindTarget<'_>]) -> Result<Round, ServerError> {
    let mut listeners = Vec::new();
    let mut picked = 0;
    let mut absent = None;
    for target in targets {
        let port = if target.port == 0 { picked } else { target.port };
        let address = format!("{}:{port}", target.host);
        let bound = async {
            let listener = TcpListener::bind(&address).await?;
            let port = listener.local_addr()?.port();
            Ok::<_, Error>((listener, port))
        };
        match bound.await {
            Ok((listener, port)) => {
                if target.port == 0 {
                    picked = port;
                }
                listeners.push(listener);
            }
            Err(error) => {
                let failed = ServerError::Bind { reason: reason(&error, &address), address };
                if target.is_loopback && is_absent(&error) {
                    absent = Some(failed);
                } else if error.kind() == ErrorKind::AddrInUse && target.port == 0 && picked != 0 {
                    return Ok(Round::Taken(listeners, failed));
                } else {
                    return Err(failed);
                }
            }
        }
    }
    match absent {
        Some(failed) if listeners.is_empty() => return Err(failed),
        Some(failed) => tracing::info!("{failed}; listening on the other loopback address only"),
        None => {}
    }
    Ok(Round::Bound(listeners))
}

/// Whether the machine lacks the address, such as one without IPv6. Systems report that in different ways.
fn is_absent(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) && !is_out_of_files(error)
}

fn is_out_of_files(error: &Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

fn reason(error: &Error, address: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "port {port} is in use; stop the program that uses it, or choose another one with --listen 127.0.0.1:0"
            )
        }
        ErrorKind::PermissionDenied => {
            format!("port {port} needs more privileges; choose a port above 1023")
        }
        ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; 127.0.0.1 and 0.0.0.0 always exist".to_owned()
        }
        // Errors of the resolver have no OS error code.
        _ if error.raw_os_error().is_none() => {
            format!("the host name {host:?} cannot be resolved; use an IP address such as 127.0.0.1, or localhost")
        }
        _ => io_error::reason(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(list: &str) -> Vec<(&str, u16)> {
        targets(list).unwrap().into_iter().map(|target| (target.host, target.port)).collect()
    }

    #[test]
    fn localhost_is_both_loopback_addresses() {
        assert_eq!(hosts("localhost:1"), [("127.0.0.1", 1), ("[::1]", 1)]);
        assert_eq!(hosts("LocalHost:0"), [("127.0.0.1", 0), ("[::1]", 0)]);
        assert_eq!(hosts("[::1]:1, localhost:1"), [("[::1]", 1), ("127.0.0.1", 1)], "each once");
        assert_eq!(hosts("127.0.0.1:1,127.0.0.1:2"), [("127.0.0.1", 1), ("127.0.0.1", 2)]);
    }

    #[test]
    fn only_an_unavailable_address_is_left_out() {
        assert!(is_absent(&ErrorKind::AddrNotAvailable.into()) && is_absent(&ErrorKind::Unsupported.into()));
        assert!(!is_absent(&ErrorKind::AddrInUse.into()) && !is_absent(&ErrorKind::PermissionDenied.into()));
    }
}
