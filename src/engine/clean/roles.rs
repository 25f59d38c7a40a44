//! An agent's role, and the roles that it may have had before another one was configured.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{Agent, RoleArn, RoleSettings, default_role},
    effects::aws::{AwsError, Kind, Session, iam::Iam},
    error::Failure,
    names::{AccountId, Region, RoleName},
    resources::{
        clean::{FormerRole, ObservedRuntime, Sight, Trace},
        ownership::{Identity, Ownership},
        role::{ObservedRole, regions_served},
    },
};

/// The roles other than the configured one that a run considers, and why.
pub(crate) type Traces = BTreeMap<RoleName, Trace>;

pub(crate) struct Roles<'a> {
    agent: &'a Agent,
    account: AccountId,
    iam: Iam,
    pub(crate) configured: Option<ObservedRole>,
    /// The instance profiles that contain the configured role.
    pub(crate) instance_profiles: Vec<String>,
    pub(crate) former: Vec<FormerRole>,
    pub(crate) traces: Traces,
}

impl<'a> Roles<'a> {
    /// Returns no roles, without asking AWS.
    pub(crate) fn none(agent: &'a Agent, session: &Session) -> Self {
        Self {
            agent,
            account: session.account.clone(),
            iam: Iam::new(session),
            configured: None,
            instance_profiles: Vec::new(),
            former: Vec::new(),
            traces: Traces::new(),
        }
    }

    /// Observes the roles. `traces` come from an earlier observation, because the runtime that
    /// named a role may be deleted by now.
    pub(crate) async fn observe(
        agent: &'a Agent,
        session: &Session,
        traces: Traces,
    ) -> Result<Self, Failure> {
        let mut roles = Self::none(agent, session);
        if let RoleSettings::Managed { name, .. } = &agent.role {
            roles.configured = roles.iam.observe_role(name).await?;
            // A role in an instance profile cannot be deleted.
            if roles.configured.is_some() {
                roles.instance_profiles = roles.iam.instance_profiles(name).await?;
            }
        }
        for (name, trace) in traces {
            roles.look(name, trace).await?;
        }
        let default = default_role(&agent.runtime_name);
        roles.look(default, Trace::Name).await?;
        Ok(roles)
    }

    /// Observes the roles that runtimes with the agent's name use.
    pub(crate) async fn follow(&mut self, runtimes: &[ObservedRuntime]) -> Result<(), Failure> {
        for runtime in runtimes {
            let role = RoleArn::parse(&runtime.role_arn);
            if let Some(role) = role.filter(|role| role.account == self.account) {
                self.look(role.name, Trace::Runtime).await?;
            }
        }
        Ok(())
    }

    async fn look(&mut self, name: RoleName, trace: Trace) -> Result<(), Failure> {
        let known = self.traces.get(&name);
        if name == *self.agent.role.name() || known.is_some_and(|known| *known >= trace) {
            return Ok(());
        }
        self.former.retain(|former| former.name != name);
        if let Some(sight) = self.sight(&name, trace).await? {
            self.former.push(FormerRole {
                name: name.clone(),
                sight,
            });
        }
        self.traces.insert(name, trace);
        Ok(())
    }

    async fn sight(&self, name: &RoleName, trace: Trace) -> Result<Option<Sight>, Failure> {
        let role = match self.iam.observe_given(name).await {
            Ok(None) => return Ok(None),
            Ok(Some(role)) => role,
            Err(error) => {
                let why = denied(error)?;
                return Ok(Some(Sight::Nothing { why, trace }));
            }
        };
        if Identity::of(self.agent).ownership(&role.tags) != Ownership::Ours {
            let instance_profiles = Vec::new();
            return Ok(Some(Sight::Whole {
                role,
                instance_profiles,
            }));
        }
        let whole = async {
            let whole = self.iam.observe_role(name).await?;
            Ok((whole, self.iam.instance_profiles(name).await?))
        };
        match whole.await {
            Ok((whole, instance_profiles)) => Ok(whole.map(|role| Sight::Whole {
                role,
                instance_profiles,
            })),
            Err(error) => {
                let why = denied(error)?;
                Ok(Some(Sight::Tags { role, why }))
            }
        }
    }

    /// Returns the regions that this tool's roles serve; `None` if there are no such roles.
    pub(crate) fn regions(&self) -> Option<BTreeSet<Region>> {
        let former = self.former.iter().filter_map(|former| match &former.sight {
            Sight::Whole { role, .. } => Some(role),
            Sight::Tags { .. } | Sight::Nothing { .. } => None,
        });
        let identity = Identity::of(self.agent);
        let ours = former.filter(|role| identity.ownership(&role.tags) == Ownership::Ours);
        let all: Vec<&ObservedRole> = self.configured.iter().chain(ours).collect();
        let regions = all.iter().flat_map(|role| regions_served(role)).collect();
        (!all.is_empty()).then_some(regions)
    }
}

/// Turns a denied request into a reason; any other error stays an error.
fn denied(error: AwsError) -> Result<String, Failure> {
    match error.kind {
        Kind::Denied => Ok(format!("`{}` is denied", error.operation)),
        _ => Err(error.into()),
    }
}
