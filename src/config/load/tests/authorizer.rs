//! What an authorizer accepts, and the headers that go with it.

use super::*;

#[test]
fn an_allow_list_holds_only_headers_that_the_service_lets_through() {
    let text = r#"
[workspace.metadata.agentcore]
project = "p-1"
[workspace.metadata.agentcore.agents.a]
header-allowlist = ["X-Tenant", "X-TENANT", "Cookie", "X-Forwarded-For", "x-amz-date", "X Y", "Authorization"]
"#;
    let found = problems(text);
    assert_eq!(
        found,
        [
            ("the header `X-TENANT` is listed twice", "\"X-TENANT\""),
            ("the header `Cookie` cannot be passed on", "\"Cookie\""),
            (
                "the header `X-Forwarded-For` cannot be passed on",
                "\"X-Forwarded-For\""
            ),
            (
                "the header `x-amz-date` cannot be passed on",
                "\"x-amz-date\""
            ),
            ("invalid header name `X Y`", "\"X Y\""),
            (
                "the header `Authorization` needs an `authorizer`",
                "\"Authorization\""
            ),
        ]
        .map(|(what, marked)| (what.to_owned(), marked.to_owned()))
    );
    let authorizer =
        "authorizer = { discovery-url = \"https://i.example/.well-known/openid-configuration\" }";
    let text = format!(
        "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\n{authorizer}\nheader-allowlist = [\"Authorization\"]\n"
    );
    assert_eq!(loaded(&text).agents[0].header_allowlist, ["Authorization"]);
}

#[test]
fn a_discovery_url_follows_the_pattern_of_the_service() {
    let with = |url: &str| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\nauthorizer = {{ discovery-url = \"{url}\", allowed-clients = [\"c\"] }}\n"
        )
    };
    for url in [
        "https://i.example/.well-known/openid-configuration",
        "https://i.example/tenant/.well-known/openid-configuration",
        "https://i.example/.well-known/oauth-authorization-server",
        "https://i.example/.well-known/oauth-authorization-server/tenant/a",
    ] {
        assert_eq!(loaded(&with(url)).warnings, [], "{url}");
    }
    for url in [
        "http://i.example/.well-known/openid-configuration",
        "https:///.well-known/openid-configuration",
        "https://i.example/.well-known/openid-configuration/",
        "https://i.example/.well-known/openid-configurations",
        "https://i.example/.well-known/openid-configuration?a=b",
        "https://i.example/openid-configuration",
    ] {
        let found = problems(&with(url));
        assert!(found[0].0.contains("invalid discovery URL"), "{found:?}");
    }
}

#[test]
fn an_authorizer_that_accepts_every_token_is_a_warning() {
    let text = "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a.authorizer]\ndiscovery-url = \"https://i.example/.well-known/openid-configuration\"\n";
    let warnings = loaded(text).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].what.contains("accepts every token"),
        "{warnings:?}"
    );
    for limit in ["audience", "clients", "scopes"] {
        let limited = format!("{text}allowed-{limit} = [\"x\"]\n");
        assert_eq!(loaded(&limited).warnings, []);
    }
}
