//! A capability in words, for questions and messages.

use super::{Access, Permission, QueueAccess};

impl Permission {
    /// Returns what the capability allows, after "permission to".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::CodeInterpreter(None) => "use AWS's shared code interpreter".to_owned(),
            Self::CodeInterpreter(Some(id)) => format!("use code interpreter `{id}`"),
            Self::Browser(None) => "use AWS's shared browser".to_owned(),
            Self::Browser(Some(id)) => format!("use browser `{id}`"),
            Self::Pricing => "read the AWS price list".to_owned(),
            Self::Memory(id) => format!("use memory `{id}`"),
            Self::Gateway(id) => format!("use gateway `{id}`"),
            Self::Guardrail(id) => format!("apply guardrail `{id}`"),
            Self::S3 { arn, access } => format!("{} S3 objects `{arn}`", access.verb()),
            Self::Secret(arn) => format!("read secret `{arn}`"),
            Self::WorkloadIdentity => "use the agent's workload identity".to_owned(),
            Self::ApiKey(name) => format!("get API key `{name}`"),
            Self::OAuth(name) => format!("get tokens of OAuth client `{name}`"),
            Self::Agent(name) => format!("invoke agent `{name}`"),
            Self::Marketplace => "subscribe to a marketplace model".to_owned(),
            Self::InferenceProfile(id) => format!("use inference profile `{id}`"),
            Self::KnowledgeBase(id) => format!("query knowledge base `{id}`"),
            Self::DynamoDb { table, access } => {
                format!("{} DynamoDB table `{table}`", access.verb())
            }
            Self::SsmParameter(name) => format!("read SSM parameter `{name}`"),
            Self::SqsQueue { queue, access } => {
                let verb = match access {
                    QueueAccess::Send => "send to",
                    QueueAccess::Receive => "receive from",
                    QueueAccess::SendReceive => "send to and receive from",
                };
                format!("{verb} SQS queue `{queue}`")
            }
            Self::SnsTopic(name) => format!("publish to SNS topic `{name}`"),
            Self::LambdaFunction(name) => format!("invoke Lambda function `{name}`"),
            Self::Allow(allowed) => format!(
                "call `{}` on `{}`",
                allowed.actions.join("`, `"),
                allowed.on.join("`, `")
            ),
        }
    }
}

impl Access {
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read and write",
        }
    }
}
