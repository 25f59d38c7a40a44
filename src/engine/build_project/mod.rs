//! The CodeBuild project of an agent, and the role that CodeBuild assumes for it: observed, planned,
//! shown, written and cleaned; and the builds that it runs.

mod clean;
mod run;

use std::collections::BTreeSet;

pub(crate) use self::{
    clean::observe_to_clean,
    run::{Order, build, find, tidy},
};
use crate::{
    config::RoleSettings,
    effects::aws::{AwsError, Session, code_build::CodeBuild},
    engine::{
        agreement::{self, Question, Verb},
        plan_output::{Planned, announce},
        role::{self, Extent, RoleWork},
        run::Run,
        waiting::Patience,
    },
    error::Failure,
    names::{IamPath, Partition, RoleName, ours},
    policy,
    project::sessions::{self, Placed},
    resources::{
        build_project::{
            self, BuildProjectStep, DesiredBuildProject, ObservedBuildProject, identity,
        },
        change::{Change, Reveal, Step},
        difference::{Difference, Part},
        role::{Adopt, DesiredRole, ObservedRole, RoleStep},
        runtime::refusal,
    },
    ui::Ui,
};

/// The project and its role, as they are and as they will be.
pub(crate) struct BuildWork {
    name: String,
    role: RoleWork,
    steps: Vec<BuildProjectStep>,
}

/// The project and its role, as they were read.
pub(crate) struct BuildRead {
    project: Option<ObservedBuildProject>,
    role: Option<ObservedRole>,
}

/// Refuses an agent that CodeBuild cannot build for.
pub(crate) fn check_partition(placed: &Placed<'_>) -> Result<(), Failure> {
    let Placed { agent, session } = placed;
    if has_machines(session) {
        return Ok(());
    }
    Err(Failure::config(format!(
        "CodeBuild has no 64-bit ARM machines in the partition `{}`, and the image of `{}` needs one",
        session.partition, agent.name
    ))
    .help("build on this machine with `--builder docker`, `podman` or `buildah`"))
}

fn has_machines(session: &Session) -> bool {
    session.partition == Partition::Aws
}

impl BuildRead {
    /// Reads both.
    pub(crate) async fn of(placed: &Placed<'_>, extent: Extent) -> Result<Self, AwsError> {
        let Placed { agent, session } = placed;
        let name = ours::build_project(&agent.project, &agent.runtime_name);
        let code_build = CodeBuild::new(session);
        let role = desired_role(placed);
        let (project, role) = tokio::try_join!(
            code_build.project(&name),
            role::read_own(&role.name, false, session, extent)
        )?;
        Ok(Self { project, role })
    }

    /// Reads for a command that builds nothing; `None` if there is no project.
    pub(crate) async fn existing(placed: &Placed<'_>) -> Result<Option<Self>, AwsError> {
        let Placed { agent, session } = placed;
        let may_be_there = session.capabilities().builds && has_machines(session);
        if agent.builds_dockerfile().is_none() || !may_be_there {
            return Ok(None);
        }
        let read = Self::of(placed, Extent::OwnPart).await?;
        Ok(Some(read).filter(|read| read.project.is_some()))
    }

    /// Plans from what was read.
    pub(crate) fn plan(self, placed: &Placed<'_>, adopt: Adopt) -> Result<BuildWork, Failure> {
        let Self { project, role } = self;
        let Placed { agent, session } = placed;
        let desired_role = desired_role(placed);
        let place = (session.partition, &session.region, &session.account);
        let desired = DesiredBuildProject::of(agent, place, desired_role.path.as_str());
        let role = role::plan_own(desired_role, role, adopt)?;
        let steps = build_project::plan(&desired, project.as_ref(), adopt)?;
        Ok(BuildWork {
            name: desired.name,
            role,
            steps,
        })
    }
}

impl BuildWork {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn role_steps(&self) -> &[RoleStep] {
        self.role.steps()
    }

    /// Returns what is different.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let part = Part::Build.name();
        let role = self.role_steps().iter();
        let role = role.map(|step| Difference::step(format!("{part}.role"), &step.change()));
        let project = self.steps.iter().flat_map(|step| match step {
            BuildProjectStep::Create { .. } => {
                vec![Difference::step(part, &step.change())]
            }
            BuildProjectStep::Update { fields, .. } => fields
                .iter()
                .cloned()
                .map(|mut change| {
                    change.field = format!("{part}.{}", change.field);
                    Difference::Field(change)
                })
                .collect(),
        });
        role.chain(project).collect()
    }

    /// Returns what is written: the role, and then the project.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let role = self.role_steps().iter().map(Step::change);
        role.chain(self.steps.iter().map(Step::change))
    }

    /// Asks before something is adopted.
    pub(crate) fn agree(&self, placed: &Placed<'_>, run: &Run<'_>) -> Result<(), Failure> {
        let takes_over =
            |step: &BuildProjectStep| matches!(step, BuildProjectStep::Update { adopts: true, .. });
        if !self.role.adopts() && !self.steps.iter().any(takes_over) {
            return Ok(());
        }
        let name = self.name();
        let planned = Planned::before_doing(run.yes, run.ui);
        planned.plain(&format!("Adopting the build project `{name}` would:"));
        for change in self.changes() {
            planned.change(&change, Reveal::Keys);
        }
        let place = sessions::places([(&placed.session, placed.agent.stage.as_ref())]);
        let question = Question::about(Verb::Adopt, format!("the build project `{name}`"), &place);
        agreement::agree(&question, run)
    }

    /// Writes the role and the project.
    pub(crate) async fn apply(
        &self,
        placed: &Placed<'_>,
        adopt: Adopt,
        ui: &Ui,
    ) -> Result<(), Failure> {
        role::apply(&self.role, &placed.session, adopt, ui).await?;
        let code_build = CodeBuild::new(&placed.session);
        for step in &self.steps {
            announce(&step.change(), ui);
            self.once_the_role_is_known(async || code_build.apply(step).await, ui)
                .await?;
        }
        Ok(())
    }

    /// Repeats a request while CodeBuild does not know the role that this run just wrote.
    async fn once_the_role_is_known(
        &self,
        request: impl AsyncFn() -> Result<(), AwsError>,
        ui: &Ui,
    ) -> Result<(), Failure> {
        let mut patience = Patience::new(refusal::PROPAGATION);
        loop {
            match request().await {
                Err(error)
                    if !self.role_steps().is_empty()
                        && error.message.contains("sts:AssumeRole")
                        && !patience.is_over() =>
                {
                    patience.say("CodeBuild to recognize its role", "not known yet", ui);
                    patience.pause().await;
                }
                other => return Ok(other?),
            }
        }
    }
}

/// Returns the role that CodeBuild assumes, with the path and the boundary of the agent's own role.
fn desired_role(placed: &Placed<'_>) -> DesiredRole {
    let Placed { agent, session } = placed;
    let scope = policy::Scope {
        partition: session.partition,
        region: session.region.clone(),
        account: session.account.clone(),
        runtime: agent.runtime_name.clone(),
    };
    let root = || IamPath::parse("/").expect("the root is a path");
    let (path, boundary) = match &agent.role {
        RoleSettings::Managed { path, boundary, .. } => (path.clone(), boundary.as_ref()),
        RoleSettings::Given { .. } => (root(), None),
    };
    let name = ours::build_role(&agent.project, &agent.runtime_name, &session.region);
    DesiredRole {
        name: RoleName::parse(&name).expect("it holds letters, digits and hyphens"),
        path,
        partition: session.partition,
        account: session.account.clone(),
        region: session.region.clone(),
        policy: policy::build(agent, &scope),
        own_trust: Some(policy::build_trust(&scope, agent)),
        boundary: boundary
            .map(|policy| policy::managed_policy_arn(policy, session.partition, &session.account)),
        attached: BTreeSet::new(),
        identity: identity(agent),
        tags: agent.tags.clone(),
    }
}
