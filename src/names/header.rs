//! Header names, and which of them a runtime's allow-list may contain.
//!
//! The rules come from the developer guide's runtime-header-allowlist: any ordinary name is
//! allowed, except AWS's own headers (other than the `Custom-` ones) and the headers that HTTP,
//! browsers and proxies interpret.

/// The prefix of the only AWS headers that an allow-list may contain, in lower case.
pub const CUSTOM: &str = "x-amzn-bedrock-agentcore-runtime-custom-";

/// Returns true for a letter followed by up to 255 letters, digits, `-` and `_`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 256
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

/// Returns true if a lower-case name is reserved by AWS.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("x-amz-") || (name.starts_with("x-amzn-") && !name.starts_with(CUSTOM))
}

/// Returns true if an allow-list may contain a lower-case name.
pub fn may_be_listed(name: &str) -> bool {
    !is_reserved(name) && !RESTRICTED.contains(&name)
}

/// Names that no allow-list may contain, from the developer guide's table (the service's SDK has
/// the same list).
const RESTRICTED: [&str; 108] = [
    "proxy-authorization",
    "www-authenticate",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "content-type",
    "content-length",
    "content-encoding",
    "content-language",
    "content-location",
    "content-range",
    "cache-control",
    "etag",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "pragma",
    "vary",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "host",
    "user-agent",
    "referer",
    "from",
    "range",
    "accept-ranges",
    "transfer-encoding",
    "te",
    "trailer",
    "server",
    "date",
    "location",
    "retry-after",
    "set-cookie",
    "cookie",
    "content-security-policy",
    "content-security-policy-report-only",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-request-method",
    "access-control-request-headers",
    "origin",
    "accept-ch",
    "accept-ch-lifetime",
    "dpr",
    "width",
    "viewport-width",
    "downlink",
    "ect",
    "rtt",
    "save-data",
    "clear-site-data",
    "feature-policy",
    "expect-ct",
    "public-key-pins",
    "public-key-pins-report-only",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-requested-with",
    "x-csrf-token",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-source-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "cf-ray",
    "cf-connecting-ip",
    "x-amz-cf-id",
    "x-cache",
    "x-served-by",
    ":method",
    ":path",
    ":scheme",
    ":authority",
    ":status",
    "link",
    "sec-websocket-key",
    "sec-websocket-accept",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_may_be_listed_and_those_with_a_meaning_may_not() {
        for name in [
            "x-tenant",
            "x-api-key",
            "authorization",
            "traceparent",
            "x_a",
        ] {
            assert!(is_name(name) && may_be_listed(name), "{name}");
        }
        let custom = format!("{CUSTOM}tenant");
        assert!(is_name(&custom) && may_be_listed(&custom));
        for name in [
            "cookie",
            "host",
            "content-type",
            "x-forwarded-for",
            "x-amz-date",
            "x-amzn-trace-id",
        ] {
            assert!(is_name(name) && !may_be_listed(name), "{name}");
        }
    }

    #[test]
    fn a_name_begins_with_a_letter_and_has_at_most_256_characters() {
        assert!(is_name(&"a".repeat(256)));
        for wrong in ["", "1a", "-a", "a b", "a:", "é", &"a".repeat(257)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_list_is_in_lower_case_and_without_repetition() {
        for (at, name) in RESTRICTED.iter().enumerate() {
            assert_eq!(name.to_ascii_lowercase(), **name);
            assert!(!RESTRICTED[..at].contains(name), "{name}");
        }
    }
}
