//! `cargo agentcore policy`: prints the IAM documents, for review.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    config::{Agent, RoleSettings},
    error::{Exit, Failure, Message},
    names::{AccountId, AgentName, Region, RoleName},
    options::{self, Output},
    policy::{self, Deployer, Document, Grant, Scope, Target, size},
    project::{self, on_disk},
    resources::clean::repository_at,
    ui::{Ui, Verbosity},
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

/// A document with its metadata.
#[derive(Debug, Serialize)]
struct Printed {
    kind: Kind,
    agents: Vec<AgentName>,
    regions: Vec<Region>,
    /// The part's number: a document that exceeds one managed policy is split into parts that
    /// belong together.
    part: usize,
    parts: usize,
    size: usize,
    asked_by: Map<String, Value>,
    /// The managed policies that are attached to the role next to an execution policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    managed_policies: Vec<String>,
    document: Value,
    #[serde(skip)]
    text: String,
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
    let mut targets = targets(&config.agents, account.as_ref(), &region)?;
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
        && let Some(warning) = beyond_the_boundary(&targets)
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

/// Returns every agent in every requested region.
fn targets<'a>(
    agents: &'a [Agent],
    account: Option<&AccountId>,
    regions: &[Region],
) -> Result<Vec<Target<'a>>, Failure> {
    let mut targets = Vec::new();
    for agent in agents {
        let given = match &agent.role {
            RoleSettings::Given { arn } => Some(&arn.account),
            RoleSettings::Managed { .. } => None,
        };
        let account = account.or(agent.account.as_ref()).or(given);
        let own: Vec<Region> = match (regions, &agent.region) {
            ([], Some(region)) => vec![region.clone()],
            ([], None) => vec![Region::placeholder()],
            (asked, _) => asked.to_vec(),
        };
        for region in own {
            let scope = Scope {
                partition: region.partition(),
                region,
                account: account.cloned().unwrap_or_else(AccountId::placeholder),
                runtime: agent.runtime_name.clone(),
            };
            targets.push(Target {
                agent,
                scope,
                repository: None,
            });
        }
    }
    for pair in targets.windows(2) {
        let (one, other) = (&pair[0].scope, &pair[1].scope);
        if one.partition != other.partition && one.account == other.account {
            return Err(Failure::usage(format!(
                "`{}` and `{}` belong to different partitions, which share no account",
                one.region, other.region
            ))
            .help("ask for the regions of one partition at a time"));
        }
    }
    Ok(targets)
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

fn documents(kind: Kind, targets: &[Target<'_>]) -> Vec<Printed> {
    match kind {
        Kind::Trust => trusts(targets),
        Kind::Execution => targets
            .iter()
            .map(|target| {
                let grants = policy::execution_grants(target.agent, &target.scope);
                Printed {
                    managed_policies: attached(target),
                    ..printed(kind, std::slice::from_ref(target), &grants)
                }
            })
            .collect(),
        Kind::Boundary => vec![printed(kind, targets, &policy::boundary_grants(targets))],
        Kind::Deployer | Kind::DeployerNoIam => {
            let grants = deployer(kind, targets);
            let parts = size::parts(&grants);
            let count = parts.len();
            let numbered = (1..).zip(parts);
            numbered
                .map(|(part, grants)| Printed {
                    part,
                    parts: count,
                    ..printed(kind, targets, grants)
                })
                .collect()
        }
    }
}

/// Returns the ARNs of the managed policies that the metadata attaches to the agent's role.
fn attached(target: &Target<'_>) -> Vec<String> {
    let Scope {
        partition,
        region: _,
        account,
        runtime: _,
    } = &target.scope;
    match &target.agent.role {
        RoleSettings::Managed { policies, .. } => policies
            .iter()
            .map(|policy| policy::managed_policy_arn(policy, *partition, account))
            .collect(),
        RoleSettings::Given { .. } => Vec::new(),
    }
}

/// Warns that a boundary from the declared permissions does not include managed policies.
fn beyond_the_boundary(targets: &[Target<'_>]) -> Option<Message> {
    let attached: BTreeSet<String> = targets.iter().flat_map(attached).collect();
    if attached.is_empty() {
        return None;
    }
    let listed: Vec<String> = attached.iter().map(|arn| format!("`{arn}`")).collect();
    Some(
        Message::new("the permissions boundary does not contain what managed policies allow")
            .note(format!("the metadata attaches {}", listed.join(", ")))
            .note("a role may do only what its policies and its boundary both allow")
            .help("add the statements of these policies to the boundary, as far as the agents need them"),
    )
}

fn deployer(kind: Kind, targets: &[Target<'_>]) -> Vec<Grant> {
    let which = match kind {
        Kind::DeployerNoIam => Deployer::WithoutRoles,
        Kind::Deployer | Kind::Trust | Kind::Execution | Kind::Boundary => Deployer::WithRoles,
    };
    policy::deployer_grants(targets, which)
}

/// Returns one trust policy for all agents that need the same.
fn trusts(targets: &[Target<'_>]) -> Vec<Printed> {
    let mut same: Vec<(Document, Vec<Target<'_>>)> = Vec::new();
    for (_, own) in by_agent(targets) {
        let trust = trust(&own);
        match same.iter_mut().find(|(other, _)| *other == trust) {
            Some((_, all)) => all.extend(own),
            None => same.push((trust, own)),
        }
    }
    same.into_iter()
        .map(|(trust, own)| {
            let asked_by = trust
                .statement
                .iter()
                .map(|statement| {
                    (
                        statement.sid.clone(),
                        Value::from("AgentCore, which runs the agent"),
                    )
                })
                .collect();
            Printed::new(Kind::Trust, &own, &trust, asked_by)
        })
        .collect()
}

fn by_agent<'a>(targets: &[Target<'a>]) -> BTreeMap<AgentName, Vec<Target<'a>>> {
    let mut agents: BTreeMap<AgentName, Vec<Target<'a>>> = BTreeMap::new();
    for target in targets {
        let own = agents.entry(target.agent.name.clone()).or_default();
        own.push(target.clone());
    }
    agents
}

/// Returns the trust policy of one agent's role for all these regions.
fn trust(own: &[Target<'_>]) -> Document {
    let regions: BTreeSet<Region> = own.iter().map(|t| t.scope.region.clone()).collect();
    let scope = &own[0].scope;
    policy::trust(scope.partition, &scope.account, &regions)
}

fn printed(kind: Kind, targets: &[Target<'_>], grants: &[Grant]) -> Printed {
    let asked_by = grants
        .iter()
        .map(|grant| {
            (
                grant.statement.sid.clone(),
                Value::from(grant.asked_by.as_str()),
            )
        })
        .collect();
    Printed::new(kind, targets, &policy::document_of(grants), asked_by)
}

impl Printed {
    fn new(
        kind: Kind,
        targets: &[Target<'_>],
        document: &Document,
        asked_by: Map<String, Value>,
    ) -> Self {
        let agents: BTreeSet<AgentName> = targets.iter().map(|t| t.agent.name.clone()).collect();
        let regions: BTreeSet<Region> = targets.iter().map(|t| t.scope.region.clone()).collect();
        Self {
            kind,
            agents: agents.into_iter().collect(),
            regions: regions.into_iter().collect(),
            part: 1,
            parts: 1,
            size: document.size(),
            asked_by,
            managed_policies: Vec::new(),
            document: document.to_value(),
            text: document.to_pretty_json(),
        }
    }
}

fn show(printed: &Printed, ui: &Ui) {
    for line in described(printed) {
        match line {
            Described::Title(title) => ui.status("Policy", &title),
            Described::Detail(detail) => ui.plain(&detail),
        }
    }
    ui.result(&printed.text);
}

/// Prints a summary without the document. `-v` adds the statements.
fn summarize(printed: &Printed, ui: &Ui) {
    let statements = match printed.asked_by.len() {
        1 => "1 statement".to_owned(),
        count => format!("{count} statements"),
    };
    for line in described(printed) {
        match line {
            Described::Title(title) => {
                ui.answer_status("Policy", &format!("{title}, {statements}"));
            }
            Described::Detail(detail) if ui.verbosity() >= Verbosity::Verbose => {
                ui.answer_plain(&detail);
            }
            Described::Detail(_) => {}
        }
    }
}

enum Described {
    Title(String),
    Detail(String),
}

/// Describes a document, with the reasons for each statement.
fn described(printed: &Printed) -> Vec<Described> {
    let what = match printed.kind {
        Kind::Trust => "trust policy of the execution role",
        Kind::Execution => "execution policy",
        Kind::Boundary => "permissions boundary",
        Kind::Deployer => "policy of the deployer",
        Kind::DeployerNoIam => "policy of a deployer who creates no roles",
    };
    let agents: Vec<String> = printed.agents.iter().map(|a| format!("`{a}`")).collect();
    let regions: Vec<&str> = printed.regions.iter().map(Region::as_str).collect();
    let part = match printed.parts {
        1 => String::new(),
        all => format!(
            ", part {} of {all}, to be attached with the others",
            printed.part
        ),
    };
    let title = format!(
        "{what}{part}: {} in {} ({} characters)",
        agents.join(", "),
        regions.join(", "),
        printed.size
    );
    let width = printed.asked_by.keys().map(String::len).max().unwrap_or(0);
    let statements = printed.asked_by.iter().map(|(sid, by)| {
        let by = by.as_str().unwrap_or_default();
        format!("             {sid:width$}  {by}")
    });
    let attached = printed
        .managed_policies
        .iter()
        .map(|arn| format!("             attached beside it: {arn}"));
    let details = statements.chain(attached).map(Described::Detail);
    [Described::Title(title)]
        .into_iter()
        .chain(details)
        .collect()
}

/// Returns what IAM would refuse.
fn problems(kind: Kind, targets: &[Target<'_>]) -> Vec<Message> {
    let agents = || by_agent(targets).into_values();
    match kind {
        Kind::Trust => agents()
            .filter_map(|own| size::trust_problem(&role(own[0].agent), &trust(&own)))
            .collect(),
        Kind::Execution => agents().filter_map(|own| inline(&own)).collect(),
        Kind::Boundary => size::managed_problem(
            "the permissions boundary",
            &policy::boundary_grants(targets),
        )
        .into_iter()
        .collect(),
        Kind::Deployer | Kind::DeployerNoIam => size::parts(&deployer(kind, targets))
            .into_iter()
            .filter_map(|part| size::managed_problem("the deployer document", part))
            .collect(),
    }
}

fn inline(own: &[Target<'_>]) -> Option<Message> {
    let shares: Vec<(&str, Option<usize>)> = own
        .iter()
        .map(|target| {
            let size = policy::execution(target.agent, &target.scope).size();
            (target.scope.region.as_str(), Some(size))
        })
        .collect();
    size::inline_problem(&role(own[0].agent), shares)
}

fn role(agent: &Agent) -> RoleName {
    match &agent.role {
        RoleSettings::Managed { name, .. } => name.clone(),
        RoleSettings::Given { arn } => arn.name.clone(),
    }
}
