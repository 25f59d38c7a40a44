//! A `uv.lock`: where each package that the project needs is taken from.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml_edit::{ArrayOfTables, Item, Table};

/// What the lock says of packages that do not come from the index that everybody asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// Packages on this machine that the project needs: name, path, place.
    pub(crate) local: Vec<(String, String, Range<usize>)>,
    /// Packages that would have to be built: what they are taken from, with its place.
    pub(crate) sources: Vec<(String, Range<usize>)>,
    /// The index of each package.
    pub(crate) registries: BTreeMap<String, String>,
    /// The folder of each member and of each other package on this machine, needed or not.
    pub(crate) folders: Vec<String>,
}

/// Reads what the project called `root` needs; `None` where the lock knows no such project.
pub(crate) fn read(text: &str, root: &str) -> Result<Option<Locked>, (Range<usize>, String)> {
    let document = toml_edit::Document::parse(text)
        .map_err(|error| (error.span().unwrap_or(0..0), error.message().to_owned()))?;
    let Some(packages) = document.get("package").and_then(Item::as_array_of_tables) else {
        return Ok(None);
    };
    let mut found = Locked::default();
    for package in packages {
        if let Some(path) = path_of(package) {
            found.folders.push(path.to_owned());
        }
    }
    if !packages.iter().any(|package| name_of(package) == root) {
        return Ok(None);
    }
    for package in reached(packages, root) {
        let name = name_of(package);
        let Some(source) = package.get("source").and_then(Item::as_table_like) else {
            continue;
        };
        let span = package
            .get("source")
            .and_then(Item::span)
            .unwrap_or_default();
        let word = |key| source.get(key).and_then(Item::as_str);
        if let Some(index) = word("registry") {
            found.registries.insert(name.to_owned(), index.to_owned());
        } else if let Some(path) = word("path") {
            found.local.push((name.to_owned(), path.to_owned(), span));
        } else if let Some(path) = path_of(package) {
            // A virtual package has no files of its own.
            if name != root && !source.contains_key("virtual") {
                found.local.push((name.to_owned(), path.to_owned(), span));
            }
        } else if let Some(address) = word("git")
            .or(word("url"))
            .filter(|url| !super::is_wheel(url))
        {
            found.sources.push((address.to_owned(), span));
        }
    }
    Ok(Some(found))
}

fn name_of(package: &Table) -> &str {
    package
        .get("name")
        .and_then(Item::as_str)
        .unwrap_or_default()
}

fn path_of(package: &Table) -> Option<&str> {
    let source = package.get("source")?.as_table_like()?;
    ["editable", "directory", "virtual"]
        .iter()
        .find_map(|key| source.get(key)?.as_str())
}

/// The packages that one needs, itself included, whatever the platform.
fn reached<'t>(packages: &'t ArrayOfTables, root: &str) -> Vec<&'t Table> {
    let mut seen = BTreeSet::from([root.to_owned()]);
    let mut next = vec![root.to_owned()];
    while let Some(name) = next.pop() {
        for package in packages.iter().filter(|package| name_of(package) == name) {
            for needed in needs(package) {
                if seen.insert(needed.clone()) {
                    next.push(needed);
                }
            }
        }
    }
    packages
        .iter()
        .filter(|package| seen.contains(name_of(package)))
        .collect()
}

fn needs(package: &Table) -> Vec<String> {
    // Extras of the project itself are not installed; those of others are told apart by uv.
    let list = package.get("dependencies").and_then(Item::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|needed| Some(needed.as_inline_table()?.get("name")?.as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_project_needs_counts() {
        let text = "version = 1\n[[package]]\nname = \"app\"\nsource = { virtual = \".\" }\n\
                    dependencies = [\n  { name = \"shared\" },\n  { name = \"torch\", marker = \"x\" },\n]\n\
                    [package.dev-dependencies]\ndev = [{ name = \"tool\" }]\n\
                    [[package]]\nname = \"shared\"\nsource = { editable = \"packages/shared\" }\n\
                    dependencies = [{ name = \"g\" }]\n\
                    [[package]]\nname = \"torch\"\nsource = { registry = \"https://h/torch\" }\n\
                    [[package]]\nname = \"g\"\nsource = { git = \"https://h/g#00\" }\n\
                    [[package]]\nname = \"tool\"\nsource = { git = \"https://h/tool#00\" }\n";
        let found = read(text, "app").expect("it is TOML").expect("it is there");
        let local: Vec<(&str, &str)> = found
            .local
            .iter()
            .map(|(name, path, _)| (name.as_str(), path.as_str()))
            .collect();
        assert_eq!(local, [("shared", "packages/shared")]);
        assert_eq!(found.sources.len(), 1);
        assert_eq!(
            &text[found.sources[0].1.clone()],
            "{ git = \"https://h/g#00\" }"
        );
        assert_eq!(found.registries["torch"], "https://h/torch");
        assert_eq!(found.folders, [".", "packages/shared"]);
        assert_eq!(read(text, "other").expect("it is TOML"), None);
    }
}
