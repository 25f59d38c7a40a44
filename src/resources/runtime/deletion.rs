//! What `clean` does with a runtime.

use super::{
    fields::Artifact,
    observed::{Evidence, RuntimeState, Standing},
};
use crate::{
    names::{Region, image_uri::EcrUri},
    resources::{
        change::{Action, Change, Step, Subject},
        ownership::Identity,
        tags::Tags,
    },
};

/// An object in S3.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectKey {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

/// A runtime with the agent's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedRuntime {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) role_arn: String,
    pub(crate) tags: Tags,
    /// Without `DEFAULT`.
    pub(crate) endpoints: Vec<String>,
    pub(crate) code: Option<ObjectKey>,
    /// The repository of its image.
    pub(crate) repository: Option<String>,
}

/// One step of `clean`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeletionStep {
    DeleteEndpoint {
        runtime: String,
        endpoint: String,
    },
    /// Deletes a runtime that has no endpoint but `DEFAULT`.
    Delete {
        runtime: String,
        region: Region,
    },
}

impl NamedRuntime {
    pub(crate) fn of(state: RuntimeState, tags: Tags, endpoints: Vec<String>) -> Self {
        let RuntimeState {
            id,
            arn,
            name,
            version: _,
            status: _,
            failure: _,
            created: _,
            updated: _,
            fields,
            platform: _,
            set_elsewhere: _,
        } = state;
        let (code, image) = match fields.artifact {
            Artifact::Code { object, .. } => (object, None),
            Artifact::Container { uri } => (None, EcrUri::parse(&uri)),
            Artifact::Unknown => (None, None),
        };
        Self {
            id,
            arn,
            name,
            role_arn: fields.role_arn,
            tags,
            endpoints,
            code: code.map(|object| ObjectKey {
                bucket: object.bucket,
                key: object.key,
            }),
            repository: image.map(|image| image.repository),
        }
    }

    /// Checks that the runtime is this project's; otherwise returns the reason.
    pub(crate) fn proven(&self, identity: &Identity, evidence: Evidence) -> Result<(), String> {
        match Standing::of(identity, &self.tags, evidence) {
            Standing::Ours => Ok(()),
            Standing::NotOurs(why) => Err(why),
        }
    }

    /// Returns the steps that delete the runtime, which the caller has proven.
    pub(crate) fn deletion(&self, region: &Region) -> impl Iterator<Item = DeletionStep> {
        let endpoints = self.endpoints.iter();
        let endpoints = endpoints.map(|endpoint| DeletionStep::DeleteEndpoint {
            runtime: self.id.clone(),
            endpoint: endpoint.clone(),
        });
        endpoints.chain([DeletionStep::Delete {
            runtime: self.id.clone(),
            region: region.clone(),
        }])
    }
}

impl Step for DeletionStep {
    fn change(&self) -> Change {
        let (object, subject) = match self {
            Self::DeleteEndpoint { runtime, endpoint } => (
                format!("endpoint `{endpoint}` of runtime `{runtime}`"),
                Subject::new("endpoint", endpoint).of(runtime),
            ),
            Self::Delete { runtime, region } => (
                format!("runtime `{runtime}` in {region}"),
                Subject::new("runtime", runtime),
            ),
        };
        Change::new(Action::Delete, object, subject)
    }
}
