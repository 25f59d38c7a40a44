//! The report about a deployed agent as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    commands::{documents, endpoint::list},
    config::{Authorizer, Caller, Network},
    engine::status::There,
    plan::table::time,
    protocol,
    resources::{
        change::Reveal,
        difference::Part,
        runtime::{
            fields::effective_lifecycle,
            observed::{DEFAULT_ENDPOINT, EndpointState, Standing},
        },
    },
};

impl There<'_> {
    pub(super) fn values(&self, reveal: Reveal) -> serde_json::Map<String, Value> {
        let state = &self.found.state;
        let endpoint = |one: &EndpointState| {
            let mut value = list::value(one);
            value["url"] = self.url(&one.name).into();
            value["log_group"] = protocol::logs::group(&state.id, &one.name).into();
            value
        };
        let endpoints = self.endpoints.as_ref();
        let endpoints: Option<Vec<Value>> = endpoints.map(|all| all.iter().map(endpoint).collect());
        let fields = &state.fields;
        let mut runtime = documents::runtime(state);
        runtime["failure_reason"] = json!(state.failure);
        runtime["created"] = time(state.created).into();
        runtime["updated"] = time(state.updated).into();
        let mut artifact = fields.artifact.value();
        artifact["stored"] = self.age.value();
        let (idle_timeout, max_lifetime) = effective_lifecycle(fields.lifecycle);
        let document = json!({
            "runtime": runtime,
            "ours": self.found.standing == Standing::Ours,
            "endpoints": endpoints,
            "url": self.url(DEFAULT_ENDPOINT),
            "observability": self.traces(),
            "role": { "arn": fields.role_arn },
            "artifact": artifact,
            "build_project": self.build,
            "protocol": fields.protocol,
            "platform": state.platform,
            "lifecycle": { "idle_timeout": idle_timeout, "max_lifetime": max_lifetime },
            "header_allowlist": fields.header_allowlist,
            "description": fields.description,
            "callers": self.placed.agent.callers.iter().map(Caller::arn).collect::<Vec<_>>(),
            "settings": self.managed().iter().map(|(place, value)| json!({ "member": place.join("."), "value": value })).collect::<Vec<_>>(),
            "network": match &fields.network {
                Network::Public => json!({ "mode": "public" }),
                Network::Vpc { subnets, security_groups } =>
                    json!({ "mode": "vpc", "subnets": subnets, "security_groups": security_groups }),
            },
            "authorizer": fields.authorizer.as_ref().map(authorizer_value),
            "variables": fields.env.keys().collect::<Vec<_>>(),
            "set_elsewhere": set_elsewhere(&self.set_elsewhere(), reveal),
            "equal": self.equal(),
            "code": self.code.as_str(),
            "not_compared": self.unread().map(Part::name).collect::<Vec<_>>(),
            "differences": self.differences.iter().map(|change| change.value(reveal)).collect::<Vec<_>>(),
        });
        match document {
            Value::Object(fields) => fields,
            _ => unreachable!("it is an object"),
        }
    }
}

fn authorizer_value(authorizer: &Authorizer) -> Value {
    let Authorizer {
        discovery_url,
        allowed_audience,
        allowed_clients,
        allowed_scopes,
    } = authorizer;
    json!({
        "discovery_url": discovery_url,
        "allowed_audience": allowed_audience,
        "allowed_clients": allowed_clients,
        "allowed_scopes": allowed_scopes,
    })
}

/// Returns the settings outside the configuration. Their values may be secret, like those of
/// variables.
fn set_elsewhere(members: &BTreeMap<String, Value>, reveal: Reveal) -> Vec<Value> {
    members
        .iter()
        .map(|(member, value)| match reveal {
            Reveal::Keys => json!({ "member": member }),
            Reveal::Values => json!({ "member": member, "value": value }),
        })
        .collect()
}
