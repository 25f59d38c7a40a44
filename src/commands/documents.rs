//! Shared parts of the JSON documents: an agent's place, its runtime. Versions of runtimes are
//! strings, as in the service.

use serde_json::{Map, Value, json};

use crate::{config::Agent, project::sessions::Placed, resources::runtime::observed::RuntimeState};

/// Returns an agent's document: its name and place, then `rest`, which is an object.
pub(super) fn placed(placed: &Placed<'_>, rest: Value) -> Value {
    of_agent(placed.agent, [place(placed), rest])
}

/// Like [`placed`], with the agent's runtime.
pub(super) fn of_runtime(placed: &Placed<'_>, state: &RuntimeState, rest: Value) -> Value {
    let runtime = runtime(state);
    of_agent(
        placed.agent,
        [place(placed), json!({ "runtime": runtime }), rest],
    )
}

/// Like [`placed`], for an agent whose place is unknown.
pub(super) fn absent(agent: &Agent, rest: Value) -> Value {
    of_agent(agent, [not_deployed(agent), rest])
}

/// Without a runtime, its name is still known.
pub(super) fn not_deployed(agent: &Agent) -> Value {
    json!({ "runtime": { "name": agent.runtime_name } })
}

pub(super) fn runtime(state: &RuntimeState) -> Value {
    json!({
        "id": state.id,
        "name": state.name,
        "arn": state.arn,
        "version": state.version,
        "status": state.status,
    })
}

fn place(placed: &Placed<'_>) -> Value {
    let Placed { agent: _, session } = placed;
    json!({ "account": session.account, "region": session.region })
}

fn of_agent(agent: &Agent, parts: impl IntoIterator<Item = Value>) -> Value {
    let mut document = Map::new();
    document.insert("agent".to_owned(), json!(agent.name));
    document.insert("stage".to_owned(), json!(agent.stage));
    for part in parts {
        if let Value::Object(fields) = part {
            document.extend(fields);
        }
    }
    Value::Object(document)
}
