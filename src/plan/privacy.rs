//! Where credentials may be sent: over TLS, or to this machine.

use std::net::IpAddr;

use http::Uri;

use crate::error::Failure;

/// The credentials in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Usable by anyone who reads it.
    BearerToken,
    /// Valid for a few minutes; the request also contains the payload and a session token.
    Signature,
}

/// Refuses an address that others could eavesdrop on.
pub(crate) fn check(proof: Proof, address: &str) -> Result<(), Failure> {
    if is_private(address) {
        return Ok(());
    }
    let what = match proof {
        Proof::BearerToken => "a bearer token",
        Proof::Signature => "a request with AWS credentials",
    };
    Err(Failure::usage(format!(
        "{what} is not sent to `{address}`, which is neither HTTPS nor this machine"
    ))
    .help("name an address that begins with `https://`"))
}

pub(crate) fn is_private(address: &str) -> bool {
    // What connects reads the address with this parser too, so both see the same host.
    let Ok(uri) = address.parse::<Uri>() else {
        return false;
    };
    match (uri.scheme_str(), uri.authority()) {
        (Some("https"), Some(_)) => true,
        // A user name in front of the host could disguise the host.
        (Some("http"), Some(place)) => {
            !place.as_str().contains('@') && is_loopback_host(place.host())
        }
        _ => false,
    }
}

/// Returns true if a name or an address is always this machine. An IPv6 address may have brackets.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_this_machine_over_https_only() {
        for good in [
            "https://bedrock-agentcore.us-west-2.amazonaws.com",
            "HTTPS://example.org",
            "http://127.0.0.1:4566",
            "http://127.8.8.8/x",
            "http://localhost:1",
            "http://[::1]:80",
        ] {
            assert_eq!(check(Proof::BearerToken, good), Ok(()), "{good}");
        }
        for bad in [
            "http://example.org",
            "http://127.0.0.1.example.org",
            "http://127.0.0.1@example.org",
            "http://localhost@example.org:80",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "127.0.0.1:80",
        ] {
            assert!(check(Proof::Signature, bad).is_err(), "{bad}");
        }
    }
}
