//! Resolves how an agent's modules reach each other: the module that a name refers to, and what
//! runs with a file.

use std::collections::BTreeSet;

use super::{
    module::{Import, code::Scope},
    sources::{Parsed, Sources},
};
use crate::python::standard::is_standard;

/// How many files a name is followed through.
const DEPTH: usize = 6;

/// What runs when a file is run.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pub(super) scopes: BTreeSet<(String, Scope)>,
    pub(super) modules: BTreeSet<String>,
}

impl Sources {
    /// Returns the module of the sources that `name` refers to in `module`, and the rest of the
    /// name. At least the first `least` parts name the module.
    pub(super) fn own<'n>(
        &self,
        module: &str,
        level: usize,
        name: &'n str,
        least: usize,
    ) -> Option<(String, &'n str)> {
        if level > 0 {
            let base = self.package_of(module, level)?;
            return self.longest(&base, name, least);
        }
        let top = name.split('.').next().unwrap_or_default();
        if is_standard(top) {
            return None;
        }
        let absolute = self.roots(module).iter().find_map(|root| {
            self.longest(root, name, least)
                .filter(|(found, _)| found != root)
        });
        // A module does not import itself: a library may have the folder's name and a module with
        // the file's.
        let by_own_name = || self.by_own_name(name).filter(|(found, _)| found != module);
        absolute.or_else(by_own_name)
    }

    /// Resolves `folder.module` for a module of the source's own folder.
    pub(super) fn by_own_name<'n>(&self, name: &'n str) -> Option<(String, &'n str)> {
        let (top, rest) = name.split_once('.').unwrap_or((name, ""));
        if top != self.folder || rest.is_empty() {
            return None;
        }
        match self.longest("", rest, 0)? {
            (found, rest) if !found.is_empty() => Some((found, rest)),
            // `from folder import answer`, which must be defined in `__init__.py`.
            (found, rest) => {
                let first = rest.split('.').next().unwrap_or_default();
                let first = first.trim_end_matches("()");
                let init = &self.modules.get(&found)?.module;
                let defines = init.functions.iter().any(|f| f.name == first)
                    || init.classes.iter().any(|c| c.name == first)
                    || init.code.globals.contains(first)
                    || init
                        .imports
                        .iter()
                        .any(|i| i.names.iter().any(|(_, n)| n == first));
                defines.then_some((found, rest))
            }
        }
    }

    /// Returns the folders in which a module's absolute imports are looked up: its own if it is
    /// run, the source, and those in between.
    fn roots(&self, module: &str) -> Vec<String> {
        let mut roots = Vec::new();
        let mut folder = Some(self.folder_of(module));
        while let Some(at) = folder {
            folder = at.rsplit_once('.').map(|(above, _)| above.to_owned());
            let at_top = at.is_empty();
            roots.push(at);
            if folder.is_none() && !at_top {
                folder = Some(String::new());
            }
        }
        if self.is_folder("src") && !roots.iter().any(|root| root == "src") {
            roots.push("src".to_owned());
        }
        roots
    }

    /// Returns the folder that contains a module, with dots.
    pub(super) fn folder_of(&self, module: &str) -> String {
        let is_package = self
            .modules
            .get(module)
            .is_some_and(|parsed| parsed.path.ends_with("__init__.py"));
        if is_package {
            return module.to_owned();
        }
        module
            .rsplit_once('.')
            .map_or(String::new(), |(folder, _)| folder.to_owned())
    }

    fn package_of(&self, module: &str, level: usize) -> Option<String> {
        let mut folder = self.folder_of(module);
        for _ in 1..level {
            if folder.is_empty() {
                return None;
            }
            folder = folder
                .rsplit_once('.')
                .map_or(String::new(), |(above, _)| above.to_owned());
        }
        Some(folder)
    }

    pub(super) fn is_folder(&self, name: &str) -> bool {
        self.modules
            .keys()
            .any(|module| module.starts_with(&format!("{name}.")))
    }

    /// Returns the longest prefix of `name` that is a module or a folder of modules below `root`,
    /// with at least `least` parts.
    fn longest<'n>(&self, root: &str, name: &'n str, least: usize) -> Option<(String, &'n str)> {
        let mut ends: Vec<usize> = name.match_indices('.').map(|(at, _)| at).collect();
        ends.push(name.len());
        let found = ends
            .into_iter()
            .skip(least.saturating_sub(1))
            .rev()
            .find_map(|end| {
                let key = joined(root, &name[..end]);
                let rest = name[end..].trim_start_matches('.');
                (self.modules.contains_key(&key) || self.is_folder(&key)).then_some((key, rest))
            });
        let itself = self.modules.contains_key(root) || root.is_empty();
        found.or_else(|| (itself && least == 0).then(|| (root.to_owned(), name)))
    }

    /// Returns the modules that an import runs.
    pub(super) fn imported(&self, module: &str, import: &Import) -> Vec<String> {
        let mut found = Vec::new();
        let mut add = |name: &str| {
            let words = import.words();
            if let Some((own, _)) = self.own(module, import.level, name, words)
                && own != module
            {
                found.push(own);
            }
        };
        if import.names.is_empty() {
            add(&import.module);
        }
        for (name, _) in &import.names {
            let whole = match import.module.as_str() {
                "" => name.clone(),
                module => format!("{module}.{name}"),
            };
            add(&whole);
        }
        // A package's `__init__.py` runs before its modules.
        let mut all = BTreeSet::new();
        for module in found {
            let mut at = module.as_str();
            loop {
                if self.modules.contains_key(at) {
                    all.insert(at.to_owned());
                }
                match at.rsplit_once('.') {
                    Some((above, _)) => at = above,
                    None => break,
                }
            }
        }
        all.into_iter().collect()
    }

    /// Returns what runs when `module`'s file is run.
    pub(super) fn reach(&self, module: &str) -> Reach {
        let mut reach = Reach::default();
        let mut pending = vec![
            (module.to_owned(), Scope::Module),
            (module.to_owned(), Scope::Main),
        ];
        while let Some((module, scope)) = pending.pop() {
            let Some(parsed) = self.modules.get(&module) else {
                continue;
            };
            if !reach.scopes.insert((module.clone(), scope.clone())) {
                continue;
            }
            if scope == Scope::Module {
                reach.modules.insert(module.clone());
                for import in &parsed.module.imports {
                    let imported = self.imported(&module, import).into_iter();
                    pending.extend(imported.map(|module| (module, Scope::Module)));
                }
            }
            let mentions = parsed.module.code.mentions.get(&scope);
            for name in mentions.into_iter().flatten() {
                pending.extend(self.mentioned(&module, parsed, name));
            }
        }
        reach
    }

    fn mentioned(&self, module: &str, parsed: &Parsed, name: &str) -> Option<(String, Scope)> {
        let first = name.split('.').next().unwrap_or_default();
        let first = first.trim_end_matches("()");
        if is_defined(parsed, first) {
            return Some((module.to_owned(), Scope::Named(first.to_owned())));
        }
        let level = name.len() - name.trim_start_matches('.').len();
        let (own, rest) = self.own(module, level, &name[level..], 0)?;
        let first = rest.split('.').next().unwrap_or_default();
        let first = first.trim_end_matches("()").to_owned();
        (own != module && !first.is_empty()).then_some((own, Scope::Named(first)))
    }

    /// Returns the full name of `name`'s value in `module`, followed into the agent's other
    /// modules.
    pub(super) fn expanded(&self, module: &str, name: &str) -> String {
        self.followed(module, name, DEPTH)
    }

    fn followed(&self, module: &str, name: &str, depth: usize) -> String {
        let whole = name.to_owned();
        let Some(parsed) = self.modules.get(module).filter(|_| depth > 0) else {
            return whole;
        };
        let level = name.len() - name.trim_start_matches('.').len();
        let (first, rest) = split_first(&name[level..]);
        // A function in this file.
        if level == 0
            && let Some(function) = first.strip_suffix("()")
            && let Some(returned) = parsed.module.code.returns.get(function)
            && is_defined(parsed, function)
        {
            return format!("{}{rest}", self.followed(module, returned, depth - 1));
        }
        let Some((own, rest)) = self.own(module, level, &name[level..], 0) else {
            return whole;
        };
        let Some(there) = self.modules.get(&own).filter(|_| own != module) else {
            return whole;
        };
        let (first, rest) = split_first(rest);
        let code = &there.module.code;
        let held = match first.strip_suffix("()") {
            Some(function) => code.returns.get(function),
            None => code.holds.get(first),
        };
        if let Some(held) = held {
            return format!("{}{rest}", self.followed(&own, held, depth - 1));
        }
        let again = there.module.imports.iter().find_map(|import| {
            let (name, _) = import.names.iter().find(|(_, local)| local == first)?;
            let dots = ".".repeat(import.level);
            let dot = if import.module.is_empty() { "" } else { "." };
            Some(format!("{dots}{}{dot}{name}", import.module))
        });
        match again {
            Some(again) => format!("{}{rest}", self.followed(&own, &again, depth - 1)),
            None => whole,
        }
    }
}

fn is_defined(parsed: &Parsed, name: &str) -> bool {
    parsed.module.functions.iter().any(|f| f.name == name)
        || parsed.module.classes.iter().any(|c| c.name == name)
}

/// Splits off the first part. The rest keeps its dot.
fn split_first(name: &str) -> (&str, &str) {
    name.find('.').map_or((name, ""), |at| name.split_at(at))
}

fn joined(root: &str, name: &str) -> String {
    if root.is_empty() {
        name.to_owned()
    } else {
        format!("{root}.{name}")
    }
}
