//! Names that are imported from modules, and modules that do not exist.

use std::collections::BTreeSet;

use super::{ImportSite, Missing, Mood, Package, Walk, finding::weight};
use crate::{
    python::{
        code::{Import, Word},
        modules::{File, Found},
        standard,
    },
    text::nearest,
};

/// Names that every module has.
const ALWAYS_THERE: [&str; 9] = [
    "__annotations__",
    "__builtins__",
    "__cached__",
    "__dict__",
    "__doc__",
    "__file__",
    "__loader__",
    "__name__",
    "__spec__",
];

impl Walk<'_> {
    /// Reports a missing module. For a relative import, `around` are the packages that contain the
    /// first word.
    pub(super) fn not_found(
        &mut self,
        words: &[Word],
        at: usize,
        around: &[String],
        parent: Option<&Found>,
        place: ImportSite<'_>,
    ) {
        let is_foreign = parent.is_some_and(Found::is_owned_by_dependency);
        let Some(weight) = weight(place.mood, is_foreign) else {
            return;
        };
        let word = &words[at];
        let start = words
            .first()
            .map_or(word.span.start, |first| first.span.start);
        let span = start..word.span.end;
        let Some(parent) = parent else {
            // setuptools provides it once setuptools is imported.
            if word.text == "distutils" && self.modules.is_installed("setuptools") {
                return;
            }
            let mut names: Vec<&str> = standard::of(self.minor).collect();
            names.extend(self.modules.names_in(&self.roots));
            let near = nearest(&word.text, names);
            let near = near.map(str::to_owned);
            let name = word.text.clone();
            self.tell(&word.span, Missing::Module { name, near }, weight, place);
            return;
        };
        // A module may create submodules itself, as `six` does.
        let own = parent.file.as_ref().and_then(|file| self.code(&file.path));
        if own.map_or(is_foreign && parent.folders.is_empty(), |code| {
            code.changes_search
        }) {
            return;
        }
        let names = self.modules.names_in(&parent.folders);
        let near = nearest(&word.text, names);
        let before = words[..at].iter().map(|word| word.text.as_str());
        let before: Vec<&str> = around.iter().map(String::as_str).chain(before).collect();
        let whole = |name: &str| {
            let mut parts = before.clone();
            parts.push(name);
            parts.join(".")
        };
        let missing = Missing::Submodule {
            name: whole(&word.text),
            near: near.map(whole),
        };
        self.tell(&span, missing, weight, place);
    }

    /// Resolves a name imported from a module: a definition of the module, or a submodule.
    pub(super) fn name(
        &mut self,
        found: &Found,
        packages: &[Package],
        shown: &str,
        name: &Word,
        place: ImportSite<'_>,
    ) {
        let defined = match &found.file {
            Some(file) if file.is_readable() => {
                self.defines(file, packages, &name.text, &mut BTreeSet::new())
            }
            Some(_) => Some(true),
            None => Some(false),
        };
        if let Some(submodule) = self.modules.find(&name.text, &found.folders) {
            // The name may be the submodule or hide it.
            let place = match defined {
                Some(false) => place,
                _ => ImportSite {
                    mood: place.mood.max(Mood::Perhaps),
                    ..place
                },
            };
            self.enqueue(&submodule, packages, place);
            return;
        }
        if defined != Some(false) || ALWAYS_THERE.contains(&name.text.as_str()) {
            return;
        }
        let Some(weight) = weight(place.mood, false) else {
            return;
        };
        let mut known: Vec<&str> = self.modules.names_in(&found.folders);
        let missing = if found.is_namespace() {
            let whole = |name: &str| format!("{shown}.{name}");
            let near = nearest(&name.text, known);
            Missing::Submodule {
                name: whole(&name.text),
                near: near.map(whole),
            }
        } else {
            let code = found.file.as_ref().and_then(|file| self.code(&file.path));
            known.extend(
                code.into_iter()
                    .flat_map(|code| code.names.iter().map(String::as_str)),
            );
            let near = nearest(&name.text, known).map(str::to_owned);
            Missing::Name {
                module: shown.to_owned(),
                name: name.text.clone(),
                near,
            }
        };
        self.tell(&name.span, missing, weight, place);
    }

    /// Returns whether the agent's module defines the name; `None` if that is only known at run
    /// time.
    fn defines(
        &mut self,
        file: &File,
        packages: &[Package],
        name: &str,
        seen: &mut BTreeSet<String>,
    ) -> Option<bool> {
        if !seen.insert(file.path.clone()) {
            return Some(false);
        }
        self.load(&file.path);
        let code = self.code(&file.path)?;
        if code.names.contains(name) {
            return Some(true);
        }
        if code.is_dynamic {
            return None;
        }
        let stars: Vec<Import> = code
            .sites
            .iter()
            .map(|site| &site.import)
            .filter(|import| matches!(import, Import::From { is_star: true, .. }))
            .cloned()
            .collect();
        for star in stars {
            let Import::From { level, module, .. } = star else {
                continue;
            };
            let (found, packages) = self.quietly(level, &module, packages)?;
            let defined = match &found.file {
                Some(file) if file.is_readable() => self.defines(file, &packages, name, seen),
                _ => None,
            };
            if defined != Some(false) {
                return defined;
            }
        }
        Some(false)
    }

    /// Like [`Walk::resolve`], without reporting or loading anything.
    fn quietly(
        &self,
        level: usize,
        module: &[Word],
        around: &[Package],
    ) -> Option<(Found, Vec<Package>)> {
        let mut packages = Vec::new();
        let mut found: Option<Found> = None;
        if level > 0 {
            let kept = (around.len() + 1)
                .checked_sub(level)
                .filter(|kept| *kept > 0)?;
            packages = around[..kept].to_vec();
            found = packages.last().map(|package| package.found.clone());
        }
        for word in module {
            let folders = found.as_ref().map_or(&self.roots, |found| &found.folders);
            let next = self.modules.find(&word.text, folders)?;
            if !next.folders.is_empty() {
                packages.push(Package {
                    name: word.text.clone(),
                    found: next.clone(),
                });
            }
            found = Some(next);
        }
        Some((found?, packages))
    }
}
