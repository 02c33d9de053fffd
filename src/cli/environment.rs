//! What clap leaves open about variables: an empty one counts as unset, a wrong one is called by its name, and one that
//! no setting has draws a warning.

use crate::base::reading::nearest;
use clap::{
    Arg, ArgMatches, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{any::TypeId, ffi::OsString, str::FromStr};

/// Reads whole numbers in our words, for every flag that takes one and has no bounds of its own.
fn with_plain_numbers(command: Command) -> Command {
    let plain = |flag: Arg| {
        let kind = flag.get_value_parser().type_id();
        if kind == TypeId::of::<usize>() {
            flag.value_parser(whole::<usize>)
        } else if kind == TypeId::of::<u64>() {
            flag.value_parser(whole::<u64>)
        } else {
            flag
        }
    };
    command.mut_subcommands(move |verb| verb.mut_args(plain))
}

fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            return "it is too large; write a smaller number, such as 1000".to_owned();
        }
        "it is not a whole number of 0 or more; write one such as 1000".to_owned()
    })
}

/// Parses the arguments, and the variables of those settings that no argument gives.
pub(super) fn parse(command: impl Fn() -> Command, arguments: &[OsString]) -> Result<ArgMatches, Error> {
    let command = || with_plain_numbers(command());
    match command().try_get_matches_from(arguments) {
        // Help names every variable, empty or not.
        Err(help) if !help.use_stderr() => Err(help),
        _ => without_empty_variables(command())
            .try_get_matches_from(arguments)
            .map_err(|error| with_hint(named_after_variable(error, command(), arguments))),
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

/// What every variable of ours begins with.
const PREFIX: &str = "DOCENDORSE_MOCK_";

/// What other servers call `--listen`.
const LISTEN_ELSEWHERE: [&str; 4] = ["port", "host", "bind", "address"];

/// One warning for each variable that has our prefix and is not a setting: it is a slip, and has no effect.
pub(super) fn unknown_variables(command: &Command) -> Vec<String> {
    let flags = command.get_subcommands().flat_map(Command::get_arguments);
    let variables = flags.filter_map(|flag| flag.get_env()?.to_str()?.strip_prefix(PREFIX));
    let mut known: Vec<&str> = variables.collect();
    known.sort_unstable();
    known.dedup();
    let mut unknown: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| Some(name.to_str()?.strip_prefix(PREFIX)?.to_owned()))
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| {
            let meant = if LISTEN_ELSEWHERE.contains(&name.to_lowercase().as_str()) {
                Some("LISTEN")
            } else {
                nearest(&name, &known)
            };
            let fix = match meant {
                Some(meant) => format!("did you mean {PREFIX}{meant}?"),
                None => "docendorse-mock serve --help lists them".to_owned(),
            };
            format!("{PREFIX}{name} is set, but no setting has that variable; {fix}")
        })
        .collect();
    unknown.sort_unstable();
    unknown
}

/// The flag that other servers call `--port`.
fn with_hint(mut error: Error) -> Error {
    if let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && (unknown == "-p" || unknown.strip_prefix("--").is_some_and(|name| LISTEN_ELSEWHERE.contains(&name)))
    {
        error.insert(ContextKind::SuggestedArg, ContextValue::String("--listen HOST:PORT".to_owned()));
    }
    error
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
