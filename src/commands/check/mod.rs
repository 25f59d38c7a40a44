//! `cargo agentcore check`: a contract test for agents, for use in CI.

mod against;
mod ground;
mod report;

use std::{path::PathBuf, time::Duration};

use self::{
    against::Against,
    ground::{Tested, start_and_test},
    report::{show, summary, write_junit},
};
use super::invoke::{read_payload, timeout};
use crate::{
    check::{Payload, Rule, Severity},
    effects::{check::Manner, clock, new_project},
    error::{Exit, Failure},
    names::EndpointName,
    options,
    project::building::CargoOptions,
    protocol::invocation,
    text::{did_you_mean, nearest},
    ui::Ui,
};

/// Test the agents against AgentCore's contract on this machine
///
/// Starts each agent from its archive as AgentCore would, sends the requests that clients and the service
/// may send, and prints what is wrong to stdout. With `--against`, sends two or three valid requests to an
/// agent that is already running instead. `cargo agentcore help findings` describes each code. Exits with 5
/// if there are errors.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Payload that the agent can answer: JSON, `@FILE` for a file's content, or `-` for stdin
    #[arg(
        long,
        value_name = "PAYLOAD",
        conflicts_with = "prompt",
        allow_hyphen_values = true
    )]
    payload: Option<String>,
    /// Send {"prompt": TEXT} as the payload [default: Hello]
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Test a running agent: `dev`, `local`, `aws`, or a runtime's ARN
    #[arg(long, value_name = "WHERE", value_parser = Against::parse, conflicts_with_all = ["env", "env_file"])]
    against: Option<Against>,
    /// Endpoint of the runtime [default: DEFAULT]
    #[arg(long, value_name = "NAME", value_parser = EndpointName::from_option, requires = "against")]
    endpoint: Option<EndpointName>,
    #[command(flatten)]
    bearer: options::Bearer,
    /// Test only this rule (repeatable)
    #[arg(long, value_name = "CODE", value_parser = rule)]
    only: Vec<Rule>,
    /// Skip this rule (repeatable)
    #[arg(long, value_name = "CODE", value_parser = rule)]
    skip: Vec<Rule>,
    /// Also exit with 5 for these
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
    /// Time to wait for an answer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = timeout)]
    timeout: Duration,
    /// Write the results to this file as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Set a variable for the agents; without a value, take it from the environment (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// File of variables for the agents, one `NAME=VALUE` per line [default: .env.local beside Cargo.toml]
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    aws: options::Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Deny {
    Warnings,
}

fn rule(code: &str) -> Result<Rule, String> {
    Rule::find(code).ok_or_else(|| {
        let near = nearest(code, Rule::all().map(Rule::code));
        match near {
            Some(near) => format!("unknown code; {}", did_you_mean(near)),
            None => "unknown code; `cargo agentcore help findings` lists the codes".to_owned(),
        }
    })
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let against = args.against()?;
    let manner = Manner {
        payload: payload(&args)?,
        limit: args.timeout,
    };
    let junit = args
        .junit
        .as_deref()
        .map(new_project::absolute)
        .transpose()?;
    let begin = clock::now();
    let (reports, failures) = match &against {
        Some(against) => (
            vec![against::test(&args, &manner, against, ui).await?],
            Vec::new(),
        ),
        None => start_and_test(&args, &manner, ui).await?,
    };
    if let Some(file) = &junit {
        write_junit(file, &reports, args.deny.is_some())?;
    }
    show(&args, &reports, ui);
    ui.status(
        "Finished",
        &format!(
            "{} in {:.1} s",
            summary(&reports),
            begin.elapsed().as_secs_f64()
        ),
    );
    if let Some(failure) = Failure::all(failures) {
        return Err(failure);
    }
    let fails = |tested: &Tested| {
        tested.report.count(Severity::Error) > 0
            || (args.deny == Some(Deny::Warnings) && tested.report.count(Severity::Warning) > 0)
    };
    if reports.iter().any(fails) {
        return Err(Failure::silent(Exit::Findings));
    }
    Ok(())
}

fn payload(args: &Args) -> Result<Payload, Failure> {
    Ok(match (&args.payload, &args.prompt) {
        (Some(text), _) => Payload::Bytes(invocation::without_mark(
            read_payload(text)?,
            invocation::JSON,
            false,
        )),
        (None, Some(text)) => Payload::Prompt {
            text: text.clone(),
            is_given: true,
        },
        (None, None) => Payload::default(),
    })
}

impl Args {
    /// Returns where the agent to be tested runs.
    fn against(&self) -> Result<Option<Against>, Failure> {
        match (&self.against, self.aws.local) {
            (against, false) => Ok(against.clone()),
            (None | Some(Against::Local), true) => Ok(Some(Against::Local)),
            (Some(_), true) => Err(Failure::usage(
                "`--local` can only be used with `--against local`",
            )),
        }
    }

    fn is_wanted(&self, rule: Rule) -> bool {
        (self.only.is_empty() || self.only.contains(&rule)) && !self.skip.contains(&rule)
    }
}
