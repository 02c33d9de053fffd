//! Validates sandbox names.

use crate::base::names::{DOTS, is_name};

/// Reserved: an endpoint of the control plane has this name.
const RESTORE: &str = "restore";

/// Explains how to fix an invalid name.
pub(super) fn fix(name: &str) -> &'static str {
    if name == RESTORE || DOTS.contains(&name) {
        "\".\", \"..\" and \"restore\" are reserved; choose another name"
    } else {
        "use 1 to 64 letters, digits, dots, dashes and underscores"
    }
}

pub(super) fn is_valid(name: &str) -> bool {
    name != RESTORE && is_name(name, 64)
}
