//! The resources of the calls: the ARNs of what belongs to an agent.

use crate::{
    config::{Network, RoleSettings, default_role},
    names::ours,
    policy::Target,
};

/// The resources of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// The agent's execution role, by its full name and path.
    Role,
    /// The same, and the role with the agent's default name.
    RoleOrDefault,
    /// The service-linked roles, which the service creates in an account without them.
    ServiceRoles,
    /// The agent's runtime, with any ID suffix, and its endpoints.
    Runtime,
    /// The runtime's log groups.
    LogGroups,
    /// The runtime's workload identity, and the directory, which is checked too.
    Identity,
    /// The repository in the toolkit's file, if any.
    Repository,
    /// The project's bucket, which its agents share.
    OwnBucket,
    /// The agent's objects in it.
    OwnObjects,
    /// The bucket that the toolkit creates for the region.
    ToolkitsBucket,
    /// The agent's objects in it.
    ToolkitsObjects,
    /// Everything: these actions have no resource types.
    All,
}

pub(super) fn resources(on: On, target: &Target<'_>) -> Vec<String> {
    let Target {
        agent,
        scope,
        repository,
    } = target;
    let (partition, account, runtime) = (scope.partition, &scope.account, &scope.runtime);
    let role = |path: &str| format!("arn:{partition}:iam::{account}:role{path}");
    let own = format!(
        "arn:{partition}:s3:::{}",
        ours::bucket(&agent.project, account, &scope.region)
    );
    let toolkits = format!(
        "arn:{partition}:s3:::bedrock-agentcore-codebuild-sources-{account}-{}",
        scope.region
    );
    match on {
        On::Role => vec![match &agent.role {
            RoleSettings::Managed { name, path, .. } => role(&format!("{path}{name}")),
            RoleSettings::Given { arn } => arn.arn.clone(),
        }],
        On::RoleOrDefault => {
            let path = match &agent.role {
                RoleSettings::Managed { path, .. } => path.as_str(),
                RoleSettings::Given { .. } => "/",
            };
            let mut roles = resources(On::Role, target);
            roles.push(role(&format!("{path}{}", default_role(runtime))));
            roles.dedup();
            roles
        }
        On::ServiceRoles => service_roles(&agent.network)
            .iter()
            .map(|(service, name)| role(&format!("/aws-service-role/{service}/{name}")))
            .collect(),
        On::Runtime => vec![scope.agentcore(&format!("runtime/{runtime}-*"))],
        On::LogGroups => vec![scope.log_groups()],
        On::Identity => scope.workload_identity(),
        On::Repository => repository
            .iter()
            .map(|name| scope.arn("ecr", &format!("repository/{name}")))
            .collect(),
        On::OwnBucket => vec![own],
        On::OwnObjects => vec![format!("{own}/{runtime}/*")],
        On::ToolkitsBucket => vec![toolkits],
        On::ToolkitsObjects => vec![format!("{toolkits}/{runtime}/*")],
        On::All => vec!["*".to_owned()],
    }
}

/// Returns service and name of each service-linked role that a runtime needs; the second one only
/// in a VPC.
pub(super) fn service_roles(network: &Network) -> &'static [(&'static str, &'static str)] {
    let all = &[
        (
            "runtime-identity.bedrock-agentcore.amazonaws.com",
            "AWSServiceRoleForBedrockAgentCoreRuntimeIdentity",
        ),
        (
            "network.bedrock-agentcore.amazonaws.com",
            "AWSServiceRoleForBedrockAgentCoreNetwork",
        ),
    ];
    match network {
        Network::Public => &all[..1],
        Network::Vpc { .. } => all,
    }
}
