//! The command line interface: one file per subcommand, and their shared exit codes.

mod completions;
mod connect;
mod decode;
mod environment;
mod http_client;
mod keys;
mod locate;
mod output;
mod probe;
mod race;
mod ready;
mod ready_file;
mod scenarios;
mod serve;
#[doc(hidden)]
pub mod signals;
mod token;
mod validate;

use crate::{
    base::{io_error, panics, reading::with_json_escapes},
    config::{ConfigError, ServeOptions, Settings},
    domain::scenario::utf8,
};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, parser::ValueSource};
use std::{
    ffi::OsString,
    fmt::Display,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

/// Exit codes of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Success.
    Fine = 0,
    /// An expectation failed.
    Failed = 1,
    /// Invalid command line.
    Usage = 2,
    /// Invalid file; the message names the place.
    File = 3,
    /// A failure of the environment, such as a port in use.
    Runtime = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A subcommand's failure: a one-line message and the exit code.
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: with_json_escapes(&message.into()).into_owned() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let exit = match &error {
            ConfigError::File(_) => Exit::File,
            ConfigError::Value { .. } => Exit::Usage,
        };
        Self::new(exit, error.to_string())
    }
}

#[derive(Debug, Parser)]
#[command(
    name = "docendorse-mock",
    version,
    override_usage = "docendorse-mock [OPTIONS]\n       docendorse-mock <COMMAND>",
    about = "A stand-in for DocEndorse's handoff to the e-sign agent.",
    long_about = "A stand-in for DocEndorse's handoff to the e-sign agent: it keeps the contract exactly and gives every answer on demand.\n\n\
        Without a command it serves: `docendorse-mock --listen 127.0.0.1:0` means `docendorse-mock serve --listen 127.0.0.1:0`.",
    after_help = "\
Try it:
  docendorse-mock &
  curl http://127.0.0.1:4747/api/v1/agent-sessions/create \\
    -H 'Authorization: Bearer ACCESS_TOKEN' -H 'Content-Type: application/json' \\
    -d '{\"handoff_id\": \"acme-1\", \"intent\": \"self_sign\",
         \"actor\": {\"external_user_id\": \"usr_1\", \"email\": \"sam+verify_email@example.com\"},
         \"integration\": {\"source\": \"chat\", \"source_conversation_id\": \"c\", \"source_message_id\": \"m\"},
         \"context\": {\"summary\": \"Sam wants to sign an NDA.\"}}'

Magic emails: a plus tag in the actor's email selects the answer:
  +success  +require_subscription  +verify_email  +register  +error  +slow

Exit codes: 0 success, 1 failed check, 2 invalid usage, 3 invalid file, 4 runtime error."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the server (the default command).
    #[command(after_help = "\
Each flag can also be set by an environment variable or a key in the --config file.
Flags override the environment, the environment overrides the file, the file overrides the defaults.")]
    Serve(Box<ServeOptions>),
    /// Check that a server is ready; exits with 0 if it is.
    #[command(after_help = locate::HELP)]
    Ready(Box<ready::ReadyOptions>),
    /// Check request bodies and scenario files without a server.
    #[command(after_help = "\
A .yaml or .yml file is read as a scenario, and so is any other text that has \"answers\" but no
\"handoff_id\" at its top level. Everything else is read as the body of a handoff. --as overrides this
and also selects the bodies of the signing service. The same rules apply to standard input.

As on the server, a handoff must not start with a byte order mark; a scenario may.")]
    Validate(validate::ValidateOptions),
    /// List scenarios in the order in which they are tried.
    List(scenarios::ListOptions),
    /// Print the source file of a scenario.
    Show(scenarios::ShowOptions),
    /// Request an access token; can also send invalid assertions on purpose.
    #[command(after_help = "\
Only the token is printed, so this works: TOKEN=$(docendorse-mock token)
Exits with 1 if the server refuses, naming the claim that failed, and with 4 if it does not answer.

The server is found in the same way as by `ready`; see docendorse-mock ready --help.")]
    Token(Box<token::TokenOptions>),
    /// Check an assertion or access token claim by claim, as a server would.
    #[command(after_help = "Exits with 1 if a server would refuse it, and with 3 if the text is not a signed JWT.")]
    Decode(decode::DecodeOptions),
    /// Simulate agents competing for one signature: who wins, when, and by how much.
    #[command(after_help = race::AFTER_HELP)]
    Race(Box<race::RaceOptions>),
    /// Create key pairs for clients.
    #[command(subcommand)]
    Keys(keys::KeyOptions),
    /// Print name and version.
    Version,
    /// Print a shell completion script.
    Completions(completions::CompletionOptions),
}

/// Runs the program with the process's arguments, and returns the exit code.
#[must_use]
pub fn run() -> ExitCode {
    panics::silence_caught();
    let arguments = with_default_verb(std::env::args_os().collect());
    let matches = match environment::parse(Cli::command, &arguments) {
        Ok(matches) => matches,
        Err(error) => {
            record_usage_error(&arguments, &error);
            return print_clap_result(&error);
        }
    };
    let is_flag = |setting: &str| {
        matches.subcommand().is_some_and(|(_, verb)| {
            matches!(verb.try_contains_id(setting), Ok(true))
                && verb.value_source(setting) == Some(ValueSource::CommandLine)
        })
    };
    let verb = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.verb,
        Err(error) => return print_clap_result(&error),
    };
    if let Verb::Ready(_) | Verb::Token(_) | Verb::List(_) | Verb::Show(_) = &verb {
        for warning in environment::unknown_variables(&Cli::command()) {
            warn(&warning);
        }
    }
    let done = match verb {
        Verb::Serve(options) => serve(*options, is_flag),
        Verb::Ready(options) => ready::ready(&options, is_flag),
        Verb::Validate(options) => validate::validate(&options),
        Verb::List(options) => scenarios::list(&options),
        Verb::Show(options) => scenarios::show(&options),
        Verb::Token(options) => token::token(&options, is_flag),
        Verb::Decode(options) => decode::decode(&options),
        Verb::Race(options) => race::race(&options),
        Verb::Keys(options) => keys::keys(&options),
        Verb::Version => {
            let line = format!("{} {}\n", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
            print(line.as_bytes()).map(|()| Exit::Fine)
        }
        Verb::Completions(options) => completions::completions(&options, Cli::command()),
    };
    exit_code(done)
}

fn exit_code(done: Result<Exit, Failure>) -> ExitCode {
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // If standard error is closed too, the message is lost.
            let origin = environment::variable_with_path_in(&failure.message);
            let origin = origin.map(|variable| format!(" (from {variable})")).unwrap_or_default();
            let _ = writeln!(io::stderr(), "docendorse-mock: {}{origin}", failure.message);
            failure.exit.into()
        }
    }
}

/// Prints a warning to standard error.
fn warn(warning: &str) {
    // If standard error is closed too, the warning is lost.
    let _ = writeln!(io::stderr(), "docendorse-mock: warning: {warning}");
}

/// Prints clap's result: help and version go to standard output, usage errors to standard error.
fn print_clap_result(result: &clap::Error) -> ExitCode {
    let printed = result.print();
    if result.use_stderr() { Exit::Usage.into() } else { exit_code(check_printed(printed).map(|()| Exit::Fine)) }
}

/// Writes to standard output.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    check_printed(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Reports a failed write, unless the reader has closed the pipe, which is normal.
fn check_printed(printed: io::Result<()>) -> Result<(), Failure> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Runtime, format!("cannot write to standard output: {}", io_error::reason(&error))))
        }
        _ => Ok(()),
    }
}

/// The text of a file and its name for messages; `-` is standard input.
fn read_text(file: &str) -> Result<(String, String), Failure> {
    let (name, bytes) = if file == "-" {
        let mut bytes = Vec::new();
        ("<stdin>", io::stdin().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (file, std::fs::read(file))
    };
    let bytes = bytes.map_err(|error| unreadable(name, &error))?;
    let text = utf8(name, &bytes).map_err(|error| Failure::new(Exit::File, output::printable(&error.to_string())))?;
    Ok((name.to_owned(), text.to_owned()))
}

/// The failure for a file that cannot be read.
fn unreadable(name: impl Display, error: &io::Error) -> Failure {
    Failure::new(Exit::File, format!("{name}: cannot be read: {}", io_error::reason(error)))
}

/// Adds `serve` if no command is given.
fn with_default_verb(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let first = arguments.get(1).and_then(|first| first.to_str());
    let is_own = matches!(first, Some("-h" | "--help" | "-V" | "--version"));
    if first.is_none_or(|first| first.starts_with('-')) && !is_own {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
    arguments
}

/// Serves. A failed start is recorded in the ready file, where `ready --wait` finds it.
fn serve(options: ServeOptions, is_flag: impl Fn(&str) -> bool) -> Result<Exit, Failure> {
    let mut ready_file = options.ready_file.clone();
    let served = settings(options, is_flag).and_then(|settings| {
        ready_file.clone_from(&settings.ready_file);
        if let Some(path) = &ready_file {
            ready_file::clear_failure(path);
        }
        serve::serve(settings)
    });
    if let (Err(failure), Some(path)) = (&served, &ready_file) {
        ready_file::record_failure(path, failure);
    }
    served
}

/// Records an invalid command line of `serve` in the ready file, like any other failed start.
fn record_usage_error(arguments: &[OsString], error: &clap::Error) {
    if !error.use_stderr() || arguments.get(1).is_none_or(|verb| verb != "serve") {
        return;
    }
    let given = arguments.iter().enumerate().find_map(|(index, argument)| match argument.to_str()? {
        "--ready-file" => arguments.get(index + 1).cloned(),
        other => other.strip_prefix("--ready-file=").map(OsString::from),
    });
    let variable = || std::env::var_os("DOCENDORSE_MOCK_READY_FILE");
    if let Some(path) = given.or_else(variable).filter(|path| !path.is_empty()) {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        ready_file::record_failure(Path::new(&path), &Failure::new(Exit::Usage, first));
    }
}

fn settings(options: ServeOptions, is_flag: impl Fn(&str) -> bool) -> Result<Settings, Failure> {
    let port = std::env::var_os("PORT");
    let port = port.as_ref().map(|port| port.to_string_lossy());
    Settings::resolve(options, port.as_deref(), is_flag("listen")).map_err(|error| match &error {
        // A variable overrides the file, so it is the source of the value unless a flag is.
        ConfigError::Value { setting, problem } if !is_flag(&setting.replace('-', "_")) => {
            match environment::variable_of(setting) {
                Some(variable) => Failure::new(Exit::Usage, format!("{variable}: {problem}")),
                None => error.into(),
            }
        }
        _ => error.into(),
    })
}
