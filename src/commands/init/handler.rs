//! What answers requests: from options, prompts, or the only possibility.

use std::path::{Path, PathBuf};

use crate::{
    config::Protocol,
    effects::new_project,
    error::Failure,
    project::prompts,
    scaffold::adopt::{Entry, Handler, How, OwnEntry, Sources, Use},
    ui::{Item, Ui},
};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct HandlerOptions {
    /// Function that answers a request: `package.module:function` or `package.module:Class.method`
    #[arg(long, value_name = "HANDLER")]
    handler: Option<String>,
    /// Generator that streams the answer, written like `--handler`
    #[arg(long, value_name = "HANDLER")]
    async_handler: Option<String>,
    /// Source file that serves requests itself: an app, an MCP server or an A2A server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["handler", "async_handler"])]
    entrypoint: Option<PathBuf>,
    /// Set up every source file that serves requests, each as its own agent
    #[arg(long, conflicts_with_all = ["handler", "async_handler", "entrypoint", "name"])]
    pub(super) all: bool,
    /// Protocol of the agent: `http`, `mcp`, `a2a` or `agui` [default: detected from the code]
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol, conflicts_with_all = ["handler", "async_handler", "all"])]
    protocol: Option<Protocol>,
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::parse(text).ok_or_else(|| "expected `http`, `mcp`, `a2a` or `agui`".to_owned())
}

/// Chooses the entries. `source` is its path, as given and absolute. Returns more than one only
/// with `--all`.
pub(super) fn choose(
    options: &HandlerOptions,
    sources: &Sources,
    source: (&Path, &Path),
    asking: bool,
    ui: &Ui,
) -> Result<Vec<Entry>, Failure> {
    if let Some(file) = &options.entrypoint {
        let own = named(file, options.protocol, sources, source)?;
        return Ok(vec![Entry::Own(own)]);
    }
    if options.handler.is_some() || options.async_handler.is_some() {
        let find = |words: &Option<String>, purpose: Use| {
            let words = words.as_ref();
            words.map(|words| sources.find(words, purpose)).transpose()
        };
        return Ok(vec![Entry::Handlers {
            whole: find(&options.handler, Use::Whole)?,
            streaming: find(&options.async_handler, Use::Streaming)?,
        }]);
    }
    let own = sources.own_entries(options.protocol);
    if options.all {
        return all(own, source.0);
    }
    let candidates = sources.candidates();
    // A question with one possible answer is not asked.
    let asking_for_own = asking && (own.len() > 1 || !candidates.is_empty());
    if let Some(own) = serving(own, asking_for_own, ui)? {
        return Ok(vec![Entry::Own(own)]);
    }
    functions(sources, &candidates, asking, ui).map(|entry| vec![entry])
}

fn all(own: Vec<OwnEntry>, shown: &Path) -> Result<Vec<Entry>, Failure> {
    if own.is_empty() {
        return Err(Failure::usage(format!(
            "`--all`: no file in `{}` serves requests itself",
            shown.display()
        ))
        .help("name the function that answers requests with `--handler`"));
    }
    Ok(own.into_iter().map(Entry::Own).collect())
}

fn functions(
    sources: &Sources,
    candidates: &[Handler],
    asking: bool,
    ui: &Ui,
) -> Result<Entry, Failure> {
    let likely = sources.likely(candidates);
    let offered = if asking { candidates } else { &likely[..] };
    let (streaming, whole): (Vec<Handler>, Vec<Handler>) = offered
        .iter()
        .cloned()
        .partition(|handler| handler.kind.streams());
    if offered.is_empty() || (!asking && (whole.len() > 1 || streaming.len() > 1)) {
        return Err(sources.undecided(candidates));
    }
    let entry = Entry::Handlers {
        whole: pick("Function that returns its answer", whole, asking, ui)?,
        streaming: pick("Function that streams its answer", streaming, asking, ui)?,
    };
    match entry {
        Entry::Handlers {
            whole: None,
            streaming: None,
        } => Err(Failure::usage(
            "no function was chosen to answer requests; nothing was written",
        )
        .help("run this again and choose a function, or name one with `--handler` or `--async-handler`")),
        entry => Ok(entry),
    }
}

/// Returns the file of `--entrypoint`, relative to the current directory or to the source.
fn named(
    file: &Path,
    protocol: Option<Protocol>,
    sources: &Sources,
    (shown, source): (&Path, &Path),
) -> Result<OwnEntry, Failure> {
    let there = [source.join(file), new_project::absolute(file)?];
    if let Some(module) = sources.module_at(|path| there.contains(&source.join(path))) {
        if let Some(entry) = sources.own_entry(&module, protocol) {
            return Ok(entry);
        }
        // With `--protocol`, the user confirms that the file serves.
        if let Some(protocol) = protocol {
            return Ok(sources.unread_entry(&module, protocol));
        }
        let failure = Failure::usage(format!(
            "`--entrypoint {}`: nothing in that file is known to serve requests",
            file.display()
        ))
        .help("if running the file starts a server, add `--protocol` and the server's protocol");
        let failure = match sources.unimportable(&module) {
            Some(path) => failure.note(format!(
                "an entry point for an app in it would have to import it, and Python cannot import `{path}`"
            )),
            None => failure,
        };
        return Err(listed(failure, &sources.own_entries(None)));
    }
    let failure = Failure::usage(format!(
        "`--entrypoint {}`: there is no such Python file in `{}`",
        file.display(),
        shown.display()
    ));
    let own = sources.own_entries(None);
    Err(if own.is_empty() {
        failure.help(
            "name the function that answers with `--handler`; `init` then writes the entry point",
        )
    } else {
        listed(failure, &own)
    })
}

fn listed(failure: Failure, own: &[OwnEntry]) -> Failure {
    own.iter().fold(failure, |failure, entry| {
        failure.note(format!("--entrypoint {}   ({})", entry.path, entry.place))
    })
}

/// Returns the file that serves, if any.
fn serving(own: Vec<OwnEntry>, asking: bool, ui: &Ui) -> Result<Option<OwnEntry>, Failure> {
    if own.is_empty() {
        return Ok(None);
    }
    if asking {
        let mut items: Vec<Item> = own
            .iter()
            .map(|entry| Item::new(entry.path.clone(), what(entry)))
            .collect();
        items.push(Item::new("a function of the source", ""));
        let chosen = ui.choose("Entry point", &items).map_err(prompts::cut_off)?;
        return Ok(own.into_iter().nth(chosen));
    }
    if own.len() > 1 {
        let failure = Failure::usage("several source files serve requests themselves");
        return Err(listed(failure, &own)
            .help("choose one with `--entrypoint`, or make an agent of each with `--all`"));
    }
    Ok(own.into_iter().next())
}

/// Returns what a file serves.
pub(super) fn what(entry: &OwnEntry) -> &'static str {
    match entry.protocol {
        Protocol::Http => "serves `/invocations`",
        Protocol::Mcp => "an MCP server",
        Protocol::A2a => "an A2A server",
        Protocol::Agui => "an AG-UI server",
    }
}

fn pick(
    prompt: &str,
    mut handlers: Vec<Handler>,
    asking: bool,
    ui: &Ui,
) -> Result<Option<Handler>, Failure> {
    if handlers.is_empty() || !asking {
        return Ok(handlers.pop());
    }
    let mut items: Vec<Item> = handlers
        .iter()
        .map(|handler| Item::new(handler.words.clone(), handler.place.clone()))
        .collect();
    items.push(Item::new("none", ""));
    let chosen = ui.choose(prompt, &items).map_err(prompts::cut_off)?;
    Ok(handlers.into_iter().nth(chosen))
}

/// Describes the choice.
pub(super) fn said(entry: &Entry) -> String {
    match entry {
        Entry::Own(own) => {
            let kind = match own.protocol {
                Protocol::Http => "",
                Protocol::Mcp => " MCP",
                Protocol::A2a => " A2A",
                Protocol::Agui => " AG-UI",
            };
            match &own.how {
                How::Run => format!("`{}` serves{kind}", own.path),
                How::Serve { name, .. } => format!("`{name}` of `{}` serves{kind}", own.path),
                How::Call { function } => format!("`{function}` of `{}` serves{kind}", own.path),
            }
        }
        Entry::Handlers { whole, streaming } => {
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
