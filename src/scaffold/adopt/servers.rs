//! Finds the files in an agent's sources that serve, with their protocol, and checks whether the
//! service can reach them.

use super::{
    module::{
        code::{Call, Scope},
        signature::Parameter,
    },
    problems::{Fault, Problem, problems},
    reach::Reach,
    routes::{INVOCATIONS, PING, WEB_SOCKET},
    serving::{self, Server, Start},
    sources::{Sources, has_importable_name, is_test},
};
use crate::config::Protocol;

/// A file that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnEntry {
    /// By path below the source.
    pub(crate) path: String,
    pub(crate) module: String,
    pub(crate) protocol: Protocol,
    pub(crate) how: How,
    /// `file:line`
    pub(crate) place: String,
    /// Why the service cannot reach it unchanged.
    pub(crate) problems: Vec<Problem>,
}

/// How a file is made to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// By running it.
    Run,
    /// By serving the value of a variable.
    Serve { name: String, server: Server },
    /// By calling a function that the file itself does not call.
    Call { function: String },
}

/// An app that could serve if nothing were missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unserved {
    pub(crate) place: String,
    pub(crate) missing: Vec<&'static str>,
}

impl Sources {
    /// Returns the files that serve. `protocol` is given by the user.
    pub(crate) fn own_entries(&self, protocol: Option<Protocol>) -> Vec<OwnEntry> {
        let modules = self.modules.keys().filter(|name| !is_test(name));
        let all: Vec<(OwnEntry, Reach)> = modules
            .filter_map(|module| self.entry_and_reach(module, protocol))
            .collect();
        // A file imported by another one is a part of it.
        let is_part = |entry: &OwnEntry| {
            all.iter().any(|(other, reach)| {
                other.module != entry.module && reach.modules.contains(&entry.module)
            })
        };
        let kept: Vec<&(OwnEntry, Reach)> =
            all.iter().filter(|(entry, _)| !is_part(entry)).collect();
        // Files that import each other are all kept.
        let kept = if kept.is_empty() {
            all.iter().collect()
        } else {
            kept
        };
        let entries: Vec<OwnEntry> = kept.iter().map(|(entry, _)| entry.clone()).collect();
        entries
            .iter()
            .filter(|entry| !self.is_started_by_another(entry, &entries))
            .cloned()
            .collect()
    }

    /// Returns whether another file names this stdio server, which makes it a tool of that file.
    fn is_started_by_another(&self, entry: &OwnEntry, all: &[OwnEntry]) -> bool {
        let on_stdio = entry.problems.iter().any(|p| p.fault == Fault::Transport);
        let file = entry.path.rsplit('/').next().unwrap_or(&entry.path);
        on_stdio
            && all.iter().any(|other| {
                let strings = &self.modules[&other.module].module.code.strings;
                other.module != entry.module
                    && strings
                        .iter()
                        .any(|text| text.rsplit('/').next() == Some(file) || *text == entry.module)
            })
    }

    /// Returns how a file serves, if it does.
    pub(crate) fn own_entry(&self, module: &str, protocol: Option<Protocol>) -> Option<OwnEntry> {
        self.entry_and_reach(module, protocol)
            .map(|(entry, _)| entry)
    }

    fn entry_and_reach(
        &self,
        module: &str,
        protocol: Option<Protocol>,
    ) -> Option<(OwnEntry, Reach)> {
        let reach = self.reach(module);
        let starts = self.starts(module, &reach);
        let imported = || {
            self.served(module, &reach, protocol)
                .or_else(|| self.uncalled(module, &reach, protocol))
                .filter(|_| has_importable_name(module))
        };
        let found = self
            .started(module, &reach, &starts, protocol)
            .or_else(imported)?;
        Some((found, reach))
    }

    /// Returns an entry for a file that serves according to the user, but is not understood.
    pub(crate) fn unread_entry(&self, module: &str, protocol: Protocol) -> OwnEntry {
        OwnEntry {
            path: self.modules[module].path.clone(),
            module: module.to_owned(),
            protocol,
            how: How::Run,
            place: self.at(module, 1),
            problems: Vec::new(),
        }
    }

    /// Returns the module whose path below the source matches.
    pub(crate) fn module_at(&self, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let mut modules = self.modules.iter();
        modules
            .find(|(_, parsed)| is_it(&parsed.path))
            .map(|(name, _)| name.clone())
    }

    /// Returns an app that lacks a route required by the service.
    pub(crate) fn unserved(&self) -> Option<Unserved> {
        self.modules
            .keys()
            .filter(|m| !is_test(m))
            .find_map(|module| {
                let reach = self.reach(module);
                let routes = self.routes(&reach);
                let (_, _, line) = self
                    .servers(module)
                    .into_iter()
                    .find(|(_, server, _)| matches!(server, Server::Asgi(None) | Server::Flask))?;
                let missing = [INVOCATIONS, PING]
                    .into_iter()
                    .filter(|path| !routes.iter().any(|route| route == path))
                    .collect();
                Some(Unserved {
                    place: self.at(module, line),
                    missing,
                })
            })
    }

    pub(super) fn at(&self, module: &str, line: usize) -> String {
        format!("{}:{line}", self.modules[module].shown.display())
    }

    /// Returns the starts that running the file leads to, with their module and scope.
    fn starts(&self, module: &str, reach: &Reach) -> Vec<(String, Scope, Start)> {
        let mut found = Vec::new();
        for (at, scope) in &reach.scopes {
            // The import of another module is not this file's start.
            if at != module && *scope == Scope::Module {
                continue;
            }
            found.extend(self.starts_in(at, scope, reach));
        }
        found
    }

    fn starts_in(&self, at: &str, scope: &Scope, reach: &Reach) -> Vec<(String, Scope, Start)> {
        let calls = self.modules[at].module.code.calls.iter();
        calls
            .filter(|call| call.scope == *scope && call.decorates.is_none())
            .filter_map(|call| {
                let callee = self.expanded(at, &call.callee);
                let made = |owner: &str| self.maker(owner, reach);
                let mut start = Start::read(call, &callee, &made)?;
                start.what = self.expanded(at, &start.what);
                Some((at.to_owned(), scope.clone(), start))
            })
            .collect()
    }

    /// Returns the call that creates `owner`.
    pub(super) fn maker(&self, owner: &str, reach: &Reach) -> Option<Call> {
        let wanted = owner.strip_suffix("()")?;
        reach.modules.iter().find_map(|module| {
            let mut calls = self.modules[module].module.code.calls.iter();
            calls
                .find(|call| self.expanded(module, &call.callee) == wanted)
                .cloned()
        })
    }

    fn started(
        &self,
        module: &str,
        reach: &Reach,
        starts: &[(String, Scope, Start)],
        given: Option<Protocol>,
    ) -> Option<OwnEntry> {
        let (at, start, protocol, problems) = starts
            .iter()
            .filter_map(|(at, _, start)| {
                let protocol = given.or_else(|| self.protocol_of(start, reach))?;
                let place = self.at(at, start.line);
                let mut problems = problems(start, protocol, &place);
                let server = Server::made_by(&start.what);
                problems.extend(self.problems_of_app(server, protocol, reach, &place));
                Some((at, start, protocol, problems))
            })
            .min_by_key(|(_, _, _, problems)| problems.len())?;
        let imports_to_start = starts
            .iter()
            .any(|(at, scope, _)| at == module && *scope == Scope::Module);
        let parted = self.registrar(module, reach);
        let object = self.object(module, reach, protocol, given);
        let replaced = object.filter(|_| !imports_to_start);
        let how = match (replaced, parted) {
            // Running this file creates an app that the other file's handlers are not registered
            // with.
            (_, Some(_)) => return None,
            (Some((name, server)), None) if !problems.is_empty() && has_importable_name(module) => {
                How::Serve { name, server }
            }
            _ => How::Run,
        };
        Some(OwnEntry {
            path: self.modules[module].path.clone(),
            module: module.to_owned(),
            protocol,
            how,
            place: self.at(at, start.line),
            problems,
        })
    }

    /// Returns the other module that registers its handlers with this one's SDK app.
    fn registrar(&self, module: &str, reach: &Reach) -> Option<String> {
        let owns = self.servers(module).into_iter().any(|(name, server, _)| {
            matches!(server, Server::Sdk | Server::SdkAgui) && self.is_global(module, &name)
        });
        if !owns || self.registers(module).is_some() {
            return None;
        }
        let mut others = reach.modules.iter().filter(|other| *other != module);
        others
            .find(|other| self.registers(other).is_some())
            .cloned()
    }

    /// Returns the SDK app with which a module registers a handler: its variable, and the line.
    fn registers(&self, module: &str) -> Option<(String, Server, usize)> {
        let code = &self.modules[module].module.code;
        code.calls.iter().find_map(|call| {
            let owner = call.callee.rsplit_once('.')?.0;
            let is_entry = ["entrypoint", "websocket"].contains(&call.last());
            let server = Server::made_by(&self.expanded(module, owner))?;
            let is_sdk = matches!(server, Server::Sdk | Server::SdkAgui);
            let name = self.variable(module, owner)?;
            (is_entry && is_sdk).then_some((name, server, call.line))
        })
    }

    /// Returns a module's own or imported name for `full`.
    fn variable(&self, module: &str, full: &str) -> Option<String> {
        let parsed = &self.modules[module].module;
        let own = parsed
            .code
            .holds
            .iter()
            .find(|(name, held)| *held == full && parsed.code.globals.contains(*name));
        if let Some((name, _)) = own {
            return Some(name.clone());
        }
        parsed.imports.iter().find_map(|import| {
            let dots = ".".repeat(import.level);
            let dot = if import.module.is_empty() { "" } else { "." };
            let mut names = import.names.iter();
            names
                .find(|(name, _)| format!("{dots}{}{dot}{name}", import.module) == full)
                .map(|(_, local)| local.clone())
        })
    }

    fn is_global(&self, module: &str, name: &str) -> bool {
        self.modules[module].module.code.globals.contains(name)
    }

    /// Returns the servers in a module's variables, with their lines.
    fn servers(&self, module: &str) -> Vec<(String, Server, usize)> {
        let code = &self.modules[module].module.code;
        code.holds
            .iter()
            .filter(|(name, _)| self.is_global(module, name))
            .filter_map(|(name, held)| {
                let server = Server::made_by(&self.expanded(module, held))?;
                let line = code
                    .calls
                    .iter()
                    .find(|call| call.kept_in.as_deref() == Some(name))
                    .map_or(1, |call| call.line);
                Some((name.clone(), server, line))
            })
            .collect()
    }

    /// Returns the variable of a module that an entry point of ours can serve with this protocol.
    fn object(
        &self,
        module: &str,
        reach: &Reach,
        protocol: Protocol,
        given: Option<Protocol>,
    ) -> Option<(String, Server)> {
        let fits = |server: Server| {
            !matches!(server, Server::McpLowLevel)
                && (given.is_some()
                    || server
                        .protocol()
                        .or_else(|| self.protocol_of_app(reach))
                        .is_none_or(|known| known == protocol))
        };
        let imported = self.imported_servers(module);
        let mut all: Vec<(String, Server)> = self
            .servers(module)
            .into_iter()
            .map(|(name, server, _)| (name, server))
            .chain(imported)
            .filter(|(_, server)| fits(*server))
            .collect();
        // Prefer an app created from a server, because its author serves that, unless only the
        // server itself accepts the settings that the service needs.
        let wants_server =
            protocol == Protocol::Mcp && !self.problems_of_mcp_app(reach, "").is_empty();
        all.sort_by_key(|(_, server)| matches!(server, Server::Asgi(_)) == wants_server);
        all.into_iter().next()
    }

    /// Returns the servers that a module imports from its neighbors.
    fn imported_servers(&self, module: &str) -> Vec<(String, Server)> {
        let imports = self.modules[module].module.imports.iter();
        imports
            .flat_map(|import| {
                let dots = ".".repeat(import.level);
                let dot = if import.module.is_empty() { "" } else { "." };
                import.names.iter().filter_map(move |(name, local)| {
                    let full = format!("{dots}{}{dot}{name}", import.module);
                    let server = Server::made_by(&self.expanded(module, &full))?;
                    Some((local.clone(), server))
                })
            })
            .collect()
    }

    /// Returns the entry for a file that creates a server but does not start it.
    fn served(&self, module: &str, reach: &Reach, given: Option<Protocol>) -> Option<OwnEntry> {
        let entry = |name: String, server: Server, protocol: Protocol, line: usize| {
            let place = self.at(module, line);
            OwnEntry {
                path: self.modules[module].path.clone(),
                module: module.to_owned(),
                protocol,
                problems: self.problems_of_app(Some(server), protocol, reach, &place),
                how: How::Serve { name, server },
                place,
            }
        };
        if let Some((name, server, line)) = self.registers(module) {
            let protocol = given.or_else(|| server.protocol())?;
            return Some(entry(name, server, protocol, line));
        }
        let wants_server = !self.problems_of_mcp_app(reach, "").is_empty();
        let mut all = self.servers(module);
        all.sort_by_key(|(_, server, _)| matches!(server, Server::Asgi(_)) == wants_server);
        all.into_iter().find_map(|(name, server, line)| {
            let protocol = match server {
                // Without a handler it answers nothing.
                Server::Sdk | Server::SdkAgui | Server::McpLowLevel => return None,
                Server::Mcp(_) | Server::A2aStrands | Server::A2aBuilder => server.protocol(),
                Server::Asgi(Some(protocol)) => Some(protocol),
                Server::Asgi(None) | Server::Flask => self.protocol_of_app(reach),
            };
            let protocol = given.or(protocol)?;
            Some(entry(name, server, protocol, line))
        })
    }

    /// Returns the entry for a file whose server is started in a function that is never called.
    fn uncalled(&self, module: &str, reach: &Reach, given: Option<Protocol>) -> Option<OwnEntry> {
        let functions = self.modules[module].module.functions.iter();
        functions
            .filter(|function| !function.parameters.iter().any(Parameter::is_required))
            .find_map(|function| {
                let scope = Scope::Named(function.name.clone());
                if reach.scopes.contains(&(module.to_owned(), scope.clone())) {
                    return None;
                }
                let starts = self.starts_in(module, &scope, reach);
                let (_, _, start) = starts.into_iter().next()?;
                let protocol = given.or_else(|| self.protocol_of(&start, reach))?;
                let place = self.at(module, start.line);
                Some(OwnEntry {
                    path: self.modules[module].path.clone(),
                    module: module.to_owned(),
                    protocol,
                    how: How::Call {
                        function: function.name.clone(),
                    },
                    problems: problems(&start, protocol, &place),
                    place,
                })
            })
    }

    fn protocol_of(&self, start: &Start, reach: &Reach) -> Option<Protocol> {
        start
            .protocol
            .or_else(|| Server::made_by(&start.what).and_then(Server::protocol))
            .or_else(|| self.protocol_of_app(reach))
    }

    /// Returns the protocol of a plain app, based on the calls in its files and on its routes.
    fn protocol_of_app(&self, reach: &Reach) -> Option<Protocol> {
        let signs: Vec<Protocol> = reach
            .modules
            .iter()
            .flat_map(|module| {
                let calls = self.modules[module].module.code.calls.iter();
                calls.filter_map(|call| serving::sign(&call.callee))
            })
            .collect();
        let routes = self.routes(reach);
        let has = |path: &str| routes.iter().any(|route| route == path);
        let answers = has(INVOCATIONS) || has(WEB_SOCKET);
        if signs.contains(&Protocol::A2a) {
            return Some(Protocol::A2a);
        }
        if signs.contains(&Protocol::Agui) {
            return Some(Protocol::Agui);
        }
        if answers {
            return Some(Protocol::Http);
        }
        signs.into_iter().next()
    }
}
