//! The files of a layer.

use std::sync::Arc;

/// A file or a folder in a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Relative to the image's root, with `/` between its parts and none at its ends.
    pub(crate) path: String,
    /// The permissions, such as `0o755`.
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
    pub(crate) content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    Folder,
    File(Arc<[u8]>),
}

/// The user and the group that own an entry. Only their numbers are stored, because an image without
/// a name service cannot look up names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Root,
    /// The user of the agent's process.
    Agent,
}

/// The number of the user that runs the agent, as in widely used images without a shell.
pub(crate) const AGENT_ID: u32 = 65532;

impl Owner {
    pub(super) fn id(self) -> u32 {
        match self {
            Self::Root => 0,
            Self::Agent => AGENT_ID,
        }
    }
}

impl Entry {
    pub(crate) fn folder(path: impl Into<String>, mode: u32) -> Self {
        Self {
            path: path.into(),
            mode,
            owner: Owner::Root,
            content: Content::Folder,
        }
    }

    pub(crate) fn file(path: impl Into<String>, mode: u32, content: impl Into<Arc<[u8]>>) -> Self {
        Self {
            path: path.into(),
            mode,
            owner: Owner::Root,
            content: Content::File(content.into()),
        }
    }

    pub(crate) fn owned_by(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }
}
