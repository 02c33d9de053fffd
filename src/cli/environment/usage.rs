//! Command line errors in our own words, with a fix.

use crate::base::{position::brief, reading::nearest};
use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

/// Adds a fix to errors that clap reports without one.
pub(super) fn in_our_words(error: Error, mut command: Command, arguments: &[OsString]) -> Error {
    // clap only completes the usage of a subcommand when it is built.
    command.build();
    let Some(problem) = problem(&error, &command, arguments) else { return error };
    match verb(&mut command, arguments) {
        Some(verb) => verb.error(error.kind(), problem),
        None => command.error(error.kind(), problem),
    }
}

fn verb<'c>(command: &'c mut Command, arguments: &[OsString]) -> Option<&'c mut Command> {
    let verb = command.find_subcommand_mut(arguments.get(1)?)?;
    let has_own = arguments.get(2).is_some_and(|own| verb.find_subcommand(own).is_some());
    if has_own { verb.find_subcommand_mut(&arguments[2]) } else { Some(verb) }
}

fn problem(error: &Error, command: &Command, arguments: &[OsString]) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    let one = |kind| context(kind).into_iter().next();
    let argument = one(ContextKind::InvalidArg);
    let value = one(ContextKind::InvalidValue).unwrap_or_default();
    let options = context(ContextKind::ValidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let argument = argument?;
            let fix = match one(ContextKind::SuggestedArg) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None if argument.starts_with('-') => format!("{} lists the flags", help(command, arguments)),
                None => fix_of_value(&argument, command, arguments),
            };
            Some(format!("unexpected argument '{argument}' found; {fix}"))
        }
        ErrorKind::InvalidValue => {
            let argument = argument?;
            let listed = options.join(", ");
            let known: Vec<&str> = options.iter().map(String::as_str).collect();
            let meant = nearest(&value, &known).map_or(String::new(), |word| format!("; did you mean '{word}'?"));
            // A flag at the end of the line has no value; `--flag=` has an empty value.
            let name = argument.split([' ', '=', '[']).next().unwrap_or_default();
            let is_last = arguments.last().is_some_and(|last| last == name);
            Some(match (value.is_empty(), is_last, options.is_empty()) {
                (true, true, true) => format!("a value is required for '{argument}'; write one after it"),
                (true, true, false) => format!("a value is required for '{argument}'; write one of {listed}"),
                (true, false, true) => {
                    format!("an entry of '{argument}' is empty; remove the extra comma, or leave the flag out")
                }
                (true, false, false) => format!("the value of '{argument}' is empty; write one of {listed}"),
                (false, _, true) => return None,
                (false, ..) => {
                    format!("invalid value '{}' for '{argument}'; write one of {listed}{meant}", brief(&value))
                }
            })
        }
        ErrorKind::TooManyValues => {
            let argument = argument?;
            Some(format!("unexpected value '{value}' for '{argument}'; it takes none; write only {argument}"))
        }
        ErrorKind::ArgumentConflict => {
            let argument = argument?;
            let others = context(ContextKind::PriorArg);
            if others.is_empty() || others.iter().all(|other| *other == argument) {
                return Some(format!("the argument '{argument}' cannot be used multiple times; give it once"));
            }
            let others = others.join("' and '");
            Some(format!("the argument '{argument}' cannot be used with '{others}'; remove one of them"))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = context(ContextKind::InvalidArg).join(" ");
            Some(format!("{missing} is missing; {} shows what it is", help(command, arguments)))
        }
        ErrorKind::InvalidSubcommand => {
            let unknown = one(ContextKind::InvalidSubcommand)?;
            let fix = match one(ContextKind::SuggestedSubcommand) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => format!("{} lists them", help(command, arguments)),
            };
            Some(format!("there is no command '{unknown}'; {fix}"))
        }
        _ => None,
    }
}

/// The command that prints the help for the subcommand.
fn help(command: &Command, arguments: &[OsString]) -> String {
    let verb = arguments.get(1).and_then(|verb| command.find_subcommand(verb));
    match verb {
        Some(verb) => format!("{} {} --help", command.get_name(), verb.get_name()),
        None => format!("{} --help", command.get_name()),
    }
}

/// Common words for on and off.
const SWITCH_WORDS: [&str; 12] = ["true", "yes", "on", "y", "t", "1", "false", "no", "off", "n", "f", "0"];

/// The fix for a value that belongs to no flag.
fn fix_of_value(value: &str, command: &Command, arguments: &[OsString]) -> String {
    let verb = arguments.get(1).and_then(|verb| command.find_subcommand(verb));
    let place = arguments.iter().position(|argument| argument == value).unwrap_or_default();
    let before = |back: usize| place.checked_sub(back).and_then(|at| arguments[at].to_str());
    let flag_at = |back: usize| {
        let name = before(back)?.strip_prefix("--")?;
        let name = name.split('=').next()?;
        verb?.get_arguments().find(|flag| flag.get_long() == Some(name))
    };
    let takes_value = |flag: &clap::Arg| flag.get_action().takes_values();
    match (flag_at(1), flag_at(2)) {
        (Some(flag), _) if takes_value(flag) && flag.is_require_equals_set() => {
            let word = if SWITCH_WORDS.contains(&&*value.to_lowercase()) { value } else { "true" };
            format!("write --{}={word}", flag.get_long().unwrap_or_default())
        }
        (Some(flag), _) if takes_value(flag) => {
            let (name, first) = before(1).and_then(|given| given.split_once('=')).unwrap_or_default();
            format!("write the whole value in quotes: {name}=\"{first} {value}\"")
        }
        (Some(flag), _) => format!("--{} takes no value; leave it out", flag.get_long().unwrap_or_default()),
        (None, Some(flag)) if takes_value(flag) && !flag.is_require_equals_set() => {
            let (name, first) = (before(2).unwrap_or_default(), before(1).unwrap_or_default());
            format!("write the whole value in quotes: {name} \"{first} {value}\"")
        }
        _ => format!("leave it out; {} shows what can be given", help(command, arguments)),
    }
}
