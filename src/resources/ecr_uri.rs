//! ECR image URIs.

use crate::names::{AccountId, Region};

/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com[.cn]/name[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EcrUri {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    /// The whole name, including slashes.
    pub(crate) repository: String,
}

impl EcrUri {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, rest) = text.split_once('/')?;
        let (account, rest_of_host) = host.split_once(".dkr.ecr.")?;
        let region = rest_of_host
            .strip_suffix(".amazonaws.com")
            .or_else(|| rest_of_host.strip_suffix(".amazonaws.com.cn"))?;
        let name = rest.split('@').next()?.split(':').next()?;
        let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_./".contains(&c);
        let parts = name.split('/').all(|part| !part.is_empty());
        if !parts || !name.bytes().all(legal) {
            return None;
        }
        Some(Self {
            account: AccountId::parse(account).ok()?,
            region: Region::parse(region).ok()?,
            repository: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_repository_is_the_whole_name(
            parts in prop::collection::vec("[a-z0-9][a-z0-9_-]{0,8}", 1..4),
            tag in prop::option::of("[A-Za-z0-9._-]{1,10}"),
            digest: bool,
        ) {
            let name = parts.join("/");
            let mut uri = format!("123456789012.dkr.ecr.us-west-2.amazonaws.com/{name}");
            if let Some(tag) = &tag {
                uri = format!("{uri}:{tag}");
            }
            if digest {
                uri = format!("{uri}@sha256:{}", "0".repeat(64));
            }
            prop_assert_eq!(EcrUri::parse(&uri).unwrap().repository, name);
        }
    }

    #[test]
    fn what_is_no_uri_is_nothing() {
        for wrong in [
            "",
            "x",
            "public.ecr.aws/a/b",
            "123456789012.dkr.ecr.us-west-2.amazonaws.com/",
            "12.dkr.ecr.us-west-2.amazonaws.com/a",
            "123456789012.dkr.ecr.us-west-2.amazonaws.com/a//b",
        ] {
            assert_eq!(EcrUri::parse(wrong), None, "{wrong}");
        }
    }
}
