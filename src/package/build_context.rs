//! What a Dockerfile is built from, and the digest that says whether that changed.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{config::Dockerfile, text::hex};

/// A part of the build context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Relative to the context, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Folder,
    File {
        bytes: u64,
        sha256: String,
        is_program: bool,
    },
    /// A link to another part, with its text.
    Link(String),
}

/// Returns the digest of everything that an image is built from on our side. What `FROM` names and
/// what commands download may change without it.
pub(crate) fn digest(
    settings: &Dockerfile,
    dockerfile: &[u8],
    entries: &[Entry],
    labels: &[(String, String)],
) -> String {
    // The paths only say where the content is.
    let Dockerfile {
        path: _,
        context: _,
        target,
        args,
    } = settings;
    let entries: Vec<_> = entries
        .iter()
        .map(|Entry { path, kind }| match kind {
            Kind::Folder => json!([path]),
            Kind::File {
                bytes: _,
                sha256,
                is_program,
            } => json!([path, sha256, is_program]),
            Kind::Link(text) => json!([path, text]),
        })
        .collect();
    let all = json!([
        1,
        hex(&Sha256::digest(dockerfile)),
        target,
        args,
        labels,
        entries
    ]);
    hex(&Sha256::digest(all.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_changes_with_what_is_built_and_with_nothing_else() {
        let settings = Dockerfile::default();
        let file = |sha256: &str, is_program| Entry {
            path: "a".to_owned(),
            kind: Kind::File {
                bytes: 1,
                sha256: sha256.to_owned(),
                is_program,
            },
        };
        let of = |settings: &Dockerfile, dockerfile: &[u8], entries: &[Entry]| {
            digest(settings, dockerfile, entries, &[])
        };
        let first = of(&settings, b"FROM a", &[file("1", false)]);
        let moved = Dockerfile {
            path: "docker/Dockerfile".into(),
            ..settings.clone()
        };
        assert_eq!(of(&moved, b"FROM a", &[file("1", false)]), first);
        let mut with_argument = settings.clone();
        with_argument.args.insert("A".to_owned(), "1".to_owned());
        let with_target = Dockerfile {
            target: Some("build".to_owned()),
            ..settings.clone()
        };
        let link = Entry {
            path: "a".to_owned(),
            kind: Kind::Link("1".to_owned()),
        };
        for other in [
            of(&with_argument, b"FROM a", &[file("1", false)]),
            of(&with_target, b"FROM a", &[file("1", false)]),
            of(&settings, b"FROM b", &[file("1", false)]),
            of(&settings, b"FROM a", &[file("2", false)]),
            of(&settings, b"FROM a", &[file("1", true)]),
            of(&settings, b"FROM a", &[link]),
            of(&settings, b"FROM a", &[]),
        ] {
            assert_ne!(other, first);
        }
    }
}
