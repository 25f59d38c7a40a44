//! The entry points that call an adopted agent.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    handlers::{Handler, OwnEntry},
    parse::Kind,
    signature::Passing,
    sources::Sources,
};
use crate::{
    names::AgentName,
    scaffold::{Files, embedded, engine},
};

/// What the deployment folder's entry points call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Handlers {
        whole: Option<Handler>,
        streaming: Option<Handler>,
    },
    /// The sources' own app.
    Own(OwnEntry),
}

impl Entry {
    /// The value of `entrypoint` in the metadata, where it is not the default.
    pub(crate) fn entrypoint(&self, agent: &AgentName) -> Option<String> {
        match self {
            Self::Handlers { whole: None, .. } => Some("invoke_async.py".to_owned()),
            Self::Own(own) if own.runs_alone => Some(format!("{agent}/{}", own.path)),
            Self::Handlers { .. } | Self::Own(_) => None,
        }
    }
}

/// ruff's line length.
const WIDTH: usize = 88;

/// Names that the entry points use themselves.
const TAKEN: [&str; 22] = [
    "Any",
    "AsyncIterator",
    "BedrockAgentCoreApp",
    "HTTPException",
    "Iterator",
    "Path",
    "RequestContext",
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
    "port",
    "print",
    "prompt",
    "prompt_of",
    "sys",
];

/// The words of the templates.
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
}

/// The Python files, below the deployment folder.
pub(crate) fn entry_points(entry: &Entry, sources: &Sources) -> Result<Files, String> {
    let mut files = Files::new();
    let mut add = |name: &str, template: &str, values: &Values| -> Result<(), String> {
        let text = render(template, values)?;
        files.insert(PathBuf::from(name), text.into_bytes());
        Ok(())
    };
    match entry {
        Entry::Handlers { whole, streaming } => {
            if let Some(handler) = whole {
                add("invoke.py", "invoke.py.hbs", &values(handler, sources))?;
            }
            if let Some(handler) = streaming {
                let values = values(handler, sources);
                add("invoke_async.py", "invoke_async.py.hbs", &values)?;
            }
        }
        Entry::Own(own) if own.runs_alone => {}
        Entry::Own(own) => {
            let name = import_as(&own.app, "adopted");
            let values = Values {
                agent: sources.agent.to_string(),
                imports: imports(sources, &own.module, &own.app, &name, &["os"], &[]),
                app: name,
                ..Values::default()
            };
            add("invoke.py", "serve.py.hbs", &values)?;
        }
    }
    Ok(files)
}

/// A Cargo.toml where none stands.
pub(crate) fn fresh_manifest(table: &str) -> Result<String, String> {
    let values = Values {
        table: table.to_owned(),
        ..Values::default()
    };
    render("Cargo.toml.hbs", &values)
}

/// What git need not keep of the project.
pub(crate) fn gitignore(deployment: &str, agent: &AgentName) -> Result<String, String> {
    let values = Values {
        agent: format!("{deployment}/{agent}"),
        table: deployment.to_owned(),
        ..Values::default()
    };
    render("_gitignore.hbs", &values)
}

/// The lines of it that an older one must have too: what is made again, and what opens doors.
pub(crate) fn ignored(deployment: &str, agent: &AgentName) -> [String; 4] {
    [
        "/target/".to_owned(),
        ".env".to_owned(),
        format!("/{deployment}/{agent}/"),
        format!("/{deployment}/.cargo-agentcore"),
    ]
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

fn values(handler: &Handler, sources: &Sources) -> Values {
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
        // Checked before the stream begins: within it there is no other answer any more.
        Passing::Prompt if handler.kind.streams() => "prompt",
        Passing::Prompt => "prompt_of(payload)",
        Passing::Payload => "payload",
        Passing::PayloadAndContext => "payload, context",
    };
    // The longest line that the call stands in.
    let line = format!("    async for piece in {callee}({argument}):");
    let (method, call) = if line.chars().count() > WIDTH {
        (callee, format!("call({argument})"))
    } else {
        (String::new(), format!("{callee}({argument})"))
    };
    Values {
        agent: sources.agent.to_string(),
        imports: imports(sources, &handler.module, imported, &name, &standard, &third),
        class: if handler.on_instance {
            name
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

/// The name under which something is imported: its own where that is free and short.
fn import_as(name: &str, otherwise: &str) -> String {
    if TAKEN.contains(&name) || name.chars().count() > 40 {
        otherwise.to_owned()
    } else {
        name.to_owned()
    }
}

/// The block of imports, sorted as ruff's isort rules want it.
fn imports(
    sources: &Sources,
    module: &str,
    imported: &str,
    name: &str,
    standard: &[&str],
    third: &[&str],
) -> String {
    let agent = &sources.agent;
    let neighbours = sources.imports_its_neighbours();
    let mut standard = standard.to_vec();
    if neighbours {
        standard.extend(["sys", "pathlib.Path"]);
    }
    let mut lines: Vec<String> = Vec::new();
    let (mut plain, mut from): (Vec<&str>, Vec<&str>) =
        standard.into_iter().partition(|name| !name.contains('.'));
    plain.sort_unstable();
    from.sort_unstable();
    lines.extend(plain.into_iter().map(|name| format!("import {name}")));
    lines.extend(from.into_iter().map(from_import));
    let agents = agents_import(sources, module, imported, name);
    let mut third: Vec<String> = third.iter().copied().map(from_import).collect();
    if !neighbours && !sources.first_party {
        // To a linter in the project's directory, what lies elsewhere is one library among others.
        third.push(agents.clone());
        third.sort_by_key(|line| line.to_ascii_lowercase());
    }
    if !third.is_empty() {
        lines.push(String::new());
        lines.extend(third);
    }
    if !neighbours && !sources.first_party {
        return lines.join("\n");
    }
    lines.push(String::new());
    if neighbours {
        lines.push("# The agent's files import each other by their bare names.".to_owned());
        lines.push(format!(
            "sys.path.insert(0, str(Path(__file__).parent / \"{agent}\"))"
        ));
        lines.push(String::new());
    }
    lines.push(agents);
    lines.join("\n")
}

/// The import of what is called.
fn agents_import(sources: &Sources, module: &str, imported: &str, name: &str) -> String {
    let agent = &sources.agent;
    let bare = sources.imports_its_neighbours()
        && !module.is_empty()
        && !sources.imports_relatively(module)
        && !["invoke", "invoke_async"].contains(&module);
    let from = match (bare, module) {
        (true, _) => module.to_owned(),
        (false, "") => agent.to_string(),
        (false, _) => format!("{agent}.{module}"),
    };
    let what = if name == imported {
        imported.to_owned()
    } else {
        format!("{imported} as {name}")
    };
    let line = format!("from {from} import {what}");
    if line.chars().count() > WIDTH {
        format!("from {from} import (\n    {what},\n)")
    } else {
        line
    }
}

fn from_import(name: &str) -> String {
    let (head, names) = name
        .split_once(", ")
        .map_or((name, ""), |(head, _)| (head, &name[head.len()..]));
    let (module, first) = head.rsplit_once('.').unwrap_or((head, ""));
    format!("from {module} import {first}{names}")
}

#[cfg(test)]
pub(super) fn words() -> serde_json::Value {
    serde_json::to_value(Values::default()).unwrap()
}
