//! The paths that an app serves.

use super::{module::code::Value, reach::Reach, serving, sources::Sources};
use crate::config::Protocol;

/// The paths that the service requests.
pub(super) const INVOCATIONS: &str = "/invocations";
pub(super) const PING: &str = "/ping";
pub(super) const WEB_SOCKET: &str = "/ws";

impl Sources {
    /// Returns whether a module's app answers the service's health check.
    pub(super) fn answers_ping(&self, module: &str) -> bool {
        self.has_ping(&self.reach(module))
    }

    pub(super) fn has_ping(&self, reach: &Reach) -> bool {
        const ADDED: [&str; 2] = ["build_a2a_app", "create_strands_app"];
        let mut calls = reach
            .modules
            .iter()
            .flat_map(|module| &self.modules[module].module.code.calls);
        calls.any(|call| ADDED.contains(&call.last()))
            || self.routes(reach).iter().any(|route| route == PING)
    }

    /// Returns the paths that an app serves, for every way that its router may be mounted.
    pub(super) fn routes(&self, reach: &Reach) -> Vec<String> {
        const ROUTES: [&str; 18] = [
            "get",
            "post",
            "put",
            "patch",
            "delete",
            "route",
            "websocket",
            "websocket_route",
            "api_route",
            "add_api_route",
            "add_route",
            "add_websocket_route",
            "add_api_websocket_route",
            "add_url_rule",
            "Route",
            "WebSocketRoute",
            "APIRoute",
            "add_ping",
        ];
        let mut paths = Vec::new();
        let mut prefixes = vec![String::new()];
        for module in &reach.modules {
            for call in &self.modules[module].module.code.calls {
                if let Some(Value::Known(prefix)) = call.argument("prefix") {
                    prefixes.push(prefix.clone());
                }
                let given = call.argument("path").or_else(|| call.positional(0));
                let is_agui = serving::sign(&call.callee) == Some(Protocol::Agui);
                let all = call.arguments.iter().map(|argument| &argument.value);
                let values: Vec<&Value> = if is_agui || call.last() == "add_ping" {
                    all.collect()
                } else if ROUTES.contains(&call.last()) {
                    given.into_iter().collect()
                } else {
                    continue;
                };
                paths.extend(values.into_iter().filter_map(|value| match value {
                    Value::Known(path) if path.is_empty() || path.starts_with('/') => {
                        Some(path.clone())
                    }
                    _ => None,
                }));
            }
        }
        let mut all = Vec::new();
        for prefix in &prefixes {
            for path in &paths {
                let whole = format!("{prefix}{path}");
                all.push(whole.trim_end_matches('/').to_owned());
            }
        }
        all
    }
}
