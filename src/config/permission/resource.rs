//! The names and ARNs of the resources in capabilities, checked against their services' rules.

use crate::names::{AccountId, Partition, Region, is_hidden};

/// The fields of an ARN in a known partition.
pub(super) struct Arn<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = fields[..] else {
            return None;
        };
        Partition::parse(partition)?;
        Some(Self {
            service,
            region,
            account,
            resource,
        })
    }

    fn is_regional(&self) -> bool {
        Region::parse(self.region).is_ok() && AccountId::parse(self.account).is_ok()
    }
}

/// A kind of resource with a name in its region and an ARN.
pub(super) struct Kind {
    what: &'static str,
    service: &'static str,
    /// The text before the name in the ARN's last field.
    prefix: &'static str,
    is_name: fn(&str) -> bool,
    rule: &'static str,
}

/// `[a-zA-Z0-9_.-]{3,255}` (DynamoDB API, `TableName`).
pub(super) const TABLE: Kind = Kind {
    what: "DynamoDB table",
    service: "dynamodb",
    prefix: "table/",
    is_name: |name| (3..=255).contains(&name.len()) && holds_only(name, b"_.-"),
    rule: "3 to 255 letters, digits, `_`, `.` and `-`",
};

/// Up to 80 letters, digits, hyphens and underscores, optionally with `.fifo` at the end (SQS API,
/// `CreateQueue`).
pub(super) const QUEUE: Kind = Kind {
    what: "SQS queue",
    service: "sqs",
    prefix: "",
    is_name: |name| name.len() <= 80 && is_name_or_fifo(name),
    rule: "1 to 80 letters, digits, `_` and `-`; the name of a FIFO queue ends with `.fifo`",
};

/// Up to 256 letters, digits, hyphens and underscores, optionally with `.fifo` at the end (SNS API,
/// `CreateTopic`).
pub(super) const TOPIC: Kind = Kind {
    what: "SNS topic",
    service: "sns",
    prefix: "",
    is_name: |name| name.len() <= 256 && is_name_or_fifo(name),
    rule: "1 to 256 letters, digits, `_` and `-`; the name of a FIFO topic ends with `.fifo`",
};

/// `[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?` (Lambda API, `FunctionName`); a name has at most 64
/// characters, a qualifier 128.
pub(super) const FUNCTION: Kind = Kind {
    what: "Lambda function",
    service: "lambda",
    prefix: "function:",
    is_name: |text| {
        let (name, qualifier) = match text.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (text, None),
        };
        let is_qualifier = |text: &str| {
            text == "$LATEST" || ((1..=128).contains(&text.len()) && holds_only(text, b"_-"))
        };
        (1..=64).contains(&name.len())
            && holds_only(name, b"_-")
            && qualifier.is_none_or(is_qualifier)
    },
    rule: "1 to 64 letters, digits, `_` and `-`, then `:` and a version or an alias where one is invoked",
};

/// `[0-9a-zA-Z]{10}` (Agents for Bedrock API, `Id`).
pub(super) const KNOWLEDGE_BASE: Kind = Kind {
    what: "knowledge base",
    service: "bedrock",
    prefix: "knowledge-base/",
    is_name: |id| id.len() == 10 && holds_only(id, b""),
    rule: "the ten letters and digits of its ID",
};

/// `[a-zA-Z0-9-:.]{1,64}` (Bedrock API, `InferenceProfileId`) covers both types of profiles. Only
/// AWS's own, which belong in `models`, contain dots and colons.
pub(super) const INFERENCE_PROFILE: Kind = Kind {
    what: "application inference profile",
    service: "bedrock",
    prefix: "application-inference-profile/",
    is_name: |id| (1..=64).contains(&id.len()) && holds_only(id, b"-"),
    rule: "its ID, such as `a1b2c3d4e5f6`",
};

/// Parses a resource of this account and the agent's region by its name, or any resource by its
/// ARN.
pub(super) fn name_or_arn(kind: &Kind, value: &str) -> Result<String, String> {
    let Kind {
        what,
        service,
        prefix,
        is_name,
        rule,
    } = kind;
    if !value.starts_with("arn:") {
        return if is_name(value) {
            Ok(value.to_owned())
        } else {
            Err(format!("invalid {what} `{value}`: expected {rule}"))
        };
    }
    let names_one = |arn: Arn<'_>| {
        let name = arn.resource.strip_prefix(prefix);
        arn.service == *service && arn.is_regional() && name.is_some_and(is_name)
    };
    if Arn::parse(value).is_some_and(names_one) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "invalid {what} ARN `{value}`: expected `arn:aws:{service}:REGION:ACCOUNT:{prefix}NAME`"
        ))
    }
}

/// Parses an application inference profile. AWS's own profiles are models.
pub(super) fn inference_profile(value: &str) -> Result<String, String> {
    name_or_arn(&INFERENCE_PROFILE, value).map_err(|error| {
        let of_aws =
            Arn::parse(value).and_then(|arn| arn.resource.strip_prefix("inference-profile/"));
        let id = of_aws.unwrap_or(value);
        if id.contains('.') && !id.starts_with("arn:") {
            format!("`{id}` is not an application inference profile: list it under `models`")
        } else {
            error
        }
    })
}

/// The prefix of parameters that AWS publishes; they belong to no account.
pub(crate) const PUBLIC_PARAMETERS: &str = "/aws/service/";

/// Parses a parameter's name or ARN, or a path that ends with `/*`. A name has the characters
/// `[a-zA-Z0-9_.-/]`, starts with `/` if it contains one, and has at most 15 levels and 1011
/// characters (Systems Manager API, `PutParameter`).
pub(super) fn parameter(value: &str) -> Result<String, String> {
    let is_legal = |name: &str| {
        let path = name.strip_suffix("/*");
        let levels: Vec<&str> = match path.unwrap_or(name).strip_prefix('/') {
            Some(inner) => inner.split('/').collect(),
            None if path.is_some() => return false,
            None => vec![name],
        };
        let is_level = |level: &&str| !level.is_empty() && holds_only(level, b"_.-");
        name.len() <= 1011 && levels.len() <= 15 && levels.iter().all(is_level)
    };
    if !value.starts_with("arn:") {
        return if is_legal(value) {
            Ok(value.to_owned())
        } else {
            Err(format!(
                "invalid SSM parameter `{value}`: expected letters, digits, `_`, `.` and `-`, with `/` before each level; `/path/*` covers all below a path"
            ))
        };
    }
    let names_some = |arn: Arn<'_>| {
        let Some(name) = arn.resource.strip_prefix("parameter") else {
            return false;
        };
        let is_public = arn.account.is_empty() && name.starts_with(PUBLIC_PARAMETERS);
        let is_placed = Region::parse(arn.region).is_ok()
            && (is_public || AccountId::parse(arn.account).is_ok());
        arn.service == "ssm" && is_placed && name.starts_with('/') && is_legal(name)
    };
    if Arn::parse(value).is_some_and(names_some) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "invalid SSM parameter ARN `{value}`: expected `arn:aws:ssm:REGION:ACCOUNT:parameter/NAME`, or `…:parameter/PATH/*` for all below a path"
        ))
    }
}

/// Parses the ARN of objects in one bucket. IAM accepts only Latin letters in a key.
pub(super) fn s3_objects(value: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "invalid S3 ARN `{value}`: expected objects in one bucket, such as `arn:aws:s3:::bucket/prefix/*`"
        )
    };
    let arn = Arn::parse(value)
        .filter(|arn| arn.service == "s3" && arn.region.is_empty() && arn.account.is_empty())
        .ok_or_else(wrong)?;
    let (bucket, key) = arn.resource.split_once('/').ok_or_else(wrong)?;
    let is_bucket = (3..=255).contains(&bucket.len()) && holds_only(bucket, b".-_");
    let is_of_key = |c: char| c.is_ascii_graphic() || ('\u{a1}'..='\u{ff}').contains(&c);
    let is_key =
        !key.is_empty() && !key.contains('$') && key.chars().all(|c| is_of_key(c) && !is_hidden(c));
    if is_bucket && is_key {
        Ok(value.to_owned())
    } else {
        Err(wrong())
    }
}

/// Parses a secret's ARN, including the six characters that Secrets Manager appends.
pub(super) fn secret_arn(value: &str) -> Result<String, String> {
    let is_secret = |arn: Arn<'_>| {
        let Some(name) = arn.resource.strip_prefix("secret:") else {
            return false;
        };
        let suffixed = name.len() > 7 && name.as_bytes()[name.len() - 7] == b'-';
        arn.service == "secretsmanager"
            && arn.is_regional()
            && suffixed
            && holds_only(name, b"/_+=.@!-")
    };
    if Arn::parse(value).is_some_and(is_secret) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "invalid secret ARN `{value}`: expected the full ARN, `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`"
        ))
    }
}

/// Parses the ID of an AgentCore or Bedrock resource.
pub(super) fn resource_id(kind: &str, value: &str) -> Result<String, String> {
    if (1..=128).contains(&value.len()) && holds_only(value, b"-_") {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "invalid {kind} `{value}`: expected 1 to 128 letters, digits, hyphens and underscores"
        ))
    }
}

fn is_name_or_fifo(name: &str) -> bool {
    let base = name.strip_suffix(".fifo").unwrap_or(name);
    !base.is_empty() && holds_only(base, b"_-")
}

/// Returns true if the text contains only ASCII letters, digits and `others`.
fn holds_only(text: &str, others: &[u8]) -> bool {
    text.bytes()
        .all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
}
