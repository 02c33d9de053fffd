//! The program: one file a verb, and the exit codes that they share.

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

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Fine = 0,
    /// An expectation failed.
    Failed = 1,
    /// The command line cannot be used.
    Usage = 2,
    /// A file is wrong; the message says where.
    File = 3,
    /// The machine does not let the program do its work.
    Runtime = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The endings of a verb that fails: the message, in one line, and the exit code.
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
    long_about = "A stand-in for DocEndorse's handoff to the e-sign agent: the contract exactly, every answer on demand.\n\n\
        Without a verb it serves: `docendorse-mock --listen 127.0.0.1:0` is `docendorse-mock serve --listen 127.0.0.1:0`.",
    after_help = "\
Try it:
  docendorse-mock &
  curl http://127.0.0.1:4747/api/v1/agent-sessions/create \\
    -H 'Authorization: Bearer ACCESS_TOKEN' -H 'Content-Type: application/json' \\
    -d '{\"handoff_id\": \"acme-1\", \"intent\": \"self_sign\",
         \"actor\": {\"external_user_id\": \"usr_1\", \"email\": \"sam+verify_email@example.com\"},
         \"integration\": {\"source\": \"chat\", \"source_conversation_id\": \"c\", \"source_message_id\": \"m\"},
         \"context\": {\"summary\": \"Sam wants to sign an NDA.\"}}'

Magic emails: a plus tag of the actor names the answer:
  +success  +require_subscription  +verify_email  +register  +error  +slow

Exit codes: 0 fine, 1 an expectation failed, 2 usage, 3 a file is wrong, 4 the machine."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve; what happens without a verb.
    #[command(after_help = "\
Each flag is also an environment variable and a key of the file that --config names.
Flags win over the environment, the environment over the file, the file over the defaults.")]
    Serve(Box<ServeOptions>),
    /// Ask a server whether it is ready; exit 0 once it is.
    #[command(after_help = locate::HELP)]
    Ready(Box<ready::ReadyOptions>),
    /// Check request bodies and scenario files without a server.
    #[command(after_help = "\
A .yaml or .yml file is a scenario; so is any other text that has \"answers\" and no \"handoff_id\"
at its top level. All else is the body of a handoff. --as overrides this; it also takes the bodies
of the signing service. Standard input is judged in the same way.

A handoff that begins with a byte order mark is refused, as by the server; a scenario may have one.")]
    Validate(validate::ValidateOptions),
    /// List the scenarios in the order in which they are asked.
    List(scenarios::ListOptions),
    /// Print the file of a scenario as it is written.
    Show(scenarios::ShowOptions),
    /// Get an access token by hand; an assertion can be wrong in every usual way.
    #[command(after_help = "\
It prints the token alone: TOKEN=$(docendorse-mock token)
A refusal ends with 1 and says which claim failed, a server that does not answer with 4.

The server is found as by `ready`; see docendorse-mock ready --help.")]
    Token(Box<token::TokenOptions>),
    /// Read an assertion or access token, and say claim by claim what a server would object to.
    #[command(
        after_help = "It ends with 1 when something would be refused, and with 3 when the text is not a signed JWT."
    )]
    Decode(decode::DecodeOptions),
    /// Let simulated people race for one signature: who wins, when, and by how much.
    #[command(after_help = race::AFTER_HELP)]
    Race(Box<race::RaceOptions>),
    /// Make key pairs for clients.
    #[command(subcommand)]
    Keys(keys::KeyOptions),
    /// Print name and version.
    Version,
    /// Print a completion script for a shell.
    Completions(completions::CompletionOptions),
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    panics::silence_caught();
    let arguments = with_default_verb(std::env::args_os().collect());
    let matches = match environment::parse(Cli::command, &arguments) {
        Ok(matches) => matches,
        Err(error) => {
            record_usage_error(&arguments, &error);
            return tell(&error);
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
        Err(error) => return tell(&error),
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
    end(done)
}

fn end(done: Result<Exit, Failure>) -> ExitCode {
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // If this cannot be written either, the warning is lost.
            let origin = environment::variable_with_path_in(&failure.message);
            let origin = origin.map(|variable| format!(" (from {variable})")).unwrap_or_default();
            let _ = writeln!(io::stderr(), "docendorse-mock: {}{origin}", failure.message);
            failure.exit.into()
        }
    }
}

/// Prints a warning to standard error; the verb goes on.
fn warn(warning: &str) {
    // If this cannot be written either, the warning is lost.
    let _ = writeln!(io::stderr(), "docendorse-mock: warning: {warning}");
}

/// Help and version are answers, all else is an error of usage.
fn tell(told: &clap::Error) -> ExitCode {
    let printed = told.print();
    if told.use_stderr() { Exit::Usage.into() } else { end(printed_fully(printed).map(|()| Exit::Fine)) }
}

/// Writes to standard output, all of it at once.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    printed_fully(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What cannot be printed is the machine's fault, but a reader that has left has read what it wanted.
fn printed_fully(printed: io::Result<()>) -> Result<(), Failure> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Runtime, format!("cannot write to standard output: {}", io_error::reason(&error))))
        }
        _ => Ok(()),
    }
}

/// The text of a file, and what to call it; - is standard input.
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

/// A file that cannot be read.
fn unreadable(name: impl Display, error: &io::Error) -> Failure {
    Failure::new(Exit::File, format!("{name}: cannot be read: {}", io_error::reason(error)))
}

/// The verb left out is `serve`.
fn with_default_verb(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let first = arguments.get(1).and_then(|first| first.to_str());
    let is_own = matches!(first, Some("-h" | "--help" | "-V" | "--version"));
    if first.is_none_or(|first| first.starts_with('-')) && !is_own {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
    arguments
}

/// Serves. A start that fails is recorded in the ready file, where `ready --wait` finds it.
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

/// Records a command line of `serve` that cannot be parsed, as any start that fails.
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
        // A variable wins over the file, so that it has the value unless a flag does.
        ConfigError::Value { setting, problem } if !is_flag(&setting.replace('-', "_")) => {
            match environment::variable_of(setting) {
                Some(variable) => Failure::new(Exit::Usage, format!("{variable}: {problem}")),
                None => error.into(),
            }
        }
        _ => error.into(),
    })
}
