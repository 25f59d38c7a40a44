//! The files that are not shipped with the others, and the messages about them.

use std::path::Path;

use super::secrets::Verdict;
use crate::{
    config::variable::SECRET_INSTEAD,
    error::Message,
    redaction::secret::{Finding, is_expected_to_be_hidden},
};

/// Collects excluded files during a walk, with their paths as they would be shipped.
#[derive(Debug, Default)]
pub(in crate::effects) struct LeftOut {
    /// Recognized by name alone.
    named: Vec<String>,
    holding: Vec<(String, Finding)>,
    mentioning: Vec<(String, Finding)>,
    hidden: Vec<String>,
}

impl LeftOut {
    /// Records the verdict on a file. Returns whether it is shipped.
    pub(in crate::effects) fn judged(&mut self, path: &str, verdict: Verdict) -> bool {
        let at = |finding| (path.to_owned(), finding);
        match verdict {
            Verdict::Ships => return true,
            Verdict::Mentions(found) => {
                self.mentioning.extend(found.into_iter().map(at));
                return true;
            }
            Verdict::Named => self.secret(path),
            Verdict::Holds(found) => self.holding.push(at(found)),
        }
        false
    }

    /// Records what is in a file that is used whatever it contains.
    pub(in crate::effects) fn mentioned(&mut self, path: &str, verdict: Verdict) {
        let found = match verdict {
            Verdict::Mentions(found) => found,
            Verdict::Holds(found) => vec![found],
            Verdict::Ships | Verdict::Named => Vec::new(),
        };
        let found = found.into_iter().map(|finding| (path.to_owned(), finding));
        self.mentioning.extend(found);
    }

    pub(in crate::effects) fn secret(&mut self, shown: &str) {
        self.named.push(format!("`{shown}`"));
    }

    /// Records a link under another name.
    pub(in crate::effects) fn link(&mut self, shown: &str, target: &Path) {
        let target = target.display();
        self.named.push(format!("`{shown}` (a link to `{target}`)"));
    }

    pub(in crate::effects) fn hidden(&mut self, path: &str) {
        let name = path.rsplit('/').next().unwrap_or(path);
        if !is_expected_to_be_hidden(name) {
            self.hidden.push(format!("`{path}`"));
        }
    }

    pub(in crate::effects) fn hidden_link(&mut self, shown: &str, target: &Path) {
        let target = target.display();
        self.hidden
            .push(format!("`{shown}` (a link to `{target}`)"));
    }

    pub(in crate::effects) fn warnings(&self) -> Vec<Message> {
        let mut warnings = Vec::new();
        if !self.holding.is_empty() {
            let what = match &*self.holding {
                [_] => "a file contains a secret and is not shipped",
                _ => "files contain secrets and are not shipped",
            };
            warnings.push(told(what, &self.holding).help(SECRET_INSTEAD));
        }
        if !self.mentioning.is_empty() {
            let what = "source code contains what looks like a secret; it is shipped unchanged";
            warnings.push(told(what, &self.mentioning).help(SECRET_INSTEAD));
        }
        warnings
    }

    pub(in crate::effects) fn notes(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        self.named.sort();
        self.hidden.sort();
        if !self.named.is_empty() {
            notes.push(format!(
                "not shipped, because such files contain secrets: {}",
                self.named.join(", ")
            ));
        }
        if !self.hidden.is_empty() {
            notes.push(format!(
                "not shipped, because hidden files are only shipped if `include` names them: {}",
                self.hidden.join(", ")
            ));
        }
        notes
    }
}

fn told(what: &str, places: &[(String, Finding)]) -> Message {
    let mut places: Vec<_> = places.iter().collect();
    places.sort_by_key(|(path, finding)| (path, finding.line));
    places
        .into_iter()
        .fold(Message::new(what), |message, (path, finding)| {
            let Finding { what, line } = finding;
            message.note(format!("`{path}`, line {line}: {what}"))
        })
}
