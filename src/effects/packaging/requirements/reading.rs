//! Follows a requirements file, a project or a lock to everything that they refer to.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Around, AskedPython, BUILD, Beside, Inputs, Lock, Wanted, nearby_settings::real, of_the_user,
    read, sources, without_credentials,
};
use crate::{
    effects::{files, programs::Checkout},
    error::{Exit, Failure, Message, Snippet},
    package::requirements::{
        Kind, Origin, Requirement,
        lines::{self, Said},
        lock, place,
    },
};

/// The limit for requirements files that refer to each other.
const MOST_FILES: usize = 200;

pub(super) struct Reading<'c> {
    pub(super) checkout: &'c Checkout,
    /// The settings around each folder with requirements.
    around: BTreeMap<PathBuf, Around>,
    /// Files and folders that the project's settings name.
    places: Vec<PathBuf>,
    digest: String,
    visited: Vec<PathBuf>,
    pub(super) problems: Vec<Message>,
    pub(super) warnings: Vec<Message>,
    pub(super) inputs: Inputs,
    pub(super) beside: Vec<Beside>,
    /// True if something is required by an address, whose content may depend on the user.
    has_addresses: bool,
    /// The statements about the Python version, the nearest first.
    pub(super) pythons: Vec<AskedPython>,
}

/// Whether a file's requirements are installed, or only restrict versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Require,
    Constrain,
}

impl<'c> Reading<'c> {
    /// `around` contains the settings around `folder`.
    pub(super) fn new(checkout: &'c Checkout, folder: &Path, around: Around) -> Self {
        let mut reading = Self {
            checkout,
            around: BTreeMap::new(),
            places: Vec::new(),
            digest: String::new(),
            visited: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            inputs: Inputs::default(),
            beside: Vec::new(),
            has_addresses: false,
            pythons: Vec::new(),
        };
        reading.warnings.extend(around.warnings.iter().cloned());
        reading.inputs.settings = around.settings.clone();
        reading.places.clone_from(&around.places);
        reading.around.insert(folder.to_owned(), around);
        reading
    }

    pub(super) fn seen(&mut self, name: &str, content: &[u8]) {
        self.digest.extend([name, "=", &files::hash(content), "\n"]);
    }

    /// Adds the packages in a file or a folder to the hash.
    pub(super) fn offered(&mut self, path: &Path) -> Result<(), Failure> {
        if path.is_file() {
            let hash = files::hash_file(path)?;
            self.seen("offered", hash.as_bytes());
            return Ok(());
        }
        for name in files::names_in(path)? {
            let inside = path.join(&name);
            let offers = [".whl", ".html", ".json"]
                .iter()
                .any(|ending| name.ends_with(ending));
            // A directory may have a subfolder for each package.
            let offered = if inside.is_dir() {
                files::names_in(&inside)?
                    .into_iter()
                    .map(|name| inside.join(name))
                    .filter(|path| path.is_file())
                    .collect()
            } else if offers {
                vec![inside]
            } else {
                Vec::new()
            };
            for file in offered {
                let hash = files::hash_file(&file)?;
                self.seen(&file.to_string_lossy(), hash.as_bytes());
            }
        }
        Ok(())
    }

    pub(super) fn around(&mut self, folder: &Path) -> Result<Around, Failure> {
        if let Some(around) = self.around.get(folder) {
            return Ok(around.clone());
        }
        let around = Around::of(folder, self.checkout)?;
        self.around.insert(folder.to_owned(), around.clone());
        Ok(around)
    }

    pub(super) fn requirements(&mut self, file: &Path) -> Result<(), Failure> {
        self.file(file, Role::Require)
    }

    fn file(&mut self, file: &Path, role: Role) -> Result<(), Failure> {
        if self.visited.iter().any(|visited| visited == file) {
            return Ok(());
        }
        if self.visited.len() >= MOST_FILES {
            return Err(Failure::config(format!(
                "the requirements lead to more than {MOST_FILES} files; the last one is `{}`",
                file.display()
            ))
            .help("join them into fewer files"));
        }
        self.visited.push(file.to_owned());
        let text = read(file)?;
        let folder = real(file.parent().unwrap_or(Path::new(".")));
        for (span, said) in lines::read(&text) {
            let at = Snippet {
                file: file.to_owned(),
                text: text.clone(),
                span,
                label: String::new(),
            };
            self.said(said, role, &folder, at)?;
        }
        Ok(())
    }

    fn said(&mut self, said: Said, role: Role, folder: &Path, at: Snippet) -> Result<(), Failure> {
        match said {
            Said::Require(text) if role == Role::Require => self.require(&text, folder, at)?,
            Said::Require(text) => self.constrain(text, at),
            Said::Editable(path) if path.contains("://") => {
                self.problems.push(to_be_built(&path, at));
            }
            Said::Editable(path) if path.starts_with(['.', '/']) => {
                self.require(&path, folder, at)?;
            }
            Said::Editable(path) => self.require(&format!("./{path}"), folder, at)?,
            Said::Include(path) => self.include(&path, role, folder, at)?,
            Said::Constrain(path) => self.include(&path, Role::Constrain, folder, at)?,
            Said::Place(option, value) => {
                let value = match place(&value) {
                    Origin::Local(path) if !value.contains("${") => {
                        let path = folder.join(path);
                        self.offered(&path)?;
                        path.to_string_lossy().into_owned()
                    }
                    _ => value,
                };
                self.seen(option, without_credentials(&value).as_bytes());
                self.inputs.options.push(format!("{option} {value}"));
                self.inputs.has_settings = true;
            }
            Said::Flag("--require-hashes") => self.inputs.requires_hashes = true,
            Said::Flag("") => {}
            Said::Flag(flag) => {
                self.seen(flag, b"");
                self.inputs.options.push(flag.to_owned());
                self.inputs.has_settings = true;
            }
            Said::Ignored(option, why) => self.warnings.push(
                Message::new(format!("`{option}` has no effect here"))
                    .at(at)
                    .note(why),
            ),
            Said::Unknown(option) => self.problems.push(
                Message::new(format!(
                    "`{option}` is not an option of a requirements file"
                ))
                .at(at),
            ),
        }
        Ok(())
    }

    fn include(
        &mut self,
        path: &str,
        role: Role,
        folder: &Path,
        at: Snippet,
    ) -> Result<(), Failure> {
        if path.contains("://") {
            self.problems.push(
                Message::new("requirements at a URL are not read")
                    .at(at)
                    .note("what they ask for could not be checked, and can change with every build")
                    .help("keep a copy of the file in the project"),
            );
            return Ok(());
        }
        let path = folder.join(path);
        if files::exists(&path) {
            return self.file(&path, role);
        }
        let what = format!("`{}` does not exist", path.display());
        let label = "named here".to_owned();
        self.problems
            .push(Message::new(what).at(Snippet { label, ..at }));
        Ok(())
    }

    fn constrain(&mut self, text: String, at: Snippet) {
        if Requirement::read(&text).place() != Origin::Index {
            self.problems.push(
                Message::new("a constraint can only name versions")
                    .at(at)
                    .help("require the package from there instead"),
            );
            return;
        }
        self.seen("constraint", text.as_bytes());
        self.inputs.constraints.push(text);
    }

    /// Adds a requirement from a folder, wherever it comes from.
    pub(super) fn require(
        &mut self,
        text: &str,
        folder: &Path,
        at: Snippet,
    ) -> Result<(), Failure> {
        let required = Requirement::read(text);
        match required.place() {
            Origin::Index => sources::require(self, text, &required, folder, at)?,
            Origin::WheelAt(_) => self.install(text.to_owned(), at),
            Origin::Sources(address) => self.problems.push(to_be_built(&address, at)),
            Origin::Local(path) => {
                self.local(&folder.join(&path), &path, &required, at)?;
            }
        }
        Ok(())
    }

    pub(super) fn install(&mut self, text: String, at: Snippet) {
        self.has_addresses |= text.contains("://");
        self.seen("requirement", without_credentials(&text).as_bytes());
        self.inputs.requirements.push((text, at));
    }

    pub(super) fn pin(&mut self, text: String, index: String) {
        self.seen("pinned", text.as_bytes());
        self.seen("to", index.as_bytes());
        self.inputs.has_settings = true;
        self.inputs.pinned.push((text, index));
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
            return sources::lay_out(self, &real(path), &required.extras, at);
        }
        if !files::exists(path) {
            self.problems
                .push(Message::new(format!("`{}` does not exist", path.display())).at(at));
            return Ok(());
        }
        if !crate::package::requirements::is_wheel(&path.to_string_lossy()) {
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

    pub(super) fn lock(&mut self, file: &Path, locked: &Lock) -> Result<(), Failure> {
        let text = read(file)?;
        self.seen("uv.lock", text.as_bytes());
        self.seen("project", locked.project.as_bytes());
        let found = lock::read(&text, &locked.project).ok().flatten();
        let found = found.unwrap_or_default();
        let at = |span| Snippet {
            file: file.to_owned(),
            text: text.clone(),
            span,
            label: String::new(),
        };
        for (address, span) in found.sources {
            self.problems.push(to_be_built(&address, at(span)));
        }
        for (name, path, span) in found.local {
            let path = locked.folder.join(path);
            if path.is_dir() {
                sources::lay_out_locked(self, &real(&path), at(span))?;
            } else {
                // The export names it; its content must be hashed too.
                let named = Requirement::read(&name);
                self.local(&path, &path.to_string_lossy(), &named, at(span))?;
            }
        }
        self.inputs.requirements.clear();
        Ok(())
    }

    pub(super) fn finish(
        mut self,
        kind: Kind,
        file: PathBuf,
        lock: Option<Lock>,
    ) -> Result<Wanted, Failure> {
        if !self.problems.is_empty() {
            return Err(Failure {
                exit: Exit::Config,
                messages: self.problems,
            });
        }
        if !self.inputs.settings.is_empty() {
            self.inputs.has_settings = true;
            let text = without_credentials(&self.inputs.settings.text());
            self.seen("settings", text.as_bytes());
            for place in std::mem::take(&mut self.places) {
                self.offered(&place)?;
            }
        }
        for name in self.inputs.shipped_beside.clone() {
            self.seen("beside", name.as_bytes());
        }
        let user = of_the_user(&mut self)?;
        if (self.inputs.has_settings || self.has_addresses)
            && let Some(checkout) = self.checkout.outermost()
        {
            // Another project with the same text may use other indexes, or access them as another
            // user.
            let checkout = checkout.to_string_lossy().into_owned();
            self.seen("checkout", checkout.as_bytes());
        }
        let mut inputs = self.inputs;
        let requires =
            kind == Kind::Lock || !inputs.requirements.is_empty() || !inputs.pinned.is_empty();
        inputs.settings = inputs.settings.over(user);
        Ok(Wanted {
            requires,
            kind,
            file,
            digest: files::hash(self.digest.as_bytes()),
            inputs,
            beside: self.beside,
            lock,
            warnings: self.warnings,
            pythons: self.pythons,
        })
    }
}

/// Returns the `file:///…` address of a path.
pub(super) fn address_of(path: &Path) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

    const KEPT: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'`')
        .add(b'{')
        .add(b'}');
    let text = path.to_string_lossy().replace('\\', "/");
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("file://{slash}{}", utf8_percent_encode(&text, KEPT))
}

pub(super) fn to_be_built(shown: &str, at: Snippet) -> Message {
    Message::new(format!(
        "`{shown}` would have to be built, and only wheels can be shipped"
    ))
    .at(at)
    .help(BUILD)
}
