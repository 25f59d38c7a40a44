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
    effects::aws::{AwsError, code_build::CodeBuild},
    engine::{
        plan_output::{Planned, announce},
        role::{self, RoleWork},
        run::Run,
        waiting::Patience,
    },
    error::{Exit, Failure},
    names::{IamPath, Partition, RoleName, ours},
    policy,
    project::sessions::{self, Placed},
    resources::{
        build_project::{
            self, BuildProjectStep, DesiredBuildProject, ObservedBuildProject, identity,
        },
        change::{FieldChange, Reveal, Step as _},
        role::{Adopt, DesiredRole, RoleStep},
        runtime::refusal,
    },
    ui::Ui,
};

/// The project and its role, as they are and as they will be.
pub(crate) struct BuildWork {
    desired: DesiredBuildProject,
    observed: Option<ObservedBuildProject>,
    role: RoleWork,
    pub(crate) steps: Vec<BuildProjectStep>,
}

impl BuildWork {
    /// Observes and plans; writes nothing.
    pub(crate) async fn observe(placed: &Placed<'_>, adopt: Adopt) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        if session.partition != Partition::Aws {
            return Err(Failure::config(format!(
                "CodeBuild has no 64-bit ARM machines in the partition `{}`, and the image of `{}` needs one",
                session.partition, agent.name
            ))
            .help("build on this machine with `--builder docker`, `podman` or `buildah`"));
        }
        let role = desired_role(placed);
        let place = (session.partition, &session.region, &session.account);
        let desired = DesiredBuildProject::of(agent, place, role.path.as_str());
        let code_build = CodeBuild::new(session);
        let observing = async { Ok(code_build.project(&desired.name).await?) };
        let deciding = role::decide_own(role, session, adopt);
        let (observed, role) = tokio::try_join!(observing, deciding)?;
        let steps = build_project::plan(&desired, observed.as_ref(), adopt)?;
        Ok(Self {
            desired,
            observed,
            role,
            steps,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.desired.name
    }

    pub(crate) fn role_steps(&self) -> &[RoleStep] {
        self.role.steps()
    }

    /// Observes for a command that writes nothing; `None` if there is no project.
    pub(crate) async fn compare(placed: &Placed<'_>) -> Result<Option<Self>, Failure> {
        let Placed { agent, session } = placed;
        let may_be_there = session.capabilities().builds && session.partition == Partition::Aws;
        if agent.builds_dockerfile().is_none() || !may_be_there {
            return Ok(None);
        }
        let work = Self::observe(placed, Adopt::No).await?;
        Ok(Some(work).filter(|work| work.observed.is_some()))
    }

    /// Returns what is different.
    pub(crate) fn differences(&self) -> Vec<FieldChange> {
        let steps = self.steps.iter().flat_map(|step| match step {
            BuildProjectStep::Create { .. } | BuildProjectStep::Delete { .. } => Vec::new(),
            BuildProjectStep::Update { fields, .. } => fields.clone(),
        });
        let of_project = steps.map(|mut change| {
            change.field = format!("build.{}", change.field);
            change
        });
        of_project.collect()
    }

    /// Returns true if something is written.
    pub(crate) fn changes(&self) -> bool {
        !self.steps.is_empty() || !self.role_steps().is_empty()
    }

    /// Prints the steps as a part of a plan.
    pub(crate) fn show(&self, planned: Planned<'_>) {
        role::show_steps(self.role_steps(), planned);
        for step in &self.steps {
            planned.change(&step.change(), Reveal::Keys);
        }
    }

    /// Asks before something is adopted.
    pub(crate) fn agree(&self, placed: &Placed<'_>, run: &Run<'_>) -> Result<(), Failure> {
        let takes_over =
            |step: &BuildProjectStep| matches!(step, BuildProjectStep::Update { adopts: true, .. });
        if !self.role.adopts() && !self.steps.iter().any(takes_over) {
            return Ok(());
        }
        let (yes, ui, name) = (run.yes, run.ui, self.name());
        let planned = Planned::before_doing(yes, ui);
        planned.plain(&format!("Adopting the build project `{name}` would:"));
        self.show(planned);
        if yes {
            return Ok(());
        }
        if !ui.is_interactive() {
            return Err(Failure::usage(format!(
                "cannot ask for confirmation to adopt the build project `{name}` without a terminal"
            ))
            .help("pass `--yes` to adopt it as shown above; nothing was written"));
        }
        let place = sessions::places([(&placed.session, placed.agent.stage.as_ref())]);
        let question = format!("Adopt the build project `{name}` ({place})?");
        let exit = match ui.confirm(&question) {
            Ok(true) => return Ok(()),
            Ok(false) => Exit::World,
            Err(why) => why.exit(),
        };
        Err(
            Failure::new(exit, format!("the build project `{name}` was not adopted"))
                .note("nothing was written"),
        )
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
