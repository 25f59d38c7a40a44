//! The operations of `bedrock-agentcore-control` on declared resources: one table per kind.
//!
//! Source: the service's model in botocore 1.44.8.

use crate::config::ResourceKind;

/// One operation of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    /// The IAM action.
    pub(crate) action: &'static str,
    pub(crate) method: &'static str,
    /// `{id}` is the resource's ID.
    pub(crate) path: &'static str,
}

/// How the service manages one kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) create: Operation,
    pub(crate) read: Operation,
    pub(crate) update: Operation,
    pub(crate) delete: Operation,
    pub(crate) list: Operation,
    /// The member of the list's answer with the resources.
    pub(crate) listed: &'static str,
    /// The member of other answers with the resource.
    pub(crate) resource: &'static str,
    /// The members with the resource's ID and ARN.
    pub(crate) id: &'static str,
    pub(crate) arn: &'static str,
    /// The status of a resource that can be used.
    pub(crate) ready: &'static str,
    /// The part of the ARN before the ID.
    pub(crate) arn_type: &'static str,
}

/// Operations on the tags of any resource.
pub(crate) const TAGS: [&str; 3] = [
    "bedrock-agentcore:ListTagsForResource",
    "bedrock-agentcore:TagResource",
    "bedrock-agentcore:UntagResource",
];

pub(crate) const MEMORY: Api = Api {
    create: Operation {
        action: "bedrock-agentcore:CreateMemory",
        method: "POST",
        path: "/memories/create",
    },
    read: Operation {
        action: "bedrock-agentcore:GetMemory",
        method: "GET",
        path: "/memories/{id}/details",
    },
    update: Operation {
        action: "bedrock-agentcore:UpdateMemory",
        method: "PUT",
        path: "/memories/{id}/update",
    },
    delete: Operation {
        action: "bedrock-agentcore:DeleteMemory",
        method: "DELETE",
        path: "/memories/{id}/delete",
    },
    list: Operation {
        action: "bedrock-agentcore:ListMemories",
        method: "POST",
        path: "/memories/",
    },
    listed: "memories",
    resource: "memory",
    id: "id",
    arn: "arn",
    ready: "ACTIVE",
    arn_type: "memory",
};

/// Returns how the service manages the kind.
pub(crate) fn api(kind: ResourceKind) -> &'static Api {
    match kind {
        ResourceKind::Memory => &MEMORY,
    }
}
