//! Requirements files, and the files that they include.

use std::path::Path;

use super::{
    nearby_settings::real,
    read,
    reading::{Reading, to_be_built},
    without_credentials,
};
use crate::{
    effects::files,
    error::{Failure, Message, Snippet},
    package::requirements::{
        Origin, Requirement,
        lines::{self, Said},
        place,
    },
};

/// The limit for requirements files that refer to each other.
const MOST_FILES: usize = 200;

/// Whether a file's requirements are installed, or only restrict versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Require,
    Constrain,
}

impl Reading<'_> {
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
}
