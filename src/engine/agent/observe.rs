//! What an agent has on this machine and in AWS before a deploy.

use std::{collections::BTreeMap, time::Instant};

use super::{
    Agents,
    in_aws::{self, Compared, InAws, Purpose},
};
use crate::{
    config::settings::key_of,
    effects::clock,
    engine::{
        artifact::Shipment,
        build_project::{self, BuildRead},
        former_role,
        role::{self, Extent},
        runtime::own,
    },
    error::Failure,
    project::{
        own_files::{self, OwnFiles},
        packaging,
        sessions::Placed,
    },
    resources::{role::Adopt, runtime},
    ui::Ui,
};

/// An agent, and what a deploy needs of it besides.
pub(crate) struct AgentWork<'a> {
    pub(crate) compared: Compared<'a>,
    /// `None` for an image, which has no files of the project.
    pub(crate) own: Option<OwnFiles>,
    pub(crate) started: Instant,
    /// Set if the artifact could be built before the user was asked.
    pub(super) built: Option<Shipment>,
}

impl<'a> Agents<'a> {
    /// Observes the disk and AWS in parallel. Also builds the artifact, unless nothing may be
    /// written.
    pub(super) async fn observe_one(
        &self,
        placed: &'a Placed<'a>,
    ) -> Result<AgentWork<'a>, Failure> {
        let (started, run) = (clock::now(), &self.run);
        let agent = placed.agent;
        let variables = runtime::check_variables(agent, &variables(placed)).err();
        let own = agent
            .ships_sources()
            .then(|| own_files::observe(agent, run.project, run.declared))
            .transpose();
        let wrong = own.as_ref().err().cloned();
        if let Some(failure) = Failure::all([variables, wrong].into_iter().flatten()) {
            return Err(failure);
        }
        let own = own?;
        if let Some(own) = &own {
            own.tell(run.ui);
        }
        note_not_kept(placed, run.ui);
        let comparing = Box::pin(self.compare(placed));
        let building = self.build_early(placed, own.as_ref());
        let (compared, built) = tokio::try_join!(comparing, building)?;
        role::tell_reasons(agent, run.ui);
        for warning in compared.role.warnings() {
            run.ui.warning(warning);
        }
        if let Some(seen) = &compared.seen {
            let runs_with = &seen.observed.state.fields.role_arn;
            former_role::notice(placed, runs_with, run.ui).await;
        }
        for kept in &compared.callers.kept {
            run.ui.note(&format!(
                "the resource policy of {} was written by someone else and is kept",
                kept.name
            ));
        }
        Ok(AgentWork {
            compared,
            own,
            started,
            built,
        })
    }

    /// Observes AWS, and plans. Only this project's runtime may have the agent's name.
    async fn compare(&self, placed: &'a Placed<'a>) -> Result<Compared<'a>, Failure> {
        let (purpose, adopt) = (Purpose::Run(self.run.adopt), self.run.adopt);
        role::check_account(placed.agent, &placed.session)?;
        let builds =
            placed.agent.builds_dockerfile().is_some() && self.building.image.builder().is_none();
        if builds {
            build_project::check_partition(placed)?;
        }
        let build = async {
            Ok(if builds {
                Some(BuildRead::of(placed, Extent::Whole).await?)
            } else {
                None
            })
        };
        let InAws {
            role,
            runtimes,
            build,
        } = Box::pin(in_aws::read(placed, &self.lists, build, purpose)).await?;
        let observed = role.as_ref().ok().and_then(Option::as_ref);
        let seen = own::judge(
            placed,
            runtimes,
            &role::proof(placed.agent, observed, adopt),
        );
        Compared::plan(placed, (role, build), seen, purpose, self.run.ui).await
    }

    /// Builds the artifact unless nothing may be written yet: `--adopt` asks for confirmation first.
    async fn build_early(
        &self,
        placed: &Placed<'_>,
        own: Option<&OwnFiles>,
    ) -> Result<Option<Shipment>, Failure> {
        if self.run.changes_nothing() || self.run.adopt == Adopt::Yes {
            return Ok(None);
        }
        let output = packaging::directory(placed.agent, self.run.project)?;
        let how = (self.building, &self.run);
        Shipment::build(placed, own, output, how).await.map(Some)
    }
}

/// Returns all environment variables of the runtime.
fn variables(placed: &Placed<'_>) -> BTreeMap<String, String> {
    let mut variables = runtime::own_variables(&placed.session.region);
    variables.extend(placed.agent.env.clone());
    variables
}

/// Notes the settings that the local AgentCore does not keep.
fn note_not_kept(placed: &Placed<'_>, ui: &Ui) {
    let capabilities = placed.session.capabilities();
    let settings = placed.agent.settings.iter();
    let mut keys: Vec<String> = settings
        .filter(|(place, _)| !capabilities.keeps(place))
        .map(|(place, _)| format!("`{}`", key_of(place)))
        .collect();
    keys.dedup();
    if !capabilities.resource_policies && !placed.agent.callers.is_empty() {
        keys.push("`callers`".to_owned());
    }
    if !keys.is_empty() {
        ui.note(&format!(
            "the local AgentCore ignores {} of agent `{}`",
            keys.join(", "),
            placed.agent.name
        ));
    }
}
