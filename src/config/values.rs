//! How single values are read. Each rule stands here once, for the command line, the environment and the file alike.

use crate::base::{chance::read_span, urls::BaseUrl};
use bytesize::ByteSize;
use jiff::SignedDuration;

/// Reads a size: bytes, or a number with a unit.
pub(super) fn size(text: &str) -> Result<ByteSize, String> {
    text.parse().map_err(|_| format!("{text:?} is no size; write one such as 1MiB, 500kB or 1048576"))
}

/// Reads a span of time: `90s`, `10m`, `1h 30m`, or ISO 8601 (`PT10M`).
///
/// # Errors
/// When it is none, or a negative one.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    read_span(text)
}

/// Splits `host:port`; the host keeps the brackets of an IPv6 address.
///
/// # Errors
/// When it is no such pair.
pub fn split_address(address: &str) -> Result<(&str, u16), String> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && (!host.contains(':') || host.starts_with('[')) => Ok((host, port)),
        _ => Err(format!("{address:?} is no address; write HOST:PORT, such as 127.0.0.1:4747")),
    }
}

/// Splits a list of `host:port`, separated by commas, into its pairs; there is at least one.
///
/// # Errors
/// When one of them is not such a pair.
pub fn split_addresses(list: &str) -> Result<Vec<(&str, u16)>, String> {
    list.split(',').map(|address| split_address(address.trim())).collect()
}

/// Reads the addresses to listen on.
pub(crate) fn listen(text: &str) -> Result<String, String> {
    split_addresses(text).map(|_| text.to_owned())
}

/// Reads what every URL that is handed out begins with; a slash at its end is dropped.
pub(crate) fn base_url(text: &str) -> Result<BaseUrl, String> {
    text.parse()
}

/// Reads the HTTP status of error answers. They have a body, so it must be one that allows a body.
pub(super) fn error_http_status(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(204 | 205 | 304) => Err(format!(
            "an answer with HTTP status {text} has no body, but an error has one; choose another, such as 200"
        )),
        Ok(code @ 200..=599) => Ok(code),
        _ => Err(format!("{text:?} is no HTTP status of an answer; write one from 200 to 599")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_the_clock_reads_them_and_are_never_negative() {
        assert_eq!(duration("1d"), Ok(SignedDuration::from_hours(24)));
        assert_eq!(duration("PT10M"), Ok(SignedDuration::from_mins(10)));
        for wrong in ["-1s", "1 month", "soon", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
