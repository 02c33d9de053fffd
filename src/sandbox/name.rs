//! The names that a sandbox can have.

use crate::base::names::{DOTS, is_name};

/// An endpoint of the control plane has this name.
const RESTORE: &str = "restore";

/// How to choose a name instead of one that is not valid.
pub(super) fn fix(name: &str) -> &'static str {
    if name == RESTORE || DOTS.contains(&name) {
        "it has another meaning in a URL, as \".\", \"..\" and \"restore\" have; choose another"
    } else {
        "take 1 to 64 letters, digits, dots, dashes and underscores"
    }
}

pub(super) fn is_valid(name: &str) -> bool {
    name != RESTORE && is_name(name, 64)
}
