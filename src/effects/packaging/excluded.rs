//! Takes distributions that the agent's table excludes out of what was installed.
#![expect(
    clippy::disallowed_methods,
    reason = "installed files are removed here"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    config::ExcludedPackage,
    effects::files::{self, FileError},
    error::{Exit, Failure, Message},
    names::distribution::normalized,
    package::distributions::{self, LeftOut},
    text::nearest,
};

/// An installed distribution.
struct Installed {
    name: String,
    version: String,
    record: String,
}

/// Removes the files of the excluded distributions, except for those that others have too. Fails if
/// one of them is not installed.
pub(super) fn take_out(
    folder: &Path,
    excluded: &[ExcludedPackage],
) -> Result<Vec<LeftOut>, Failure> {
    if excluded.is_empty() {
        return Ok(Vec::new());
    }
    let mut installed = installed(folder)?;
    unknown(excluded, installed.keys().map(String::as_str))?;
    let going: Vec<Installed> = excluded
        .iter()
        .filter_map(|package| installed.remove(&package.name))
        .collect();
    let staying: BTreeSet<&str> = installed
        .values()
        .flat_map(|one| distributions::files(&one.record))
        .collect();
    let mut left_out = Vec::new();
    for Installed {
        name,
        version,
        record,
    } in going
    {
        let mut bytes = 0;
        for path in distributions::files(&record).filter(|path| !staying.contains(path)) {
            bytes += remove(&folder.join(path))?;
        }
        files::remove_tree(&folder.join(format!("{name}-{version}.dist-info")))?;
        left_out.push(LeftOut {
            name,
            version,
            bytes,
        });
    }
    Ok(left_out)
}

/// Refuses excluded distributions that are not installed.
pub(super) fn unknown<'n>(
    excluded: &[ExcludedPackage],
    installed: impl Iterator<Item = &'n str>,
) -> Result<(), Failure> {
    let installed: BTreeSet<&str> = installed.collect();
    let messages: Vec<Message> = excluded
        .iter()
        .filter(|package| !installed.contains(package.name.as_str()))
        .map(|package| {
            let message = package.unknown.clone();
            match nearest(&package.name, installed.iter().copied()) {
                Some(near) => message.help(format!("did you mean `{near}`?")),
                None => message.help("remove it from `exclude-packages`"),
            }
        })
        .collect();
    if messages.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Config,
        messages,
    })
}

/// Returns the installed distributions by their normalized names.
fn installed(folder: &Path) -> Result<BTreeMap<String, Installed>, Failure> {
    let failed = |error| FileError::new("read", folder, error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let place = entry.map_err(failed)?.file_name();
        let record = format!("{}/RECORD", place.to_string_lossy());
        let Some((name, version)) = distributions::of_record(&record) else {
            continue;
        };
        let file = folder.join(&record);
        if !files::exists(&file) {
            continue;
        }
        let bytes = files::read_bytes(&file)?;
        let one = Installed {
            name: name.to_owned(),
            version: version.to_owned(),
            record: String::from_utf8_lossy(&bytes).into_owned(),
        };
        found.insert(normalized(name), one);
    }
    Ok(found)
}

/// Removes a file, and returns its size. A record may list files that the installer did not write.
fn remove(file: &Path) -> Result<u64, FileError> {
    let Ok(metadata) = fs::symlink_metadata(file) else {
        return Ok(0);
    };
    if metadata.is_dir() {
        return Ok(0);
    }
    fs::remove_file(file).map_err(|error| FileError::new("remove", file, error))?;
    Ok(metadata.len())
}
