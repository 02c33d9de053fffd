//! Output helpers shared by subcommands.

use clap::ValueEnum;

/// The audience of the output.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Audience {
    Human,
    Json,
}

/// Prepares text from a file for a terminal by replacing control characters.
pub(super) fn printable(text: &str) -> String {
    text.replace(|char: char| char.is_control() && char != '\n' && char != '\t', " ")
}
