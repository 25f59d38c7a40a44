//! An agent in AWS next to its table: its role, its runtime, its callers, and the project that builds
//! its image, each with its plan. A run and a report take the same path.

use std::collections::BTreeSet;

use crate::{
    effects::aws::{AwsError, Kind},
    engine::{
        build_project::{BuildRead, BuildWork},
        callers, replacement,
        role::{self, Extent, RoleWork},
        runtime::{lists::Lists, own::Seen, read},
    },
    error::Failure,
    project::sessions::Placed,
    resources::{
        callers::CallersPlan,
        difference::Part,
        ownership::Identity,
        role::{Adopt, ObservedRole},
        runtime::{
            self, DesiredRuntime, RuntimeStep,
            fields::{Artifact, Circumstances, RuntimeFields},
            observed::role_arn,
            replacement::Replacement,
        },
    },
    ui::Ui,
};

/// What the agent is observed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What is not readable or may not be changed is an error.
    Run(Adopt),
    /// Such a part is a gap.
    Report,
}

/// A part that is not compared.
#[derive(Debug, Clone)]
pub(crate) struct Gap {
    pub(crate) part: Part,
    pub(crate) why: Why,
}

#[derive(Debug, Clone)]
pub(crate) enum Why {
    /// Reading it is not permitted.
    Denied(Failure),
    /// A run would stop at it.
    Stops(Failure),
}

/// What was read of an agent, before anything is decided.
pub(crate) struct InAws {
    pub(crate) role: Result<Option<ObservedRole>, AwsError>,
    pub(crate) runtimes: Vec<read::Read>,
    pub(crate) build: Result<Option<BuildRead>, AwsError>,
}

/// An agent with the plan for each of its parts.
pub(crate) struct Compared<'a> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) role: RoleWork,
    pub(crate) seen: Option<Seen>,
    pub(crate) replacement: Replacement,
    pub(crate) callers: CallersPlan,
    /// The project that builds the image, if CodeBuild does.
    pub(crate) build: Option<BuildWork>,
    /// Empty for a run.
    pub(crate) gaps: Vec<Gap>,
}

impl Purpose {
    /// A report takes nothing over.
    pub(crate) fn adopt(self) -> Adopt {
        match self {
            Self::Run(adopt) => adopt,
            Self::Report => Adopt::No,
        }
    }

    /// Keeps an error for later if a report can do without the part.
    pub(crate) fn tolerates<T>(
        self,
        read: Result<T, AwsError>,
    ) -> Result<Result<T, AwsError>, AwsError> {
        match read {
            Err(error) if self != Self::Report || error.kind != Kind::Denied => Err(error),
            read => Ok(read),
        }
    }

    /// Plans a part from what was read; `None` if it is a gap.
    pub(crate) fn plan<R, T>(
        self,
        part: Part,
        read: Result<R, AwsError>,
        plan: impl FnOnce(R) -> Result<T, Failure>,
        gaps: &mut Vec<Gap>,
    ) -> Result<Option<T>, Failure> {
        let why = match self.tolerates(read)? {
            Err(error) => Why::Denied(error.into()),
            Ok(read) => match plan(read) {
                Err(why) if self == Self::Report => Why::Stops(why),
                planned => return planned.map(Some),
            },
        };
        gaps.push(Gap { part, why });
        Ok(None)
    }
}

/// Reads the agent's role and its runtimes, and what `build` reads, in parallel.
pub(crate) async fn read(
    placed: &Placed<'_>,
    lists: &Lists,
    build: impl Future<Output = Result<Option<BuildRead>, AwsError>>,
    purpose: Purpose,
) -> Result<InAws, AwsError> {
    let Placed { agent, session } = placed;
    let (extent, endpoints) = match purpose {
        Purpose::Run(_) => (Extent::Whole, read::Wanted::Default),
        Purpose::Report => (Extent::OwnPart, read::Wanted::All),
    };
    let runtimes = async {
        let list = lists.of(session).await?;
        read::named(session, &agent.runtime_name, &list, endpoints).await
    };
    let role = async { purpose.tolerates(role::read(agent, session, extent).await) };
    let build = async { purpose.tolerates(build.await) };
    let (role, runtimes, build) = tokio::try_join!(role, runtimes, build)?;
    Ok(InAws {
        role,
        runtimes,
        build,
    })
}

impl<'a> Compared<'a> {
    /// Plans each part. `seen` is the agent's runtime.
    pub(crate) async fn plan(
        placed: &'a Placed<'a>,
        (role, build): (
            Result<Option<ObservedRole>, AwsError>,
            Result<Option<BuildRead>, AwsError>,
        ),
        seen: Result<Option<Seen>, Failure>,
        purpose: Purpose,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        let (adopt, mut gaps) = (purpose.adopt(), Vec::new());
        let plan = |observed| role::plan(agent, session, observed, adopt);
        let role = purpose.plan(Part::Role, role, plan, &mut gaps)?;
        let role = role.unwrap_or(RoleWork::Unplanned);
        let plan =
            |build: Option<BuildRead>| build.map(|read| read.plan(placed, adopt)).transpose();
        let build = purpose.plan(Part::Build, build, plan, &mut gaps)?.flatten();
        let seen = seen?;
        let replacement = replacement::observe(placed, seen.as_ref(), &role, ui).await?;
        let callers = match &seen {
            // The policies of a runtime that is replaced go with it.
            Some(seen) if replacement.of.is_none() => {
                let policies = callers::read(placed, seen).await;
                let plan =
                    |policies: Vec<_>| crate::resources::callers::plan(agent, &policies, adopt);
                purpose.plan(Part::Callers, policies, plan, &mut gaps)?
            }
            Some(_) | None => None,
        };
        Ok(Self {
            placed,
            role,
            seen,
            replacement,
            callers: callers.unwrap_or_default(),
            build,
            gaps,
        })
    }

    /// Plans the runtime with this artifact.
    pub(crate) fn runtime(
        &self,
        artifact: Artifact,
    ) -> Result<(DesiredRuntime, Vec<RuntimeStep>), Failure> {
        let desired = desired(self.placed, artifact, self.replacement.clone());
        let steps = runtime::plan(&desired, self.seen.as_ref().map(|seen| &seen.observed))?;
        Ok((desired, steps))
    }

    /// Returns the runtime that is replaced.
    pub(crate) fn replaces(&self) -> Option<&Seen> {
        let of = self.replacement.of.as_ref();
        self.seen.as_ref().filter(|_| of.is_some())
    }
}

fn desired(placed: &Placed<'_>, artifact: Artifact, replacement: Replacement) -> DesiredRuntime {
    let Placed { agent, session } = placed;
    let mut fields = RuntimeFields::wanted(
        agent,
        Circumstances {
            role_arn: role_arn(&agent.role, session.partition, &session.account),
            artifact,
            env: runtime::own_variables(&session.region),
        },
    );
    let capabilities = session.capabilities();
    fields.settings.retain(|place| capabilities.keeps(place));
    DesiredRuntime {
        name: agent.runtime_name.clone(),
        identity: Identity::of(agent),
        tags: agent.tags.clone(),
        fields,
        callers: if capabilities.resource_policies {
            agent.callers.clone()
        } else {
            BTreeSet::new()
        },
        replacement,
    }
}
