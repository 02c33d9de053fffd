//! Parsers for single values, shared by the command line, the environment and the file.

use crate::base::{chance::read_span, reading::quoted, urls::BaseUrl};
use bytesize::ByteSize;
use clap::{
    Arg, Command,
    builder::{PossibleValue, TypedValueParser},
};
use jiff::SignedDuration;
use std::ffi::OsStr;

/// Parses a size: a number of bytes, or a number with a unit.
pub(super) fn size(text: &str) -> Result<ByteSize, String> {
    let too_large = || format!("{text:?} is too large; write a smaller size, such as 1GiB");
    match text.parse::<ByteSize>() {
        // The parser accepts a sign, and saturates at its largest number.
        Ok(size) if text.starts_with(|char: char| char.is_ascii_digit() || char == '.') => {
            if size.as_u64() > LARGEST {
                Err(too_large())
            } else {
                Ok(size)
            }
        }
        Err(_) if is_size_but_large(text) => Err(too_large()),
        _ => Err(format!("{text:?} is not a size; write one such as 1MiB, 500kB or 1048576")),
    }
}

/// Maximum size and count: more than any machine can hold.
pub(super) const LARGEST: u64 = 1 << 53;

/// Whether a text would be a valid size with a smaller number.
fn is_size_but_large(text: &str) -> bool {
    let unit = text.trim_start_matches(|char: char| char.is_ascii_digit());
    unit.len() < text.len() && format!("1{unit}").parse::<ByteSize>().is_ok()
}

/// Whether a text consists of digits only. The standard library's parsers also accept a sign.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses a switch in any of the usual words. Help and completion offer only two.
#[derive(Clone, Copy, Debug)]
pub(super) struct SwitchParser;

impl TypedValueParser for SwitchParser {
    type Value = bool;

    fn parse_ref(&self, command: &Command, flag: Option<&Arg>, value: &OsStr) -> Result<bool, clap::Error> {
        let parser: fn(&str) -> Result<bool, String> = switch;
        parser.parse_ref(command, flag, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(["true", "false"].into_iter().map(PossibleValue::new)))
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "t" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "f" | "0" => Ok(false),
        _ => Err(format!("{text:?} is not a switch; write true or false")),
    }
}

/// Parses a duration: `90s`, `10m`, `1h 30m`, or ISO 8601 (`PT10M`).
///
/// # Errors
/// If the text is not a duration, or is negative.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    read_span(text)
}

/// Splits `host:port`. The host keeps the brackets of an IPv6 address.
///
/// # Errors
/// If the text does not have this form.
pub fn split_address(address: &str) -> Result<(&str, u16), String> {
    const EXAMPLE: &str = "write HOST:PORT, such as 127.0.0.1:4747";
    let wrong = |fix: &str| Err(format!("{address:?} is not an address; {fix}"));
    if let Some((_, rest)) = address.split_once("://") {
        let bare = rest.split('/').next().unwrap_or_default();
        return match split_address(bare) {
            Ok(_) => wrong(&format!("leave the scheme out; write {bare}")),
            Err(_) => wrong(&format!("leave the scheme out; {EXAMPLE}")),
        };
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return match address {
            "" => wrong(EXAMPLE),
            port if is_number(port) => wrong(&format!("it has no host; write HOST:PORT, such as 127.0.0.1:{port}")),
            host => wrong(&format!("it has no port; write HOST:PORT, such as {host}:4747")),
        };
    };
    if host.is_empty() {
        return wrong(&format!("it has no host; {EXAMPLE}"));
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return wrong("write an IPv6 address in brackets, such as [::1]:4747");
    }
    match port.parse() {
        Ok(number) if is_number(port) => Ok((host, number)),
        _ if is_number(port) => wrong(&format!("its port {port} is too large; ports go from 0 to 65535")),
        _ => wrong(&format!("its port {port:?} is not a number from 0 to 65535; {EXAMPLE}")),
    }
}

/// Splits a comma-separated list of `host:port` into at least one pair.
///
/// # Errors
/// If an entry does not have this form.
pub fn split_addresses(list: &str) -> Result<Vec<(&str, u16)>, String> {
    list.split(',').map(|address| split_address(address.trim())).collect()
}

/// Parses the addresses to listen on.
pub(crate) fn listen(text: &str) -> Result<String, String> {
    split_addresses(text).map(|_| text.to_owned())
}

/// Parses a base URL; a trailing slash is dropped.
pub(crate) fn base_url(text: &str) -> Result<BaseUrl, String> {
    text.parse()
}

/// Parses the HTTP status for error answers, which must allow a body.
pub(super) fn error_http_status(text: &str) -> Result<u16, String> {
    match text.parse().ok().filter(|_| is_number(text)) {
        Some(204 | 205 | 304) => Err(format!(
            "an answer with HTTP status {text} cannot have a body, but errors have one; choose another status, such as 200"
        )),
        Some(code @ 200..=599) => Ok(code),
        _ => {
            // A number may come without quotes, for example from a file.
            let shown = if text.parse::<f64>().is_ok_and(f64::is_finite) { text.to_owned() } else { quoted(text) };
            Err(format!("{shown} is not the HTTP status of an answer; write one from 200 to 599"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_the_clock_reads_them() {
        assert_eq!(duration("1d"), Ok(SignedDuration::from_hours(24)));
        assert_eq!(duration("PT10M"), Ok(SignedDuration::from_mins(10)));
        for wrong in ["-1s", "1 month", "soon", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
