//! What answers requests: from options, prompts, or the only possibility.

use std::path::{Path, PathBuf};

use crate::{
    config::Protocol,
    effects::new_project,
    error::Failure,
    project::prompts,
    scaffold::adopt::{Entry, Handler, OwnEntry, Sources, Use, with_entries},
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

impl HandlerOptions {
    /// Returns true if an option names something in Python files.
    pub(super) fn is_of_python(&self) -> bool {
        let Self {
            handler,
            async_handler,
            entrypoint,
            all,
            protocol: _,
        } = self;
        handler.is_some() || async_handler.is_some() || entrypoint.is_some() || *all
    }

    pub(super) fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self.protocol, None | Some(Protocol::Http | Protocol::Agui))
    }
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
        let there = [source.1.join(file), new_project::absolute(file)?];
        let own = sources.named(file, &there, options.protocol, source)?;
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

/// Returns the file that serves, if any.
fn serving(own: Vec<OwnEntry>, asking: bool, ui: &Ui) -> Result<Option<OwnEntry>, Failure> {
    if own.is_empty() {
        return Ok(None);
    }
    if asking {
        let mut items: Vec<Item> = own
            .iter()
            .map(|entry| Item::new(entry.path.clone(), entry.what()))
            .collect();
        items.push(Item::new("a function of the source", ""));
        let chosen = ui.choose("Entry point", &items).map_err(prompts::cut_off)?;
        return Ok(own.into_iter().nth(chosen));
    }
    if own.len() > 1 {
        let failure = Failure::usage("several source files serve requests themselves");
        return Err(with_entries(failure, &own)
            .help("choose one with `--entrypoint`, or make an agent of each with `--all`"));
    }
    Ok(own.into_iter().next())
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
