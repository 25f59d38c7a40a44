//! References to images in any registry, as other tools for containers write them.

use std::fmt;

use super::image_uri::is_digest;

/// The longest tag that registries accept.
const LONGEST_TAG: usize = 128;

/// `REGISTRY/REPOSITORY[:TAG][@DIGEST]`, with a tag, a digest, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// A host, with a port if there is one.
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// Checks the text. Fails with what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(format!(
                "expected the name of an image without `{scheme}://`: `{rest}`"
            ));
        }
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) if is_digest(digest) => (named, Some(digest.to_owned())),
            Some(_) => {
                return Err(
                    "expected `sha256:` and 64 lowercase hexadecimal digits after `@`".to_owned(),
                );
            }
            None => (text, None),
        };
        let (registry, rest) = named
            .split_once('/')
            .filter(|(host, _)| is_registry(host))
            .ok_or_else(|| {
                "expected a registry before the name, such as `public.ecr.aws/docker/library/python:3.13-slim`"
                    .to_owned()
            })?;
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (rest, None),
        };
        if repository.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(format!(
                "expected a name without capital letters: `{}`",
                repository.to_ascii_lowercase()
            ));
        }
        if !is_repository(repository) || tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err("expected `REGISTRY/REPOSITORY:TAG`".to_owned());
        }
        if tag.is_none() && digest.is_none() {
            return Err("expected a tag or a digest after the name".to_owned());
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag,
            digest,
        })
    }

    /// Returns the same reference for exactly one image.
    pub(crate) fn pinned(&self, digest: &str) -> Self {
        Self {
            digest: Some(digest.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    pub(crate) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub(crate) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Returns what a registry is asked for: the digest if there is one, or else the tag.
    pub(crate) fn wanted(&self) -> &str {
        let wanted = self.digest.as_ref().or(self.tag.as_ref());
        wanted.expect("a reference has a tag or a digest")
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry,
            repository,
            tag,
            digest,
        } = self;
        write!(f, "{registry}/{repository}")?;
        if let Some(tag) = tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Returns whether a text is a host with an optional port. Without a dot or a port it would be a
/// part of a repository's name for other tools.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"-.".contains(&c);
    let is_number = |port: &str| port.parse::<u16>().is_ok();
    !host.is_empty()
        && host.bytes().all(legal)
        && port.is_none_or(is_number)
        && (port.is_some() || host.contains('.') || host == "localhost")
}

fn is_repository(name: &str) -> bool {
    let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    name.split('/')
        .all(|part| !part.is_empty() && part.bytes().all(legal) && part.bytes().any(|c| c != b'.'))
}

fn is_tag(tag: &str) -> bool {
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    (1..=LONGEST_TAG).contains(&tag.len()) && tag.bytes().all(legal) && !tag.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_registry_and_a_tag_or_a_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for good in [
            "public.ecr.aws/docker/library/python:3.13-slim".to_owned(),
            format!("ghcr.io/a/b@{digest}"),
            format!("localhost:5000/python:3@{digest}"),
            "127.0.0.1:5000/a/b:T_1.x".to_owned(),
            "localhost/a:b".to_owned(),
        ] {
            let parsed = ImageReference::parse(&good).unwrap();
            assert_eq!(parsed.to_string(), good);
        }
        let tagged = ImageReference::parse("ghcr.io/a/b:1").unwrap();
        assert_eq!((tagged.wanted(), tagged.digest()), ("1", None));
        let pinned = tagged.pinned(&digest);
        assert_eq!(pinned.wanted(), digest);
        assert_eq!(pinned.to_string(), format!("ghcr.io/a/b:1@{digest}"));
        for (wrong, said) in [
            ("python:3.13", "a registry"),
            ("library/python:3.13", "a registry"),
            ("ghcr.io/a/b", "a tag or a digest"),
            ("ghcr.io/a/b:", "REGISTRY/REPOSITORY:TAG"),
            ("ghcr.io/a/../b:1", "REGISTRY/REPOSITORY:TAG"),
            ("ghcr.io/A:1", "without capital letters: `a`"),
            ("ghcr.io//a:1", "REGISTRY/REPOSITORY:TAG"),
            ("user@ghcr.io/a:1", "64 lowercase"),
            ("ghcr.io/a@sha256:0", "64 lowercase"),
            ("ghcr.io:x/a:1", "a registry"),
            ("https://ghcr.io/a:1", "without `https://`: `ghcr.io/a:1`"),
        ] {
            let error = ImageReference::parse(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }
}
