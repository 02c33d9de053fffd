//! Parses the command line and maps the outcome to an exit code; nothing else.

use std::process::ExitCode;

/// Many small allocations a second cost less with it, above all in a static binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    docendorse_mock::cli::run()
}
