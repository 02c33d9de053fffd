//! Runs the command line interface and returns its exit code.

use std::process::ExitCode;

/// Faster than the system allocator for many small allocations, especially in a static binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    docendorse_mock::cli::run()
}
