//! What clap leaves open about variables: an empty one counts as unset, and a wrong one is called by its name.

use clap::{
    ArgMatches, Command, Error,
    error::{ContextKind, ContextValue},
};
use std::ffi::OsString;

/// Parses the arguments, and the variables of those settings that no argument gives.
pub(super) fn parse(command: impl Fn() -> Command, arguments: &[OsString]) -> Result<ArgMatches, Error> {
    match command().try_get_matches_from(arguments) {
        // Help names every variable, empty or not.
        Err(help) if !help.use_stderr() => Err(help),
        _ => without_empty_variables(command())
            .try_get_matches_from(arguments)
            .map_err(|error| named_after_variable(error, command(), arguments)),
    }
}

/// Compose files and CI matrices can only empty a variable, not unset it.
fn without_empty_variables(command: Command) -> Command {
    command.mut_subcommands(|verb| {
        verb.mut_args(|flag| {
            let is_empty = flag.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            if is_empty { flag.env(None) } else { flag }
        })
    })
}

/// Clap blames the flag for the value of its variable, too; but a flag that was not given cannot be mended.
fn named_after_variable(mut error: Error, mut command: Command, arguments: &[OsString]) -> Error {
    let Some(ContextValue::String(blamed)) = error.get(ContextKind::InvalidArg) else { return error };
    // Only flags of a built command can be shown as the error shows them.
    command.build();
    let mut flags = command.get_subcommands().flat_map(Command::get_arguments);
    let variable = flags.find(|flag| flag.to_string() == *blamed).and_then(|flag| {
        let long = format!("--{}", flag.get_long()?);
        let is_given = arguments.iter().any(|argument| {
            argument.to_string_lossy().strip_prefix(&long).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        });
        flag.get_env().filter(|_| !is_given)
    });
    if let Some(variable) = variable {
        let variable = variable.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}
