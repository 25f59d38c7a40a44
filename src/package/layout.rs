//! Where a Python project has its packages, so that they can be shipped without building it.

use std::ops::Range;

use toml_edit::{Item, TableLike};

use super::requirements::{normalized, pyproject::Pyproject};

/// Directories of packages or single modules to check, relative to the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The project names them: all must exist.
    Named(Vec<Part>),
    /// The usual places: the first existing one is used.
    Custom(Vec<Part>),
}

/// A package's directory, or a module's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// With `/`, relative to the project.
    pub(crate) path: String,
    /// The name in the archive.
    pub(crate) name: String,
}

/// Extensions of files that need a build or a compiler.
const BUILT: [&str; 7] = ["pyx", "pxd", "c", "cc", "cpp", "rs", "f90"];

/// Returns true for a file that must be compiled.
pub(crate) fn is_compiled(path: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, ending)| BUILT.contains(&ending))
}

/// Returns the layout, or the position of a setting that needs a build.
pub(crate) fn of(text: &str, project: &Pyproject) -> Result<Layout, Range<usize>> {
    let document = toml_edit::Document::parse(text).map_err(|_| 0..0)?;
    let tool = document.get("tool").and_then(Item::as_table_like);
    let table = |path: &[&str]| -> Option<&dyn TableLike> {
        let mut at = tool?;
        for key in path {
            at = at.get(key)?.as_table_like()?;
        }
        Some(at)
    };
    let wheel = table(&["hatch", "build", "targets", "wheel"]);
    let refused = [
        (wheel, "force-include"),
        (wheel, "sources"),
        (table(&["hatch", "build"]), "hooks"),
        (table(&["setuptools"]), "ext-modules"),
        (table(&["poetry"]), "build"),
        (tool, "maturin"),
        (tool, "scikit-build"),
        (tool, "meson-python"),
    ];
    for (table, key) in refused {
        if let Some(item) = table.and_then(|table| table.get(key)) {
            return Err(item.span().unwrap_or_default());
        }
    }
    let named = named(&table, wheel);
    if !named.is_empty() {
        return Ok(Layout::Named(named));
    }
    let name = normalized(project.name.as_deref().unwrap_or_default()).replace('-', "_");
    let written = project
        .name
        .as_deref()
        .unwrap_or_default()
        .replace(['-', '.'], "_");
    let mut names = vec![name];
    if !names.contains(&written) {
        names.push(written);
    }
    let places = names.into_iter().flat_map(|name| {
        ["src/", "", "lib/"].into_iter().flat_map({
            let name = name.clone();
            move |folder| {
                [(name.clone(), ""), (name.clone(), ".py")].map(|(name, ending)| Part {
                    path: format!("{folder}{name}{ending}"),
                    name: format!("{name}{ending}"),
                })
            }
        })
    });
    Ok(Layout::Custom(places.collect()))
}

/// Reads the settings of build backends that need no build.
fn named<'t>(
    table: &dyn Fn(&[&str]) -> Option<&'t dyn TableLike>,
    hatch: Option<&'t dyn TableLike>,
) -> Vec<Part> {
    let word = |table: Option<&'t dyn TableLike>, key| table?.get(key)?.as_str();
    let mut parts = Vec::new();
    for path in strings(hatch, "packages") {
        let path = path.trim_matches('/');
        let name = path.rsplit('/').next().unwrap_or(path);
        parts.push(Part {
            path: path.to_owned(),
            name: name.to_owned(),
        });
    }
    let uv = table(&["uv", "build-backend"]);
    if let Some(module) = word(uv, "module-name") {
        let root = word(uv, "module-root").unwrap_or("src").trim_matches('/');
        parts.push(below(root, module));
    }
    let poetry = table(&["poetry"]).and_then(|table| table.get("packages")?.as_array());
    for package in poetry
        .into_iter()
        .flatten()
        .filter_map(toml_edit::Value::as_inline_table)
    {
        let word = |key| package.get(key).and_then(toml_edit::Value::as_str);
        if let Some(include) = word("include").filter(|name| !name.contains(['*', '/'])) {
            parts.push(below(word("from").unwrap_or_default(), include));
        }
    }
    let setuptools = table(&["setuptools"]);
    let folder = setuptools
        .and_then(|table| table.get("package-dir")?.as_table_like()?.get("")?.as_str())
        .unwrap_or_default();
    for package in strings(setuptools, "packages") {
        // Subpackages are in the package's folder.
        if !package.contains('.') {
            parts.push(below(folder, package));
        }
    }
    for module in strings(setuptools, "py-modules") {
        parts.push(below(folder, &format!("{module}.py")));
    }
    parts
}

fn below(folder: &str, name: &str) -> Part {
    let folder = folder.trim_matches(['/', '.']);
    Part {
        path: match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        },
        name: name.to_owned(),
    }
}

fn strings<'t>(table: Option<&'t dyn TableLike>, key: &str) -> Vec<&'t str> {
    let list = table.and_then(|table| table.get(key)?.as_array());
    list.into_iter()
        .flatten()
        .filter_map(toml_edit::Value::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::requirements::pyproject, *};

    fn layout(text: &str) -> Result<Layout, Range<usize>> {
        of(text, &pyproject::read(text).expect("it is TOML"))
    }

    fn named(text: &str) -> Vec<(String, String)> {
        let Ok(Layout::Named(parts)) = layout(text) else {
            panic!("{text}");
        };
        parts
            .into_iter()
            .map(|part| (part.path, part.name))
            .collect()
    }

    #[test]
    fn without_a_word_the_customary_places_are_looked_at() {
        let Ok(Layout::Custom(parts)) = layout("[project]\nname = \"My-Lib\"\n") else {
            panic!("no place is named");
        };
        let paths: Vec<&str> = parts.iter().map(|part| part.path.as_str()).collect();
        assert_eq!(
            paths[..4],
            ["src/my_lib", "src/my_lib.py", "my_lib", "my_lib.py"]
        );
        assert!(paths.contains(&"src/My_Lib"));
    }

    #[test]
    fn what_backends_are_told_in_words_is_followed() {
        let pair = |path: &str, name: &str| (path.to_owned(), name.to_owned());
        for (text, path, name) in [
            (
                "[tool.hatch.build.targets.wheel]\npackages = [\"lib/a\"]\n",
                "lib/a",
                "a",
            ),
            (
                "[tool.uv.build-backend]\nmodule-name = \"b\"\nmodule-root = \"\"\n",
                "b",
                "b",
            ),
            (
                "[tool.poetry]\npackages = [{ include = \"c\", from = \"src\" }]\n",
                "src/c",
                "c",
            ),
            (
                "[tool.setuptools]\npackages = [\"d\", \"d.e\"]\npackage-dir = { \"\" = \"src\" }\n",
                "src/d",
                "d",
            ),
            ("[tool.setuptools]\npy-modules = [\"m\"]\n", "m.py", "m.py"),
        ] {
            let text = format!("[project]\nname = \"x\"\n{text}");
            assert_eq!(named(&text), [pair(path, name)], "{text}");
        }
    }

    #[test]
    fn what_only_a_build_can_follow_is_pointed_at() {
        let text = "[project]\nname = \"x\"\n[tool.hatch.build.hooks.custom]\n";
        assert!(layout(text).is_err());
        assert!(layout("[project]\nname = \"x\"\n[tool.maturin]\n").is_err());
        assert!(is_compiled("a/b.pyx") && !is_compiled("a/b.py"));
    }
}
