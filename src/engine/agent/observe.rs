//! What an agent has on this machine and in AWS before a deploy.

use std::{collections::BTreeMap, time::Instant};

use super::{Agents, place};
use crate::{
    config::settings::key_of,
    effects::clock,
    engine::{
        artifact::Shipment,
        build_project::BuildWork,
        callers, former_role, replacement,
        role::{self, RoleWork},
        runtime::own::{self, Seen},
    },
    error::Failure,
    project::{
        own_files::{self, OwnFiles},
        packaging,
        sessions::Placed,
    },
    resources::{
        callers::CallersPlan,
        role::Adopt,
        runtime::{self, replacement::Replacement},
    },
    ui::Ui,
};

/// An agent as it is observed, with the plan for its role and its callers.
pub(crate) struct AgentWork<'a> {
    pub(crate) placed: &'a Placed<'a>,
    /// `None` for an image, which has no files of the project.
    pub(crate) own: Option<OwnFiles>,
    pub(crate) role: RoleWork,
    pub(crate) seen: Option<Seen>,
    pub(crate) replacement: Replacement,
    pub(crate) callers: CallersPlan,
    /// The project that builds the image, if CodeBuild does.
    pub(crate) build: Option<BuildWork>,
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
        let list = self.lists[&place(&placed.session)].clone();
        let looking = async {
            let list = list.await?;
            own::look(placed, &list).await
        };
        let deciding = role::decide(agent, &placed.session, run.adopt);
        let (role, looked, built, build) = tokio::try_join!(
            deciding,
            looking,
            self.build_early(placed, own.as_ref()),
            self.build_project(placed)
        )?;
        role::tell_reasons(agent, run.ui);
        for warning in role.warnings() {
            run.ui.warning(warning);
        }
        let seen = own::judge(placed, looked, &role.proof())?;
        // Before anything is written.
        let replacement = replacement::observe(placed, seen.as_ref(), &role, run.ui).await?;
        if let Some(seen) = &seen {
            let runs_with = &seen.observed.state.fields.role_arn;
            former_role::notice(placed, runs_with, run.ui).await;
        }
        let callers = match &seen {
            // The policies of a runtime that is replaced go with it.
            Some(Seen { observed, .. }) if replacement.of.is_none() => {
                callers::decide(placed, &observed.state, &observed.tags, run.adopt).await?
            }
            Some(_) | None => CallersPlan::default(),
        };
        for kept in &callers.kept {
            run.ui.note(&format!(
                "the resource policy of {} was written by someone else and is kept",
                kept.name
            ));
        }
        Ok(AgentWork {
            placed,
            own,
            role,
            seen,
            replacement,
            callers,
            build,
            started,
            built,
        })
    }

    /// Observes the project that builds the agent's image, if CodeBuild does.
    async fn build_project(&self, placed: &Placed<'_>) -> Result<Option<BuildWork>, Failure> {
        if placed.agent.builds_dockerfile().is_none() || self.building.image.builder().is_some() {
            return Ok(None);
        }
        BuildWork::observe(placed, self.run.adopt).await.map(Some)
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
