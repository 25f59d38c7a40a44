//! The services that are called with JSON at a single address, where a header names the operation:
//! AWS's protocol JSON 1.1.
//!
//! Source: the services' models in botocore 1.44.8.

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonService {
    /// The first part of the host's name.
    pub(crate) host: &'static str,
    pub(crate) signing_name: &'static str,
    /// The part of `x-amz-target` before the operation.
    pub(crate) target: &'static str,
}

pub(crate) const ECR: JsonService = JsonService {
    host: "api.ecr",
    signing_name: "ecr",
    target: "AmazonEC2ContainerRegistry_V20150921",
};

pub(crate) const CODE_BUILD: JsonService = JsonService {
    host: "codebuild",
    signing_name: "codebuild",
    target: "CodeBuild_20161006",
};

pub(crate) const LOGS: JsonService = JsonService {
    host: "logs",
    signing_name: "logs",
    target: "Logs_20140328",
};

impl JsonService {
    /// Returns the value of `x-amz-target` for an IAM action, such as `ecr:ListImages`, which has
    /// the name of its operation.
    pub(crate) fn target(&self, action: &str) -> String {
        let (_, operation) = action.split_once(':').unwrap_or_default();
        format!("{}.{operation}", self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_names_the_operation() {
        assert_eq!(
            LOGS.target("logs:FilterLogEvents"),
            "Logs_20140328.FilterLogEvents"
        );
    }
}
