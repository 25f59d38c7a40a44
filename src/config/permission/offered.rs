//! The capabilities as a list to choose from.

/// A capability to choose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered {
    /// As on the command line, with an uppercase word in place of a value.
    pub(crate) flag: &'static str,
    pub(crate) about: &'static str,
}

impl Offered {
    /// Returns the key and the name of its value, if there is one to fill in.
    pub(crate) fn open(self) -> Option<(&'static str, &'static str)> {
        let (key, value) = self.flag.split_once('=')?;
        value
            .starts_with(|letter: char| letter.is_ascii_uppercase())
            .then_some((key, value))
    }
}

const fn offered(flag: &'static str, about: &'static str) -> Offered {
    Offered { flag, about }
}

/// The most common ones come first.
pub(crate) const OFFERED: [Offered; 22] = [
    offered("code-interpreter", "AWS's shared code interpreter"),
    offered("browser", "AWS's shared browser"),
    offered("memory=ID", "a memory"),
    offered("gateway=ID", "a gateway"),
    offered("knowledge-base=ID", "a knowledge base"),
    offered("guardrail=ID", "a guardrail"),
    offered("s3=ARN", "read S3 objects"),
    offered("dynamodb=TABLE", "read a DynamoDB table"),
    offered("secret=ARN", "a secret"),
    offered("ssm=NAME", "an SSM parameter"),
    offered("lambda=NAME", "invoke a Lambda function"),
    offered("sqs=QUEUE", "send to an SQS queue"),
    offered("sns=TOPIC", "publish to an SNS topic"),
    offered("agent=NAME", "invoke another agent"),
    offered("api-key=NAME", "an API key provider"),
    offered("oauth=NAME", "an OAuth provider"),
    offered("identity=workload", "workload identity"),
    offered("code-interpreter=ID", "your own code interpreter"),
    offered("browser=ID", "your own browser"),
    offered("inference-profile=ID", "an application inference profile"),
    offered("pricing", "the AWS price list"),
    offered("marketplace", "subscribe to a marketplace model"),
];

#[cfg(test)]
mod tests {
    use super::{
        super::{BARE, Permission, VALUED},
        OFFERED,
    };

    #[test]
    fn every_capability_is_offered_once() {
        let mut valued: Vec<&str> = Vec::new();
        let mut bare: Vec<&str> = Vec::new();
        for offered in OFFERED {
            match offered.flag.split_once('=') {
                Some((key, _)) => valued.push(key),
                None => bare.push(offered.flag),
            }
            if offered.open().is_none() {
                assert!(
                    Permission::from_flag(offered.flag).is_ok(),
                    "{}",
                    offered.flag
                );
            }
        }
        let sorted = |mut words: Vec<&'static str>| {
            words.sort_unstable();
            words
        };
        assert_eq!(sorted(valued), sorted(VALUED.to_vec()));
        assert_eq!(sorted(bare), sorted(BARE.to_vec()));
    }
}
