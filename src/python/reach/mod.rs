//! Follows imports from the entry point through the agent's own modules.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};

use serde::{Deserialize, Serialize};

use self::finding::weight;
pub(crate) use self::finding::{Finding, Missing, Weight};
use super::{
    Program,
    code::{Code, Import, Site, When, Word},
    modules::{Found, Modules},
    standard,
};

mod finding;
mod names;

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
struct ImportSite<'p> {
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
            let place = ImportSite {
                visit,
                mood: own.max(mood),
            };
            self.import(import, place);
        }
    }

    fn import(&mut self, import: &Import, place: ImportSite<'_>) {
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
        place: ImportSite<'_>,
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
        place: ImportSite<'_>,
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

    fn enqueue(&mut self, found: &Found, around: &[Package], place: ImportSite<'_>) {
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
}

/// Returns the full name of a relative import, such as `my_agent.tools` for `from .tools`.
fn full_name(start: Option<&[Package]>, module: &[Word]) -> String {
    let packages = start.unwrap_or_default();
    let packages = packages.iter().map(|package| package.name.as_str());
    let words = module.iter().map(|word| word.text.as_str());
    packages.chain(words).collect::<Vec<_>>().join(".")
}
