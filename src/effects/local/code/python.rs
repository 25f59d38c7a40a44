//! The Python interpreter for an agent on this machine, in an empty virtual environment, so that
//! only modules in the archive can be imported.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{HOOK, failed_to};
use crate::{
    effects::{
        files,
        programs::{Programs, ask_python, known_to_uv, pythons, run},
    },
    error::Failure,
    system::{
        System,
        python::{interpreter_in, packages_in},
    },
};

/// A Python outside of the checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Python {
    pub(super) program: PathBuf,
    /// Such as `3.13`.
    pub(super) minor: String,
    /// The version, implementation and platform that determine which wheels fit.
    pub(super) platform: String,
}

/// The oldest version that the AgentCore SDK and this tool's templates support.
const OLDEST: (u32, u32) = (3, 10);

/// Finds the Python with this minor version, or any supported one.
pub(super) fn find(wanted: &str, programs: &Programs) -> Result<Python, Failure> {
    let uv = programs.find("uv");
    let mut candidates = Vec::new();
    if let Some(uv) = &uv {
        candidates.extend(known_to_uv(programs, uv, Some(wanted))?);
    }
    candidates.extend(pythons(programs, Some(wanted))?);
    if let Some(uv) = &uv {
        candidates.extend(known_to_uv(programs, uv, None)?);
    }
    let mut seen = BTreeSet::new();
    let mut others = Vec::new();
    for candidate in candidates {
        if !seen.insert(candidate.clone()) {
            continue;
        }
        match inspect(&candidate, programs)? {
            Some(python) if python.minor == wanted => return Ok(python),
            Some(python) => others.push(python),
            None => {}
        }
    }
    others.into_iter().next().ok_or_else(|| {
        Failure::world(format!(
            "running the agent on this machine needs Python {wanted}, which was not found"
        ))
        .help(format!(
            "`uv python install {wanted}` installs it; any Python {}.{} or later also works, with a warning",
            OLDEST.0, OLDEST.1
        ))
    })
}

fn inspect(program: &Path, programs: &Programs) -> Result<Option<Python>, Failure> {
    let code = "import sys, sysconfig; v = sys.version_info; \
                print('%d.%d' % v[:2], sys.implementation.cache_tag, sysconfig.get_platform())";
    let Some((about, itself)) = ask_python(programs, program, code)? else {
        return Ok(None);
    };
    let Some((minor, platform)) = about.split_once(' ') else {
        return Ok(None);
    };
    if !is_recent(minor) || !programs.may_run(&itself) {
        return Ok(None);
    }
    Ok(Some(Python {
        program: itself,
        minor: minor.to_owned(),
        platform: platform.to_owned(),
    }))
}

fn is_recent(minor: &str) -> bool {
    let version = minor.split_once('.').and_then(|(major, minor)| {
        let version: (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
        Some(version)
    });
    version.is_some_and(|version| version >= OLDEST)
}

/// Returns the Python of an empty environment in the user's cache, which loads [`HOOK`].
pub(super) fn environment(python: &Python, programs: &Programs) -> Result<PathBuf, Failure> {
    let about = format!("{}\n{}\n{HOOK}", python.program.display(), python.platform);
    let name = format!(
        "local-python-{}-{}",
        python.minor,
        &files::hash(about.as_bytes())[..16]
    );
    let program_in = |home: &Path| interpreter_in(System::HERE, home);
    let is_whole = |home: &Path| files::exists(&program_in(home)) && super::is_complete(home);
    let home = super::in_cache(&name, is_whole, |home| make(home, python, programs))?;
    Ok(program_in(&home))
}

fn make(home: &Path, python: &Python, programs: &Programs) -> Result<(), Failure> {
    let place = home.to_string_lossy().into_owned();
    let answer = run(
        programs,
        &[&python.program],
        &["-I", "-X", "utf8", "-m", "venv", "--without-pip", &place],
    )?;
    match answer {
        Some(answer) if answer.succeeded => {}
        Some(answer) => return Err(failed_to("make a virtual environment", &answer.said)),
        None => return Err(failed_to("make a virtual environment", "Python is gone")),
    }
    let packages = packages_in(System::HERE, home, &python.minor);
    files::write_atomic(
        &packages.join("_cargo_agentcore.py"),
        &packages,
        HOOK.as_bytes(),
        false,
    )?;
    files::write_atomic(
        &packages.join("_cargo_agentcore.pth"),
        &packages,
        b"import _cargo_agentcore\n",
        false,
    )?;
    Ok(())
}
