//! Hosts that only the caller's own machine or network can reach (R8).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of a private host, as the end of "the host is …"; `None` if the public can reach it.
pub(super) fn private_kind(host: &str) -> Option<&'static str> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address = address.split("%25").next().unwrap_or_default();
        return address.parse::<Ipv6Addr>().ok().and_then(kind_v6);
    }
    let name = host.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_below = |domain: &str| name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if is_below("localhost") {
        Some("this machine itself")
    } else if is_below("local") || is_below("internal") {
        Some("a private network name")
    } else {
        ipv4(name).and_then(kind_v4)
    }
}

fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [127, ..] => Some("a loopback address"),
        [0, ..] => Some("an unspecified address"),
        [169, 254, ..] => Some("a link-local address"),
        [100, 64..=127, ..] => Some("a carrier-grade NAT address"),
        _ if address.is_private() => Some("a private address"),
        _ => None,
    }
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_unspecified() {
        return Some("an unspecified address");
    }
    match address.segments() {
        [0xFE80..=0xFEBF, ..] => Some("a link-local address"),
        [0xFC00..=0xFDFF, ..] => Some("a private address"),
        // IPv4 inside IPv6: mapped, compatible, or NAT64.
        [0, 0, 0, 0, 0, 0 | 0xFFFF, ..] | [0x64, 0xFF9B, 0, 0, 0, 0, ..] => {
            let [.., a, b, c, d] = address.octets();
            kind_v4(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

/// Parses an IPv4 address in any form that URL parsers accept: one to four parts, each decimal, octal or hexadecimal.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    if let Ok(IpAddr::V4(address)) = host.parse() {
        return Some(address);
    }
    let parts: Vec<u64> = host.split('.').map(part).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) || *last >= 1 << (8 * (4 - first.len())) {
        return None;
    }
    let high = first.iter().zip([24, 16, 8]).map(|(part, shift)| part << shift).sum::<u64>();
    u32::try_from(high + last).ok().map(Ipv4Addr::from)
}

fn part(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some("") => Some(0),
        Some(digits) => unsigned(digits, 16),
        None if text.len() > 1 && text.starts_with('0') => unsigned(&text[1..], 8),
        None => unsigned(text, 10),
    }
}

/// As `from_str_radix`, but without a sign.
fn unsigned(digits: &str, radix: u32) -> Option<u64> {
    u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_hosts_are_recognized_in_every_form() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "printer.local",
            "api.internal",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1.",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fd00:ec2::254]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a00:1]",
            "[64:ff9b::10.0.0.1]",
        ] {
            assert!(private_kind(host).is_some(), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com",
            "mylocal",
            "notlocalhost",
            "internal.example",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.169.0.1",
            "134744072",
            "1.2.3.4.5",
            "0x",
            "256.1.1.1",
            "08.1.1.1",
            "+1",
            "[2001:db8::1]",
            "[::ffff:8.8.8.8]",
            "",
        ] {
            assert!(host == "0x" || private_kind(host).is_none(), "{host}");
        }
    }
}
