//! Parses a `uv.lock`: the source of each package that the project needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml_edit::{ArrayOfTables, Item, Table};

/// The packages in a lock, by source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// Required packages on this machine: name, path, position.
    pub(crate) local: Vec<(String, String, Range<usize>)>,
    /// Packages that would have to be built: their source and its position.
    pub(crate) sources: Vec<(String, Range<usize>)>,
    /// The index of each package.
    pub(crate) registries: BTreeMap<String, String>,
    /// The folders of all members and other packages on this machine, required or not.
    pub(crate) folders: Vec<String>,
    /// Required packages from an index, once for each version.
    pub(crate) pins: Vec<Pin>,
    /// The project's direct requirements, by name.
    pub(crate) direct: BTreeSet<String>,
}

/// A package from an index, with its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pin {
    name: String,
    version: String,
    /// If the lock has several versions of the package: the markers of this version's environments,
    /// one of which must match.
    markers: Vec<String>,
}

impl Pin {
    /// Returns a line of a requirements file.
    pub(crate) fn line(&self) -> String {
        let Self {
            name,
            version,
            markers,
        } = self;
        let markers = match &markers[..] {
            [] => String::new(),
            [one] => format!(" ; {one}"),
            several => format!(" ; ({})", several.join(") or (")),
        };
        format!("{name}=={version}{markers}")
    }
}

/// Reads what the project `root` needs; returns `None` if the lock does not contain the project.
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
            found.pins.extend(pin_of(package));
            found.registries.insert(name.to_owned(), index.to_owned());
        } else if let Some(path) = word("path") {
            found.local.push((name.to_owned(), path.to_owned(), span));
        } else if let Some(path) = path_of(package) {
            // A virtual package has no files.
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
    found.pins.sort();
    let own = packages.iter().filter(|package| name_of(package) == root);
    found.direct = own.flat_map(needs).collect();
    Ok(Some(found))
}

fn pin_of(package: &Table) -> Option<Pin> {
    let markers = package.get("resolution-markers").and_then(Item::as_array);
    let markers = markers.into_iter().flatten();
    Some(Pin {
        name: name_of(package).to_owned(),
        version: package.get("version")?.as_str()?.to_owned(),
        markers: markers
            .filter_map(|marker| marker.as_str().map(str::to_owned))
            .collect(),
    })
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

/// Returns the packages that one needs, including itself, on any platform.
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
    // Extras of the project itself are not installed; uv handles those of other packages.
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
    fn each_version_is_a_line_with_the_environments_that_it_is_for() {
        let package = |name: &str, version: &str, more: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"https://pypi.org/simple\" }}\n{more}\n"
            )
        };
        let text = [
            "version = 1\n[[package]]\nname = \"app\"\nsource = { virtual = \".\" }\ndependencies = [\n  { name = \"numpy\", version = \"1.26\" },\n  { name = \"httpx\" },\n]\n".to_owned(),
            package("numpy", "1.26", "resolution-markers = [\"python_version < '3.11'\", \"os_name == 'nt'\"]"),
            package("numpy", "2.2", "resolution-markers = [\"python_version >= '3.11'\"]"),
            package("httpx", "0.28.1", "dependencies = [{ name = \"idna\", marker = \"m\" }]"),
            package("idna", "3.10", ""),
            package("unneeded", "1", ""),
        ]
        .concat();
        let found = read(&text, "app")
            .expect("it is TOML")
            .expect("it is there");
        let lines: Vec<String> = found.pins.iter().map(Pin::line).collect();
        assert_eq!(
            lines,
            [
                "httpx==0.28.1",
                "idna==3.10",
                "numpy==1.26 ; (python_version < '3.11') or (os_name == 'nt')",
                "numpy==2.2 ; python_version >= '3.11'",
            ]
        );
        assert_eq!(found.direct, ["httpx", "numpy"].map(str::to_owned).into());
    }

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
