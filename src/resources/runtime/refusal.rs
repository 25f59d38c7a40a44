//! Classifies errors of the service by what to do next.

use std::time::Duration;

/// How long the service may not know a new role.
pub(crate) const PROPAGATION: Duration = Duration::from_mins(2);

/// How long to wait for another change of the same runtime, or for a name to become free.
pub(crate) const BUSY: Duration = Duration::from_mins(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The service cannot assume the role: because it is new, or because of its trust policy.
    Role,
    /// The service cannot read the image: because the role's policy is new, or lacks it.
    Image,
    /// The caller may not create AgentCore's service-linked role.
    ServiceLinkedRole,
    /// A runtime with this name exists.
    NameTaken,
    /// Something else is changing the runtime.
    Busy,
    Quota,
    Other,
}

/// Classifies an error by its code and message.
pub(crate) fn of(code: Option<&str>, message: &str) -> Refusal {
    let lower = message.to_ascii_lowercase();
    match code.unwrap_or_default() {
        _ if lower.contains("service linked role") || lower.contains("service-linked role") => {
            Refusal::ServiceLinkedRole
        }
        "ServiceQuotaExceededException" => Refusal::Quota,
        "ConflictException" if lower.contains("already exists") => Refusal::NameTaken,
        "ConflictException" | "RetryableConflictException" => Refusal::Busy,
        "ValidationException" | "InvalidParameterValueException"
            if lower.contains("role validation failed") || lower.contains("cannot be assumed") =>
        {
            Refusal::Role
        }
        _ if lower.contains("validating ecr uri") => Refusal::Image,
        _ => Refusal::Other,
    }
}

impl Refusal {
    /// Returns what to do if waiting does not help.
    pub(crate) fn help(self) -> Option<&'static str> {
        match self {
            Self::Role => Some(
                "`cargo agentcore policy --only trust` prints the trust policy that the role needs; `prepare` writes it",
            ),
            Self::Image => Some(
                "`cargo agentcore policy --only execution` prints the policy that the role needs to read the image",
            ),
            Self::ServiceLinkedRole => Some(
                "the first runtime of an account creates the role `AWSServiceRoleForBedrockAgentCoreRuntimeIdentity`: the deployer needs `iam:CreateServiceLinkedRole` for `runtime-identity.bedrock-agentcore.amazonaws.com`",
            ),
            Self::Quota => Some(
                "delete runtimes or versions that are not needed, or ask for a higher quota in the Service Quotas console",
            ),
            Self::NameTaken | Self::Busy => Some("run this again: it continues from there"),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_waited_for_is_told_apart_from_what_cannot() {
        let validation = Some("ValidationException");
        let conflict = Some("ConflictException");
        for (code, message, wanted) in [
            (
                validation,
                "Role validation failed for 'arn:aws:iam::1:role/R'. Please verify that the role exists and its trust policy allows assumption by this service",
                Refusal::Role,
            ),
            (
                validation,
                "Failed creating service linked role. Please verify that the calling role has sufficient permissions to create a service linked role.",
                Refusal::ServiceLinkedRole,
            ),
            (
                validation,
                "Access denied while validating ECR URI 'x'. The execution role requires permissions for ecr:GetAuthorizationToken, ecr:BatchGetImage, and ecr:GetDownloadUrlForLayer operations.",
                Refusal::Image,
            ),
            (
                validation,
                "networkConfiguration is required",
                Refusal::Other,
            ),
            (
                conflict,
                "An agent with the specified name already exists",
                Refusal::NameTaken,
            ),
            (conflict, "The agent is being updated", Refusal::Busy),
            (Some("RetryableConflictException"), "retry", Refusal::Busy),
            (
                Some("ServiceQuotaExceededException"),
                "1000",
                Refusal::Quota,
            ),
            (None, "", Refusal::Other),
        ] {
            assert_eq!(of(code, message), wanted, "{message}");
        }
    }
}
