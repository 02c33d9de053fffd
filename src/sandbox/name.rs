//! The names that a sandbox can have.

/// Names with another meaning in a path: a path takes one dot for itself and two for what is above it, and `restore` is
/// an endpoint of the control plane.
const RESERVED: [&str; 3] = [".", "..", "restore"];

/// How to choose a name instead of one that is not valid.
pub(super) fn fix(name: &str) -> &'static str {
    if RESERVED.contains(&name) {
        "it has another meaning in a URL, as \".\", \"..\" and \"restore\" have; choose another"
    } else {
        "take 1 to 64 letters, digits, dots, dashes and underscores"
    }
}

pub(super) fn is_valid(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !RESERVED.contains(&name) && (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}
