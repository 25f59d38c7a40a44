//! Packages in a `uv.lock` that come from other sources than an index.

use std::path::Path;

use super::{
    Lock,
    nearby_settings::real,
    read,
    reading::{Reading, to_be_built},
    sources,
};
use crate::{
    error::{Failure, Snippet},
    package::requirements::{Requirement, lock},
};

impl Reading<'_> {
    pub(super) fn lock(&mut self, file: &Path, locked: &Lock) -> Result<(), Failure> {
        let text = read(file)?;
        self.seen("uv.lock", text.as_bytes());
        self.seen("project", locked.project.as_bytes());
        let found = lock::read(&text, &locked.project).ok().flatten();
        let found = found.unwrap_or_default();
        let at = |span| Snippet {
            file: file.to_owned(),
            text: text.clone(),
            span,
            label: String::new(),
        };
        for (address, span) in found.sources {
            self.problems.push(to_be_built(&address, at(span)));
        }
        for (name, path, span) in found.local {
            let path = locked.folder.join(path);
            if path.is_dir() {
                sources::lay_out_locked(self, &real(&path), at(span))?;
            } else {
                // The export names it; its content must be hashed too.
                let named = Requirement::read(&name);
                self.local(&path, &path.to_string_lossy(), &named, at(span))?;
            }
        }
        self.inputs.requirements.clear();
        Ok(())
    }
}
