//! An agent's role, and the roles that it may have had before another one was configured.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{Agent, RoleArn, RoleSettings, default_role},
    effects::aws::{AwsError, Kind, Session, iam::Iam},
    engine::role::observe_whole,
    error::Failure,
    names::{AccountId, Region, RoleName},
    resources::{
        ownership::{Identity, Ownership},
        role::{FormerRole, Trace, WholeRole, regions_served},
        runtime::deletion::NamedRuntime,
    },
};

/// The roles other than the configured one that a run considers, and why.
pub(crate) type Traces = BTreeMap<RoleName, Trace>;

pub(crate) struct Roles<'a> {
    agent: &'a Agent,
    account: AccountId,
    iam: Iam,
    pub(crate) configured: Option<WholeRole>,
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
            roles.configured = observe_whole(name, &Identity::of(agent), &roles.iam).await?;
        }
        for (name, trace) in traces {
            roles.look(name, trace).await?;
        }
        let default = default_role(&agent.runtime_name);
        roles.look(default, Trace::Name).await?;
        Ok(roles)
    }

    /// Observes the roles that runtimes with the agent's name use.
    pub(crate) async fn follow(&mut self, runtimes: &[NamedRuntime]) -> Result<(), Failure> {
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
        self.former.retain(|former| *former.name() != name);
        self.former.extend(self.former(&name, trace).await?);
        self.traces.insert(name, trace);
        Ok(())
    }

    async fn former(&self, name: &RoleName, trace: Trace) -> Result<Option<FormerRole>, Failure> {
        let name = name.clone();
        let role = match self.iam.observe_given(&name).await {
            Ok(None) => return Ok(None),
            Ok(Some(role)) => role,
            Err(error) => {
                let why = denied(error)?;
                return Ok(Some(FormerRole::Nothing { name, why, trace }));
            }
        };
        let identity = Identity::of(self.agent);
        if identity.ownership(&role.tags) != Ownership::Ours {
            return Ok(Some(FormerRole::Whole(WholeRole {
                name,
                role,
                instance_profiles: Vec::new(),
            })));
        }
        match observe_whole(&name, &identity, &self.iam).await {
            Ok(whole) => Ok(whole.map(FormerRole::Whole)),
            Err(error) => {
                let why = denied(error)?;
                Ok(Some(FormerRole::Tags { name, role, why }))
            }
        }
    }

    /// Returns the regions that this tool's roles serve; `None` if there are no such roles.
    pub(crate) fn regions(&self) -> Option<BTreeSet<Region>> {
        let identity = Identity::of(self.agent);
        let configured = self.configured.iter();
        let all: Vec<BTreeSet<Region>> = configured
            .map(|whole| regions_served(&whole.role))
            .chain(
                self.former
                    .iter()
                    .filter_map(|role| role.regions(&identity)),
            )
            .collect();
        (!all.is_empty()).then(|| all.into_iter().flatten().collect())
    }
}

/// Turns a denied request into a reason; any other error stays an error.
fn denied(error: AwsError) -> Result<String, Failure> {
    match error.kind {
        Kind::Denied => Ok(format!("`{}` is denied", error.operation)),
        _ => Err(error.into()),
    }
}
