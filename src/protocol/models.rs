//! Which requests are calls to Bedrock models, and which of those may be signed and sent to AWS.
//!
//! Only agents that the local AgentCore runs may spend the developer's money: they sign with an
//! access key ID that only they receive. Requests that are not model calls stay on this machine.

use crate::names::Region;

/// The signing name of Bedrock's runtime.
const SERVICE: &str = "bedrock";

/// The operations on a model: the last part of the path.
const OPERATIONS: [&str; 5] = [
    "converse",
    "converse-stream",
    "invoke",
    "invoke-with-response-stream",
    "count-tokens",
];

/// How a request is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Not a call to a model.
    Elsewhere,
    /// Sent to Bedrock in this region.
    Bedrock(Region),
    /// A call to a model that is not sent to AWS, with the reason.
    Refused(String),
}

impl Route {
    /// Returns how to handle a request with this `Authorization`. Agents sign with the access key
    /// ID `key`.
    pub fn of(method: &str, target: &str, authorization: Option<&str>, key: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !is_call(method, path) {
            return Self::Elsewhere;
        }
        if query.to_ascii_lowercase().contains("x-amz-signature=") {
            return Self::Refused(
                "presigned calls of models are not passed on to AWS: sign the request with its headers"
                    .to_owned(),
            );
        }
        let Some(scope) = authorization.and_then(Scope::parse) else {
            return Self::Refused(
                "a call of a model without a signature is not passed on to AWS".to_owned(),
            );
        };
        if scope.key != key {
            return Self::Refused(
                "only agents of the local AgentCore may call models on AWS: use your own AWS credentials, \
                 without the local address"
                    .to_owned(),
            );
        }
        match Region::parse(scope.region) {
            Ok(region) if scope.service == SERVICE => Self::Bedrock(region),
            Ok(_) => Self::Refused(format!(
                "a call of a model is signed for `{SERVICE}`, and this one is signed for `{}`",
                scope.service
            )),
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// Returns true for `/model/ID/OPERATION` and for applying a guardrail.
fn is_call(method: &str, path: &str) -> bool {
    if method != "POST" {
        return false;
    }
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["", "model", id, operation] => !id.is_empty() && OPERATIONS.contains(&operation),
        ["", "guardrail", id, "version", version, "apply"] => !id.is_empty() && !version.is_empty(),
        _ => false,
    }
}

/// The scope of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scope<'a> {
    key: &'a str,
    region: &'a str,
    service: &'a str,
}

impl<'a> Scope<'a> {
    /// Parses `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
    fn parse(authorization: &'a str) -> Option<Self> {
        let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let credential = rest
            .split(',')
            .find_map(|part| part.trim().strip_prefix("Credential="))?;
        let parts: Vec<&str> = credential.split('/').collect();
        match parts[..] {
            [key, _, region, service, "aws4_request"] => Some(Self {
                key,
                region,
                service,
            }),
            _ => None,
        }
    }
}

/// Returns true if a header of an agent's call is sent to AWS. Headers that belong to the
/// connection, the signature or the data plane are not.
pub fn is_passed_on(header: &str) -> bool {
    let own = [
        "host",
        "authorization",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "content-length",
        "expect",
    ];
    !own.contains(&header) && !header.starts_with("x-cargo-agentcore-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONVERSE: &str = "/model/us.anthropic.claude-sonnet-4-6/converse";

    fn signed(key: &str, region: &str, service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261129/{region}/{service}/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature=0"
        )
    }

    #[test]
    fn calls_of_models_go_to_the_region_that_the_agent_asked_in() {
        let signature = signed("agents-own", "eu-west-1", "bedrock");
        let region = Region::parse("eu-west-1").unwrap();
        for target in [
            CONVERSE,
            "/model/anthropic.claude-v2%3A1/converse-stream",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke",
            "/model/a/invoke-with-response-stream",
            "/model/a/count-tokens",
            "/guardrail/g/version/1/apply",
        ] {
            let route = Route::of("POST", target, Some(&signature), "agents-own");
            assert_eq!(route, Route::Bedrock(region.clone()), "{target}");
        }
    }

    #[test]
    fn everything_else_stays_here() {
        let signature = signed("agents-own", "eu-west-1", "bedrock");
        for (method, target) in [
            ("GET", CONVERSE),
            ("POST", "/model//converse"),
            ("POST", "/model/a/b/converse"),
            ("POST", "/model/a/converse/"),
            ("POST", "/model/a/invoke-with-bidirectional-stream"),
            ("POST", "/async-invoke"),
            ("GET", "/foundation-models"),
            ("POST", "/knowledgebases/k/retrieve"),
            ("POST", "/"),
            ("PUT", "/bucket/model/a/converse"),
        ] {
            let route = Route::of(method, target, Some(&signature), "agents-own");
            assert_eq!(route, Route::Elsewhere, "{method} {target}");
        }
    }

    #[test]
    fn whoever_is_no_agent_of_this_machine_is_refused() {
        let refused = |target: &str, authorization: Option<&str>, said: &str| match Route::of(
            "POST",
            target,
            authorization,
            "agents-own",
        ) {
            Route::Refused(why) => assert!(why.contains(said), "{why}"),
            other => panic!("{target} {authorization:?}: {other:?}"),
        };
        refused(CONVERSE, None, "without a signature");
        refused(CONVERSE, Some("Bearer x"), "without a signature");
        refused(
            CONVERSE,
            Some(&signed("test", "us-east-1", "bedrock")),
            "only agents",
        );
        refused(
            CONVERSE,
            Some(&signed("agents-own", "us-east-1", "s3")),
            "signed for `s3`",
        );
        refused(
            CONVERSE,
            Some(&signed("agents-own", "evil.example.com", "bedrock")),
            "region",
        );
        refused(
            &format!("{CONVERSE}?X-Amz-Signature=0"),
            Some(&signed("agents-own", "us-east-1", "bedrock")),
            "presigned",
        );
    }

    #[test]
    fn what_belongs_to_the_agents_connection_is_not_passed_on() {
        for own in ["host", "authorization", "x-amz-date", "expect"] {
            assert!(!is_passed_on(own), "{own}");
        }
        for passed in ["content-type", "accept", "amz-sdk-invocation-id"] {
            assert!(is_passed_on(passed), "{passed}");
        }
    }
}
