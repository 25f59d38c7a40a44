//! How an artifact comes to where the runtime finds it, and what is deleted there afterwards, as
//! changes.

use super::{Shipment, Shipped, Store, StoreSteps, Way};
use crate::{
    resources::{
        change::{Action, Change, Subject},
        runtime::fields::Artifact,
    },
    text::{byte_size, counted},
};

/// What is done for an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The runtime gets it from where it is.
    Use,
    Upload {
        bytes: u64,
    },
    /// CodeBuild builds it.
    Build,
}

impl Delivery {
    /// Returns what a run would do that sends this many bytes.
    pub(crate) fn planned(shipment: &Shipment, bytes: u64) -> Self {
        match shipment {
            Shipment::Ordered(ordered) if ordered.is_unbuilt() => Self::Build,
            Shipment::Archive(_) | Shipment::Image(_) | Shipment::Ordered(_) => Self::sends(bytes),
            Shipment::Existing(_) => Self::Use,
        }
    }

    /// Returns what a run did.
    pub(crate) fn done(shipped: &Shipped) -> Self {
        match shipped.how {
            Way::Built => Self::Build,
            Way::Present | Way::Composed | Way::Whole | Way::Pushed => Self::sends(shipped.bytes),
        }
    }

    fn sends(bytes: u64) -> Self {
        match bytes {
            0 => Self::Use,
            bytes => Self::Upload { bytes },
        }
    }

    /// Returns the change. An image that CodeBuild builds has the name of its repository, because
    /// its own is only known afterwards.
    pub(crate) fn change(
        self,
        shipment: &Shipment,
        artifact: &Artifact,
        store: Option<&Store>,
    ) -> Option<Change> {
        let subject = match artifact {
            Artifact::Code { object, .. } => Subject::new("object", object.as_ref()?.to_string()),
            Artifact::Container { uri } => Subject::new("image", uri),
            Artifact::Unknown => return None,
        };
        let name = &subject.name;
        let change = match self {
            Self::Use => {
                let object = format!("the existing `{name}`");
                Change::new(Action::Use, object, subject)
            }
            Self::Upload { bytes } => {
                let (bytes, all) = (byte_size(bytes), shipment.size().map(byte_size));
                let of = all.map_or(String::new(), |all| format!(" of {all}"));
                let object = format!("{bytes}{of} to `{name}`");
                Change::new(Action::Upload, object, subject)
            }
            Self::Build => {
                let (files, bytes) = match shipment {
                    Shipment::Ordered(ordered) => ordered.context(),
                    Shipment::Archive(_) | Shipment::Image(_) | Shipment::Existing(_) => {
                        return None;
                    }
                };
                let object = format!(
                    "the image with CodeBuild from {} ({})",
                    counted(files, "file"),
                    byte_size(bytes)
                );
                Change::new(Action::Build, object, Subject::new("image", &store?.name))
            }
        };
        Some(change)
    }
}

impl Store {
    /// Returns the deletion of an artifact in it that no version needs.
    pub(crate) fn deletion(&self, unused: &str) -> Change {
        let kind = match self.steps {
            StoreSteps::Bucket(_) => "object",
            StoreSteps::Repository(_) => "image",
        };
        let (store, name) = (self.kind(), &self.name);
        Change::new(
            Action::Delete,
            format!("unused `{unused}` from {store} `{name}`"),
            Subject::new(kind, unused).of(name),
        )
    }
}
