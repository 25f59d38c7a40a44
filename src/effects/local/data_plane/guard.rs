//! Programs on this machine may talk to the local AgentCore, and pages in a browser may not.

use hyper::{HeaderMap, header};

/// What is wrong with a request, or nothing.
pub(super) fn refuses(headers: &HeaderMap, port: u16) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    if hosts.next().is_some() || !host.is_some_and(|host| is_this_machine(host, port)) {
        return Some(format!(
            "it is addressed to another host than 127.0.0.1:{port}"
        ));
    }
    let from_a_page = headers.contains_key(header::ORIGIN)
        || headers
            .get_all("sec-fetch-site")
            .iter()
            .any(|site| site.as_bytes() != b"none");
    from_a_page.then(|| "it comes from a page in a browser".to_owned())
}

fn is_this_machine(host: &str, port: u16) -> bool {
    let Some((name, there)) = host.rsplit_once(':') else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    // The last form is how clients address a bucket; every `.localhost` is this machine (RFC 6761).
    there == port.to_string()
        && (matches!(name.as_str(), "127.0.0.1" | "localhost" | "[::1]")
            || name.ends_with(".localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn programs_of_this_machine_are_welcome() {
        for host in [
            "127.0.0.1:80",
            "LOCALHOST:80",
            "[::1]:80",
            "bucket.s3.localhost:80",
        ] {
            let list = [("host", host), ("sec-fetch-site", "none")];
            assert_eq!(refuses(&headers(&list), 80), None, "{host}");
        }
    }

    #[test]
    fn foreign_hosts_and_pages_are_refused() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:81",
            "evil.example:80",
            "localhost.evil:80",
            ":80",
        ] {
            assert!(refuses(&headers(&[("host", host)]), 80).is_some(), "{host}");
        }
        assert!(refuses(&headers(&[]), 80).is_some());
        let twice = [("host", "127.0.0.1:80"), ("host", "evil.example:80")];
        assert!(refuses(&headers(&twice), 80).is_some());
        let host = ("host", "127.0.0.1:80");
        assert!(refuses(&headers(&[host, ("origin", "null")]), 80).is_some());
        assert!(refuses(&headers(&[host, ("sec-fetch-site", "same-origin")]), 80).is_some());
    }
}
