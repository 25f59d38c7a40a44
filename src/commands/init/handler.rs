//! Which functions answer: from options, from a short dialogue, or because there is no other.

use std::path::{Path, PathBuf};

use super::choice;
use crate::{
    effects::destination,
    error::Failure,
    scaffold::adopt::{AppKind, Entry, Handler, OwnEntry, Sources, Use},
    ui::Ui,
};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct HandlerOptions {
    /// What answers a request: `package.module:function` or `package.module:Class.method`
    #[arg(long, value_name = "HANDLER")]
    handler: Option<String>,
    /// What streams the answer: a generator, named like `--handler`
    #[arg(long, value_name = "HANDLER")]
    async_handler: Option<String>,
    /// A file of the source that serves by itself: a `BedrockAgentCoreApp`, or any app that answers
    /// `/invocations` and `/ping`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["handler", "async_handler"])]
    entrypoint: Option<PathBuf>,
}

/// `source` is its path, as given and absolute.
pub(super) fn choose(
    options: &HandlerOptions,
    sources: &Sources,
    source: (&Path, &Path),
    asking: bool,
    ui: &Ui,
) -> Result<Entry, Failure> {
    let own = sources.own_entries();
    if let Some(file) = &options.entrypoint {
        return Ok(Entry::Own(named(file, &own, source)?));
    }
    if options.handler.is_some() || options.async_handler.is_some() {
        let find = |words: &Option<String>, purpose: Use| {
            let words = words.as_ref();
            words.map(|words| sources.find(words, purpose)).transpose()
        };
        return Ok(Entry::Handlers {
            whole: find(&options.handler, Use::Whole)?,
            streaming: find(&options.async_handler, Use::Streaming)?,
        });
    }
    let candidates = sources.candidates();
    // A question with one answer is none.
    let asking_for_own = asking && (own.len() > 1 || !candidates.is_empty());
    if let Some(own) = serving(own, asking_for_own, ui)? {
        return Ok(Entry::Own(own));
    }
    let (streaming, whole): (Vec<Handler>, Vec<Handler>) = candidates
        .iter()
        .cloned()
        .partition(|handler| handler.kind.streams());
    if candidates.is_empty() || (!asking && (whole.len() > 1 || streaming.len() > 1)) {
        return Err(sources.undecided(&candidates));
    }
    let entry = Entry::Handlers {
        whole: pick("Function that answers in one piece", whole, asking, ui)?,
        streaming: pick("Function that streams its answer", streaming, asking, ui)?,
    };
    match entry {
        Entry::Handlers {
            whole: None,
            streaming: None,
        } => Err(Failure::usage(
            "no function was chosen, so there is nothing to answer a request; nothing was written",
        )
        .help("run this again and choose one, or name it with `--handler` or `--async-handler`")),
        entry => Ok(entry),
    }
}

/// The file that `--entrypoint` names, from where the user stands or from the source.
fn named(
    file: &Path,
    own: &[OwnEntry],
    (shown, source): (&Path, &Path),
) -> Result<OwnEntry, Failure> {
    let there = [source.join(file), destination::absolute(file)?];
    let found = own
        .iter()
        .position(|entry| there.contains(&source.join(&entry.path)));
    if let Some(index) = found {
        return Ok(own[index].clone());
    }
    let failure = Failure::usage(format!(
        "`--entrypoint {}`: there is no such file in `{}` that serves by itself",
        file.display(),
        shown.display()
    ));
    let failure = failure.note(
        "such a file makes a `BedrockAgentCoreApp`, or runs an app that answers `/invocations` and `/ping`",
    );
    Err(if own.is_empty() {
        failure.help(
            "name the function that answers with `--handler`; the entry point is then made for it",
        )
    } else {
        listed(failure, own)
    })
}

fn listed(failure: Failure, own: &[OwnEntry]) -> Failure {
    own.iter().fold(failure, |failure, entry| {
        failure.note(format!("--entrypoint {}   ({})", entry.path, entry.place))
    })
}

/// The sources' own app, where they have one.
fn serving(own: Vec<OwnEntry>, asking: bool, ui: &Ui) -> Result<Option<OwnEntry>, Failure> {
    if own.is_empty() {
        return Ok(None);
    }
    if asking {
        let mut items: Vec<String> = own
            .iter()
            .map(|entry| format!("{} as it is: it serves {}", entry.path, app(entry.kind)))
            .collect();
        items.push("a function of the source".to_owned());
        let chosen = ui
            .select("Entry point", &items, 0)
            .map_err(choice::cut_off)?;
        return Ok(own.into_iter().nth(chosen));
    }
    if own.len() > 1 {
        let failure = Failure::usage("several files of the source serve by themselves");
        return Err(
            listed(failure, &own).help("name the entry point, or a function with `--handler`")
        );
    }
    ui.note(&format!(
        "the source serves {} ({}), which is used as it is; `--handler` names a function instead",
        app(own[0].kind),
        own[0].place
    ));
    if own[0].kind == AppKind::Routes {
        ui.note("the runtime asks on port 8080: see that it listens there, on `0.0.0.0`");
    }
    Ok(own.into_iter().next())
}

fn app(kind: AppKind) -> &'static str {
    match kind {
        AppKind::Sdk => "its own `BedrockAgentCoreApp`",
        AppKind::Routes => "`/invocations` and `/ping` itself",
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
    let mut items: Vec<String> = handlers
        .iter()
        .map(|handler| format!("{}   ({})", handler.words, handler.place))
        .collect();
    items.push("none".to_owned());
    let chosen = ui.select(prompt, &items, 0).map_err(choice::cut_off)?;
    Ok(handlers.into_iter().nth(chosen))
}

/// What was chosen, in words.
pub(super) fn said(entry: &Entry) -> String {
    match entry {
        Entry::Own(own) => format!("`{}` serves it", own.path),
        Entry::Handlers { whole, streaming } => {
            let words = [
                whole.as_ref().map(|h| format!("`{}` answers", h.words)),
                streaming.as_ref().map(|h| format!("`{}` streams", h.words)),
            ];
            words.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    }
}
