//! Handles environment variables where clap falls short: an empty variable counts as unset, errors name the variable,
//! and unknown variables cause a warning.

mod usage;

use crate::{base::reading::nearest, config::is_number};
use clap::{
    Arg, ArgMatches, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{any::TypeId, ffi::OsString, path::PathBuf, str::FromStr};

/// Gives every flag that takes an unbounded whole number a parser with our messages.
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
    if !is_number(text) {
        return Err("it is not a whole number of 0 or more; write a number such as 1000".to_owned());
    }
    text.parse().map_err(|_| "it is too large; write a smaller number, such as 1000".to_owned())
}

/// Parses the arguments, and the variables of settings without an argument.
pub(super) fn parse(command: impl Fn() -> Command, arguments: &[OsString]) -> Result<ArgMatches, Error> {
    let command = || with_plain_numbers(command());
    let arguments = &with_negative_values(arguments);
    match command().try_get_matches_from(arguments) {
        // Help lists every variable, whether empty or not.
        Err(help) if !help.use_stderr() => Err(help),
        _ => without_empty_variables(command()).try_get_matches_from(arguments).map_err(|error| {
            if error.kind() == ErrorKind::InvalidUtf8 {
                return not_utf8(error, command(), arguments);
            }
            usage::in_our_words(with_hint(named_after_variable(error, command(), arguments)), command(), arguments)
        }),
    }
}

/// Joins a negative number to the flag before it. clap would take `-1` for a flag; no flag starts with a digit.
fn with_negative_values(arguments: &[OsString]) -> Vec<OsString> {
    let is_flag = |text: &str| text.strip_prefix("--").is_some_and(|name| !name.is_empty() && !name.contains('='));
    let is_negative = |text: &str| {
        text.strip_prefix('-')
            .is_some_and(|rest| rest.trim_start_matches('.').starts_with(|char: char| char.is_ascii_digit()))
    };
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut is_positional = false;
    for argument in arguments {
        match joined.last_mut() {
            Some(flag)
                if !is_positional
                    && flag.to_str().is_some_and(is_flag)
                    && argument.to_str().is_some_and(is_negative) =>
            {
                flag.push("=");
                flag.push(argument);
            }
            _ => joined.push(argument.clone()),
        }
        is_positional |= argument == "--";
    }
    joined
}

/// Adds the name of the variable or argument that is not UTF-8, which clap omits.
fn not_utf8(error: Error, mut command: Command, arguments: &[OsString]) -> Error {
    let verb = arguments.get(1).and_then(|verb| command.find_subcommand(verb));
    let variable = verb.into_iter().flat_map(Command::get_arguments).find_map(|flag| {
        let is_path = flag.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        let variable = flag.get_env().filter(|_| !is_path && !is_given(flag, arguments))?;
        std::env::var_os(variable).filter(|value| value.to_str().is_none())?;
        Some(variable.to_string_lossy().into_owned())
    });
    let place = variable.or_else(|| {
        let (at, argument) = arguments.iter().enumerate().find(|(_, argument)| argument.to_str().is_none())?;
        let before = at.checked_sub(1).and_then(|at| arguments[at].to_str()).filter(|flag| flag.starts_with("--"));
        Some(match (argument.to_string_lossy().split_once('='), before) {
            (Some((flag, _)), _) if flag.starts_with("--") => flag.to_owned(),
            (_, Some(flag)) => flag.to_owned(),
            _ => format!("the argument {:?}", argument.to_string_lossy()),
        })
    });
    let Some(place) = place else { return error };
    // clap only completes the usage of a subcommand when it is built.
    command.build();
    let problem = format!("{place} is not UTF-8; write it in UTF-8");
    match arguments.get(1).and_then(|verb| command.find_subcommand_mut(verb)) {
        Some(verb) => verb.error(ErrorKind::InvalidUtf8, problem),
        None => command.error(ErrorKind::InvalidUtf8, problem),
    }
}

/// Whether the command line contains a flag.
fn is_given(flag: &Arg, arguments: &[OsString]) -> bool {
    let Some(long) = flag.get_long().map(|long| format!("--{long}")) else { return false };
    arguments.iter().any(|argument| {
        argument.to_string_lossy().strip_prefix(&long).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

/// Removes variables that are empty, because Compose files and CI matrices can only empty a variable, not unset it.
fn without_empty_variables(command: Command) -> Command {
    command.mut_subcommands(|verb| {
        verb.mut_args(|flag| {
            let is_empty = flag.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            if is_empty { flag.env(None) } else { flag }
        })
    })
}

/// The prefix of all our variables.
const PREFIX: &str = "DOCENDORSE_MOCK_";

/// Names that other servers use for `--listen`.
const LISTEN_ELSEWHERE: [&str; 4] = ["port", "host", "bind", "address"];

/// Returns a warning for each variable that has our prefix but matches no setting, because it has no effect.
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
            format!("{PREFIX}{name} is set, but is not the variable of any setting; {fix}")
        })
        .collect();
    unknown.sort_unstable();
    unknown
}

/// The variable of a setting, if it is set.
pub(super) fn variable_of(setting: &str) -> Option<String> {
    let variable = format!("{PREFIX}{}", setting.replace('-', "_").to_uppercase());
    std::env::var_os(&variable).filter(|value| !value.is_empty()).map(|_| variable)
}

/// The variable that holds the path a message complains about, if there is one.
pub(super) fn variable_with_path_in(message: &str) -> Option<String> {
    ["CONFIG", "SCENARIOS", "CLIENT_KEY", "READY_FILE"].into_iter().find_map(|name| {
        let variable = format!("{PREFIX}{name}");
        let value = std::env::var(&variable).ok()?;
        let mut paths = value.split(',').map(|part| part.trim().rsplit('=').next().unwrap_or_default());
        let is_named = |path: &str| {
            let start = format!("{path}: ");
            message.starts_with(&start) || message.contains(&format!(" {start}"))
        };
        paths.any(|path| !path.is_empty() && is_named(path)).then_some(variable)
    })
}

/// Suggests `--listen` for flags such as `--port` that other servers use.
fn with_hint(mut error: Error) -> Error {
    if let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && (unknown == "-p" || unknown.strip_prefix("--").is_some_and(|name| LISTEN_ELSEWHERE.contains(&name)))
    {
        error.insert(ContextKind::SuggestedArg, ContextValue::String("--listen HOST:PORT".to_owned()));
    }
    error
}

/// Names the variable instead of the flag if the invalid value came from the variable; clap always blames the flag.
fn named_after_variable(mut error: Error, mut command: Command, arguments: &[OsString]) -> Error {
    let Some(ContextValue::String(blamed)) = error.get(ContextKind::InvalidArg) else { return error };
    // clap only formats the flags of a built command as its errors show them.
    command.build();
    let mut flags = command.get_subcommands().flat_map(Command::get_arguments);
    let variable = flags
        .find(|flag| flag.to_string() == *blamed)
        .and_then(|flag| flag.get_env().filter(|_| !is_given(flag, arguments)));
    if let Some(variable) = variable {
        let variable = variable.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}
