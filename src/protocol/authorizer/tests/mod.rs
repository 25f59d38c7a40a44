//! The tokens and keys in `vectors.json` were made once with Python's `cryptography`; the file
//! holds only public keys. Tests about claims use unsigned tokens and an issuer whose keys cannot
//! be loaded.

mod claims;
mod signatures;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_795_910_400;
const METADATA: &str = "http://127.0.0.1:1/runtimes/x/invocations/.well-known/oauth-protected-resource?qualifier=DEFAULT";

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
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
