//! `cargo agentcore status`: what is deployed of each agent, and whether it is what is here.

mod code;
mod role;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::{code::Age, role::RoleHere};
use super::documents;
use crate::{
    commands::{deploy::agent::keeps, endpoint::list},
    config::{Agent, Authorizer, Caller, Config, Declared, Network, Settings},
    effects::{
        aws::{data_plane, emulated::ACCOUNT_ID, runtime::Runtimes, session::LOCAL_REGION},
        clock,
        local::Emulator,
        manifest::Project,
    },
    engine::{
        callers, former_agents,
        runtime::find::{self, Deployed, Found, Unread},
    },
    error::Failure,
    names::{EndpointUrl, Region},
    options,
    plan::table::{age, aligned, time},
    project::{
        self,
        emulator::{self, Reach},
        sessions::{self, Placed},
    },
    protocol,
    resources::{
        callers::CallersStep,
        change::{FieldChange, Reveal},
        clean::Tags,
        links,
        role::Adopt,
        runtime::{
            fields::{Artifact, RuntimeFields, effective_lifecycle},
            managed_settings::{elsewhere, lines, managed, recorded},
            observed::{Code, DEFAULT_ENDPOINT, EndpointState, Standing, difference, role_arn},
        },
    },
    ui::{Ui, Verbosity},
};

/// Show what is deployed and whether it matches the project
///
/// Builds nothing: compares the code with the last archive built here and the files that changed since.
/// An agent that is not deployed is not an error. Values of environment variables are shown only with `-v`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    aws: options::Aws,
}

/// One agent's report.
enum Report<'a> {
    Absent {
        agent: &'a Agent,
        account: String,
        region: String,
        /// Whether its execution role exists; `None` without permission to look.
        prepared: Option<bool>,
    },
    There(Box<There<'a>>),
}

struct There<'a> {
    placed: &'a Placed<'a>,
    found: &'a Found,
    endpoints: Vec<EndpointState>,
    code: Code,
    /// Why the role was not compared.
    unread_role: Option<String>,
    /// The differences in configuration, role and code.
    differences: Vec<FieldChange>,
    age: Age,
    /// The address of the service.
    base: String,
    /// The current time, in seconds since 1970.
    now: i64,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = project::stage(&args.project, args.aws.local);
    let (project, config) = project::load(&args.project, &stage, ui)?;
    if emulator::is_empty(&args.aws, &project, &config, ui)? {
        let reports: Vec<Report<'_>> = config
            .agents
            .iter()
            .map(|agent| Report::never_deployed(agent, &args.aws))
            .collect();
        show(&args, &reports, Reveal::Keys, ui);
        return Ok(());
    }
    let place = (&project, &config);
    emulator::with(Reach::Reads, &args.aws, place, ui, async |emulator| {
        look(&args, place, emulator, ui).await
    })
    .await
}

async fn look(
    args: &Args,
    (project, config): (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let placed = sessions::place((project, &config.agents), &args.aws, emulator, ui).await?;
    let base = emulator.map(|emulator| emulator.url.as_str());
    let base = base.or(args.aws.endpoint_url.as_ref().map(EndpointUrl::as_str));
    let reveal = if ui.verbosity() >= Verbosity::Verbose {
        Reveal::Values
    } else {
        Reveal::Keys
    };
    let _work = ui.working("Reading", "what is deployed");
    let lists = find::lists(&placed).await?;
    let former = async {
        for (at, list) in &lists {
            if let Some(one) = placed.iter().find(|one| find::place(one) == *at) {
                former_agents::notice(one, (project, &config.declared), list, ui).await;
            }
        }
    };
    let observing = find::observe_in(&placed, &lists, Unread::ProvesNothing);
    let (all, ()) = tokio::join!(observing, former);
    let all = all?;
    let mut reports = Vec::new();
    for deployed in &all {
        let report = Report::of(deployed, (project, &config.declared), base, ui).await?;
        if let Report::There(there) = &report {
            there.found.say_whose(ui);
        }
        reports.push(report);
    }
    show(args, &reports, reveal, ui);
    Ok(())
}

fn show(args: &Args, reports: &[Report<'_>], reveal: Reveal, ui: &Ui) {
    match args.output {
        options::Output::Json => {
            let values: Vec<Value> = reports.iter().map(|report| report.value(reveal)).collect();
            ui.document(json!({ "agents": values }));
        }
        options::Output::Text => {
            for report in reports {
                ui.result(&report.text(reveal));
            }
        }
    }
}

impl<'a> Report<'a> {
    /// Returns the report for an emulator that has never run.
    fn never_deployed(agent: &'a Agent, options: &options::Aws) -> Self {
        let region = options.region.as_ref().or(agent.region.as_ref());
        Self::Absent {
            agent,
            account: ACCOUNT_ID.to_owned(),
            region: region.map_or(LOCAL_REGION, Region::as_str).to_owned(),
            prepared: Some(false),
        }
    }

    async fn of(
        deployed: &'a Deployed<'a>,
        place: (&Project, &Declared),
        base: Option<&'a str>,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let placed = deployed.placed;
        let Placed { agent, session } = placed;
        let Some(found) = deployed.one()? else {
            let prepared = Box::pin(role::is_there(placed, ui)).await?;
            return Ok(Self::Absent {
                agent,
                account: session.account.to_string(),
                region: session.region.to_string(),
                prepared,
            });
        };
        let runtimes = Runtimes::new(session);
        let fields = &found.state.fields;
        let (endpoints, age, role) = tokio::join!(
            runtimes.read_endpoints(&found.state.id),
            code::age(placed, &fields.artifact, ui),
            Box::pin(role::compare(placed, ui)),
        );
        let RoleHere {
            differences: of_role,
            unknown: unread_role,
        } = role?;
        let arn = role_arn(&agent.role, session.partition, &session.account);
        let mut differences = difference(agent, arn, fields, &found.tags, keeps(placed));
        let callers = callers::decide(placed, &found.state, &found.tags, Adopt::Yes).await?;
        differences.extend(callers.steps.iter().map(CallersStep::callers));
        differences.extend(of_role);
        differences.extend(age.difference(&fields.artifact));
        let code = code::compare(placed, place, &fields.artifact, ui);
        if let Code::Differs(change) = &code {
            differences.push(change.clone());
        }
        Ok(Self::There(Box::new(There {
            placed,
            found,
            endpoints: endpoints?,
            code,
            unread_role,
            differences,
            age,
            base: data_plane::endpoint(base, session.partition, &session.region),
            now: clock::seconds(),
        })))
    }

    fn text(&self, reveal: Reveal) -> String {
        match self {
            Self::Absent {
                agent, prepared, ..
            } => {
                let state = match prepared {
                    Some(true) | None => "not deployed",
                    Some(false) => "not deployed, and no execution role is prepared",
                };
                format!("{}\n  state  {state}", agent.name)
            }
            Self::There(there) => there.text(reveal),
        }
    }

    fn value(&self, reveal: Reveal) -> Value {
        let (agent, account, region) = match self {
            Self::Absent {
                agent,
                account,
                region,
                ..
            } => (*agent, account.as_str(), region.as_str()),
            Self::There(there) => {
                let Placed { agent, session } = there.placed;
                (*agent, session.account.as_str(), session.region.as_str())
            }
        };
        let state = match self {
            Self::Absent {
                prepared: Some(false),
                ..
            } => "not-prepared",
            Self::Absent { .. } => "not-deployed",
            Self::There(_) => "deployed",
        };
        let mut value = json!({
            "agent": agent.name,
            "stage": agent.stage,
            "account": account,
            "region": region,
            "state": state,
            "runtime": { "name": agent.runtime_name },
        });
        if let (Self::There(there), Some(fields)) = (self, value.as_object_mut()) {
            fields.extend(there.values(reveal));
        }
        value
    }
}

impl There<'_> {
    fn url(&self, endpoint: &str) -> String {
        links::invocation(&self.base, &self.found.state.arn, endpoint)
    }

    /// Returns the page with the agent's traces, if it can send any.
    fn traces(&self) -> Option<String> {
        let session = &self.placed.session;
        let can_trace = !session.is_local() && self.found.state.fields.artifact.can_trace();
        can_trace.then(|| links::observability(session.partition, &session.region))
    }

    fn text(&self, reveal: Reveal) -> String {
        let state = &self.found.state;
        let mut rows: Vec<[String; 2]> = Vec::new();
        let mut row = |name: &str, text: String| rows.push([format!("  {name}"), text]);
        row(
            "state",
            match &state.failure {
                Some(failure) => format!("{}: {failure}", state.status),
                None => state.status.clone(),
            },
        );
        row(
            "version",
            format!(
                "{}, since {} ({} ago)",
                state.version,
                time(state.updated),
                age(self.now - state.updated)
            ),
        );
        for (at, one) in self.endpoints.iter().enumerate() {
            row(if at == 0 { "endpoints" } else { "" }, list::line(one));
        }
        if self.endpoints.is_empty() {
            row("endpoints", "none".to_owned());
        }
        row("runtime", state.arn.clone());
        row("url", self.url(DEFAULT_ENDPOINT));
        row(
            "traces",
            self.traces().unwrap_or_else(|| {
                let why = if self.placed.session.is_local() {
                    "none: the local AgentCore does not keep any"
                } else {
                    "none: the agent does not run under `opentelemetry-instrument`"
                };
                why.to_owned()
            }),
        );
        row("logs", protocol::logs::group(&state.id, DEFAULT_ENDPOINT));
        self.configured(&mut row);
        for (at, (member, value)) in self.set_elsewhere().iter().enumerate() {
            row(
                if at == 0 { "set elsewhere" } else { "" },
                match reveal {
                    Reveal::Keys => member.clone(),
                    Reveal::Values => format!("{member}: {value}"),
                },
            );
        }
        for (at, change) in self.differences.iter().enumerate() {
            let name = if at == 0 { "here differs" } else { "" };
            row(name, change.words(reveal));
        }
        for (name, text) in self.sameness() {
            row(name, text);
        }
        format!("{}\n{}", self.placed.agent.name, aligned(&rows))
    }

    /// Returns the lines if nothing differs, and for what was not compared.
    fn sameness(&self) -> Vec<(&'static str, String)> {
        let code = match &self.code {
            Code::Unknown(why) => Some(format!("the code was not compared: {why}")),
            Code::Equal | Code::Differs(_) => None,
        };
        let role = self.unread_role.as_ref();
        let same = match code {
            Some(_) => "is configured as it is deployed",
            None => "is what is deployed",
        };
        let role = role.map(|why| format!("the role was not compared: {why}"));
        let mut unknown = code.into_iter().chain(role);
        let mut rows = Vec::new();
        if self.differences.is_empty() {
            let first = unknown.next().map(|first| format!("; {first}"));
            rows.push(("here", format!("{same}{}", first.unwrap_or_default())));
        }
        rows.extend(unknown.map(|text| ("", text)));
        rows
    }

    /// Returns `None` if no difference is known but not everything could be compared.
    fn equal(&self) -> Option<bool> {
        let is_known = !matches!(self.code, Code::Unknown(_)) && self.unread_role.is_none();
        if self.differences.is_empty() {
            is_known.then_some(true)
        } else {
            Some(false)
        }
    }

    /// Adds the rows for the runtime's configuration.
    fn configured(&self, row: &mut impl FnMut(&str, String)) {
        let RuntimeFields {
            role_arn,
            description,
            artifact,
            env,
            lifecycle,
            network,
            protocol,
            authorizer,
            header_allowlist,
            settings: _,
        } = &self.found.state.fields;
        row("role", role_arn.clone());
        row(
            "artifact",
            format!("{artifact}{}", self.age.words(self.now)),
        );
        if let Artifact::Code {
            runtime,
            entry_point,
            ..
        } = artifact
        {
            row("runs", format!("{} on {runtime}", entry_point.join(" ")));
        }
        if let Some(platform) = &self.found.state.platform {
            row("platform", platform.clone());
        }
        row("protocol", protocol.clone());
        if let Some(authorizer) = authorizer {
            for (at, line) in authorizer_lines(authorizer).into_iter().enumerate() {
                row(if at == 0 { "authorizer" } else { "" }, line);
            }
        }
        if !header_allowlist.is_empty() {
            row("headers", header_allowlist.join(", "));
        }
        let (idle, lifetime) = effective_lifecycle(*lifecycle);
        row(
            "lifecycle",
            format!("idle timeout {idle} s, at most {lifetime} s"),
        );
        row(
            "network",
            match network {
                Network::Public => "public".to_owned(),
                Network::Vpc {
                    subnets,
                    security_groups,
                } => format!(
                    "VPC: {}, {}",
                    subnets.join(", "),
                    security_groups.join(", ")
                ),
            },
        );
        if !env.is_empty() {
            let keys: Vec<&str> = env.keys().map(String::as_str).collect();
            row("variables", keys.join(", "));
        }
        if let Some(description) = description {
            row("description", description.clone());
        }
        let is_local = self.placed.session.is_local();
        let callers = self.placed.agent.callers.iter();
        for (at, caller) in callers.filter(|_| !is_local).enumerate() {
            row(if at == 0 { "callers" } else { "" }, caller.to_string());
        }
        for (at, (key, value)) in lines(&self.managed()).into_iter().enumerate() {
            row(
                if at == 0 { "settings" } else { "" },
                format!("{key}: {value}"),
            );
        }
    }

    /// Returns the runtime's values of the settings that the metadata sets or has set.
    fn managed(&self) -> Settings {
        let mut settings = self.found.state.fields.settings.clone();
        let places = self.managed_places();
        settings.retain(|place| {
            let place = place.join(".");
            places.contains(&place)
        });
        settings
    }

    fn managed_places(&self) -> BTreeSet<String> {
        let mut places = managed(&self.placed.agent.settings);
        if let Tags::Known(tags) = &self.found.tags {
            places.extend(recorded(tags));
        }
        places
    }

    /// Returns the settings made by others.
    fn set_elsewhere(&self) -> BTreeMap<String, Value> {
        let state = &self.found.state;
        elsewhere(
            &state.set_elsewhere,
            &state.fields.settings,
            &self.managed_places(),
        )
    }

    fn values(&self, reveal: Reveal) -> serde_json::Map<String, Value> {
        let state = &self.found.state;
        let endpoints: Vec<Value> = self
            .endpoints
            .iter()
            .map(|one| {
                let mut value = list::value(one);
                value["url"] = self.url(&one.name).into();
                value["log_group"] = protocol::logs::group(&state.id, &one.name).into();
                value
            })
            .collect();
        let fields = &state.fields;
        let mut runtime = documents::runtime(state);
        runtime["failure_reason"] = json!(state.failure);
        runtime["created"] = time(state.created).into();
        runtime["updated"] = time(state.updated).into();
        let mut artifact = fields.artifact.value();
        artifact["stored"] = self.age.value();
        let (idle_timeout, max_lifetime) = effective_lifecycle(fields.lifecycle);
        let document = json!({
            "runtime": runtime,
            "ours": self.found.standing == Standing::Ours,
            "endpoints": endpoints,
            "url": self.url(DEFAULT_ENDPOINT),
            "observability": self.traces(),
            "role": { "arn": fields.role_arn },
            "artifact": artifact,
            "protocol": fields.protocol,
            "platform": state.platform,
            "lifecycle": { "idle_timeout": idle_timeout, "max_lifetime": max_lifetime },
            "header_allowlist": fields.header_allowlist,
            "description": fields.description,
            "callers": self.placed.agent.callers.iter().map(Caller::arn).collect::<Vec<_>>(),
            "settings": self.managed().iter().map(|(place, value)| json!({ "member": place.join("."), "value": value })).collect::<Vec<_>>(),
            "network": match &fields.network {
                Network::Public => json!({ "mode": "public" }),
                Network::Vpc { subnets, security_groups } =>
                    json!({ "mode": "vpc", "subnets": subnets, "security_groups": security_groups }),
            },
            "authorizer": fields.authorizer.as_ref().map(authorizer_value),
            "variables": fields.env.keys().collect::<Vec<_>>(),
            "set_elsewhere": set_elsewhere(&self.set_elsewhere(), reveal),
            "equal": self.equal(),
            "code": self.code.as_str(),
            "differences": self.differences.iter().map(|change| change.value(reveal)).collect::<Vec<_>>(),
        });
        match document {
            Value::Object(fields) => fields,
            _ => unreachable!("it is an object"),
        }
    }
}

/// Returns the issuer, followed by the requirements for tokens.
fn authorizer_lines(authorizer: &Authorizer) -> Vec<String> {
    let Authorizer {
        discovery_url,
        allowed_audience,
        allowed_clients,
        allowed_scopes,
    } = authorizer;
    let mut lines = vec![format!("JWTs of {discovery_url}")];
    for (what, list) in [
        ("audience", allowed_audience),
        ("clients", allowed_clients),
        ("scopes", allowed_scopes),
    ] {
        if !list.is_empty() {
            lines.push(format!("{what}: {}", list.join(", ")));
        }
    }
    lines
}

fn authorizer_value(authorizer: &Authorizer) -> Value {
    let Authorizer {
        discovery_url,
        allowed_audience,
        allowed_clients,
        allowed_scopes,
    } = authorizer;
    json!({
        "discovery_url": discovery_url,
        "allowed_audience": allowed_audience,
        "allowed_clients": allowed_clients,
        "allowed_scopes": allowed_scopes,
    })
}

/// Returns the settings outside the configuration. Their values may be secret, like those of
/// variables.
fn set_elsewhere(members: &BTreeMap<String, Value>, reveal: Reveal) -> Vec<Value> {
    members
        .iter()
        .map(|(member, value)| match reveal {
            Reveal::Keys => json!({ "member": member }),
            Reveal::Values => json!({ "member": member, "value": value }),
        })
        .collect()
}
