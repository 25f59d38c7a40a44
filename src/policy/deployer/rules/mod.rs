//! Every call that a command makes.

mod bucket;
mod build_project;
mod declared;
mod repository;
mod role;
mod runtime;
mod tracing;

use By::{
    Clean, Deploy, Endpoint, Invoke, Logs, Prepare, PrintedCommand, Rollback, Status, StopSession,
    Tracing, Versions,
};

use super::places::On;

/// The commands that call AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Prepare,
    Deploy,
    /// The option of `deploy` that sets up the whole account.
    Tracing,
    Invoke,
    StopSession,
    Status,
    Logs,
    Versions,
    Endpoint,
    Rollback,
    Clean,
    /// The printed command of `prepare`, with which the toolkit passes the role to the service.
    PrintedCommand,
}

/// The condition of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    /// The request sets this project's tag on a new resource.
    ProjectInRequest,
    /// The resource has this project's tag.
    ProjectOnResource,
    /// The request sets this project's tag on a resource without any project's tag, and only this
    /// tool's and the declared tags. This prevents taking over another project's resource.
    FirstTag,
    /// The request sets this tool's and the declared tags on a resource with this project's tag,
    /// and does not change that tag.
    FurtherTag,
    /// The role has this project's tag, and the metadata attaches the policy.
    DeclaredPolicy,
    /// The role is passed to AgentCore and to no other service.
    PassedToAgentCore,
    /// The role is passed to CodeBuild and to no other service.
    PassedToCodeBuild,
    /// The role is the service-linked one.
    OfTheService,
    /// Other accounts may call the agent.
    CallersDeclared,
    /// The listing is restricted to this agent's prefix.
    OwnPrefix,
}

/// Whether a rule depends on the declared permissions boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounded {
    No,
    /// Requires the boundary if one is declared.
    Yes,
    /// Only needed if one is declared.
    Only,
}

/// Calls with the same resources and condition. Rules of one kind are joined into one statement if
/// possible.
pub(super) struct Rule {
    pub(super) kind: &'static str,
    pub(super) calls: &'static [Call],
    pub(super) on: On,
    pub(super) given: Given,
    pub(super) bounded: Bounded,
    /// True if it concerns a role that this tool manages.
    pub(super) own_role: bool,
}

/// An action, and the commands that need it.
type Call = (&'static str, &'static [By]);

const fn rule(kind: &'static str, on: On, calls: &'static [Call]) -> Rule {
    Rule {
        kind,
        calls,
        on,
        given: Given::Nothing,
        bounded: Bounded::No,
        own_role: false,
    }
}

/// `deploy` includes `prepare`.
const PREPARING: &[By] = &[Prepare, Deploy];

/// Returns every rule. The order is that of the printed statements.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    let all = [
        role::RULES,
        runtime::RULES,
        declared::RULES,
        repository::RULES,
        build_project::RULES,
        bucket::RULES,
        tracing::RULES,
    ];
    all.into_iter().flatten()
}

impl By {
    pub(super) fn words(self) -> &'static str {
        match self {
            Prepare => "`prepare`",
            Deploy => "`deploy`",
            Tracing => "`deploy --enable-tracing`",
            Invoke => "`invoke`",
            StopSession => "`stop-session`",
            Status => "`status`",
            Logs => "`logs`",
            Versions => "`versions`",
            Endpoint => "`endpoint`",
            Rollback => "`rollback`",
            Clean => "`clean`",
            PrintedCommand => "the deployment that `prepare` prints the command for",
        }
    }
}
