//! The command line: `cargo agentcore x` and `cargo-agentcore x`.
//!
//! Defines the options that several commands share; a command's own options are in its file under
//! `commands`.

pub(crate) mod suggestions;
mod tips;

use std::ffi::{OsStr, OsString};

use clap::{
    ArgMatches, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    ValueEnum,
    builder::{Resettable, Styles},
    error::ErrorKind,
    parser::ValueSource,
};

use crate::{
    commands,
    error::Failure,
    help::{self, Topic},
    options::{Lead, Output, Terminal},
};

#[derive(Debug, Parser)]
#[command(
    name = "cargo-agentcore",
    bin_name = "cargo agentcore",
    version,
    about = "Create, run, deploy and clean up AI agents on Amazon Bedrock AgentCore",
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = help::list()
)]
pub struct Cli {
    #[command(flatten)]
    pub terminal: Terminal,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    New(commands::new::Args),
    Init(commands::init::Args),
    Dev(commands::dev::Args),
    Check(commands::check::Args),
    Prepare(commands::prepare::Args),
    Deploy(commands::deploy::Args),
    Package(commands::package::Args),
    Policy(commands::policy::Args),
    Invoke(commands::invoke::Args),
    StopSession(commands::stop_session::Args),
    Clean(commands::clean::Args),
    Status(commands::status::Args),
    Logs(commands::logs::Args),
    Versions(commands::versions::Args),
    Endpoint(commands::endpoint::Args),
    Rollback(commands::rollback::Args),
    Local(commands::local::Args),
    Cache(commands::cache::Args),
    #[command(flatten)]
    Background(commands::background::Background),
    /// A topic of `help`; the help of a command is printed as clap does it.
    #[command(skip)]
    Topic(Topic),
}

/// A parsed command line.
#[derive(Debug)]
pub struct Parsed {
    pub cli: Cli,
    pub document: Option<AskedDocument>,
    pub lead: Lead,
}

/// The JSON document that a command was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedDocument {
    /// The command's words, such as `endpoint set`.
    pub command: String,
}

/// Commands whose JSON output is a stream of lines.
const STREAMING: [&str; 1] = ["logs"];

/// The options that conflict with those that select what the command acts on: the local AgentCore,
/// the agent of `dev`, or a runtime by ARN.
const ELSEWHERE: [(&str, &[(&str, &str)]); 3] = [
    (
        "arn",
        &[
            ("manifest_path", "--manifest-path"),
            ("package", "--package"),
            ("workspace", "--workspace"),
            ("stage", "--stage"),
        ],
    ),
    (
        "local",
        &[
            ("profile", "--profile"),
            ("endpoint_url", "--endpoint-url"),
            ("stage", "--stage"),
        ],
    ),
    (
        "dev",
        &[
            ("profile", "--profile"),
            ("region", "--region"),
            ("endpoint_url", "--endpoint-url"),
            ("bearer_token", "--bearer-token"),
        ],
    ),
];

/// Parses the command line. Refuses options of [`ELSEWHERE`] only if they were typed, because
/// variables that set them may be meant for other commands.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    is_set_to_nothing: fn(&OsStr) -> bool,
) -> Result<Parsed, clap::Error> {
    read(command(), args, is_set_to_nothing)
}

/// Returns the error for the command line as clap prints it, without styles.
pub fn plain_error(
    args: impl IntoIterator<Item = OsString>,
    is_set_to_nothing: fn(&OsStr) -> bool,
) -> String {
    let command = command().styles(Styles::plain());
    let error = read(command, args, is_set_to_nothing).err();
    error
        .map(|error| error.render().ansi().to_string())
        .unwrap_or_default()
}

/// The command that prints help.
const HELP: &str = "help";

fn command() -> clap::Command {
    let names = clap::Arg::new("names")
        .value_name("COMMAND|TOPIC")
        .num_args(0..)
        .help("Command or topic to explain");
    let help = clap::Command::new(HELP)
        .about("Print help for a command or a topic")
        .after_help(help::list())
        .arg(names);
    Cli::command().subcommand(help)
}

/// Returns the topic, or the error with the help of the command.
fn explained(command: &mut clap::Command, asked: &ArgMatches) -> Result<Parsed, clap::Error> {
    let names: Vec<&String> = asked.get_many("names").into_iter().flatten().collect();
    if let [name] = names[..]
        && let Some(topic) = help::find(name)
    {
        return Ok(Parsed {
            cli: Cli {
                terminal: Terminal::from_arg_matches(asked)?,
                command: Command::Topic(topic),
            },
            document: None,
            lead: Lead::default(),
        });
    }
    let words: Vec<OsString> = ["cargo-agentcore"]
        .into_iter()
        .chain(names.iter().map(|name| name.as_str()))
        .chain(["--help"])
        .map(OsString::from)
        .collect();
    let error = command
        .try_get_matches_from_mut(&words)
        .expect_err("`--help` ends the parsing");
    let error = tips::added(error, command, &words);
    Err(match names.first() {
        Some(name) => tips::with_topic(error, name),
        None => error,
    })
}

fn read(
    command: clap::Command,
    args: impl IntoIterator<Item = OsString>,
    is_set_to_nothing: fn(&OsStr) -> bool,
) -> Result<Parsed, clap::Error> {
    let mut command = without_variables(command, is_set_to_nothing);
    let words = own_words(args);
    let matches = command
        .try_get_matches_from_mut(&words)
        .map_err(|error| tips::added(error, &command, &words))?;
    if let Some((HELP, asked)) = matches.subcommand() {
        return explained(&mut command, asked);
    }
    let mut level = &matches;
    let mut words = Vec::new();
    while let Some((word, below)) = level.subcommand() {
        words.push(word);
        level = below;
    }
    let output = level.try_get_one::<Output>("output");
    let wants_document = matches!(output, Ok(Some(Output::Json))) && !STREAMING.contains(&words[0]);
    let document = wants_document.then(|| AskedDocument {
        command: words.join(" "),
    });
    // In release builds, the matches do not tell unknown options from unset ones.
    let known = words.iter().fold(&command, |level, word| {
        level
            .find_subcommand(word)
            .expect("the words were read as commands")
    });
    let known: Vec<String> = known
        .get_arguments()
        .map(|a| a.get_id().to_string())
        .collect();
    let has = |id: &str| known.iter().any(|known| known == id);
    let typed = |id: &str| has(id) && level.value_source(id) == Some(ValueSource::CommandLine);
    for (place, others) in ELSEWHERE {
        let is_meant = typed(place);
        if let Some((_, option)) = others.iter().find(|(id, _)| is_meant && typed(id)) {
            return Err(below(&mut command, &words).error(
                ErrorKind::ArgumentConflict,
                format!("the argument '--{place}' cannot be used with '{option}'"),
            ));
        }
    }
    let mut lead = Lead {
        project: group(level, has("manifest_path"))?,
        aws: group(level, has("endpoint_url"))?,
    };
    // `check --against local` is about the local AgentCore without `--local`.
    if has("against")
        && let Some(aws) = &mut lead.aws
        && let Some(mut against) = level.get_raw("against")
    {
        aws.local |= against.any(|place| place == "local");
    }
    Ok(Parsed {
        cli: Cli::from_arg_matches(&matches)?,
        document,
        lead,
    })
}

/// Returns the coloring that the arguments ask for, even if they are invalid otherwise.
pub fn color_of(args: &[OsString]) -> ColorChoice {
    let words: Vec<&str> = args.iter().filter_map(|word| word.to_str()).collect();
    let given = words.iter().enumerate().find_map(|(at, word)| {
        let rest = word.strip_prefix("--color")?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => words.get(at + 1).copied(),
            None => None,
        }
    });
    given
        .and_then(|value| ColorChoice::from_str(value, true).ok())
        .unwrap_or(ColorChoice::Auto)
}

/// Reads a group of options if the command has it.
fn group<G: clap::FromArgMatches>(level: &ArgMatches, has: bool) -> Result<Option<G>, clap::Error> {
    has.then(|| G::from_arg_matches(level)).transpose()
}

/// Returns the innermost command named by the words, so that an error shows its usage.
fn below<'c>(command: &'c mut clap::Command, words: &[&str]) -> &'c mut clap::Command {
    words.iter().fold(command, |command, word| {
        command
            .find_subcommand_mut(word)
            .expect("the words were read as commands")
    })
}

/// Returns the document requested by arguments that may not parse.
pub fn asked_by(args: &[OsString]) -> Option<AskedDocument> {
    let words = own_words(args.iter().cloned());
    let options = words.iter().take_while(|word| *word != "--");
    let words: Vec<&str> = options
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    let wants_document = words.contains(&"--output=json")
        || words.windows(2).any(|pair| pair == ["--output", "json"]);
    let all = Cli::command();
    let (mut level, mut command) = (&all, Vec::new());
    for word in words {
        if let Some(below) = level.find_subcommand(word) {
            command.push(below.get_name());
            level = below;
        }
    }
    let mut options = level.get_arguments().map(clap::Arg::get_id);
    let has_document = options.any(|id| id == "output") && !STREAMING.contains(&command[0]);
    (wants_document && has_document).then(|| AskedDocument {
        command: command.join(" "),
    })
}

/// Converts clap's error for the document.
pub fn failure(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let what: Vec<&str> = what.split_whitespace().collect();
    let what = what.join(" ");
    let failure = Failure::usage(what.strip_prefix("error: ").unwrap_or(&what));
    let tips = rest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("tip: "));
    tips.fold(failure, Failure::help)
}

/// Ignores variables set to an empty string, as AWS tools do.
fn without_variables(
    command: clap::Command,
    is_set_to_nothing: fn(&OsStr) -> bool,
) -> clap::Command {
    command
        .mut_args(|argument| match argument.get_env() {
            Some(name) if is_set_to_nothing(name) => argument.env(Resettable::Reset),
            _ => argument,
        })
        .mut_subcommands(|command| without_variables(command, is_set_to_nothing))
}

/// Drops the `agentcore` that cargo inserts before the command's arguments.
fn own_words(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = args.into_iter().collect();
    if words.get(1).is_some_and(|word| word == "agentcore") {
        words.remove(1);
    }
    words
}
