//! Addresses of images in ECR.

use super::{AccountId, Partition, Region};

/// Returns whether a text is the address of content: a digest may become a file's name.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64
            && digits
                .bytes()
                .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
    })
}

/// The registry that everyone can read.
const PUBLIC: &str = "public.ecr.aws/";

/// The longest address that AgentCore accepts.
const LONGEST: usize = 1024;

/// An existing image by its digest, in a registry that AgentCore reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUri {
    /// Without a tag, which can point to another image later.
    text: String,
    digest: String,
    private: Option<EcrUri>,
}

impl ImageUri {
    /// Checks the address. Fails with what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((tagged, digest)) = text.split_once('@') else {
            return Err(
                "expected `REPOSITORY@sha256:…`: a tag can point to another image later".to_owned(),
            );
        };
        if !is_digest(digest) {
            return Err(
                "expected `sha256:` and 64 lowercase hexadecimal digits after `@`".to_owned(),
            );
        }
        let name = match tagged.rsplit_once('/') {
            Some((path, last)) => {
                let last = last.split(':').next().unwrap_or_default();
                format!("{path}/{last}")
            }
            None => tagged.to_owned(),
        };
        let uri = format!("{name}@{digest}");
        let private = EcrUri::parse(&uri);
        let is_known = match &private {
            Some(EcrUri {
                account,
                region,
                repository,
                digest: _,
            }) => uri == image(account, region, repository, digest),
            None => name.strip_prefix(PUBLIC).is_some_and(is_repository),
        };
        if !is_known || uri.len() > LONGEST {
            return Err(
                "expected an image in `ACCOUNT.dkr.ecr.REGION.amazonaws.com/…` or `public.ecr.aws/…`"
                    .to_owned(),
            );
        }
        Ok(Self {
            text: uri,
            digest: digest.to_owned(),
            private,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the place in an account's registry; `None` for a public image.
    pub(crate) fn private(&self) -> Option<&EcrUri> {
        self.private.as_ref()
    }
}

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
        if !is_repository(name) {
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

fn is_repository(name: &str) -> bool {
    let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_./".contains(&c);
    name.split('/').all(|part| !part.is_empty()) && name.bytes().all(legal)
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
    fn an_existing_image_is_named_by_its_digest_in_a_registry_of_ecr() {
        assert!(!is_digest("sha256:../../etc/passwd"));
        let digest = format!("sha256:{}", "a".repeat(64));
        let ecr = "123456789012.dkr.ecr.us-west-2.amazonaws.com";
        let tagged = ImageUri::parse(&format!("{ecr}/a/b:v1@{digest}")).unwrap();
        assert_eq!(tagged.as_str(), format!("{ecr}/a/b@{digest}"));
        assert_eq!(tagged.private().unwrap().repository, "a/b");
        let public = ImageUri::parse(&format!("public.ecr.aws/x/y@{digest}")).unwrap();
        assert_eq!((public.private(), public.digest()), (None, digest.as_str()));
        for (wrong, said) in [
            (format!("{ecr}/a:v1"), "a tag can point"),
            (format!("{ecr}/a@sha256:0"), "64 lowercase"),
            (format!("{ecr}/a@{}", digest.to_uppercase()), "64 lowercase"),
            (format!("docker.io/library/a@{digest}"), "public.ecr.aws"),
            (format!("public.ecr.aws/@{digest}"), "public.ecr.aws"),
            (format!("{ecr}.cn/a@{digest}"), "public.ecr.aws"),
            (format!("{ecr}:443/a@{digest}"), "public.ecr.aws"),
            (
                format!("{ecr}/{}@{digest}", "a".repeat(1024)),
                "public.ecr.aws",
            ),
        ] {
            let error = ImageUri::parse(&wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
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
