//! The resources of the calls: the ARNs of what belongs to an agent.

use std::collections::BTreeSet;

use crate::{
    config::{Agent, Network, PartAgent, Resource, ResourceKind, RoleSettings, default_role},
    names::{image_uri, ours},
    policy::{Scope, Target},
    protocol::control::api,
};

/// The resources of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// The agent's execution role, by its full name and path, and the roles that this tool keeps for
    /// declared resources and builds.
    Role,
    /// Those of them that are passed to AgentCore.
    RoleToPass,
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
    /// The repository for the agent's images, if it has any.
    OwnRepository,
    /// The repository of the agent's base image, if it is in the account and region.
    BaseRepository,
    /// Everything, for an agent with images: these actions have no resource types.
    AllForImages,
    /// The CodeBuild project that builds the agent's image, if one does.
    BuildProject,
    /// The role that CodeBuild assumes for it.
    BuildRole,
    /// Its log group.
    BuildLog,
    /// The streams of its log group.
    BuildLogStreams,
    /// The project's bucket, which its agents share.
    OwnBucket,
    /// The agent's objects in it.
    OwnObjects,
    /// The bucket that the toolkit creates for the region.
    ToolkitsBucket,
    /// The agent's objects in it.
    ToolkitsObjects,
    /// The declared resources of one kind that the agent uses, with any ID suffix.
    Declared(ResourceKind),
    /// Those of all kinds.
    DeclaredOfAllKinds,
    /// The roles that declared resources get.
    RolesOfDeclared,
    /// The parts of declared resources of one kind, with the resources themselves.
    PartsOfDeclared(ResourceKind),
    /// The workload identities that the service creates for declared resources.
    IdentitiesOfDeclared,
    /// The runtimes of the agents that targets of gateways lead to.
    AgentsOfGateways,
    /// Everything, for an agent that uses a declared resource of this kind.
    AllIfDeclared(ResourceKind),
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
        On::Role => {
            let mut roles = resources(On::RoleToPass, target);
            roles.extend(build_role(target));
            roles
        }
        On::RoleToPass => {
            let own = match &agent.role {
                RoleSettings::Managed { name, path, .. } => role(&format!("{path}{name}")),
                RoleSettings::Given { arn } => arn.arn.clone(),
            };
            std::iter::once(own)
                .chain(roles_of_declared(target))
                .collect()
        }
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
        On::OwnRepository if agent.has_image() => vec![scope.repository(agent)],
        On::AllForImages if agent.has_image() => vec!["*".to_owned()],
        On::OwnRepository | On::AllForImages => Vec::new(),
        On::BaseRepository => base_repository(agent, scope).into_iter().collect(),
        On::BuildRole => build_role(target).into_iter().collect(),
        On::BuildProject | On::BuildLog | On::BuildLogStreams if agent.dockerfile.is_none() => {
            Vec::new()
        }
        On::BuildProject => vec![scope.build_project(agent)],
        On::BuildLog => vec![scope.build_log_group(agent)],
        On::BuildLogStreams => vec![format!("{}:log-stream:*", scope.build_log_group(agent))],
        On::OwnBucket => vec![own],
        On::OwnObjects => vec![format!("{own}/{runtime}/*")],
        On::ToolkitsBucket => vec![toolkits],
        On::ToolkitsObjects => vec![format!("{toolkits}/{runtime}/*")],
        On::Declared(kind) => declared(target, Some(kind)),
        On::DeclaredOfAllKinds => declared(target, None),
        On::RolesOfDeclared => agent
            .resources
            .iter()
            .filter_map(|resource| resource.given_role().map(str::to_owned))
            .collect(),
        On::PartsOfDeclared(kind) => declared(target, Some(kind))
            .into_iter()
            .flat_map(|whole| [format!("{whole}/target/*"), whole])
            .collect(),
        On::IdentitiesOfDeclared => {
            let gateways = agent.resources.iter();
            let gateways = gateways.filter(|resource| resource.kind == ResourceKind::Gateway);
            let identities = gateways.flat_map(|gateway| scope.identity_of(&gateway.id_pattern()));
            identities.collect::<BTreeSet<_>>().into_iter().collect()
        }
        On::AgentsOfGateways => {
            let parts = agent.resources.iter().flat_map(|one| one.parts.values());
            let agents = parts.filter_map(|part| part.agent.as_ref());
            let runtime = |led: &PartAgent| scope.agentcore(&format!("runtime/{}-*", led.runtime));
            agents.map(runtime).collect()
        }
        On::AllIfDeclared(kind) if declared(target, Some(kind)).is_empty() => Vec::new(),
        On::AllIfDeclared(_) | On::All => vec!["*".to_owned()],
    }
}

/// Returns the roles that this tool keeps for declared resources.
pub(super) fn roles_of_declared(target: &Target<'_>) -> Vec<String> {
    let Target { agent, scope, .. } = target;
    let names = agent.resources.iter().filter_map(Resource::own_role);
    let arn = |name| format!("arn:{}:iam::{}:role/{name}", scope.partition, scope.account);
    names.map(arn).collect()
}

/// Returns the role that CodeBuild assumes for the agent's image.
pub(super) fn build_role(target: &Target<'_>) -> Option<String> {
    let Target { agent, scope, .. } = target;
    agent.dockerfile.as_ref()?;
    let path = match &agent.role {
        RoleSettings::Managed { path, .. } => path.as_str(),
        RoleSettings::Given { .. } => "/",
    };
    let name = ours::build_role(&agent.project, &scope.runtime, &scope.region);
    let Scope {
        partition, account, ..
    } = scope;
    Some(format!("arn:{partition}:iam::{account}:role{path}{name}"))
}

fn base_repository(agent: &Agent, scope: &Scope) -> Option<String> {
    let base = agent.base_image.as_ref()?;
    let own = image_uri::host(&scope.account, &scope.region) == base.registry();
    own.then(|| scope.arn("ecr", &format!("repository/{}", base.repository())))
}

fn declared(target: &Target<'_>, kind: Option<ResourceKind>) -> Vec<String> {
    let resources = target.agent.resources.iter();
    resources
        .filter(|resource| kind.is_none_or(|kind| resource.kind == kind))
        .map(|resource| {
            let (kind, id) = (api(resource.kind).arn_type, resource.id_pattern());
            target.scope.agentcore(&format!("{kind}/{id}"))
        })
        .collect()
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
