//! What several subcommands print alike.

use clap::ValueEnum;

/// For whom something is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Audience {
    Human,
    Json,
}

/// Text of a file for a terminal, without control characters that it would act on.
pub(super) fn printable(text: &str) -> String {
    text.replace(|char: char| char.is_control() && char != '\n' && char != '\t', " ")
}
