//! `completions`: a script for a shell.

use clap::Args;
use clap_complete::Shell;
use std::io;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The shell to complete for.
    shell: Shell,
}

pub(super) fn completions(options: &Options, command: &mut clap::Command) {
    clap_complete::generate(options.shell, command, env!("CARGO_PKG_NAME"), &mut io::stdout());
}
