//! Checks a request's SigV4 signature, computed from AWS's specification.

use std::fmt::Write as _;

use hyper::{Request, body::Bytes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use sha2::{Digest, Sha256};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// Panics unless the request is signed with this secret key.
#[track_caller]
pub fn check(request: &Request<Bytes>, secret: &str) {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    };
    let authorization = header("authorization");
    let part = |name: &str| {
        let rest = authorization.split_once(name).unwrap().1;
        rest.split(',').next().unwrap().trim()
    };
    let credential: Vec<&str> = part("Credential=").splitn(2, '/').collect();
    let (signed, signature) = (part("SignedHeaders="), part("Signature="));
    for needed in ["host", "x-amz-date"] {
        assert!(signed.split(';').any(|name| name == needed), "{signed}");
    }
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method(),
        // Every service except S3 encodes the path twice.
        utf8_percent_encode(request.uri().path(), UNRESERVED),
        request.uri().query().unwrap_or_default(),
    );
    for name in signed.split(';') {
        writeln!(canonical, "{name}:{}", header(name).trim()).unwrap();
    }
    let body = hex(&Sha256::digest(request.body()));
    write!(canonical, "\n{signed}\n{body}").unwrap();
    let scope: Vec<&str> = credential[1].split('/').collect();
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{}\n{}",
        header("x-amz-date"),
        credential[1],
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope {
        key = keyed(&key, part.as_bytes());
    }
    assert_eq!(hex(&keyed(&key, text.as_bytes())), signature, "{canonical}");
}

fn keyed(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
