//! The files generated for an adopted agent: entry points and the project's other files.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    handlers::Handler,
    layout::{Kind as LayoutKind, Layout},
    module::{Kind, parse, signature::Passing},
    placed::{Entry, Placed, Start, template},
    servers::{How, OwnEntry},
    serving::{self, Mcp, Server},
    sources::Sources,
};
use crate::{
    config::Protocol,
    scaffold::{Files, embedded, engine},
};

/// ruff's line length.
const WIDTH: usize = 88;

/// Names used in the entry points.
const TAKEN: [&str; 27] = [
    "Any",
    "AsyncIterator",
    "BedrockAgentCoreApp",
    "HTTPException",
    "Iterator",
    "JSONResponse",
    "Path",
    "Request",
    "RequestContext",
    "Route",
    "agent",
    "app",
    "cache",
    "context",
    "invoke",
    "main",
    "os",
    "payload",
    "piece",
    "pieces_of",
    "ping",
    "port",
    "print",
    "prompt",
    "prompt_of",
    "sys",
    "uvicorn",
];

/// The templates' variables.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::scaffold) struct Values {
    agent: String,
    table: String,
    imports: String,
    class: String,
    method: String,
    prompt: bool,
    context: bool,
    generator: bool,
    coroutine: bool,
    call: String,
    app: String,
    module: String,
    port: String,
    ping: bool,
    /// True if PORT and HOST can change the address.
    elsewhere: bool,
    made_first: bool,
    transport: String,
}

/// Returns the Python files, by path below the deployment folder.
pub(crate) fn entry_points(placed: &Placed, sources: &Sources) -> Result<Files, String> {
    let mut files = Files::new();
    let Start::Written(written) = &placed.start else {
        return Ok(files);
    };
    for (template, name) in written {
        let values = match &placed.entry {
            Entry::Handlers { whole, streaming } => {
                let handler = match *template {
                    "invoke_async.py.hbs" => streaming,
                    _ => whole,
                };
                match handler {
                    Some(handler) => handler_values(handler, &placed.layout, sources),
                    None => continue,
                }
            }
            Entry::Own(own) => own_values(own, &placed.layout, sources),
        };
        let text = render(template, &values)?;
        files.insert(PathBuf::from(name), text.into_bytes());
    }
    Ok(files)
}

/// Returns what an entry point with this name would call, unless `text`, which exists instead,
/// seems to call it.
pub(crate) fn uncalled(placed: &Placed, name: &str, text: &str) -> Option<String> {
    let Start::Written(written) = &placed.start else {
        return None;
    };
    let (template, _) = written.iter().find(|(_, written)| written == name)?;
    let (module, names, words) = match &placed.entry {
        Entry::Handlers { whole, streaming } => {
            let handler = match *template {
                "invoke_async.py.hbs" => streaming,
                _ => whole,
            };
            let handler = handler.as_ref()?;
            let names = handler.class.iter().chain([&handler.function]).cloned();
            (
                &handler.module,
                names.collect::<Vec<String>>(),
                handler.words.clone(),
            )
        }
        Entry::Own(own) => {
            let names: Vec<String> = match &own.how {
                How::Run => Vec::new(),
                How::Serve { name, .. } => vec![name.clone()],
                How::Call { function } => vec![function.clone()],
            };
            let words = match names.first() {
                Some(name) => format!("{name}` in `{}", own.path),
                None => own.path.clone(),
            };
            (&own.module, names, words)
        }
    };
    let module = placed.layout.module(module);
    let last = module.rsplit('.').next().unwrap_or(&module);
    let imports_it = parse(text).imports.iter().any(|import| {
        import.module.rsplit('.').next() == Some(last)
            || import.names.iter().any(|(name, _)| name == last)
    });
    // `runpy` takes the name as a string.
    let imports_it = imports_it || text.contains(&format!("\"{module}\""));
    let mentions = |name: &String| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == name)
    };
    let calls_it = imports_it && names.iter().all(mentions);
    (!calls_it).then_some(words)
}

/// Returns a new Cargo.toml.
pub(crate) fn fresh_manifest(table: &str) -> Result<String, String> {
    let values = Values {
        table: table.to_owned(),
        ..Values::default()
    };
    render("Cargo.toml.hbs", &values)
}

/// Returns a .gitignore with these lines and a project's usual ones.
pub(crate) fn gitignore(lines: &[String]) -> Result<String, String> {
    // Two of them are in the template.
    let made: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| !["/target/", ".env"].contains(line))
        .collect();
    let values = Values {
        table: made.join("\n"),
        ..Values::default()
    };
    render("_gitignore.hbs", &values)
}

/// Returns a README that explains how to run the agent.
pub(crate) fn readme(title: &str, protocol: Protocol) -> Result<String, String> {
    let values = Values {
        agent: title.to_owned(),
        elsewhere: protocol == Protocol::Http,
        ..Values::default()
    };
    render("README.md.hbs", &values)
}

fn render(template: &str, values: &Values) -> Result<String, String> {
    let mut engine = engine();
    for partial in ["prompt", "serve"] {
        engine
            .register_partial(partial, embedded(&format!("_init/{partial}.partial.hbs"))?)
            .map_err(|error| format!("`{partial}`: {error}"))?;
    }
    engine
        .render_template(embedded(&format!("_init/{template}"))?, values)
        .map_err(|error| format!("`{template}`: {error}"))
}

fn own_values(own: &OwnEntry, layout: &Layout, sources: &Sources) -> Values {
    let module = &own.module;
    let block = |imported: &str, name: &str, standard: &[&str], third: &[&str]| {
        Imports {
            sources,
            layout,
            module,
            imported,
            name,
        }
        .block(standard, third)
    };
    let values = Values {
        agent: sources.agent.to_string(),
        port: serving::port(own.protocol).to_owned(),
        ..Values::default()
    };
    match &own.how {
        How::Run => Values {
            imports: block("", "", &["runpy"], &[]),
            module: layout.module(module),
            ..values
        },
        How::Call { function } => {
            let name = import_as(function, "serve");
            Values {
                imports: block(function, &name, &[], &[]),
                call: format!("{name}()"),
                coroutine: sources.is_coroutine(module, function),
                ..values
            }
        }
        How::Serve { name, server } => {
            let local = import_as(name, "adopted");
            let elsewhere = matches!(own.protocol, Protocol::Http | Protocol::Agui);
            let ping = own.protocol != Protocol::Mcp && !sources.answers_ping(module);
            let is_asgi = template(*server) == "asgi.py.hbs";
            let mut standard: Vec<&str> = Vec::new();
            let mut third = Vec::new();
            if elsewhere {
                standard.push("os");
            }
            if is_asgi {
                third.push("uvicorn");
                if ping {
                    third.extend([
                        "starlette.requests.Request",
                        "starlette.responses.JSONResponse",
                        "starlette.routing.Route",
                    ]);
                }
            }
            Values {
                imports: block(name, &local, &standard, &third),
                call: match server {
                    Server::A2aStrands => format!("{local}.to_starlette_app()"),
                    Server::A2aBuilder => format!("{local}.build()"),
                    _ => local.clone(),
                },
                app: local,
                ping,
                elsewhere,
                made_first: *server == Server::Mcp(Mcp::Official1),
                transport: match server {
                    Server::Mcp(Mcp::Fast) => "http",
                    _ => "streamable-http",
                }
                .to_owned(),
                ..values
            }
        }
    }
}

fn handler_values(handler: &Handler, layout: &Layout, sources: &Sources) -> Values {
    let imported = handler.class.as_ref().unwrap_or(&handler.function);
    let alias = match handler.class {
        Some(_) => "Handler",
        None => "handler",
    };
    let name = import_as(imported, alias);
    let prompt = handler.passing == Passing::Prompt;
    let context = handler.passing == Passing::PayloadAndContext;
    let mut standard = vec!["os", "typing.Any"];
    if handler.on_instance {
        standard.push("functools.cache");
    }
    match handler.kind {
        Kind::Generator => standard.push("collections.abc.Iterator"),
        Kind::AsyncGenerator => standard.push("collections.abc.AsyncIterator"),
        Kind::Plain | Kind::Coroutine => {}
    }
    let mut third = vec!["bedrock_agentcore.BedrockAgentCoreApp"];
    if context {
        third = vec!["bedrock_agentcore.BedrockAgentCoreApp, RequestContext"];
    }
    if prompt {
        third.push("starlette.exceptions.HTTPException");
    }
    let callee = match (&handler.class, handler.on_instance) {
        (None, _) => name.clone(),
        (Some(_), true) => format!("agent().{}", handler.function),
        (Some(_), false) => format!("{name}.{}", handler.function),
    };
    let argument = match handler.passing {
        // Checked before the stream begins, when an error status is still possible.
        Passing::Prompt if handler.kind.streams() => "prompt",
        Passing::Prompt => "prompt_of(payload)",
        Passing::Payload => "payload",
        Passing::PayloadAndContext => "payload, context",
    };
    // The longest line that contains the call.
    let line = format!("    async for piece in {callee}({argument}):");
    let (method, call) = if line.chars().count() > WIDTH {
        (callee, format!("call({argument})"))
    } else {
        (String::new(), format!("{callee}({argument})"))
    };
    let imports = Imports {
        sources,
        layout,
        module: &handler.module,
        imported,
        name: &name,
    };
    Values {
        agent: sources.agent.to_string(),
        imports: imports.block(&standard, &third),
        class: if handler.on_instance {
            name.clone()
        } else {
            String::new()
        },
        method,
        prompt,
        context,
        generator: handler.kind == Kind::Generator,
        coroutine: handler.kind == Kind::Coroutine,
        call,
        ..Values::default()
    }
}

/// Returns the name for an import: its own if it is free and short, otherwise `otherwise`.
fn import_as(name: &str, otherwise: &str) -> String {
    if TAKEN.contains(&name) || name.chars().count() > 40 {
        otherwise.to_owned()
    } else {
        name.to_owned()
    }
}

/// What an entry point imports from the agent; nothing if `imported` is empty.
struct Imports<'a> {
    sources: &'a Sources,
    layout: &'a Layout,
    module: &'a str,
    imported: &'a str,
    /// The name used in the entry point.
    name: &'a str,
}

impl Imports<'_> {
    /// Returns all imports of an entry point, sorted by ruff's isort rules.
    fn block(&self, standard: &[&str], third: &[&str]) -> String {
        let neighbors = match &self.layout.kind {
            LayoutKind::Package {
                name,
                with_neighbors: true,
            } => Some(name),
            LayoutKind::Package { .. } | LayoutKind::Flat => None,
        };
        let mut standard = standard.to_vec();
        if neighbors.is_some() {
            standard.extend(["sys", "pathlib.Path"]);
        }
        let mut lines: Vec<String> = Vec::new();
        let (mut plain, mut from): (Vec<&str>, Vec<&str>) =
            standard.into_iter().partition(|name| !name.contains('.'));
        plain.sort_unstable();
        from.sort_unstable();
        lines.extend(plain.into_iter().map(|name| format!("import {name}")));
        lines.extend(from.into_iter().map(import_line));
        let first_party = self.sources.is_first_party(self.layout);
        let agents = self.agents();
        let mut third: Vec<String> = third.iter().copied().map(import_line).collect();
        if neighbors.is_none() && !first_party {
            // A linter in the project's directory treats other code as a library.
            third.extend(agents.clone());
        }
        third.sort_by_key(|line| (line.starts_with("from"), line.to_ascii_lowercase()));
        let mut blocks = vec![lines, third];
        if let Some(package) = neighbors {
            blocks.push(vec![
                "# The agent's files import each other by their bare names.".to_owned(),
                format!("sys.path.insert(0, str(Path(__file__).parent / \"{package}\"))"),
            ]);
        }
        if neighbors.is_some() || first_party {
            blocks.push(agents.into_iter().collect());
        }
        let blocks = blocks.into_iter().filter(|block| !block.is_empty());
        let blocks: Vec<String> = blocks.map(|block| block.join("\n")).collect();
        blocks.join("\n\n")
    }

    /// Returns the import of the callee.
    fn agents(&self) -> Option<String> {
        let Self {
            layout,
            module,
            imported,
            name,
            ..
        } = *self;
        if imported.is_empty() {
            return None;
        }
        let bare = matches!(
            layout.kind,
            LayoutKind::Package {
                with_neighbors: true,
                ..
            }
        ) && !module.is_empty()
            && !self.sources.imports_relatively(module)
            && !["invoke", "invoke_async"].contains(&module);
        let from = if bare {
            module.to_owned()
        } else {
            layout.module(module)
        };
        let what = if name == imported {
            imported.to_owned()
        } else {
            format!("{imported} as {name}")
        };
        let line = format!("from {from} import {what}");
        Some(if line.chars().count() > WIDTH {
            format!("from {from} import (\n    {what},\n)")
        } else {
            line
        })
    }
}

/// Returns `import os`, or `from typing import Any` for `typing.Any`.
fn import_line(name: &str) -> String {
    let (head, names) = name
        .split_once(", ")
        .map_or((name, ""), |(head, _)| (head, &name[head.len()..]));
    match head.rsplit_once('.') {
        Some((module, first)) => format!("from {module} import {first}{names}"),
        None => format!("import {head}"),
    }
}

#[cfg(test)]
pub(super) fn words() -> serde_json::Value {
    serde_json::to_value(Values::default()).unwrap()
}
