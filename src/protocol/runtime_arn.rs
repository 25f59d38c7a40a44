//! Parses `arn:P:bedrock-agentcore:R:A:runtime/ID`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::names::{AccountId, EndpointName, Partition, Region};

/// A runtime's ARN and its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeArn {
    pub arn: String,
    pub partition: Partition,
    pub region: Region,
    pub account: AccountId,
    pub id: String,
    /// The endpoint, if the ARN is an endpoint's.
    pub endpoint: Option<EndpointName>,
}

impl RuntimeArn {
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| {
            format!(
                "invalid runtime ARN `{text}`: expected one such as \
                 `arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/my_agent-AbCdEf1234`"
            )
        })
    }

    /// Returns the path of the runtime's invocations in the data plane.
    pub fn invocations_path(&self) -> String {
        let arn = utf8_percent_encode(&self.arn, NON_ALPHANUMERIC);
        format!("/runtimes/{arn}/invocations")
    }

    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let [
            "arn",
            partition,
            "bedrock-agentcore",
            region,
            account,
            resource,
        ] = parts[..]
        else {
            return None;
        };
        let (id, endpoint) = match resource.split('/').collect::<Vec<_>>()[..] {
            ["runtime", id] => (id, None),
            ["runtime", id, "runtime-endpoint", name] => {
                (id, Some(EndpointName::parse(name).ok()?))
            }
            _ => return None,
        };
        let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if id.is_empty() || !id.bytes().all(legal) {
            return None;
        }
        Some(Self {
            arn: format!("arn:{partition}:bedrock-agentcore:{region}:{account}:runtime/{id}"),
            partition: Partition::parse(partition)?,
            region: Region::parse(region).ok()?,
            account: AccountId::parse(account).ok()?,
            id: id.to_owned(),
            endpoint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str =
        "arn:aws-us-gov:bedrock-agentcore:us-gov-west-1:123456789012:runtime/a_b-AbCdEf1234";

    #[test]
    fn the_parts_of_an_arn_are_known() {
        let arn = RuntimeArn::parse(ARN).unwrap();
        assert_eq!(arn.arn, ARN);
        assert_eq!(arn.partition, Partition::AwsUsGov);
        assert_eq!(arn.region.as_str(), "us-gov-west-1");
        assert_eq!(arn.account.as_str(), "123456789012");
        assert_eq!((arn.id.as_str(), arn.endpoint), ("a_b-AbCdEf1234", None));
    }

    #[test]
    fn an_endpoints_arn_names_the_runtime_and_the_endpoint() {
        let arn = RuntimeArn::parse(&format!("{ARN}/runtime-endpoint/prod")).unwrap();
        assert_eq!(arn.arn, ARN);
        assert_eq!(arn.endpoint.unwrap().as_str(), "prod");
    }

    #[test]
    fn what_is_no_runtimes_arn_is_refused_with_an_example() {
        for wrong in [
            "",
            "my_agent",
            "arn:aws:iam::123456789012:role/x",
            "arn:aws:bedrock-agentcore:us-west-2:123456789012:memory/m-1234567890",
            "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/",
            "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/a/b",
            "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/a?b",
            "arn:aws:bedrock-agentcore:us-west-2:12345:runtime/a-1234567890",
            "arn:aws:bedrock-agentcore::123456789012:runtime/a-1234567890",
            "arn:nowhere:bedrock-agentcore:us-west-2:123456789012:runtime/a-1234567890",
        ] {
            let refused = RuntimeArn::parse(wrong).unwrap_err();
            assert!(refused.contains("such as `arn:aws:"), "{wrong}: {refused}");
        }
    }
}
