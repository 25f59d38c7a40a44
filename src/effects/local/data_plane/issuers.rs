//! The issuers of tokens, if they can be reached.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::{
    effects::{aws::fetch, clock},
    protocol::{
        Refusal,
        authorizer::{Credentials, Discovery, Issuer, Jwt, Keys, Pass, Rules, authorize},
    },
};

/// The time limit for an issuer's answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How long an issuer's keys are cached, and how long after a failure it is not asked again.
const CURRENT: Duration = Duration::from_mins(5);
const SILENT: Duration = Duration::from_secs(30);
/// How long an issuer's keys are cached if a token names an unknown key.
const RENEWED: Duration = Duration::from_secs(5);

/// The cached issuers, by discovery URL.
#[derive(Default)]
pub(super) struct Issuers {
    known: Mutex<BTreeMap<String, (Instant, Issuer)>>,
}

impl Issuers {
    /// Authorizes a request with these credentials.
    pub(super) async fn authorize(
        &self,
        rules: Option<&Rules>,
        credentials: &Credentials,
        metadata: &str,
    ) -> Result<Pass, Refusal> {
        let issuer = match (rules, credentials) {
            (Some(rules), Credentials::Bearer(token)) => self.of_token(rules, token).await,
            _ => unknown("no one asked for it"),
        };
        let now = clock::seconds().unsigned_abs();
        authorize(rules, credentials, &issuer, metadata, now)
    }

    /// Returns the issuer of a token. Refreshes its keys if the token names an unknown one.
    async fn of_token(&self, rules: &Rules, token: &str) -> Issuer {
        let issuer = self.of(rules).await;
        let is_known = match (&issuer.keys, Jwt::parse(token)) {
            (Ok(keys), Some(jwt)) => keys.has_key_of(&jwt),
            (Err(_), _) | (_, None) => true,
        };
        if is_known {
            return issuer;
        }
        self.asked(rules, RENEWED).await
    }

    /// Returns the issuer of a runtime's tokens.
    pub(super) async fn of(&self, rules: &Rules) -> Issuer {
        self.asked(rules, CURRENT).await
    }

    /// Returns the issuer, cached for at most `current`.
    async fn asked(&self, rules: &Rules, current: Duration) -> Issuer {
        let url = &rules.discovery_url;
        let known = self
            .known
            .lock()
            .expect("no thread panics with it")
            .get(url)
            .cloned();
        if let Some((since, issuer)) = known {
            let limit = if issuer.keys.is_ok() { current } else { SILENT };
            if since.elapsed() < limit {
                return issuer;
            }
        }
        let issuer = ask(url).await;
        self.known
            .lock()
            .expect("no thread panics with it")
            .insert(url.clone(), (clock::now(), issuer.clone()));
        issuer
    }
}

fn unknown(why: &str) -> Issuer {
    Issuer {
        name: None,
        keys: Err(why.to_owned()),
    }
}

async fn ask(url: &str) -> Issuer {
    let discovery = match fetch::text(url, LIMIT).await {
        Ok(text) => Discovery::parse(&text),
        Err(why) => Err(why),
    };
    let discovery = match discovery {
        Ok(discovery) => discovery,
        Err(why) => return unknown(&format!("`{url}` cannot be used: {why}")),
    };
    let keys = match &discovery.jwks_uri {
        Some(uri) => match fetch::text(uri, LIMIT).await {
            Ok(text) => Keys::parse(&text),
            Err(why) => Err(why),
        }
        .map_err(|why| format!("`{uri}` cannot be used: {why}")),
        None => Err(format!("`{url}` has no keys")),
    };
    Issuer {
        name: Some(discovery.issuer),
        keys,
    }
}
