//! The operations of AgentCore's control plane, `bedrock-agentcore-control`.
//!
//! Source: the service's model in botocore 1.44.8.

use crate::config::ResourceKind;

/// One operation of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    /// The IAM action.
    pub(crate) action: &'static str,
    pub(crate) method: &'static str,
    /// Each `{}` is a name or an ID.
    pub(crate) path: &'static str,
}

const fn operation(action: &'static str, method: &'static str, path: &'static str) -> Operation {
    Operation {
        action,
        method,
        path,
    }
}

/// How the service manages one kind of declared resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) create: Operation,
    pub(crate) read: Operation,
    pub(crate) update: Operation,
    pub(crate) delete: Operation,
    pub(crate) list: List,
    /// The member of the other answers with the resource.
    pub(crate) resource: &'static str,
    /// The members with the resource's ID and ARN.
    pub(crate) id: &'static str,
    pub(crate) arn: &'static str,
    /// The status of a resource that can be used.
    pub(crate) ready: &'static str,
    /// The part of the ARN before the ID.
    pub(crate) arn_type: &'static str,
    /// Whether updates and deletions take a token that makes a repeated request harmless.
    pub(crate) takes_tokens: bool,
    /// The parts that such a resource has.
    pub(crate) parts: Option<&'static Parts>,
}

/// How the service manages the parts of a resource, such as a gateway's targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The word in messages, and the key of the table.
    pub(crate) word: &'static str,
    pub(crate) create: Operation,
    pub(crate) read: Operation,
    pub(crate) update: Operation,
    pub(crate) delete: Operation,
    pub(crate) list: List,
    /// The member with the part's ID.
    pub(crate) id: &'static str,
}

/// An operation that answers in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) operation: Operation,
    /// The member of the answer with the items.
    pub(crate) items: &'static str,
    pub(crate) paging: Paging,
}

/// Where a request says which page it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    Query,
    Body,
}

const fn list(operation: Operation, items: &'static str, paging: Paging) -> List {
    List {
        operation,
        items,
        paging,
    }
}

pub(crate) const MEMORY: Api = Api {
    create: operation("bedrock-agentcore:CreateMemory", "POST", "/memories/create"),
    read: operation("bedrock-agentcore:GetMemory", "GET", "/memories/{}/details"),
    update: operation(
        "bedrock-agentcore:UpdateMemory",
        "PUT",
        "/memories/{}/update",
    ),
    delete: operation(
        "bedrock-agentcore:DeleteMemory",
        "DELETE",
        "/memories/{}/delete",
    ),
    list: list(
        operation("bedrock-agentcore:ListMemories", "POST", "/memories/"),
        "memories",
        Paging::Body,
    ),
    resource: "memory",
    id: "id",
    arn: "arn",
    ready: "ACTIVE",
    arn_type: "memory",
    takes_tokens: true,
    parts: None,
};

pub(crate) const GATEWAY: Api = Api {
    create: operation("bedrock-agentcore:CreateGateway", "POST", "/gateways/"),
    read: operation("bedrock-agentcore:GetGateway", "GET", "/gateways/{}/"),
    update: operation("bedrock-agentcore:UpdateGateway", "PUT", "/gateways/{}/"),
    delete: operation("bedrock-agentcore:DeleteGateway", "DELETE", "/gateways/{}/"),
    list: list(
        operation("bedrock-agentcore:ListGateways", "GET", "/gateways/"),
        "items",
        Paging::Query,
    ),
    resource: "gateway",
    id: "gatewayId",
    arn: "gatewayArn",
    ready: "READY",
    arn_type: "gateway",
    takes_tokens: false,
    parts: Some(&TARGETS),
};

pub(crate) const TARGETS: Parts = Parts {
    word: "target",
    create: operation(
        "bedrock-agentcore:CreateGatewayTarget",
        "POST",
        "/gateways/{}/targets/",
    ),
    read: operation(
        "bedrock-agentcore:GetGatewayTarget",
        "GET",
        "/gateways/{}/targets/{}/",
    ),
    update: operation(
        "bedrock-agentcore:UpdateGatewayTarget",
        "PUT",
        "/gateways/{}/targets/{}/",
    ),
    delete: operation(
        "bedrock-agentcore:DeleteGatewayTarget",
        "DELETE",
        "/gateways/{}/targets/{}/",
    ),
    list: list(
        operation(
            "bedrock-agentcore:ListGatewayTargets",
            "GET",
            "/gateways/{}/targets/",
        ),
        "items",
        Paging::Query,
    ),
    id: "targetId",
};

/// Returns how the service manages the kind.
pub(crate) fn api(kind: ResourceKind) -> &'static Api {
    match kind {
        ResourceKind::Gateway => &GATEWAY,
        ResourceKind::Memory => &MEMORY,
    }
}

/// Operations on agent runtimes.
pub(crate) mod runtime {
    use super::{List, Operation, Paging, list, operation};

    pub(crate) const CREATE: Operation =
        operation("bedrock-agentcore:CreateAgentRuntime", "PUT", "/runtimes/");
    pub(crate) const READ: Operation =
        operation("bedrock-agentcore:GetAgentRuntime", "GET", "/runtimes/{}/");
    pub(crate) const UPDATE: Operation = operation(
        "bedrock-agentcore:UpdateAgentRuntime",
        "PUT",
        "/runtimes/{}/",
    );
    pub(crate) const DELETE: Operation = operation(
        "bedrock-agentcore:DeleteAgentRuntime",
        "DELETE",
        "/runtimes/{}/",
    );
    pub(crate) const LIST: List = list(
        operation("bedrock-agentcore:ListAgentRuntimes", "POST", "/runtimes/"),
        "agentRuntimes",
        Paging::Query,
    );
    pub(crate) const VERSIONS: List = list(
        operation(
            "bedrock-agentcore:ListAgentRuntimeVersions",
            "POST",
            "/runtimes/{}/versions/",
        ),
        "agentRuntimes",
        Paging::Query,
    );
}

/// Operations on the endpoints of a runtime.
pub(crate) mod endpoint {
    use super::{List, Operation, Paging, list, operation};

    pub(crate) const CREATE: Operation = operation(
        "bedrock-agentcore:CreateAgentRuntimeEndpoint",
        "PUT",
        "/runtimes/{}/runtime-endpoints/",
    );
    pub(crate) const READ: Operation = operation(
        "bedrock-agentcore:GetAgentRuntimeEndpoint",
        "GET",
        "/runtimes/{}/runtime-endpoints/{}/",
    );
    pub(crate) const UPDATE: Operation = operation(
        "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
        "PUT",
        "/runtimes/{}/runtime-endpoints/{}/",
    );
    pub(crate) const DELETE: Operation = operation(
        "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
        "DELETE",
        "/runtimes/{}/runtime-endpoints/{}/",
    );
    pub(crate) const LIST: List = list(
        operation(
            "bedrock-agentcore:ListAgentRuntimeEndpoints",
            "POST",
            "/runtimes/{}/runtime-endpoints/",
        ),
        "runtimeEndpoints",
        Paging::Query,
    );
}

/// Operations on the tags of any resource, by its ARN.
pub(crate) mod tags {
    use super::{Operation, operation};

    pub(crate) const READ: Operation =
        operation("bedrock-agentcore:ListTagsForResource", "GET", "/tags/{}");
    pub(crate) const SET: Operation =
        operation("bedrock-agentcore:TagResource", "POST", "/tags/{}");
    pub(crate) const REMOVE: Operation =
        operation("bedrock-agentcore:UntagResource", "DELETE", "/tags/{}");
}

/// Operations on the resource policy of a runtime or an endpoint, by its ARN.
pub(crate) mod resource_policy {
    use super::{Operation, operation};

    pub(crate) const READ: Operation = operation(
        "bedrock-agentcore:GetResourcePolicy",
        "GET",
        "/resourcepolicy/{}",
    );
    pub(crate) const SET: Operation = operation(
        "bedrock-agentcore:PutResourcePolicy",
        "PUT",
        "/resourcepolicy/{}",
    );
    pub(crate) const REMOVE: Operation = operation(
        "bedrock-agentcore:DeleteResourcePolicy",
        "DELETE",
        "/resourcepolicy/{}",
    );
}
