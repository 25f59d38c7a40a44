//! Turns an archive into the layers of an image: the dependencies in files of the user's cache, which
//! change rarely, and the agent's own files in memory.
#![expect(clippy::disallowed_methods, reason = "layers are written here")]

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufWriter, Read as _, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};
use zip::ZipArchive;

use super::writer::zip_error;
use crate::{
    effects::{
        cache,
        files::{self, FileError},
        folder::Folder,
    },
    error::Failure,
    package::{
        archive::Archive,
        image::{
            StoredLayer,
            entry::Entry,
            layer::{Layer, Packed, Packer},
            python::{self, PackageLayer},
        },
    },
};

/// Changes when the same dependencies give other layers.
const LAYOUT: u32 = 1;
/// How much of an archive one layer contains. A layer that is cut off is sent again whole.
const LARGEST: u64 = 60_000_000;
/// Written when everything else is.
const DESCRIPTION: &str = "layers.json";

/// The layers of an archive.
pub(crate) struct Layers {
    pub(crate) packages: Vec<PackageLayer>,
    pub(crate) own: Layer,
    /// The paths in the archive.
    pub(crate) names: BTreeSet<String>,
}

/// What is stored about a layer next to it.
#[derive(Debug, Serialize, Deserialize)]
struct Described {
    file: String,
    digest: String,
    size: u64,
    diff_id: String,
}

/// A file in an archive.
struct Member {
    index: usize,
    path: String,
    zipped: u64,
}

/// Makes the layers; blocks until they are done.
pub(crate) fn layers(archive: &Archive) -> Result<Layers, Failure> {
    let path = &archive.path;
    let failed = |error| zip_error("read", path, error);
    let file = File::open(path).map_err(|error| FileError::new("read", path, error))?;
    let mut zip = ZipArchive::new(file).map_err(failed)?;
    let (mut packages, mut own, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for index in 0..zip.len() {
        let member = zip.by_index(index).map_err(failed)?;
        let name = member.name().map_err(failed)?.into_owned();
        if member.is_dir() {
            continue;
        }
        let described = Member {
            index,
            path: name.clone(),
            zipped: member.compressed_size(),
        };
        // An archive begins with its dependencies.
        if member.header_start() < archive.dependencies.size {
            packages.push(described);
        } else {
            own.push(described);
        }
        names.insert(name);
    }
    let own = own
        .iter()
        .map(|member| entry(&mut zip, path, member))
        .collect::<Result<_, _>>()?;
    let own = python::own_layer(own).map_err(|error| FileError::new("pack", path, error))?;
    packages.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Layers {
        packages: of_packages(archive, &mut zip, &packages)?,
        own,
        names,
    })
}

/// Returns the layers of the dependencies, which are made once.
fn of_packages(
    archive: &Archive,
    zip: &mut ZipArchive<File>,
    members: &[Member],
) -> Result<Vec<PackageLayer>, Failure> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let about = format!("{LAYOUT}\n{}", archive.dependencies.sha256);
    let name = format!("image-packages-{}", &files::hash(about.as_bytes())[..32]);
    let is_complete = |home: &Path| files::exists(&home.join(DESCRIPTION));
    let home = cache::ensure(
        &name,
        is_complete,
        || {},
        |home| {
            let folder = Folder::private(home.to_owned());
            folder.create()?;
            let mut described = Vec::new();
            let mut known = BTreeSet::new();
            for (number, group) in groups(members).into_iter().enumerate() {
                let file = format!("{number}.tar.gz");
                let output = folder.empty_file(&file)?;
                let packed = pack(output, (zip, &archive.path), group, &mut known);
                let Packed {
                    out: (),
                    digest,
                    size,
                    diff_id,
                } = packed.inspect_err(|_| {
                    // The next run removes what cannot be removed now.
                    let _ = files::remove_tree(home);
                })?;
                described.push(Described {
                    file,
                    digest,
                    size,
                    diff_id,
                });
            }
            let text = serde_json::to_vec(&described).expect("it is plain data");
            Ok(folder.write(DESCRIPTION, &text)?)
        },
    )?;
    let text = files::read_bytes(&home.join(DESCRIPTION))?;
    let described: Vec<Described> = serde_json::from_slice(&text).map_err(|error| {
        Failure::world(format!("the cache `{}` is damaged", home.display()))
            .note(error.to_string())
            .help("delete that folder")
    })?;
    let stored = described.into_iter().map(|layer| PackageLayer {
        stored: StoredLayer {
            digest: layer.digest,
            size: layer.size,
            path: home.join(layer.file),
        },
        diff_id: layer.diff_id,
    });
    Ok(stored.collect())
}

/// Divides sorted files into layers, always in the same way.
fn groups(members: &[Member]) -> Vec<&[Member]> {
    let mut groups = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (at, member) in members.iter().enumerate() {
        if size > 0 && size + member.zipped > LARGEST {
            groups.push(&members[start..at]);
            (start, size) = (at, 0);
        }
        size += member.zipped;
    }
    groups.push(&members[start..]);
    groups
}

fn pack(
    output: File,
    (zip, archive): (&mut ZipArchive<File>, &Path),
    group: &[Member],
    known: &mut BTreeSet<String>,
) -> Result<Packed<()>, Failure> {
    let failed = |error| FileError::new("write the layer of", archive, error);
    let mut packer = Packer::new(BufWriter::new(output));
    for member in group {
        let entry = entry(zip, archive, member)?;
        let folders = python::folders([entry.path.as_str()].into_iter(), known);
        for folder in &folders {
            let folder = Entry::folder(folder.clone(), 0o755);
            packer.add(&folder).map_err(failed)?;
        }
        known.extend(folders);
        packer.add(&entry).map_err(failed)?;
    }
    let Packed {
        mut out,
        digest,
        size,
        diff_id,
    } = packer.finish().map_err(failed)?;
    out.flush().map_err(failed)?;
    Ok(Packed {
        out: (),
        digest,
        size,
        diff_id,
    })
}

fn entry(zip: &mut ZipArchive<File>, archive: &Path, member: &Member) -> Result<Entry, Failure> {
    let failed = |error: io::Error| FileError::new("read", archive, error);
    let mut file = zip
        .by_index(member.index)
        .map_err(|error| zip_error("read", archive, error))?;
    let executable = file.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let mode = if executable { 0o755 } else { 0o644 };
    Ok(Entry::file(python::placed(&member.path), mode, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_divided_into_layers_in_order() {
        let member = |zipped| Member {
            index: 0,
            path: String::new(),
            zipped,
        };
        let sizes = |members: &[u64]| {
            let members: Vec<Member> = members.iter().copied().map(member).collect();
            let groups = groups(&members);
            groups.iter().map(|group| group.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[1, 2, 3]), [3]);
        assert_eq!(sizes(&[LARGEST, 1]), [1, 1]);
        assert_eq!(sizes(&[LARGEST - 1, 1, 2 * LARGEST, 1]), [2, 1, 1]);
    }
}
