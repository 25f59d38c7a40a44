//! A runtime to talk to, or an agent that `dev` runs.

use super::ACCOUNT_AFTER;
use crate::{
    config::Agent,
    effects::{
        aws::{
            data_plane::{DataPlane, Target},
            session::{Connection, Identifying, Request, connect},
        },
        folder::FolderFile,
    },
    error::Failure,
    names::{EndpointName, SessionId},
    project::sessions,
    ui::Ui,
};

/// A runtime to talk to.
pub(crate) struct Partner {
    pub(crate) plane: DataPlane,
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) endpoint: EndpointName,
    /// The service's address.
    pub(crate) url: String,
    /// True if requests contain a token instead of a signature.
    pub(crate) with_token: bool,
    /// True if this is an agent that `dev` runs instead of a runtime.
    pub(crate) is_developed: bool,
    /// The agent; `None` if the ARN was given.
    pub(crate) agent: Option<Agent>,
    /// The file with the last session; `None` if the ARN was given.
    pub(crate) memory: Option<FolderFile>,
    pub(crate) request: Request,
    pub(crate) connection: Option<Connection>,
    /// The caller's identity, if it is not printed yet.
    pub(crate) identifying: Option<Identifying>,
}

impl Partner {
    pub(crate) fn target(&self, session: SessionId) -> Target {
        Target {
            arn: self.arn.clone(),
            endpoint: self.endpoint.clone(),
            session,
        }
    }

    /// Returns the name for messages.
    pub(crate) fn name(&self) -> String {
        match &self.agent {
            Some(agent) => format!("agent `{}`", agent.name),
            None if self.is_developed => format!("agent `{}`", self.id),
            None => format!("runtime `{}`", self.id),
        }
    }

    /// Describes where its sessions are.
    pub(crate) fn place(&self) -> String {
        if self.is_developed {
            "in development".to_owned()
        } else {
            format!("endpoint `{}`", self.endpoint)
        }
    }

    /// Returns the options that name the same runtime and endpoint.
    pub(crate) fn words(&self) -> String {
        let whom = match &self.agent {
            Some(agent) => format!("--agent {}", agent.name),
            None if self.is_developed => format!("--agent {}", self.id),
            None => format!("--arn {}", self.arn),
        };
        if self.endpoint == EndpointName::default() {
            whom
        } else {
            format!("{whom} --endpoint {}", self.endpoint)
        }
    }

    /// Prints the account, if it is not printed yet. Missing permission to ask for it is not an
    /// error.
    pub(crate) async fn introduction(&self, ui: &Ui) {
        let (Some(identifying), Some(connection)) = (&self.identifying, &self.connection) else {
            return;
        };
        let what = match &self.agent {
            Some(agent) => sessions::agents_shown(&[agent]),
            None => format!(", runtime `{}`", self.id),
        };
        if let (true, Some(agent)) = (self.request.local, &self.agent) {
            sessions::announce_local(&connection.region, &sessions::names_shown(&[agent]), ui);
            return;
        }
        match identifying.within(ACCOUNT_AFTER).await {
            Some(Ok(identity)) => ui.status(
                "Account",
                &format!(
                    "{} as {} in {} via {}{what}",
                    identity.account, identity.principal, identity.region, identity.source
                ),
            ),
            Some(Err(failure)) => ui.detail("Account", &format!("unknown: {failure}")),
            None => sessions::announce_unknown(connection, &what, ui),
        }
    }

    /// Returns a connection with credentials; a token alone is not enough for other requests.
    pub(crate) async fn connection(&self) -> Result<Connection, Failure> {
        match &self.connection {
            Some(connection) => Ok(connection.clone()),
            None => connect(&self.request).await,
        }
    }

    /// Returns the last session with this runtime and endpoint.
    pub(crate) fn last_session(&self) -> Result<Option<SessionId>, Failure> {
        let Some(memory) = &self.memory else {
            return Ok(None);
        };
        let text = memory.read_text()?;
        Ok(text.and_then(|text| SessionId::parse(text.trim()).ok()))
    }

    pub(crate) fn remember(&self, session: &SessionId) -> Result<(), Failure> {
        if let Some(memory) = &self.memory
            && self.last_session()?.as_ref() != Some(session)
        {
            memory.write(format!("{session}\n").as_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn forget(&self, session: &SessionId) -> Result<(), Failure> {
        if let Some(memory) = &self.memory
            && self.last_session()?.as_ref() == Some(session)
        {
            memory.remove()?;
        }
        Ok(())
    }
}
