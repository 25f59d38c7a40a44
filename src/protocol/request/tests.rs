use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

const ARN: &str = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/my_agent-AbCdEf1234";

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn parse(method: &str, target: &str) -> Option<Result<Request, Refusal>> {
    Request::parse(method, target)
}

fn served(method: &str, target: &str) -> Request {
    parse(method, target).unwrap().unwrap()
}

fn refused(method: &str, target: &str) -> Refusal {
    parse(method, target).unwrap().unwrap_err()
}

#[test]
fn every_operation_is_found_by_its_path_and_its_method() {
    for operation in Operation::ALL {
        for slash in ["", "/"] {
            let target = format!("/runtimes/{}/{}{slash}", encoded(ARN), operation.path());
            let request = served(operation.method(), &target);
            assert_eq!(request.operation, operation);
            assert_eq!(request.runtime.id(), "my_agent-AbCdEf1234");
            assert_eq!(request.runtime.account().as_str(), "000000000000");
            assert_eq!(request.qualifier.as_str(), "DEFAULT");
            assert_eq!(request.query, []);
        }
    }
}

#[test]
fn the_qualifier_names_the_endpoint_and_what_else_is_asked_stays() {
    let target = format!(
        "/runtimes/{}/ws?X-Amzn-Bedrock-AgentCore-Runtime-Custom-A=b+c&qualifier=prod&X-Amz-Date=1&qualifier=other",
        encoded(ARN)
    );
    let request = served("GET", &target);
    assert_eq!(request.qualifier.as_str(), "prod");
    assert_eq!(
        request.parameter("x-amzn-bedrock-agentcore-runtime-custom-a"),
        Some("b c")
    );
    assert_eq!(request.query.len(), 2);
}

#[test]
fn an_id_needs_its_account() {
    let request = served(
        "POST",
        "/runtimes/a-AbCdEf1234/invocations?accountId=000000000000",
    );
    assert_eq!(request.runtime.id(), "a-AbCdEf1234");
    assert_eq!(request.runtime.to_string(), "a-AbCdEf1234");
    for (query, field) in [("", "accountId"), ("?accountId=1", "accountId")] {
        let refusal = refused(
            "POST",
            &format!("/runtimes/a-AbCdEf1234/invocations{query}"),
        );
        assert_eq!(
            (refusal.kind, refusal.field),
            (Kind::Validation, Some(field))
        );
    }
    // The ARN's own account takes precedence.
    let target = format!("/runtimes/{}/invocations?accountId=1", encoded(ARN));
    assert_eq!(served("POST", &target).runtime.to_string(), ARN);
}

#[test]
fn an_endpoints_arn_is_one_of_that_endpoint() {
    let arn = encoded(&format!("{ARN}/runtime-endpoint/prod"));
    let target = format!("/runtimes/{arn}/invocations");
    assert_eq!(served("POST", &target).qualifier.as_str(), "prod");
    let same = served("POST", &format!("{target}?qualifier=prod"));
    assert_eq!(same.qualifier.as_str(), "prod");
    let other = refused("POST", &format!("{target}?qualifier=DEFAULT"));
    assert_eq!(other.kind, Kind::NotFound);
}

#[test]
fn the_control_planes_requests_are_left_to_it() {
    for (method, target) in [
        ("PUT", "/runtimes/"),
        ("POST", "/runtimes/?maxResults=10"),
        ("GET", "/runtimes/my_agent-AbCdEf1234/"),
        ("GET", "/runtimes/my_agent-AbCdEf1234/?version=1"),
        ("DELETE", "/runtimes/invocations/"),
        ("POST", "/runtimes/my_agent-AbCdEf1234/versions/"),
        ("PUT", "/runtimes/my_agent-AbCdEf1234/runtime-endpoints/"),
        (
            "GET",
            "/runtimes/my_agent-AbCdEf1234/runtime-endpoints/invocations/",
        ),
        ("GET", "/tags/arn%3Aaws"),
        ("POST", "/"),
        ("POST", "/runtimes//invocations"),
        ("POST", "runtimes/a/invocations"),
        ("PUT", "/my-bucket/runtimes/a-AbCdEf1234/invocations"),
        ("POST", "/model/us.x/converse"),
    ] {
        assert_eq!(parse(method, target), None, "{method} {target}");
    }
}

#[test]
fn another_method_is_refused() {
    for (method, path) in [
        ("GET", "invocations"),
        ("DELETE", "invocations"),
        ("PUT", "commands"),
        ("POST", "ws"),
        ("post", "invocations"),
        ("POST", "invocations/.well-known/agent-card.json"),
    ] {
        let target = format!("/runtimes/{}/{path}", encoded(ARN));
        assert_eq!(
            refused(method, &target).kind,
            Kind::MethodNotAllowed,
            "{method} {path}"
        );
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for path in [
        "invocations/../commands",
        "invocations/./x",
        "invocations//",
        "invocations/%2e%2e/commands",
        "invocations/x",
        "invocations/.well-known/agent.json",
        "commands/x",
        "ws/x",
        "stopruntimesession/x/y",
    ] {
        let target = format!("/runtimes/{}/{path}", encoded(ARN));
        assert_eq!(refused("POST", &target).kind, Kind::NotFound, "{path}");
    }
}

#[test]
fn an_arn_that_was_not_encoded_is_explained() {
    let refusal = refused("POST", &format!("/runtimes/{ARN}/invocations"));
    assert_eq!(refusal.kind, Kind::NotFound);
    assert!(refusal.message.contains("%2F"), "{refusal:?}");
}

#[test]
fn what_names_no_runtime_is_refused() {
    for wrong in [
        "arn:aws:iam::000000000000:role/x",
        "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/m-AbCdEf1234",
        "..",
        "a b",
        "a/../b",
        "a\0b",
    ] {
        let target = format!(
            "/runtimes/{}/invocations?accountId=000000000000",
            encoded(wrong)
        );
        let refusal = refused("POST", &target);
        assert_eq!(refusal.field, Some("agentRuntimeArn"), "{wrong}");
    }
    for wrong in ["%zz", "a%2", "%", "%ff", "%C3"] {
        let target = format!("/runtimes/{wrong}/invocations?accountId=000000000000");
        assert_eq!(refused("POST", &target).kind, Kind::Validation, "{wrong}");
    }
}

#[test]
fn an_endpoint_that_cannot_be_is_not_found() {
    for wrong in ["a-b", "1", "a%20b", "%2E%2E"] {
        let target = format!("/runtimes/{}/invocations?qualifier={wrong}", encoded(ARN));
        let refusal = refused("POST", &target);
        assert_eq!(refusal.kind, Kind::NotFound, "{wrong}");
        assert!(refusal.message.contains(ARN), "{refusal:?}");
    }
    let target = format!("/runtimes/{}/invocations?qualifier=", encoded(ARN));
    assert_eq!(served("POST", &target).qualifier, EndpointName::default());
}

proptest! {
    #[test]
    fn any_arn_comes_through_any_encoding(
        name in "[a-zA-Z][a-zA-Z0-9_]{0,47}",
        suffix in "[a-zA-Z0-9]{10}",
        account in "[0-9]{12}",
        region in "(us|eu|ap)-(east|west|south)-[1-9]",
        lower in any::<bool>(),
    ) {
        let arn = format!("arn:aws:bedrock-agentcore:{region}:{account}:runtime/{name}-{suffix}");
        let mut whole = encoded(&arn);
        if lower {
            whole = whole.replace("%3A", "%3a").replace("%2F", "%2f").replace("%2D", "-");
        }
        let request = served("POST", &format!("/runtimes/{whole}/invocations"));
        prop_assert_eq!(request.runtime.to_string(), arn);
    }

    #[test]
    fn no_target_makes_it_panic_or_escape(target in "/runtimes/[a-zA-Z0-9%:./?&=+ é-]{0,60}") {
        for method in ["GET", "POST"] {
            if let Some(Ok(request)) = parse(method, &target) {
                let id = request.runtime.id();
                prop_assert!(!id.is_empty() && !id.contains(['/', '.', '%', ':']), "{}", id);
            }
        }
    }

    #[test]
    fn a_query_comes_back_as_it_was_encoded(name in "[a-z]{1,8}x", value in ".{0,20}") {
        let target = format!(
            "/runtimes/{}/ws?{}={}",
            encoded(ARN), encoded(&name), encoded(&value)
        );
        let request = served("GET", &target);
        prop_assert_eq!(request.parameter(&name), Some(value.as_str()));
    }
}
