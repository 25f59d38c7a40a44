//! `cargo agentcore`: takes you from nothing to an AI agent on Amazon Bedrock AgentCore, and back.
//!
//! The crate's rooms, from the outside in. A room uses only those below it, and no two of a line
//! need each other:
//! - `cli`: the command line, tips for mistyped ones, and the commands that messages suggest;
//! - `commands`: one file or folder per command, which connects the other rooms;
//! - `engine`: agents and declared resources in AWS: observed, planned, and then shown, written or
//!   cleaned, with waits; also the runtime that a command talks to;
//! - `project`: a project on this machine: its configuration, questions to the user, AWS sessions,
//!   the local AgentCore, the files of its agents, building what is shipped, and running agents for
//!   `dev`;
//! - `options`: command-line options that several commands share; `ui`: the terminal;
//! - `effects`: all side effects (files, processes, AWS, the local AgentCore, `dev`);
//! - pure decisions on values: `resources` (what should be in AWS, and the steps to it), `plan` (the
//!   decisions of single commands), `scaffold`, `check`, `package`, `policy`, `python`, `protocol`,
//!   `config`;
//! - `help`: the topics of `cargo agentcore help`; `error`: messages and exit codes; `names`:
//!   validated names; `redaction`: secrets, and hiding them; `system`: differences between
//!   operating systems; `text`: formatting and decoding text.
//!
//! What happens when a role differs, for example: `resources::role` decides, `engine::role` carries
//! it out, `resources::change` words it for dry runs, reports and JSON. `engine::agent` plans an agent
//! as one value, which a dry run and `status` show and a run carries out. tests/layers enforces all of
//! this.
//!
//! The library exists for the binary and has no stable interface.

pub mod check;
mod cli;
mod commands;
pub mod config;
mod effects;
mod engine;
pub mod error;
mod help;
pub mod names;
mod options;
mod package;
mod plan;
pub mod policy;
mod project;
pub mod protocol;
mod python;
mod redaction;
mod resources;
mod scaffold;
mod system;
mod text;
mod ui;

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use crate::{
    cli::{Command, Parsed},
    error::{Exit, Failure},
    ui::{Ui, Verbosity},
};

/// Runs the command line and returns the process's exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    effects::panic_hook::end_after(ui::ask_for_a_report);
    let args: Vec<OsString> = args.into_iter().collect();
    let Parsed {
        cli,
        document: asked,
        lead,
    } = match cli::parse(args.clone(), effects::env::is_set_to_nothing) {
        Ok(parsed) => parsed,
        Err(error) => {
            let ui = Ui::new(Verbosity::Normal, cli::color_of(&args));
            if let Some(asked) = cli::asked_by(&args).filter(|_| error.use_stderr()) {
                ui.print_document(&asked.command, Some(&cli::failure(&error)));
            }
            ui.usage(
                &error,
                &cli::plain_error(args, effects::env::is_set_to_nothing),
            );
            return ExitCode::from(match (error.use_stderr(), ui.unwritten()) {
                (true, _) => Exit::Usage,
                (false, Some(_)) => Exit::World,
                (false, None) => Exit::Ok,
            } as u8);
        }
    };
    let is_quiet = cli.terminal.quiet || effects::env::is_cargo_quiet();
    let verbosity = match (is_quiet, cli.terminal.verbose) {
        (true, 0) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (_, 1) => Verbosity::Verbose,
        (_, _) => Verbosity::VeryVerbose,
    };
    let ui = Arc::new(
        Ui::new(verbosity, cli.terminal.color)
            .leading(move |text, about| cli::suggestions::complete(text, &lead, about)),
    );
    if verbosity >= Verbosity::VeryVerbose {
        let ui = Arc::clone(&ui);
        effects::aws::requests::tell(move |request| ui.status("Request", request));
    }
    if let Command::Background(command) = cli.command {
        return match effects::runtime::block_on(commands::background::run(command)) {
            Ok(code) => ExitCode::from(code),
            Err(failure) => {
                ui.failure(&failure);
                ExitCode::from(failure.exit as u8)
            }
        };
    }
    let result = effects::runtime::block_on(dispatch(cli.command, &ui))
        .map_err(|failure| failure.each_help(|line| ui.lead(line)));
    if let Some(asked) = asked {
        ui.print_document(&asked.command, result.as_ref().err());
    }
    let result = match (result, ui.unwritten()) {
        (Ok(()), Some(lost)) => Err(lost),
        (result, _) => result,
    };
    match result {
        Ok(()) => ExitCode::from(Exit::Ok as u8),
        Err(failure) => {
            ui.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

async fn dispatch(command: Command, ui: &Ui) -> Result<(), Failure> {
    match command {
        Command::New(args) => commands::new::run(args, ui).await,
        Command::Init(args) => commands::init::run(args, ui).await,
        Command::Dev(args) => commands::dev::run(args, ui).await,
        Command::Check(args) => commands::check::run(args, ui).await,
        Command::Prepare(args) => commands::prepare::run(args, ui).await,
        Command::Deploy(args) => commands::deploy::run(args, ui).await,
        Command::Package(args) => commands::package::run(args, ui).await,
        Command::Policy(args) => commands::policy::run(args, ui),
        Command::Invoke(args) => commands::invoke::run(args, ui).await,
        Command::StopSession(args) => commands::stop_session::run(args, ui).await,
        Command::Clean(args) => commands::clean::run(args, ui).await,
        Command::Status(args) => commands::status::run(args, ui).await,
        Command::Logs(args) => commands::logs::run(args, ui).await,
        Command::Versions(args) => commands::versions::run(args, ui).await,
        Command::Endpoint(args) => commands::endpoint::run(args, ui).await,
        Command::Rollback(args) => commands::rollback::run(args, ui).await,
        Command::Local(args) => commands::local::run(args, ui).await,
        Command::Cache(args) => commands::cache::run(args, ui),
        Command::Background(_) => Ok(()),
        Command::Topic(topic) => {
            ui.topic(topic);
            Ok(())
        }
    }
}
