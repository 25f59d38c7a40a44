//! What `clean` finds of an agent's builds.

use crate::{
    config::Agent,
    effects::aws::{Kind, Session, code_build::CodeBuild, iam::Iam, logs::Logs},
    engine::role,
    error::Failure,
    names::{RoleName, ours},
    resources::build_project::{ObservedBuilds, identity},
};

/// Observes the project that builds the agent's image in one region, with its role and its log
/// group. An agent that is not built from a Dockerfile may have been.
pub(crate) async fn observe_to_clean(
    agent: &Agent,
    session: &Session,
) -> Result<Option<ObservedBuilds>, Failure> {
    if !session.capabilities().builds {
        return Ok(None);
    }
    let name = ours::build_project(&agent.project, &agent.runtime_name);
    let project = match CodeBuild::new(session).project(&name).await {
        // The deployer's policy of an agent without a Dockerfile does not allow looking.
        Err(error) if error.kind == Kind::Denied && agent.dockerfile.is_none() => return Ok(None),
        there => there?,
    };
    let role = ours::build_role(&agent.project, &agent.runtime_name, &session.region);
    let role = match RoleName::parse(&role) {
        Ok(role) => role::observe_whole(&role, &identity(agent), &Iam::new(session)).await?,
        Err(_) => None,
    };
    let is_there = project.is_some() || role.is_some();
    let group = ours::build_log_group(&name);
    Ok(Some(ObservedBuilds {
        log_group: if is_there && Logs::new(session).exists(&group).await? {
            Some(group)
        } else {
            None
        },
        name,
        project,
        role,
    }))
}
