//! The execution role of one agent: observes, plans, writes and reads back.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{Agent, Allowed, ManagedPolicy, Permission, Resource, RoleSettings, ServiceRole},
    effects::{
        aws::{AwsError, Kind, Session, iam::Iam},
        clock,
    },
    engine::{
        agreement::{self, Question, Verb},
        plan_output::{Planned, announce},
        run::Run,
    },
    error::{Failure, Message},
    names::{IamPath, RoleName},
    plan::retry,
    policy::{self, Scope},
    project::sessions::{self, Placed},
    resources::{
        change::{Reveal, Step as _},
        ownership::{Identity, Ownership},
        role::{self, Adopt, DesiredRole, ObservedRole, RolePlan, RoleStep, WholeRole},
        runtime::observed::role_arn,
    },
    ui::Ui,
};

/// The work for the agent's role.
pub(crate) enum RoleWork {
    /// A role of this tool; there may be no steps.
    Managed {
        desired: Box<DesiredRole>,
        observed: Option<Box<ObservedRole>>,
        plan: RolePlan,
    },
    /// The user's own role: checked, never changed.
    Given { arn: String, warnings: Vec<Message> },
    /// A report could not read it, or a run would stop at it.
    Unplanned,
}

impl RoleWork {
    pub(crate) fn steps(&self) -> &[RoleStep] {
        match self {
            Self::Managed { plan, .. } => &plan.steps,
            Self::Given { .. } | Self::Unplanned => &[],
        }
    }

    /// Returns a role of this tool, as it is.
    pub(crate) fn observed(&self) -> Option<&ObservedRole> {
        match self {
            Self::Managed { observed, .. } => observed.as_deref(),
            Self::Given { .. } | Self::Unplanned => None,
        }
    }

    /// Returns true if the plan takes over a role without this tool's tags.
    pub(crate) fn adopts(&self) -> bool {
        match self {
            Self::Managed { plan, .. } => plan.adopts,
            Self::Given { .. } | Self::Unplanned => false,
        }
    }

    /// Returns true if the role may read images.
    pub(crate) fn reads_images(&self) -> bool {
        match self {
            Self::Managed { observed, .. } => observed
                .as_ref()
                .is_some_and(|role| role.repositories().next().is_some()),
            Self::Given { .. } | Self::Unplanned => false,
        }
    }

    pub(crate) fn warnings(&self) -> &[Message] {
        match self {
            Self::Managed { plan, .. } => &plan.foreign,
            Self::Given { warnings, .. } => warnings,
            Self::Unplanned => &[],
        }
    }

    /// Returns foreign policies and settings on a role of this tool: findings that are not changed.
    pub(crate) fn foreign(&self) -> &[Message] {
        match self {
            Self::Managed { plan, .. } => &plan.foreign,
            Self::Given { .. } | Self::Unplanned => &[],
        }
    }
}

/// How much of a role is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything, including what others put on it.
    Whole,
    /// What this tool sets in the session's region.
    OwnPart,
}

/// Observes the role and plans; writes nothing.
pub(crate) async fn decide(
    agent: &Agent,
    session: &Session,
    adopt: Adopt,
) -> Result<RoleWork, Failure> {
    check_account(agent, session)?;
    let observed = read(agent, session, Extent::Whole).await?;
    plan(agent, session, observed, adopt)
}

/// Refuses a role of another account, which IAM would not find in this one.
pub(crate) fn check_account(agent: &Agent, session: &Session) -> Result<(), Failure> {
    match &agent.role {
        RoleSettings::Given { arn } if arn.account != session.account => {
            Err(Failure::config(format!(
                "the role `{}` is in account {}, but the agent `{}` is deployed to account {}",
                arn.arn, arn.account, agent.name, session.account
            )))
        }
        RoleSettings::Given { .. } | RoleSettings::Managed { .. } => Ok(()),
    }
}

/// Reads the agent's role; `None` if it does not exist.
pub(crate) async fn read(
    agent: &Agent,
    session: &Session,
    extent: Extent,
) -> Result<Option<ObservedRole>, AwsError> {
    match &agent.role {
        RoleSettings::Given { arn } => Iam::new(session).observe_given(&arn.name).await,
        RoleSettings::Managed { name, policies, .. } => {
            read_own(name, !policies.is_empty(), session, extent).await
        }
    }
}

/// Reads a role of this tool. `attaches` is true if it gets managed policies.
pub(crate) async fn read_own(
    name: &RoleName,
    attaches: bool,
    session: &Session,
    extent: Extent,
) -> Result<Option<ObservedRole>, AwsError> {
    let iam = Iam::new(session);
    match extent {
        Extent::Whole => iam.observe_role(name).await,
        Extent::OwnPart => iam.observe_own_policy(name, attaches).await,
    }
}

/// Plans from what was read.
pub(crate) fn plan(
    agent: &Agent,
    session: &Session,
    observed: Option<ObservedRole>,
    adopt: Adopt,
) -> Result<RoleWork, Failure> {
    match desired(agent, session) {
        Some(desired) => plan_own(desired, observed, adopt),
        None => check_given(agent, session, observed),
    }
}

/// Checks the user's own role.
fn check_given(
    agent: &Agent,
    session: &Session,
    observed: Option<ObservedRole>,
) -> Result<RoleWork, Failure> {
    check_account(agent, session)?;
    let arn = role_arn(&agent.role, session.partition, &session.account);
    let observed = observed.ok_or_else(|| {
        Failure::world(format!("there is no role `{arn}`"))
            .help("`role.arn` must name an existing role; without it, this tool creates one")
    })?;
    if observed.arn != arn {
        return Err(Failure::config(format!(
            "the ARN of the role `{}` is `{}`",
            agent.role.name(),
            observed.arn
        ))
        .help("write that ARN as `role.arn`"));
    }
    let warnings = role::check_given(&arn, &session.account, &observed)?;
    Ok(RoleWork::Given { arn, warnings })
}

/// Like [`decide`], for a role of this tool.
pub(crate) async fn decide_own(
    desired: DesiredRole,
    session: &Session,
    adopt: Adopt,
) -> Result<RoleWork, Failure> {
    let attaches = !desired.attached.is_empty();
    let observed = read_own(&desired.name, attaches, session, Extent::Whole).await?;
    plan_own(desired, observed, adopt)
}

/// Like [`plan`], for a role of this tool.
pub(crate) fn plan_own(
    desired: DesiredRole,
    observed: Option<ObservedRole>,
    adopt: Adopt,
) -> Result<RoleWork, Failure> {
    let plan = role::plan(&desired, observed.as_ref(), adopt)?;
    Ok(RoleWork::Managed {
        desired: Box::new(desired),
        observed: observed.map(Box::new),
        plan,
    })
}

/// Observes a role, and what its deletion depends on if it belongs to `owner`.
pub(crate) async fn observe_whole(
    name: &RoleName,
    owner: &Identity,
    iam: &Iam,
) -> Result<Option<WholeRole>, AwsError> {
    let Some(role) = iam.observe_role(name).await? else {
        return Ok(None);
    };
    let instance_profiles = match owner.ownership(&role.tags) {
        Ownership::Ours => iam.instance_profiles(name).await?,
        Ownership::Unmarked | Ownership::Others(_) => Vec::new(),
    };
    Ok(Some(WholeRole {
        name: name.clone(),
        role,
        instance_profiles,
    }))
}

/// Returns ARN and tags of a role of this tool, as proof for what uses it. A role that is being
/// adopted counts as adopted, because the user agrees. A given role proves nothing, because others
/// may use it too.
pub(crate) fn proof<'a>(
    agent: &Agent,
    observed: Option<&'a ObservedRole>,
    adopt: Adopt,
) -> Option<(&'a str, BTreeMap<String, String>)> {
    let observed = observed.filter(|_| matches!(agent.role, RoleSettings::Managed { .. }))?;
    let identity = Identity::of(agent);
    let mut tags = observed.tags.clone();
    if adopt == Adopt::Yes && identity.ownership(&tags) == Ownership::Unmarked {
        tags.extend(identity.tags());
    }
    Some((&observed.arn, tags))
}

/// Reports the reasons for permissions beyond the narrow rules.
pub(crate) fn tell_reasons(agent: &Agent, ui: &Ui) {
    for permission in &agent.permissions {
        let Permission::Allow(Allowed {
            actions,
            on,
            reason: Some(reason),
        }) = permission
        else {
            continue;
        };
        let listed = |texts: &[String]| format!("`{}`", texts.join("`, `"));
        ui.note(&format!(
            "`{}` is allowed {} on {}: {reason}",
            agent.name,
            listed(actions),
            listed(on)
        ));
    }
}

/// Prints the adoption of a role completely, and asks for confirmation.
pub(crate) fn agree<'a>(
    roles: impl Iterator<Item = (&'a Placed<'a>, &'a RoleWork)>,
    run: &Run<'_>,
) -> Result<(), Failure> {
    for (Placed { agent, session }, role) in roles {
        let RoleWork::Managed { desired, plan, .. } = role else {
            continue;
        };
        if !plan.adopts {
            continue;
        }
        let name = &desired.name;
        let planned = Planned::before_doing(run.yes, run.ui);
        planned.plain(&format!("Adopting role `{name}` would:"));
        planned.steps(role.steps(), Reveal::Keys);
        let place = sessions::places([(session, agent.stage.as_ref())]);
        let question = Question::about(Verb::Adopt, format!("the role `{name}`"), &place);
        agreement::agree(&question, run)?;
    }
    Ok(())
}

/// Carries out the plan, reads the role back, and repeats until both match. Returns the role's ARN.
pub(crate) async fn apply(
    work: &RoleWork,
    session: &Session,
    adopt: Adopt,
    ui: &Ui,
) -> Result<String, Failure> {
    let (desired, observed, plan) = match work {
        RoleWork::Given { arn, .. } => return Ok(arn.clone()),
        RoleWork::Unplanned => unreachable!("a run stops if it cannot plan"),
        RoleWork::Managed {
            desired,
            observed,
            plan,
        } => (desired, observed, plan),
    };
    if plan.steps.is_empty()
        && let Some(observed) = observed
    {
        return Ok(observed.arn.clone());
    }
    let iam = Iam::new(session);
    let mut steps = plan.steps.clone();
    let mut marked = false;
    let mut pauses = clock::pauses(retry::ROLE_RETRIES);
    loop {
        let pause = pauses.next();
        for step in &steps {
            announce(&step.change(), ui);
            match iam.apply(step).await {
                // Someone else was faster, or IAM is not consistent yet: the next round observes
                // the result.
                Err(error) if error.kind == Kind::Conflict && pause.is_some() => break,
                // The permission depends on tags that were just written, and IAM takes a while.
                Err(error) if error.kind == Kind::Denied && marked && pause.is_some() => {
                    ui.status("Waiting", "for IAM to recognize the role's new tags");
                    break;
                }
                other => other?,
            }
            marked |= matches!(step, RoleStep::Create { .. } | RoleStep::Tag { .. });
        }
        let observed = iam.read_back(&desired.name).await?;
        steps = role::plan(desired, observed.as_ref(), adopt)?.steps;
        match (observed, pause) {
            (Some(observed), _) if steps.is_empty() => return Ok(observed.arn),
            (_, Some(pause)) => clock::sleep(pause).await,
            (_, None) => break,
        }
    }
    Err(Failure::world(format!("changes to the role `{}` do not last", desired.name))
        .note("it was written and read back several times, but something else keeps changing it")
        .help("look for another run, a policy engine or a person who changes the same role, then run this again"))
}

/// Returns the role that the agent needs; `None` if it has the user's own.
pub(crate) fn desired(agent: &Agent, session: &Session) -> Option<DesiredRole> {
    let RoleSettings::Managed {
        name,
        path,
        boundary,
        policies,
    } = &agent.role
    else {
        return None;
    };
    let scope = Scope {
        partition: session.partition,
        region: session.region.clone(),
        account: session.account.clone(),
        runtime: agent.runtime_name.clone(),
    };
    let arn = |policy: &ManagedPolicy| {
        policy::managed_policy_arn(policy, session.partition, &session.account)
    };
    Some(DesiredRole {
        name: name.clone(),
        path: path.clone(),
        partition: session.partition,
        account: session.account.clone(),
        region: session.region.clone(),
        policy: policy::execution(agent, &scope),
        own_trust: None,
        boundary: boundary.as_ref().map(arn),
        attached: policies.iter().map(arn).collect(),
        identity: Identity::of(agent),
        tags: agent.tags.clone(),
    })
}

/// Returns the role that the service assumes for a resource, if this tool keeps one. It has the
/// permissions boundary of the agent that uses the resource.
pub(crate) fn of_resource(
    resource: &Resource,
    agent: &Agent,
    session: &Session,
) -> Result<Option<DesiredRole>, Failure> {
    let (ServiceRole::Own(needs), Some(name)) = (&resource.role, resource.own_role()) else {
        return Ok(None);
    };
    let boundary = match &agent.role {
        RoleSettings::Managed { boundary, .. } => boundary.as_ref(),
        RoleSettings::Given { .. } => None,
    };
    let scope = Scope {
        partition: session.partition,
        region: session.region.clone(),
        account: session.account.clone(),
        runtime: agent.runtime_name.clone(),
    };
    Ok(Some(DesiredRole {
        name: RoleName::parse(&name).map_err(|error| Failure::config(error.to_string()))?,
        path: IamPath::parse("/").expect("the root is a path"),
        partition: session.partition,
        account: session.account.clone(),
        region: session.region.clone(),
        policy: policy::gateway(needs, &resource.id_pattern(), &scope),
        own_trust: None,
        boundary: boundary
            .map(|policy| policy::managed_policy_arn(policy, session.partition, &session.account)),
        attached: BTreeSet::new(),
        identity: Identity::of_resource(resource),
        tags: resource.tags.clone(),
    }))
}
