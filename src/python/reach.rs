//! Follows imports from the entry point through the agent's own modules.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};

use serde::{Deserialize, Serialize};

use super::{
    Program,
    code::{Code, Import, Site, When, Word},
    modules::{File, Found, Modules},
    standard,
};
use crate::text::nearest;

/// What the entry point loads, and what is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// The agent's own files that are always loaded at startup.
    pub(crate) at_start: BTreeSet<String>,
    /// Those, and the files that may be loaded later.
    pub(crate) files: BTreeSet<String>,
    /// The most severe first, then in the order in which Python encounters them.
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The path in the archive.
    pub(crate) file: String,
    pub(crate) span: Range<usize>,
    pub(crate) missing: Missing,
    pub(crate) weight: Weight,
    /// The files between the entry point and this file, including the entry point.
    pub(crate) through: Vec<String>,
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Missing {
    /// The archive's root has no module with this name.
    Module { name: String, near: Option<String> },
    /// A package has no such module. `name` is the full name.
    Submodule { name: String, near: Option<String> },
    /// The agent's own module `module` has no such name.
    Name {
        module: String,
        name: String,
        near: Option<String>,
    },
    /// A relative import in a file outside a package.
    Package { is_entry: bool },
}

/// How severe a finding is, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Weight {
    /// The agent cannot start.
    Stops,
    /// The agent probably cannot start.
    Warning,
    /// A call of some function will fail.
    Note,
}

/// Follows the imports of the script `entry` under Python 3.`minor`. `program` contains the agent's
/// own files.
pub(crate) fn follow(entry: &str, modules: &Modules<'_>, minor: u32, program: &Program) -> Reached {
    let folder = entry
        .rsplit_once('/')
        .map(|(folder, _)| format!("{folder}/"));
    let mut roots: Vec<String> = folder.into_iter().collect();
    roots.push(String::new());
    let mut walk = Walk {
        modules,
        minor,
        program,
        roots,
        loaded: BTreeSet::new(),
        reached: BTreeMap::new(),
        queues: [VecDeque::new(), VecDeque::new(), VecDeque::new()],
        changes_search: false,
        assigned: BTreeSet::new(),
        findings: Vec::new(),
    };
    walk.load(entry);
    let arrival = Arrival {
        mood: Mood::Sure,
        from: None,
    };
    walk.reached.insert(entry.to_owned(), arrival);
    walk.queues[0].push_back(Visit {
        file: entry.to_owned(),
        packages: Vec::new(),
        is_script: true,
    });
    let mut at_start = BTreeSet::new();
    while let Some((mood, visit)) = walk.next() {
        if mood == Mood::Sure {
            at_start.insert(visit.file.clone());
        }
        walk.visit(&visit, mood);
    }
    let files = walk.reached.keys().cloned().collect();
    Reached {
        at_start,
        files,
        findings: walk.conclude(),
    }
}

/// How certain it is that something is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mood {
    Sure,
    /// When a function is called.
    Later,
    /// If a condition is true, or where an error is expected. Nothing missing is reported.
    Perhaps,
}

const MOODS: [Mood; 3] = [Mood::Sure, Mood::Later, Mood::Perhaps];

/// A file whose imports are followed.
#[derive(Debug, Clone)]
struct Visit {
    file: String,
    /// The packages that contain the module, outermost first.
    packages: Vec<Package>,
    is_script: bool,
}

/// The most certain path to a file.
#[derive(Debug)]
struct Arrival {
    mood: Mood,
    /// The importing file.
    from: Option<String>,
}

#[derive(Debug, Clone)]
struct Package {
    name: String,
    found: Found,
}

struct Walk<'m> {
    modules: &'m Modules<'m>,
    minor: u32,
    program: &'m Program,
    /// Where modules are searched.
    roots: Vec<String>,
    loaded: BTreeSet<&'m str>,
    /// How each file was reached.
    reached: BTreeMap<String, Arrival>,
    /// One queue per mood, because certain imports are visited first.
    queues: [VecDeque<Visit>; 3],
    changes_search: bool,
    assigned: BTreeSet<&'m str>,
    findings: Vec<Finding>,
}

/// The location of an import.
#[derive(Clone, Copy)]
struct Place<'p> {
    visit: &'p Visit,
    mood: Mood,
}

/// The result of resolving a name.
enum Resolved {
    /// The module, and the packages that contain it.
    Module(Found, Vec<Package>),
    /// A standard, native or already reported module.
    Elsewhere,
}

impl<'m> Walk<'m> {
    fn next(&mut self) -> Option<(Mood, Visit)> {
        for (mood, queue) in MOODS.into_iter().zip(&mut self.queues) {
            while let Some(visit) = queue.pop_front() {
                // A more certain path may have been found since.
                if self.reached[&visit.file].mood == mood {
                    return Some((mood, visit));
                }
            }
        }
        None
    }

    /// Returns the analysis of one of the agent's own files.
    fn code(&self, path: &str) -> Option<&'m Code> {
        self.program.get(path).map(|parsed| &parsed.code)
    }

    /// Records how a file changes the search for all other files.
    fn load(&mut self, path: &str) {
        let Some((path, parsed)) = self.program.get_key_value(path) else {
            return;
        };
        if self.loaded.insert(path) {
            let code = &parsed.code;
            self.changes_search |= code.changes_search;
            self.assigned
                .extend(code.assigned.iter().map(String::as_str));
        }
    }

    fn visit(&mut self, visit: &Visit, mood: Mood) {
        let sites = self.code(&visit.file).map(|code| &code.sites);
        for Site { import, when } in sites.into_iter().flatten() {
            let own = match when {
                When::AtStart => Mood::Sure,
                When::AsScript if visit.is_script => Mood::Sure,
                When::Later => Mood::Later,
                When::AsScript | When::Perhaps | When::Never => Mood::Perhaps,
            };
            let place = Place {
                visit,
                mood: own.max(mood),
            };
            self.import(import, place);
        }
    }

    fn import(&mut self, import: &Import, place: Place<'_>) {
        match import {
            Import::Module(words) => {
                self.resolve(words, None, place);
            }
            Import::From {
                level,
                dots,
                module,
                names,
                is_star: _,
            } => {
                let start = if *level == 0 {
                    None
                } else {
                    match self.package(*level, dots, place) {
                        Some(packages) => Some(packages),
                        None => return,
                    }
                };
                let shown = full_name(start.as_deref(), module);
                if let Resolved::Module(found, packages) = self.resolve(module, start, place) {
                    for name in names {
                        self.name(&found, &packages, &shown, name, place);
                    }
                }
            }
        }
    }

    /// Returns the packages that this number of dots refers to.
    fn package(
        &mut self,
        level: usize,
        dots: &Range<usize>,
        place: Place<'_>,
    ) -> Option<Vec<Package>> {
        let around = &place.visit.packages;
        let kept = (around.len() + 1)
            .checked_sub(level)
            .filter(|kept| *kept > 0);
        if let Some(kept) = kept {
            return Some(around[..kept].to_vec());
        }
        let is_entry = place.visit.is_script;
        if let Some(weight) = weight(place.mood, false) {
            self.tell(dots, Missing::Package { is_entry }, weight, place);
        }
        None
    }

    /// Finds a module and queues everything that is loaded on the way to it.
    fn resolve(
        &mut self,
        words: &[Word],
        start: Option<Vec<Package>>,
        place: Place<'_>,
    ) -> Resolved {
        let mut packages = start.unwrap_or_default();
        let around: Vec<String> = packages
            .iter()
            .map(|package| package.name.clone())
            .collect();
        let mut found = packages.last().map(|package| package.found.clone());
        for (at, word) in words.iter().enumerate() {
            let next = match &found {
                Some(parent) => self.modules.find(&word.text, &parent.folders),
                None if standard::comes_with(self.minor, &word.text) => {
                    return Resolved::Elsewhere;
                }
                None => self.top(&word.text),
            };
            let Some(next) = next else {
                self.not_found(words, at, &around, found.as_ref(), place);
                return Resolved::Elsewhere;
            };
            self.enqueue(&next, &packages, place);
            if !next.folders.is_empty() {
                packages.push(Package {
                    name: word.text.clone(),
                    found: next.clone(),
                });
            }
            found = Some(next);
        }
        match found {
            Some(found) => Resolved::Module(found, packages),
            None => Resolved::Elsewhere,
        }
    }

    /// Finds a top-level module.
    fn top(&mut self, name: &str) -> Option<Found> {
        let found = self.modules.find(name, &self.roots);
        if found.is_some() || !self.changes_search {
            return found;
        }
        let folder = self.modules.own_folders_with(name).into_iter().next()?;
        self.roots.push(folder);
        self.modules.find(name, &self.roots)
    }

    /// Reports a missing module. For a relative import, `around` are the packages that contain the
    /// first word.
    fn not_found(
        &mut self,
        words: &[Word],
        at: usize,
        around: &[String],
        parent: Option<&Found>,
        place: Place<'_>,
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
    fn name(
        &mut self,
        found: &Found,
        packages: &[Package],
        shown: &str,
        name: &Word,
        place: Place<'_>,
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
                _ => Place {
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

    fn enqueue(&mut self, found: &Found, around: &[Package], place: Place<'_>) {
        let Some(file) = found.file.as_ref().filter(|file| file.is_readable()) else {
            return;
        };
        let path = &file.path;
        let reached = self.reached.get(path);
        if reached.is_some_and(|reached| reached.mood <= place.mood) {
            return;
        }
        self.load(path);
        let mut packages = around.to_vec();
        if !found.folders.is_empty() {
            let name = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
            packages.push(Package {
                name,
                found: found.clone(),
            });
        }
        let arrival = Arrival {
            mood: place.mood,
            from: Some(place.visit.file.clone()),
        };
        self.reached.insert(path.clone(), arrival);
        self.queues[place.mood as usize].push_back(Visit {
            file: path.clone(),
            packages,
            is_script: false,
        });
    }

    fn tell(&mut self, span: &Range<usize>, missing: Missing, weight: Weight, place: Place<'_>) {
        let mut through = Vec::new();
        let mut at = self.reached.get(&place.visit.file);
        while let Some(from) = at.and_then(|arrival| arrival.from.as_ref()) {
            through.push(from.clone());
            at = self.reached.get(from);
        }
        through.reverse();
        self.findings.push(Finding {
            file: place.visit.file.clone(),
            span: span.clone(),
            missing,
            weight,
            through,
        });
    }

    /// Returns each missing item once, with its highest severity.
    fn conclude(self) -> Vec<Finding> {
        let changes_search = self.changes_search;
        let assigned = self.assigned;
        let mut findings: Vec<Finding> = self
            .findings
            .into_iter()
            .filter(|finding| {
                !matches!(&finding.missing, Missing::Name { name, .. } if assigned.contains(name.as_str()))
            })
            .filter_map(|finding| {
                // Code that changes the search may find modules that this analysis does not.
                let weight = match (changes_search, finding.weight) {
                    (false, weight) => weight,
                    (true, Weight::Stops) => Weight::Warning,
                    (true, Weight::Warning | Weight::Note) => return None,
                };
                Some(Finding { weight, ..finding })
            })
            .collect();
        findings.sort_by_key(|finding| finding.weight);
        let mut told: Vec<Missing> = Vec::new();
        findings.retain(|finding| {
            let is_new = !told.contains(&finding.missing);
            if is_new {
                told.push(finding.missing.clone());
            }
            is_new
        });
        findings
    }
}

/// Returns a finding's severity. `is_foreign` is true if it depends on a dependency's code.
fn weight(mood: Mood, is_foreign: bool) -> Option<Weight> {
    match mood {
        Mood::Sure if is_foreign => Some(Weight::Warning),
        Mood::Sure => Some(Weight::Stops),
        Mood::Later if !is_foreign => Some(Weight::Note),
        Mood::Later | Mood::Perhaps => None,
    }
}

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

/// Returns the full name of a relative import, such as `my_agent.tools` for `from .tools`.
fn full_name(start: Option<&[Package]>, module: &[Word]) -> String {
    let packages = start.unwrap_or_default();
    let packages = packages.iter().map(|package| package.name.as_str());
    let words = module.iter().map(|word| word.text.as_str());
    packages.chain(words).collect::<Vec<_>>().join(".")
}
