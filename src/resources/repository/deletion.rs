//! What `clean` does with a repository for images.

use std::collections::BTreeMap;

use crate::{
    resources::{
        change::{Action, Change, Step, Subject},
        deletion::Deletion,
        ownership::Identity,
    },
    text::counted,
};

/// The content of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) name: String,
    /// The digests of everything in it, which includes what refers to images.
    pub(crate) digests: Vec<String>,
    /// How many of them are images with a tag.
    pub(crate) images: usize,
}

/// The repository that `deploy` creates for the agent's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnRepository {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) content: Content,
}

/// One deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeletionStep {
    DeleteImages {
        name: String,
        digests: Vec<String>,
        /// How many of them are images with a tag.
        images: usize,
    },
    Delete {
        name: String,
    },
}

/// Returns what `clean` does with the agent's repository. `is_used` is true if a runtime that is
/// kept may run from an image in it.
pub(crate) fn deletion(
    identity: &Identity,
    there: &OwnRepository,
    is_used: bool,
) -> Deletion<DeletionStep> {
    let OwnRepository { tags, content } = there;
    let proven = identity.ownership(tags).proven();
    let why = match proven {
        Ok(()) if is_used => {
            "a runtime with the agent's name, which is kept, may run from it".to_owned()
        }
        Ok(()) => return content.deletion(),
        Err(why) => why,
    };
    Deletion::keeping(Subject::new("repository", &content.name), why)
}

impl Content {
    /// Deletes the repository with its content, which the caller has proven.
    pub(crate) fn deletion(&self) -> Deletion<DeletionStep> {
        let Self {
            name,
            digests,
            images,
        } = self;
        let content = (!digests.is_empty()).then(|| DeletionStep::DeleteImages {
            name: name.clone(),
            digests: digests.clone(),
            images: *images,
        });
        let whole = DeletionStep::Delete { name: name.clone() };
        Deletion::of(content.into_iter().chain([whole]))
    }
}

impl Step for DeletionStep {
    fn change(&self) -> Change {
        match self {
            Self::DeleteImages {
                name,
                digests,
                images,
            } => Change::new(
                Action::Delete,
                format!("{} of repository `{name}`", words(*images, digests.len())),
                Subject::new("images", name),
            ),
            Self::Delete { name } => Change::of(Action::Delete, Subject::new("repository", name)),
        }
    }
}

/// Describes the content of a repository, where manifests without a tag may refer to images.
fn words(images: usize, all: usize) -> String {
    match (images, all.saturating_sub(images)) {
        (images, 0) => counted(images, "image"),
        (0, others) => counted(others, "manifest"),
        (images, others) => format!(
            "{} and {}",
            counted(images, "image"),
            counted(others, "other manifest")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refers_to_an_image_is_not_counted_as_one() {
        assert_eq!(words(1, 1), "1 image");
        assert_eq!(words(2, 2), "2 images");
        assert_eq!(words(1, 3), "1 image and 2 other manifests");
        assert_eq!(words(0, 1), "1 manifest");
    }
}
