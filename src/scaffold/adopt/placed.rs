//! Decides how an adopted agent starts, and where its files are in the archive.

use std::{collections::BTreeSet, path::Path};

use super::{
    handlers::Handler,
    layout::{Kind as LayoutKind, Layout, Run},
    problems::{Fault, Problem},
    reach::Reach,
    requirements::SDK_NAME,
    servers::{How, OwnEntry},
    serving::Server,
    sources::Sources,
};
use crate::{config::Protocol, error::Message};

/// What answers requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Handlers {
        whole: Option<Handler>,
        streaming: Option<Handler>,
    },
    /// A file of the sources that serves.
    Own(OwnEntry),
}

/// An entry with the layout that it works in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) entry: Entry,
    pub(crate) layout: Layout,
    pub(super) start: Start,
}

/// What starts the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A file of the agent, by path in the archive.
    Own(String),
    /// Generated files: template and name.
    Written(Vec<(&'static str, String)>),
}

impl Entry {
    /// Describes what answers.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Own(own) => {
                let kind = match own.protocol {
                    Protocol::Http => "",
                    Protocol::Mcp => " MCP",
                    Protocol::A2a => " A2A",
                    Protocol::Agui => " AG-UI",
                };
                match &own.how {
                    How::Run => format!("`{}` serves{kind}", own.path),
                    How::Serve { name, .. } => format!("`{name}` of `{}` serves{kind}", own.path),
                    How::Call { function } => {
                        format!("`{function}` of `{}` serves{kind}", own.path)
                    }
                }
            }
            Self::Handlers { whole, streaming } => {
                let does = |handler: Option<&Handler>, what: &str| {
                    handler.map(|handler| format!("`{}` {what}", handler.words))
                };
                let words = [
                    does(whole.as_ref(), "answers requests"),
                    does(streaming.as_ref(), "streams answers"),
                ];
                words.into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
        }
    }
}

impl Placed {
    /// Returns the name to import, unless the folder in the archive determines it. `is_project` means
    /// that the sources are a checkout, whose folder may have another name elsewhere.
    pub(crate) fn import_name(&self, shipped: &Path, is_project: bool) -> Option<String> {
        let LayoutKind::Package { name, .. } = &self.layout.kind else {
            return None;
        };
        let folder = shipped.file_name().and_then(|name| name.to_str());
        let is_sure = folder == Some(name.as_str()) && !is_project;
        (!is_sure).then(|| name.clone())
    }

    /// Returns notes and warnings about what the service cannot reach.
    pub(crate) fn messages(&self) -> (Vec<String>, Vec<Message>) {
        let mut notes = Vec::new();
        let mut warnings = Vec::new();
        let Entry::Own(own) = &self.entry else {
            return (notes, warnings);
        };
        for problem in &own.problems {
            let what = format!("{} {}", problem.place, problem.what);
            if self.mends(problem) {
                notes.push(format!(
                    "{what}; the new entry point serves it in the way that AgentCore needs"
                ));
            } else {
                warnings.push(Message::new(what).help(problem.help.clone()));
            }
        }
        (notes, warnings)
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match &self.entry {
            Entry::Handlers { .. } => Protocol::Http,
            Entry::Own(own) => own.protocol,
        }
    }

    /// Returns the entry point's path in the archive.
    pub(crate) fn entrypoint(&self) -> &str {
        match &self.start {
            Start::Own(path) => path,
            Start::Written(files) => files.first().map_or("invoke.py", |(_, name)| name),
        }
    }

    /// Returns whether a generated file starts the agent.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.start, Start::Written(_))
    }

    /// Returns the folder below the source of the file that serves.
    pub(crate) fn own_folder(&self) -> Option<&str> {
        match &self.entry {
            Entry::Own(own) => own.path.rsplit_once('/').map(|(folder, _)| folder),
            Entry::Handlers { .. } => None,
        }
    }

    /// Returns whether the generated entry point solves this problem.
    pub(crate) fn mends(&self, problem: &Problem) -> bool {
        let Entry::Own(OwnEntry {
            how: How::Serve { server, .. },
            ..
        }) = &self.entry
        else {
            return false;
        };
        match server {
            Server::Mcp(_) => true,
            Server::Sdk | Server::SdkAgui | Server::McpLowLevel => problem.fault == Fault::Port,
            Server::Asgi(_) | Server::Flask | Server::A2aStrands | Server::A2aBuilder => {
                matches!(problem.fault, Fault::Host | Fault::Port | Fault::Ping)
            }
        }
    }

    /// Returns the distributions that the generated entry points import.
    pub(crate) fn needs(&self) -> BTreeSet<&'static str> {
        let served = match &self.entry {
            _ if !self.is_written() => return BTreeSet::new(),
            Entry::Handlers { .. } => return BTreeSet::from([SDK_NAME]),
            Entry::Own(own) => &own.how,
        };
        match served {
            How::Serve {
                server: Server::Asgi(_) | Server::A2aBuilder | Server::A2aStrands,
                ..
            } => BTreeSet::from(["uvicorn"]),
            How::Serve { .. } | How::Run | How::Call { .. } => BTreeSet::new(),
        }
    }
}

impl Sources {
    /// Returns the layout for an entry and how it starts.
    pub(crate) fn placed(&self, entry: Entry) -> Placed {
        match &entry {
            Entry::Handlers { whole, streaming } => {
                let mut reach = Reach::default();
                for handler in [whole, streaming].into_iter().flatten() {
                    let more = self.reach(&handler.module);
                    reach.modules.extend(more.modules);
                }
                let first = whole.as_ref().or(streaming.as_ref());
                let module = first.map_or("", |handler| handler.module.as_str());
                let (layout, _) = self.layout(Run::Imported(module), &reach);
                let mut files = Vec::new();
                if whole.is_some() {
                    files.push(("invoke.py.hbs", self.free_name(&layout, "invoke.py")));
                }
                if streaming.is_some() {
                    let name = self.free_name(&layout, "invoke_async.py");
                    files.push(("invoke_async.py.hbs", name));
                }
                Placed {
                    layout,
                    start: Start::Written(files),
                    entry,
                }
            }
            Entry::Own(own) => {
                let reach = self.reach(&own.module);
                let (imported, missed) = self.layout(Run::Imported(&own.module), &reach);
                let template = match &own.how {
                    How::Run if !self.imports_relatively(&own.module) => {
                        let (layout, missed_as_file) = self.layout(Run::File(&own.module), &reach);
                        if missed_as_file <= missed {
                            return Placed {
                                start: Start::Own(layout.in_archive(&own.path)),
                                layout,
                                entry,
                            };
                        }
                        "run.py.hbs"
                    }
                    How::Run => "run.py.hbs",
                    How::Call { .. } => "call.py.hbs",
                    How::Serve { server, .. } => template(*server),
                };
                let name = self.free_name(&imported, "invoke.py");
                Placed {
                    start: Start::Written(vec![(template, name)]),
                    layout: imported,
                    entry,
                }
            }
        }
    }

    /// Returns a name for a generated file at the archive's root that the agent does not use.
    pub(crate) fn free_name(&self, layout: &Layout, name: &str) -> String {
        let folder = layout.folder();
        let is_free = |name: &str| {
            let path = if folder.is_empty() {
                name.to_owned()
            } else {
                format!("{folder}/{name}")
            };
            layout.kind != LayoutKind::Flat || !self.files.contains(&path)
        };
        let others = (1..).map(|number| match number {
            1 => format!("agentcore_{name}"),
            _ => format!("agentcore_{number}_{name}"),
        });
        std::iter::once(name.to_owned())
            .chain(others)
            .find(|name| is_free(name))
            .unwrap_or_else(|| name.to_owned())
    }
}

pub(super) fn template(server: Server) -> &'static str {
    match server {
        Server::Sdk | Server::SdkAgui => "serve.py.hbs",
        Server::Mcp(_) | Server::McpLowLevel => "mcp.py.hbs",
        Server::Asgi(_) | Server::A2aStrands | Server::A2aBuilder => "asgi.py.hbs",
        Server::Flask => "flask.py.hbs",
    }
}
