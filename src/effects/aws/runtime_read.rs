//! Reads runtimes, their versions and endpoints into plain data, and writes endpoints.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    AwsError,
    control::{seconds, text},
    found,
    idempotency::Token,
    runtime::{Presence, Runtimes, endpoint_shown, shown},
};
use crate::{
    names::RuntimeName,
    protocol::control::{endpoint, runtime},
    resources::runtime::{
        document::{self, Document},
        observed::{DEFAULT_ENDPOINT, EndpointState, RuntimeState, VersionState},
    },
};

/// A runtime in the account's list, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) name: String,
}

/// The desired state of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndpointWish<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: u32,
    pub(crate) description: Option<&'a str>,
}

impl Runtimes {
    /// Lists every runtime of the account and region, once for all agents.
    pub(crate) async fn list(&self) -> Result<Vec<Named>, AwsError> {
        let resource = "the account's runtimes";
        let all = self.control.all(runtime::LIST, &[], resource).await?;
        let named = |item: &Value| {
            let item = item.as_object()?;
            Some(Named {
                id: text(item, "agentRuntimeId")?,
                arn: text(item, "agentRuntimeArn")?,
                name: text(item, "agentRuntimeName")?,
            })
        };
        Ok(all.iter().filter_map(named).collect())
    }

    /// Returns every runtime with this name from the account's list: at most one on AWS, but some
    /// emulators allow several. The service cannot filter by name, so all pages are read.
    pub(crate) async fn find(&self, name: &RuntimeName) -> Result<Vec<Named>, AwsError> {
        let mut all = self.list().await?;
        all.retain(|runtime| runtime.name == name.as_str());
        Ok(all)
    }

    /// Reads the runtime's newest version, or `version`. Returns `None` if it does not exist.
    pub(crate) async fn read(
        &self,
        id: &str,
        version: Option<u32>,
    ) -> Result<Option<RuntimeState>, AwsError> {
        let document = found(self.get(id, version).await)?;
        Ok(document.as_ref().map(state))
    }

    /// Returns every endpoint except `DEFAULT`.
    pub(crate) async fn endpoints(&self, id: &str) -> Result<Vec<EndpointState>, AwsError> {
        let mut endpoints = self.list_endpoints(id).await?;
        endpoints.retain(|endpoint| endpoint.name != DEFAULT_ENDPOINT);
        Ok(endpoints)
    }

    /// Returns every endpoint, sorted by name. Failed endpoints include the reason.
    pub(crate) async fn read_endpoints(&self, id: &str) -> Result<Vec<EndpointState>, AwsError> {
        let mut endpoints = Vec::new();
        for endpoint in self.list_endpoints(id).await? {
            // The list contains no reasons.
            let failed = if endpoint.status.ends_with("_FAILED") {
                self.read_endpoint(id, &endpoint.name).await?
            } else {
                None
            };
            endpoints.push(failed.unwrap_or(endpoint));
        }
        endpoints.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(endpoints)
    }

    pub(crate) async fn read_endpoint(
        &self,
        id: &str,
        name: &str,
    ) -> Result<Option<EndpointState>, AwsError> {
        let document = found(self.get_endpoint(id, name).await)?;
        Ok(document.as_ref().map(endpoint_state))
    }

    /// Lists every endpoint; the list contains no reasons of failures.
    pub(super) async fn list_endpoints(&self, id: &str) -> Result<Vec<EndpointState>, AwsError> {
        let all = self.control.all(endpoint::LIST, &[id], &shown(id)).await?;
        let items = all.iter().filter_map(Value::as_object);
        Ok(items.map(endpoint_state).collect())
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

    /// Reads an endpoint as the service's own document.
    async fn get_endpoint(&self, id: &str, name: &str) -> Result<Document, AwsError> {
        let resource = endpoint_shown(id, name);
        self.control
            .document(endpoint::READ, &[id, name], &resource, None)
            .await
    }

    /// Returns every version, newest first.
    pub(crate) async fn versions(&self, id: &str) -> Result<Vec<VersionState>, AwsError> {
        let listed = self
            .control
            .all(runtime::VERSIONS, &[id], &shown(id))
            .await?;
        let state = |item: &Value| {
            let item = item.as_object()?;
            Some(VersionState {
                number: text(item, "agentRuntimeVersion")?.parse().ok()?,
                status: text(item, "status").unwrap_or_default(),
                created: seconds(item, "lastUpdatedAt"),
            })
        };
        let mut versions: Vec<VersionState> = listed.iter().filter_map(state).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(versions)
    }

    pub(crate) async fn create_endpoint(
        &self,
        id: &str,
        wish: EndpointWish<'_>,
        tags: BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let mut body = json!({
            "name": wish.name,
            "agentRuntimeVersion": wish.version.to_string(),
            "tags": tags,
            "clientToken": Token::new().as_str(),
        });
        if let Some(description) = wish.description {
            body["description"] = description.into();
        }
        let resource = endpoint_shown(id, wish.name);
        self.control
            .call(endpoint::CREATE, &[id], &resource, Some(&body))
            .await
            .map(|_| ())
    }

    /// Points an endpoint at a version. An update resets every member that it does not contain, so
    /// the members that this version does not know are read now and sent back.
    pub(crate) async fn update_endpoint(
        &self,
        id: &str,
        wish: EndpointWish<'_>,
    ) -> Result<(), AwsError> {
        let there = self.get_endpoint(id, wish.name).await?;
        let token = Token::new();
        let document =
            document::update_endpoint(&there, wish.version, wish.description, token.as_str());
        let resource = endpoint_shown(id, wish.name);
        self.control
            .call(
                endpoint::UPDATE,
                &[id, wish.name],
                &resource,
                Some(&document.into()),
            )
            .await
            .map(|_| ())
    }
}

fn endpoint_state(document: &Map<String, Value>) -> EndpointState {
    let text = |member: &str| text(document, member);
    EndpointState {
        name: text("name").unwrap_or_default(),
        arn: text("agentRuntimeEndpointArn").unwrap_or_default(),
        live: text("liveVersion"),
        target: text("targetVersion"),
        status: text("status").unwrap_or_default(),
        failure: text("failureReason"),
        description: text("description"),
    }
}

fn state(document: &Document) -> RuntimeState {
    let text = |member: &str| text(document, member);
    RuntimeState {
        id: text("agentRuntimeId").unwrap_or_default(),
        arn: text("agentRuntimeArn").unwrap_or_default(),
        name: text("agentRuntimeName").unwrap_or_default(),
        version: text("agentRuntimeVersion").unwrap_or_default(),
        status: text("status").unwrap_or_default(),
        failure: text("failureReason"),
        created: seconds(document, "createdAt"),
        updated: seconds(document, "lastUpdatedAt"),
        fields: document::fields(document),
        platform: document::platform(document),
        set_elsewhere: document::set_elsewhere(document),
    }
}
