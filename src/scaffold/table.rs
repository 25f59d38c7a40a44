//! The metadata table of a new agent, as TOML text.

use toml_edit::{Array, InlineTable, Value};

use super::Context;
use crate::config::{Access, Permission};

/// The tables for `context`: the project's and the agent's.
pub(crate) fn agent_table(context: &Context) -> String {
    let head = "workspace.metadata.agentcore";
    let Context {
        project,
        title: _,
        agent,
        region,
        model,
        permissions,
    } = context;
    let mut lines = vec![format!("[{head}]")];
    lines.push(format!(
        "project = {} # the identity in every tag: never change it",
        quoted(project.as_str())
    ));
    if let Some(region) = region {
        lines.push(format!("region = {}", quoted(region.as_str())));
    }
    lines.push(String::new());
    lines.push(format!("[{head}.agents.{agent}]"));
    lines.push(format!("source = {}", quoted(agent.as_str())));
    if let Some(model) = model {
        lines.push(format!("models = [{}]", quoted(&model.id())));
    }
    if !permissions.is_empty() {
        let list: Array = permissions.iter().map(permission).collect();
        lines.push(format!("permissions = {list}"));
    }
    lines.join("\n") + "\n"
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn permission(permission: &Permission) -> Value {
    let table = |key: &str, value: &str| {
        let mut table = InlineTable::new();
        table.insert(key, value.into());
        Value::InlineTable(table)
    };
    match permission {
        Permission::CodeInterpreter(None) => "code-interpreter".into(),
        Permission::CodeInterpreter(Some(id)) => table("code-interpreter", id),
        Permission::Browser(None) => "browser".into(),
        Permission::Browser(Some(id)) => table("browser", id),
        Permission::Pricing => "pricing".into(),
        Permission::Marketplace => "marketplace".into(),
        Permission::Memory(id) => table("memory", id),
        Permission::Gateway(id) => table("gateway", id),
        Permission::Guardrail(id) => table("guardrail", id),
        Permission::S3 { arn, access } => {
            let mut table = InlineTable::new();
            table.insert("s3", arn.as_str().into());
            let access = match access {
                Access::Read => "read",
                Access::ReadWrite => "read-write",
            };
            table.insert("access", access.into());
            Value::InlineTable(table)
        }
        Permission::Secret(arn) => table("secret", arn),
        Permission::WorkloadIdentity => table("identity", "workload"),
        Permission::ApiKey(name) => table("api-key", name),
        Permission::OAuth(name) => table("oauth", name),
        Permission::Agent(name) => table("agent", name.as_str()),
    }
}
