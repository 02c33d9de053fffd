//! `completions`: shell completion scripts.

use super::{Exit, Failure, print};
use crate::config::ServeOptions;
use clap::{Args, Command};
use clap_complete::Shell;

const NAME: &str = env!("CARGO_PKG_NAME");

#[derive(Args, Debug)]
pub(super) struct CompletionOptions {
    /// The shell.
    shell: Shell,
}

pub(super) fn completions(options: &CompletionOptions, command: Command) -> Result<Exit, Failure> {
    // Without a command, the flags are those of `serve`.
    let mut command = ServeOptions::augment_args(command);
    // Generated into memory first, because the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, NAME, &mut script);
    if options.shell == Shell::Bash {
        script = with_matching_labels(&String::from_utf8_lossy(&script)).into_bytes();
    }
    print(&script).map(|()| Exit::Fine)
}

/// Fixes the labels of the bash script so that it completes after subcommands.
///
/// The script keeps the subcommand in a variable such as `docendorse__mock__subcmd__ready` and compares it with one
/// label per subcommand. `clap_complete` writes each dash of the program's name as `__` in the value but as its
/// separator `__subcmd__` in the label, so no label ever matches.
fn with_matching_labels(script: &str) -> String {
    script.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__"))
}
