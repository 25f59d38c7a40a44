//! `cargo agentcore check`: a contract test for agents, made for CI.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde_json::json;

use super::{
    consent,
    dev::environment::Given,
    invoke::{read_payload, timeout},
    local, own_files,
    packaging::{self, Options},
};
use crate::{
    check::{Finding, Payload, Report, Rule, Severity, junit},
    cli,
    config::{Agent, Config, Language, nearest},
    effects::{
        check::{self, Manner, Subject},
        clock, destination, files,
        local::{Emulator, code},
        manifest::Project,
        programs::{Checkout, Programs},
        runtime, staging,
    },
    error::{Exit, Failure, Message},
    package::installer::minor_version,
    protocol::{contract::Contract, invocation},
    text::counted,
    ui::Ui,
};

/// Test the agents against AgentCore's contract on this machine
///
/// Starts each agent from its archive as AgentCore would, sends the requests that clients and the service
/// may send, and prints what is wrong to stdout. `cargo agentcore help findings` describes each code. Exits
/// with 5 if there are errors.
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
    output: cli::Output,
    #[command(flatten)]
    project: cli::Project,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Deny {
    Warnings,
}

fn rule(code: &str) -> Result<Rule, String> {
    Rule::find(code).ok_or_else(|| {
        let near = nearest(code, Rule::all().map(Rule::code));
        match near {
            Some(near) => format!("there is no such code; did you mean `{near}`?"),
            None => "there is no such code; `cargo agentcore help findings` lists them".to_owned(),
        }
    })
}

/// For an agent whose table names no region.
const REGION: &str = "us-east-1";

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = super::stage(&args.project, false);
    let given = Given::read(&args.env, args.env_file.as_deref())?;
    let manner = Manner {
        payload: payload(&args)?,
        limit: args.timeout,
    };
    let junit = args
        .junit
        .as_deref()
        .map(destination::absolute)
        .transpose()?;
    let (project, mut config) = super::load(&args.project, &stage, ui)?;
    consent::sources(&project, &mut config.agents, None, ui)?;
    let begin = clock::now();
    let using = (
        "Using",
        "an AWS emulator for AWS calls; it runs for this command only",
    );
    let testing = local::visit_for((&project, &config), using, ui, async |emulator| {
        let ground = Ground {
            args: &args,
            given: &given,
            manner: &manner,
            project: &project,
            config: &config,
            emulator,
        };
        ground.test(ui).await
    });
    let tested = clock::unless_interrupted(Box::pin(testing)).await;
    let (reports, failures) = tested.unwrap_or_else(|| Err(interrupted()))?;
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

fn interrupted() -> Failure {
    Failure::new(
        Exit::Interrupted,
        "stopped; every agent that was started is gone",
    )
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

/// An agent, and what its test came to.
struct Tested {
    agent: Agent,
    report: Report,
}

/// What all agents are tested on.
struct Ground<'a> {
    args: &'a Args,
    given: &'a Given,
    manner: &'a Manner,
    project: &'a Project,
    config: &'a Config,
    emulator: &'a Emulator,
}

impl Ground<'_> {
    /// One agent after the other: what one of them does must not disturb another's times.
    async fn test(&self, ui: &Ui) -> Result<(Vec<Tested>, Vec<Failure>), Failure> {
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        for agent in &self.config.agents {
            match self.test_one(agent, ui).await {
                Ok(report) => reports.push(Tested {
                    agent: agent.clone(),
                    report,
                }),
                Err(failure) => failures.push(failure),
            }
        }
        Ok((reports, failures))
    }

    async fn test_one(&self, agent: &Agent, ui: &Ui) -> Result<Report, Failure> {
        if agent.language != Language::Python {
            return Err(Failure::config(format!(
                "the agent `{}` is not written in Python, and `check` tests only Python agents",
                agent.name
            )));
        }
        let home = staging::empty()?;
        let subject = self.subject(agent, home.path().to_owned(), ui).await?;
        ui.status("Checking", &format!("`{}`", agent.name));
        let (only, skip): (BTreeSet<Rule>, BTreeSet<Rule>) = (
            self.args.only.iter().copied().collect(),
            self.args.skip.iter().copied().collect(),
        );
        let is_wanted =
            |rule: Rule| (only.is_empty() || only.contains(&rule)) && !skip.contains(&rule);
        let report = Report::begin(agent.protocol, is_wanted);
        let say = |what: &str| ui.detail("Testing", what);
        check::run(&subject, self.manner, report, &say).await
    }

    /// The agent as it would be shipped, made ready for this machine.
    async fn subject(&self, agent: &Agent, home: PathBuf, ui: &Ui) -> Result<Subject, Failure> {
        let own = own_files::observe(agent, self.project, &self.config.declared)?;
        own.tell(ui);
        own.tell_shared(ui);
        let output = packaging::directory(agent, self.project)?;
        let shipped = packaging::from_project(agent, self.project, &own, output.clone())?;
        let options = Options {
            rebuild: false,
            // What cannot start is found to be so.
            force: true,
        };
        let lock = super::lock(self.project, ui)?;
        let built = packaging::build(agent, self.project, &own, output, &options, ui).await?;
        drop(lock);
        let version = minor_version(agent.runtime);
        let (root, unpacked) = (self.project.root.clone(), home.join("archive"));
        let code = runtime::aside(
            move |_: &(dyn Fn(()) + Sync)| {
                let programs = Programs::outside(Checkout::around(&root));
                code::prepare(&built.archive.path, &unpacked, version, &programs)
            },
            |()| {},
        )
        .await?;
        if let Some(warning) = &code.warning {
            ui.warning(&Message::new(warning));
        }
        let region = agent.region.as_ref();
        Ok(Subject {
            code,
            files: shipped.files,
            entrypoint: agent.entrypoint.clone(),
            contract: Contract::of(agent.protocol, None, None),
            region: region.map_or_else(|| REGION.to_owned(), ToString::to_string),
            aws: self.emulator.url.clone(),
            environment: self.given.of(&agent.env, &agent.dir)?,
            home,
        })
    }
}

fn write_junit(file: &std::path::Path, reports: &[Tested], denies: bool) -> Result<(), Failure> {
    let reports: Vec<(String, Report)> = reports
        .iter()
        .map(|tested| (tested.agent.name.to_string(), tested.report.clone()))
        .collect();
    let text = junit::document(&reports, denies);
    let folder = file.parent().unwrap_or(file);
    files::create_dir_all(folder)?;
    files::write_atomic(file, folder, text.as_bytes(), false)?;
    Ok(())
}

fn show(args: &Args, reports: &[Tested], ui: &Ui) {
    match args.output {
        cli::Output::Json => {
            let agents: Vec<_> = reports
                .iter()
                .map(|Tested { agent, report }| report.value(agent.name.as_str(), agent.protocol))
                .collect();
            ui.document(json!({ "version": 1, "command": "check", "agents": agents }));
        }
        cli::Output::Text => {
            for Tested { agent, report } in reports {
                let several = (reports.len() > 1).then(|| agent.name.as_str());
                for finding in report.findings() {
                    ui.result(&words(finding, several));
                }
                for (why, rules) in report.untested() {
                    let codes: Vec<&str> = rules.into_iter().map(Rule::code).collect();
                    ui.detail("Skipped", &format!("{}: {why}", codes.join(", ")));
                }
            }
        }
    }
}

/// Log lines of the SDK hold whole stack traces; the JSON document has them.
const LONGEST_LINE: usize = 200;

/// A finding as it is printed, with the agent's name where there are several.
fn words(finding: &Finding, agent: Option<&str>) -> String {
    let Finding {
        rule,
        severity,
        observed,
        lines,
    } = finding;
    let agent = agent.map(|agent| format!("{agent}: ")).unwrap_or_default();
    let mut text = format!(
        "{}[{}]: {agent}{observed}\n  help: {}",
        severity.name(),
        rule.code(),
        rule.fix()
    );
    for line in lines {
        let short = line.char_indices().nth(LONGEST_LINE);
        match short {
            Some((end, _)) => text.extend(["\n  | ", &line[..end], " …"]),
            None => text.extend(["\n  | ", line]),
        }
    }
    text
}

fn summary(reports: &[Tested]) -> String {
    let sum = |count: &dyn Fn(&Report) -> usize| -> usize {
        reports.iter().map(|tested| count(&tested.report)).sum()
    };
    let errors = sum(&|report| report.count(Severity::Error));
    let warnings = sum(&|report| report.count(Severity::Warning));
    let untested = sum(&|report| report.untested().values().map(Vec::len).sum());
    let kept = sum(&Report::kept);
    let untested = match untested {
        0 => String::new(),
        several => format!(", {several} not tested (`-v` says why)"),
    };
    format!(
        "{}, {}, {} passed{untested}",
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(kept, "rule"),
    )
}
