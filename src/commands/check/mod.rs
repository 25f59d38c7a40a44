//! `cargo agentcore check`: a contract test for agents, for use in CI.

mod against;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use self::against::Against;
use super::invoke::{read_payload, timeout};
use crate::{
    check::{Finding, Payload, Report, Rule, Severity, junit},
    config::{Agent, Config, Language, Protocol},
    effects::{
        check::{self, Manner, Program, Subject},
        clock, files,
        local::{Emulator, code},
        manifest::Project,
        new_project,
        programs::{Checkout, Programs},
        runtime, staging,
    },
    error::{Exit, Failure, Message},
    names::EndpointName,
    options,
    package::installer::minor_version,
    project::{
        self,
        building::{self, CargoOptions, For},
        consent, emulator,
        environment::Given,
        own_files,
        packaging::{self, Options},
    },
    protocol::{contract::Contract, invocation},
    text::{counted, did_you_mean, nearest},
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

/// For an agent without a region.
const REGION: &str = "us-east-1";

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

/// Starts and tests the project's agents, one after the other.
async fn start_and_test(
    args: &Args,
    manner: &Manner,
    ui: &Ui,
) -> Result<(Vec<Tested>, Vec<Failure>), Failure> {
    let stage = project::stage(&args.project, false);
    let given = Given::read(&args.env, args.env_file.as_deref())?;
    let (project, mut config) = project::load(&args.project, &stage, ui)?;
    consent::sources(&project, &mut config.agents, None, ui)?;
    let using = (
        "Using",
        "an AWS emulator for AWS calls; it runs for this command only",
    );
    let models = emulator::models_for(&project, &config, None, ui)?;
    let testing = emulator::visit_for(
        (&project, &config),
        Some(&models),
        using,
        ui,
        async |emulator| {
            let ground = Ground {
                args,
                given: &given,
                manner,
                project: &project,
                config: &config,
                emulator,
            };
            ground.test(ui).await
        },
    );
    let tested = clock::unless_interrupted(Box::pin(testing)).await;
    tested.unwrap_or_else(|| Err(interrupted()))
}

fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "interrupted")
        .note("the agent that was being tested is stopped")
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

/// An agent and its test report.
struct Tested {
    name: String,
    protocol: Protocol,
    report: Report,
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

/// What all tests share.
struct Ground<'a> {
    args: &'a Args,
    given: &'a Given,
    manner: &'a Manner,
    project: &'a Project,
    config: &'a Config,
    emulator: &'a Emulator,
}

impl Ground<'_> {
    /// Tests one agent after the other, so that they do not affect each other's timing.
    async fn test(&self, ui: &Ui) -> Result<(Vec<Tested>, Vec<Failure>), Failure> {
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        for agent in &self.config.agents {
            match self.test_one(agent, ui).await {
                Ok(report) => reports.push(Tested {
                    name: agent.name.to_string(),
                    protocol: agent.protocol,
                    report,
                }),
                Err(failure) => failures.push(failure),
            }
        }
        Ok((reports, failures))
    }

    async fn test_one(&self, agent: &Agent, ui: &Ui) -> Result<Report, Failure> {
        let home = staging::empty()?;
        let program = match &agent.language {
            Language::Python => self.python(agent, home.path(), ui).await?,
            Language::Rust(_) => self.binary(agent, ui).await?,
        };
        let subject = self.subject(agent, program, home.path().to_owned())?;
        ui.status("Checking", &format!("`{}`", agent.name));
        let report = Report::begin(agent.protocol, |rule| self.args.is_wanted(rule));
        let work = ui.working("Testing", &format!("agent `{}`", agent.name));
        let say = |what: &str| {
            work.says("Testing", what, None);
            ui.detail("Testing", what);
        };
        check::run(&subject, self.manner, report, &say).await
    }

    /// Returns the binary, built for this machine.
    async fn binary(&self, agent: &Agent, ui: &Ui) -> Result<Program, Failure> {
        let options = building::Options {
            cargo: self.args.cargo.clone(),
            ..building::Options::default()
        };
        let built = building::build(agent, self.project, For::ThisMachine, &options, ui).await?;
        Ok(Program::Binary {
            path: built.path,
            emulator: None,
        })
    }

    /// Builds the agent as it would be deployed, for this machine.
    async fn python(&self, agent: &Agent, home: &Path, ui: &Ui) -> Result<Program, Failure> {
        let own = own_files::observe(agent, self.project, &self.config.declared)?;
        own.tell(ui);
        own.tell_shared(ui);
        let output = packaging::directory(agent, self.project)?;
        let shipped = packaging::from_project(agent, self.project, &own, output.clone())?;
        let options = Options {
            rebuild: false,
            // The test itself reports code that cannot start.
            force: true,
            sources: packaging::Sources::default(),
        };
        let lock = project::lock(self.project, ui)?;
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
        Ok(Program::Python {
            code,
            files: shipped.files,
            entrypoint: agent.entrypoint.clone(),
        })
    }

    fn subject(&self, agent: &Agent, program: Program, home: PathBuf) -> Result<Subject, Failure> {
        let region = agent.region.as_ref();
        let mut environment = self.given.of(&agent.env, &agent.dir)?;
        if let Some(key) = &self.emulator.key {
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), key.clone());
        }
        Ok(Subject {
            program,
            contract: Contract::of_agent(agent),
            region: region.map_or_else(|| REGION.to_owned(), ToString::to_string),
            aws: self.emulator.url.clone(),
            environment,
            home,
        })
    }
}

fn write_junit(file: &Path, reports: &[Tested], denies: bool) -> Result<(), Failure> {
    let reports: Vec<(String, Report)> = reports
        .iter()
        .map(|tested| (tested.name.clone(), tested.report.clone()))
        .collect();
    let text = junit::document(&reports, denies);
    let folder = file.parent().unwrap_or(file);
    files::create_dir_all(folder)?;
    files::write_atomic(file, folder, text.as_bytes(), false)?;
    Ok(())
}

fn show(args: &Args, reports: &[Tested], ui: &Ui) {
    match args.output {
        options::Output::Json => {
            let agents: Vec<_> = reports
                .iter()
                .map(|tested| tested.report.value(&tested.name, tested.protocol))
                .collect();
            ui.document(json!({ "agents": agents }));
        }
        options::Output::Text => {
            for Tested {
                name,
                protocol: _,
                report,
            } in reports
            {
                let several = (reports.len() > 1).then_some(name.as_str());
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

/// The longest line that is printed, because the SDK's log lines contain whole stack traces. The
/// JSON document has them.
const LONGEST_LINE: usize = 200;

/// Returns a finding's text, with the agent's name if there are several agents.
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
