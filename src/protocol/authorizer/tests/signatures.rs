//! Which keys and signatures count.

use super::*;

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
