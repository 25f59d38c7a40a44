//! Runtimes with an authorizer check tokens as the service does.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{Place, eventually, seen};

/// Nothing listens at this address, so the keys are unavailable.
const AUTHORIZER: &str = r#"
header-allowlist = ["Authorization"]
authorizer = { discovery-url = "https://127.0.0.1:1/.well-known/openid-configuration", allowed-clients = ["client"], allowed-scopes = ["invoke"] }
"#;

/// Returns an unsigned token that claims to be signed.
fn token(claims: &Value) -> String {
    let part = |text: String| base64(text.as_bytes());
    format!(
        "{}.{}.AAAA",
        part(json!({ "alg": "RS256", "kid": "k" }).to_string()),
        part(claims.to_string())
    )
}

/// Encodes with RFC 4648's table 2, without padding.
fn base64(bytes: &[u8]) -> String {
    let table = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let number = number << (8 * (3 - three.len()));
        for digit in 0..=three.len() {
            let index = number >> (18 - 6 * digit) & 63;
            text.push(char::from(table[index as usize]));
        }
    }
    text
}

fn claims() -> Value {
    json!({
        "iss": "https://127.0.0.1:1",
        "exp": 4_000_000_000_u64,
        "client_id": "client",
        "scope": "openid invoke",
    })
}

/// Checks that the metadata named by a challenge contains the issuer and the scopes.
fn follow(place: &Place, challenge: &str) {
    let metadata = challenge
        .strip_prefix("Bearer resource_metadata=\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_else(|| panic!("{challenge}"));
    let mut ask = place.ask_for("GET", "");
    metadata
        .strip_prefix(&place.url)
        .unwrap()
        .clone_into(&mut ask.target);
    let metadata = ask.send(place);
    assert_eq!(metadata.status, 200, "{}", metadata.text());
    assert_eq!(
        metadata.json()["authorization_servers"],
        json!(["https://127.0.0.1:1"])
    );
    assert_eq!(metadata.json()["scopes_supported"], json!(["invoke"]));
}

#[test]
fn a_runtime_with_an_authorizer_takes_tokens_only() {
    let place = Place::with(8080, AUTHORIZER);
    let missing = place.ask(&json!({})).send(&place);
    assert_eq!(missing.status, 401);
    assert_eq!(
        missing.error(),
        (
            "UnauthorizedException".to_owned(),
            "Missing Authentication Token".to_owned()
        )
    );
    follow(&place, missing.header("www-authenticate").unwrap());

    let signed = place.boto3(
        "print(json.dumps(error(plane.invoke_agent_runtime, agentRuntimeArn=arn, payload=b'{}')))",
    );
    let signed: Value = serde_json::from_str(&signed).unwrap();
    assert_eq!(signed[0], "AccessDeniedException");
    assert!(
        signed[1]
            .as_str()
            .unwrap()
            .starts_with("Authorization method mismatch."),
        "{signed}"
    );

    let with = |token: &str| {
        let ask = place.ask(&json!({ "do": "look" }));
        ask.header("Authorization", format!("Bearer {token}"))
            .send(&place)
    };
    let good = token(&claims());
    let reply = with(&good);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        seen(&reply.json(), "authorization"),
        Some(format!("Bearer {good}").as_str())
    );
    let garbage = with("x.y.z");
    assert_eq!(garbage.status, 403);
    assert_eq!(
        garbage.error().1,
        "OAuth authorization failed: Failed to parse token"
    );
    for (name, value, told) in [
        ("exp", json!(1_000_000_000), "expired"),
        (
            "iss",
            json!("https://other.example"),
            "Claim 'iss' value mismatch with configuration.",
        ),
        (
            "client_id",
            json!("x"),
            "Claim 'client_id' value mismatch with configuration.",
        ),
        (
            "scope",
            json!("openid"),
            "Claim 'scope' value mismatch with configuration.",
        ),
    ] {
        let mut wrong = claims();
        wrong[name] = value;
        let reply = with(&token(&wrong));
        let (kind, message) = reply.error();
        assert_eq!(
            (reply.status, kind.as_str()),
            (401, "UnauthorizedException"),
            "{name}"
        );
        assert!(message.contains(told), "{name}: {message}");
    }

    let words = ["invoke", "--local", "--bearer-token", &good, r#"{"a": 1}"#];
    let outcome = place.cli(&words).run().succeeds();
    assert_eq!(outcome.json()["asked"], json!({ "a": 1 }));
    assert!(
        outcome
            .stderr
            .contains("signature of the token was not checked"),
        "{}",
        outcome.stderr
    );
    let outcome = place.cli(&["invoke", "--local", "{}"]).run().exits(4);
    assert!(
        outcome.stderr.contains("--bearer-token"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_runtime_without_an_authorizer_takes_no_token() {
    let place = Place::new();
    let reply = place
        .ask(&json!({}))
        .header("Authorization", format!("Bearer {}", token(&claims())))
        .send(&place);
    assert_eq!(reply.status, 403);
    assert!(
        reply
            .error()
            .1
            .starts_with("Authorization method mismatch."),
        "{}",
        reply.text()
    );
}

/// An issuer's current keys, and how often they were requested.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<(String, usize)>>);

impl Keys {
    fn new(keys: &Value) -> Self {
        let all = Self::default();
        all.change(keys);
        all
    }

    fn change(&self, keys: &Value) {
        self.0.lock().unwrap().0 = keys.to_string();
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

/// Serves a discovery document and keys until the test ends. Returns the document's URL.
fn issuer(keys: &Keys) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let discovery =
        json!({ "issuer": "https://issuer.example", "jwks_uri": format!("{url}/keys") });
    let (discovery, keys) = (discovery.to_string(), keys.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let count = stream.read(&mut head).unwrap_or(0);
            let is_keys = head[..count].starts_with(b"GET /keys ");
            let body = if is_keys {
                let mut keys = keys.0.lock().unwrap();
                keys.1 += 1;
                keys.0.clone()
            } else {
                discovery.clone()
            };
            // The client may be gone.
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    format!("{url}/.well-known/openid-configuration")
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../src/protocol/authorizer/vectors.json")).unwrap()
}

/// Deploys a runtime that accepts this issuer's tokens.
fn with_issuer(keys: &Keys) -> Place {
    let place = Place::with(8080, AUTHORIZER);
    // The table accepts only https, but the service's API does not check it.
    place.boto3(&format!(
        r#"
identifier = arn.split("/")[1]
there = control.get_agent_runtime(agentRuntimeId=identifier)
kept = ["agentRuntimeArtifact", "roleArn", "networkConfiguration", "protocolConfiguration", "environmentVariables"]
control.update_agent_runtime(
    agentRuntimeId=identifier,
    authorizerConfiguration={{"customJWTAuthorizer": {{"discoveryUrl": "{}", "allowedClients": ["client"]}}}},
    **{{name: there[name] for name in kept if name in there}},
)
"#,
        issuer(keys)
    ));
    place
}

#[test]
fn where_the_issuer_can_be_reached_the_signature_is_checked() {
    let vectors = vectors();
    let place = with_issuer(&Keys::new(&vectors["jwks"]));
    let with = |token: &str| {
        let ask = place.ask(&json!({ "a": 1 }));
        ask.header("Authorization", format!("Bearer {token}"))
            .send(&place)
    };
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        let good = vectors["tokens"][algorithm].as_str().unwrap();
        let reply = with(good);
        assert_eq!(reply.status, 200, "{algorithm}: {}", reply.text());
        let note = reply.header("x-cargo-agentcore-note").unwrap_or_default();
        assert!(!note.contains("signature"), "{note}");
        let (signed, _) = good.rsplit_once('.').unwrap();
        let forged = with(&format!("{signed}.AAAA"));
        let (name, message) = forged.error();
        assert_eq!(
            (forged.status, name.as_str()),
            (401, "UnauthorizedException"),
            "{algorithm}"
        );
        assert!(message.contains("signature does not match"), "{message}");
    }
}

/// A new key of the issuer is known within seconds, but unknown keys do not cause constant
/// requests.
#[test]
fn a_new_key_of_the_issuer_is_asked_for() {
    let vectors = vectors();
    let keys = Keys::new(&json!({ "keys": [] }));
    let place = with_issuer(&keys);
    let token = vectors["tokens"]["RS256"].as_str().unwrap();
    let with = || {
        let ask = place.ask(&json!({ "a": 1 }));
        ask.header("Authorization", format!("Bearer {token}"))
            .send(&place)
    };
    let refused = with();
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert!(refused.error().1.contains("the issuer has no key"));
    keys.change(&vectors["jwks"]);
    for _ in 0..20 {
        with();
    }
    assert!(keys.asked() <= 2, "asked {} times", keys.asked());
    eventually(|| "the new key is not taken", || with().status == 200);
    assert!(keys.asked() <= 3, "asked {} times", keys.asked());
}
