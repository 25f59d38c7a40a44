//! uv's settings that affect what is installed: the indexes and the versions.
//!
//! uv does not read the project's files itself. The relevant settings are read from the project's
//! and the user's files here, and passed to uv in a generated file.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use toml_edit::{Array, InlineTable, Item, TableLike, Value};

/// The file's owner. A project's file may not weaken the user's security settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Project,
    User,
}

/// Settings that affect which packages are installed, and from where.
const DECIDING: [&str; 15] = [
    "index",
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "index-strategy",
    "prerelease",
    "resolution",
    "fork-strategy",
    "exclude-newer",
    "exclude-newer-package",
    "constraint-dependencies",
    "override-dependencies",
    "exclude-dependencies",
    "torch-backend",
];

/// Settings for a user's network, credentials and caches.
const REACHING: [&str; 17] = [
    "keyring-provider",
    "allow-insecure-host",
    "native-tls",
    "system-certs",
    "offline",
    "no-cache",
    "cache-dir",
    "concurrent-downloads",
    "concurrent-installs",
    "http-proxy",
    "https-proxy",
    "no-proxy",
    "link-mode",
    "python-preference",
    "python-downloads",
    "python-install-mirror",
    "trusted-host",
];

/// Settings that would run code of the checkout or of a package.
const BUILDING: [&str; 13] = [
    "no-binary",
    "no-binary-package",
    "no-build",
    "no-build-package",
    "only-binary",
    "no-build-isolation",
    "no-build-isolation-package",
    "extra-build-dependencies",
    "extra-build-variables",
    "build-constraint-dependencies",
    "build-constraints",
    "config-settings",
    "config-settings-package",
];

/// Settings in the form of a `uv.toml`.
#[derive(Debug, Clone, Default)]
pub(crate) struct IndexSettings {
    top: BTreeMap<String, Value>,
    /// The table `[pip]`, which overrides the others.
    pip: BTreeMap<String, Value>,
}

/// A setting that is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignored {
    pub(crate) span: Range<usize>,
    pub(crate) key: String,
    pub(crate) why: &'static str,
}

const BUILDS: &str =
    "only wheels are installed, and no code of a package runs before it is deployed";
const GUARDS: &str = "it belongs in your own configuration of uv or in its environment variable";

/// Reads a `uv.toml`, or the table `tool.uv` in a `pyproject.toml`.
pub(crate) fn read(table: &dyn TableLike, whose: Whose) -> (IndexSettings, Vec<Ignored>) {
    let mut ignored = Vec::new();
    let top = taken(table, whose, &mut ignored);
    let pip = match table.get("pip").and_then(Item::as_table_like) {
        Some(pip) => taken(pip, whose, &mut ignored),
        None => BTreeMap::new(),
    };
    (IndexSettings { top, pip }, ignored)
}

fn taken(
    table: &dyn TableLike,
    whose: Whose,
    ignored: &mut Vec<Ignored>,
) -> BTreeMap<String, Value> {
    let mut taken = BTreeMap::new();
    for (key, item) in table.iter() {
        let why = if DECIDING.contains(&key) {
            None
        } else if REACHING.contains(&key) {
            match whose {
                Whose::User => None,
                // The project's settings for convenience do not matter here.
                Whose::Project if ["keyring-provider", "allow-insecure-host"].contains(&key) => {
                    Some(GUARDS)
                }
                Whose::Project => continue,
            }
        } else if BUILDING.contains(&key) {
            // `no-build = true` and `only-binary = [":all:"]` match what is done anyway.
            let agrees = item.as_bool() == Some(key == "no-build") || key.starts_with("only-");
            match whose {
                Whose::Project if !agrees => Some(BUILDS),
                _ => continue,
            }
        } else {
            continue;
        };
        match (why, value(item)) {
            (Some(why), _) => ignored.push(Ignored {
                span: table
                    .key(key)
                    .and_then(toml_edit::Key::span)
                    .or(item.span())
                    .unwrap_or_default(),
                key: key.to_owned(),
                why,
            }),
            (None, Some(value)) => {
                taken.insert(key.to_owned(), value);
            }
            (None, None) => {}
        }
    }
    taken
}

/// Converts an item to a value; arrays of tables become arrays of inline tables.
fn value(item: &Item) -> Option<Value> {
    let mut value = match item {
        Item::None => return None,
        Item::Value(value) => value.clone(),
        Item::Table(table) => Value::InlineTable(table.clone().into_inline_table()),
        Item::ArrayOfTables(tables) => Value::Array(
            tables
                .iter()
                .map(|table| Value::InlineTable(table.clone().into_inline_table()))
                .collect::<Array>(),
        ),
    };
    plain(&mut value);
    Some(value)
}

/// Removes comments and line breaks, which an inline table cannot contain.
fn plain(value: &mut Value) {
    match value {
        Value::Array(array) => {
            array.set_trailing("");
            array.set_trailing_comma(false);
            array.iter_mut().for_each(plain);
        }
        Value::InlineTable(table) => {
            table.fmt();
            for (_, value) in table.iter_mut() {
                plain(value);
            }
        }
        _ => {}
    }
    value.decor_mut().clear();
}

impl IndexSettings {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { top, pip } = self;
        top.is_empty() && pip.is_empty()
    }

    /// Merges with other settings; these take precedence. Lists are joined.
    pub(crate) fn over(mut self, others: Self) -> Self {
        let Self { top, pip } = others;
        join(&mut self.top, top);
        join(&mut self.pip, pip);
        self
    }

    /// Makes relative paths absolute; returns all paths.
    pub(crate) fn anchor(&mut self, directory: &Path) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for values in [&mut self.top, &mut self.pip] {
            for (key, value) in values.iter_mut() {
                match (key.as_str(), value) {
                    ("index", Value::Array(indexes)) => {
                        for index in indexes.iter_mut().filter_map(Value::as_inline_table_mut) {
                            if let Some(url) = index.get_mut("url") {
                                anchor(url, directory, &mut paths);
                            }
                        }
                    }
                    ("find-links" | "extra-index-url", Value::Array(list)) => {
                        for place in list.iter_mut() {
                            anchor(place, directory, &mut paths);
                        }
                    }
                    ("index-url" | "find-links" | "extra-index-url", place) => {
                        anchor(place, directory, &mut paths);
                    }
                    _ => {}
                }
            }
        }
        paths
    }

    /// Returns the text of a `uv.toml`.
    pub(crate) fn text(&self) -> String {
        let Self { top, pip } = self;
        let mut document = toml_edit::DocumentMut::new();
        for (key, value) in top {
            document.insert(key, Item::Value(value.clone()));
        }
        if !pip.is_empty() {
            let mut table = toml_edit::Table::new();
            for (key, value) in pip {
                table.insert(key, Item::Value(value.clone()));
            }
            document.insert("pip", Item::Table(table));
        }
        document.to_string()
    }

    /// Returns the named indexes, each with its declaration.
    pub(crate) fn named_indexes(&self) -> Vec<(String, InlineTable)> {
        let indexes = self.top.get("index").and_then(Value::as_array);
        indexes
            .into_iter()
            .flatten()
            .filter_map(Value::as_inline_table)
            .filter_map(|index| Some((index.get("name")?.as_str()?.to_owned(), index.clone())))
            .collect()
    }
}

fn join(ours: &mut BTreeMap<String, Value>, theirs: BTreeMap<String, Value>) {
    for (key, value) in theirs {
        match ours.get_mut(&key) {
            None => {
                ours.insert(key, value);
            }
            Some(Value::Array(list)) => {
                for value in value.as_array().into_iter().flatten() {
                    list.push(value.clone());
                }
            }
            Some(_) => {}
        }
    }
}

fn anchor(place: &mut Value, directory: &Path, paths: &mut Vec<PathBuf>) {
    let Some(text) = place.as_str() else {
        return;
    };
    let path = match text.strip_prefix("file://") {
        Some(path) => PathBuf::from(path.trim_start_matches("localhost")),
        None if text.contains("://") => return,
        None => directory.join(text),
    };
    *place = Value::from(path.to_string_lossy().into_owned());
    paths.push(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, whose: Whose) -> (IndexSettings, Vec<Ignored>) {
        let document = toml_edit::Document::parse(text).expect("it is TOML");
        read(document.as_table(), whose)
    }

    #[test]
    fn indexes_are_taken_and_what_would_build_is_pointed_at() {
        let text = "no-binary-package = [\"a\"]\nno-build = true\n[[index]]\nname = \"corp\"\n\
                    # where\nurl = \"https://h/simple\"\n[pip]\nindex-strategy = \"unsafe-best-match\"\n\
                    no-build = false\n";
        let (settings, ignored) = of(text, Whose::Project);
        assert_eq!(
            settings.text(),
            "index = [{ name = \"corp\", url = \"https://h/simple\" }]\n\n[pip]\n\
             index-strategy = \"unsafe-best-match\"\n"
        );
        let keys: Vec<&str> = ignored
            .iter()
            .map(|ignored| &text[ignored.span.clone()])
            .collect();
        assert_eq!(keys, ["no-binary-package", "no-build"]);
        assert!(ignored[1].span.start > 50);
    }

    #[test]
    fn a_project_cannot_ask_for_a_keyring_and_a_user_can() {
        let text = "keyring-provider = \"subprocess\"\ncache-dir = \"/c\"\n";
        let (project, ignored) = of(text, Whose::Project);
        assert!(project.is_empty());
        assert_eq!(ignored.len(), 1);
        let (user, ignored) = of(text, Whose::User);
        assert_eq!(
            user.text(),
            "cache-dir = \"/c\"\nkeyring-provider = \"subprocess\"\n"
        );
        assert!(ignored.is_empty());
    }

    #[test]
    fn the_projects_settings_come_before_the_users() {
        let (project, _) = of(
            "resolution = \"lowest\"\nfind-links = [\"a\"]\n",
            Whose::Project,
        );
        let (user, _) = of(
            "resolution = \"highest\"\nprerelease = \"allow\"\nfind-links = [\"b\"]\n",
            Whose::User,
        );
        assert_eq!(
            project.over(user).text(),
            "find-links = [\"a\", \"b\"]\nprerelease = \"allow\"\nresolution = \"lowest\"\n"
        );
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let (mut settings, _) = of(
            "find-links = [\"wheels\", \"https://h/w\"]\n[[index]]\nurl = \"file:///w\"\n",
            Whose::Project,
        );
        let paths = settings.anchor(Path::new("/p"));
        assert_eq!(paths, [Path::new("/p/wheels"), Path::new("/w")]);
        assert!(
            settings
                .text()
                .contains("find-links = [\"/p/wheels\", \"https://h/w\"]")
        );
    }
}
