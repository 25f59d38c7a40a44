//! Where credentials may be sent: over TLS, or to this machine.

use std::net::IpAddr;

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
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") && is_loopback(rest)
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    // A user name in front of the host could disguise the host.
    !authority.contains('@') && is_loopback_host(host)
}

/// Returns true if a name or an address is always this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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
