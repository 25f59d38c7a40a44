//! The `pyproject.toml` and `uv.toml` files in a folder and its parents, up to the checkout's root:
//! indexes, and packages from other sources.

use std::path::{Path, PathBuf};

use crate::{
    effects::{files, path::real_path, programs::Checkout},
    error::{Exit, Failure, Message, Snippet},
    package::{
        index_settings::{self, IndexSettings, Whose},
        requirements::pyproject::{self, Pyproject, Source, poetry},
    },
};

/// Resolves links; returns the path unchanged if it does not exist.
pub(crate) fn real(path: &Path) -> PathBuf {
    real_path(path).unwrap_or_else(|_| path.to_owned())
}

/// A folder with a `pyproject.toml`.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) pyproject: Pyproject,
}

impl Folder {
    pub(crate) fn at(&self, span: std::ops::Range<usize>) -> Snippet {
        Snippet {
            file: self.path.join("pyproject.toml"),
            text: self.text.clone(),
            span,
            label: String::new(),
        }
    }
}

/// All these folders, nearest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    pub(crate) folders: Vec<Folder>,
    pub(crate) settings: IndexSettings,
    /// Folders and files that the settings name.
    pub(crate) places: Vec<PathBuf>,
    pub(crate) warnings: Vec<Message>,
}

impl Around {
    pub(crate) fn of(folder: &Path, checkout: &Checkout) -> Result<Self, Failure> {
        let mut around = Self::default();
        for at in folder.ancestors() {
            if at != folder && !checkout.holds(at) {
                break;
            }
            around.add(at)?;
        }
        Ok(around)
    }

    fn add(&mut self, at: &Path) -> Result<(), Failure> {
        let file = at.join("uv.toml");
        if let Some(text) = files::read_text(&file)? {
            self.settings_of(&file, &text, &[])?;
        }
        let file = at.join("pyproject.toml");
        let Some(text) = files::read_text(&file)? else {
            return Ok(());
        };
        let pyproject = pyproject::read(&text)
            .map_err(|(span, label)| not_toml(&file, text.clone(), span, label))?;
        if pyproject.has_tool_uv {
            self.settings_of(&file, &text, &["tool", "uv"])?;
        }
        let indexes = poetry::indexes(&text);
        if !indexes.is_empty() {
            let list: Vec<String> = indexes
                .iter()
                .map(|index| {
                    format!(
                        "[[index]]\nname = {}\nurl = {}\nexplicit = {}\n",
                        toml_edit::Value::from(index.name.as_str()),
                        toml_edit::Value::from(index.url.as_str()),
                        index.explicit
                    )
                })
                .collect();
            self.settings_of(&file, &list.concat(), &[])?;
        }
        self.folders.push(Folder {
            path: at.to_owned(),
            text,
            pyproject,
        });
        Ok(())
    }

    /// Reads the settings in a table of a file.
    fn settings_of(&mut self, file: &Path, text: &str, table: &[&str]) -> Result<(), Failure> {
        let document = toml_edit::Document::parse(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            not_toml(file, text.to_owned(), span, error.message().to_owned())
        })?;
        let mut at: &dyn toml_edit::TableLike = document.as_table();
        for key in table {
            match at.get(key).and_then(toml_edit::Item::as_table_like) {
                Some(table) => at = table,
                None => return Ok(()),
            }
        }
        let (mut settings, ignored) = index_settings::read(at, Whose::Project);
        self.places
            .extend(settings.anchor(file.parent().unwrap_or(file)));
        self.settings = std::mem::take(&mut self.settings).over(settings);
        self.warnings.extend(ignored.into_iter().map(|ignored| {
            Message::new(format!("`{}` has no effect here", ignored.key))
                .at(Snippet {
                    file: file.to_owned(),
                    text: text.to_owned(),
                    span: ignored.span,
                    label: String::new(),
                })
                .note(ignored.why)
        }));
        Ok(())
    }

    /// Returns a package's source, and the folder that declares it.
    pub(crate) fn source(&self, name: &str) -> Option<(&Folder, &Source)> {
        self.folders.iter().find_map(|folder| {
            let mut sources = folder.pyproject.sources.iter();
            Some((folder, sources.find(|source| source.name == name)?))
        })
    }

    /// Returns the folder of a workspace member.
    pub(crate) fn member(&self, name: &str) -> Result<Option<PathBuf>, Failure> {
        for root in &self.folders {
            let Some(workspace) = &root.pyproject.workspace else {
                continue;
            };
            let is_named = |pyproject: &Pyproject| {
                let own = pyproject.name.as_deref();
                own.is_some_and(|own| crate::package::requirements::normalized(own) == name)
            };
            if is_named(&root.pyproject) {
                return Ok(Some(root.path.clone()));
            }
            for pattern in &workspace.members {
                for folder in expand(&root.path, pattern)? {
                    let Some(text) = files::read_text(&folder.join("pyproject.toml"))? else {
                        continue;
                    };
                    if pyproject::read(&text).is_ok_and(|pyproject| is_named(&pyproject)) {
                        return Ok(Some(folder));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Returns the folders that match a pattern such as `packages/*`.
fn expand(root: &Path, pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut found = vec![root.to_owned()];
    for part in pattern.split('/').filter(|part| !["", "."].contains(part)) {
        if !part.contains(['*', '?', '[']) {
            for folder in &mut found {
                folder.push(part);
            }
            continue;
        }
        let Ok(glob) = globset::Glob::new(part) else {
            return Ok(Vec::new());
        };
        let glob = glob.compile_matcher();
        let mut next = Vec::new();
        for folder in found.iter().filter(|folder| folder.is_dir()) {
            let names = files::names_in(folder)?;
            next.extend(
                names
                    .iter()
                    .filter(|name| glob.is_match(name.as_str()))
                    .map(|name| folder.join(name)),
            );
        }
        found = next;
    }
    Ok(found)
}

fn not_toml(file: &Path, text: String, span: std::ops::Range<usize>, label: String) -> Failure {
    let message = Message::new(format!("`{}` is not valid TOML", file.display())).at(Snippet {
        file: file.to_owned(),
        text,
        span,
        label,
    });
    Failure {
        exit: Exit::Config,
        messages: vec![message],
    }
}
