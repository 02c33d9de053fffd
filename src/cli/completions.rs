//! `completions`: a script for a shell.

use super::{Exit, Failure, print};
use clap::Args;
use clap_complete::Shell;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The shell to complete for.
    shell: Shell,
}

pub(super) fn completions(options: &Options, command: &mut clap::Command) -> Result<Exit, Failure> {
    // Into memory first: what generates the script panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, command, env!("CARGO_PKG_NAME"), &mut script);
    print(&script).map(|()| Exit::Fine)
}
