//! Restricts the local data plane to programs on this machine and keeps out web pages.
//!
//! The data plane accepts unsigned requests, so it must not serve a web page that knows its
//! address. `Host` reveals a foreign DNS name that resolves to this machine (DNS rebinding).
//! `Origin`, or `Sec-Fetch-Site` if there is no `Origin`, reveals a request that a page makes.

use super::{Refusal, refusal::Kind};

/// Refuses a request from elsewhere. `host` is the requested authority, with or without a port;
/// `header` returns the value of another header.
pub fn check<'h>(
    host: Option<&str>,
    header: impl Fn(&str) -> Option<&'h str>,
) -> Result<(), Refusal> {
    let denied = |message: String| Err(Refusal::new(Kind::AccessDenied, message));
    match host {
        Some(host) if is_this_machine(host) => {}
        Some(host) => {
            return denied(format!(
                "the local AgentCore is not served as `{host}`: use 127.0.0.1 or localhost"
            ));
        }
        None => return denied("the request does not name a host".to_owned()),
    }
    if header("origin").is_some() {
        return denied("the local AgentCore serves no pages in a browser".to_owned());
    }
    match header("sec-fetch-site") {
        None | Some("none") => Ok(()),
        Some(_) => denied("the local AgentCore serves no pages in a browser".to_owned()),
    }
}

/// Returns true if the host cannot resolve to another machine. `*.localhost` cannot either, and S3
/// clients put the bucket's name there.
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1" || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: Option<&str>, headers: &[(&str, &str)]) -> bool {
        let header = |name: &str| {
            let found = headers.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| *value)
        };
        check(host, header).is_ok()
    }

    #[test]
    fn programs_of_this_machine_are_served() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:4566",
            "localhost:1",
            "LOCALHOST",
            "localhost.:80",
            "bucket.localhost:4566",
            "[::1]:4566",
            "[::1]",
        ] {
            assert!(checked(Some(host), &[]), "{host}");
        }
        assert!(checked(Some("localhost"), &[("sec-fetch-site", "none")]));
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "evil.example:4566",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "127.0.0.2",
            "0.0.0.0:4566",
            "::1",
            "",
            "localhost:80:80x",
        ] {
            assert!(!checked(Some(host), &[]), "{host}");
        }
        assert!(!checked(None, &[]));
    }

    #[test]
    fn pages_are_not() {
        for header in [
            ("origin", "http://127.0.0.1:4566"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "same-origin"),
        ] {
            assert!(!checked(Some("127.0.0.1:4566"), &[header]), "{header:?}");
        }
    }
}
