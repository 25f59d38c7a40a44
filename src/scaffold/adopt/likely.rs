//! Finds the functions that are most likely meant to answer requests.

use super::{handlers::Handler, module::code::Scope, serving::Server, sources::Sources};

impl Sources {
    /// Returns the candidates that are meant to answer a request, judging by their names, their
    /// callers and the rest of the sources. Used without asking, so it must be certain.
    pub(crate) fn likely(&self, candidates: &[Handler]) -> Vec<Handler> {
        // If a server is created, functions are parts of it.
        if self
            .modules
            .keys()
            .any(|module| self.makes_a_server(module))
        {
            return Vec::new();
        }
        let fits = |handler: &&Handler| {
            handler.takes_a_request
                && !is_helper(&handler.function)
                && !self.is_called_within(handler)
        };
        candidates.iter().filter(fits).cloned().collect()
    }

    fn makes_a_server(&self, module: &str) -> bool {
        let calls = self.modules[module].module.code.calls.iter();
        let mut made = calls.map(|call| format!("{}()", self.expanded(module, &call.callee)));
        made.any(|name| Server::made_by(&name).is_some())
    }

    /// Returns whether the sources call it, other than to chat with a person.
    fn is_called_within(&self, handler: &Handler) -> bool {
        const TALKS: [&str; 6] = ["main", "cli", "repl", "chat_loop", "demo", "interactive"];
        let ending = format!(".{}", handler.function);
        self.modules.iter().any(|(module, parsed)| {
            let is_elsewhere = *module != handler.module;
            let counts = |scope: &Scope| match scope {
                Scope::Main => false,
                Scope::Module => is_elsewhere,
                Scope::Named(name) => {
                    !TALKS.contains(&name.as_str()) && (is_elsewhere || *name != handler.function)
                }
            };
            let mentions = parsed.module.code.mentions.iter();
            let mut names = mentions
                .filter(|(scope, _)| counts(scope))
                .flat_map(|(_, names)| names);
            names.any(|name| match handler.class {
                Some(_) => name.ends_with(&ending),
                None if is_elsewhere => {
                    name.ends_with(&format!("{}{ending}", last(&handler.module)))
                }
                None => *name == handler.function,
            })
        })
    }
}

/// Names of functions that do only a part of the work.
const HELPERS: [&str; 40] = [
    "load",
    "get",
    "set",
    "parse",
    "format",
    "build",
    "create",
    "make",
    "read",
    "write",
    "save",
    "validate",
    "is",
    "has",
    "to",
    "from",
    "clean",
    "normalize",
    "log",
    "print",
    "setup",
    "init",
    "render",
    "encode",
    "decode",
    "convert",
    "extract",
    "fetch",
    "check",
    "count",
    "split",
    "join",
    "strip",
    "truncate",
    "slugify",
    "escape",
    "sanitize",
    "configure",
    "register",
    "lifespan",
];

fn is_helper(function: &str) -> bool {
    let first = function.split('_').next().unwrap_or(function);
    HELPERS.contains(&first)
}

/// Returns the last part of a module's name.
fn last(module: &str) -> &str {
    module.rsplit('.').next().unwrap_or(module)
}
