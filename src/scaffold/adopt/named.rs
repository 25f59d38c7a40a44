//! The file that `--entrypoint` names.

use std::path::{Path, PathBuf};

use super::{servers::OwnEntry, sources::Sources};
use crate::{config::Protocol, error::Failure};

impl Sources {
    /// Returns the file of `--entrypoint`. `there` are the absolute paths that it may mean, and
    /// `source` is the source's path, as given and absolute.
    pub(crate) fn named(
        &self,
        file: &Path,
        there: &[PathBuf],
        protocol: Option<Protocol>,
        (shown, source): (&Path, &Path),
    ) -> Result<OwnEntry, Failure> {
        if let Some(module) = self.module_at(|path| there.contains(&source.join(path))) {
            if let Some(entry) = self.own_entry(&module, protocol) {
                return Ok(entry);
            }
            // With `--protocol`, the user confirms that the file serves.
            if let Some(protocol) = protocol {
                return Ok(self.unread_entry(&module, protocol));
            }
            let failure = Failure::usage(format!(
                "`--entrypoint {}`: nothing in that file is known to serve requests",
                file.display()
            ))
            .help(
                "if running the file starts a server, add `--protocol` and the server's protocol",
            );
            let failure = match self.unimportable(&module) {
                Some(path) => failure.note(format!(
                    "an entry point for an app in it would have to import it, and Python cannot import `{path}`"
                )),
                None => failure,
            };
            return Err(with_entries(failure, &self.own_entries(None)));
        }
        let failure = Failure::usage(format!(
            "`--entrypoint {}`: there is no such Python file in `{}`",
            file.display(),
            shown.display()
        ));
        let own = self.own_entries(None);
        Err(if own.is_empty() {
            failure.help(
                "name the function that answers with `--handler`; `init` then writes the entry point",
            )
        } else {
            with_entries(failure, &own)
        })
    }
}

impl OwnEntry {
    /// Returns what the file serves.
    pub(crate) fn what(&self) -> &'static str {
        match self.protocol {
            Protocol::Http => "serves `/invocations`",
            Protocol::Mcp => "an MCP server",
            Protocol::A2a => "an A2A server",
            Protocol::Agui => "an AG-UI server",
        }
    }
}

/// Adds the files that serve to the message.
pub(crate) fn with_entries(failure: Failure, own: &[OwnEntry]) -> Failure {
    own.iter().fold(failure, |failure, entry| {
        failure.note(format!("--entrypoint {}   ({})", entry.path, entry.place))
    })
}
