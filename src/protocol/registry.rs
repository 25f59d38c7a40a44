//! The protocol of image registries ("OCI distribution"): addresses, answers, and when to try again.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// How often one request is sent at most.
pub(crate) const ATTEMPTS: usize = 6;
/// The longest pause that a registry can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A repository in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// Such as `https://123456789012.dkr.ecr.us-east-1.amazonaws.com`, without a slash at its end.
    pub(crate) registry: String,
    pub(crate) repository: String,
}

impl Repository {
    pub(crate) fn blob(&self, digest: &str) -> String {
        format!("{}/blobs/{digest}", self.base())
    }

    pub(crate) fn uploads(&self) -> String {
        format!("{}/blobs/uploads/", self.base())
    }

    /// Returns the address of a manifest by its digest or tag.
    pub(crate) fn manifest(&self, reference: &str) -> String {
        format!("{}/manifests/{reference}", self.base())
    }

    fn base(&self) -> String {
        format!("{}/v2/{}", self.registry, self.repository)
    }

    /// Returns the address that completes an upload, from where the registry says that it began.
    /// `None` if it leads to another registry, which must not get the credentials.
    pub(crate) fn completion(&self, location: &str, digest: &str) -> Option<String> {
        let address = if location.starts_with('/') && !location.starts_with("//") {
            format!("{}{location}", self.registry)
        } else {
            let rest = strip_prefix_of_any_case(location, &self.registry)?;
            (rest.starts_with('/')).then(|| location.to_owned())?
        };
        let joint = if address.contains('?') { '&' } else { '?' };
        let digest = utf8_percent_encode(digest, NON_ALPHANUMERIC);
        Some(format!("{address}{joint}digest={digest}"))
    }
}

fn strip_prefix_of_any_case<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let head = text.get(..start.len())?;
    head.eq_ignore_ascii_case(start)
        .then(|| &text[start.len()..])
}

/// The result of one attempt of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered {
        status: u16,
        /// What the registry asks for with `Retry-After`.
        pause: Option<Duration>,
    },
    /// No answer, or an incomplete one.
    Lost,
}

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The answer is final, whatever it is.
    Use,
    /// Get new credentials and try again.
    Renew,
    /// Try again after this pause.
    Again(Duration),
}

/// Decides what follows an attempt. `is_fresh` is true if the credentials were just renewed, so that
/// refusing them is final. `pause` comes before another attempt, unless the registry asks for one;
/// without it, this was the last attempt.
pub(crate) fn next(outcome: Outcome, is_fresh: bool, pause: Option<Duration>) -> Next {
    let Some(pause) = pause else {
        return Next::Use;
    };
    match outcome {
        Outcome::Answered { status: 401, .. } if !is_fresh => Next::Renew,
        Outcome::Answered {
            status: 429 | 500 | 502..=504,
            pause: asked,
        } => Next::Again(asked.map_or(pause, |asked| asked.min(LONGEST_PAUSE))),
        Outcome::Answered { .. } => Next::Use,
        Outcome::Lost => Next::Again(pause),
    }
}

/// Reads the value of `Retry-After`, which is a number of seconds here; a date is ignored.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Returns the address of a token for reading a repository, from what a registry demands in
/// `WWW-Authenticate`. `None` if it demands something else.
pub(crate) fn token_address(demand: &str, repository: &str) -> Option<String> {
    let (scheme, rest) = demand.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let value = |wanted: &str| {
        // Commas are also in scopes, but quotation marks are not.
        let mut rest = rest;
        loop {
            let (name, after) = rest.split_once("=\"")?;
            let (value, after) = after.split_once('"')?;
            let name = name.trim_start_matches([',', ' ']);
            if name.eq_ignore_ascii_case(wanted) {
                return Some(value);
            }
            rest = after;
        }
    };
    let realm = value("realm")?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let scope =
        value("scope").map_or_else(|| format!("repository:{repository}:pull"), str::to_owned);
    let joint = if realm.contains('?') { '&' } else { '?' };
    let service = value("service").map_or_else(String::new, |service| {
        format!("&service={}", encoded(service))
    });
    Some(format!("{realm}{joint}scope={}{service}", encoded(&scope)))
}

/// Returns the token in the answer to a request for one.
pub(crate) fn token(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let token = ["token", "access_token"]
        .iter()
        .find_map(|name| value[name].as_str());
    token.map(str::to_owned)
}

/// Returns code and message of an answer that reports an error.
pub(crate) fn error(body: &[u8]) -> (Option<String>, Option<String>) {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let first = &value["errors"][0];
    let text = |name: &str| first[name].as_str().map(str::to_owned);
    (text("code"), text("message"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> Repository {
        Repository {
            registry: "https://r.example".to_owned(),
            repository: "a/b".to_owned(),
        }
    }

    #[test]
    fn an_upload_is_completed_where_the_registry_says_but_in_no_other_registry() {
        let place = place();
        let complete = |location| place.completion(location, "sha256:ab");
        assert_eq!(
            complete("/v2/a/b/blobs/uploads/1").as_deref(),
            Some("https://r.example/v2/a/b/blobs/uploads/1?digest=sha256%3Aab")
        );
        assert_eq!(
            complete("https://R.example/u?state=x").as_deref(),
            Some("https://R.example/u?state=x&digest=sha256%3Aab")
        );
        for elsewhere in [
            "https://r.example.evil/u",
            "https://r.example@evil/u",
            "http://r.example/u",
            "//evil/u",
            "evil",
            "",
        ] {
            assert_eq!(complete(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(place.manifest("t"), "https://r.example/v2/a/b/manifests/t");
        assert_eq!(place.blob("d"), "https://r.example/v2/a/b/blobs/d");
        assert_eq!(place.uploads(), "https://r.example/v2/a/b/blobs/uploads/");
    }

    #[test]
    fn credentials_are_renewed_once_and_a_busy_registry_gets_time() {
        let status = |status| Outcome::Answered {
            status,
            pause: None,
        };
        let rest = Duration::from_secs(1);
        let next = |outcome, is_fresh| next(outcome, is_fresh, Some(rest));
        assert_eq!(next(status(401), false), Next::Renew);
        assert_eq!(next(status(401), true), Next::Use);
        for busy in [429, 500, 502, 503, 504] {
            assert_eq!(next(status(busy), false), Next::Again(rest), "{busy}");
        }
        for is_final in [200, 201, 202, 400, 403, 404, 405, 413, 501] {
            assert_eq!(next(status(is_final), false), Next::Use, "{is_final}");
        }
        let asked = Outcome::Answered {
            status: 429,
            pause: Some(Duration::from_hours(1)),
        };
        assert_eq!(next(asked, false), Next::Again(LONGEST_PAUSE));
        assert_eq!(next(Outcome::Lost, false), Next::Again(rest));
    }

    #[test]
    fn an_error_is_read_in_the_registrys_words() {
        let body = br#"{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}"#;
        assert_eq!(
            error(body),
            (Some("DIGEST_INVALID".to_owned()), Some("no".to_owned()))
        );
        assert_eq!(error(b"<html>"), (None, None));
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }

    #[test]
    fn a_token_is_fetched_where_the_registry_says() {
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        assert_eq!(
            token_address(docker, "a/b").as_deref(),
            Some(
                "https://auth.docker.io/token?scope=repository%3Aa%2Fb%3Apull%2Cpush&service=registry%2Edocker%2Eio"
            )
        );
        assert_eq!(
            token_address(r#"bearer realm="https://x/t?y=1""#, "a").as_deref(),
            Some("https://x/t?y=1&scope=repository%3Aa%3Apull")
        );
        for other in [
            "Basic realm=\"x\"",
            "Bearer",
            "Bearer realm=x",
            "",
            "Bearer scope=\"x",
        ] {
            assert_eq!(token_address(other, "a"), None, "{other}");
        }
        assert_eq!(token(br#"{"access_token":"t"}"#).as_deref(), Some("t"));
        assert_eq!(token(b"t"), None);
    }

    proptest! {
        #[test]
        fn no_demand_makes_it_fail(demand: String, repository: String) {
            let _ = token_address(&demand, &repository);
        }

        #[test]
        fn every_request_ends(status: u16, asked: Option<Duration>, is_fresh: bool) {
            let answered = Outcome::Answered { status, pause: asked };
            prop_assert_eq!(next(answered, is_fresh, None), Next::Use);
            prop_assert_eq!(next(Outcome::Lost, is_fresh, None), Next::Use);
        }

        #[test]
        fn no_location_takes_the_credentials_elsewhere(location: String) {
            if let Some(address) = place().completion(&location, "d") {
                prop_assert!(address.to_ascii_lowercase().starts_with("https://r.example/"));
            }
        }
    }
}
