//! ECR image URIs.

use crate::{
    names::{AccountId, Partition, Region},
    package::image::stored::is_digest,
};

/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com[.cn]/name[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EcrUri {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    /// The whole name, including slashes.
    pub(crate) repository: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub(crate) digest: Option<String>,
}

/// Returns the host of an account's registry in a region.
pub(crate) fn host(account: &AccountId, region: &Region) -> String {
    format!(
        "{account}.dkr.ecr.{region}.{}",
        region.partition().dns_suffix()
    )
}

/// Returns the address of an image by its digest, which no later push changes.
pub(crate) fn image(
    account: &AccountId,
    region: &Region,
    repository: &str,
    digest: &str,
) -> String {
    format!("{}/{repository}@{digest}", host(account, region))
}

impl EcrUri {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, rest) = text.split_once('/')?;
        let (account, rest_of_host) = host.split_once(".dkr.ecr.")?;
        let region = Partition::ALL.iter().find_map(|partition| {
            rest_of_host.strip_suffix(&format!(".{}", partition.dns_suffix()))
        })?;
        let (tagged, digest) = match rest.split_once('@') {
            Some((tagged, digest)) if is_digest(digest) => (tagged, Some(digest.to_owned())),
            Some(_) => return None,
            None => (rest, None),
        };
        let name = tagged.split(':').next()?;
        let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_./".contains(&c);
        let parts = name.split('/').all(|part| !part.is_empty());
        if !parts || !name.bytes().all(legal) {
            return None;
        }
        Some(Self {
            account: AccountId::parse(account).ok()?,
            region: Region::parse(region).ok()?,
            repository: name.to_owned(),
            digest,
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
            let parsed = EcrUri::parse(&uri).unwrap();
            prop_assert_eq!(&parsed.repository, &name);
            prop_assert_eq!(parsed.digest.is_some(), digest);
            let digest = format!("sha256:{}", "0".repeat(64));
            let ours = image(&parsed.account, &parsed.region, &name, &digest);
            let again = EcrUri::parse(&ours).unwrap();
            prop_assert_eq!((again.repository, again.digest), (name, Some(digest)));
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
            "123456789012.dkr.ecr.us-west-2.amazonaws.com/a@sha256:0",
        ] {
            assert_eq!(EcrUri::parse(wrong), None, "{wrong}");
        }
    }
}
