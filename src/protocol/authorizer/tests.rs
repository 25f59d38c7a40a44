//! The tokens and keys in `vectors.json` were made once with Python's `cryptography`; the file
//! holds only public keys. Tests about claims use unsigned tokens and an issuer whose keys cannot
//! be loaded.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_795_910_400;
const METADATA: &str = "http://127.0.0.1:1/runtimes/x/invocations/.well-known/oauth-protected-resource?qualifier=DEFAULT";

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn rules() -> Rules {
    Rules {
        discovery_url: "https://issuer.example/.well-known/openid-configuration".to_owned(),
        audience: vec![],
        clients: vec![],
        scopes: vec![],
        claims: vec![],
        advertised: vec![],
    }
}

fn issuer(keys: &Value) -> Issuer {
    Issuer {
        name: Some("https://issuer.example".to_owned()),
        keys: Keys::parse(&keys.to_string()),
    }
}

fn unreachable() -> Issuer {
    Issuer {
        name: None,
        keys: Err("it cannot be reached".to_owned()),
    }
}

fn token(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "exp": NOW + 100 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn try_token(rules: &Rules, issuer: &Issuer, token: &str) -> Result<Pass, Refusal> {
    let credentials = Credentials::Bearer(token.to_owned());
    authorize(Some(rules), &credentials, issuer, METADATA, NOW)
}

fn try_claims(rules: &Rules, claims: &Value) -> Result<Pass, Refusal> {
    let token = token(&json!({ "alg": "RS256" }), claims, "AA");
    try_token(rules, &unreachable(), &token)
}

fn allowed(rules: &Rules, claims: &Value) -> bool {
    try_claims(rules, claims).is_ok()
}

#[test]
fn a_signature_of_every_kind_is_checked() {
    let vectors = vectors();
    let issuer = issuer(&vectors["jwks"]);
    for (algorithm, token) in vectors["tokens"].as_object().unwrap() {
        let token = token.as_str().unwrap();
        let pass = try_token(&rules(), &issuer, token).unwrap();
        if algorithm == "ES512" {
            let Pass::Token(Signature::NotChecked(why)) = pass else {
                panic!("{pass:?}");
            };
            assert!(why.contains("ES512"), "{why}");
            continue;
        }
        assert_eq!(pass, Pass::Token(Signature::Checked), "{algorithm}");
        // The signature covers the claims.
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(with("admin", json!(true)).to_string());
        let refusal = try_token(&rules(), &issuer, &format!("{header}.{other}.{signature}"));
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.kind, Kind::Unauthorized);
        assert!(
            refusal.message.contains("does not match"),
            "{algorithm}: {refusal:?}"
        );
    }
}

#[test]
fn a_token_of_another_issuers_key_is_refused() {
    let vectors = vectors();
    let mut keys = vectors["jwks"].clone();
    // The same names with different keys.
    for key in keys["keys"].as_array_mut().unwrap() {
        if key["kid"] == "p256" {
            let (x, y) = (key["x"].clone(), key["y"].clone());
            (key["x"], key["y"]) = (y, x);
        }
    }
    let token = vectors["tokens"]["ES256"].as_str().unwrap();
    assert!(try_token(&rules(), &issuer(&keys), token).is_err());
    let none = issuer(&json!({ "keys": [] }));
    let refusal = try_token(&rules(), &none, token).unwrap_err();
    assert!(refusal.message.contains("no key `p256`"), "{refusal:?}");
}

#[test]
fn a_key_is_used_for_what_it_is_for() {
    let vectors = vectors();
    let token = vectors["tokens"]["RS256"].as_str().unwrap();
    let keys = |name: &str, value: &str| {
        let mut keys = vectors["jwks"].clone();
        keys["keys"][0][name] = json!(value);
        issuer(&keys)
    };
    assert!(try_token(&rules(), &keys("alg", "RS256"), token).is_ok());
    assert!(try_token(&rules(), &keys("alg", "PS256"), token).is_err());
    assert!(try_token(&rules(), &keys("use", "enc"), token).is_err());
    assert!(try_token(&rules(), &keys("kid", "other"), token).is_err());
    // A leading zero for the sign, as Java writes it.
    let n = vectors["jwks"]["keys"][0]["n"].as_str().unwrap();
    let mut bytes = vec![0];
    bytes.extend(URL_SAFE_NO_PAD.decode(n).unwrap());
    let signed = keys("n", &URL_SAFE_NO_PAD.encode(bytes));
    assert_eq!(
        try_token(&rules(), &signed, token),
        Ok(Pass::Token(Signature::Checked))
    );
}

#[test]
fn what_is_signed_with_no_private_key_is_refused_even_where_nothing_can_be_checked() {
    for algorithm in ["none", "None", "HS256", "HS512", ""] {
        let token = token(&json!({ "alg": algorithm }), &claims(), "");
        let refusal = try_token(&rules(), &unreachable(), &token).unwrap_err();
        assert!(
            refusal.message.contains("algorithm"),
            "{algorithm}: {refusal:?}"
        );
    }
}

#[test]
fn where_the_keys_are_out_of_reach_the_rest_is_checked_and_that_is_said() {
    let pass = try_claims(&rules(), &claims()).unwrap();
    let why = "it cannot be reached".to_owned();
    assert_eq!(pass, Pass::Token(Signature::NotChecked(why)));
    assert!(
        try_claims(
            &rules(),
            &json!({ "iss": "https://other.example", "exp": NOW + 9 })
        )
        .is_err()
    );
}

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

#[test]
fn what_is_no_token_is_refused() {
    let good = token(&json!({ "alg": "RS256" }), &claims(), "AA");
    assert!(Jwt::parse(&good).is_some());
    let critical = token(&json!({ "alg": "RS256", "crit": ["b64"] }), &claims(), "AA");
    let list = token(&json!({ "alg": "RS256" }), &json!([]), "AA");
    for wrong in [
        "",
        ".",
        "..",
        "a.b.c",
        &format!("{good}.x"),
        &good.replace('.', " "),
        &format!("{good}!"),
        good.rsplit_once('.').unwrap().0,
        &critical,
        &list,
        &token(&json!({}), &claims(), "AA"),
        &token(&json!({ "alg": 7 }), &claims(), "AA"),
        &token(&json!({ "alg": "RS256", "kid": 7 }), &claims(), "AA"),
    ] {
        assert_eq!(Jwt::parse(wrong), None, "{wrong}");
    }
    assert!(!format!("{:?}", Jwt::parse(&good)).contains("issuer.example"));
}

#[test]
fn a_token_comes_in_a_header_or_as_a_subprotocol() {
    let shown = |name: &'static str, value: &str, query: &[(String, String)]| {
        Credentials::of(|asked| (asked == name).then_some(value), query)
    };
    let bearer = |text: &str| Ok(Credentials::Bearer(text.to_owned()));
    assert_eq!(shown("authorization", "Bearer a.b.c", &[]), bearer("a.b.c"));
    assert_eq!(
        shown("authorization", " bearer  a.b.c ", &[]),
        bearer("a.b.c")
    );
    assert_eq!(shown("authorization", "Bearer", &[]), bearer(""));
    let signature =
        "AWS4-HMAC-SHA256 Credential=x/20261129/us-east-1/bedrock-agentcore/aws4_request";
    assert_eq!(
        shown("authorization", signature, &[]),
        Ok(Credentials::Signature)
    );
    let presigned = [("X-Amz-Signature".to_owned(), "x".to_owned())];
    assert_eq!(shown("x", "", &presigned), Ok(Credentials::Signature));
    assert_eq!(shown("x", "", &[]), Ok(Credentials::None));

    let encoded = URL_SAFE_NO_PAD.encode("a.b.c");
    let list = format!("chat, {SUBPROTOCOL}.{encoded}, {SUBPROTOCOL}");
    assert_eq!(shown("sec-websocket-protocol", &list, &[]), bearer("a.b.c"));
    assert_eq!(agents_subprotocols(&list).as_deref(), Some("chat"));
    assert_eq!(answering_subprotocol(&list), Some(SUBPROTOCOL));
    assert_eq!(
        agents_subprotocols(&format!("{SUBPROTOCOL}.{encoded}")),
        None
    );
    assert_eq!(answering_subprotocol("chat"), None);
    assert_eq!(
        shown("sec-websocket-protocol", "chat", &[]),
        Ok(Credentials::None)
    );
    assert!(shown("sec-websocket-protocol", &format!("{SUBPROTOCOL}.!"), &[]).is_err());
}

#[test]
fn documents_of_the_issuer_are_read() {
    assert_eq!(
        Discovery::parse(r#"{"issuer":"https://i","jwks_uri":"https://i/keys","x":1}"#),
        Ok(Discovery {
            issuer: "https://i".to_owned(),
            jwks_uri: Some("https://i/keys".to_owned())
        })
    );
    for wrong in ["", "[]", "{}", r#"{"issuer":1}"#] {
        assert!(Discovery::parse(wrong).is_err(), "{wrong}");
        assert!(Keys::parse(wrong).is_err(), "{wrong}");
    }
    let keys = Keys::parse(r#"{"keys":[{"kty":"new","kid":"a"},7,{"kty":"RSA","kid":"b"}]}"#);
    let named = |name: &str| {
        let token = token(&json!({ "alg": "RS256", "kid": name }), &claims(), "AA");
        keys.as_ref()
            .unwrap()
            .has_key_of(&Jwt::parse(&token).unwrap())
    };
    assert!(named("a") && named("b") && !named("c"));
}

#[test]
fn the_metadata_names_the_issuer_and_the_scopes_as_clients_know_them() {
    let runtime = json!({ "authorizerConfiguration": { "customJWTAuthorizer": {
        "discoveryUrl": "https://issuer.example/.well-known/openid-configuration",
        "allowedScopes": ["read", "write"],
        "advertisedScopeMapping": { "read": "api://app/read" },
    } } });
    let rules = Rules::read(&runtime).unwrap();
    assert_eq!(
        resource_metadata(
            &rules,
            &unreachable(),
            "http://127.0.0.1:1/runtimes/x/invocations"
        ),
        json!({
            "resource": "http://127.0.0.1:1/runtimes/x/invocations",
            "authorization_servers": ["https://issuer.example"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["api://app/read", "write"],
        })
    );
    assert_eq!(Rules::read(&json!({})), None);
    assert_eq!(Rules::read(&json!({ "authorizerConfiguration": {} })), None);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-zA-Z0-9_.=-]{0,80}", other in ".{0,40}") {
        let vectors = vectors();
        let issuer = issuer(&vectors["jwks"]);
        for token in [&text, &other] {
            prop_assert!(try_token(&rules(), &issuer, token).is_err());
        }
    }

    #[test]
    fn one_flipped_bit_is_enough(bit in 0_usize..3000) {
        let vectors = vectors();
        let token = vectors["tokens"]["ES256"].as_str().unwrap();
        let mut bytes = token.as_bytes().to_vec();
        let at = bit / 6 % bytes.len();
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        if let Some(digit) = alphabet.iter().position(|digit| *digit == bytes[at]) {
            bytes[at] = alphabet[digit ^ (1 << (bit % 6))];
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(try_token(&rules(), &issuer(&vectors["jwks"]), &changed).is_err());
        }
    }
}
