//! Which claims a token needs.

use super::*;

#[test]
fn the_time_counts_with_a_minute_to_spare() {
    for (name, value, passes) in [
        ("exp", json!(NOW + 1), true),
        ("exp", json!(NOW - 59), true),
        ("exp", json!(NOW - 60), false),
        ("exp", json!(0), false),
        ("exp", json!(-5), false),
        ("exp", json!("soon"), false),
        ("exp", json!(null), false),
        ("nbf", json!(NOW + 60), true),
        ("nbf", json!(NOW + 61), false),
        ("nbf", json!("now"), false),
    ] {
        assert_eq!(
            allowed(&rules(), &with(name, value.clone())),
            passes,
            "{name} {value}"
        );
    }
    assert!(!allowed(
        &rules(),
        &json!({ "iss": "https://issuer.example" })
    ));
}

#[test]
fn the_issuer_is_that_of_the_discovery_url() {
    for (url, issuer) in [
        (
            "https://i.example/.well-known/openid-configuration",
            "https://i.example",
        ),
        (
            "https://i.example/tenant/.well-known/openid-configuration",
            "https://i.example/tenant",
        ),
        (
            "https://i.example/.well-known/oauth-authorization-server/tenant/v2",
            "https://i.example/tenant/v2",
        ),
    ] {
        let rules = Rules {
            discovery_url: url.to_owned(),
            ..rules()
        };
        assert_eq!(rules.expected_issuer(), issuer);
        for (given, passes) in [
            (issuer.to_owned(), true),
            (format!("{issuer}/"), true),
            (format!("{issuer}x"), false),
            ("https://i.example.evil".to_owned(), false),
        ] {
            assert_eq!(
                allowed(&rules, &with("iss", json!(given))),
                passes,
                "{given}"
            );
        }
    }
    // With the discovery document, the name must match exactly.
    let exact = Issuer {
        name: Some("https://issuer.example/".to_owned()),
        ..unreachable()
    };
    let token = token(&json!({ "alg": "RS256" }), &claims(), "AA");
    assert!(try_token(&rules(), &exact, &token).is_err());
}

#[test]
fn the_audience_is_one_of_those_allowed() {
    let rules = Rules {
        audience: vec!["a".to_owned(), "b".to_owned()],
        ..rules()
    };
    for (audience, passes) in [
        (json!("b"), true),
        (json!(["x", "a"]), true),
        (json!("c"), false),
        (json!(["c"]), false),
        (json!([]), false),
        (json!(7), false),
        (json!("a b"), false),
    ] {
        assert_eq!(
            allowed(&rules, &with("aud", audience.clone())),
            passes,
            "{audience}"
        );
    }
    assert!(!allowed(&rules, &claims()));
}

#[test]
fn the_client_stands_in_client_id_and_nowhere_else() {
    let rules = Rules {
        clients: vec!["app".to_owned()],
        ..rules()
    };
    assert!(allowed(&rules, &with("client_id", json!("app"))));
    for (name, hint) in [
        ("azp", "`azp` is that client"),
        ("appid", "`appid` is that client"),
        ("aud", "send the access token"),
    ] {
        let refusal = try_claims(&rules, &with(name, json!("app"))).unwrap_err();
        assert_eq!(refusal.kind, Kind::Unauthorized);
        assert!(
            refusal
                .message
                .starts_with("Claim 'client_id' value mismatch with configuration."),
            "{refusal:?}"
        );
        assert!(refusal.message.contains(hint), "{refusal:?}");
    }
    let other = try_claims(&rules, &with("client_id", json!("other"))).unwrap_err();
    assert!(
        other.message.contains("\"other\"") && other.message.contains("`app`"),
        "{other:?}"
    );
}

#[test]
fn audience_and_client_are_both_checked() {
    let rules = Rules {
        audience: vec!["a".to_owned()],
        clients: vec!["app".to_owned()],
        ..rules()
    };
    let mut both = with("client_id", json!("app"));
    assert!(!allowed(&rules, &both));
    both["aud"] = json!("a");
    assert!(allowed(&rules, &both));
}

#[test]
fn one_scope_of_those_allowed_is_enough() {
    let rules = Rules {
        scopes: vec!["read".to_owned(), "write".to_owned()],
        ..rules()
    };
    for (name, value, passes) in [
        ("scope", json!("openid write"), true),
        ("scope", json!(["read"]), true),
        ("scp", json!("read"), true),
        ("scp", json!(["x", "read"]), true),
        ("scope", json!("reader"), false),
        ("scope", json!(""), false),
        ("other", json!("read"), false),
    ] {
        assert_eq!(
            allowed(&rules, &with(name, value.clone())),
            passes,
            "{name} {value}"
        );
    }
}

#[test]
fn custom_claims_are_checked_as_the_service_writes_them() {
    let runtime = |value_type: &str, operator: &str, value: Value| {
        json!({ "authorizerConfiguration": { "customJWTAuthorizer": {
            "discoveryUrl": "https://issuer.example/.well-known/openid-configuration",
            "customClaims": [{
                "inboundTokenClaimName": "team",
                "inboundTokenClaimValueType": value_type,
                "authorizingClaimMatchValue": { "claimMatchOperator": operator, "claimMatchValue": value },
            }],
        } } })
    };
    let one = json!({ "matchValueString": "a" });
    let many = json!({ "matchValueStringList": ["a", "b"] });
    for (value_type, operator, value, claim, passes) in [
        ("STRING", "EQUALS", &one, json!("a"), true),
        ("STRING", "EQUALS", &one, json!("b"), false),
        ("STRING", "EQUALS", &one, json!(["a"]), false),
        ("STRING", "CONTAINS", &many, json!("b"), true),
        ("STRING", "CONTAINS", &many, json!("c"), false),
        ("STRING_ARRAY", "CONTAINS", &one, json!(["x", "a"]), true),
        ("STRING_ARRAY", "CONTAINS", &one, json!(["x"]), false),
        (
            "STRING_ARRAY",
            "CONTAINS_ANY",
            &many,
            json!(["b", "c"]),
            true,
        ),
        ("STRING_ARRAY", "CONTAINS_ANY", &many, json!(["c"]), false),
        ("STRING_ARRAY", "CONTAINS_ANY", &many, json!("a"), false),
        ("STRING", "MATCHES", &one, json!("a"), false),
    ] {
        let rules = Rules::read(&runtime(value_type, operator, value.clone())).unwrap();
        assert_eq!(
            allowed(&rules, &with("team", claim.clone())),
            passes,
            "{value_type} {operator} {value} {claim}"
        );
        assert!(!allowed(&rules, &claims()));
    }
}

#[test]
fn a_runtime_takes_the_one_or_the_other() {
    let decide = |rules: Option<&Rules>, credentials: Credentials| {
        authorize(rules, &credentials, &unreachable(), METADATA, NOW)
    };
    assert_eq!(decide(None, Credentials::None), Ok(Pass::Open));
    assert_eq!(decide(None, Credentials::Signature), Ok(Pass::Open));
    let bearer = Credentials::Bearer("x".to_owned());
    for refusal in [
        decide(None, bearer.clone()),
        decide(Some(&rules()), Credentials::Signature),
    ] {
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.kind, Kind::AccessDenied);
        assert!(
            refusal
                .message
                .starts_with("Authorization method mismatch.")
        );
        assert_eq!(refusal.authenticate, None);
    }
    let missing = decide(Some(&rules()), Credentials::None).unwrap_err();
    assert_eq!(missing.kind, Kind::Unauthorized);
    assert_eq!(
        missing.authenticate,
        Some(format!("Bearer resource_metadata=\"{METADATA}\""))
    );
    let garbage = decide(Some(&rules()), bearer).unwrap_err();
    assert_eq!(
        garbage.message,
        "OAuth authorization failed: Failed to parse token"
    );
}
