//! Chooses the proxy for a request: HTTPS_PROXY and NO_PROXY, read as the AWS CLI and curl read
//! them.
//!
//! HTTP_PROXY is ignored, because plain HTTP is only used for this machine and for metadata
//! services, which no proxy can reach.

use std::{fmt, net::IpAddr};

use http::{Uri, uri::Authority};

use super::privacy::is_loopback_host;
use crate::error::Failure;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    https: Option<Proxy>,
    direct: Vec<Rule>,
}

/// A proxy. Its address may contain a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    url: String,
    /// The address without user and password.
    shown: String,
    /// The environment variable that names the proxy.
    pub(crate) variable: &'static str,
}

/// Hosts that are reached without the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    All,
    /// A host and its subdomains, optionally at one port only.
    Domain(String, Option<u16>),
    /// A prefix of an IP address, in bits.
    Network(IpAddr, u8),
}

impl Proxies {
    /// Reads the settings. `variable` returns a variable's value, which is empty if it is set to
    /// nothing.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        // The lower-case name takes precedence, even if it is empty.
        let first = |names: [&'static str; 2]| {
            names
                .into_iter()
                .find_map(|name| variable(name).map(|value| (name, value.trim().to_owned())))
                .filter(|(_, value)| !value.is_empty())
        };
        let https = match first(["https_proxy", "HTTPS_PROXY"]) {
            Some((name, value)) => Some(Proxy::parse(&value, name)?),
            None => None,
        };
        let direct = first(["no_proxy", "NO_PROXY"]).map_or_else(Vec::new, |(_, value)| {
            value.split([',', ' ']).filter_map(Rule::parse).collect()
        });
        Ok(Self { https, direct })
    }

    /// Returns the proxy for an address, such as `https://host:443/path`.
    pub(crate) fn for_address(&self, address: &str) -> Option<&Proxy> {
        let proxy = self.https.as_ref()?;
        let uri: Uri = address.parse().ok()?;
        if uri.scheme_str() != Some("https") {
            return None;
        }
        let (host, port) = (uri.host()?, uri.port_u16().unwrap_or(443));
        let is_direct =
            is_loopback_host(host) || self.direct.iter().any(|rule| rule.covers(host, port));
        (!is_direct).then_some(proxy)
    }
}

impl Proxy {
    fn parse(text: &str, variable: &'static str) -> Result<Self, Failure> {
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        // The value may contain a password, so it is not printed.
        let wrong = |why: &str| {
            Failure::usage(format!("the environment variable {variable} {why}")).help(
                "set it to the proxy's address, such as `http://proxy.example.com:3128`, or unset it",
            )
        };
        let uri = url.parse::<Uri>().ok();
        let place = uri
            .as_ref()
            .and_then(|uri| uri.authority())
            .filter(|place| {
                let after_host = place.as_str().rsplit(['@', ']']).next().unwrap_or_default();
                !place.host().is_empty()
                    && (!after_host.contains(':') || place.port_u16().is_some())
            });
        let Some(place) = place else {
            return Err(wrong("is not the address of a proxy")
                .note("characters such as `@`, `/` and `#` in its password are written as `%40`, `%2F`, `%23`"));
        };
        let scheme = uri.as_ref().and_then(Uri::scheme_str);
        let Some(scheme @ ("http" | "https")) = scheme else {
            return Err(wrong(
                "names a proxy that is neither `http://` nor `https://`",
            ));
        };
        let host = place.as_str().rsplit('@').next().unwrap_or_default();
        let shown = format!("{scheme}://{host}");
        Ok(Self {
            url,
            shown,
            variable,
        })
    }

    /// Returns the address, including the password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Prints the address without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((network, bits)) = text.split_once('/') {
            let network: IpAddr = network.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            let most = if network.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Network(network, bits));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return Some(Self::Network(address, bits));
        }
        let place: Authority = text.parse().ok()?;
        let host = place.host().trim_start_matches('*').trim_start_matches('.');
        (!host.is_empty()).then(|| Self::Domain(host.to_ascii_lowercase(), place.port_u16()))
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Domain(domain, at) => {
                let host = host.to_ascii_lowercase();
                let below = host.strip_suffix(domain.as_str());
                at.is_none_or(|at| at == port)
                    && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            Self::Network(network, bits) => host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse()
                .is_ok_and(|address| shares_bits(*network, address, *bits)),
        }
    }
}

fn shares_bits(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => u128::from(one.to_bits() ^ other.to_bits()) << 96,
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() ^ other.to_bits(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    differing.leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, Failure> {
        Proxies::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn used(no_proxy: &str, address: &str) -> bool {
        let proxies = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", no_proxy)]).unwrap();
        proxies.for_address(address).is_some()
    }

    #[test]
    fn https_goes_through_the_proxy_and_this_machine_never_does() {
        assert!(used("", "https://sts.us-east-1.amazonaws.com/"));
        for direct in [
            "http://169.254.169.254/latest",
            "http://sts.amazonaws.com",
            "https://127.0.0.1:8443/",
            "https://localhost/",
            "https://[::1]:1/",
        ] {
            assert!(!used("", direct), "{direct}");
        }
        let none = proxies(&[("HTTP_PROXY", "http://p:1")]).unwrap();
        assert_eq!(none.for_address("https://sts.amazonaws.com"), None);
    }

    #[test]
    fn no_proxy_knows_domains_ports_addresses_networks_and_everything() {
        for (rules, host, is_direct) in [
            ("*", "a.example.com", true),
            ("example.com", "example.com", true),
            ("example.com", "a.example.com", true),
            ("example.com", "aexample.com", false),
            (".example.com", "a.example.com:8443", true),
            ("*.example.com", "A.EXAMPLE.com", true),
            ("x, example.com", "a.example.com", true),
            ("x example.com", "a.example.com", true),
            ("example.com:443", "example.com", true),
            ("example.com:443", "example.com:8443", false),
            ("10.0.0.0/8", "10.9.8.7", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3:444", true),
            ("10.1.2.3", "10.1.2.30", false),
            ("[fd12::1]:443", "[fd12::1]", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe12::1]", false),
            ("0.0.0.0/0", "10.0.0.1", true),
            ("0.0.0.0/0", "example.com", false),
            ("10.0.0.0/99", "10.0.0.1", false),
            ("", "example.com", false),
        ] {
            let address = format!("https://{host}/x?y=z");
            assert_eq!(!used(rules, &address), is_direct, "{rules} {host}");
        }
    }

    #[test]
    fn the_lower_case_wins_even_where_it_is_empty() {
        let both = proxies(&[
            ("https_proxy", "lower:1"),
            ("HTTPS_PROXY", "http://upper:1"),
        ]);
        let both = both.unwrap();
        let proxy = both.for_address("https://a.b").unwrap();
        assert_eq!(
            (proxy.url(), proxy.variable),
            ("http://lower:1", "https_proxy")
        );
        let off = proxies(&[("https_proxy", ""), ("HTTPS_PROXY", "http://upper:1")]).unwrap();
        assert_eq!(off.for_address("https://a.b"), None);
    }

    #[test]
    fn user_and_password_are_never_shown() {
        let with = proxies(&[("HTTPS_PROXY", "http://me:se%40same@proxy.corp:3128/")]).unwrap();
        let proxy = with.for_address("https://a.b").unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.corp:3128");
        assert_eq!(format!("{with:?}").matches("same").count(), 0);
        for wrong in [
            "socks5://me:sesame@proxy:1080",
            "http://me:ses ame@proxy",
            "http://me:sesame@",
            "http://me:sesame@proxy:port",
            "http://",
        ] {
            let failure = proxies(&[("HTTPS_PROXY", wrong)]).unwrap_err();
            let text = format!("{failure:?}");
            assert!(
                !text.contains("sesame") && text.contains("HTTPS_PROXY"),
                "{text}"
            );
        }
    }
}
