//! Judges the tools of an MCP agent.

use serde_json::Value;

use crate::check::{report::Finding, rule::Rule};

/// Judges MCP's list of tools.
pub fn tools(result: &Value) -> Option<Finding> {
    let found = |observed: String| Some(Finding::error(Rule::McpTools, observed));
    let Some(tools) = result["tools"].as_array() else {
        return found("the answer to `tools/list` has no `tools`".to_owned());
    };
    for tool in tools {
        let Some(name) = tool["name"].as_str().filter(|name| !name.is_empty()) else {
            return found("a tool has no name".to_owned());
        };
        if tool["inputSchema"]["type"] != "object" {
            return found(format!(
                "the tool `{name}` has no `inputSchema` of type `object`"
            ));
        }
    }
    None
}
