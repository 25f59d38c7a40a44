//! Finds the runtime that a command talks to, and its credentials.

use super::{Partner, identity::identity};
use crate::{
    config::Agent,
    effects::{
        aws::{
            data_plane::{self, DataPlane},
            network::Network,
            runtime::Runtimes,
            runtime_read::Named,
            session::{Identifying, Request, connect},
        },
        folder::FolderFile,
        manifest::Project,
    },
    engine::runtime::find,
    error::Failure,
    names::{EndpointName, Region},
    options,
    project::{self, developed, emulator, on_disk, sessions},
    protocol::{RuntimeArn, invocation::Token},
    ui::Ui,
};

/// What the user says about the runtime.
pub(crate) struct Wanted<'a> {
    /// The endpoint; the default without one.
    pub(crate) endpoint: Option<&'a EndpointName>,
    pub(crate) token: Option<Token>,
    pub(crate) project: &'a options::Project,
    pub(crate) aws: &'a options::Aws,
}

impl Wanted<'_> {
    /// Needs no request to AWS.
    pub(crate) async fn by_arn(self, arn: &RuntimeArn, ui: &Ui) -> Result<Partner, Failure> {
        if let Some(region) = self
            .aws
            .region
            .as_ref()
            .filter(|given| **given != arn.region)
        {
            ui.note(&format!(
                "the ARN's region `{}` is used, not `{region}`",
                arn.region
            ));
        }
        let request = Request {
            explicit_profile: self.aws.profile.clone(),
            metadata_profile: None,
            region: Some(arn.region.clone()),
            endpoint_url: self.aws.endpoint_url.as_ref().map(ToString::to_string),
            local: false,
        };
        let explicit = request.endpoint_url.as_deref();
        let url = data_plane::endpoint(explicit, arn.partition, &arn.region);
        let connection = match &self.token {
            Some(_) => None,
            None => Some(connect(&request).await?),
        };
        if self.token.is_some() {
            ui.status(
                "Account",
                &format!(
                    "{} in {} with a bearer token, runtime `{}`",
                    arn.account, arn.region, arn.id
                ),
            );
        }
        let profile = request.explicit_profile.as_deref();
        let plane = match (self.token.as_ref(), connection.as_ref()) {
            (None, Some(connection)) => DataPlane::signing(connection, url.clone())?,
            (Some(token), _) => {
                let network = Network::load(profile).await?;
                DataPlane::bearing(token.clone(), url.clone(), &network)?
            }
            (None, None) => unreachable!("without a token there is a connection"),
        };
        Ok(Partner {
            plane,
            arn: arn.arn.clone(),
            id: arn.id.clone(),
            endpoint: self.endpoint(arn.endpoint.as_ref()),
            url,
            with_token: self.token.is_some(),
            is_developed: false,
            agent: None,
            memory: None,
            request,
            identifying: connection.as_ref().map(Identifying::begin),
            connection,
        })
    }

    /// Finds the runtime of the selected agent.
    pub(crate) async fn by_name(self, ui: &Ui) -> Result<Partner, Failure> {
        let stage = project::stage(self.project, self.aws.local);
        let (project, config) = project::load(self.project, &stage, ui)?;
        let names: Vec<&str> = config.agents.iter().map(|a| a.name.as_str()).collect();
        only(&names)?;
        let agent = config.agents[0].clone();
        if agent.authorizer.is_some() && self.token.is_none() {
            return Err(no_token(&format!(
                "the agent `{}` has an authorizer",
                agent.name
            )));
        }
        // An empty emulator need not be started: nothing is deployed there.
        if emulator::is_empty(self.aws, &project, &config, ui)? {
            return Err(find::absent(&agent));
        }
        let emulator = emulator::emulator(self.aws, &project, &config, ui).await?;
        let request = sessions::request(&agent, self.aws, emulator.as_ref());
        sessions::confirmed(&request, &project, ui)?;
        let connection = connect(&request).await?;
        // Two independent requests in parallel.
        let identifying = Identifying::begin(&connection);
        let found = Runtimes::over(&connection).find(&agent.runtime_name).await;
        let identity = identity(&agent, &identifying, found.is_err(), ui).await?;
        if let Some(identity) = &identity {
            sessions::announce(identity, &[&agent], ui);
            sessions::pinned(&agent, identity)?;
        }
        let account = match &identity {
            Some(identity) => format!("account {}, ", identity.account),
            None => String::new(),
        };
        let place = format!("{account}region {}", connection.region);
        let runtime = only_runtime(&agent, found?, &place)?;
        let region = &connection.region;
        let explicit = request.endpoint_url.as_deref();
        let url = data_plane::endpoint(explicit, region.partition(), region);
        let endpoint = self.endpoint(None);
        let plane = match &self.token {
            None => DataPlane::signing(&connection, url.clone())?,
            Some(token) => DataPlane::bearing(token.clone(), url.clone(), &connection.network)?,
        };
        Ok(Partner {
            plane,
            memory: Some(memory(&project, &agent, region, &runtime.id, &endpoint)?),
            arn: runtime.arn,
            id: runtime.id,
            endpoint,
            url,
            with_token: self.token.is_some(),
            is_developed: false,
            agent: Some(agent),
            request,
            connection: Some(connection),
            identifying: identity.is_none().then_some(identifying),
        })
    }

    /// Finds the agent that `dev` runs.
    pub(crate) fn developed(&self, ui: &Ui) -> Result<Partner, Failure> {
        let found = developed::find(self.project, ui)?;
        let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
        only(&names)?;
        let found = &found[0];
        let record = found.running()?;
        ui.status(
            "Agent",
            &format!(
                "`{}` at {} (process {})",
                found.name, record.url, record.pid
            ),
        );
        let memory = found
            .kept
            .join(on_disk::SESSIONS)
            .file(format!("dev.{}", found.name));
        Ok(Partner {
            plane: DataPlane::to_agent(format!("{}{}", record.url, record.path)),
            arn: String::new(),
            id: found.name.clone(),
            endpoint: EndpointName::default(),
            url: record.url,
            with_token: false,
            is_developed: true,
            agent: found.agent.clone(),
            memory: Some(memory),
            request: Request {
                local: true,
                ..Request::default()
            },
            connection: None,
            identifying: None,
        })
    }

    fn endpoint(&self, of_arn: Option<&EndpointName>) -> EndpointName {
        self.endpoint.or(of_arn).cloned().unwrap_or_default()
    }
}

fn only_runtime(agent: &Agent, mut found: Vec<Named>, place: &str) -> Result<Named, Failure> {
    match found.len() {
        0 => Err(Failure::world(format!(
            "the agent `{}` is not deployed: there is no runtime `{}` in {place}",
            agent.name, agent.runtime_name
        ))
        .help("`cargo agentcore deploy` deploys it")),
        1 => Ok(found.remove(0)),
        _ => {
            let failure = Failure::world(format!(
                "there are several runtimes `{}` in {place}",
                agent.runtime_name
            ));
            let failure = found.iter().fold(failure, |failure, runtime| {
                failure.note(format!("`{}`", runtime.arn))
            });
            Err(failure.help("choose one with `--arn`"))
        }
    }
}

/// A runtime with an authorizer accepts no AWS credentials.
pub(crate) fn no_token(why: &str) -> Failure {
    Failure::access(format!("{why}, and no bearer token was given"))
        .help("get a JWT from the authorizer's issuer and set CARGO_AGENTCORE_BEARER_TOKEN to it, or pass `--bearer-token`")
}

fn only(names: &[&str]) -> Result<(), Failure> {
    match names {
        [_] => Ok(()),
        names => Err(Failure::usage("only one agent can be called at a time")
            .note(format!("the agents are `{}`", names.join("`, `")))
            .help("choose one with `--agent`")),
    }
}

/// Returns the file with the last session. A runtime's ID is never reused, so it also identifies
/// account, stage and emulator.
fn memory(
    project: &Project,
    agent: &Agent,
    region: &Region,
    id: &str,
    endpoint: &EndpointName,
) -> Result<FolderFile, Failure> {
    Ok(on_disk::sessions(project, agent)?.file(format!("{region}.{id}.{endpoint}")))
}
