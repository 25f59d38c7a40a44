//! `cargo agentcore policy`: prints the IAM documents, for review.

mod builds;
mod documents;
mod printed;
mod problems;
mod summary;

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde::Serialize;

use self::{
    documents::documents,
    printed::Printed,
    problems::problems,
    summary::{show, summarize},
};
use crate::{
    config::{Agent, Link},
    error::{Exit, Failure},
    names::{AccountId, Region},
    options::{self, Output},
    policy::{self, Scope, Target},
    project::{self, on_disk},
    resources::clean::repository_at,
    ui::Ui,
};

/// Print the IAM documents for the project, without calling AWS
///
/// On a terminal, prints a summary of the documents; `-v` adds the capability behind each statement.
/// `--only` prints documents of one kind. In a pipe or a file, stdout gets all documents, or those
/// named by `--only`, so `--only execution --agent x > policy.json` writes a single policy.
///
/// The JSON output has `version` (1) and `documents`. Each document has `kind`, `agents`, `regions`,
/// `part` and `parts` (a document that is too large for one policy is split), `size`, `asked_by`
/// (capability by statement), `managed_policies` (ARNs attached next to an execution policy) and
/// `document`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print only these documents (repeatable)
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Account ID [default: from Cargo.toml, else the placeholder ACCOUNT_ID]
    #[arg(long, value_name = "NUMBER", value_parser = AccountId::from_option)]
    account: Option<AccountId>,
    /// AWS region (repeatable) [default: from Cargo.toml, else the placeholder REGION]
    #[arg(long, value_name = "REGION", env = "CARGO_AGENTCORE_REGION", value_delimiter = ',', value_parser = Region::read_option)]
    region: Vec<Region>,
    /// Output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    project: options::Project,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// Who may assume the execution role
    Trust,
    /// What the execution role may do in a region
    Execution,
    /// The permissions boundary for the roles of all agents
    Boundary,
    /// What the person or CI job that runs this tool may do
    Deployer,
    /// The same, if someone else creates the role
    DeployerNoIam,
}

#[derive(Serialize)]
struct Report {
    version: u32,
    command: &'static str,
    documents: Vec<Printed>,
}

pub fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let Args {
        project,
        only,
        account,
        region,
        output,
    } = args;
    let (_, config) = project::load(&project, &project::stage(&project, false), ui)?;
    // Their IDs are not known here, but their names are.
    let agents: Vec<Agent> = config
        .agents
        .iter()
        .map(|agent| agent.with_resources(Link::pattern))
        .collect();
    let mut targets = policy::targets(&agents, account.as_ref(), &region)?;
    note_placeholders(&targets, ui);
    let asked: BTreeSet<Kind> = only.into_iter().collect();
    let kinds = if asked.is_empty() {
        Kind::value_variants().iter().copied().collect()
    } else {
        asked.clone()
    };
    if kinds.contains(&Kind::Deployer) || kinds.contains(&Kind::DeployerNoIam) {
        for target in &mut targets {
            target.repository = repository(target)?;
        }
    }
    if kinds.contains(&Kind::Deployer)
        && let Some(warning) = policy::administrator(&targets)
    {
        ui.warning(&warning);
    }
    if kinds.contains(&Kind::Boundary)
        && let Some(warning) = policy::beyond_the_boundary(&targets)
    {
        ui.warning(&warning);
    }
    let documents: Vec<Printed> = kinds
        .iter()
        .flat_map(|kind| documents(*kind, &targets))
        .collect();
    match output {
        Output::Json => {
            let report = Report {
                version: 1,
                command: "policy",
                documents,
            };
            ui.document(serde_json::to_value(&report).expect("a report holds only text"));
        }
        // On a terminal, print a summary; documents are printed on request or to a program.
        Output::Text if asked.is_empty() && ui.result_is_read_on_a_terminal() => {
            for printed in &documents {
                summarize(printed, ui);
            }
            ui.note("`-v` shows the source of each statement; `--only KIND` prints one document, and output to a pipe or file contains all of them");
        }
        Output::Text => {
            for printed in &documents {
                show(printed, ui);
            }
        }
    }
    let mut messages = Vec::new();
    for kind in kinds {
        let found = problems(kind, &targets);
        // `prepare` needs these two; the others may be used in another form.
        if asked.contains(&kind) || matches!(kind, Kind::Trust | Kind::Execution) {
            messages.extend(found);
        } else {
            for problem in &found {
                ui.warning(problem);
            }
        }
    }
    if messages.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Config,
        messages,
    })
}

/// Returns the repository that the toolkit created for the agent, from its file in the agent's
/// folder.
fn repository(target: &Target<'_>) -> Result<Option<String>, Failure> {
    let Scope {
        partition: _,
        region,
        account,
        runtime,
    } = &target.scope;
    let entry = on_disk::toolkit_file(target.agent)?.and_then(|file| file.entry(runtime.as_str()));
    let uri = entry.and_then(|entry| entry.repository);
    let place = (
        Some(account).filter(|account| !account.is_placeholder()),
        Some(region).filter(|region| !region.is_placeholder()),
    );
    Ok(uri.and_then(|uri| repository_at(&uri, runtime, place).ok()))
}

fn note_placeholders(targets: &[Target<'_>], ui: &Ui) {
    let account = targets.iter().any(|t| t.scope.account.is_placeholder());
    let region = targets.iter().any(|t| t.scope.region.is_placeholder());
    let words = match (account, region) {
        (false, false) => return,
        (true, false) => {
            "`ACCOUNT_ID` is a placeholder; set the account with `--account` or in the metadata"
        }
        (false, true) => {
            "`REGION` is a placeholder; set the region with `--region` or in the metadata"
        }
        (true, true) => {
            "`ACCOUNT_ID` and `REGION` are placeholders; set account and region with `--account` and `--region` or in the metadata"
        }
    };
    ui.note(words);
}
