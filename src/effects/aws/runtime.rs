//! Agent runtimes: `bedrock-agentcore-control`.

use super::{
    AwsError, Session,
    control::{Control, text},
    found, gone_or,
    runtime_read::Named,
    runtime_write::Token,
    session::Connection,
};
use crate::{
    names::RuntimeName,
    protocol::control::{endpoint, runtime},
    resources::{
        runtime::{
            document::Document,
            observed::{DEFAULT_ENDPOINT, EndpointState},
        },
        tags::Tags,
    },
};

#[derive(Debug, Clone)]
pub(crate) struct Runtimes {
    pub(super) control: Control,
}

/// Whether a resource that is being deleted still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presence {
    Gone,
    /// It exists with this status, and a reason if it failed.
    There {
        status: String,
        failure: Option<String>,
    },
}

impl Presence {
    /// Returns true if it is gone or being deleted.
    pub(crate) fn is_going(&self) -> bool {
        match self {
            Self::Gone => true,
            Self::There { status, .. } => status == "DELETING",
        }
    }
}

impl Runtimes {
    pub(crate) fn new(session: &Session) -> Self {
        Self::over(&session.connection())
    }

    /// Creates a client before the caller is identified.
    pub(crate) fn over(connection: &Connection) -> Self {
        Self {
            control: Control::new(connection.clone()),
        }
    }

    /// Reads the newest version, or `version`.
    pub(super) async fn get(&self, id: &str, version: Option<u32>) -> Result<Document, AwsError> {
        self.control
            .document_with(
                runtime::READ,
                &[id],
                version.map(|version| ("version", version.to_string())),
                &shown(id),
            )
            .await
    }

    /// Returns true if the runtime expects a JWT instead of a signature.
    pub(crate) async fn wants_jwt(&self, id: &str) -> Result<bool, AwsError> {
        let document = self.get(id, None).await?;
        let authorizer = document.get("authorizerConfiguration");
        Ok(authorizer.is_some_and(|authorizer| authorizer["customJWTAuthorizer"].is_object()))
    }

    /// Returns every runtime with this name from the account's list: at most one on AWS, but some
    /// emulators allow several. The service cannot filter by name, so all pages are read.
    pub(crate) async fn find(&self, name: &RuntimeName) -> Result<Vec<Named>, AwsError> {
        let mut all = self.list().await?;
        all.retain(|runtime| runtime.name == name.as_str());
        Ok(all)
    }

    pub(crate) async fn tags(&self, arn: &str) -> Result<Tags, AwsError> {
        self.control.tags(arn, &format!("runtime `{arn}`")).await
    }

    /// Returns every endpoint except `DEFAULT`.
    pub(crate) async fn endpoints(&self, id: &str) -> Result<Vec<EndpointState>, AwsError> {
        let mut endpoints = self.list_endpoints(id).await?;
        endpoints.retain(|endpoint| endpoint.name != DEFAULT_ENDPOINT);
        Ok(endpoints)
    }

    pub(crate) async fn delete_endpoint(&self, id: &str, name: &str) -> Result<(), AwsError> {
        let (names, shown) = (&[id, name], endpoint_shown(id, name));
        let token = Token::new();
        let deleting = self
            .control
            .delete(endpoint::DELETE, names, &shown, token.as_str());
        gone_or(deleting.await)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), AwsError> {
        let token = Token::new();
        let (names, shown) = (&[id], shown(id));
        let deleting = self
            .control
            .delete(runtime::DELETE, names, &shown, token.as_str());
        gone_or(deleting.await)
    }

    pub(crate) async fn presence(&self, id: &str) -> Result<Presence, AwsError> {
        let document = found(self.get(id, None).await)?;
        Ok(document.map_or(Presence::Gone, |document| Presence::There {
            status: text(&document, "status").unwrap_or_default(),
            failure: text(&document, "failureReason"),
        }))
    }

    pub(crate) async fn endpoint_presence(
        &self,
        id: &str,
        endpoint: &str,
    ) -> Result<Presence, AwsError> {
        let there = found(self.endpoints(id).await)?.unwrap_or_default();
        let found = there.into_iter().find(|found| found.name == endpoint);
        Ok(found.map_or(Presence::Gone, |found| Presence::There {
            status: found.status,
            failure: None,
        }))
    }
}

pub(super) fn shown(id: &str) -> String {
    format!("runtime `{id}`")
}

pub(super) fn endpoint_shown(id: &str, name: &str) -> String {
    format!("endpoint `{name}` of {}", shown(id))
}
