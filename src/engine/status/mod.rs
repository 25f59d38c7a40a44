//! What is deployed of an agent, and how it differs from what is here.

mod code;
mod role;
mod there;

use self::role::RoleHere;
pub(crate) use self::there::There;
use super::{build_project::BuildWork, callers, repository, runtime::find::Deployed};
use crate::{
    config::{Agent, Declared},
    effects::{
        aws::{data_plane, emulated::ACCOUNT_ID, runtime::Runtimes, session::LOCAL_REGION},
        clock,
        manifest::Project,
    },
    error::Failure,
    names::Region,
    options,
    project::sessions::Placed,
    resources::{
        callers::CallersStep,
        role::Adopt,
        runtime::{
            fields::Artifact,
            observed::{Code, difference, role_arn},
        },
    },
    ui::Ui,
};

/// One agent's report.
pub(crate) enum Report<'a> {
    Absent {
        agent: &'a Agent,
        account: String,
        region: String,
        /// Whether its execution role exists; `None` without permission to look.
        prepared: Option<bool>,
    },
    There(Box<There<'a>>),
}

impl<'a> Report<'a> {
    /// Returns the report for an emulator that has never run.
    pub(crate) fn never_deployed(agent: &'a Agent, options: &options::Aws) -> Self {
        let region = options.region.as_ref().or(agent.region.as_ref());
        Self::Absent {
            agent,
            account: ACCOUNT_ID.to_owned(),
            region: region.map_or(LOCAL_REGION, Region::as_str).to_owned(),
            prepared: Some(false),
        }
    }

    /// Observes the agent, and compares it with what is here.
    pub(crate) async fn of(
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
        let running = as_running(agent, deployed, &fields.artifact);
        let placed = &Placed {
            agent: &running,
            session: session.clone(),
        };
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
        let capabilities = session.capabilities();
        let mut differences = difference(agent, arn, fields, &found.tags, |setting| {
            capabilities.keeps(setting)
        });
        let callers = callers::decide(placed, &found.state, &found.tags, Adopt::Yes).await?;
        differences.extend(callers.steps.iter().map(CallersStep::callers));
        differences.extend(of_role);
        differences.extend(age.difference(&fields.artifact));
        let build = Box::pin(BuildWork::compare(placed)).await?;
        differences.extend(build.iter().flat_map(BuildWork::differences));
        let code = code::compare(placed, place, &fields.artifact, ui);
        if let Code::Differs(change) = &code {
            differences.push(change.clone());
        }
        Ok(Self::There(Box::new(There {
            placed: deployed.placed,
            found,
            endpoints: endpoints?,
            code,
            build: build.map(|build| build.name().to_owned()),
            unread_role,
            differences,
            age,
            base: data_plane::endpoint(base, session.partition, &session.region),
            now: clock::seconds(),
        })))
    }
}

/// Returns the agent with the image that `deploy --image` gave its runtime, if any.
fn as_running(agent: &Agent, deployed: &Deployed<'_>, artifact: &Artifact) -> Agent {
    let mut running = agent.clone();
    if let Some(image) = repository::existing(deployed.placed, artifact) {
        running.run_from(image);
    }
    running
}
