//! The archive's distributions on this machine: pure ones from the archive, the others in the same
//! version from a wheel for this machine. Nothing is resolved or built.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    archive::{Archive, Distribution, fingerprint},
    failed_to,
    python::Python,
};
use crate::{
    effects::{
        files,
        programs::{Answer, Programs, run},
    },
    error::Failure,
};

/// Increased when the content of such a folder changes.
const LAYOUT: u32 = 1;

/// Returns the folder with the distributions; `None` if the archive has none.
pub(super) fn ensure(
    archive: &mut Archive,
    path: &Path,
    python: &Python,
    programs: &Programs,
) -> Result<Option<PathBuf>, Failure> {
    if archive.distributions.is_empty() {
        return Ok(None);
    }
    let about = format!(
        "{LAYOUT}\n{} {}\n{}",
        python.minor,
        python.platform,
        fingerprint(&archive.distributions)
    );
    let name = format!("local-packages-{}", &files::hash(about.as_bytes())[..32]);
    let home = super::in_cache(&name, super::is_complete, |home| {
        fill(archive, path, home, python, programs)
    })?;
    Ok(Some(home))
}

fn fill(
    archive: &mut Archive,
    path: &Path,
    home: &Path,
    python: &Python,
    programs: &Programs,
) -> Result<(), Failure> {
    files::create_dir_all(home)?;
    let all = archive.distributions.clone();
    let (pure, native): (Vec<Distribution>, Vec<Distribution>) =
        all.into_iter().partition(|found| found.is_pure);
    if !native.is_empty() {
        install(&native, home, python, programs)?;
    }
    let files: BTreeSet<&str> = pure
        .iter()
        .flat_map(|found| found.files.iter().map(String::as_str))
        .collect();
    archive.extract(path, &files, home)
}

fn install(
    native: &[Distribution],
    home: &Path,
    python: &Python,
    programs: &Programs,
) -> Result<(), Failure> {
    let wanted: Vec<String> = native
        .iter()
        .map(|found| format!("{}=={}", found.name, found.version))
        .collect();
    let answer = install_wheels(&wanted, home, python, programs)?;
    match answer {
        Some(answer) if answer.succeeded => Ok(()),
        Some(answer) => Err(failed_to(
            &format!(
                "install the archive's packages for this machine ({})",
                wanted.join(", ")
            ),
            &answer.said,
        )
        .note(format!(
            "they are installed for Python {}, in exactly the versions that are deployed",
            python.minor
        ))
        .help("pin a version that has a wheel for this machine too, or install uv or pip")),
        None => Err(failed_to(
            "install the archive's packages for this machine",
            "neither uv nor pip was found",
        )),
    }
}

/// Installs wheels with uv or pip; returns `None` if neither exists. Nothing is resolved or built.
pub(super) fn install_wheels(
    wanted: &[String],
    home: &Path,
    python: &Python,
    programs: &Programs,
) -> Result<Option<Answer>, Failure> {
    let target = home.to_string_lossy().into_owned();
    let interpreter = python.program.to_string_lossy().into_owned();
    let mut words: Vec<String> = Vec::new();
    let program: Vec<PathBuf> = match programs.find("uv") {
        Some(uv) => {
            words.extend(
                [
                    "pip",
                    "install",
                    "--no-config",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                ]
                .map(str::to_owned),
            );
            words.extend(["--python".to_owned(), interpreter]);
            vec![uv]
        }
        None => {
            words.extend(["install", "--no-deps", "--only-binary", ":all:"].map(str::to_owned));
            [&*interpreter, "-I", "-X", "utf8", "-m", "pip"]
                .map(PathBuf::from)
                .to_vec()
        }
    };
    words.extend(["--target".to_owned(), target]);
    words.extend(wanted.iter().cloned());
    run(programs, &program, &words)
}
