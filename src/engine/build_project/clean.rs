//! What `clean` deletes of an agent's build project.

use crate::{
    config::Agent,
    effects::aws::{Kind, Session, code_build::CodeBuild, iam::Iam, logs},
    engine::{deletion, plan_output::announce},
    error::Failure,
    names::{Region, RoleName, ours},
    resources::{
        build_project::{self, Cleaning, identity},
        change::{Action, Change, Step as _, Subject},
        clean::{Kept, Logs, RoleRemoval, Weight},
    },
    ui::Ui,
};

/// A build project that `clean` deletes, with its role and its log group.
pub(crate) struct BuildDeletion {
    session: Session,
    project: Option<String>,
    log_group: Option<String>,
    role: Vec<RoleRemoval>,
}

/// Returns what `clean` does with the agent's build project in one region. An agent that is not
/// built from a Dockerfile may have been.
pub(crate) async fn to_clean(
    agent: &Agent,
    session: &Session,
    logs_too: Logs,
) -> Result<(Option<BuildDeletion>, Vec<Kept>), Failure> {
    let mut kept = Vec::new();
    if !session.capabilities().builds {
        return Ok((None, kept));
    }
    let name = ours::build_project(&agent.project, &agent.runtime_name);
    let identity = identity(agent);
    let there = match CodeBuild::new(session).project(&name).await {
        // The deployer's policy of an agent without a Dockerfile does not allow looking.
        Err(error) if error.kind == Kind::Denied && agent.dockerfile.is_none() => {
            return Ok((None, kept));
        }
        there => there?,
    };
    let mut deletion = BuildDeletion {
        session: session.clone(),
        project: None,
        log_group: None,
        role: Vec::new(),
    };
    match there.map(|there| build_project::clean(&identity, &there)) {
        Some(Cleaning::Keep(why)) => {
            kept.push(Kept {
                what: Subject::new("build project", &name).at(&session.region),
                why,
                weight: Weight::Fine,
            });
            return Ok((None, kept));
        }
        Some(Cleaning::Delete) => {
            deletion.project = Some(name.clone());
        }
        None => {}
    }
    // A stopped run may have deleted the project alone.
    deletion.role = role(agent, session, &mut kept).await?;
    let is_ours = deletion.project.is_some() || !deletion.role.is_empty();
    let group = ours::build_log_group(&name);
    if is_ours && logs::Logs::new(session).exists(&group).await? {
        match logs_too {
            Logs::Delete => deletion.log_group = Some(group),
            Logs::Keep => kept.push(Kept {
                what: Subject::new("log group", &group).at(&session.region),
                why: "logs are kept unless `--logs` is given".to_owned(),
                weight: Weight::Fine,
            }),
        }
    }
    Ok((is_ours.then_some(deletion), kept))
}

async fn role(
    agent: &Agent,
    session: &Session,
    kept: &mut Vec<Kept>,
) -> Result<Vec<RoleRemoval>, Failure> {
    let name = ours::build_role(&agent.project, &agent.runtime_name, &session.region);
    let Ok(name) = RoleName::parse(&name) else {
        return Ok(Vec::new());
    };
    deletion::own_role(&name, &identity(agent), session, kept).await
}

impl BuildDeletion {
    /// Returns every deletion, in order. The log group goes before the role, which proves it if the
    /// project is gone.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let region = &self.session.region;
        let project = self.project.iter();
        let project = project.map(move |name| deleted("build project", name, region));
        let group = self.log_group.iter();
        let group = group.map(move |name| deleted("log group", name, region));
        let role = self.role.iter().map(RoleRemoval::change);
        project.chain(group).chain(role)
    }

    pub(crate) async fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        let region = &self.session.region;
        if let Some(name) = &self.project {
            announce(&deleted("build project", name, region), ui);
            CodeBuild::new(&self.session).delete(name).await?;
        }
        if let Some(group) = &self.log_group {
            announce(&deleted("log group", group, region), ui);
            logs::Logs::new(&self.session).delete(group).await?;
        }
        let iam = Iam::new(&self.session);
        for removal in &self.role {
            announce(&removal.change(), ui);
            iam.take_away(removal).await?;
        }
        Ok(())
    }
}

fn deleted(kind: &'static str, name: &str, region: &Region) -> Change {
    Change::of(Action::Delete, Subject::new(kind, name).at(region))
}
