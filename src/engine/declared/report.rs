//! A declared resource as a paragraph of `status`.

use serde_json::Value;

use super::work::{Work, untagged};
use crate::{
    config::Resource,
    effects::aws::declared::failure,
    protocol::control::api,
    resources::{
        change::{Action, Details, Reveal},
        declared::{self, Claim},
    },
};

impl Work<'_> {
    pub(super) fn text(&self) -> String {
        let Resource { kind, name, .. } = &self.resource;
        let mut lines = vec![format!("{} {name}", kind.word())];
        let mut row = |name: &str, text: &str| lines.push(format!("  {name:<12} {text}"));
        if self.denied.is_some() {
            row("state", "unknown: reading it is not permitted");
            return lines.join("\n");
        }
        let Some(there) = &self.observed else {
            row("state", "not created");
            return lines.join("\n");
        };
        row("id", &there.id);
        row("status", &there.status);
        if let Some(why) = &there.failure {
            row("reason", why);
        }
        if let Some(url) = &self.url {
            row("url", url);
        }
        for (name, part) in &there.parts {
            let status = part.document.get("status").and_then(Value::as_str);
            let word = api(*kind).parts.map_or("part", |parts| parts.word);
            let why = failure(&part.document).map_or(String::new(), |why| format!(": {why}"));
            row(word, &format!("{name} ({}{why})", status.unwrap_or("-")));
        }
        if let Claim::NotOurs(why) = declared::claim(&self.resource, there, untagged(self.session))
        {
            row("owner", &format!("not provably this project: {why}"));
        }
        if let Some(why) = &self.refusal {
            row("refused", why);
        }
        for change in self.changes() {
            row("differs", &change.words());
            if let (Action::Update, Details::Fields(fields)) = (change.action, &change.details) {
                for field in fields {
                    row("", &field.words(Reveal::Keys));
                }
            }
        }
        lines.join("\n")
    }
}
