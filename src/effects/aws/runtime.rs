//! Agent runtimes: `bedrock-agentcore-control`.

use super::{
    AwsError, Session,
    control::{Control, text},
    found, gone_or,
    idempotency::Token,
    session::Connection,
};
use crate::{
    protocol::control::{endpoint, runtime},
    resources::{runtime::document::Document, tags::Tags},
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

    pub(crate) async fn tags(&self, arn: &str) -> Result<Tags, AwsError> {
        self.control.tags(arn, &format!("runtime `{arn}`")).await
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
}

pub(super) fn shown(id: &str) -> String {
    format!("runtime `{id}`")
}

pub(super) fn endpoint_shown(id: &str, name: &str) -> String {
    format!("endpoint `{name}` of {}", shown(id))
}
