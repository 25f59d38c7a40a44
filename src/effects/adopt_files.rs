//! Writes a project into a directory that already has files: all of it or nothing, replacing only
//! what was asked for.
#![expect(
    clippy::disallowed_methods,
    reason = "the project's files are written here"
)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use ignore::gitignore::GitignoreBuilder;
use tempfile::NamedTempFile;

use crate::{
    effects::{
        files::{self, FileError, TEMPORARY},
        folder::Folder,
        path::real_path,
        source::Source,
    },
    error::Failure,
    scaffold::Files,
};

/// Returns the Python files among the sources: path below the source, and text. Invalid UTF-8 is
/// replaced, which is harmless because it can only be in comments and strings.
pub(crate) fn python_files(source: &Source) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for (path, origin) in &source.files {
        if Path::new(path).extension().is_some_and(|e| e == "py") {
            let bytes = fs::read(&origin.from)
                .map_err(|error| FileError::new("read", &origin.from, error))?;
            let text = String::from_utf8_lossy(&bytes);
            // Windows editors begin files with a byte order mark.
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            found.push((path.clone(), text.to_owned()));
        }
    }
    Ok(found)
}

/// Returns six numbers below 36 that stay the same for this directory; `None` if the file system does
/// not record when it was created.
pub(crate) fn lasting_digits(root: &Path) -> Option<[u8; 6]> {
    let created = fs::metadata(root).ok()?.created().ok()?;
    let since = created.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let words = format!("{} {}", root.display(), since.as_nanos());
    let hash = files::hash(words.as_bytes());
    let digit = |at: usize| u8::from_str_radix(&hash[2 * at..2 * at + 2], 16);
    Some(std::array::from_fn(|at| digit(at).unwrap_or_default() % 36))
}

/// Returns whether anything is at `path`, including a broken link.
pub(crate) fn stands(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Returns whether the directory has a README with any extension.
pub(crate) fn has_readme(root: &Path) -> bool {
    let names = files::names_in(root).unwrap_or_default();
    names.iter().any(|name| {
        let lower = name.to_lowercase();
        lower == "readme" || lower.starts_with("readme.")
    })
}

/// Refuses a folder that cannot be written to or is a link.
pub(crate) fn check_folder(path: &Path, shown: &Path) -> Result<(), Failure> {
    let shown = shown.display();
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(Failure::world(format!("`{shown}` is a link"))
            .help("put a real directory in its place: nothing is written through links")),
        Ok(found) if !found.is_dir() => {
            Err(Failure::world(format!("`{shown}` exists and is a file"))
                .help("move it away, or choose another directory"))
        }
        _ => Ok(()),
    }
}

/// Returns the directory's .gitignore, if it is a file.
pub(crate) fn gitignore(root: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let path = root.join(".gitignore");
    if !path.is_file() {
        return Ok(None);
    }
    files::read_bytes(&path).map(Some)
}

/// Returns the `lines` whose paths no rule covers yet, in these or other words.
pub(crate) fn unsaid(root: &Path, rules: &[u8], lines: &[String]) -> Vec<String> {
    let mut builder = GitignoreBuilder::new(root);
    for rule in String::from_utf8_lossy(rules).lines() {
        // An invalid rule ignores nothing in git either.
        let _ = builder.add_line(None, rule);
    }
    let Ok(built) = builder.build() else {
        return lines.to_vec();
    };
    lines
        .iter()
        .filter(|line| {
            let path = root.join(line.trim_matches('/'));
            built
                .matched_path_or_any_parents(path, line.ends_with('/'))
                .is_none()
        })
        .cloned()
        .collect()
}

/// Writes new files below `root` and replaces existing ones. Writes everything to temporary files
/// first, and undoes what was already put in place if the rest fails.
pub(crate) fn write(
    root: &Path,
    new: &Files,
    replaced: &[(PathBuf, Vec<u8>)],
) -> Result<(), Failure> {
    let mut done = Done::default();
    match try_write(root, new, replaced, &mut done) {
        Ok(()) => Ok(()),
        Err(failure) => {
            done.take_back();
            Err(failure)
        }
    }
}

/// What has been written so far, in order.
#[derive(Default)]
struct Done {
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
    /// With the previous content.
    replaced: Vec<(PathBuf, Vec<u8>)>,
}

impl Done {
    fn take_back(&self) {
        for (path, before) in &self.replaced {
            let _ = fs::write(path, before);
        }
        // What cannot be removed is our own, empty or complete; the failure is reported.
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        for directory in self.directories.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }

    fn directory(&mut self, path: &Path) -> Result<(), FileError> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.directory(parent)?;
        }
        fs::create_dir(path)
            .map_err(|error| FileError::new("create the directory", path, error))?;
        self.directories.push(path.to_owned());
        Ok(())
    }
}

fn try_write(
    root: &Path,
    new: &Files,
    replaced: &[(PathBuf, Vec<u8>)],
    done: &mut Done,
) -> Result<(), Failure> {
    done.directory(root)?;
    let project = Folder::of_project(root.to_owned());
    let mut aside = Vec::new();
    for (relative, content) in new {
        let path = root.join(relative);
        // No link must redirect the files.
        project
            .join(relative.parent().unwrap_or(Path::new("")))
            .exists()?;
        let folder = path.parent().unwrap_or(root);
        done.directory(folder)?;
        aside.push((staged(&path, folder, content)?, path));
    }
    let mut replacements = Vec::new();
    for (path, content) in replaced {
        replacements.push(replacement(root, path, content)?);
    }
    for (temporary, path) in aside {
        temporary
            .persist_noclobber(&path)
            .map_err(|error| FileError::new("create", &path, error.error))?;
        done.files.push(path);
    }
    for (temporary, path) in replacements {
        let before = files::read_bytes(&path)?;
        temporary
            .persist(&path)
            .map_err(|error| FileError::new("write", &path, error.error))?;
        done.replaced.push((path, before));
    }
    Ok(())
}

/// Prepares the replacement of an existing file. A link is kept, and its target replaced if it is
/// in the same directory or below.
fn replacement(
    root: &Path,
    path: &Path,
    content: &[u8],
) -> Result<(NamedTempFile, PathBuf), Failure> {
    let find = |path: &Path| real_path(path).map_err(|error| FileError::new("find", path, error));
    let real = find(path)?;
    // The workspace's manifest is above the package's `root`.
    let root = if path.starts_with(root) {
        root
    } else {
        path.parent().unwrap_or(root)
    };
    if !real.starts_with(find(root)?) {
        return Err(Failure::world(format!(
            "`{}` is a link that leads out of the project, to `{}`",
            path.display(),
            real.display()
        ))
        .help("put a file of the project in its place; nothing was written"));
    }
    let folder = real.parent().unwrap_or(path);
    let temporary = staged(&real, folder, content)?;
    let permissions = fs::metadata(&real)
        .map_err(|error| FileError::new("read", &real, error))?
        .permissions();
    temporary
        .as_file()
        .set_permissions(permissions)
        .map_err(|error| FileError::new("write", &real, error))?;
    Ok((temporary, real))
}

fn staged(path: &Path, folder: &Path, content: &[u8]) -> Result<NamedTempFile, FileError> {
    let failed = |error| FileError::new("write", path, error);
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder)
        .map_err(failed)?;
    temporary.write_all(content).map_err(failed)?;
    files::open_to_readers(temporary.as_file()).map_err(failed)?;
    Ok(temporary)
}
