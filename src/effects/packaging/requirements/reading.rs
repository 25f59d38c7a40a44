//! What the requirements add up to while they are read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Around, AskedPython, BUILD, Beside, Inputs, Lock, Wanted, of_the_user, without_credentials,
};
use crate::{
    effects::{files, programs::Checkout},
    error::{Exit, Failure, Message, Snippet},
    package::requirements::Kind,
};

pub(super) struct Reading<'c> {
    pub(super) checkout: &'c Checkout,
    /// The settings around each folder with requirements.
    around: BTreeMap<PathBuf, Around>,
    /// Files and folders that the project's settings name.
    places: Vec<PathBuf>,
    digest: String,
    /// The requirements files that were read.
    pub(super) visited: Vec<PathBuf>,
    pub(super) problems: Vec<Message>,
    pub(super) warnings: Vec<Message>,
    pub(super) inputs: Inputs,
    pub(super) beside: Vec<Beside>,
    /// True if something is required by an address, whose content may depend on the user.
    has_addresses: bool,
    /// The statements about the Python version, the nearest first.
    pub(super) pythons: Vec<AskedPython>,
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
