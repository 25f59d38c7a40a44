//! A table of the AWS partitions and the differences between them.

use std::fmt;

use serde::{Serialize, Serializer};

/// An AWS partition: the second field of an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    Aws,
    AwsUsGov,
    AwsCn,
    AwsEusc,
}

/// The properties of a partition.
struct Facts {
    code: &'static str,
    /// The prefix of its regions' codes; empty for the partition of all other regions.
    regions: &'static str,
    /// The suffix of its services' host names.
    dns_suffix: &'static str,
    console: &'static str,
    /// True if Bedrock has models there.
    has_bedrock: bool,
    /// True if AWS's price list can be queried there.
    has_price_list: bool,
}

/// The isolated partitions, by the prefix of their regions' codes. None of them has AgentCore.
const ISOLATED: [&str; 4] = ["us-iso-", "us-isob-", "us-isof-", "eu-isoe-"];

impl Partition {
    pub const ALL: [Self; 4] = [Self::Aws, Self::AwsUsGov, Self::AwsCn, Self::AwsEusc];

    /// Returns the properties. Source: `partitions.json` and `endpoints.json` of botocore 1.44.
    const fn facts(self) -> Facts {
        match self {
            Self::Aws => Facts {
                code: "aws",
                regions: "",
                dns_suffix: "amazonaws.com",
                console: "console.aws.amazon.com",
                has_bedrock: true,
                has_price_list: true,
            },
            Self::AwsUsGov => Facts {
                code: "aws-us-gov",
                regions: "us-gov-",
                dns_suffix: "amazonaws.com",
                console: "console.amazonaws-us-gov.com",
                has_bedrock: true,
                has_price_list: false,
            },
            Self::AwsCn => Facts {
                code: "aws-cn",
                regions: "cn-",
                dns_suffix: "amazonaws.com.cn",
                console: "console.amazonaws.cn",
                has_bedrock: false,
                has_price_list: true,
            },
            Self::AwsEusc => Facts {
                code: "aws-eusc",
                regions: "eusc-",
                dns_suffix: "amazonaws.eu",
                console: "console.amazonaws-eusc.eu",
                has_bedrock: true,
                has_price_list: true,
            },
        }
    }

    pub fn as_str(self) -> &'static str {
        self.facts().code
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|partition| partition.as_str() == text)
    }

    /// Returns the partition of a region, which must not be isolated (see [`Self::is_isolated`]).
    pub(super) fn of_region(code: &str) -> Self {
        let of_its_own = Self::ALL.into_iter().find(|partition| {
            let start = partition.facts().regions;
            !start.is_empty() && code.starts_with(start)
        });
        of_its_own.unwrap_or(Self::Aws)
    }

    /// Returns whether a region belongs to a partition that is not in the table.
    pub(super) fn is_isolated(region: &str) -> bool {
        ISOLATED.iter().any(|start| region.starts_with(start))
    }

    /// Returns the suffix of the partition's host names.
    pub fn dns_suffix(self) -> &'static str {
        self.facts().dns_suffix
    }

    /// Returns the host of the web console.
    pub(crate) fn console(self) -> &'static str {
        self.facts().console
    }

    pub(crate) fn has_bedrock(self) -> bool {
        self.facts().has_bedrock
    }

    pub(crate) fn has_price_list(self) -> bool {
        self.facts().has_price_list
    }

    /// Returns all of them, for messages.
    pub(crate) fn listed() -> String {
        Self::ALL.map(|one| format!("`{one}`")).join(", ")
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Partition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_is_found_by_its_code_and_by_its_regions() {
        for (region, partition) in [
            ("us-east-1", Partition::Aws),
            ("mx-central-1", Partition::Aws),
            ("us-gov-west-1", Partition::AwsUsGov),
            ("cn-northwest-1", Partition::AwsCn),
            ("eusc-de-east-1", Partition::AwsEusc),
        ] {
            assert_eq!(Partition::of_region(region), partition, "{region}");
            assert_eq!(Partition::parse(partition.as_str()), Some(partition));
        }
        assert_eq!(Partition::parse("aws-iso"), None);
    }
}
