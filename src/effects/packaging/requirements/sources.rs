//! Requirements, which come from an index or from other sources. A name with a source is never
//! searched on an index.

use std::path::{Path, PathBuf};

use super::{
    Around, BUILD, Beside, Folder,
    nearby_settings::real,
    reading::{Reading, address_of, to_be_built},
};
use crate::{
    effects::files,
    error::{Failure, Message, Snippet},
    package::{
        layout::{self, Layout, Part},
        requirements::{
            self, Origin, Requirement, normalized,
            pyproject::{From, Source},
        },
    },
};

impl Reading<'_> {
    /// Adds a requirement from a folder, wherever it comes from.
    pub(super) fn require(
        &mut self,
        text: &str,
        folder: &Path,
        at: Snippet,
    ) -> Result<(), Failure> {
        let required = Requirement::read(text);
        match required.place() {
            Origin::Index => require_by_name(self, text, &required, folder, at)?,
            Origin::WheelAt(_) => self.install(text.to_owned(), at),
            Origin::Sources(address) => self.problems.push(to_be_built(&address, at)),
            Origin::Local(path) => {
                self.local(&folder.join(&path), &path, &required, at)?;
            }
        }
        Ok(())
    }

    /// Adds a wheel or a plain Python project on this machine.
    pub(super) fn local(
        &mut self,
        path: &Path,
        shown: &str,
        required: &Requirement,
        at: Snippet,
    ) -> Result<(), Failure> {
        if path.is_dir() {
            return lay_out(self, &real(path), &required.extras, at);
        }
        if !files::exists(path) {
            self.problems
                .push(Message::new(format!("`{}` does not exist", path.display())).at(at));
            return Ok(());
        }
        if !requirements::is_wheel(&path.to_string_lossy()) {
            self.problems.push(to_be_built(shown, at));
            return Ok(());
        }
        match files::hash_file(path) {
            Ok(hash) => {
                self.seen("wheel", hash.as_bytes());
                self.seen("as", required.found_at("").as_bytes());
                let address = address_of(&real(path));
                let text = if required.name.is_empty() {
                    address
                } else {
                    required.found_at(&address)
                };
                // The address depends on this machine, so only the content is hashed.
                self.inputs.requirements.push((text, at));
            }
            Err(error) => self.problems.push(Message::new(error.to_string()).at(at)),
        }
        Ok(())
    }

    /// Adds a project's requirements, with the requested extras.
    pub(super) fn project(&mut self, folder: &Path, extras: &[String]) -> Result<(), Failure> {
        let around = self.around(folder)?;
        let Some(own) = around.folders.first().filter(|own| own.path == folder) else {
            super::read(&folder.join("pyproject.toml"))?;
            return Ok(());
        };
        if let Some(span) = own.pyproject.dynamic.clone() {
            self.problems.push(
                Message::new("the dependencies are dynamic: only the project's build backend knows them, and nothing is built")
                    .at(own.at(span))
                    .help("list them in `project.dependencies`")
                    .help("or run `uv pip compile pyproject.toml -o requirements.txt`, and name that file in the agent's `requirements`"),
            );
        }
        for (span, text) in &own.pyproject.dependencies {
            self.require(text, folder, own.at(span.clone()))?;
        }
        for extra in extras.iter().map(|extra| normalized(extra)) {
            let lists = own.pyproject.optional.iter();
            for (_, list) in lists.filter(|(name, _)| *name == extra) {
                for (span, text) in list {
                    self.require(text, folder, own.at(span.clone()))?;
                }
            }
        }
        Ok(())
    }
}

/// Adds a requirement without an address.
fn require_by_name(
    reading: &mut Reading<'_>,
    text: &str,
    required: &Requirement,
    folder: &Path,
    at: Snippet,
) -> Result<(), Failure> {
    let around = reading.around(folder)?;
    let name = required.normalized();
    let Some((declaring, source)) = around.source(&name) else {
        reading.install(text.to_owned(), at);
        return Ok(());
    };
    let place = declaring.at(source.span.clone());
    match &source.from {
        From::Index(index) => reading.pin(text.to_owned(), index.clone()),
        From::Workspace => match around.member(&name)? {
            Some(member) => lay_out(reading, &real(&member), &required.extras, place)?,
            None => reading.problems.push(
                Message::new(format!("no member of the workspace is called `{name}`")).at(place),
            ),
        },
        From::Path(path) => {
            let from = declaring.path.join(path);
            reading.local(&from, path, required, place)?;
        }
        From::Url(address) => match requirements::place(address) {
            Origin::WheelAt(_) => reading.install(required.found_at(address), place),
            _ => reading.problems.push(to_be_built(address, place)),
        },
        From::Git(address) => reading
            .problems
            .push(to_be_built(&format!("git+{address}"), place)),
        From::Other => reading.problems.push(not_understood(source, place)),
    }
    Ok(())
}

fn not_understood(source: &Source, at: Snippet) -> Message {
    Message::new(format!(
        "the source of `{}` depends on more than is known before the installation",
        source.name
    ))
    .at(at)
    .note("a package of the same name on an index could be someone else's, so none is used instead")
    .help("give it one source for every platform: `workspace`, `path`, `url` or `index`")
}

/// Ships a project from its folder, and installs its requirements.
fn lay_out(
    reading: &mut Reading<'_>,
    folder: &Path,
    extras: &[String],
    at: Snippet,
) -> Result<(), Failure> {
    let known = reading.beside.iter().any(|beside| beside.folder == folder);
    if known && extras.is_empty() {
        return Ok(());
    }
    if !known && !add(reading, folder, at)? {
        return Ok(());
    }
    reading.project(folder, extras)
}

/// Like [`lay_out`], for a project whose requirements are in the lock.
pub(super) fn lay_out_locked(
    reading: &mut Reading<'_>,
    folder: &Path,
    at: Snippet,
) -> Result<(), Failure> {
    add(reading, folder, at).map(|_| ())
}

/// Adds the project and returns true, or reports why it cannot be shipped from its folder.
fn add(reading: &mut Reading<'_>, folder: &Path, at: Snippet) -> Result<bool, Failure> {
    if !reading.checkout.holds(folder) {
        reading.problems.push(
            Message::new(format!(
                "`{}` is outside the project, and nothing is shipped from there",
                folder.display()
            ))
            .at(at)
            .help(BUILD),
        );
        return Ok(false);
    }
    let around: Around = reading.around(folder)?;
    let own: Option<&Folder> = around.folders.first().filter(|own| own.path == folder);
    let parts = match own {
        Some(own) => parts(own),
        None => Err("it has no `pyproject.toml`".to_owned()),
    };
    let (parts, own) = match (parts, own) {
        (Ok(parts), Some(own)) => (parts, own),
        (parts, _) => {
            let why = parts.err().unwrap_or_default();
            reading
                .problems
                .push(to_be_built(&folder.display().to_string(), at).note(why));
            return Ok(false);
        }
    };
    let name = normalized(own.pyproject.name.as_deref().unwrap_or_default());
    reading.inputs.shipped_beside.push(name.clone());
    reading.beside.push(Beside {
        name,
        folder: folder.to_owned(),
        version: own
            .pyproject
            .version
            .clone()
            .unwrap_or_else(|| "0".to_owned()),
        parts,
    });
    Ok(true)
}

/// Returns the packages of a project, or why it would have to be built.
fn parts(own: &Folder) -> Result<Vec<Part>, String> {
    if own.pyproject.name.is_none() {
        return Err("its `pyproject.toml` declares no project".to_owned());
    }
    if let Some(setup) = files::read_text(&own.path.join("setup.py")).ok().flatten()
        && (setup.contains("ext_modules") || setup.contains("cmdclass"))
    {
        return Err("its `setup.py` builds more than Python files".to_owned());
    }
    let layout = layout::of(&own.text, &own.pyproject).map_err(|span| {
        let setting = own.text.get(span).unwrap_or_default();
        let setting = setting.lines().next().unwrap_or_default();
        format!("only its build backend can follow `{setting}` in its `pyproject.toml`")
    })?;
    let is_there = |part: &Part| {
        let path = own.path.join(&part.path);
        let is_module = path.extension().is_some_and(|ending| ending == "py");
        if is_module {
            path.is_file()
        } else {
            path.is_dir()
        }
    };
    let parts = match layout {
        Layout::Named(parts) => match parts.iter().find(|part| !is_there(part)) {
            Some(missing) => return Err(format!("`{}` does not exist", missing.path)),
            None => parts,
        },
        Layout::Custom(parts) => match parts.iter().find(|part| is_there(part)) {
            Some(part) => vec![part.clone()],
            None => {
                let name = normalized(own.pyproject.name.as_deref().unwrap_or_default());
                let name = name.replace('-', "_");
                return Err(format!(
                    "neither `src/{name}` nor `{name}` exists, and only its build backend knows where its package is"
                ));
            }
        },
    };
    for part in &parts {
        if let Some(file) = compiled(&own.path.join(&part.path)) {
            return Err(format!("`{}` has to be compiled", file.display()));
        }
    }
    Ok(parts)
}

fn compiled(path: &Path) -> Option<PathBuf> {
    if !path.is_dir() {
        return None;
    }
    let names = files::names_in(path).ok()?;
    names.iter().find_map(|name| {
        let at = path.join(name);
        if at.is_dir() && !at.is_symlink() {
            return compiled(&at);
        }
        layout::is_compiled(name).then_some(at)
    })
}
